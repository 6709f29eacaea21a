-- A flow under replicas that lag ends as the same flow without: same statuses, same outputs, and the
-- same pipelines in the simulated GitLab's own table.

local gitlab = require "gitlab_pipelines"
local json = require "gitlab_pipelines.json"
local lag_flow = require "support.lag_flow"
local random_numbers = require "gitlab_pipelines.runtime.random"

local SEED = tonumber(os.getenv "SEED") or 23
local FLOWS = tonumber(os.getenv "ROUNDS") or os.getenv "GP_FULL" == "1" and 200 or 20
local TOKEN = "simulated-token"

local function open(world, seed)
  local rt = gitlab.runtime.virtual.new { seed = 1 }
  local server = assert(gitlab.mock.new { world = world, token = TOKEN, runtime = rt,
    seed = seed })
  local gl = assert(gitlab.new { transport = server, runtime = rt, token = TOKEN,
    url = "http://127.0.0.1", limits = false, journal = ":memory:" })
  return gl, rt, server
end

local function post(server, target, body)
  local status, answer = server:request("POST", target, { body = json.encode(body) })
  assert(status < 300, answer)
end

-- All pages of a list of the simulated GitLab.
local function pages_of(server)
  return function(target)
    local rows, page = {}, 1
    repeat
      local status, body = server:request("GET", ("%s?per_page=100&page=%d"):format(target, page))
      assert(status == 200, body)
      local list = json.decode(body)
      for _, row in ipairs(list) do rows[#rows + 1] = row end
      page = page + 1
    until #list < 100
    return rows
  end
end

-- Runs the flow's text; how it ended, the run, and how long it took.
local function play(text, world, opts)
  opts = opts or {}
  local gl, rt, server = open(world, opts.seed)
  for _, rule in ipairs(opts.rules or {}) do post(server, "/_mock/faults", rule) end
  local made = assert(gitlab.flow.from_string(text, "lag.lua"))
  local run
  rt:run(function()
    run = assert(made:start { client = gl })
    if opts.during then rt:spawn(function() opts.during(run, gl, rt, server) end) end
    run:wait()
  end)
  local result = lag_flow.result(run, pages_of(server))
  gl:close()
  return result, run
end

describe("flows under replicas that lag", function()
  it(("end as without lag (%d flows from seed %d)"):format(FLOWS, SEED), function()
    local different = {}
    for round = 1, FLOWS do
      local seed = SEED * 100000 + round
      local made = lag_flow.flow(random_numbers.new(seed))
      local wanted = play(made.text, made.world, { seed = seed })
      local found = play(made.text, made.world,
        { seed = seed, rules = lag_flow.lags(random_numbers.new(seed + 50000)) })
      if found ~= wanted then
        different[#different + 1] = ("SEED=%d round %d\n%s\nwithout lag: %s\nwith lag: %s"):format(
          SEED, round, made.text, wanted, found)
      end
    end
    assert(#different == 0, ("%d of %d flows ended otherwise; the first:\n%s"):format(#different, FLOWS,
      different[1]))
  end)
end)

-- Rules by which half of the reads are 60 s behind, from a certain number of requests on.
local function minute(more)
  local rule = { method = "GET", path = "*", lag = 60, probability = 0.5 }
  for name, value in pairs(more or {}) do rule[name] = value end
  return { rule }
end

-- Runs the text without lag and with; both must end alike. The run with lag.
local function alike(text, projects, opts)
  opts = opts or {}
  for seed = 1, 8 do
    local without = play(text, { projects = projects }, { seed = seed, during = opts.during })
    local with, run = play(text, { projects = projects },
      { seed = seed, during = opts.during, rules = minute(opts.rule) })
    assert.equal(without, with)
    if seed == 8 then return run end
  end
end

