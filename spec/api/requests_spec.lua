-- The exact request of every method, against a table written by hand from GitLab's documentation.

local double = require "support.transport_double"
local json = require "gitlab_pipelines.json"
local operations = require "gitlab_pipelines.operations"
local api = require "support.api_client"

local API = "/api/v4"
local LONG = 123456789012345

-- {operation, function(gl), method, target below /api/v4, body or nil}
local cases = {
  { "projects.get", function(gl) return gl.projects:get(17) end, "GET", "/projects/17" },
  { "projects.get", function(gl) return gl.projects:get "17" end, "GET", "/projects/17" },
  { "projects.get", function(gl) return gl.projects:get "group/sub/app" end,
    "GET", "/projects/group%2Fsub%2Fapp" },
  { "projects.get", function(gl) return gl.projects:get "a b/c#d/é?x" end,
    "GET", "/projects/a%20b%2Fc%23d%2F%C3%A9%3Fx" },
  { "projects.get", function(gl) return gl.projects:get(LONG) end,
    "GET", "/projects/123456789012345" },

  { "pipelines.list", function(gl) return gl.pipelines:list(17) end,
    "GET", "/projects/17/pipelines?per_page=100" },
  { "pipelines.list", function(gl)
      return gl.pipelines:list("acme/app", {
        scope = "finished", status = "success", ref = "feature/a+b #1", sha = "abc", source = "web",
        name = "Nightly build", username = "ann", yaml_errors = false, sort = "asc",
        order_by = "updated_at", updated_after = "2026-01-31T10:00:00+02:00",
        updated_before = 1767225600, created_after = 1767225600.25, created_before = "2026-02-01",
        per_page = 50,
      })
    end, "GET", "/projects/acme%2Fapp/pipelines?created_after=2026-01-01T00%3A00%3A00.250Z"
      .. "&created_before=2026-02-01&name=Nightly%20build&order_by=updated_at&per_page=50"
      .. "&ref=feature%2Fa%2Bb%20%231&scope=finished&sha=abc&sort=asc&source=web&status=success"
      .. "&updated_after=2026-01-31T10%3A00%3A00%2B02%3A00&updated_before=2026-01-01T00%3A00%3A00Z"
      .. "&username=ann&yaml_errors=false" },
  { "pipelines.get", function(gl) return gl.pipelines:get(17, LONG) end,
    "GET", "/projects/17/pipelines/123456789012345" },
  { "pipelines.latest", function(gl) return gl.pipelines:latest(17) end,
    "GET", "/projects/17/pipelines/latest" },
  { "pipelines.latest", function(gl) return gl.pipelines:latest(17, "release/1 & 2") end,
    "GET", "/projects/17/pipelines/latest?ref=release%2F1%20%26%202" },
  { "pipelines.create", function(gl) return gl.pipelines:create(17, { ref = "main" }) end,
    "POST", "/projects/17/pipeline", '{"ref":"main"}' },
  { "pipelines.create", function(gl)
      return gl.pipelines:create(17, { ref = "main", variables = {}, inputs = {} })
    end, "POST", "/projects/17/pipeline", '{"ref":"main"}' },
  { "pipelines.create", function(gl)
      return gl.pipelines:create("acme/app", { ref = "refs/heads/x",
        variables = { ZETA = "z", ALPHA = "a\n\"b\"", _x1 = "" } })
    end, "POST", "/projects/acme%2Fapp/pipeline",
    [[{"ref":"refs/heads/x","variables":[{"key":"ALPHA","value":"a\n\"b\""},]]
      .. [[{"key":"ZETA","value":"z"},{"key":"_x1","value":""}]}]] },
  { "pipelines.create", function(gl)
      return gl.pipelines:create(17, { ref = "main", variables = {
        { key = "B", value = "2" }, { key = "A", value = "path", variable_type = "file" },
        { key = "C", value = "3", variable_type = "env_var" } } })
    end, "POST", "/projects/17/pipeline",
    [[{"ref":"main","variables":[{"key":"B","value":"2"},]]
      .. [[{"key":"A","value":"path","variable_type":"file"},]]
      .. [[{"key":"C","value":"3","variable_type":"env_var"}]}]] },
  { "pipelines.create", function(gl)
      return gl.pipelines:create(17, { ref = "main", inputs = {
        deployTarget = "eu", ["with-dash"] = true, count = LONG, ratio = 0.5, off = false,
        list = { "a", "b" }, none = json.array {}, cleared = json.null } })
    end, "POST", "/projects/17/pipeline",
    [[{"inputs":{"cleared":null,"count":123456789012345,"deployTarget":"eu","list":["a","b"],]]
      .. [["none":[],"off":false,"ratio":0.5,"with-dash":true},"ref":"main"}]] },
  { "pipelines.cancel", function(gl) return gl.pipelines:cancel(17, 3) end,
    "POST", "/projects/17/pipelines/3/cancel" },
  { "pipelines.retry", function(gl) return gl.pipelines:retry(17, 3) end,
    "POST", "/projects/17/pipelines/3/retry" },
  { "pipelines.delete", function(gl) return gl.pipelines:delete(17, 3) end,
    "DELETE", "/projects/17/pipelines/3" },
  { "pipelines.delete", function(gl)
      return gl.pipelines:delete(17, 3, { unmodified_since = "Thu, 01 Jan 2026 00:00:00 GMT" })
    end, "DELETE", "/projects/17/pipelines/3", nil,
    { ["if-unmodified-since"] = "Thu, 01 Jan 2026 00:00:00 GMT" } },
  { "pipelines.variables", function(gl) return gl.pipelines:variables(17, 3) end,
    "GET", "/projects/17/pipelines/3/variables" },
  { "pipelines.rename", function(gl) return gl.pipelines:rename(17, 3, "Night ☾") end,
    "PUT", "/projects/17/pipelines/3/metadata", '{"name":"Night ☾"}' },
  { "pipelines.test_report", function(gl) return gl.pipelines:test_report(17, 3) end,
    "GET", "/projects/17/pipelines/3/test_report" },
  { "pipelines.test_report_summary", function(gl) return gl.pipelines:test_report_summary(17, 3) end,
    "GET", "/projects/17/pipelines/3/test_report_summary" },
  { "pipelines.trigger_jobs", function(gl) return gl.pipelines:trigger_jobs(17, 3) end,
    "GET", "/projects/17/pipelines/3/trigger_jobs?per_page=100" },
  { "pipelines.bridges", function(gl)
      gl.memory.no_trigger_jobs = true
      return gl.pipelines:trigger_jobs(17, 3)
    end, "GET", "/projects/17/pipelines/3/bridges?per_page=100" },

  { "jobs.list", function(gl) return gl.jobs:list(17, 3) end,
    "GET", "/projects/17/pipelines/3/jobs?per_page=100" },
  { "jobs.list", function(gl)
      return gl.jobs:list(17, 3, { scope = { "failed", "canceled" }, include_retried = true })
    end, "GET", "/projects/17/pipelines/3/jobs?include_retried=true&per_page=100"
      .. "&scope%5B%5D=failed&scope%5B%5D=canceled" },
  { "jobs.list_project", function(gl) return gl.jobs:list_project(17) end,
    "GET", "/projects/17/jobs?order_by=id&pagination=keyset&per_page=100&sort=desc" },
  { "jobs.list_project", function(gl)
      return gl.jobs:list_project(17, { scope = "failed", ref = "main", sort = "asc" })
    end, "GET", "/projects/17/jobs?order_by=id&pagination=keyset&per_page=100&ref=main"
      .. "&scope%5B%5D=failed&sort=asc" },
  { "jobs.list_project", function(gl) return gl.jobs:list_project(17, { page = 4 }) end,
    "GET", "/projects/17/jobs?page=4&per_page=100" },
  { "jobs.get", function(gl) return gl.jobs:get(17, 5) end, "GET", "/projects/17/jobs/5" },
  { "jobs.retry", function(gl) return gl.jobs:retry(17, 5) end, "POST", "/projects/17/jobs/5/retry" },
  { "jobs.retry", function(gl) return gl.jobs:retry(17, 5, { inputs = { dryRun = true } }) end,
    "POST", "/projects/17/jobs/5/retry", '{"job_inputs":{"dryRun":true}}' },
  { "jobs.cancel", function(gl) return gl.jobs:cancel(17, 5) end,
    "POST", "/projects/17/jobs/5/cancel" },
  { "jobs.cancel", function(gl) return gl.jobs:cancel(17, 5, { force = true }) end,
    "POST", "/projects/17/jobs/5/cancel", '{"force":true}' },
  { "jobs.play", function(gl) return gl.jobs:play(17, 5) end, "POST", "/projects/17/jobs/5/play" },
  { "jobs.play", function(gl)
      return gl.jobs:play(17, 5, { variables = { REGION = "eu", B = "1" }, inputs = { n = 2 } })
    end, "POST", "/projects/17/jobs/5/play", [[{"job_inputs":{"n":2},]]
      .. [["job_variables_attributes":[{"key":"B","value":"1"},{"key":"REGION","value":"eu"}]}]] },
  { "jobs.erase", function(gl) return gl.jobs:erase(17, 5) end, "POST", "/projects/17/jobs/5/erase" },
  { "jobs.log", function(gl) return gl.jobs:log(17, 5) end, "GET", "/projects/17/jobs/5/trace" },

  { "artifacts.download", function(gl) return gl.artifacts:download(17, 5) end,
    "GET", "/projects/17/jobs/5/artifacts" },
  { "artifacts.file", function(gl) return gl.artifacts:file(17, 5, "out/a b#1/é.txt") end,
    "GET", "/projects/17/jobs/5/artifacts/out%2Fa%20b%231%2F%C3%A9.txt" },
  { "artifacts.latest", function(gl) return gl.artifacts:latest(17, "feature/x", "build: [a, b]") end,
    "GET", "/projects/17/jobs/artifacts/feature%2Fx/download?job=build%3A%20%5Ba%2C%20b%5D" },
  { "artifacts.latest", function(gl)
      return gl.artifacts:latest(17, "main", "build", nil, { search_recent_successful_pipelines = true })
    end, "GET", "/projects/17/jobs/artifacts/main/download?job=build"
      .. "&search_recent_successful_pipelines=true" },
  { "artifacts.keep", function(gl) return gl.artifacts:keep(17, 5) end,
    "POST", "/projects/17/jobs/5/artifacts/keep" },
  { "artifacts.delete", function(gl) return gl.artifacts:delete(17, 5) end,
    "DELETE", "/projects/17/jobs/5/artifacts" },

  { "triggers.run", function(gl)
      return gl.triggers:run("a/b", { token = "glptt-0123456789", ref = "main" })
    end, "POST", "/projects/a%2Fb/trigger/pipeline", '{"ref":"main","token":"glptt-0123456789"}' },
  { "triggers.run", function(gl)
      return gl.triggers:run(17, { token = "glptt-0123456789", ref = "feature/ü",
        variables = { { key = "Z", value = "1" }, { key = "A", value = "2" } },
        inputs = { camelCase = json.array {}, deep = { "x" } } })
    end, "POST", "/projects/17/trigger/pipeline", [[{"inputs":{"camelCase":[],"deep":["x"]},]]
      .. [["ref":"feature/ü","token":"glptt-0123456789","variables":{"A":"2","Z":"1"}}]] },
  { "triggers.list", function(gl) return gl.triggers:list(17) end,
    "GET", "/projects/17/triggers?per_page=100" },
  { "triggers.get", function(gl) return gl.triggers:get(17, 9) end, "GET", "/projects/17/triggers/9" },
  { "triggers.create", function(gl)
      return gl.triggers:create(17, { description = "nightly", expires_at = 1767225600 })
    end, "POST", "/projects/17/triggers",
    '{"description":"nightly","expires_at":"2026-01-01T00:00:00Z"}' },
  { "triggers.update", function(gl) return gl.triggers:update(17, 9, { description = "new" }) end,
    "PUT", "/projects/17/triggers/9", '{"description":"new"}' },
  { "triggers.delete", function(gl) return gl.triggers:delete(17, 9) end,
    "DELETE", "/projects/17/triggers/9" },

  { "variables.list", function(gl) return gl.variables:list(17) end,
    "GET", "/projects/17/variables?per_page=100" },
  { "variables.get", function(gl) return gl.variables:get(17, "KEY_1") end,
    "GET", "/projects/17/variables/KEY_1" },
  { "variables.get", function(gl)
      return gl.variables:get(17, "KEY", { environment_scope = "review/*" })
    end, "GET", "/projects/17/variables/KEY?filter%5Benvironment_scope%5D=review%2F%2A" },
  { "variables.update", function(gl) return gl.variables:set(17, { key = "KEY", value = "v" }) end,
    "PUT", "/projects/17/variables/KEY?filter%5Benvironment_scope%5D=%2A", '{"value":"v"}' },
  { "variables.update", function(gl)
      return gl.variables:set(17, { key = "KEY", value = "v", environment_scope = "prod", masked = true,
        protected = false, raw = true, variable_type = "file", description = "d" })
    end, "PUT", "/projects/17/variables/KEY?filter%5Benvironment_scope%5D=prod",
    '{"description":"d","masked":true,"protected":false,"raw":true,"value":"v","variable_type":"file"}' },
  { "variables.delete", function(gl)
      return gl.variables:delete(17, "KEY", { environment_scope = "prod" })
    end, "DELETE", "/projects/17/variables/KEY?filter%5Benvironment_scope%5D=prod" },

  { "environments.list", function(gl)
      return gl.environments:list(17, { search = "rev", states = "available" })
    end, "GET", "/projects/17/environments?per_page=100&search=rev&states=available" },
  { "environments.get", function(gl) return gl.environments:get(17, 4) end,
    "GET", "/projects/17/environments/4" },
  { "environments.create", function(gl)
      return gl.environments:create(17, { name = "review/x", external_url = "https://x.test",
        tier = "development", cluster_agent_id = 3 })
    end, "POST", "/projects/17/environments", [[{"cluster_agent_id":3,]]
      .. [["external_url":"https://x.test","name":"review/x","tier":"development"}]] },
  { "environments.update", function(gl) return gl.environments:update(17, 4, { tier = "staging" }) end,
    "PUT", "/projects/17/environments/4", '{"tier":"staging"}' },
  { "environments.stop", function(gl) return gl.environments:stop(17, 4) end,
    "POST", "/projects/17/environments/4/stop" },
  { "environments.stop", function(gl) return gl.environments:stop(17, 4, { force = true }) end,
    "POST", "/projects/17/environments/4/stop", '{"force":true}' },
  { "environments.delete", function(gl) return gl.environments:delete(17, 4) end,
    "DELETE", "/projects/17/environments/4" },

  { "deployments.list", function(gl)
      return gl.deployments:list(17, { environment = "production", status = "success",
        order_by = "finished_at", finished_after = "2026-01-01T00:00:00+01:00" })
    end, "GET", "/projects/17/deployments?environment=production"
      .. "&finished_after=2026-01-01T00%3A00%3A00%2B01%3A00&order_by=finished_at&per_page=100"
      .. "&status=success" },
  { "deployments.get", function(gl) return gl.deployments:get(17, 6) end,
    "GET", "/projects/17/deployments/6" },

  -- Operations that no method asks for by itself: the last request is theirs.
  { "variables.create", function(gl)
      return gl.variables:set("a/b", { key = "KEY", value = "päß\n", environment_scope = "review/*",
        masked_and_hidden = true, protected = true, description = "d", variable_type = "file" })
    end, "POST", "/projects/a%2Fb/variables",
    [[{"description":"d","environment_scope":"review/*","key":"KEY","masked_and_hidden":true,]]
      .. [["protected":true,"raw":false,"value":"päß\n","variable_type":"file"}]],
    answers = { { status = 404, body = { message = "404 Variable Not Found" } } } },
  { "token.self", function(gl) return gl.token:info() end, "GET", "/personal_access_tokens/self",
    answers = { { body = { id = 1 } } }, at = 1 },
  { "token.job", function(gl) return gl.token:info() end, "GET", "/job", options = { auth = "job" } },
  { "token.oauth", function(gl) return gl.token:info() end, "GET", "/oauth/token/info", base = "",
    options = { auth = "bearer" }, at = 1 },
  { "server.user", function(gl) return gl.token:info() end, "GET", "/user",
    answers = { { body = { id = 1, user_id = 1 } } } },
  { "server.version", function(gl)
      return gl.client:call(operations.server.version, operations.arguments(operations.server.version, {}))
    end, "GET", "/version" },
  { "artifacts.tree", function(gl)
      local op = operations.artifacts.tree
      return gl.client:call(op, operations.arguments(op, { project = "a/b", job_id = 5, path = "out/a b#1+ü",
        recursive = true, per_page = 100, page = 2 }))
    end, "GET", "/projects/a%2Fb/jobs/5/artifacts/tree?page=2&path=out%2Fa%20b%231%2B%C3%BC&per_page=100"
      .. "&recursive=true" },
  { "artifacts.latest_file", function(gl)
      local op = operations.artifacts.latest_file
      return gl.client:call(op, operations.arguments(op, { project = 17, ref = "feature/x#1",
        path = "out/a b.txt", job_name = "build" }))
    end, "GET", "/projects/17/jobs/artifacts/feature%2Fx%231/raw/out%2Fa%20b.txt?job=build" },

  -- What is easily got wrong.
  { "jobs.get", function(gl) return gl.jobs:get(LONG, LONG) end,
    "GET", "/projects/123456789012345/jobs/123456789012345" },
  { "jobs.get", function(gl) return gl.jobs:get(17.0, 5.0) end, "GET", "/projects/17/jobs/5" },
  { "jobs.list", function(gl)
      return gl.jobs:list("grüppe/app", LONG, { scope = "waiting_for_resource", limit = 7 })
    end, "GET", "/projects/gr%C3%BCppe%2Fapp/pipelines/123456789012345/jobs?per_page=7"
      .. "&scope%5B%5D=waiting_for_resource" },
  { "pipelines.list", function(gl)
      return gl.pipelines:list(17, { ref = "a&b=c%d/é", name = '"x" ☾', updated_after = "2026-01-31T10:00:00+02:00",
        created_after = 1767225600.9996, yaml_errors = true, per_page = 20, page = 3 })
    end, "GET", "/projects/17/pipelines?created_after=2026-01-01T00%3A00%3A01Z&name=%22x%22%20%E2%98%BE&page=3"
      .. "&per_page=20&ref=a%26b%3Dc%25d%2F%C3%A9&updated_after=2026-01-31T10%3A00%3A00%2B02%3A00&yaml_errors=true" },
  { "pipelines.create", function(gl)
      return gl.pipelines:create("a b/c#d", { ref = "feature/é #1", variables = {
        { key = "CFG", value = "a=1\nb=\t2", variable_type = "file" } },
        inputs = { camelCase = { { nested = { "x", 1, 2.5, false } } }, Empty = json.array {},
          emptyToo = { json.array {} }, big = -LONG, text = "17", tiny = 1e-7 } })
    end, "POST", "/projects/a%20b%2Fc%23d/pipeline",
    [[{"inputs":{"Empty":[],"big":-123456789012345,"camelCase":[{"nested":["x",1,2.5,false]}],]]
      .. [=["emptyToo":[[]],"text":"17","tiny":1e-07},"ref":"feature/é #1",]=]
      .. [["variables":[{"key":"CFG","value":"a=1\nb=\t2","variable_type":"file"}]}]] },
  { "triggers.run", function(gl)
      return gl.triggers:run("a b/c#d", { token = require("gitlab_pipelines").secret.new "glptt-0123456789",
        ref = "v1+2", variables = { B = "+ &=", A = "" }, inputs = { n = LONG } })
    end, "POST", "/projects/a%20b%2Fc%23d/trigger/pipeline",
    [[{"inputs":{"n":123456789012345},"ref":"v1+2","token":"glptt-0123456789","variables":{"A":"","B":"+ &="}}]] },
  { "triggers.run", function(gl)
      return gl.triggers:run(17, { token = require("gitlab_pipelines").secret.named "DEPLOY", ref = "main" })
    end, "POST", "/projects/17/trigger/pipeline", '{"ref":"main","token":"glptt-by-its-name"}',
    options = { secrets = { DEPLOY = "glptt-by-its-name" } } },
  { "triggers.run", function(gl) return gl.triggers:run(17, { ref = "main" }) end,
    "POST", "/projects/17/trigger/pipeline", '{"ref":"main","token":"' .. api.JOB_TOKEN .. '"}',
    options = { auth = "job" } },
  { "environments.update", function(gl)
      return gl.environments:update("a/b", LONG, { description = "", external_url = "https://x.test/?a=1&b=2",
        kubernetes_namespace = "n", flux_resource_path = "a/b", auto_stop_setting = "with_action" })
    end, "PUT", "/projects/a%2Fb/environments/123456789012345", [[{"auto_stop_setting":"with_action",]]
      .. [["description":"","external_url":"https://x.test/?a=1&b=2","flux_resource_path":"a/b",]]
      .. [["kubernetes_namespace":"n"}]] },
  { "environments.list", function(gl) return gl.environments:list(17, { name = "review/a+b" }) end,
    "GET", "/projects/17/environments?name=review%2Fa%2Bb&per_page=100" },
  { "deployments.list", function(gl)
      return gl.deployments:list(17, { updated_after = 1767225600, sort = "desc", order_by = "updated_at", limit = 1 })
    end, "GET", "/projects/17/deployments?order_by=updated_at&per_page=1&sort=desc"
      .. "&updated_after=2026-01-01T00%3A00%3A00Z" },
}

