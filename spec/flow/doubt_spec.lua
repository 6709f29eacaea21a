-- A step whose creation is in doubt when people give the run up: cancelled, it is settled first; left,
-- it stays in doubt for whoever goes on. The simulated GitLab's own table is the judge.

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
