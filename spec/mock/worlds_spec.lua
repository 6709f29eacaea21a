local calls = require "support.mock_calls"

-- A world of one project with these jobs; `more` are further fields of the project.
local function one(jobs, more)
  local project = { id = 5, created = 0, queued = 0, jobs = jobs }
  for name, value in pairs(more or {}) do project[name] = value end
  return { projects = { ["acme/app"] = project } }
end

describe("a world", function()
  local gl
  after_each(function()
    if gl then gl:close() end
    gl = nil
  end)

  local function open(world) gl = assert(calls.new { world = world }) end

  local function create(variables)
    local list = {}
    for name, value in pairs(variables or {}) do list[#list + 1] = { key = name, value = value } end
    local status, made = gl:post("/projects/5/pipeline", { ref = "main", variables = list })
    assert.equal(201, status)
    return made
  end

  local function status_at(at, id)
    gl.at = at
    return select(2, gl:get(("/projects/5/pipelines/%d"):format(id or 1))).status
  end

  -- name -> status of the newest attempts
  local function jobs_at(at, id)
    gl.at = at
    local found, rows = {}, {}
    for _, list in ipairs { "jobs", "bridges" } do
      for _, job in ipairs(select(2, gl:get(("/projects/5/pipelines/%d/%s"):format(id or 1, list)))) do
        found[job.name], rows[job.name] = job.status, job
      end
    end
    return found, rows
  end

  it("moves pipelines through created, pending and running", function()
    open(one({ { name = "a", duration = 2 } }, { created = 1, queued = 0.5 }))
    assert.equal("created", create().status)
    assert.equal("created", status_at(0.9))
    assert.equal("pending", status_at(1))
    assert.equal("running", status_at(1.5))
    assert.equal("running", status_at(3.4))
    assert.equal("success", status_at(3.5))
    local _, rows = jobs_at(4)
    assert.equal(2, rows.a.duration)
    assert.equal(0.5, rows.a.queued_duration)
    local _, pipeline = gl:get "/projects/5/pipelines/1"
    assert.equal(2, pipeline.duration)
    assert.equal(1, pipeline.queued_duration)
  end)

  it("runs stages one after another, and jobs with needs as soon as these allow", function()
    open(one {
      { name = "a", stage = "one", duration = 2 }, { name = "b", stage = "one", duration = 5 },
      { name = "c", stage = "two", duration = 1 },
      { name = "d", stage = "two", duration = 1, needs = { "a" } },
      { name = "e", stage = "three", duration = 1, needs = {} } })
    create()
    assert.same({ a = "running", b = "running", c = "created", d = "created", e = "running" }, jobs_at(0))
    assert.same({ a = "success", b = "running", c = "created", d = "running", e = "success" }, jobs_at(2))
    assert.same({ a = "success", b = "success", c = "running", d = "success", e = "success" }, jobs_at(5))
    assert.equal("success", status_at(6))
  end)

  it("skips the jobs after a failure, and runs those with on_failure", function()
    open(one { { name = "a", stage = "one", status = "failed" }, { name = "b", stage = "two" },
      { name = "c", stage = "two", when = "on_failure" }, { name = "d", stage = "two", when = "always" } })
    create()
    assert.same({ a = "failed", b = "skipped", c = "running", d = "running" }, jobs_at(1))
    assert.equal("failed", status_at(2))
    local _, rows = jobs_at(2)
    assert.equal("script_failure", rows.a.failure_reason)
    assert.is_nil(rows.d.failure_reason)
  end)

  it("passes with warnings when the failed job was allowed to", function()
    open(one { { name = "a", stage = "one", status = "failed", allow_failure = true }, { name = "b", stage = "two" } })
    create()
    assert.equal("success", status_at(2))
    local _, pipeline = gl:get "/projects/5/pipelines/1"
    assert.equal("passed with warnings", pipeline.detailed_status.label)
  end)

  it("continues past an optional manual job, and stops at a blocking one", function()
    open(one { { name = "a", stage = "one", manual = true }, { name = "b", stage = "two" },
      { name = "c", stage = "three", manual = true, allow_failure = false }, { name = "d", stage = "four" } })
    create()
    assert.same({ a = "manual", b = "success", c = "manual", d = "created" }, jobs_at(1))
    assert.equal("manual", status_at(100))
    local _, rows = jobs_at(100)
    local status, played = gl:post(("/projects/5/jobs/%d/play"):format(rows.c.id))
    assert.same({ 200, "pending" }, { status, played.status })
    assert.equal(400, (gl:post(("/projects/5/jobs/%d/play"):format(rows.b.id))))
    assert.equal("success", status_at(102))
  end)

  it("starts delayed jobs at their time", function()
    open(one { { name = "a", when = "delayed", start_in = 10 } })
    create()
    assert.equal("scheduled", status_at(9.9))
    assert.equal("running", status_at(10))
  end)

  it("changes a job by the first variant that matches variable, ref or attempt", function()
    open(one { { name = "a", duration = 1, retry = 0, variants = {
      { when = { variable = { FAIL = "a" }, attempt = 1 }, status = "failed",
        failure_reason = "runner_system_failure" },
      { when = { ref = "^release/" }, duration = 7 } } } })
    create { FAIL = "a" }
    assert.equal("failed", status_at(1))
    local _, rows = jobs_at(1)
    assert.equal("runner_system_failure", rows.a.failure_reason)
    local status, fresh = gl:post(("/projects/5/jobs/%d/retry"):format(rows.a.id))
    assert.equal(201, status)
    assert.is_true(fresh.id > rows.a.id)
    assert.equal(403, (gl:post(("/projects/5/jobs/%d/retry"):format(rows.a.id))))
    assert.equal("success", status_at(2))
    local _, made = gl:post("/projects/5/pipeline", { ref = "release/1" })
    assert.equal("running", status_at(8, made.id))
    assert.equal("success", status_at(9, made.id))
  end)

  it("cancels, gracefully where the job says so", function()
    open(one { { name = "a", stage = "one", duration = 50, cancel = 3 }, { name = "b", stage = "two" } })
    create()
    gl.at = 5
    local status, pipeline = gl:post "/projects/5/pipelines/1/cancel"
    assert.same({ 200, "canceling" }, { status, pipeline.status })
    assert.same({ a = "canceling", b = "canceled" }, jobs_at(7))
    assert.equal("canceled", status_at(8))
    assert.same({ 200, "canceled" }, { gl:post "/projects/5/pipelines/1/cancel", status_at(9) })
  end)

  it("creates downstream and child pipelines, and mirrors them if configured", function()
    open { projects = {
      ["acme/app"] = { id = 5, created = 0, queued = 0, jobs = {
        { name = "down", stage = "one",
          trigger = { project = "acme/lib", strategy = "depend", variables = { A = "1" } } },
        { name = "loose", stage = "one", trigger = "acme/lib" },
        { name = "child", stage = "one",
          trigger = { strategy = "depend", child = { jobs = { { name = "inner", duration = 2 } } } } },
        { name = "after", stage = "two" } } },
      ["acme/lib"] = { id = 6, created = 0, queued = 0, jobs = { { name = "x", duration = 4 } } } } }
    create()
    local statuses, rows = jobs_at(1)
    assert.same({ down = "running", loose = "success", child = "running", after = "created" }, statuses)
    assert.equal(6, rows.down.downstream_pipeline.project_id)
    assert.equal("pipeline", rows.down.downstream_pipeline.source)
    assert.equal("parent_pipeline", rows.child.downstream_pipeline.source)
    local _, list = gl:get "/projects/5/pipelines"
    assert.equal(1, #list)
    _, list = gl:get "/projects/5/pipelines?source=parent_pipeline"
    assert.equal(rows.child.downstream_pipeline.id, list[1].id)
    assert.same({ down = "running", loose = "success", child = "success", after = "created" }, (jobs_at(2)))
    assert.same({ down = "success", loose = "success", child = "success", after = "running" }, (jobs_at(4)))
    assert.equal("success", status_at(5))
  end)

  it("fails a trigger job whose project does not exist", function()
    open(one({}, { downstream = { { project = "acme/none" } } }))
    create()
    local statuses, rows = jobs_at(0)
    assert.same({ ["trigger acme/none"] = "failed" }, statuses)
    assert.equal("downstream_bridge_project_not_found", rows["trigger acme/none"].failure_reason)
  end)

  it("grows the log of a running job and closes it with the runner's last line", function()
    open(one { { name = "a", duration = 10, log = "one\ntwo\nthree\nfour\n", status = "failed", exit_code = 3 } })
    create()
    local function log_at(at)
      gl.at = at
      local _, text, headers = gl:get "/projects/5/jobs/1/trace"
      assert.equal("text/plain", headers["content-type"])
      assert.equal('infile; filename="1.log"', headers["content-disposition"])
      return text
    end
    local early, later, final = log_at(2.5), log_at(6.5), log_at(10)
    assert.truthy(early:find("one", 1, true))
    assert.is_nil(early:find("two", 1, true))
    assert.equal(early, later:sub(1, #early))
    assert.equal(later, final:sub(1, #later))
    assert.truthy(final:match "ERROR: Job failed: exit code 3")
    assert.equal(201, (gl:post "/projects/5/jobs/1/erase"))
    assert.equal("", log_at(11))
    assert.equal(403, (gl:post "/projects/5/jobs/1/erase"))
  end)

  it("keeps artifacts of jobs that succeeded, as files and as a zip with ranges", function()
    open(one { { name = "a", duration = 1, artifacts = { ["out/a.txt"] = "hello", ["b.env"] = "X=1\n" } } })
    create()
    assert.equal(404, (gl:get "/projects/5/jobs/1/artifacts/b.env"))
    gl.at = 1
    assert.equal("X=1\n", select(2, gl:get "/projects/5/jobs/1/artifacts/b.env"))
    assert.equal("hello", select(2, gl:get "/projects/5/jobs/1/artifacts/out/a.txt"))
    assert.equal("hello", select(2, gl:get "/projects/5/jobs/artifacts/main/raw/out/a.txt?job=a"))
    local _, zip, headers = gl:get "/projects/5/jobs/1/artifacts"
    local _, job = gl:get "/projects/5/jobs/1"
    assert.equal(#zip, job.artifacts_file.size)
    assert.equal("PK\3\4", zip:sub(1, 4))
    local status, tail = gl:get("/projects/5/jobs/1/artifacts", { headers = { { "Range", "bytes=-22" } } })
    assert.same({ 206, zip:sub(-22) }, { status, tail })
    assert.equal(304, (gl:get("/projects/5/jobs/1/artifacts", { headers = { { "If-None-Match", headers.etag } } })))
    assert.equal(416, (gl:get("/projects/5/jobs/1/artifacts", { headers = { { "Range", "bytes=99999-" } } })))
    local _, tree = gl:get "/projects/5/jobs/1/artifacts/tree"
    assert.same({ { name = "b.env", path = "b.env", type = "file", size = 4, mode = "100644" },
      { name = "out", path = "out/", type = "directory", mode = "040755" } }, tree)
  end)

  it("defines who can pass variables", function()
    open(one({ { name = "a" } }, { variables_role = "no_one_allowed", trigger_tokens = { "glptt-one" } }))
    local refused = { message = { base = { "Insufficient permissions to set pipeline variables" } } }
    local status, answer = gl:post("/projects/5/pipeline", { ref = "main", variables = { { key = "A", value = "1" } } })
    assert.same({ 400, refused }, { status, answer })
    assert.equal(201, (gl:post("/projects/5/pipeline", { ref = "main" })))
    status, answer = gl:form("/projects/5/trigger/pipeline", "token=glptt-one&ref=main", false)
    assert.same({ 400, refused }, { status, answer })
  end)

  it("has trigger tokens as old as its projects", function()
    gl = assert(calls.new { world = one({ { name = "a" } }, { trigger_tokens = { "glptt-one" } }) })
    local _, list = gl:get "/projects/5/triggers"
    local _, project = gl:get "/projects/5"
    assert.same({ "glptt-one", project.created_at }, { list[1].token, list[1].created_at })
  end)

  it("without projects is returned as one without projects", function()
    gl = assert(calls.new())
    for _, text in ipairs { '{"projects":null}', '{"projects":[]}', '{"projects":{}}' } do
      local status, answer = gl:raw("PUT", "/_mock/world", { body = text })
      assert.same({ 200, '{"projects":{}}' }, { status, answer })
      status, answer = gl:raw("GET", "/_mock/world")
      assert.same({ 404, 200, '{"projects":{}}' }, { (gl:get "/projects/1"), status, answer })
    end
  end)

  it("is refused with the place of the mistake", function()
    for _, case in ipairs {
      { one { { name = "a", durration = 1 } }, "projects.acme/app.jobs[1]: unknown field 'durration'" },
      { one { { stage = "a" } }, "projects.acme/app.jobs[1]: 'name' is needed" },
      { one { { name = "a", duration = "x" } }, "projects.acme/app.jobs[1]: 'duration' must be seconds" },
      { one { { name = "a", needs = { "b" } } }, "job 'a' needs 'b', which does not exist" },
      { one { { name = "a" }, { name = "a" } }, "projects.acme/app.jobs[2]: a job of that name is there already" },
      { { project = {} }, "world: unknown field 'project'" },
    } do
      local none, message = calls.new { world = case[1] }
      assert.is_nil(none)
      assert.truthy(message:find(case[2], 1, true), message)
    end
  end)
end)
