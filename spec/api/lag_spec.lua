-- What waits, trees, plays and followers of logs read right after a write, or after something that
-- implies it, from replicas that lag: as new as what was seen, and gone only when it is gone.

local gitlab = require "gitlab_pipelines"
local json = require "gitlab_pipelines.json"
local lag_flow = require "support.lag_flow"
local random_numbers = require "gitlab_pipelines.runtime.random"

local SEED = tonumber(os.getenv "SEED") or 3
local ROUNDS = os.getenv "GP_FULL" == "1" and 300 or 20
local TOKEN = "simulated-token"

local world = { projects = {
  ["p/a"] = { id = 1, queued = 1, jobs = {
    { name = "build", stage = "build", duration = 4, log = "one\ntwo\nthree\n" },
    { name = "unit", stage = "test", duration = 9, log = "four\nfive\n", status = "failed",
      failure_reason = "script_failure",
      variants = { { when = { variable = { GOOD = "1" } }, status = "success" } } },
    { name = "down", stage = "test", trigger = { project = "p/b", strategy = "depend" } },
    { name = "deploy", stage = "deploy", duration = 5, manual = true, allow_failure = false,
      log = "deploying\n" } } },
  ["p/b"] = { id = 2, queued = 1, jobs = { { name = "below", duration = 20, log = "six\n" } } } } }

-- Runs `act(gl)` in a simulated GitLab of its own; with `lags`, half of the reads meet a replica
-- that lags by one of them.
local function within(seed, lags, act)
  local rt = gitlab.runtime.virtual.new { seed = seed }
  local server = assert(gitlab.mock.new { world = world, token = TOKEN, runtime = rt, seed = seed })
  local gl = assert(gitlab.new { transport = server, runtime = rt, token = TOKEN,
    url = "http://127.0.0.1", limits = false, journal = ":memory:" })
  for _, rule in ipairs(lags and lag_flow.lags(random_numbers.new(seed)) or {}) do
    local status, answer = server:request("POST", "/_mock/faults", { body = json.encode(rule) })
    assert(status == 201, answer)
  end
  local result = rt:run(function() return act(gl) end)
  gl:close()
  return result
end

-- Does `act` give the same under lag as without?
local function alike(act)
  for round = 1, ROUNDS do
    local seed = SEED * 1000 + round
    local where = ("SEED=%d round %d"):format(SEED, round)
    local ok, message = pcall(function()
      assert.same(within(seed, false, act), within(seed, true, act))
    end)
    if not ok then error(("%s: %s"):format(where, type(message) == "table" and message.message or message), 0) end
  end
end

local function create(gl, variables)
  return assert(gl.pipelines:create("p/a", { ref = "main", variables = variables })).id
end

-- A tree without its times.
local function outline(tree)
  local lines = { tree.status }
  for _, stage in ipairs(tree.stages) do
    for _, job in ipairs(stage.jobs) do
      lines[#lines + 1] = ("%s %s %s %s"):format(stage.name, stage.status, job.name, job.status)
    end
  end
  for _, child in ipairs(tree.downstream) do lines[#lines + 1] = outline(child) end
  local failure = tree.first_failure
  lines[#lines + 1] = failure and ("%s: %s"):format(failure.name, failure.log) or nil
  return table.concat(lines, "\n")
end

describe("under replicas that lag", function()
  it("a tree shows the jobs and downstreams of the end that was awaited, and the failure's log", function()
    alike(function(gl)
      local id = create(gl)
      local pipeline, verdict = gl.pipelines:wait("p/a", id)
      return { pipeline.status, verdict, outline(assert(gl.pipelines:tree("p/a", id))) }
    end)
  end)

  it("a wait for a tree of pipelines has all of its verdict, and plays what is manual", function()
    alike(function(gl)
      local id = create(gl, { GOOD = "1" })
      local pipeline, verdict = gl.pipelines:wait("p/a", id, { downstream = true, on_manual = "play" })
      return { pipeline.status, verdict }
    end)
  end)

  it("a job that was played or retried is awaited as it then is", function()
    alike(function(gl)
      local id, found = create(gl, { GOOD = "1" }), {}
      found[1] = select(2, gl.pipelines:wait("p/a", id))
      local by_name = {}
      for _, job in ipairs(assert(gl.pipelines:tree("p/a", id)).jobs) do by_name[job.name] = job end
      assert(gl.jobs:play("p/a", by_name.deploy.id))
      found[2] = select(2, gl.jobs:wait("p/a", by_name.deploy.id))
      local again = assert(gl.jobs:retry("p/a", by_name.build.id))
      found[3] = select(2, gl.jobs:wait("p/a", again.id))
      return found
    end)
  end)

  it("a retried job's log is followed from its first line to its last, each line once", function()
    alike(function(gl)
      local id, lines = create(gl, { GOOD = "1" }), {}
      gl.pipelines:wait("p/a", id)
      local by_name = {}
      for _, job in ipairs(assert(gl.pipelines:tree("p/a", id)).jobs) do by_name[job.name] = job end
      local again = assert(gl.jobs:retry("p/a", by_name.build.id))
      local job, verdict = gl.jobs:follow("p/a", again.id, {
        on_line = function(line) lines[#lines + 1] = line.plain end,
        on_restart = function(why) lines[#lines + 1] = "restarted: " .. why end })
      assert(job, tostring(verdict))
      return { verdict, lines[#lines], #lines }
    end)
  end)

  it("following a pipeline gives the lines of all its jobs", function()
    alike(function(gl)
      local id, lines = create(gl), {}
      local pipeline, verdict = gl.jobs:follow("p/a", id, { pipeline = true,
        on_line = function(line) lines[#lines + 1] = line.job.name .. ": " .. line.plain end,
        on_restart = function(why) lines[#lines + 1] = "restarted: " .. why end })
      assert(pipeline, tostring(verdict))
      table.sort(lines)
      return { pipeline.status, verdict, table.concat(lines, "\n") }
    end)
  end)
end)
