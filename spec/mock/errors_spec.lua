local calls = require "support.mock_calls"

describe("the simulated GitLab's errors", function()
  local gl
  before_each(function()
    gl = assert(calls.new { world = "spec/support/mock_world.lua", max_body = 2000 })
  end)
  after_each(function() gl:close() end)

  local json = { { "Content-Type", "application/json" } }

  -- method, target, body, status, answer: word for word
  local cases = {
    { "GET", "/nothing", nil, 404, { error = "404 Not Found" } },
    { "GET", "/projects/acme/lib/pipelines", nil, 404, { error = "404 Not Found" } },
    { "DELETE", "/version", nil, 405, { error = "405 Not Allowed" } },
    { "GET", "/projects/12", nil, 404, { message = "404 Project Not Found" } },
    { "GET", "/projects/acme%2Fother", nil, 404, { message = "404 Project Not Found" } },
    { "GET", "/projects/11/pipelines/5", nil, 404, { message = "404 Not found" } },
    { "GET", "/projects/11/pipelines/x", nil, 400, { error = "pipeline_id is invalid" } },
    { "GET", "/projects/11/jobs/5", nil, 404, { message = "404 Not found" } },
    { "GET", "/projects/11/pipelines/latest", nil, 403, { message = "403 Forbidden" } },
    { "GET", "/projects/11/pipelines?status=x", nil, 400, { error = "status does not have a valid value" } },
    { "GET", "/projects/11/pipelines?status=x&sort=y&page=z", nil, 400, { error =
      "page is invalid, status does not have a valid value, sort does not have a valid value" } },
    { "GET", "/projects/11/jobs?scope[]=x", nil, 400, { error = "scope does not have a valid value" } },
    { "POST", "/projects/11/pipeline", "{}", 400, { error = "ref is missing" } },
    { "POST", "/projects/11/pipeline", '{"ref":" "}', 400, { error = "ref is empty" } },
    { "POST", "/projects/11/pipeline", '{"ref":', 400,
      { error = "message body does not match declared format" } },
    { "POST", "/projects/11/pipeline", '{"ref":"a..b c"}', 400,
      { message = { base = { "Reference not found" } } } },
    { "POST", "/projects/11/pipeline",
      '{"ref":"main","variables":[{"key":"A","value":"1"},{"key":"A","value":"2"}]}', 400,
      { message = { base = { "Duplicate variable name: A" } } } },
    { "POST", "/projects/11/trigger/pipeline", '{"ref":"main","token":"MOCK_SUPER_SECRET","variables":{"A":1}}',
      400, { message = "variables needs to be a map of key-valued strings" } },
    { "GET", "/projects/11/environments?search=ab", nil, 400,
      { message = "400 Bad request - Search query is less than 3 characters" } },
    { "GET", "/projects/11/environments?search=abc&name=x", nil, 400,
      { error = "name, search cannot be used together" } },
    { "GET", "/projects/11/environments/99", nil, 404, { message = "404 Not found" } },
    { "PUT", "/projects/11/environments/99", '{"tier":"other"}', 404, { message = "404 Not found" } },
    { "POST", "/projects/11/environments/99/stop", nil, 404, { message = "404 Not found" } },
    { "GET", "/projects/11/triggers/99", nil, 404, { message = "404 Not found" } },
    { "DELETE", "/projects/11/triggers/99", nil, 404, { message = "404 Not found" } },
    { "GET", "/projects/11/deployments/99", nil, 404, { message = "404 Not found" } },
    { "GET", "/projects/11/variables/NONE", nil, 404, { message = "404 Variable Not Found" } },
    { "POST", "/projects/11/variables", "{}", 400, { error = "key is missing, value is missing" } },
    { "POST", "/projects/11/variables", '{"key":"a-b","value":"x"}', 400,
      { message = { key = { "can contain only letters, digits and '_'." } } } },
    { "POST", "/projects/11/variables", '{"key":"A","value":"short","masked":true}', 400,
      { message = { value = { "is invalid" } } } },
    { "GET", "/job", nil, 404, { message = "404 Job Not Found" } },
    { "POST", "/_mock/clock", '{"advance":-1}', 400, { error = "advance does not have a valid value" } },
    { "POST", "/_mock/clock", '{"advance":null,"set":null,"mode":null}', 400,
      { error = "advance, set, mode are missing, at least one parameter must be provided" } },
    { "POST", "/_mock/clock", '{"advance":1e300}', 400,
      { message = "400 Bad request - the clock ends before the year 9893" } },
    { "POST", "/_mock/clock", '{"set":"9999-01-01"}', 400,
      { message = "400 Bad request - the clock ends before the year 9893" } },
  }

  it("are GitLab's, word for word", function()
    for _, case in ipairs(cases) do
      local status, answer = gl:call(case[1], case[2], case[3], case[3] and { headers = json } or nil)
      assert.same({ case[2], case[4], case[5] }, { case[2], status, answer })
    end
  end)

  it("leave a deployment to the job that made it", function()
    local world = { projects = { ["acme/web"] = { id = 5, jobs = {
      { name = "deploy", duration = 1, environment = "production" } } } } }
    local other = assert(calls.new { world = world })
    other:post("/projects/5/pipeline", { ref = "main" })
    other.at = 5
    local _, deployments = other:get "/projects/5/deployments"
    assert.same({ 1, "success", "deploy" }, { #deployments, deployments[1].status, deployments[1].deployable.name })
    local status, answer = other:put("/projects/5/deployments/1", { status = "failed" })
    assert.same({ 403, { message = "403 Forbidden - Deployments created using GitLab CI can not be updated "
      .. "using the API" } }, { status, answer })
    other:close()
  end)

  it("name the allowed methods", function()
    local _, _, headers = gl:delete "/projects/11/pipelines/1/jobs"
    assert.equal("GET", headers.allow)
  end)

  it("refuse a missing or wrong token at every existing path", function()
    local unauthorized = { message = "401 Unauthorized" }
    for _, target in ipairs { "/version", "/user", "/projects/11", "/projects/99", "/_mock/clock",
      "/projects/11/pipelines/1", "/api/v4/projects/11/jobs" } do
      for _, token in ipairs { false, "wrong-token" } do
        local status, answer = gl:get(target, { token = token })
        assert.same({ 401, unauthorized }, { status, answer })
      end
    end
    local status, answer = gl:form("/projects/11/trigger/pipeline", "ref=main&token=nope", false)
    assert.same({ 401, unauthorized }, { status, answer })
    status, answer = gl:form("/projects/11/trigger/pipeline", "ref=main", false)
    assert.same({ 401, unauthorized }, { status, answer })
    assert.equal(0, #select(2, gl:get "/projects/11/pipelines"))
  end)

  it("take the token as header, bearer and parameter", function()
    assert.equal(200, (gl:get("/version", { token = false, headers = {
      { "Authorization", "Bearer MOCK_SUPER_SECRET" } } })))
    assert.equal(200, (gl:get("/version?private_token=MOCK_SUPER_SECRET", { token = false })))
    assert.equal(201, (gl:form("/projects/11/trigger/pipeline", "ref=main&token=MOCK_SUPER_SECRET", false)))
  end)

  it("refuse foreign media types and bodies that are too large", function()
    local status, answer = gl:call("POST", "/projects/11/pipeline", "<ref/>",
      { headers = { { "Content-Type", "text/xml" } } })
    assert.equal(415, status)
    assert.same({ error = "The provided content-type 'text/xml' is not supported." }, answer)
    status = gl:call("POST", "/projects/11/pipeline", ('{"ref":"%s"}'):format(("x"):rep(3000)),
      { headers = json })
    assert.equal(413, status)
  end)

  it("refuse a reset unless it was allowed", function()
    local shut = assert(calls.new { allow_reset = false })
    assert.equal(403, (shut:post "/_mock/reset"))
    shut:close()
    gl:post("/projects/11/pipeline", { ref = "main" })
    assert.equal(200, (gl:post "/_mock/reset"))
    assert.equal(0, #select(2, gl:get "/_mock/pipelines"))
    assert.equal(103, #select(2, gl:get "/_mock/scenarios"))
  end)
end)
