-- A step whose creation is in doubt when people give the run up: cancelled, it is settled first; left,
-- it stays in doubt for whoever goes on. The simulated GitLab's own table is the judge.

local errors = require "gitlab_pipelines.errors"
local gitlab = require "gitlab_pipelines"
local once_mock = require "support.once_mock"
local process = require "support.process"

local FLOW = [[
a = pipeline { project = "acme/app", ref = "main" }
b = pipeline { project = "acme/app", ref = "main", needs = { a } }
]]

describe("a step in doubt", function()
  local db, remove, env

  before_each(function()
    db, remove = process.file "runs.db"
    env = once_mock.open()
  end)
  after_each(function() remove() end)

  local function start(gl)
    return assert(assert(gitlab.flow.from_string(FLOW, "doubt.lua")):start { client = gl, journal = db })
  end

  local function posts()
    local count = 0
    for _, request in ipairs(env:requests("POST", "/pipeline")) do
      if request.path:match "/pipeline$" then count = count + 1 end
    end
    return count
  end

  -- What `runs cancel` does with a run that nobody holds.
  local function cancel(gl)
    local run = assert(gitlab.flow.resume { client = gl, journal = db,
      flow = assert(gitlab.flow.from_string(FLOW, "doubt.lua")) })
    run:cancel "canceled from the command line"
    run:wait()
    return run
  end

  local function shown(run)
    return ("%s: a %s, b %s"):format(run.status, run.steps.a.status, run.steps.b.status)
  end

  -- The answer is lost, and lists lag: for a minute nobody can tell. `made`: was there a pipeline?
  local function lose(made)
    env:fault { apply_then_drop = made or nil, drop = not made or nil, times = 1 }
    env:lag(40)
  end

  for _, made in ipairs { true, false } do
    local what = made and "was made" or "was never made"

    it("is settled when its run is cancelled, and not sent again: it " .. what, function()
      lose(made)
      local gl, rt = env:client(), env.rt
      local run, began
      rt:run(function()
        run = start(gl)
        rt:sleep(5)
        assert.equal("running", run.steps.a.status)
        began = rt:now()
        run:cancel "enough"
        run:wait()
      end)
      assert.equal("canceled: a canceled, b canceled", shown(run))
      assert.equal("enough", run.steps.a.reason)
      assert.equal(1, posts())
      local took = rt:now() - began
      assert.is_true(made and took > 30 and took < 90 or not made and took > 200 and took < 220,
        tostring(took))
      local list = env:pipelines()
      assert.equal(made and 1 or 0, #list)
      if made then assert.equal("canceled", list[1].status) end
      gl:close()
    end)

    it("stays in doubt when its run is left; `runs cancel` finishes it: it " .. what, function()
      lose(made)
      local gl, rt = env:client(), env.rt
      local run, asked, began
      rt:run(function()
        run = start(gl)
        rt:sleep(5)
        run:abandon()
        rt:sleep(1)
        asked = env:count("GET", "/pipelines")
        assert.is_true(asked > 0)
        -- Nobody looks any more, nobody cancels.
        rt:sleep(300)
        assert.equal(asked, env:count("GET", "/pipelines"))
        assert.equal(1, posts())
        assert.equal(0, env:count("POST", "/cancel"))
      end)
      gl:close()
      gl = env:client()
      rt:run(function()
        began = rt:now()
        run = cancel(gl)
      end)
      assert.equal("canceled: a canceled, b canceled", shown(run))
      assert.equal(1, posts())
      -- After a restart nobody knows when it was sent: what is not there is waited for. (That it is
      -- canceled shows when the lists have come so far.)
      local took = rt:now() - began
      assert.is_true(made and took < 60 or not made and took > 200 and took < 220, tostring(took))
      local list = env:pipelines()
      assert.equal(made and 1 or 0, #list)
      if made then assert.equal("canceled", list[1].status) end
      gl:close()
    end)
  end

  it("that a crash has left before anything was sent is never sent by a cancel", function()
    local gl, rt = env:client(), env.rt
    -- The process ends between the step's intent and that of its key.
    local create = gl.pipelines.create
    gl.pipelines.create = function() return rt:waiter():wait() end
    local run
    rt:run(function()
      run = start(gl)
      rt:sleep(1)
      run:abandon()
    end)
    gl.pipelines.create = create
    rt:run(function() run = cancel(gl) end)
    assert.equal("canceled: a canceled, b canceled", shown(run))
    assert.equal(0, posts())
    gl:close()
  end)

  it("that is not cancelled goes on after it was left, and makes one", function()
    lose(true)
    local gl, rt = env:client(), env.rt
    local run
    rt:run(function()
      run = start(gl)
      rt:sleep(5)
      run:abandon()
    end)
    gl:close()
    gl = env:client()
    rt:run(function()
      run = assert(gitlab.flow.resume { client = gl, journal = db,
        flow = assert(gitlab.flow.from_string(FLOW, "doubt.lua")) })
      rt:sleep(300)
      assert.equal("running", run.steps.a.status)
      run:abandon()
    end)
    assert.equal(1, posts())
    assert.equal("running", env:pipelines()[1].status)
    gl:close()
  end)
end)

-- The token may create pipelines but cannot read their variables: nothing tells ours from others.
describe("a step whose pipeline cannot be told from others", function()
  local db, remove, env

  before_each(function()
    db, remove = process.file "runs.db"
    env = once_mock.open { tokens = { { token = "glpat-reporter-like", name = "blind", user = "blind",
      scopes = { "api" }, role = "developer" } } }
  end)
  after_each(function() remove() end)

  local STEPS = [[
a = pipeline { project = "acme/app", ref = "main" }
b = pipeline { project = "acme/app", ref = "main", needs = { a } }
other = pipeline { project = "acme/app", ref = "dev" }
]]

  -- A client that is told 403 for variables, as a developer is who did not create the pipeline.
  local function client()
    local gl = env:client()
    local call = gl.client.call
    gl.client.call = function(self, operation, ...)
      if operation.name == "pipelines.variables" then
        return nil, errors.new("AccessError.PermissionDenied", { status = 403, message = "403 Forbidden" })
      end
      return call(self, operation, ...)
    end
    return gl
  end

  -- Lets every pipeline succeed, or those from an id on.
  local function finish_all(from)
    for _, row in ipairs(env:pipelines()) do
      if row.id >= (from or 1) then
        env.transport:request("PATCH", "/_mock/pipelines/" .. row.id, { body = '{"status":"success"}' })
      end
    end
  end

  local function posts()
    local count = 0
    for _, request in ipairs(env:requests("POST", "/pipeline")) do
      if request.path:match "/pipeline$" then count = count + 1 end
    end
    return count
  end

  local function resume(text, options)
    options = options or {}
    options.client, options.journal = options.client or client(), db
    options.flow = assert(gitlab.flow.from_string(text, "doubt.lua"))
    return gitlab.flow.resume(options)
  end

  -- Starts the flow; the answer to the first creation is lost. Gives the run once it is left.
  local function in_doubt(text)
    env:fault { apply_then_drop = true, times = 1 }
    local gl, rt = client(), env.rt
    local run, ok, err
    rt:run(function()
      run = assert(assert(gitlab.flow.from_string(text, "doubt.lua")):start { client = gl, journal = db })
      rt:spawn(function()
        rt:sleep(400)
        finish_all(2)
      end)
      ok, err = run:wait()
    end)
    assert.is_false(ok)
    return run, err
  end

  local function refused(message, run, err)
    assert.is_nil(run)
    assert.equal(message, err.message)
    return err
  end

  it("is left in doubt when all else has ended, with the candidates", function()
    local run, err = in_doubt(STEPS)
    assert.is_true(err:is "FlowError.StepFailed")
    assert.is_true(err.cause:is "PipelineError.UnknownOutcome")
    assert.same({ "a", true }, { err.step, err.unknown_outcome })
    assert.same({ 1 }, err.candidates)
    assert.same({ "blocked", "planned", "success" },
      { run.steps.a.status, run.steps.b.status, run.steps.other.status })
    assert.equal(6, run:exit_code())
    local rows = run:in_doubt()
    assert.same({ 1, "a" }, { #rows, rows[1].path })
    assert.same({}, run:left_running())
    assert.equal(2, posts())
  end)

  it("takes the pipeline that a person names, and the run goes on to its end", function()
    in_doubt(STEPS)
    env.rt:run(function()
      local run = assert(resume(STEPS, { adopt = { a = 1 } }))
      assert.equal(1, run.steps.a.id)
      env.rt:sleep(60)
      finish_all()
      env.rt:sleep(60)
      finish_all()
      assert.is_true(run:wait())
      assert.equal(1, run.steps.a.id)
    end)
    assert.equal(3, posts())
    assert.equal(3, #env:pipelines())
  end)

  it("is sent again when a person says that nothing was made", function()
    in_doubt(STEPS)
    env.rt:run(function()
      local run = assert(resume(STEPS, { send_again = { "a" } }))
      env.rt:sleep(60)
      finish_all()
      env.rt:sleep(60)
      finish_all()
      assert.is_true(run:wait())
      assert.equal(3, run.steps.a.id)
    end)
    assert.equal(4, posts())
  end)

  it("stays in doubt when the run is resumed without a decision, and is not sent again", function()
    in_doubt(STEPS)
    env.rt:run(function()
      local ok, err = assert(resume(STEPS)):wait()
      assert.is_false(ok)
      assert.is_true(err.cause:is "PipelineError.UnknownOutcome")
      assert.same({ 1 }, err.candidates)
    end)
    assert.equal(2, posts())
  end)

  it("may be an item of an `each`", function()
    local text = [[
smoke = each { over = { "eu", "us" }, limit = 1, make = function(r)
  return pipeline { project = "acme/app", ref = r } end }
last = pipeline { project = "acme/app", ref = "main", needs = { smoke } }
]]
    for _, name in ipairs { "smoke.eu", "smoke/eu" } do
      os.remove(db)
      env = once_mock.open()
      local run, err = in_doubt(text)
      assert.same({ "smoke/eu", { 1 } }, { err.step, err.candidates })
      assert.same({ "blocked", "success" }, { run.steps.smoke.status, run.steps.smoke.us.status })
      env.rt:run(function()
        run = assert(resume(text, { adopt = { [name] = 1 } }))
        env.rt:sleep(60)
        finish_all()
        env.rt:sleep(60)
        finish_all()
        assert.is_true(run:wait())
        assert.same({ 1, 2 }, { run.steps.smoke.eu.id, run.steps.smoke.count })
      end)
      assert.equal(3, posts())
    end
  end)

  it("refuses a decision that cannot be meant, and stays in doubt", function()
    in_doubt(STEPS)
    local rt = env.rt
    rt:run(function()
      local err = refused("there is no step 'aa'; did you mean 'a'?", resume(STEPS, { adopt = { aa = 1 } }))
      assert.is_true(err:is "FlowError.UnknownStep")
      err = refused("step 'b' is not in doubt: it has not begun", resume(STEPS, { adopt = { b = 1 } }))
      assert.is_true(err:is "FlowError.InvalidInput")
      refused("step 'other' is not in doubt: it has ended: success", resume(STEPS, { send_again = { "other" } }))
      refused("adopt a: '1.5' is not a pipeline's id", resume(STEPS, { adopt = { a = 1.5 } }))
      refused("step 'a' cannot both adopt a pipeline and be sent again",
        resume(STEPS, { adopt = { a = 1 }, send_again = { "a" } }))
      err = refused("adopt a=99: 404 Not found", resume(STEPS, { adopt = { a = 99 } }))
      assert.is_true(err:is "AccessError.PipelineNotFound")
      err = refused("adopt a=2: pipeline 2 belongs to another key", resume(STEPS, { adopt = { a = 2 } }))
      assert.is_true(err:is "PipelineError.KeyReused")
      -- None of that has changed anything.
      local run = assert(resume(STEPS, { adopt = { a = 1 } }))
      run:abandon()
      -- The same decision once more is none.
      assert(resume(STEPS, { adopt = { a = 1 } })):abandon()
      refused("step 'a' is not in doubt: it has pipeline 1", resume(STEPS, { adopt = { a = 3 } }))
    end)
    assert.equal(2, posts())
  end)

  it("is canceled once it is decided, when its run is being canceled", function()
    for _, decision in ipairs { "adopt", "send_again" } do
      os.remove(db)
      env = once_mock.open()
      in_doubt(STEPS)
      env.rt:run(function()
        local run = assert(resume(STEPS))
        run:cancel "enough"
        local ok, err = run:wait()
        assert.is_false(ok)
        assert.equal("a", err.step)
        assert.equal("canceled", run.steps.b.status)
        run = assert(resume(STEPS, decision == "adopt" and { adopt = { a = 1 } } or { send_again = { "a" } }))
        run:wait()
        assert.same({ "canceled", "canceled" }, { run.status, run.steps.a.status })
      end)
      assert.equal(2, posts())
      assert.equal(decision == "adopt" and "canceled" or "running", env:pipelines()[1].status)
    end
  end)

  it("that was left with an approval waiting keeps the run open for both", function()
    local text = STEPS .. "ok = approval {}\n"
    env:fault { apply_then_drop = true, times = 1 }
    local rt = env.rt
    rt:run(function()
      local run = assert(assert(gitlab.flow.from_string(text, "doubt.lua")):start { client = client(), journal = db })
      rt:spawn(function()
        rt:sleep(400)
        finish_all()
      end)
      assert.is_false((run:wait { until_blocked = true }))
      assert.equal("blocked", run.status)
      assert.is_false(run.ended or run.abandoned or false)
      assert.is_true(run:approve "ok")
      local _, err = run:wait()
      assert.equal("a", err.step)
    end)
  end)

  it("fails where there is no journal: nobody could decide later", function()
    env:fault { apply_then_drop = true, times = 1 }
    env.rt:run(function()
      local run = assert(assert(gitlab.flow.from_string(STEPS, "doubt.lua")):start { client = client() })
      env.rt:spawn(function()
        env.rt:sleep(400)
        finish_all()
      end)
      run:wait()
      assert.same({ "failed", "failed", 6 }, { run.status, run.steps.a.status, run:exit_code() })
    end)
  end)
end)

describe("a step of which GitLab said that it was made, with an id that cannot be read,", function()
  it("is looked for and never sent again by whoever resumes its run", function()
    local db, remove = process.file "runs.db"
    finally(remove)
    local env = once_mock.open()
    local text = [[a = pipeline { project = "acme/app", ref = "main" }]]
    env:fault { status = 201, body = { id = "none" }, times = 1 }
    local script = assert(gitlab.flow.from_string(text, "unread.lua"))
    local function creations() return env:count("POST", "/pipeline") end
    env.rt:run(function()
      local gl = env:client()
      local run = assert(script:start { client = gl, journal = db })
      local ok, err = run:wait()
      assert.is_false(ok)
      assert.is_true(err.cause:is "PipelineError.UnknownOutcome")
      assert.equal(1, creations())
      gl:close()
      for _ = 1, 2 do
        gl = env:client()
        run = assert(gitlab.flow.resume { client = gl, journal = db, flow = script })
        ok, err = run:wait()
        assert.is_false(ok)
        assert.is_true(err.cause:is "PipelineError.UnknownOutcome")
        assert.equal(1, creations())
        gl:close()
      end
      -- A person who knows that there is none may say so.
      gl = env:client()
      run = assert(gitlab.flow.resume { client = gl, journal = db, flow = script, send_again = { "a" } })
      env.rt:sleep(60)
      assert.equal(1, #env:pipelines())
      run:abandon()
      gl:close()
    end)
  end)
end)