describe("under lag of a minute on half of the reads", function()
  it("a pipeline that is deleted is reported as deleted", function()
    local run = alike([[a = pipeline { project = "p/a" }]],
      { ["p/a"] = { id = 1, jobs = { { name = "slow", duration = 900 } } } },
      { during = function(_, gl, rt)
        rt:sleep(200)
        assert(gl.pipelines:delete("p/a", 1))
      end })
    assert.equal("WaitError.Deleted", ("%s.%s"):format(run.steps.a.error.category, run.steps.a.error.kind))
    -- Seen at once, and the last replica that showed it has followed.
    assert.is_true(run.ended_at - run.started_at < 300, run.ended_at - run.started_at)
  end)

  it("a file that no job keeps is missed as soon as that is known, by the documented message", function()
    local text = [[a = pipeline { project = "p/a", dotenv = "build.env" }]]
    local run = alike(text, { ["p/a"] = { id = 1, jobs = {
      { name = "a", duration = 2, artifacts = { ["other.env"] = "A=1\n" } },
      { name = "b", duration = 2 } } } })
    assert.matches("^no job of the pipeline keeps 'build.env': the file must stand in artifacts:paths",
      run.steps.a.reason)
    assert.is_true(run.ended_at - run.started_at < 120, run.ended_at - run.started_at)
    local _, fresh = play(text, { projects = { ["p/a"] = { id = 1, jobs = {
      { name = "a", duration = 2, artifacts = { ["other.env"] = "A=1\n" } } } } } })
    assert.is_true(fresh.ended_at - fresh.started_at < 10, fresh.ended_at - fresh.started_at)
  end)

  it("a retried job's file is that of the new attempt", function()
    local run = alike([[
      a = pipeline { project = "p/a", dotenv = "build.env" }
      b = pipeline { project = "p/b", variables = { V = a.dotenv.V, S = a.job("build").status } }]],
      { ["p/a"] = { id = 1, jobs = { { name = "slow", duration = 100 },
        { name = "build", duration = 2, artifacts = { ["build.env"] = "V=old\n" }, status = "success",
          variants = { { when = { attempt = 2 }, artifacts = { ["build.env"] = "V=new\n" } } } } } },
        ["p/b"] = { id = 2, jobs = { { name = "b", duration = 1 } } } },
      { during = function(_, gl, rt, server)
        rt:sleep(50)
        local _, body = server:request("GET", "/_mock/faults")
        for _, rule in ipairs(json.decode(body)) do server:request("DELETE", "/_mock/faults/" .. rule.id) end
        for _, job in ipairs(assert(gl.jobs:list("p/a", 1))) do
          if job.name == "build" then assert(gl.jobs:retry("p/a", job.id)) end
        end
        for _, rule in ipairs(json.decode(body)) do post(server, "/_mock/faults", { method = "GET",
          path = "*", lag = rule.lag, probability = rule.probability }) end
      end })
    assert.equal("new", run.steps.a.dotenv.V)
  end)

  it("a manual job is played, by a later step or on_manual, that no replica shows yet", function()
    local projects = { ["p/a"] = { id = 1, jobs = { { name = "build", duration = 1 },
      { name = "deploy", stage = "deploy", duration = 3, manual = true, allow_failure = false } } } }
    alike([[a = pipeline { project = "p/a" } d = play { pipeline = a, job = "deploy" }]], projects)
    alike([[a = pipeline { project = "p/a", on_manual = { "deploy" } }]], projects)
    alike([[a = pipeline { project = "p/a", on_manual = "play" }]], projects)
  end)

  it("a manual job that somebody else has played is not missed", function()
    local run = alike([[
      a = pipeline { project = "p/a" }
      wait = pipeline { project = "p/b", needs = { a } }
      d = play { pipeline = a, job = "deploy", needs = { wait } }]],
      { ["p/a"] = { id = 1, jobs = { { name = "build", duration = 1 },
        { name = "deploy", stage = "deploy", duration = 3, manual = true, allow_failure = false } } },
        ["p/b"] = { id = 2, jobs = { { name = "b", duration = 1 } } } },
      { during = function(run, gl)
        for event in run:events() do
          if event.step == "wait" and event.status == "success" then
            for id = 1, 3 do gl.jobs:play("p/a", id) end
            return
          end
        end
      end })
    assert.equal("success", run.steps.d.status)
  end)

  it("a pipeline that was started elsewhere just now is awaited, by number", function()
    local run = alike([[w = wait_for { project = "p/a", id = 1 }]],
      { ["p/a"] = { id = 1, jobs = { { name = "build", duration = 30 } } } },
      { rule = { probability = 1, times = 12 }, during = function(_, gl)
        assert(gl.pipelines:create("p/a", { ref = "main" }))
      end })
    assert.equal("success", run.steps.w.status)
  end)

  it("a job that is not in the pipeline is missed, and not awaited until the deadline", function()
    local run = alike([[a = pipeline { project = "p/a" } d = play { pipeline = a, job = "none" }]],
      { ["p/a"] = { id = 1, jobs = { { name = "build", duration = 1 } } } })
    assert.equal("there is no job 'none' in the pipeline", run.steps.d.reason)
    assert.is_true(run.ended_at - run.started_at < 300, run.ended_at - run.started_at)
  end)

  it("all waiting ends at the step's deadline", function()
    local _, run = play([[a = pipeline { project = "p/a", dotenv = "build.env", timeout = 90 }]],
      { projects = { ["p/a"] = { id = 1, jobs = { { name = "a", duration = 20,
        artifacts = { ["build.env"] = "A=1\n" } } } } } },
      { rules = { { method = "GET", path = "*/artifacts/*", lag = 1000 } } })
    assert.equal("failed", run.steps.a.status)
    assert.is_true(run.steps.a.error:is "WaitError.TimedOut")
    assert.is_true(run.ended_at - run.started_at <= 90, run.ended_at - run.started_at)
  end)
end)
