-- The same calls against GitLab as it was from 16 to 19: what a server lacks or has beyond the rest
-- makes no difference to the caller, or one clear error.

local api = require "support.api_client"
local double = require "support.transport_double"
local json = require "gitlab_pipelines.json"
local virtual = require "gitlab_pipelines.runtime.virtual"

local NO_ROUTE = { status = 404, body = { error = "404 Not Found" } }
local RATE = { ["RateLimit-Limit"] = "2000", ["RateLimit-Remaining"] = "1999", ["RateLimit-Observed"] = "1",
  ["RateLimit-Name"] = "throttle_authenticated_api" }

-- A field that servers have from a version on; older ones do not send it.
local function since(version, wanted, value)
  if version >= wanted then return value end
end

local function pipeline_of(version, fields)
  local row = { id = 3, iid = 1, project_id = 17, sha = "abc", ref = "main", status = "failed", source = "api",
    created_at = "2026-01-01T00:00:00.000Z", updated_at = "2026-01-01T00:01:00.000Z", web_url = "https://x.test/3",
    name = since(version, 16.0, "nightly"), archived = since(version, 18.0, false),
    detailed_status = { text = version < 17 and "failed" or "Failed", label = "failed", group = "failed" } }
  for name, value in pairs(fields or {}) do row[name] = value end
  return row
end

local function job_of(version, id, name, stage, status, fields)
  local row = { id = id, name = name, stage = stage, status = status, allow_failure = false, ref = "main",
    created_at = "2026-01-01T00:00:00.000Z", tag_list = json.array {}, artifacts = json.array {},
    archived = since(version, 18.0, false), source = since(version, 18.0, "api"),
    pipeline = { id = 3, project_id = 17, status = "failed" }, runner = json.null }
  for key, value in pairs(fields or {}) do row[key] = value end
  return row
end

local function answers_of(version)
  local reason = version >= 19 and "stuck_pending_no_matching_runners" or "stuck_or_timeout_failure"
  local bridge = job_of(version, 30, "child", "call", "success",
    { downstream_pipeline = pipeline_of(version, { id = 40, project_id = 18, status = "success" }) })
  return {
    ["GET /projects/17/pipelines/3"] = { body = pipeline_of(version) },
    ["GET /projects/17/pipelines"] = { body = { pipeline_of(version) } },
    ["GET /projects/17/pipelines/3/jobs"] = { body = {
      job_of(version, 12, "unit", "test", "failed", { failure_reason = reason }),
      job_of(version, 11, "build", "build", "success"),
      job_of(version, 10, "gate", "build", version >= 17 and "waiting_for_callback" or "manual",
        { allow_failure = true }) } },
    ["GET /projects/17/pipelines/3/trigger_jobs"] = version >= 19.2 and { body = { bridge } } or NO_ROUTE,
    ["GET /projects/17/pipelines/3/bridges"] = { body = { bridge } },
    ["GET /projects/18/pipelines/40"] = { body = pipeline_of(version,
      { id = 40, project_id = 18, status = "success" }) },
    ["GET /projects/18/pipelines/40/jobs"] = { body = json.array {} },
    ["GET /projects/18/pipelines/40/trigger_jobs"] = version >= 19.2 and { body = json.array {} } or NO_ROUTE,
    ["GET /projects/18/pipelines/40/bridges"] = { body = json.array {} },
    ["POST /projects/17/pipeline"] = { status = 201,
      body = pipeline_of(version, { name = json.null, status = "created" }) },
    ["POST /projects/17/pipelines/3/retry"] = { status = 201, body = pipeline_of(version, { status = "running" }) },
    ["POST /projects/17/jobs/12/retry"] = { status = 201, body = job_of(version, 50, "unit", "test", "pending") },
    ["PUT /projects/17/variables/K"] = { body = { key = "K", value = "v", masked = false, protected = false,
      raw = version >= 19, environment_scope = "*", hidden = since(version, 17.4, false),
      description = since(version, 16.2, json.null) } },
    ["GET /personal_access_tokens/self"] = { body = { id = 1, scopes = { "api" }, user_id = 7,
      expires_at = version < 17 and json.null or "2026-12-31", description = since(version, 17.7, "ci") } },
    ["GET /user"] = { body = { id = 7, username = "ann" } },
    ["GET /projects/17/environments"] = { body = { { id = 1, name = "prod", state = "available",
      auto_stop_setting = since(version, 17.8, "always"), description = since(version, 16.6, json.null) } } },
    ["GET /projects/17/jobs/12/trace"] = { body = version >= 18.9
      and "2026-01-01T00:00:00.000000Z 00O line one\n2026-01-01T00:00:01.000000Z 00O line two\n"
      or "line one\nline two\n", type = "text/plain" },
  }
end

