-- Manual jobs and downstream pipelines: what a wait does about them.
local errors = require "gitlab_pipelines.errors"
local new_world = require("support.watch_world").new
local runtime = require "gitlab_pipelines.runtime"
local watch = require "gitlab_pipelines.watch"

describe("a wait", function()
  local rt, world, watcher
  before_each(function()
    rt = runtime.virtual.new { seed = 5 }
    world = new_world(rt)
    watcher = watch.new(world.source, rt)
  end)
  after_each(function()
    assert.are.equal(0, #watcher.scheduler.order)
    rt:sleep(100)
    assert.is_nil(rt.tasks.first)
    assert.is_nil(rt:next_deadline())
  end)

  local function elapsed() return rt:now() - 1767225600 end
  local function wait(pipeline, opts)
    return watcher:wait(pipeline.project.name, pipeline.id, opts)
  end

  describe("for a pipeline with manual jobs", function()
    local pipeline, played

    -- Each of these jobs blocks the pipeline (or not: `optional`) until it is played; after 30 s it
    -- has succeeded, and the pipeline stands at the next, or ends.
    local function with_jobs(...)
      pipeline.jobs, played = {}, {}
      for i, name in ipairs { ... } do
        pipeline.jobs[i] = { id = i, name = name, status = "manual", allow_failure = false }
      end
      world.on_play = function(_, id)
        local job = pipeline.jobs[id] or pipeline.bridges[1]
        played[#played + 1] = job.name
        if job.status ~= "manual" then return nil, errors.new "JobError.JobNotPlayable" end
        job.status = "success"
        local blocked = false
        for _, other in ipairs(pipeline.jobs) do
          blocked = blocked or (other.status == "manual" and not other.allow_failure)
        end
        world:extend(pipeline, { { 1, "running" }, { 30, blocked and "manual" or "success" } })
        return job
      end
    end

    before_each(function()
      pipeline = world:pipeline("acme/app", { { 0, "running" }, { 20, "manual" } })
    end)

    it("ends with 'blocked', unless told otherwise, and never hangs", function()
      with_jobs "deploy"
      local row, verdict = wait(pipeline)
      assert.are.equal("blocked", verdict)
      assert.are.equal("manual", row.status)
      assert.is_true(elapsed() < 30)
      assert.is_nil(world.requests.play)
    end)

    it("goes on waiting with 'ignore': somebody else will play it", function()
      with_jobs "deploy"
      rt:after(3000, function() world:extend(pipeline, { { 0, "running" }, { 20, "success" } }) end)
      assert.are.equal("success", (select(2, wait(pipeline, { on_manual = "ignore" }))))
      assert.is_nil(world.requests.play)
    end)

    it("plays what blocks, once each, with 'play'", function()
      with_jobs("approve", "deploy")
      pipeline.jobs[3] = { id = 3, name = "optional", status = "manual", allow_failure = true }
      assert.are.equal("success", (select(2, wait(pipeline, { on_manual = "play" }))))
      assert.are.same({ "approve", "deploy" }, played)
    end)

    it("plays once even where replicas show the old status for long", function()
      with_jobs("approve", "deploy")
      world.lag = function() return 45 end
      rt:sleep(60)
      assert.are.equal("success", (select(2, wait(pipeline, { on_manual = "play" }))))
      assert.are.same({ "approve", "deploy" }, played)
    end)

    it("asks again where no replica shows yet by what the pipeline is blocked", function()
      with_jobs("approve")
      local jobs, from = world.source.jobs, rt:now()
      world.source.jobs = function(...)
        local rows, err = jobs(...)
        return rt:now() - from > 75 and rows or rows and {}, err
      end
      assert.are.equal("success", (select(2, wait(pipeline, { on_manual = "play" }))))
      assert.are.same({ "approve" }, played)
    end)

    it("is blocked at once where another job blocks than those that are named", function()
      with_jobs("approve")
      assert.are.equal("blocked", (select(2, wait(pipeline, { on_manual = { "deploy" } }))))
      assert.is_true(elapsed() < 30)
      assert.are.same({}, played)
    end)

    it("plays a trigger job too", function()
      with_jobs()
      pipeline.bridges = { { id = 44, name = "trigger", status = "manual", allow_failure = false } }
      assert.are.equal("success", (select(2, wait(pipeline, { on_manual = "play" }))))
      assert.are.same({ "trigger" }, played)
    end)

    it("plays the jobs that are named, one after another in this order, and no other", function()
      with_jobs("first", "second", "third")
      local _, verdict = wait(pipeline, { on_manual = { "second", "first" } })
      assert.are.equal("blocked", verdict)
      assert.are.same({ "second", "first" }, played)
      assert.is_true(elapsed() >= 80)
    end)

    it("plays a named job that may be left alone, after the pipeline has ended without it", function()
      pipeline = world:pipeline("acme/app", { { 0, "running" }, { 20, "success" } })
      with_jobs "deploy"
      pipeline.jobs[1].allow_failure = true
      local row, verdict = wait(pipeline, { on_manual = { "deploy" } })
      assert.are.equal("success", verdict)
      assert.are.same({ "deploy" }, played)
      assert.is_true(elapsed() >= 50)
      assert.is_true(row.updated_at > "2026-01-01T00:00:40")
    end)

    it("ends as the pipeline does where a named job is not there", function()
      pipeline = world:pipeline("acme/app", { { 0, "running" }, { 20, "success" } })
      pipeline.jobs = { { id = 1, name = "build", status = "success" } }
      assert.are.equal("success", (select(2, wait(pipeline, { on_manual = { "deploy" } }))))
      assert.are.equal(1, world.requests.jobs)
    end)

    it("takes a job that somebody else has just played for played", function()
      with_jobs "deploy"
      local real = world.on_play
      world.on_play = function(project, id)
        real(project, id)
        return real(project, id)
      end
      assert.are.equal("success", (select(2, wait(pipeline, { on_manual = "play" }))))
    end)

    it("returns the error when it may not play", function()
      with_jobs "deploy"
      world.on_play = function() return nil, errors.new "AccessError.PermissionDenied" end
      local row, err = wait(pipeline, { on_manual = "play" })
      assert.is_nil(row)
      assert.is_true(err:is "PermissionDenied")
      assert.are.equal(1, world.requests.play)
    end)

    it("ends with 'blocked' when nothing follows a play", function()
      with_jobs "deploy"
      world.on_play = function(_, id) return pipeline.jobs[id] end
      assert.are.equal("blocked", (select(2, wait(pipeline, { on_manual = "play" }))))
      assert.are.equal(1, world.requests.play)
      assert.is_true(elapsed() >= 80)
    end)
  end)

  describe("for a whole tree", function()
    -- A trigger job of `parent` that starts `downstream` after some seconds; with `depend` it runs
    -- as long as the downstream does.
    local function bridge(parent, downstream, fields)
      local from = rt:now()
      fields = fields or {}
      table.insert(parent.bridges, function(at)
        local row = { id = downstream.id * 10, name = "trigger-" .. downstream.id, status = "created",
          allow_failure = fields.allow_failure or false }
        if at - from < (fields.after or 5) then return row end
        row.status = "success"
        if at - from >= (fields.shown or 0) then
          row.downstream_pipeline = { id = downstream.id, project_id = downstream.project.id,
            status = "created", source = downstream.fields.source, sha = "abc",
            updated_at = "2026-01-01T00:00:00.000Z" }
        end
        if fields.depend then
          local last
          for _, change in ipairs(downstream.history) do
            if change.at <= at then last = change.status end
          end
          local ended = last == "success" or last == "failed" or last == "canceled"
          row.status = ended and last or "running"
        end
        return row
      end)
    end

    local function pipeline(project, history, fields) return world:pipeline(project, history, fields) end

    it("looks at downstreams only when asked to", function()
      local root = pipeline("acme/app", { { 0, "running" }, { 30, "success" } })
      bridge(root, pipeline("acme/web", { { 5, "running" }, { 100, "failed" } }, { source = "pipeline" }))
      assert.are.equal("success", (select(2, wait(root))))
      assert.is_nil(world.requests.bridges)
    end)

    it("waits for children and for pipelines of other projects, at any depth", function()
      local root = pipeline("acme/app", { { 0, "running" }, { 30, "success" } })
      local child = pipeline("acme/app", { { 5, "running" }, { 60, "success" } }, { source = "parent_pipeline" })
      local web = pipeline("acme/web", { { 5, "running" }, { 90, "success" } }, { source = "pipeline" })
      local deep = pipeline("acme/deep", { { 50, "running" }, { 400, "success" } }, { source = "pipeline" })
      bridge(root, child)
      bridge(root, web)
      bridge(web, deep, { after = 50 })
      local row, verdict = wait(root, { downstream = true })
      assert.are.equal("success", verdict)
      assert.are.equal(root.id, row.id)
      assert.is_true(elapsed() >= 400 and elapsed() < 440, elapsed())
    end)

    it("fails when a pipeline fails for which nobody in the root waited", function()
      local root = pipeline("acme/app", { { 0, "running" }, { 30, "success" } })
      local web = pipeline("acme/web", { { 5, "running" }, { 200, "success" } }, { source = "pipeline" })
      bridge(root, web)
      bridge(web, pipeline("acme/deep", { { 5, "running" }, { 90, "failed" } }, { source = "pipeline" }))
      assert.are.equal("failed", (select(2, wait(root, { downstream = true }))))
      assert.is_true(elapsed() >= 200)
    end)

    it("forgives where the trigger job may fail", function()
      local root = pipeline("acme/app", { { 0, "running" }, { 30, "success" } })
      bridge(root, pipeline("acme/web", { { 5, "running" }, { 90, "failed" } }, { source = "pipeline" }),
        { allow_failure = true })
      assert.are.equal("success", (select(2, wait(root, { downstream = true }))))
      assert.is_true(elapsed() >= 90)
    end)

    it("is blocked when the root only runs because its child stands at a manual job", function()
      local root = pipeline("acme/app", { { 0, "running" } })
      bridge(root, pipeline("acme/app", { { 5, "running" }, { 50, "manual" } }, { source = "parent_pipeline" }),
        { depend = true })
      local row, verdict = wait(root, { downstream = true })
      assert.are.equal("blocked", verdict)
      assert.are.equal("running", row.status)
      assert.is_true(elapsed() < 150, elapsed())
    end)

    it("does not end before a downstream that a replica does not show yet", function()
      local root = pipeline("acme/app", { { 0, "running" }, { 30, "success" } })
      bridge(root, pipeline("acme/web", { { 5, "running" }, { 200, "failed" } }, { source = "pipeline" }),
        { shown = 70 })
      assert.are.equal("failed", (select(2, wait(root, { downstream = true }))))
    end)

    it("follows a trigger job's retry to the new downstream", function()
      local root = pipeline("acme/app", { { 0, "running" }, { 300, "success" } })
      local first = pipeline("acme/web", { { 5, "running" }, { 90, "failed" } }, { source = "pipeline" })
      bridge(root, first)
      rt:after(150, function()
        root.bridges = {}
        bridge(root, pipeline("acme/web", { { 0, "running" }, { 250, "success" } }, { source = "pipeline" }))
      end)
      assert.are.equal("success", (select(2, wait(root, { downstream = true }))))
      assert.is_true(elapsed() >= 400)
    end)

    it("reports the changes of all and cancels all that run with cancel_on_timeout", function()
      local root = pipeline("acme/app", { { 0, "running" }, { 30, "success" } })
      local web = pipeline("acme/web", { { 5, "running" } }, { source = "pipeline" })
      bridge(root, web)
      local seen = {}
      local _, err = wait(root, { downstream = true, timeout = 100, cancel_on_timeout = true,
        on_change = function(row) seen[#seen + 1] = row.id .. " " .. row.status end })
      assert.is_true(err:is "TimedOut")
      assert.matches(("pipeline %d of %%S+ was still running after 100 s"):format(web.id), err.message)
      assert.are.equal(1, world.requests.cancel)
      assert.are.equal("canceled", web.history[#web.history].status)
      assert.are.same({ root.id .. " running", web.id .. " created", web.id .. " running",
        root.id .. " success" }, seen)
    end)

    it("tolerates five failed readings of the trigger jobs and returns the sixth error", function()
      local root = pipeline("acme/app", { { 0, "running" }, { 30, "success" } })
      local count = 0
      world.faults.bridges = function()
        count = count + 1
        if count <= 5 then return errors.new("ServerError.InternalError", { retryable = true }) end
      end
      assert.are.equal("success", (select(2, wait(root, { downstream = true }))))
      world.faults.bridges = function() return errors.new("ServerError.InternalError", { retryable = true }) end
      local _, err = wait(root, { downstream = true })
      assert.is_true(err:is "InternalError")
    end)
  end)
end)
