local double = require "support.flow_double"
local flow = require "gitlab_pipelines.flow"
local secrets = require "gitlab_pipelines.api.secrets"

-- Runs a script in virtual time; the run, what `wait` gave, and the client.
local function run(script, world, opts)
  opts = opts or {}
  local gl, rt = double.new(world, opts.double)
  local made = assert(flow.from_string(script, "f.lua"))
  local events = {}
  local self = assert(made:start { client = gl, inputs = opts.inputs, getenv = opts.getenv,
    on_event = function(event)
      events[#events + 1] = event
      if opts.on_event then opts.on_event(event, gl) end
    end })
  if opts.after_start then opts.after_start(self, gl, rt) end
  local ok, err = rt:run(function() return self:wait(opts.wait) end)
  return self, ok, err, gl, events
end

local function statuses(self)
  local list = {}
  for _, step in ipairs(self:each_step()) do list[#list + 1] = step.path .. " " .. step.status end
  return table.concat(list, ", ")
end

describe("a run", function()
  local chain = [[
    lib = pipeline { project = "acme/lib", variables = { VERSION = "1" }, dotenv = "build.env" }
    api = pipeline { project = "acme/api", ref = "v1",
      variables = { LIB = lib.id, BUILD = lib.dotenv.BUILD_ID, URL = "x-" .. lib.id .. "-y" } }
  ]]
  local chain_world = { ["acme/lib"] = { jobs = {
      { name = "a", files = { ["build.env"] = "BUILD_ID=42\nX=old\n" } },
      { name = "b", files = { ["build.env"] = "X=new\n" } }, { name = "c", files = {} } } },
    ["acme/api"] = {} }

  it("passes outputs on as text, after the step that gives them", function()
    local self, ok, err, gl = run(chain, chain_world)
    assert.is_nil(err)
    assert.is_true(ok)
    local made = gl.asked "create"
    assert.equal(2, #made)
    assert.same({ "acme/lib", "main", { VERSION = "1" } },
      { made[1].project, made[1].ref, made[1].variables })
    assert.same({ LIB = "101", BUILD = "42", URL = "x-101-y" }, made[2].variables)
    assert.equal("v1", made[2].ref)
    assert.is_true(made[2].at >= made[1].at + 1)
    assert.equal("new", self.steps.lib.dotenv.X)
    assert.equal("success", self.steps.api.status)
    assert.equal(102, self.steps.api.id)
    assert.equal(0, self:exit_code())
  end)

  it("lets the values of a later stage win, even over a job that was retried later", function()
    local gl, rt = double.new { ["p/a"] = {} }
    gl.jobs.list = function(_, _, _, filters)
      assert.is_true(filters.include_retried)
      local archive = { filename = "a.zip" }
      return { { id = 9, name = "build", stage = "build", status = "success", artifacts_file = archive },
        { id = 7, name = "test", stage = "test", status = "success", artifacts_file = archive },
        { id = 5, name = "build", stage = "build", status = "failed", artifacts_file = archive } }
    end
    local asked = {}
    gl.artifacts.file = function(_, _, id)
      asked[#asked + 1] = id
      return id == 7 and "WHO=test\n" or "WHO=build\nONLY=build\n"
    end
    local self = assert(assert(flow.from_string(
      [[a = pipeline { project = "p/a", dotenv = "x.env" }]])):start { client = gl })
    assert.is_true((rt:run(function() return self:wait() end)))
    assert.same({ 9, 7 }, asked)
    assert.same({ WHO = "test", ONLY = "build" }, self.steps.a.dotenv)
  end)

  it("needs no gitlab.run around it", function()
    local gl = double.new { ["p/a"] = {} }
    local self = assert(assert(flow.from_string([[a = pipeline { project = "p/a" }
      b = pipeline { project = "p/a", needs = { a } }]])):start { client = gl })
    assert.is_true((self:wait()))
    assert.equal("a success, b success", statuses(self))
  end)

  it("gives every creation a key of its run, step and attempt", function()
    local self, _, _, gl = run(chain, chain_world)
    assert.equal(self.id .. "/lib/1", gl.asked("create")[1].once)
    assert.matches("^%x+$", self.id)
    assert.equal(32, #self.id)
  end)

  it("fails a step whose dotenv file no job keeps, and says where it must stand", function()
    local _, ok, err = run(chain, { ["acme/lib"] = { jobs = { { name = "a", files = {} } } },
      ["acme/api"] = {} })
    assert.is_false(ok)
    assert.matches("artifacts:paths", err.message)
    assert.is_true(err:is "StepFailed")
  end)

  it("runs what does not depend on each other at once", function()
    local _, _, _, gl = run([[
      a = pipeline { project = "p/a" }
      b = pipeline { project = "p/b" }
      c = pipeline { project = "p/c", needs = { a, b } }]],
      { ["p/a"] = { duration = 4 }, ["p/b"] = { duration = 2 }, ["p/c"] = {} })
    local made = gl.asked "create"
    assert.equal(made[1].at, made[2].at)
    assert.is_true(made[3].at >= made[1].at + 4)
  end)

  it("skips what needs a failed step, and tells why with the job and its log", function()
    local self, ok, err, gl = run([[
      web = pipeline { project = "p/web" }
      smoke = pipeline { project = "p/smoke", needs = { web } }
      tell = call { when = "always", needs = { smoke },
        run = function(steps) return { seen = steps.smoke.status .. "/" .. steps.web.status } end }]],
      { ["p/web"] = { status = "failed", jobs = { { name = "lint" }, { name = "unit",
        stage = "test", status = "failed", failure_reason = "script_failure",
        log = "one\n\27[31mtwo\27[0m\r\n" } } }, ["p/smoke"] = {} })
    assert.is_false(ok)
    assert.equal("web", err.step)
    assert.matches("job 'unit' failed %(script_failure%)", err.message)
    assert.same({ "one", "two" }, self.steps.web.failure.log)
    assert.equal("web failed", self.steps.smoke.reason)
    assert.equal("skipped/failed", self.steps.tell.seen)
    assert.equal(1, #gl.asked "create")
    assert.equal(1, self:exit_code())
  end)

  it("goes on after a failure that is allowed", function()
    local self, ok = run([[
      a = pipeline { project = "p/a", allow_failure = true }
      b = pipeline { project = "p/b", needs = { a } }]],
      { ["p/a"] = { status = "failed" }, ["p/b"] = {} })
    assert.is_true(ok)
    assert.equal("a failed, b success", statuses(self))
  end)

  it("runs `failure` steps only when something before them failed", function()
    local script = [[
      a = pipeline { project = "p/a" }
      b = pipeline { project = "p/b", needs = { a } }
      undo = pipeline { project = "p/undo", needs = { b }, when = "failure" }
      after = pipeline { project = "p/after", needs = { undo } }]]
    local world = { ["p/a"] = { status = "failed" }, ["p/b"] = {}, ["p/undo"] = {}, ["p/after"] = {} }
    local self = run(script, world)
    assert.equal("a failed, b skipped, undo success, after skipped", statuses(self))
    world["p/a"] = {}
    self = run(script, world)
    assert.equal("a success, b success, undo skipped, after skipped", statuses(self))
    assert.equal("nothing that it needs failed", self.steps.undo.reason)
  end)

  it("asks a `when` function with the steps", function()
    local self = run([[
      a = pipeline { project = "p/a" }
      b = pipeline { project = "p/b", when = function(steps) return steps.a.coverage > 80 end }
      c = pipeline { project = "p/b", when = function(steps) return steps.a.id == 101 end }]],
      { ["p/a"] = { coverage = 55 }, ["p/b"] = {} })
    assert.equal("a success, b skipped, c success", statuses(self))
    assert.equal("its condition does not hold", self.steps.b.reason)
  end)

  it("reports the line of a mistake in a `when` function", function()
    local _, ok, err = run("a = pipeline { project = 'p/a' }\n"
      .. "b = pipeline { project = 'p/a', when = function(steps)\n return steps.a.id .. {} end }",
      { ["p/a"] = {} })
    assert.is_false(ok)
    assert.matches("f.lua:3: ", err.message)
  end)

  it("tells the nearest name of a step that a function misspells", function()
    local self = run("lib = pipeline { project = 'p/a' }\n"
      .. "c = call { needs = { lib }, run = function(steps)\n  return { steps.lbi.id } end }",
      { ["p/a"] = {} })
    assert.equal("f.lua:3: there is no step 'lbi'; did you mean 'lib'?", self.steps.c.reason)
    assert.is_nil(self.steps.lbi)
    local names = {}
    for name in pairs(self.steps) do names[#names + 1] = name end
    table.sort(names)
    assert.same({ "c", "lib" }, names)
  end)

  it("tries again with a new pipeline and a new key", function()
    local self, ok, _, gl = run([[a = pipeline { project = "p/a", retry = 2 }]],
      { ["p/a"] = { fail_times = 2 } })
    assert.is_true(ok)
    local made = gl.asked "create"
    assert.equal(3, #made)
    assert.equal(self.id .. "/a/3", made[3].once)
    assert.equal(3, self.steps.a.attempt)
  end)

  it("does not try a refused creation again", function()
    local self, ok, err, gl = run([[a = pipeline { project = "p/a", retry = 2 }]],
      { ["p/a"] = { refuse = "AccessError.PermissionDenied" } })
    assert.is_false(ok)
    assert.is_true(err.cause:is "PermissionDenied")
    assert.equal(1, #gl.asked "create")
    assert.equal(6, self:exit_code())
  end)

  it("cancels a pipeline that is not done in time", function()
    local self, ok, _, gl = run([[a = pipeline { project = "p/a", timeout = "1m" }]],
      { ["p/a"] = { duration = 500 } })
    assert.is_false(ok)
    assert.equal(1, #gl.asked "cancel")
    assert.matches("not done after 60 s", self.steps.a.reason)
    assert.equal(4, self:exit_code())
  end)

  it("ends within the flow's own time", function()
    local gl, rt = double.new { ["p/a"] = { duration = 1e5 } }
    local made = assert(flow.from_string([[timeout = 90
      a = pipeline { project = "p/a" }  b = pipeline { project = "p/a", needs = { a } }]]))
    local self = assert(made:start { client = gl })
    local began = rt:now()
    assert.is_false((rt:run(function() return self:wait() end)))
    assert.is_true(rt:now() - began <= 91)
  end)

  describe("after a failure", function()
    local script = [[
      on_failure = "%s"
      a = pipeline { project = "p/a" }
      slow = pipeline { project = "p/slow" }
      more = pipeline { project = "p/more", needs = { slow } }]]
    local world = { ["p/a"] = { status = "failed" }, ["p/slow"] = { duration = 10 }, ["p/more"] = {} }

    it("stops starting by default, and lets run what runs", function()
      local self, _, _, gl = run(script:format "stop", world)
      assert.equal("a failed, slow success, more skipped", statuses(self))
      assert.equal("a failed, and the flow stops then", self.steps.more.reason)
      assert.equal(0, #gl.asked "cancel")
    end)

    it("goes on with the rest when asked to", function()
      assert.equal("a failed, slow success, more success",
        statuses((run(script:format "continue", world))))
    end)

    it("cancels what runs when asked to", function()
      local self, _, _, gl = run(script:format "cancel", world)
      assert.equal("a failed, slow canceled, more skipped", statuses(self))
      assert.equal(1, #gl.asked "cancel")
      assert.equal("a failed", self.steps.slow.reason)
    end)
  end)

  it("holds the number of running pipelines to `concurrency`", function()
    local _, _, _, gl = run([[concurrency = 2
      for i = 1, 5 do _G["p" .. i] = pipeline { project = "p/a" } end]],
      { ["p/a"] = { duration = 10 } })
    local made = gl.asked "create"
    assert.equal(5, #made)
    for i = 3, 5 do assert.is_true(made[i].at >= made[i - 2].at + 10) end
  end)

  it("starts nothing that stood in the queue when the flow was stopped", function()
    local self, _, _, gl = run([[concurrency = 1
      for i = 1, 4 do _G["p" .. i] = pipeline { project = "p/a", variables = { N = i } } end
      undo = pipeline { project = "p/b", when = "failure" }]],
      { ["p/a"] = { status_of = function(f) return f.variables.N == "2" and "failed" or "success" end },
        ["p/b"] = {} })
    assert.equal("p1 success, p2 failed, p3 skipped, p4 skipped, undo success", statuses(self))
    assert.equal(3, #gl.asked "create")
  end)

  it("cancels what stands in the queue", function()
    local self = run([[concurrency = 1
      for i = 1, 3 do _G["p" .. i] = pipeline { project = "p/a" } end]],
      { ["p/a"] = { duration = 50 } }, { after_start = function(one, _, rt)
        rt:spawn(function()
          rt:sleep(5)
          one:cancel()
        end)
      end })
    assert.equal("p1 canceled, p2 canceled, p3 canceled", statuses(self))
  end)

  it("tells what the script prints while it loads and while it runs", function()
    local _, _, _, _, events = run([[print("loading", 1)
      a = call { run = function() print "running" end }]], {})
    local texts = {}
    for _, event in ipairs(events) do
      if event.type == "print" then texts[#texts + 1] = event.text end
    end
    assert.same({ "loading\t1", "running" }, texts)
  end)

  describe("each", function()
    local world = { ["p/smoke"] = { duration = function(fields)
      return fields.variables.R == "us" and 5 or 2
    end }, ["p/end"] = {}, ["p/src"] = { jobs = { { name = "j",
      files = { env = "TARGETS=eu us ap\nNONE=\n" } } } } }

    it("runs so many items at once as its limit says, in order", function()
      local self, ok, _, gl = run([[
        smoke = each { over = { "eu", "us", "ap" }, limit = 2, make = function(r)
          return pipeline { project = "p/smoke", variables = { R = r } } end }
        fin = pipeline { project = "p/end", variables = { ID = smoke.us.id, N = smoke.count } }]],
        world)
      assert.is_true(ok)
      local made = gl.asked "create"
      assert.same({ "eu", "us", "ap" }, { made[1].variables.R, made[2].variables.R,
        made[3].variables.R })
      assert.equal(made[1].at, made[2].at)
      assert.is_true(made[3].at >= made[1].at + 2 and made[3].at < made[2].at + 5)
      assert.same({ ID = "102", N = "3" }, made[4].variables)
      assert.equal("smoke success, smoke/eu success, smoke/us success, smoke/ap success, "
        .. "fin success", statuses(self))
      assert.equal(self.id .. "/smoke/eu/1", made[1].once)
    end)

    it("goes over a list that a step gives", function()
      local self, ok = run([[
        src = pipeline { project = "p/src", dotenv = "env" }
        smoke = each { over = src.dotenv.TARGETS, make = function(r)
          return pipeline { project = "p/smoke", variables = { R = r, FROM = src.id } } end }
        none = each { over = src.dotenv.NONE, make = function(r)
          return pipeline { project = "p/smoke", variables = { R = r } } end }]], world)
      assert.is_true(ok)
      assert.equal("src success, smoke success, smoke/eu success, smoke/us success, "
        .. "smoke/ap success, none success", statuses(self))
    end)

    it("goes over a map in the order of its names", function()
      local _, ok, _, gl = run([[
        smoke = each { over = { b = "2", a = "1" }, make = function(k, v)
          return pipeline { project = "p/smoke", variables = { R = k .. v } } end }]], world)
      assert.is_true(ok)
      assert.equal("a1", gl.asked("create")[1].variables.R)
    end)

    it("fails when an item fails, and starts no more", function()
      local self, ok, _, gl = run([[
        smoke = each { over = { 1, 2, 3 }, limit = 1, make = function(n)
          return pipeline { project = "p/x", variables = { N = n } } end }]],
        { ["p/x"] = { status_of = function(f) return f.variables.N == "2" and "failed" or "success" end } })
      assert.is_false(ok)
      assert.equal("smoke failed, smoke/1 success, smoke/2 failed, smoke/3 skipped", statuses(self))
      assert.equal(2, #gl.asked "create")
      assert.equal("1 of 3 failed", self.steps.smoke.reason)
    end)
  end)

  describe("a manual job", function()
    local world = { ["p/api"] = { status = "manual", duration = 2, jobs = { { name = "build" },
      { name = "deploy", manual = true, duration = 3 } } }, ["p/next"] = {} }

    it("that a later play names lets its pipeline count as reached", function()
      local self, ok, err, gl = run([[
        api = pipeline { project = "p/api" }
        mid = pipeline { project = "p/next", needs = { api } }
        deploy = play { pipeline = api, job = "deploy", needs = { mid }, variables = { TO = api.id } }]],
        world)
      assert.is_nil(err)
      assert.is_true(ok)
      assert.equal("api success, mid success, deploy success", statuses(self))
      assert.same({ TO = "101" }, gl.asked("play")[1].variables)
      assert.equal("success", self.steps.deploy.status)
    end)

    it("that nobody plays blocks the run, and it ends with 5", function()
      local self, ok, err = run([[
        api = pipeline { project = "p/api" }
        mid = pipeline { project = "p/next", needs = { api } }]], world,
        { wait = { until_blocked = true } })
      assert.is_false(ok)
      assert.is_nil(err)
      assert.equal("blocked", self.status)
      assert.equal(5, self:exit_code())
      assert.equal("waits for the manual job deploy", self.steps.api.message)
      self:abandon()
    end)
  end)

  it("waits for an approval", function()
    local self, ok = run([[
      a = pipeline { project = "p/a" }
      ok = approval { needs = { a }, message = "ship " .. a.id .. "?" }
      b = pipeline { project = "p/a", needs = { ok } }]], { ["p/a"] = {} },
      { after_start = function(self, _, rt)
        rt:spawn(function()
          for event in self:events() do
            if event.status == "blocked" and event.type == "step" then
              assert.equal("ship 101?", event.message)
              rt:sleep(60)
              assert.is_true(self:approve("ok", "kim"))
            end
          end
        end)
      end })
    assert.is_true(ok)
    assert.equal("kim", self.steps.ok.approved_by)
  end)

  it("fails an approval that is refused or not given in time", function()
    local script = [[ok = approval { timeout = 100 }  b = call { needs = { ok }, run = print }]]
    local self = run(script, {}, { on_event = function() end })
    assert.equal("ok failed, b skipped", statuses(self))
    assert.equal(4, self:exit_code())
    self = run(script, {}, { after_start = function(one, _, rt)
      rt:spawn(function()
        rt:sleep(1)
        one:reject "ok"
      end)
    end })
    assert.equal("refused", self.steps.ok.reason)
  end)

  it("waits for a pipeline that somebody else started", function()
    local gl, rt = double.new { ["p/a"] = { duration = 30 } }
    local made = assert(flow.from_string([[
      one = wait_for { project = "p/a", id = input.id }
      two = wait_for { project = "p/a", ref = "main", sha = one.sha }
      inputs = nil]], "f.lua"))
    assert.is_not_nil(made)
    made = assert(flow.from_string([[
      inputs = { id = { type = "number" } }
      one = wait_for { project = "p/a", id = input.id }
      two = wait_for { project = "p/a", ref = "main", sha = one.sha }]], "f.lua"))
    local ok = rt:run(function()
      local there = gl.pipelines:create("p/a", { ref = "main" })
      local self = assert(made:start { client = gl, inputs = { id = there.id } })
      return self:wait()
    end)
    assert.is_true(ok)
    assert.equal(1, #gl.asked "create")
  end)

  it("calls functions with the steps, the client and a key", function()
    local self, ok = run([[
      c = call { retry = 1, run = function(steps, gl, step)
        if step.attempt == 1 then return nil, "not yet" end
        return { key = step.key, has = gl.pipelines ~= nil } end }
      d = call { run = function() error "oh" end, allow_failure = true }
      e = pipeline { project = "p/a", variables = { K = c.key } }]], { ["p/a"] = {} })
    assert.is_true(ok)
    assert.equal(self.id .. "/c", self.steps.c.key)
    assert.matches("^f.lua:4: oh", self.steps.d.reason)
  end)

  it("cancels what it started and starts nothing more", function()
    local self, ok, err, gl = run([[
      a = pipeline { project = "p/a" }
      w = approval {}
      b = pipeline { project = "p/a", needs = { a, w } }]], { ["p/a"] = { duration = 100 } },
      { after_start = function(self, _, rt)
        rt:spawn(function()
          rt:sleep(5)
          self:cancel "interrupted"
        end)
      end })
    assert.is_false(ok)
    assert.is_true(err:is "TaskError.Cancelled")
    assert.equal("a canceled, w canceled, b canceled", statuses(self))
    assert.equal(1, #gl.asked "create")
    assert.equal(1, #gl.asked "cancel")
    assert.equal(3, self:exit_code())
    assert.equal("interrupted", self.steps.a.reason)
  end)

  it("goes by the trigger endpoint with a named token", function()
    local gl, rt = double.new { ["p/a"] = {} }
    local made = assert(flow.from_string([[
      a = pipeline { project = "p/a", ref = "main", trigger_token = secret "DEPLOY" }]]))
    local self = assert(made:start { client = gl, named_secret = function(name) return { name } end })
    assert.is_true((rt:run(function() return self:wait() end)))
    assert.same({ "DEPLOY" }, gl.asked("trigger")[1].token)
  end)

  it("refuses to start when a named token is nowhere", function()
    local gl = double.new { ["p/a"] = {} }
    gl.secrets = secrets.new({ OTHER = "glptt-other-token" }, nil, function() end)
    local self, err = assert(flow.from_string([[a = pipeline { project = "p/a", ref = "main" }
      b = pipeline { project = "p/a", ref = "main", trigger_token = secret "DEPLOY", needs = { a } }]],
      "f.lua")):start { client = gl }
    assert.is_nil(self)
    assert.is_true(err:is "ConfigurationError.InvalidCredentials")
    assert.matches("^f.lua:2: 'b': no secret is named DEPLOY: ", err.message)
    assert.equal(0, #gl.requests)
  end)

  it("refuses to start when a default branch cannot be read", function()
    local gl = double.new {}
    local self, err = assert(flow.from_string("\na = pipeline { project = 'p/a' }", "f.lua"))
      :start { client = gl }
    assert.is_nil(self)
    assert.matches("^f.lua:2: the default branch of p/a cannot be read", err.message)
  end)

  it("refuses to play with a job token before anything is done", function()
    local gl = double.new { ["p/a"] = {} }
    gl.client = { auth = "job" }
    local self, err = assert(flow.from_string([[a = pipeline { project = "p/a" }
      d = play { pipeline = a, job = "x" }]], "f.lua")):start { client = gl }
    assert.is_nil(self)
    assert.is_true(err:is "InsufficientScopes")
    assert.equal(0, #gl.requests)
    self, err = assert(flow.from_string([[s = each { over = { 1 }, make = function()
      return pipeline { project = "p/a", ref = "main", on_manual = "play" } end }]], "f.lua"))
      :start { client = gl }
    assert.is_nil(self)
    assert.equal("f.lua:1: 's/1' plays manual jobs, which a CI job token cannot do", err.message)
  end)

  it("goes by the trigger endpoint where the token is a job's", function()
    local gl, rt = double.new { ["p/a"] = {} }
    gl.client = { auth = "job" }
    local made = assert(flow.from_string([[a = pipeline { project = "p/a", ref = "main" }]]))
    local self = assert(made:start { client = gl })
    assert.is_true((rt:run(function() return self:wait() end)))
    assert.is_nil(gl.asked("trigger")[1].token)
    assert.equal(0, #gl.asked "create")
  end)

  it("sends variables with a secret input as secrets", function()
    local _, ok, _, gl = run([[
      inputs = { key = { secret = true } }
      a = pipeline { project = "p/a", variables = { K = "Bearer " .. input.key, V = "1" },
        inputs = { deep = { input.key }, plain = "x" } }]],
      { ["p/a"] = {} }, { inputs = { key = "s3cr3t-value" } })
    assert.is_true(ok)
    local request = gl.asked("create")[1]
    assert.equal("x", request.inputs.plain)
    assert.equal("s3cr3t-value", request.inputs.deep[1]:reveal())
    local variables = request.variables
    assert.equal("1", variables.V)
    assert.equal("[secret]", tostring(variables.K))
    assert.equal("Bearer s3cr3t-value", variables.K:reveal())
  end)

  it("never shows a secret input, however it is written", function()
    local self, _, err, _, events = run([[
      inputs = { key = { secret = true } }
      a = call { run = function()
        print("key is " .. input.key .. " or 7333637233742d76616c7565")
        error("bad " .. input.key)
      end }]], {}, { inputs = { key = "s3cr3t-value" } })
    assert.is_nil(tostring(err):find "s3cr3t")
    assert.matches("bad %[secret%]", self.steps.a.error.message)
    local text = {}
    for _, event in ipairs(events) do
      text[#text + 1] = (event.text or "") .. (event.reason or "")
    end
    text = table.concat(text, "\n")
    assert.matches("key is %[secret%] or %[secret%]", text)
    assert.matches("bad %[secret%]", text)
    assert.is_nil(text:find "s3cr3t")
  end)

  it("says nothing more once it is left for later", function()
    local self, _, _, _, events = run([[a = approval { message = "go?" }]], {},
      { wait = { until_blocked = true } })
    local said = #events
    self:abandon()
    self.rt:run(function() self.rt:sleep(1) end)
    assert.equal(said, #events)
    assert.same({ "blocked", "blocked" }, { self.status, self.steps.a.status })
  end)

  it("did not succeed when GitLab skipped a pipeline", function()
    local self, ok, err = run([[
      a = pipeline { project = "p/a" }
      b = pipeline { project = "p/b", needs = { a } }
      c = pipeline { project = "p/b" }]], { ["p/a"] = { status = "skipped" }, ["p/b"] = {} })
    assert.equal("a skipped, b skipped, c success", statuses(self))
    assert.same({ "skipped", 3, false }, { self.status, self:exit_code(), ok })
    assert.equal("a was skipped: GitLab skipped the pipeline", err.message)
  end)

  it("looks once more at the deadline for what it waits for", function()
    local self = run([[
      a = wait_for { project = "p/a", ref = "main", sha = "abc", timeout = 30 }]], { ["p/a"] = {} })
    assert.equal("not done after 30 s", self.steps.a.reason)
  end)

  it("fails a step whose reference has no value, by its name", function()
    local self = run([[
      a = pipeline { project = "p/a" }
      b = pipeline { project = "p/a", variables = { C = a.coverage } }
      c = pipeline { project = "p/a", variables = { C = a.job("nope").id }, when = "always" }]],
      { ["p/a"] = {} })
    assert.matches("a.coverage has no value", self.steps.b.reason)
    assert.matches('a.job%("nope"%).id has no value', self.steps.c.reason)
  end)

  it("gives the fields of jobs by name", function()
    local _, ok, _, gl = run([[
      a = pipeline { project = "p/a" }
      b = pipeline { project = "p/a", variables = { J = a.job("deploy").web_url } }]],
      { ["p/a"] = { jobs = { { name = "deploy" } } } })
    assert.is_true(ok)
    assert.equal("https://gitlab.test/jobs/1001", gl.asked("create")[2].variables.J)
  end)

  it("goes on when a listener raises, and tells it to whoever made the run", function()
    local heard = 0
    local self, ok = run([[
      a = pipeline { project = "p/a" }
      b = pipeline { project = "p/a", needs = { a } }]], { ["p/a"] = { duration = 1 } },
      { on_event = function()
        heard = heard + 1
        error "the listener is broken"
      end })
    assert.is_true(ok)
    assert.equal("a success, b success", statuses(self))
    assert.equal(#self.log, heard)
    assert.matches("the listener is broken", self.listener_error)
  end)
end)
