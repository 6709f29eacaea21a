-- Each operation against the simulated GitLab, in virtual time, by its own state.

local gitlab = require "gitlab_pipelines"

local function world()
  return { projects = {
    ["acme/lib"] = {
      id = 11, default_branch = "main", trigger_tokens = { "glptt-lib-0123" }, queued = 0.5,
      jobs = {
        { name = "compile", stage = "build", duration = 2,
          artifacts = { ["build.env"] = "BUILD_ID=42\n", ["out/a b#1.txt"] = "hello" } },
        { name = "unit", stage = "test", duration = 3, log = "ok 1\nok 2\n",
          variants = { { when = { variable = { FAIL = "unit" } }, status = "failed",
            failure_reason = "script_failure" } } },
        { name = "deploy", stage = "deploy", duration = 1, manual = true, environment = "production" },
      },
    },
    ["acme/top"] = {
      id = 12, default_branch = "main",
      jobs = { { name = "make", stage = "build", duration = 1 },
        { name = "child", stage = "call", trigger = { project = "acme/lib", ref = "main",
          strategy = "depend" } } },
    },
    ["acme/web"] = {
      id = 13, default_branch = "main",
      jobs = { { name = "make", stage = "build", duration = 1 },
        { name = "deploy", stage = "deploy", duration = 1, manual = true, environment = "production" },
        { name = "review", stage = "deploy", duration = 1, manual = true,
          environment = { name = "review/x", url = "https://x.test" } },
        { name = "stop review", stage = "deploy", duration = 2, manual = true,
          environment = { name = "review/x", action = "stop" } },
      },
    },
  }, tokens = {
    { token = "glpat-reads-only", scopes = { "read_api" }, user = "reader", expires_at = "2026-12-31" },
    { token = "glpat-was-revoked", revoked = true },
    { token = "glpat-developer", scopes = { "api" }, role = "developer", user = "dev" },
    { token = "oauth-token-of-ann", kind = "oauth", scopes = { "api" }, user = "ann" },
    { token = "glcbt-of-a-job", kind = "job", job_id = 1 },
  } }
end

-- A client over a new simulated GitLab.
local function open(options)
  local rt = gitlab.runtime.virtual.new()
  local transport = assert(gitlab.mock.new { world = world(), runtime = rt })
  local given = { url = "http://127.0.0.1", token = transport.token, transport = transport, runtime = rt,
    limits = false }
  for name, value in pairs(options or {}) do given[name] = value end
  return assert(gitlab.new(given)), rt, transport
end

-- The job of that name in a pipeline.
local function job_of(gl, pipeline, name)
  for _, job in ipairs(assert(gl.jobs:list(pipeline.project_id, pipeline.id))) do
    if job.name == name then return job end
  end
end

local function finished(gl, fields)
  local given = { ref = "main" }
  for name, value in pairs(fields or {}) do given[name] = value end
  local pipeline = assert(gl.pipelines:create("acme/lib", given))
  return assert(gl.pipelines:wait(11, pipeline.id, { on_manual = "ignore" }))
end

