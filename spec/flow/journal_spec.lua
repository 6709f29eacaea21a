local double = require "support.flow_double"
local file_gitlab = require "support.flow_file_gitlab"
local flow = require "gitlab_pipelines.flow"
local flow_journal = require "gitlab_pipelines.flow.journal"
local process = require "support.process"

local SCRIPT = [[
lib = pipeline { project = "acme/lib", dotenv = "build.env" }
api = pipeline { project = "acme/api", variables = { B = lib.dotenv.BUILD_ID } }
smoke = each { over = { "eu", "us", "ap" }, limit = 2, needs = { api }, make = function(r)
  return pipeline { project = "acme/smoke", variables = { R = r, A = api.id } } end }
tell = call { needs = { smoke }, run = function(steps, gl, step)
  gl.note("called " .. step.key .. " " .. step.attempt)
  return { text = steps.lib.dotenv.BUILD_ID } end }
last = pipeline { project = "acme/last", variables = { T = tell.text } }
]]

-- A process that runs or resumes the flow, and is killed at the n-th moment.
local CHILD = process.die .. [==[
  package.path = package.path .. ";spec/?.lua"
  local what, script, db, gitlab_file, kill_at = ...
  kill_at = tonumber(kill_at)
  local count = 0
  local function moment(name)
    count = count + 1
    if count == kill_at then
      print("killed at " .. name)
      die()
    end
  end
  local flow = require "gitlab_pipelines.flow"
  local flow_journal = require "gitlab_pipelines.flow.journal"
  local file_gitlab = require "support.flow_file_gitlab"
  local open = flow_journal.open
  function flow_journal.open(...)
    local records, err = open(...)
    local class = getmetatable(records).__index
    if not class.watched then
      class.watched = true
      for _, name in ipairs { "begin", "step", "finish" } do
        local method = class[name]
        class[name] = function(...)
          moment("before " .. name)
          local ok, problem = method(...)
          moment("after " .. name)
          return ok, problem
        end
      end
    end
    return records, err
  end
  local gl, rt = file_gitlab.new(gitlab_file, moment)
  gl.note = function(text)
    file_gitlab.append(gitlab_file, text)
    moment "called"
  end
  local run, err
  if what == "start" then
    -- The call notes its runs in the double itself: it must have the host.
    run, err = assert(flow.load(script)):start { client = gl, journal = db, id = ("ab"):rep(16),
      allow_host = true }
  else
    run, err = flow.resume { allow_host = true, client = gl, journal = db }
  end
  if not run then
    print(err)
    return
  end
  local ok, problem = rt:run(function() return run:wait() end)
  print(run.status, problem)
  for _, step in ipairs(run:each_step()) do print(step.path, step.status, step.id) end
]==]

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function count(list, wanted)
  local n = 0
  for _, line in ipairs(list) do
    if line:find(wanted, 1, true) == 1 then n = n + 1 end
  end
  return n
end

