-- What jobs go through before they run, and trigger jobs that follow what they have made.
local calls = require "support.mock_calls"

local function world(jobs, more)
  local projects = { ["acme/app"] = { id = 5, created = 0, queued = 1, jobs = jobs } }
  for path, project in pairs(more or {}) do projects[path] = project end
  return { projects = projects }
end

-- The statuses of a pipeline's jobs by name, with the pipeline's own as [1].
local function statuses(gl, pipeline, project)
  local base = ("/projects/%d/pipelines/%d"):format(project or 5, pipeline)
  local found = { select(2, gl:get(base)).status }
  for _, list in ipairs { "/jobs", "/trigger_jobs" } do
    for _, job in ipairs((select(2, gl:get(base .. list)))) do found[job.name] = job.status end
  end
  return found
end

describe("a job before it runs", function()
  it("is prepared, waits for a callback, and then for a runner", function()
    for at, status in pairs { [0] = "preparing", [1.999] = "preparing", [2] = "waiting_for_callback",
      [4.999] = "waiting_for_callback", [5] = "pending", [6] = "running", [9.999] = "running", [10] = "success" } do
      local gl = assert(calls.new { world = world { { name = "a", preparing = 2, callback = 3, duration = 4 } } })
      gl:post("/projects/5/pipeline", { ref = "main" })
      gl.at = at
      assert.same({ status, a = status }, statuses(gl, 1))
      gl:close()
    end
  end)

  it("waits while another of its resource group has the resource, the oldest first", function()
    local gl = assert(calls.new { world = world { { name = "a", resource_group = "production", duration = 4 } } })
    for _ = 1, 3 do gl:post("/projects/5/pipeline", { ref = "main" }) end
    assert.same({ "pending", a = "pending" }, statuses(gl, 1))
    assert.same({ "waiting_for_resource", a = "waiting_for_resource" }, statuses(gl, 2))
    gl.at = 5 -- queued 1, runs 4: the resource is free
    assert.same({ "success", a = "success" }, statuses(gl, 1))
    assert.same({ "pending", a = "pending" }, statuses(gl, 2))
    assert.same({ "waiting_for_resource", a = "waiting_for_resource" }, statuses(gl, 3))
    gl:post("/projects/5/pipelines/2/cancel")
    assert.same({ "pending", a = "pending" }, statuses(gl, 3))
    gl:delete "/projects/5/pipelines/3"
    gl:post("/projects/5/pipeline", { ref = "main" })
    assert.same({ "pending", a = "pending" }, statuses(gl, 4))
    gl:close()
  end)

  it("gives its resource back when its pipeline is deleted", function()
    local gl = assert(calls.new { world = world { { name = "a", resource_group = "production", never = true } } })
    gl:post("/projects/5/pipeline", { ref = "main" })
    gl:post("/projects/5/pipeline", { ref = "main" })
    gl:delete "/projects/5/pipelines/1"
    gl.at = 1
    assert.same({ "running", a = "running" }, statuses(gl, 2))
    gl:close()
  end)

  it("is scheduled until its time comes or it is played", function()
    local delayed = { { name = "a", when = "delayed", start_in = 30, duration = 1 } }
    for _, play in ipairs { false, true } do
      local gl = assert(calls.new { world = world(delayed) })
      gl:post("/projects/5/pipeline", { ref = "main" })
      assert.same({ "scheduled", a = "scheduled" }, statuses(gl, 1))
      gl.at = 10
      if play then gl:post("/projects/5/jobs/1/play") end
      assert.equal(play and "pending" or "scheduled", statuses(gl, 1).a)
      gl.at = 30
      assert.equal(play and "success" or "pending", statuses(gl, 1).a)
      gl:close()
    end
  end)
end)

describe("a trigger job", function()
  local function made(strategy)
    local gl = assert(calls.new { world = world(
      { { name = "start", trigger = { project = "acme/lib", strategy = strategy } } },
      { ["acme/lib"] = { id = 6, created = 1, queued = 1, jobs = {
        { name = "b", duration = 1 }, { name = "ask", stage = "ask", manual = true, allow_failure = false } } } }) })
    gl:post("/projects/5/pipeline", { ref = "main" })
    return gl
  end

  it("without a strategy, succeeds once its pipeline is created", function()
    local gl = made(nil)
    assert.same({ "success", start = "success" }, statuses(gl, 1))
    gl:close()
  end)

  it("with `depend`, runs until its pipeline ends", function()
    local gl = made "depend"
    gl.at = 3
    assert.same({ "manual", b = "success", ask = "manual" }, statuses(gl, 2, 6))
    assert.same({ "running", start = "running" }, statuses(gl, 1))
    gl:post("/projects/6/pipelines/2/cancel")
    local _, jobs = gl:get "/projects/6/pipelines/2/jobs"
    gl:post(("/projects/6/jobs/%d/play"):format(jobs[1].id))
    gl.at = 10
    assert.same({ "success", start = "success" }, statuses(gl, 1))
    gl:close()
  end)

  it("with `mirror`, always shows the status of its pipeline", function()
    local gl = made "mirror"
    for _, step in ipairs { { 0, "running" }, { 1, "pending" }, { 2, "running" }, { 3, "manual" } } do
      gl.at = step[1]
      assert.same({ step[2], start = step[2] }, statuses(gl, 1))
    end
    assert.equal(400, (gl:post("/projects/5/jobs/1/play")))
    local _, jobs = gl:get "/projects/6/pipelines/2/jobs"
    gl:post(("/projects/6/jobs/%d/play"):format(jobs[1].id))
    gl.at = 10
    assert.same({ "success", start = "success" }, statuses(gl, 1))
    gl:close()
  end)

  it("can be delayed, also when written as `downstream`", function()
    local gl = assert(calls.new { world = world({ { name = "a", duration = 1 } }, {
      ["acme/lib"] = { id = 6, jobs = {},
        downstream = { { project = "acme/app", name = "later", when = "delayed", start_in = 5 } } } }) })
    gl:post("/projects/6/pipeline", { ref = "main" })
    gl.at = 1
    assert.same({ "scheduled", later = "scheduled" }, statuses(gl, 1, 6))
    gl.at = 6
    assert.same({ "success", later = "success" }, statuses(gl, 1, 6))
    gl:close()
  end)
end)