local function server(version)
  local answers = answers_of(version)
  return double.new(function(request)
    local path, query = request.target:match "^/api/v4([^?]*)%??(.*)$"
    if path == "/projects/17/jobs" then
      local rows = { job_of(version, 12, "unit", "test", "failed") }
      if query:find("cursor=", 1, true) or query:find("id_before=12", 1, true) then
        return { body = { job_of(version, 11, "build", "build", "success") } }
      end
      local next_page = version >= 17 and "cursor=abc" or "id_before=12"
      return { body = rows, headers = {
        Link = ('<http://inner.test/api/v4%s?%s&%s>; rel="next"'):format(path, next_page, query) } }
    end
    local answer = answers[request.method .. " " .. path] or NO_ROUTE
    if version >= 18 then
      local with = {}
      for name, value in pairs(answer) do with[name] = value end
      with.headers = RATE
      return with
    end
    return answer
  end)
end

describe("GitLab", function()
  for _, version in ipairs { 16.0, 16.11, 17.0, 17.11, 18.0, 18.8, 18.11, 19.0, 19.2, 19.4 } do
    it(("%g answers every call alike"):format(version), function()
      local transport = server(version)
      -- All of it happened long ago.
      local gl = api.new(transport, { runtime = virtual.new { start = virtual.START + 86400 } })

      local pipeline = assert(gl.pipelines:get(17, 3))
      assert.equal("failed", pipeline.status)
      assert.equal(3, assert(gl.pipelines:list(17))[1].id)
      local created = assert(gl.pipelines:create(17, { ref = "main", inputs = { n = 1 } }))
      assert.equal("created", created.status)
      assert.is_nil(created.name)
      assert.equal("running", assert(gl.pipelines:retry(17, 3)).status)

      local shown = {}
      for i, stage in ipairs(assert(gl.pipelines:stages(17, 3))) do
        shown[i] = stage.name
        assert.is_string(stage.status)
      end
      assert.same({ "build", "test", "call" }, shown)
      local tree = assert(gl.pipelines:tree(17, 3))
      assert.equal(12, tree.first_failure.id)
      assert.is_string(tree.first_failure.failure_reason)
      assert.equal(40, tree.downstream[1].id)
      assert.is_nil(tree.downstream[1].error)
      assert.equal(40, assert(gl.pipelines:downstream(17, 3))[1].id)

      local names = {}
      for job in gl.jobs:each_project(17) do names[#names + 1] = job.name end
      assert.same({ "unit", "build" }, names)
      assert.equal(50, assert(gl.jobs:retry(17, 12)).id)
      assert.equal("line one\nline two\n", assert(gl.jobs:log(17, 12)))

      assert.equal("v", assert(gl.variables:set(17, { key = "K", value = "v", raw = false })).value)
      assert.equal("prod", assert(gl.environments:list(17))[1].name)
      local info = assert(gl.token:info())
      assert.same({ "api" }, info.scopes)
      assert.equal("ann", info.user.username)
      assert.is_true(gl.token:allows "pipelines.create")

      -- The route that is missing is asked for once, and never where it is there.
      local asked, older = 0, 0
      for _, request in ipairs(transport.requests) do
        if request.target:find("/trigger_jobs", 1, true) then asked = asked + 1 end
        if request.target:find("/bridges", 1, true) then older = older + 1 end
      end
      assert.equal(version >= 19.2 and 0 or 4, older)
      assert.equal(version >= 19.2 and 4 or 1, asked)
    end)
  end

  it("of any version may say a status, a source or a reason that nobody knows yet", function()
    local gl = api.new(double.new { { body = { id = 3, status = "quantum", source = "tea" } },
      { body = { job_of(19.9, 1, "a", "x", "quantum"), job_of(19.9, 2, "b", "x", "failed",
        { failure_reason = "moon_phase" }) } }, NO_ROUTE, { body = json.array {} } })
    assert.equal("quantum", assert(gl.pipelines:get(17, 3)).status)
    local stage = assert(gl.pipelines:stages(17, 3))[1]
    assert.is_false(require("gitlab_pipelines").status.is_finished "quantum")
    assert.is_string(stage.status)
    assert.equal("moon_phase", stage.jobs[2].failure_reason)
  end)

  it("before 18.2 answers 422 for a pipeline that was saved but cannot run", function()
    local _, err = api.new(double.new { { status = 422, body = { message = "422 Unprocessable Entity" } } })
      .triggers:run(17, { token = "glptt-0123456789", ref = "main" })
    assert.is_true(err:is "PipelineCreationFailed")
  end)

  it("knows an OAuth token by older names too", function()
    local gl = api.new(double.new(function(request)
      if request.target == "/oauth/token/info" then
        return { body = { resource_owner_id = 7, scopes = { "read_api" }, expires_in_seconds = 60 } }
      end
      return { body = { id = 7 } }
    end), { auth = "bearer", runtime = virtual.new() })
    local info = assert(gl.token:info())
    assert.same({ "read_api" }, info.scopes)
    assert.equal("2026-01-01T00:01:00Z", info.expires_at)
  end)
end)