describe("against the simulated GitLab", function()
  it("a project is known by its number and its path", function()
    local gl = open()
    assert.equal(11, assert(gl.projects:get "acme/lib").id)
    assert.equal("acme/lib", assert(gl.projects:get(11)).path_with_namespace)
    assert.equal("main", assert(gl.projects:resolve "acme/lib").default_branch)
    local _, err = gl.projects:get "acme/none"
    assert.is_true(err:is "ProjectNotFound")
  end)

  it("a pipeline is made, read, listed, waited for and deleted", function()
    local gl = open()
    local pipeline = assert(gl.pipelines:create("acme/lib", { ref = "main",
      variables = { { key = "A", value = "1" }, { key = "F", value = "text", variable_type = "file" } } }))
    assert.equal("api", pipeline.source)
    assert.equal(11, pipeline.project_id)
    local read = assert(gl.pipelines:get("acme/lib", pipeline.id))
    assert.equal(pipeline.sha, read.sha)
    assert.equal(pipeline.id, assert(gl.pipelines:latest(11, "main")).id)
    assert.equal(1, #assert(gl.pipelines:list(11, { status = read.status })))
    local variables = assert(gl.pipelines:variables(11, pipeline.id))
    assert.equal("A", variables[1].key)
    assert.equal("file", variables[2].variable_type)
    local done, verdict = gl.pipelines:wait(11, pipeline.id)
    assert.equal("success", verdict)
    assert.equal("success", done.status)
    assert.is_true(gl.pipelines:delete(11, pipeline.id))
    local _, err = gl.pipelines:get(11, pipeline.id)
    assert.is_true(err:is "PipelineNotFound")
  end)

  it("refusals are the errors that a person expects", function()
    local gl = open()
    local _, err = gl.pipelines:latest(11, "main")
    assert.is_true(err:is "PipelineNotFound")
    _, err = gl.pipelines:get(11, 999)
    assert.equal("AccessError.PipelineNotFound: 404 Not found (pipelines.get 11 999)", tostring(err))
    _, err = gl.jobs:get(11, 999)
    assert.is_true(err:is "JobNotFound")
    _, err = gl.artifacts:download(11, 999)
    assert.is_true(err:is "ArtifactNotFound")
    _, err = gl.triggers:run(11, { token = "glptt-unknown-token", ref = "main" })
    assert.is_false(err == nil)
    local stranger = open { token = "glpat-0123456789abcdef" }
    _, err = stranger.pipelines:list(11)
    assert.is_true(err:is "InvalidToken")
  end)

  it("stages are composed from their jobs, the newest attempt of each", function()
    local gl = open()
    local pipeline = finished(gl, { variables = { FAIL = "unit" } })
    assert.equal("failed", pipeline.status)
    local stages = assert(gl.pipelines:stages(11, pipeline.id))
    local shown = {}
    for i, stage in ipairs(stages) do shown[i] = stage.name .. " " .. stage.status end
    assert.same({ "build success", "test failed", "deploy skipped" }, shown)
    assert.equal("script_failure", stages[2].jobs[1].failure_reason)
    assert.equal(pipeline.id, assert(gl.pipelines:retry(11, pipeline.id)).id)
    stages = assert(gl.pipelines:stages(11, pipeline.id))
    assert.equal("unit", stages[2].jobs[1].name)
    assert.equal(1, #stages[2].jobs)
    assert.is_false(gitlab.status.is_finished(stages[2].status))
  end)

  it("a pipeline is canceled, and a finished one comes back unchanged", function()
    local gl, rt = open()
    local pipeline = assert(gl.pipelines:create(11, { ref = "main" }))
    rt:sleep(1)
    assert(gl.pipelines:cancel(11, pipeline.id))
    local _, verdict = gl.pipelines:wait(11, pipeline.id)
    assert.equal("canceled", verdict)
    assert.equal("canceled", assert(gl.pipelines:cancel(11, pipeline.id)).status)
  end)

  it("a pipeline gets a name, and shows its tests", function()
    local gl = open()
    local pipeline = finished(gl)
    assert.equal("Nightly", assert(gl.pipelines:rename(11, pipeline.id, "Nightly")).name)
    assert.equal(1, #assert(gl.pipelines:list(11, { name = "Nightly" })))
    assert.is_table(assert(gl.pipelines:test_report(11, pipeline.id)).test_suites)
    assert.is_table(assert(gl.pipelines:test_report_summary(11, pipeline.id)).total)
  end)

  it("jobs are listed, read, retried, played, erased", function()
    local gl, rt = open()
    local pipeline = finished(gl)
    assert.equal(1, #assert(gl.jobs:list(11, pipeline.id, { scope = "manual" })))
    assert.equal(2, #assert(gl.jobs:list(11, pipeline.id, { scope = { "success", "failed" } })))
    assert.equal(3, #assert(gl.jobs:list_project(11)))
    local ids = {}
    for job in gl.jobs:each_project(11, { per_page = 1 }) do ids[#ids + 1] = job.id end
    assert.equal(3, #ids)

    local unit = job_of(gl, pipeline, "unit")
    assert.equal("unit", assert(gl.jobs:get(11, unit.id)).name)
    assert.truthy(assert(gl.jobs:log(11, unit.id)):find("ok 1", 1, true))
    local again = assert(gl.jobs:retry(11, unit.id))
    assert.is_true(again.id > unit.id)
    local _, verdict = gl.jobs:wait(11, again.id)
    assert.equal("success", verdict)

    local deploy = job_of(gl, pipeline, "deploy")
    local played = assert(gl.jobs:play(11, deploy.id, { variables = { REGION = "eu" } }))
    assert.equal(deploy.id, played.id)
    rt:sleep(5)
    assert.equal("success", assert(gl.jobs:get(11, deploy.id)).status)
    local _, err = gl.jobs:play(11, deploy.id)
    assert.is_true(err:is "JobNotPlayable")

    assert.is_string(assert(gl.jobs:erase(11, again.id)).erased_at)
    _, err = gl.jobs:erase(11, again.id)
    assert.is_true(err:is "JobNotErasable")
    assert.equal("success", assert(gl.jobs:cancel(11, again.id)).status)
  end)

  it("a running job is canceled", function()
    local gl, rt = open()
    local pipeline = assert(gl.pipelines:create(11, { ref = "main" }))
    rt:sleep(1.5)
    local compile = job_of(gl, pipeline, "compile")
    assert(gl.jobs:cancel(11, compile.id))
    local _, verdict = gl.jobs:wait(11, compile.id)
    assert.equal("canceled", verdict)
  end)

  it("artifacts come as archive and as single files, are kept and deleted", function()
    local gl = open()
    local pipeline = finished(gl)
    local compile = job_of(gl, pipeline, "compile")
    assert.equal("BUILD_ID=42\n", gl.artifacts:file(11, compile.id, "build.env"))
    assert.equal("hello", gl.artifacts:file(11, compile.id, "out/a b#1.txt"))
    local archive = assert(gl.artifacts:download(11, compile.id))
    assert.equal("PK", archive:sub(1, 2))
    assert.equal(archive, assert(gl.artifacts:latest(11, "main", "compile")))
    local path = os.tmpname()
    assert.equal(#archive, assert(gl.artifacts:download(11, compile.id, path)).bytes)
    os.remove(path)
    assert.equal(compile.id, assert(gl.artifacts:keep(11, compile.id)).id)
    local _, err = gl.artifacts:file(11, compile.id, "missing.txt")
    assert.is_true(err:is "ArtifactNotFound")
    assert.is_true(gl.artifacts:delete(11, compile.id))
    _, err = gl.artifacts:download(11, compile.id)
    assert.is_true(err:is "ArtifactNotFound")
  end)

  it("a trigger token makes pipelines until it is revoked", function()
    local gl = open()
    local pipeline = assert(gl.triggers:run("acme/lib", { token = "glptt-lib-0123", ref = "main",
      variables = { A = "1" } }))
    assert.equal("trigger", pipeline.source)
    local made = assert(gl.triggers:create(11, { description = "nightly" }))
    assert.is_true(#made.token > 8)
    assert(gl.triggers:run(11, { token = gitlab.secret.new(made.token), ref = "main" }))
    assert.equal("weekly", assert(gl.triggers:update(11, made.id, { description = "weekly" })).description)
    assert.equal("weekly", assert(gl.triggers:get(11, made.id)).description)
    assert.equal(2, #assert(gl.triggers:list(11)))
    assert.is_true(gl.triggers:delete(11, made.id))
    local _, err = gl.triggers:get(11, made.id)
    assert.is_true(err:is "TriggerNotFound")
  end)

  it("a canceled job is canceled, a retried one has a successor", function()
    local gl, rt = open()
    local pipeline = assert(gl.pipelines:create(11, { ref = "main" }))
    rt:sleep(1.5)
    local compile = job_of(gl, pipeline, "compile")
    assert(gl.jobs:cancel(11, compile.id))
    rt:sleep(60)
    assert.equal("canceled", assert(gl.jobs:get(11, compile.id)).status)
    local successor = assert(gl.jobs:retry(11, compile.id))
    local again, err = gl.jobs:retry(11, compile.id)
    assert.is_nil(again)
    assert.is_true(err:is "JobNotRetryable")
    local attempts = {}
    for _, job in ipairs(assert(gl.jobs:list(11, pipeline.id, { include_retried = true }))) do
      if job.name == "compile" then attempts[#attempts + 1] = job.id end
    end
    assert.same({ successor.id, compile.id }, attempts)
    assert.equal(successor.id, job_of(gl, pipeline, "compile").id)
  end)

  it("a variable is made, changed, read by its scope and deleted", function()
    local gl = open()
    assert.same({}, gl.variables:list(11))
    local made = assert(gl.variables:set(11, { key = "TOKEN_X", value = "first-value", masked = true,
      description = "d" }))
    assert.equal("first-value", made.value)
    assert.is_false(made.raw)
    assert.is_true(made.masked)
    assert.equal("*", made.environment_scope)
    assert.equal("second-value", assert(gl.variables:set(11, { key = "TOKEN_X", value = "second-value" })).value)
    assert.is_true(assert(gl.variables:get(11, "TOKEN_X")).masked)

    assert.equal("file", assert(gl.variables:set(11, { key = "TOKEN_X", value = "a=1\n",
      environment_scope = "prod", variable_type = "file", raw = true })).variable_type)
    assert.equal(2, #assert(gl.variables:list(11)))
    local _, err = gl.variables:get(11, "TOKEN_X")
    assert.equal("RequestError.Conflict", err.category .. "." .. err.kind)
    assert.equal(1, err.attempts)
    assert.equal("a=1\n", assert(gl.variables:get(11, "TOKEN_X", { environment_scope = "prod" })).value)
    _, err = gl.variables:get(11, "TOKEN_X", { environment_scope = "staging" })
    assert.is_true(err:is "VariableNotFound")

    local hidden = assert(gl.variables:set(11, { key = "HID", value = "hidden-value", masked_and_hidden = true }))
    assert.is_true(hidden.hidden)
    assert.is_nil(hidden.value)
    assert.is_nil(assert(gl.variables:get(11, "HID")).value)
    assert.is_true(assert(gl.variables:set(11, { key = "HID", value = "other-value" })).hidden)

    _, err = gl.variables:set(11, { key = "SHORT", value = "x", masked = true })
    assert.is_true(err:is "BadRequest")
    assert.is_true(gl.variables:delete(11, "TOKEN_X", { environment_scope = "prod" }))
    assert.equal("second-value", assert(gl.variables:get(11, "TOKEN_X")).value)
    assert.is_true(gl.variables:delete(11, "TOKEN_X"))
    _, err = gl.variables:delete(11, "TOKEN_X")
    assert.is_true(err:is "VariableNotFound")
    local developer = open { token = "glpat-developer" }
    _, err = developer.variables:list(11)
    assert.is_true(err:is "PermissionDenied")
  end)

  it("an environment is made, changed, stopped and then deleted", function()
    local gl = open()
    local made = assert(gl.environments:create(11, { name = "staging", external_url = "https://s.test",
      tier = "staging" }))
    assert.equal("available", made.state)
    assert.equal("staging", assert(gl.environments:get(11, made.id)).name)
    assert.equal("https://t.test",
      assert(gl.environments:update(11, made.id, { external_url = "https://t.test" })).external_url)
    local _, err = gl.environments:create(11, { name = "staging" })
    assert.is_true(err:is "BadRequest")
    assert.truthy(err.message:find("already been taken", 1, true))
    _, err = gl.environments:delete(11, made.id)
    assert.is_true(err:is "PermissionDenied")
    assert.equal("stopped", assert(gl.environments:stop(11, made.id)).state)
    assert.equal("stopped", assert(gl.environments:get(11, made.id)).state)
    assert.equal(1, #assert(gl.environments:list(11, { states = "stopped" })))
    assert.equal(0, #assert(gl.environments:list(11, { states = "available" })))
    assert.is_true(gl.environments:delete(11, made.id))
    _, err = gl.environments:get(11, made.id)
    assert.is_true(err:is "EnvironmentNotFound")
    _, err = gl.environments:list(11, { search = "st" })
    assert.truthy(err.message:find("3 characters", 1, true))
    _, err = gl.environments:list(11, { search = "sta", name = "staging" })
    assert.is_true(err:is "BadRequest")
  end)

  it("a job deploys to its environment, and stopping it runs the job that stops it", function()
    local gl, rt = open()
    local pipeline = assert(gl.pipelines:create(13, { ref = "main" }))
    assert(gl.pipelines:wait(13, pipeline.id, { on_manual = "ignore" }))
    for _, name in ipairs { "deploy", "review" } do assert(gl.jobs:play(13, job_of(gl, pipeline, name).id)) end
    rt:sleep(10)
    local rows = assert(gl.deployments:list(13, { environment = "production" }))
    assert.equal(1, #rows)
    assert.equal("success", rows[1].status)
    assert.equal("production", rows[1].environment.name)
    assert.equal("deploy", assert(gl.deployments:get(13, rows[1].id)).deployable.name)
    local ids = {}
    for row in gl.deployments:each(13, { per_page = 1 }) do ids[#ids + 1] = row.id end
    assert.equal(2, #ids)
    assert.is_true(ids[1] < ids[2])
    local _, err = gl.deployments:get(13, 999)
    assert.is_true(err:is "DeploymentNotFound")

    local review = assert(gl.environments:list(13, { name = "review/x" }))[1]
    assert.equal("https://x.test", review.external_url)
    assert.equal(ids[2], assert(gl.environments:get(13, review.id)).last_deployment.id)
    assert.equal("stopping", assert(gl.environments:stop(13, review.id)).state)
    rt:sleep(10)
    assert.equal("stopped", assert(gl.environments:get(13, review.id)).state)
    assert.equal("success", job_of(gl, pipeline, "stop review").status)
    assert.equal("success", job_of(gl, pipeline, "deploy").status)
  end)

  it("a token says what it is, and may do no more", function()
    local reader = open { token = "glpat-reads-only" }
    local info = assert(reader.token:info())
    assert.equal("private", info.kind)
    assert.same({ "read_api" }, info.scopes)
    assert.equal("2026-12-31", info.expires_at)
    assert.equal("reader", info.user.username)
    assert.is_false((reader.token:allows "pipelines.create"))
    assert.is_true(reader.token:allows "pipelines.list")
    local _, err = reader.pipelines:create(11, { ref = "main" })
    assert.is_true(err:is "InsufficientScopes")
    assert.equal(403, err.status)
    local careful = open { token = "glpat-reads-only", check_scopes = true }
    _, err = careful.pipelines:create(11, { ref = "main" })
    assert.is_true(err:is "InsufficientScopes")
    assert.is_nil(err.status)

    _, err = open { token = "glpat-was-revoked" }.token:info()
    assert.is_true(err:is "TokenRevoked")

    info = assert(open { token = "oauth-token-of-ann", auth = "bearer" }.token:info())
    assert.equal("bearer", info.kind)
    assert.same({ "api" }, info.scopes)
    assert.equal("ann", info.user.username)
  end)

  it("a job token reads, triggers, and is kept from the rest", function()
    local gl, rt, transport = open()
    assert(gl.pipelines:create(11, { ref = "main" }))
    rt:sleep(1.5)
    local own = assert(gitlab.new { url = "http://127.0.0.1", token = "glcbt-of-a-job", transport = transport,
      runtime = rt, limits = false })
    local info = assert(own.token:info())
    assert.equal("job", info.kind)
    assert.equal(1, info.job.id)
    assert.equal(1, #assert(own.pipelines:list(11)))
    assert.equal("pipeline", assert(own.triggers:run(11, { ref = "main" })).source)
    for _, call in ipairs {
      function() return own.pipelines:create(11, { ref = "main" }) end,
      function() return own.jobs:get(11, 1) end, function() return own.jobs:log(11, 1) end,
      function() return own.variables:list(11) end, function() return own.triggers:list(11) end,
      function() return own.pipelines:cancel(11, 1) end, function() return own.jobs:retry(11, 1) end,
    } do
      local result, err = call()
      assert.is_nil(result)
      assert.is_true(err:is "AuthenticationError" or err:is "PermissionDenied", tostring(err))
    end
  end)

  it("a tree spans projects", function()
    local gl, rt = open()
    local pipeline = assert(gl.pipelines:create("acme/top", { ref = "main" }))
    rt:sleep(30)
    local tree = assert(gl.pipelines:tree("acme/top", pipeline.id))
    assert.equal("success", tree.status)
    assert.equal(1, #tree.downstream)
    assert.equal(11, tree.downstream[1].project_id)
    assert.equal("child", tree.downstream[1].trigger_job.name)
    assert.equal(3, #tree.downstream[1].jobs)
    assert.equal(tree.downstream[1].id, assert(gl.pipelines:downstream(12, pipeline.id))[1].id)
  end)

  it("lists go over as many pages as there are", function()
    local gl = open()
    for _ = 1, 25 do assert(gl.pipelines:create(11, { ref = "main" })) end
    local ids = {}
    for pipeline in gl.pipelines:each(11, { per_page = 4 }) do ids[#ids + 1] = pipeline.id end
    assert.equal(25, #ids)
    for i = 2, 25 do assert.is_true(ids[i] < ids[i - 1]) end
    assert.equal(7, #assert(gl.pipelines:list(11, { limit = 7 })))
    local rest = assert(gl.pipelines:list(11, { from = ids[20], per_page = 3 }))
    assert.equal(5, #rest)
    assert.equal(ids[21], rest[1].id)
    assert.equal(75, #assert(gl.jobs:list_project(11, { per_page = 10 })))
  end)
end)

describe("a pipeline's tree over projects", function()
  it("tells the first failure with the end of its log", function()
    local gl = open()
    local top = assert(gl.pipelines:create("acme/top", { ref = "main" }))
    local row, verdict = gl.pipelines:wait("acme/top", top.id)
    assert.equal("success", verdict, row)
    assert.is_nil(assert(gl.pipelines:tree("acme/top", top.id)).first_failure)

    local failed, how = finished(gl, { variables = { FAIL = "unit" } })
    assert.equal("failed", how)
    local cause = assert(gl.pipelines:tree("acme/lib", failed.id)).first_failure
    assert.equal("unit", cause.name)
    assert.equal("script_failure", cause.failure_reason)
    assert.equal(11, cause.project_id)
    assert.matches("ok 2\n", cause.log)
    assert.is_true(select(2, cause.log:gsub("\n", "")) <= 10)
  end)
end)