describe("a run with a journal", function()
  local db, remove, script, gitlab_file
  before_each(function()
    db, remove = process.file "runs.db"
    script = db:gsub("runs.db$", "flow.lua")
    gitlab_file = db:gsub("runs.db$", "gitlab")
    write(script, SCRIPT)
  end)
  after_each(function() remove() end)

  it("survives kill -9 at every moment: nothing done is lost, nothing is made twice", function()
    local moments, killed = 0, true
    while killed do
      moments = moments + 1
      os.remove(db)
      os.remove(db .. "-wal")
      os.remove(db .. "-shm")
      os.remove(gitlab_file)
      local text = process.lua(CHILD, "start", script, db, gitlab_file, moments)
      killed = text:match "^killed at ([%a ]+)"
      local where = ("moment %d, %s"):format(moments, tostring(killed))
      if killed then
        local records = assert(flow_journal.open(db, true))
        local row = records:runs()[1]
        local steps = row and assert(records:run(row.id)).steps or {}
        records:close()
        local before = file_gitlab.lines(gitlab_file)
        text = process.lua(CHILD, "resume", script, db, gitlab_file, 0)
        if not row then
          assert(killed == "before begin", where)
          assert(text:find("no unfinished run", 1, true), where .. "\n" .. text)
        elseif row.ended_at then
          assert(killed == "after finish", where)
        else
          assert(text:find "^success", where .. "\n" .. text)
          local after = file_gitlab.lines(gitlab_file)
          for _, step in ipairs(steps) do
            if step.phase == "done" then
              local asked = "asked " .. row.id .. "/" .. step.path .. "/"
              assert(count(before, asked) == count(after, asked), where .. ": " .. step.path
                .. " was done and asked for again")
            end
          end
          for _, path in ipairs { "lib", "api", "smoke/eu", "smoke/us", "smoke/ap", "last" } do
            assert(count(after, "created " .. row.id .. "/" .. path .. "/") == 1,
              where .. ": " .. path .. " was not made exactly once")
          end
          assert(count(after, "called ") >= 1, where)
        end
      else
        assert.matches("^success", text)
      end
    end
    -- Fewer would mean that the moments were not met.
    assert.is_true(moments > 40)
  end)

  -- Starts a run on a double that waits for an approval, and gives it up without ending it.
  local function waiting(text, inputs)
    write(script, text)
    local gl, rt = double.new { ["p/a"] = { duration = 1 } }
    local run = assert(assert(flow.load(script)):start { client = gl, journal = db, inputs = inputs })
    rt:run(function() return run:wait { until_blocked = true } end)
    assert.equal("blocked", run.status)
    return run, gl, rt
  end

  local WAITING = [[a = pipeline { project = "p/a" }
    ok = approval { needs = { a } }
    b = pipeline { project = "p/a", needs = { ok } }]]

  it("is held by one process; another is refused with its pid", function()
    local run, gl = waiting(WAITING)
    local again, err = flow.resume { client = gl, journal = db }
    assert.is_nil(again)
    assert.is_true(err:is "FlowError.RunHeld")
    assert.equal(io.open("/proc/self/stat"):read "*n", err.pid)
    run:abandon()
    again = assert(flow.resume { client = gl, journal = db })
    assert.equal(run.id, again.id)
    again:abandon()
  end)

  it("is held by a stopped process too", function()
    local code = os.tmpname()
    write(code, process.die:gsub("kill %-9", "kill -STOP") .. [[
      package.path = package.path .. ";spec/?.lua"
      local script, db = ...
      local gl, rt = require("support.flow_double").new {}
      local run = assert(require("gitlab_pipelines.flow").load(script)):start {
        client = gl, journal = db }
      print(io.open("/proc/self/stat"):read "*n")
      die()]])
    write(script, "ok = approval {}")
    local pipe = io.popen(("exec %s %s %s %s"):format(process.interpreter, code, script, db))
    local pid = pipe:read "*n"
    -- It says its number before it is stopped, by a child that holds its files for a moment.
    repeat
      local stat = assert(io.open(("/proc/%d/stat"):format(pid)))
      local state = stat:read("*a"):match "%) (%a)"
      stat:close()
    until state == "T"
    local gl = double.new {}
    local run, err = flow.resume { client = gl, journal = db }
    os.execute(("kill -9 %d"):format(pid))
    pipe:close()
    os.remove(code)
    assert.is_nil(run)
    assert.is_true(err:is "FlowError.RunHeld")
    assert.equal(pid, err.pid)
    assert(flow.resume { client = gl, journal = db }):abandon()
  end)

  it("goes on after an approval that another process left in the journal", function()
    local run, gl, rt = waiting(WAITING)
    local records = assert(flow_journal.open(db, true))
    assert.is_true(records:answer(run.id, "ok", "approved", "kim", 1))
    records:close()
    assert.is_true((rt:run(function() return run:wait() end)))
    assert.equal("kim", run.steps.ok.approved_by)
    assert.equal(2, #gl.asked "create")
  end)

  it("is canceled by another process through the journal", function()
    local run, _, rt = waiting(WAITING)
    local records = assert(flow_journal.open(db, true))
    records:answer(run.id, "", "cancel", "kim", 1)
    records:close()
    assert.is_false((rt:run(function() return run:wait() end)))
    assert.equal("canceled", run.status)
    records = assert(flow_journal.open(db, true))
    assert.equal("canceled", records:run(run.id).status)
    records:close()
  end)

  it("does not go on with another script, unless told to", function()
    local run, gl, rt = waiting(WAITING)
    run:abandon()
    write(script, WAITING .. "\nc = pipeline { project = 'p/a', needs = { b } }")
    local again, err = flow.resume { client = gl, journal = db }
    assert.is_nil(again)
    assert.is_true(err:is "FlowError.ScriptChanged")
    again = assert(flow.resume { client = gl, journal = db, accept_changes = true })
    rt:spawn(function() again:approve "ok" end)
    assert.is_true((rt:run(function() return again:wait() end)))
    assert.equal("success", again.steps.c.status)
    assert.equal(3, #gl.asked "create")
  end)

  it("does not lose sight of an unfinished step that the script no longer has", function()
    local run, gl = waiting(WAITING)
    run:abandon()
    write(script, "a = pipeline { project = 'p/a' }")
    local again, err = flow.resume { client = gl, journal = db, accept_changes = true }
    assert.is_nil(again)
    assert.equal("ok", err.step)
    again = assert(flow.resume { client = gl, journal = db, accept_changes = true, drop = { "ok" } })
    assert.equal("success", again.status)
    assert.equal(1, #gl.asked "create")
  end)

  it("never evaluates again what has left `planned`", function()
    local text = [[inputs = { v = {} }
      a = pipeline { project = "p/a", variables = { V = input.v .. (env.SUFFIX or "") } }
      ok = approval { needs = { a } }]]
    local run, gl = waiting(text, { v = "1" })
    run:abandon()
    local again = assert(flow.resume { client = gl, journal = db,
      env = { SUFFIX = "changed" } })
    assert.same({ V = "1" }, gl.asked("create")[1].variables)
    assert.equal(101, again.steps.a.id)
    assert.equal("success", again.steps.a.status)
    again:abandon()
  end)

  it("keeps secret inputs in no form, and asks for them again", function()
    local text = [[inputs = { key = { secret = true }, v = { default = "1" } }
      a = pipeline { project = "p/a", variables = { KEY = "Bearer " .. input.key } }
      c = call { needs = { a }, run = function() return { seen = "got " .. input.key } end }
      ok = approval { needs = { c } }
      b = pipeline { project = "p/a", needs = { ok }, variables = { S = c.seen } }]]
    local run, gl, rt = waiting(text, { key = "hunter2-hunter2" })
    run:abandon()
    for _, name in ipairs { db, db .. "-wal" } do
      local file = io.open(name, "rb")
      local bytes = file and file:read "*a" or ""
      if file then file:close() end
      assert.is_nil(bytes:find("hunter2", 1, true))
    end
    local again, err = flow.resume { client = gl, journal = db }
    assert.is_nil(again)
    assert.equal("input 'key' is secret and must be given again: -i key=...", err.message)
    again, err = flow.resume { client = gl, journal = db, inputs = { key = "other" } }
    assert.is_nil(again)
    assert.equal("input 'key' is not the value that the run began with", err.message)
    again, err = flow.resume { client = gl, journal = db, inputs = { key = "x", v = "2" } }
    assert.is_nil(again)
    assert.equal("input 'v' differs from what the run began with", err.message)
    again = assert(flow.resume { client = gl, journal = db, inputs = { key = "hunter2-hunter2" } })
    rt:spawn(function() again:approve "ok" end)
    assert.is_true((rt:run(function() return again:wait() end)))
    assert.equal("got hunter2-hunter2", gl.asked("create")[2].variables.S:reveal())
  end)

  it("keeps the list of an `each` whose items came from a step", function()
    local text = [[src = call { run = function() return { list = { "eu", "us" } } end }
      smoke = each { over = src.list, make = function(r) return approval { message = r } end }]]
    local run, gl, rt = waiting(text)
    run:abandon()
    local again = assert(flow.resume { client = gl, journal = db })
    rt:spawn(function()
      rt:sleep(1)
      assert.is_true(again:approve "smoke/eu")
      assert.is_true(again:approve "smoke/us")
    end)
    assert.is_true((rt:run(function() return again:wait() end)))
    assert.equal(2, again.steps.smoke.count)
  end)

  it("goes on with being canceled", function()
    write(script, [[a = pipeline { project = "p/a" }
      b = pipeline { project = "p/a", needs = { a } }]])
    local gl, rt = double.new { ["p/a"] = { duration = 1000 } }
    local run = assert(assert(flow.load(script)):start { client = gl, journal = db })
    rt:run(function()
      rt:sleep(5)
      -- The process ends between its intent to cancel and the request.
      gl.pipelines.cancel, gl.real_cancel = function() rt:waiter():wait() end, gl.pipelines.cancel
      run:cancel "interrupted"
      rt:sleep(1)
      run:abandon()
      return true
    end)
    gl.pipelines.cancel = gl.real_cancel
    local again = assert(flow.resume { client = gl, journal = db })
    assert.is_false((rt:run(function() return again:wait() end)))
    assert.equal("canceled", again.status)
    assert.equal("canceled", again.steps.a.status)
    assert.equal("canceled", again.steps.b.status)
    assert.equal(1, #gl.asked "create")
  end)

  it("lists and shows runs", function()
    local run = waiting(WAITING)
    local records = assert(flow_journal.open(db, true))
    local rows = assert(records:runs())
    assert.same({ run.id, "flow", script }, { rows[1].id, rows[1].name, rows[1].file })
    local row = assert(records:run(run.id:sub(1, 8)))
    assert.equal("a", row.steps[1].path)
    assert.same({ "done", "success" }, { row.steps[1].phase, row.steps[1].status })
    local none, err = records:run "zz"
    assert.is_nil(none)
    assert.equal("the journal has no run 'zz'", err.message)
    assert.equal(1, records:times(script).a)
    assert.same({}, records:times "other.lua")
    records:close()
    run:abandon()
  end)

  it("ends, and is left for whoever resumes it, when the journal cannot be written", function()
    write(script, [[a = pipeline { project = "p/a" }]])
    local gl, rt = double.new { ["p/a"] = { duration = 10 } }
    local run = assert(assert(flow.load(script)):start { client = gl, journal = db })
    run.journal.store:close()
    local ok, err = rt:run(function() return run:wait() end)
    assert.is_false(ok)
    assert.is_true(err:is "JournalUnusable")
    assert.same({ "unfinished", 6 }, { run.status, run:exit_code() })
    assert.equal(0, #gl.asked "create")
    local last
    for event in run:events() do last = event end
    assert.same({ "run", "unfinished", err.message }, { last.type, last.status, last.reason })
    local again = assert(flow.resume { client = gl, journal = db })
    assert.is_true((rt:run(function() return again:wait() end)))
    assert.equal(1, #gl.asked "create")
  end)

  it("does not go on with what another process has ended meanwhile", function()
    local run, gl = waiting(WAITING)
    run:abandon()
    -- Between the look at the run and its hold.
    local records = assert(flow_journal.open(db, true))
    local class = getmetatable(records).__index
    local take = class.take
    finally(function()
      class.take = take
      records:close()
    end)
    function class.take(self, row)
      records.store:query("UPDATE runs SET status = 'canceled', ended_at = 1 WHERE id = ?1", row.id)
      return take(self, row)
    end
    local again, err = flow.resume { client = gl, journal = db }
    assert.is_nil(again)
    assert.equal(("run %s has ended: canceled"):format(run.id), err.message)
  end)

  it("ends its waits when it is left", function()
    local run, _, rt = waiting(WAITING)
    rt:run(function()
      rt:spawn(function()
        rt:sleep(5)
        run:abandon()
      end)
      local ok, err = run:wait()
      assert.is_false(ok)
      assert.is_true(err:is "TaskError.Cancelled")
      for event in run:events() do assert.is_table(event) end
    end)
    assert.is_nil(run.trouble)
  end)

  it("starts nothing that waited for its turn when it is left", function()
    write(script, [[concurrency = 1
      a = pipeline { project = "p/a" }
      c = call { run = function(_, gl) gl.note "called" end }
      d = call { run = function(_, gl) gl.note "called" end }]])
    local gl, rt = double.new { ["p/a"] = { duration = 10 } }
    local called = 0
    function gl.note() called = called + 1 end
    rt:run(function()
      local run = assert(assert(flow.load(script)):start { client = gl, journal = db, allow_host = true })
      rt:sleep(2)
      run:abandon()
      rt:sleep(100)
    end)
    assert.equal(0, called)
    assert.equal(1, #gl.asked "create")
  end)

  it("fails a step whose outputs cannot be kept, and only that", function()
    write(script, [[c = call { run = function() return { f = function() end } end }
      a = pipeline { project = "p/a", needs = { c }, when = "failure" }]])
    local gl, rt = double.new { ["p/a"] = { duration = 1 } }
    local run = assert(assert(flow.load(script)):start { client = gl, journal = db })
    assert.is_false((rt:run(function() return run:wait() end)))
    assert.same({ "failed", "failed", "success" }, { run.status, run.steps.c.status, run.steps.a.status })
    assert.matches("the result holds a function: only data can be kept", run.steps.c.reason)
  end)

  describe("whose script has changed", function()
    local FAN = [[fan = each { over = { "eu", "us" }, make = function(r)
        return pipeline { project = "p/" .. r } end }
      a = pipeline { project = "p/eu" }]]

    -- Leaves the flow with all its pipelines running, then gives it another script.
    local function changed(text)
      write(script, FAN)
      local gl, rt = double.new { ["p/eu"] = { duration = 100 }, ["p/us"] = { duration = 100 } }
      rt:run(function()
        local run = assert(assert(flow.load(script)):start { client = gl, journal = db })
        rt:sleep(5)
        run:abandon()
      end)
      write(script, text)
      return gl, rt
    end

    local function resume(gl, drop)
      return flow.resume { client = gl, journal = db, accept_changes = true, drop = drop }
    end

    local function phases(id)
      local records = assert(flow_journal.open(db, true))
      local found = {}
      for _, row in ipairs(assert(records:run(id)).steps) do found[row.path] = row.status or row.phase end
      records:close()
      return found
    end

    it("drops an `each` with all its items", function()
      local gl, rt = changed [[a = pipeline { project = "p/eu" }]]
      local again, err = resume(gl)
      assert.is_nil(again)
      assert.equal("the script has no step 'fan' any more, which has not ended; --drop fan gives it up",
        err.message)
      again = assert(resume(gl, { "fan" }))
      assert.is_true((rt:run(function() return again:wait() end)))
      assert.same({ fan = "canceled", ["fan/eu"] = "canceled", ["fan/us"] = "canceled", a = "success" },
        phases(again.id))
    end)

    it("asks for an item that its `each` no longer has by its own name", function()
      for _, name in ipairs { "fan.us", "fan/us", "fan" } do
        os.remove(db)
        local gl, rt = changed((FAN:gsub(', "us"', "")))
        local again, err = resume(gl)
        assert.is_nil(again)
        assert.equal("fan.us", err.step)
        again = assert(resume(gl, { name }))
        assert.is_true((rt:run(function() return again:wait() end)))
        assert.same({ 1, "success" }, { again.steps.fan.count, again.steps.fan.eu.status })
        assert.equal("canceled", phases(again.id)["fan/us"])
        assert.equal(3, #gl.asked "create")
      end
    end)

    it("asks for a step that is of another kind now", function()
      local gl, rt = changed(FAN:gsub("a = pipeline.*$", "a = call { run = function() return { x = 1 } end }"))
      local again, err = resume(gl)
      assert.is_nil(again)
      assert.equal("a", err.step)
      again = assert(resume(gl, { "a" }))
      assert.is_true((rt:run(function() return again:wait() end)))
      assert.same({ "success", 1 }, { again.steps.a.status, again.steps.a.x })
      assert.equal(3, #gl.asked "create")
    end)
  end)
end)
