-- At the most talkative level, through the whole client: no token, no value of a variable and no
-- name of a project stands in a log, and no secret in an error.

local api = require "support.api_client"
local double = require "support.transport_double"
local gitlab = require "gitlab_pipelines"

local SECRETS = { "MOCK_SUPER_SECRET", "glptt-lib-0123", "glptt-of-the-store", "plain-variable-value",
  "secret-variable-value", "masked-value-123", "job-variable-value", "input-value-456" }

-- A log that keeps every entry whole.
local function recorder()
  local lines = {}
  return lines, function(level, message, fields)
    local names = {}
    for name in pairs(fields) do names[#names + 1] = name end
    table.sort(names)
    local words = { level, message }
    for _, name in ipairs(names) do words[#words + 1] = name .. "=" .. fields[name] end
    lines[#lines + 1] = table.concat(words, " ")
  end
end

local function check_silent(text, secrets)
  for _, secret in ipairs(secrets) do
    assert.is_nil(text:find(secret, 1, true), secret .. " stands in:\n" .. text)
  end
end

describe("the client's log", function()
  it("holds no secret and no project's name, whatever is called", function()
    local rt = gitlab.runtime.virtual.new()
    local transport = assert(gitlab.mock.new { runtime = rt, world = { projects = { ["acme/lib"] = { id = 11,
      default_branch = "main", queued = 0.5, trigger_tokens = { "glptt-lib-0123", "glptt-of-the-store" }, jobs = {
        { name = "compile", stage = "build", duration = 2, artifacts = { ["a.txt"] = "a" }, log = "ok\n" },
        { name = "deploy", stage = "deploy", duration = 1, manual = true, environment = "production" } } } } } })
    local lines, sink = recorder()
    local gl = assert(gitlab.new { url = "http://127.0.0.1", token = transport.token, transport = transport,
      runtime = rt, log = sink, log_level = "debug", secrets = { DEPLOY = "glptt-of-the-store" } })
    local told = {}
    local function tell(result, err)
      if result == nil then told[#told + 1] = tostring(err) end
      return result
    end

    local made = assert(gl.pipelines:create("acme/lib", { ref = "main", inputs = { n = "input-value-456" },
      variables = { A = "plain-variable-value", B = gitlab.secret.new "secret-variable-value" } }))
    tell(gl.pipelines:wait("acme/lib", made.id, { on_manual = "ignore" }))
    local jobs = assert(gl.jobs:list("acme/lib", made.id))
    tell(gl.jobs:play("acme/lib", jobs[1].id, { variables = { C = "job-variable-value" } }))
    tell(gl.jobs:log("acme/lib", jobs[2].id))
    tell(gl.pipelines:variables("acme/lib", made.id))
    tell(gl.pipelines:tree("acme/lib", made.id))
    tell(gl.triggers:run("acme/lib", { token = "glptt-lib-0123", ref = "main",
      variables = { A = "plain-variable-value" } }))
    tell(gl.triggers:run("acme/lib", { token = gitlab.secret.named "DEPLOY", ref = "main" }))
    tell(gl.triggers:run("acme/lib", { token = gitlab.secret.new "glptt-lib-0123", ref = "none/such" }))
    tell(gl.variables:set("acme/lib", { key = "K", value = "masked-value-123", masked = true }))
    tell(gl.variables:get("acme/lib", "K"))
    tell(gl.variables:set("acme/lib", { key = "K", value = "plain-variable-value", environment_scope = "prod" }))
    tell(gl.variables:get("acme/lib", "K"))
    tell(gl.artifacts:download("acme/lib", jobs[2].id))
    tell(gl.environments:list "acme/lib")
    tell(gl.deployments:list "acme/lib")
    tell(gl.token:info())
    tell(gl.pipelines:get("acme/lib", 999))
    tell(gl.projects:get "acme/none")
    gl:close()

    assert.is_true(#lines > 20)
    assert.is_true(#told >= 3)
    local log = table.concat(lines, "\n")
    check_silent(log, SECRETS)
    check_silent(log, { "acme", "lib 1" })
    check_silent(table.concat(told, "\n"), SECRETS)
  end)

  it("holds none that a server or a transport says back", function()
    local secrets = { api.TOKEN, "glptt-0123456789", "secret-variable-value", "glcbt-of-somebody-else" }
    local echo = table.concat(secrets, " ")
    local answers = {
      { status = 400, body = { message = { base = { echo } } } },
      { status = 401, body = { error = "invalid_token", error_description = echo } },
      { status = 502, body = echo, type = "text/plain" },
      { body = echo, type = "application/json" },
      { failure = { outcome = "never_sent", code = "connect", message = echo } },
    }
    for _, answer in ipairs(answers) do
      local lines, sink = recorder()
      local gl = api.new(double.new(function() return answer end), { log = sink, log_level = "debug" })
      for number, call in ipairs {
        function() return gl.pipelines:get(17, 3) end,
        function()
          return gl.triggers:run(17, { token = "glptt-0123456789", ref = "main",
            variables = { A = gitlab.secret.new "secret-variable-value" } })
        end,
      } do
        local result, err = call()
        assert.is_nil(result)
        -- A secret is known from the first call that carries it.
        local known = number == 1 and { api.TOKEN, "glptt-0123456789", "glcbt-of-somebody-else" } or secrets
        check_silent(tostring(err), known)
        for _, value in pairs(err) do
          if type(value) == "string" then check_silent(value, known) end
        end
      end
      check_silent(table.concat(lines, "\n"), secrets)
    end
  end)
end)
