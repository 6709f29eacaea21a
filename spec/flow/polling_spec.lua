-- What a flow's steps cost while they wait: they share the client's polls.
local flow = require "gitlab_pipelines.flow"
local gitlab = require "gitlab_pipelines"
local json = require "gitlab_pipelines.json"

local function open(world)
  local rt = gitlab.runtime.virtual.new { seed = 3 }
  local server = assert(gitlab.mock.new { runtime = rt, world = world })
  local gl = assert(gitlab.new { url = "http://127.0.0.1", token = server.token, transport = server,
    runtime = rt })
  return gl, rt, server
end

-- How many requests the server has had so far whose path has this end.
local function count(server, pattern)
  local total = 0
  local _, body = server:request("GET", "/_mock/requests")
  for _, request in ipairs(json.decode(body)) do
    if request.method == "GET" and request.path:find(pattern) then total = total + 1 end
  end
  return total
end

describe("the steps of a flow", function()
  it("that wait for pipelines of one project by ref and commit share one list a poll", function()
    local gl, rt, server = open { projects = { ["p/a"] = { id = 1,
      jobs = { { name = "build", duration = 1 } } } } }
    local names = {}
    for i = 1, 30 do names[i] = ("'%d'"):format(i) end
    local made = assert(flow.from_string(([[
      seen = each { over = { NAMES }, make = function(n)
        return
          wait_for { project = "p/a", ref = "main", sha = "none" .. n, timeout = 120 } end }]])
      :gsub("NAMES", table.concat(names, ", ")), "f.lua"))
    rt:run(function()
      local run = assert(made:start { client = gl })
      run:wait()
      assert.equal("30 of 30 failed", run.steps.seen.reason)
    end)
    -- Each searches once; the rest is one list for all.
    local lists = count(server, "/pipelines$")
    assert.is_true(lists <= 30 + 20, lists)
  end)

  it("that await a job which they have played poll it less and less often", function()
    local gl, rt, server = open { projects = { ["p/a"] = { id = 1, jobs = {
      { name = "deploy", duration = 900, manual = true, allow_failure = false } } } } }
    local made = assert(flow.from_string([[
      a = pipeline { project = "p/a" }
      d = play { pipeline = a, job = "deploy" }]], "f.lua"))
    rt:run(function()
      local run = assert(made:start { client = gl })
      assert.is_true(run:wait())
    end)
    -- 30 s apart in the end.
    local reads = count(server, "/jobs/%d+$")
    assert.is_true(reads >= 2 and reads <= 900 / 25.5 + 10, reads)
  end)
end)
