local calls = require "support.mock_calls"

describe("the simulated GitLab's tokens", function()
  local gl
  before_each(function()
    gl = assert(calls.new { world = {
      projects = {
        ["acme/app"] = { id = 5, created = 0, queued = 0, variables_role = "maintainer",
          trigger_tokens = { "glptt-of-the-world" },
          jobs = { { name = "a", duration = 100 } } },
        ["acme/other"] = { id = 6, jobs = { { name = "a" } } },
      },
      tokens = {
        { token = "glpat-reads-only", scopes = { "read_api" }, user = "reader" },
        { token = "glpat-developer", scopes = { "api" }, role = "developer", user = "dev" },
        { token = "glpat-ends-early", expires_at = "2026-01-01T01:00:00Z" },
        { token = "glpat-three-calls", calls = 3 },
        { token = "glpat-was-revoked", revoked = true },
        { token = "glpat-one-project", kind = "project", project = "acme/app" },
        { token = "glcbt-of-a-job", kind = "job", job_id = 1 },
      },
    } })
  end)
  after_each(function() gl:close() end)

  local function get(target, token) return gl:get(target, { token = token }) end

  it("of read_api read and do not write", function()
    assert.equal(200, (get("/projects/5", "glpat-reads-only")))
    local status, answer = gl:post("/projects/5/pipeline", { ref = "main" },
      { token = "glpat-reads-only", headers = { { "Content-Type", "application/json" } } })
    assert.equal(403, status)
    assert.same({ error = "insufficient_scope", scope = "api", error_description =
      "The request requires higher privileges than provided by the access token." }, answer)
    local _, user = get("/user", "glpat-reads-only")
    assert.equal("reader", user.username)
  end)

  it("of developers are refused where maintainers are needed, variables included", function()
    local json = { { "Content-Type", "application/json" } }
    assert.equal(403, (get("/projects/5/variables", "glpat-developer")))
    assert.equal(403, (get("/projects/5/triggers", "glpat-developer")))
    assert.equal(201, (gl:post("/projects/5/pipeline", { ref = "main" },
      { token = "glpat-developer", headers = json })))
    local status, answer = gl:post("/projects/5/pipeline",
      { ref = "main", variables = { { key = "A", value = "1" } } }, { token = "glpat-developer", headers = json })
    assert.equal(400, status)
    assert.same({ base = { "Insufficient permissions to set pipeline variables" } }, answer.message)
    -- Who made it may read its variables, somebody else of that role may not.
    assert.equal(200, (get("/projects/5/pipelines/1/variables", "glpat-developer")))
    gl:post("/projects/5/pipeline", { ref = "main" })
    assert.equal(403, (get("/projects/5/pipelines/2/variables", "glpat-developer")))
  end)

  it("expire, at their time or after a number of calls, and say so", function()
    local expired = "Token is expired. You can either do re-authorization or token refresh."
    assert.equal(200, (get("/version", "glpat-ends-early")))
    gl.at = 3600
    local status, answer, headers = get("/version", "glpat-ends-early")
    assert.same({ 401, "invalid_token", expired }, { status, answer.error, answer.error_description })
    assert.truthy(headers["www-authenticate"]:match "^Bearer ")
    for _ = 1, 3 do assert.equal(200, (get("/version", "glpat-three-calls"))) end
    assert.equal(expired, select(2, get("/version", "glpat-three-calls")).error_description)
  end)

  it("are revoked, and rotated into new ones", function()
    local status, answer = get("/version", "glpat-was-revoked")
    assert.same({ 401, "Token was revoked. You have to re-authorize from the user." },
      { status, answer.error_description })
    local made, fresh = gl:post("/personal_access_tokens/self/rotate", {}, { token = "glpat-developer",
      headers = { { "Content-Type", "application/json" } } })
    assert.equal(200, made)
    assert.equal(401, (get("/version", "glpat-developer")))
    local _, own = get("/personal_access_tokens/self", fresh.token)
    assert.same({ "api" }, own.scopes)
    assert.is_true(own.active)
  end)

  it("of a project see no other project", function()
    assert.equal(200, (get("/projects/5", "glpat-one-project")))
    local status, answer = get("/projects/6", "glpat-one-project")
    assert.same({ 404, { message = "404 Project Not Found" } }, { status, answer })
  end)

  it("of a job work while it runs, where GitLab lets them, and trigger as a pipeline", function()
    assert.equal(401, (get("/projects/5/pipelines", "glcbt-of-a-job")))
    gl:post("/projects/5/pipeline", { ref = "main" })
    assert.equal(200, (get("/projects/5/pipelines", "glcbt-of-a-job")))
    assert.equal(1, select(2, get("/job", "glcbt-of-a-job")).id)
    local _, agents = get("/job/allowed_agents", "glcbt-of-a-job")
    assert.same({ 1, 1, 5, 0 }, { agents.job.id, agents.pipeline.id, agents.project.id, #agents.allowed_agents })
    assert.equal("guest", agents.user.roles_in_project[1])
    assert.equal(404, (get("/job/allowed_agents")))
    assert.equal(401, (get("/projects/5/jobs/1", "glcbt-of-a-job")))
    assert.equal(401, (get("/_mock/clock", "glcbt-of-a-job")))
    local status, made = gl:form("/projects/6/trigger/pipeline", "ref=main&token=glcbt-of-a-job", false)
    assert.same({ 201, "pipeline" }, { status, made.source })
    gl:post "/projects/5/pipelines/1/cancel"
    local answer
    status, answer = gl:form("/projects/6/trigger/pipeline", "ref=main&token=glcbt-of-a-job", false)
    assert.same({ 401, { message = "Job is not running" } }, { status, answer })
  end)

  it("of the trigger kind belong to one project", function()
    gl:delete "/_mock/pipelines"
    local form = "ref=main&token=glptt-of-the-world"
    assert.equal(201, (gl:form("/projects/5/trigger/pipeline", form, false)))
    assert.equal(401, (gl:form("/projects/6/trigger/pipeline", form, false)))
    assert.equal(401, (get("/projects/5", "glptt-of-the-world")))
    local _, list = gl:get "/projects/5/triggers"
    assert.equal("glptt-of-the-world", list[1].token)
    assert.truthy(list[1].last_used)
  end)
end)
