-- What a `call` gets as `gl`, with a real client of the simulated GitLab in virtual time.
local gitlab = require "gitlab_pipelines"
local flow = require "gitlab_pipelines.flow"
local process = require "support.process"

local TOKEN = "glpat-facade0123456789ab"

local function client()
  local world = { projects = { ["acme/a"] = { id = 1, jobs = { { name = "build", stage = "build",
    duration = 1, log = "one\ntwo\nthree\n", artifacts = { ["x.txt"] = "hello\n" } } } } } }
  local rt = gitlab.runtime.virtual.new { seed = 1 }
  local gl = assert(gitlab.new { transport = assert(gitlab.mock.new { world = world, token = TOKEN }),
    runtime = rt, token = TOKEN, url = "http://127.0.0.1" })
  return gl, rt
end

-- Runs the body of a call; the run, and what it printed.
local function run(body, opts)
  opts = opts or {}
  local gl, rt = client()
  local id = assert(gl.pipelines:create("acme/a", { ref = "main" })).id
  rt:sleep(60)
  local made = assert(flow.from_string(("c = call { timeout = '1h', run = function(steps, gl, step)\n"
    .. "local pipeline = %d local job = gl.jobs:list('acme/a', pipeline)[1].id\n%s\nend }"):format(id, body), "f.lua"))
  local started, printed = nil, {}
  rt:run(function()
    started = assert(made:start { client = gl, output = opts.output, budgets = opts.budgets,
      allow_host = opts.allow_host, on_event = function(event)
        if event.type == "print" then printed[#printed + 1] = event.text end
      end })
    started:wait()
  end)
  gl:close()
  return started, printed
end

local function read(path)
  local file = io.open(path)
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

describe("the gl of a call", function()
  it("reads GitLab", function()
    local done, printed = run [[
      print(gl.projects:get("acme/a").id, gl.pipelines:get("acme/a", pipeline).status)
      for one in gl.pipelines:each("acme/a") do print("each", one.id == pipeline) end
      print((gl.jobs:log("acme/a", job):match "one\ntwo\nthree\n"))
      local hits = gl.jobs:search_log("acme/a", job, "^t(%w+)")
      print(#hits, hits[1].text)
      return { status = gl.pipelines:get("acme/a", pipeline).status }]]
    assert.equal("success", done.status, tostring(done:error()))
    assert.same({ "1\tsuccess", "each\ttrue", "one\ntwo\nthree\n", "2\ttwo" }, printed)
    assert.equal("success", done.steps.c.status)
    assert.same({ status = "success" }, done.steps.c.outputs)
  end)

  it("waits without a time of its own, and calls back", function()
    local done, printed = run([[
      local made = gl.pipelines:create("acme/a", { ref = "main", variables = { A = "1" } })
      local last, verdict = gl.pipelines:wait("acme/a", made.id, { on_change = function(p, old)
        print(type(p.id), old) end })
      print(last.status, verdict)
      for _ = 1, 3 do gl.pipelines:wait("acme/a", made.id) end]], { budgets = { call_seconds = 1 } })
    assert.equal("success", done.status, tostring(done:error()))
    assert.equal("success\tsuccess", printed[#printed])
    assert.matches("^number\t", printed[1])
  end)

  it("counts what a callback does", function()
    local done = run([[
      gl.artifacts:download("acme/a", job, function(bytes) while true do end end)]],
      { budgets = { call_seconds = 0.1 } })
    assert.equal("failed", done.status)
    assert.matches("f%.lua:3: the script ", done.steps.c.reason)
  end)

  it("bounds a pattern that logs are searched for", function()
    local done = run([[gl.jobs:search_log("acme/a", job, (".-"):rep(25) .. "\1")]],
      { budgets = { call_seconds = 0.2 } })
    assert.equal("failed", done.status)
    assert.matches("f%.lua:3: the script ", done.steps.c.reason)
    done = run [[gl.jobs:search_log("acme/a", job, "(")]]
    assert.matches("is no Lua pattern", done.steps.c.reason, 1, true)
    done = run [[gl.jobs:search_log("acme/a", job, "x", { find = print })]]
    assert.matches("there is no option 'find'", done.steps.c.reason, 1, true)
  end)

  it("writes below its folder only", function()
    local folder, remove = process.file "out"
    local done, printed = run([[
      local saved = assert(gl.jobs:save_log("acme/a", job, "logs/one.log"))
      print(saved.file, saved.verified)
      print(gl.artifacts:file("acme/a", job, "x.txt", "x.txt").file)
      print(gl.artifacts:extract("acme/a", job, "all").folder)
      for _, name in ipairs { "/tmp/no.log", "../no.log", "a/../../no.log", "" } do
        local ok, err = gl.jobs:save_log("acme/a", job, name)
        print(ok, err:is "LocalError.CannotWrite", err.message)
      end]], { output = folder })
    assert.equal("success", done.status, tostring(done:error()))
    assert.same({ "logs/one.log\tlength", "x.txt", "all" }, { printed[1], printed[2], printed[3] })
    assert.matches("one\ntwo\nthree\n", read(folder .. "/logs/one.log"))
    assert.equal("hello\n", read(folder .. "/x.txt"))
    assert.equal("hello\n", read(folder .. "/all/x.txt"))
    assert.equal(("nil\ttrue\tcannot write '/tmp/no.log' below %s: the path is absolute"):format(folder), printed[4])
    assert.matches("contains '..'", printed[5], 1, true)
    assert.matches("contains '..'", printed[6], 1, true)
    assert.matches("the path is empty", printed[7], 1, true)
    remove()
  end)

  it("follows no link out of its folder", function()
    local folder, remove = process.file "out"
    os.execute(("mkdir -p %s/in %s-other; ln -s %s-other %s/link; ln -s in %s/inner; ln -s %s-other/f %s/file")
      :format(folder, folder, folder, folder, folder, folder, folder))
    local done, printed = run([[
      for _, name in ipairs { "link/a.log", "link", "file" } do
        local ok, err = gl.jobs:save_log("acme/a", job, name)
        print(ok, err.message:match "[^:]*$")
      end
      print(gl.jobs:save_log("acme/a", job, "inner/a.log").file)]], { output = folder })
    assert.equal("success", done.status, tostring(done:error()))
    for i = 1, 3 do assert.equal("nil\t a link leads out of the folder", printed[i]) end
    assert.equal("inner/a.log", printed[4])
    assert.matches("one\ntwo\nthree\n", read(folder .. "/in/a.log"))
    assert.is_nil(read(folder .. "-other/a.log"))
    remove()
  end)

  it("has no other groups, and names those it has", function()
    for _, code in ipairs { "gl.client", "gl.token", "gl.triggers", "gl.variables", "gl.hooks", "gl.close" } do
      local done = run("return " .. code)
      assert.equal("failed", done.status)
      assert.matches("f.lua:3: gl has no '%w+' %(a call has: artifacts, deployments", done.steps.c.reason)
    end
  end)

  it("shows errors that hold nothing of the client", function()
    local done, printed = run [[
      local found, err = gl.projects:get "acme/none"
      print(found, err.category, err:is "AccessError", err.status, err.cause, err.client, err.__index)
      print(tostring(err))
      return nil, err]]
    assert.equal("nil\tAccessError\ttrue\t404\tnil\tnil\tnil", printed[1])
    assert.matches("^AccessError%.ProjectNotFound: 404", printed[2])
    assert.equal("failed", done.status)
    assert.matches("404", done.steps.c.reason)
  end)

  it("is the client itself with --allow-host", function()
    local _, printed = run("print(gl.client ~= nil, os ~= nil)", { allow_host = true })
    assert.same({ "true\ttrue" }, printed)
  end)

  it("takes data as a result, and nothing else", function()
    local rows = {
      { "local t = {} t.t = t return t", "the result is nested deeper than 100 tables, or contains itself" },
      { "return { f = print }", "the result holds a function: only data can be kept" },
      { "return { a = { [{}] = 1 } }", "the result holds a table as a key: only data can be kept" },
    }
    for _, row in ipairs(rows) do
      local done = run(row[1])
      assert.equal("failed", done.status)
      assert.matches(row[2], done.steps.c.reason, 1, true)
    end
  end)
end)
