local errors = require "gitlab_pipelines.errors"
local new_world = require("support.watch_world").new
local runtime = require "gitlab_pipelines.runtime"
local watch = require "gitlab_pipelines.watch"

local status = require("gitlab_pipelines.core").status

describe("waiting for a pipeline", function()
  local rt, world, watcher
  before_each(function()
    rt = runtime.virtual.new { seed = 21 }
    world = new_world(rt)
    watcher = watch.new(world.source, rt)
  end)
  -- Whatever happened: no timer, no follow, no task is left.
  after_each(function()
    assert.are.equal(0, #watcher.scheduler.order)
    assert.are.equal(0, watcher.scheduler.awaited)
    rt:sleep(200)
    assert.is_nil(rt.tasks.first)
    assert.is_nil(rt:next_deadline())
  end)

  local function start() return 1767225600 end
  local function elapsed() return rt:now() - start() end
  local function wait(pipeline, opts)
    return watcher:wait(pipeline.project.name, pipeline.id, opts)
  end
  local function unavailable()
    return errors.new("ServerError.ServiceUnavailable", { retryable = true, status = 503 })
  end

  it("gives the pipeline and its status as the verdict, for each finished status", function()
    for _, final in ipairs { "success", "failed", "canceled", "skipped" } do
      local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 40, final } })
      local row, verdict = wait(pipeline)
      assert.are.equal(final, verdict)
      assert.are.equal(final, row.status)
      assert.are.equal(pipeline.id, row.id)
      assert.are.equal(5, row.duration)
    end
  end)

  it("waits through every other status, one that nobody has heard of included", function()
    for _, name in ipairs(status.all) do
      if not status.is_finished(name) and name ~= "manual" then
        local pipeline = world:pipeline("acme/app", { { 0, name }, { 100, "success" } })
        local from = rt:now()
        assert.are.equal("success", (select(2, wait(pipeline))), name)
        assert.is_true(rt:now() - from >= 100, name)
      end
    end
    local odd = world:pipeline("acme/app", { { 0, "sublimating" }, { 5000, "success" } })
    assert.are.equal("success", (select(2, wait(odd))))
  end)

  it("reports each change once, in order, with the status before", function()
    local pipeline = world:pipeline("acme/app",
      { { 0, "created" }, { 10, "pending" }, { 50, "running" }, { 300, "success" } })
    local seen = {}
    wait(pipeline, { on_change = function(row, old) seen[#seen + 1] = tostring(old) .. ">" .. row.status end })
    assert.are.same({ "nil>created", "created>pending", "pending>running", "running>success" }, seen)
  end)

  it("gives one that is stuck as whole as one that has ended", function()
    local one = world:pipeline("acme/app", { { 0, "pending" } })
    local two = world:pipeline("acme/app", { { 0, "pending" } })
    local results = assert(watcher:watch { { "acme/app", one.id }, { "acme/app", two.id } })
    for _, result in ipairs(results) do
      assert.are.equal("stuck", result.verdict)
      assert.are.equal("pending", result.pipeline.status)
      assert.is_string(result.pipeline.web_url)
    end
    local row, verdict = wait(one)
    assert.are.equal("stuck", verdict)
    assert.is_string(row.web_url)
  end)

  it("shows who joins late, or after a write of ours, what a list would show", function()
    local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 300, "success" } })
    watcher:record_write("acme/app", { id = pipeline.id, status = "running", web_url = "x", iid = 7, ref = "main",
      updated_at = "2026-01-01T00:00:00.000Z", user = { name = "somebody" } })
    local first = {}
    rt:run(function()
      for i = 1, 3 do
        rt:spawn(function()
          wait(pipeline, { on_change = function(row) first[i] = first[i] or row end })
        end)
        rt:sleep(20)
      end
    end)
    for i = 1, 3 do
      assert.are.equal("running", first[i].status)
      assert.are.equal("main", first[i].ref)
      assert.is_string(first[i].web_url)
    end
  end)

  it("lets on_change call, raise and be cancelled like any other code", function()
    local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 30, "success" } })
    local jobs
    wait(pipeline, { on_change = function(row) jobs = world.source.jobs("acme/app", row.id) end })
    assert.are.same({}, jobs)
    local ok, raised = pcall(wait, pipeline, { on_change = function() error("mine", 0) end })
    assert.is_false(ok)
    assert.are.equal("mine", raised)
  end)

  it("looks often at first, ever less while nothing changes, and often again after a change", function()
    local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 250, "pending" }, { 260, "success" } })
    wait(pipeline)
    local gaps = {}
    for i = 2, #world.log do gaps[i - 1] = world.log[i].at - world.log[i - 1].at end
    assert.is_true(gaps[1] < 2.6)
    for i = 1, #gaps do assert.is_true(gaps[i] >= 2 and gaps[i] < 30.1, "gap " .. i .. ": " .. gaps[i]) end
    local longest = 0
    for i = 1, #gaps - 3 do longest = math.max(longest, gaps[i]) end
    assert.is_true(longest > 25)
    assert.is_true(gaps[#gaps] < 4)
    -- Exponential growth: few looks for many seconds.
    assert.is_true(#world.log < 24, #world.log .. " looks")
  end)

  it("takes the interval that it is given", function()
    local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 100, "success" } })
    wait(pipeline, { interval = { min = 10, max = "10s" } })
    assert.is_true(#world.log >= 10 and #world.log <= 12, #world.log .. " looks")
  end)

  it("sends the ETag, and takes 'unchanged' for an answer", function()
    local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 60, "success" } })
    wait(pipeline)
    assert.are.equal(world.requests.get - 2, world.unchanged)
  end)

  it("serves waits for the same pipeline with the same requests", function()
    local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 60, "success" } })
    wait(pipeline)
    local alone = world.total
    world.total = 0
    world:extend(pipeline, { { 0, "running" }, { 60, "success" } })
    local list = {}
    for i = 1, 10 do list[i] = function() return select(2, wait(pipeline)) end end
    local verdicts = assert(rt:all(list))
    assert.are.same({ n = 10, "success", "success", "success", "success", "success", "success",
      "success", "success", "success", "success" }, verdicts)
    assert.is_true(world.total <= alone + 3, world.total .. " for ten, " .. alone .. " for one")
  end)

  describe("that never ends", function()
    it("gives up at the deadline, 2 hours by default", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" } })
      local row, err = wait(pipeline, { timeout = "10m" })
      assert.is_nil(row)
      assert.is_true(err:is "WaitError.TimedOut")
      assert.are.equal(600, elapsed())
      assert.are.equal("pipeline 101 of acme/app was still running after 600 s", err.message)
      assert.is_nil(world.requests.cancel)
      local _, second = wait(pipeline)
      assert.is_true(second:is "TimedOut")
      assert.are.equal(7800, elapsed())
    end)

    it("is polled once more when the deadline comes, whatever the interval has grown to", function()
      for after = 560, 597 do
        local pipeline = world:pipeline("acme/app", { { 0, "running" }, { after, "success" } })
        local row, verdict = wait(pipeline, { timeout = 600 })
        assert.is_table(row, ("ended after %d s, %s"):format(after, tostring(verdict)))
        assert.are.equal("success", verdict)
      end
    end)

    it("gives up also while a request hangs", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" } })
      world.latency = 1000
      local _, err = wait(pipeline, { timeout = 10 })
      assert.is_true(err:is "WaitError.TimedOut")
      assert.are.equal(10, elapsed())
      assert.matches("had not appeared", err.message)
      rt:sleep(1)
      assert.are.equal(1, world.withdrawn)
    end)

    it("is cancelled with cancel_on_timeout", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" } })
      local _, err = wait(pipeline, { timeout = 60, cancel_on_timeout = true })
      assert.is_true(err:is "WaitError.TimedOut")
      assert.are.equal(1, world.requests.cancel)
      assert.are.equal("canceled", pipeline.history[#pipeline.history].status)
    end)

    it("ends with its task, and then cancels the pipeline too if that was asked for", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" } })
      for _, cancels in ipairs { false, true } do
        rt:run(function()
          local task = rt:spawn(wait, pipeline, { cancel_on_timeout = cancels })
          rt:sleep(33)
          task:cancel()
          local row, err = task:join()
          assert.is_nil(row)
          assert.is_true(err:is "TaskError.Cancelled")
        end)
        assert.are.equal(cancels and 1 or nil, world.requests.cancel)
      end
    end)

    it("ends when the client is closed", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" } })
      rt:after(50, function() watcher:close() end)
      local _, err = wait(pipeline)
      assert.is_true(err:is "TaskError.Cancelled")
      assert.are.equal(50, elapsed())
      assert.is_true(select(2, wait(pipeline)):is "TaskError.Cancelled")
    end)
  end)

  describe("that is stuck", function()
    for _, name in ipairs { "created", "preparing", "pending", "waiting_for_resource",
      "waiting_for_callback" } do
      it("says so when nothing moved in " .. name .. " for stuck_after", function()
        local pipeline = world:pipeline("acme/app", { { 0, "created" }, { 100, name } })
        local row, verdict = wait(pipeline)
        assert.are.equal("stuck", verdict)
        assert.are.equal(name, row.status)
        assert.is_true(elapsed() >= 1900 and elapsed() < 1940, elapsed())
      end)
    end

    it("does not call a running or scheduled one so", function()
      for _, name in ipairs { "running", "scheduled", "canceling" } do
        local pipeline = world:pipeline("acme/app", { { 0, name } })
        assert.is_true((select(2, wait(pipeline, { stuck_after = 60 }))):is "TimedOut", name)
      end
    end)

    it("counts from the last move", function()
      local pipeline = world:pipeline("acme/app", { { 0, "pending" }, { 90, "pending" },
        { 180, "pending" }, { 270, "running" }, { 300, "success" } })
      assert.are.equal("success", (select(2, wait(pipeline, { stuck_after = 120 }))))
    end)

    it("is found by a job that no runner took, while others run", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" } })
      pipeline.jobs = { { id = 1, name = "build", status = "running" },
        { id = 2, name = "gpu", status = "failed", failure_reason = "no_matching_runner" } }
      local _, verdict = wait(pipeline)
      assert.are.equal("stuck", verdict)
      assert.is_true(elapsed() < 340)
      assert.are.equal(1, world.requests.jobs)
    end)
  end)

  describe("with errors in between", function()
    it("tolerates five in a row, and again five", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 400, "success" } })
      local count = 0
      world.faults.get = function()
        count = count + 1
        if count % 6 ~= 0 then return unavailable() end
      end
      assert.are.equal("success", (select(2, wait(pipeline))))
      assert.is_true(count > 12)
    end)

    it("returns the sixth", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" } })
      world.faults.get = unavailable
      local row, err = wait(pipeline)
      assert.is_nil(row)
      assert.is_true(err:is "ServiceUnavailable")
      assert.are.equal(6, world.requests.get)
    end)

    it("returns at once what asking again will not mend", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" } })
      for _, name in ipairs { "AuthenticationError.TokenRevoked", "AccessError.PermissionDenied",
        "AccessError.ProjectNotFound" } do
        world.requests.get = 0
        world.faults.get = function() return errors.new(name) end
        assert.is_true((select(2, wait(pipeline))):is(name))
        assert.are.equal(1, world.requests.get)
      end
    end)

    it("does not ask before the time that the server gave", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 30, "success" } })
      local times = {}
      world.faults.get = function()
        times[#times + 1] = elapsed()
        if #times == 1 then
          return errors.new("RateLimitError.TooManyRequests", { retryable = true, retry_after = 120 })
        end
      end
      assert.are.equal("success", (select(2, wait(pipeline))))
      assert.is_true(times[2] - times[1] >= 120)
    end)

    it("raises, to the waiter, a mistake in the source", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" } })
      world.faults.get = function() error("mistake", 0) end
      local ok, raised = pcall(wait, pipeline)
      assert.is_false(ok)
      assert.matches("mistake", raised)
    end)
  end)

  describe("that is not there", function()
    it("was deleted, after two 404s at least 5 s apart", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" } })
      rt:after(140, function() world:delete(pipeline) end)
      local row, err = wait(pipeline)
      assert.is_nil(row)
      assert.is_true(err:is "WaitError.Deleted")
      assert.are.equal("pipeline 101 of acme/app was deleted while it was awaited", err.message)
      local first
      for _, request in ipairs(world.log) do
        if request.at > start() + 140 and not first then first = request.at end
      end
      assert.is_true(rt:now() - first >= 5)
      assert.is_true(rt:now() - first < 10)
    end)

    it("is not gone within 120 s of being seen first, however many replicas do not show it", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 100, "success" } })
      local seen = false
      world.faults.get = function()
        if seen and elapsed() < 90 then
          return errors.new("AccessError.PipelineNotFound", { status = 404 })
        end
        seen = true
      end
      assert.are.equal("success", (select(2, wait(pipeline))))
    end)

    it("was deleted soon after it was seen first: that shows after 120 s", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" } })
      rt:after(10, function() world:delete(pipeline) end)
      local _, err = wait(pipeline)
      assert.is_true(err:is "WaitError.Deleted")
      assert.is_true(elapsed() >= 125 and elapsed() < 160, elapsed())
    end)

    it("is not gone for one 404 of a replica", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 100, "success" } })
      local count = 0
      world.faults.get = function()
        count = count + 1
        if count == 3 then
          return errors.new("AccessError.PipelineNotFound", { status = 404 })
        end
      end
      assert.are.equal("success", (select(2, wait(pipeline))))
    end)

    it("never was, if nobody ever saw it", function()
      world:project("acme/app")
      local _, err = watcher:wait("acme/app", 7)
      assert.is_true(err:is "AccessError.PipelineNotFound")
      assert.is_true(elapsed() >= 5 and elapsed() < 10)
    end)

    it("may take 120 s to show itself after we created it", function()
      world.lag = function() return 100 end
      local pipeline = world:pipeline("acme/app", { { 0, "created" }, { 10, "success" } })
      watcher:record_write("acme/app", { id = pipeline.id, project_id = pipeline.project.id,
        status = "created", updated_at = "2026-01-01T00:00:00.000Z" })
      assert.are.equal("success", (select(2, wait(pipeline))))
      assert.is_true(elapsed() > 110)
    end)

    it("is deleted if our own creation does not show up after that", function()
      world:project("acme/app")
      watcher:record_write("acme/app", { id = 9, status = "created", updated_at = "2026-01-01T00:00:00.000Z" })
      local _, err = watcher:wait("acme/app", 9)
      assert.is_true(err:is "WaitError.Deleted")
      assert.is_true(elapsed() >= 125 and elapsed() < 160, elapsed())
    end)

    it("may take as long as `appear` says", function()
      rt:after(200, function() world:pipeline("acme/app", { { 0, "running" }, { 10, "success" } }, { id = 7 }) end)
      world:project("acme/app")
      assert.are.equal("success", (select(2, watcher:wait("acme/app", 7, { appear = "5m" }))))
      local from = rt:now()
      local _, err = watcher:wait("acme/app", 8, { appear = 50 })
      assert.is_true(err:is "PipelineNotFound")
      assert.is_true(rt:now() - from >= 55)
    end)
  end)

  describe("that was retried", function()
    it("is not ended by the failure from before, which a replica still shows", function()
      local pipeline = world:pipeline("acme/app", { { 0, "failed" } })
      rt:sleep(100)
      world:extend(pipeline, { { 0, "running" }, { 100, "success" } })
      -- What the retry answered; every replica lags.
      watcher:record_write("acme/app", { id = pipeline.id, project_id = pipeline.project.id,
        status = "running", updated_at = "2026-01-01T00:01:40.000Z" })
      world.lag = function() return 50 end
      local seen = {}
      local _, verdict = wait(pipeline, { on_change = function(row) seen[#seen + 1] = row.status end })
      assert.are.equal("success", verdict)
      assert.are.same({ "running", "success" }, seen)
    end)

    it("is not ended by an end that we saw a while ago, which somebody has undone since", function()
      local pipeline = world:pipeline("acme/app", { { 0, "failed" }, { 30, "running" }, { 90, "success" } })
      watcher:record_write("acme/app", { id = pipeline.id, project_id = pipeline.project.id,
        status = "failed", updated_at = "2026-01-01T00:00:00.000Z" })
      rt:sleep(60)
      assert.are.equal("success", (select(2, wait(pipeline))))
      -- Just seen, it is an end; and an end that a replica is behind of stays one.
      local other = world:pipeline("acme/app", { { 0, "running" }, { 1, "canceled" } })
      rt:sleep(10)
      world.lag = function() return 10.5 end
      watcher:record_write("acme/app", { id = other.id, project_id = other.project.id, status = "canceled",
        updated_at = require("gitlab_pipelines.core").time.iso(rt:now() - 9) })
      world.total = 0
      assert.are.equal("canceled", (select(2, wait(other))))
      assert.are.equal(0, world.total)
      rt:sleep(10)
      world.lag = function() return 19.5 end
      assert.are.equal("canceled", (select(2, wait(other))))
      assert.are.equal(1, world.total)
    end)

    it("goes back to running for whoever watches several", function()
      local one = world:pipeline("acme/app", { { 0, "running" }, { 20, "failed" } })
      local two = world:pipeline("acme/app", { { 0, "running" }, { 300, "success" } })
      local three = world:pipeline("acme/app", { { 0, "running" }, { 300, "success" } })
      rt:after(100, function() world:extend(one, { { 0, "running" }, { 400, "success" } }) end)
      local seen = {}
      local results = assert(watcher:watch(
        { { "acme/app", one.id }, { "acme/app", two.id }, { "acme/app", three.id } },
        { on_change = function(project, row, old)
          if row.id == one.id then seen[#seen + 1] = project .. " " .. tostring(old) .. ">" .. row.status end
        end }))
      assert.are.same({ "acme/app nil>running", "acme/app running>failed", "acme/app failed>running",
        "acme/app running>success" }, seen)
      assert.are.equal("success", results[1].verdict)
      assert.is_true(elapsed() >= 500)
    end)
  end)

  describe("that is woken", function()
    it("looks at once", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 500.5, "success" } })
      rt:after(501, function() watcher:wake(pipeline.project.id, pipeline.id) end)
      assert.are.equal("success", (select(2, wait(pipeline))))
      assert.is_true(elapsed() < 501.2, elapsed())
    end)

    it("by a receiver, as long as the wait lasts", function()
      local subscribed, ended
      local receiver = { subscribe = function(_, fn)
        subscribed = fn
        return function() ended = true end
      end }
      local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 500.5, "success" } })
      rt:after(501, function()
        subscribed { project = { id = pipeline.project.id }, pipeline = { id = pipeline.id } }
        subscribed { project = 999, pipeline = 1 }
        subscribed {}
      end)
      wait(pipeline, { wake = receiver })
      assert.is_true(elapsed() < 501.2)
      assert.is_true(ended)
    end)

    it("by a swarm of events looks once a second", function()
      local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 111.5, "success" } })
      for i = 1, 100 do rt:after(100 + i / 10, function() watcher:wake("acme/app") end) end
      wait(pipeline)
      local looks = 0
      for _, request in ipairs(world.log) do
        if request.at >= start() + 100 and request.at < start() + 110 then looks = looks + 1 end
      end
      assert.is_true(looks >= 8 and looks <= 11, looks .. " looks in 10 s")
    end)
  end)

  it("works inside table.sort and a coroutine of the user's own", function()
    local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 60, "success" } })
    local verdicts = {}
    table.sort({ 2, 1 }, function(a, b)
      verdicts[#verdicts + 1] = select(2, wait(pipeline))
      return a < b
    end)
    coroutine.wrap(function() verdicts[#verdicts + 1] = select(2, wait(pipeline)) end)()
    for _, verdict in ipairs(verdicts) do assert.are.equal("success", verdict) end
    assert.is_true(#verdicts >= 2)
  end)

  it("refuses options that it does not know, and values that make no sense", function()
    local function refused(opts, message)
      assert.error_matches(function() watcher:wait("acme/app", 1, opts) end, message)
    end
    refused({ on_manal = "play" }, "pipelines.wait: unknown option 'on_manal'")
    refused({ on_manual = "wait" }, '"block", "play", "ignore" or a list of job names')
    refused({ on_manual = {} }, "at least one job")
    refused({ timeout = "soon" }, "option 'timeout'")
    refused({ interval = { min = 5, max = 1 } }, "min below its max")
    refused({ interval = { least = 5 } }, "only min, max and factor")
    refused({ interval = { min = 0 } }, "above 0")
    refused({ interval = { factor = 0.5 } }, "factor of at least 1")
    refused({ wake = {} }, "must be a webhook receiver")
    assert.error_matches(function() watcher:wait(nil, 1) end, "the project must be")
    assert.error_matches(function() watcher:wait("a/b", "1") end, "the id must be a whole number")
    assert.error_matches(function() watcher:wait_job("a/b", 1, { downstream = true }) end, "unknown option")
    assert.error_matches(function() watcher:watch { 1 } end, "a list of {project, id} is expected")
  end)

  describe("among many", function()
    it("gives each its verdict, in the order of the list, also where one cannot be read", function()
      local list = {}
      for i, final in ipairs { "success", "failed", "manual" } do
        local pipeline = world:pipeline("acme/" .. i, { { 0, "running" }, { 10 * i, final } })
        list[i] = { pipeline.project.name, pipeline.id }
      end
      world:project("acme/none")
      list[4] = { "acme/none", 1 }
      local results = assert(watcher:watch(list))
      assert.are.equal("success", results[1].verdict)
      assert.are.equal("failed", results[2].verdict)
      assert.are.equal("blocked", results[3].verdict)
      assert.is_true(results[4].err:is "PipelineNotFound")
      assert.are.equal("acme/3", results[3].project)
      assert.are.equal(list[3][2], results[3].pipeline.id)
      assert.are.same({}, watcher:watch {})
    end)

    it("gives up at the deadline and says how many are open", function()
      local one = world:pipeline("acme/app", { { 0, "running" } })
      local two = world:pipeline("acme/app", { { 0, "success" } })
      local results, err = watcher:watch({ { "acme/app", one.id }, { "acme/app", two.id } }, { timeout = 90 })
      assert.is_nil(results)
      assert.are.equal("1 of 2 pipelines had not ended after 90 s", err.message)
    end)
  end)

  describe("of a job", function()
    it("gives the job and its verdict", function()
      local from = rt:now()
      world.jobs = { [5] = function(at)
        return { id = 5, status = at - from < 100 and "running" or "failed", failure_reason = "script_failure" }
      end }
      local seen = {}
      local job, verdict = watcher:wait_job("acme/app", 5,
        { on_change = function(row, old) seen[#seen + 1] = tostring(old) .. ">" .. row.status end })
      assert.are.equal("failed", verdict)
      assert.are.equal("script_failure", job.failure_reason)
      assert.are.same({ "nil>running", "running>failed" }, seen)
    end)

    it("tells blocked, plays it when asked, and finds it stuck", function()
      local played
      world.jobs = { [5] = function(at)
        if not played then return { id = 5, status = "manual" } end
        return { id = 5, status = at - played < 30 and "pending" or "success" }
      end, [6] = function() return { id = 6, status = "pending" } end }
      world.on_play = function(_, id)
        played = rt:now()
        return { id = id, status = "pending" }
      end
      assert.are.equal("blocked", (select(2, watcher:wait_job("acme/app", 5))))
      assert.are.equal("success", (select(2, watcher:wait_job("acme/app", 5, { on_manual = "play" }))))
      assert.are.equal(1, world.requests.play)
      assert.are.equal("stuck", (select(2, watcher:wait_job("acme/app", 6, { stuck_after = "10m" }))))
      local _, err = watcher:wait_job("acme/app", 77)
      assert.is_true(err:is "AccessError.JobNotFound")
    end)
  end)
end)