-- What the address names in the place of a parameter.
local function named_in(url, path, param)
  local pattern = path:gsub(":([%a_]+)", function(name) return name == param and "([^/?]+)" or "[^/?]+" end)
  local text = url:match(pattern)
  return tonumber(text) or text
end

local function answer_of(request)
  local operation = operations.find(request.operation)
  if operation.result == "none" then return { status = 204 } end
  if operation.result == "text" or operation.result == "bytes" then return { body = "bytes" } end
  local body = operation.result == "list" and json.array {} or { id = 1 }
  if operation.same then
    local named = named_in(request.url, operation.path, operation.same[1])
    -- The path of a project is no number; its response has one all the same.
    if operation.same[1] ~= "project" or type(named) == "number" then body[operation.same[2]] = named end
  end
  return { status = operation.success[1], body = body }
end

-- The header that carries the token, by the way it goes.
local function credential(auth)
  if auth == "job" then return "job-token", api.JOB_TOKEN end
  if auth == "bearer" then return "authorization", "Bearer " .. api.TOKEN end
  return "private-token", api.TOKEN
end

describe("the request of", function()
  local seen = {}
  for number, case in ipairs(cases) do
    local name, call, method, target, body, headers = case[1], case[2], case[3], case[4], case[5], case[6]
    seen[name] = true
    it(("%s (%d)"):format(name, number), function()
      local transport = double.new(function(request, count)
        return case.answers and case.answers[count] or answer_of(request)
      end)
      local options = case.options or {}
      local result, err = call(api.new(transport, options))
      assert.is_nil(err)
      assert.is_not_nil(result)
      local at = case.at or #(case.answers or {}) + 1
      if not case.at then assert.equal(at, #transport.requests) end
      local request = transport.requests[at]
      assert.equal(name, request.operation)
      assert.equal(method, request.method)
      assert.equal((case.base or API) .. target, request.target)
      assert.equal(body, request.body)
      local wanted = { accept = operations.find(name).result == "bytes" and "*/*" or "application/json",
        ["content-type"] = body and "application/json" or nil }
      for header, value in pairs(headers or {}) do wanted[header] = value end
      if name ~= "triggers.run" then
        local header, value = credential(options.auth)
        wanted[header] = value
      end
      assert.same(wanted, request.headers)
      assert.equal(operations.find(name).effect, request.effect)
      for _, sent in ipairs(transport.requests) do
        assert.is_nil(sent.url:find("gl%l+%-"))
      end
    end)
  end

  it("every operation stands in this table", function()
    for _, operation in ipairs(operations.all) do assert.is_true(seen[operation.name], operation.name) end
  end)
end)
