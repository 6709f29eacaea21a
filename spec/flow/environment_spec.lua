local environment = require "gitlab_pipelines.flow.environment"
local flow = require "gitlab_pipelines.flow"
local redactors = require "gitlab_pipelines.observe.redact"

local host = { GITLAB_TOKEN = "glpat-0123456789abcdefghij", CI_JOB_TOKEN = "64_jobjobjobjobjob",
  CI_COMMIT_SHA = "abc123", CI_PROJECT_PATH = "acme/a", CI_REGISTRY_PASSWORD = "registry-password",
  CI_JOB_JWT_V9 = "jwt", CI_REPOSITORY_URL = "https://gitlab-ci-token:tttttttttt@host/a.git",
  CI_PROJECT_URL = "https://user:hunter2hunter2@host/a", CI_MY_OWN = "mine", HOME = "/root",
  CI_COMMIT_MESSAGE = "use 64_jobjobjobjobjob" }

local function getenv(name) return host[name] end

local function new(given, redactor) return environment.new(given, getenv, redactor) end

describe("the environment of a script", function()
  it("has what it was passed, and GitLab's predefined variables", function()
    local env = new { DEPLOY = "eu" }
    assert.is_nil(env:problem())
    assert.equal("eu", (env:get "DEPLOY"))
    assert.equal("abc123", (env:get "CI_COMMIT_SHA"))
    assert.equal("acme/a", (env:get "CI_PROJECT_PATH"))
    assert.same({}, { env:get "CI_COMMIT_TAG" })
    assert.is_nil((env:get "NOT_SET"))
    assert.is_nil(select(2, env:get "NOT_SET"))
  end)

  it("says so where a variable is set and not passed", function()
    local env = new {}
    assert.equal("env.HOME is not passed to the script; pass it with --env HOME", select(2, env:get "HOME"))
    assert.matches("is not passed", select(2, env:get "CI_MY_OWN"))
    assert.matches("not by a nil", select(2, env:get(nil)))
  end)

  it("has no credential, whoever asks", function()
    for _, name in ipairs { "GITLAB_TOKEN", "CI_JOB_TOKEN", "CI_REGISTRY_PASSWORD", "CI_REPOSITORY_URL",
        "CI_JOB_JWT_V9", "CI_DEPLOY_PASSWORD", "CI_DEPENDENCY_PROXY_PASSWORD", "CI_BUILD_TOKEN",
        "GITLAB_PIPELINES_SECRET_X" } do
      local value, message = new {}:get(name)
      assert.is_nil(value)
      assert.equal(("env.%s is a credential: a script never gets it"):format(name), message)
      assert.matches(name .. " is a credential", new { [name] = "x" }:problem())
    end
  end)

  it("has no value that holds one", function()
    assert.matches("OTHER holds a secret", new { OTHER = "x" .. host.GITLAB_TOKEN }:problem())
    assert.matches("OTHER holds a secret", new { OTHER = host.CI_JOB_TOKEN }:problem())
    assert.matches("OTHER holds a secret", new { OTHER = "glpat-zzzzzzzzzzzzzzzzzzzz" }:problem())
    local redactor = redactors.new():add "a-client-secret"
    assert.matches("OTHER holds a secret", new({ OTHER = "a-client-secret" }, redactor):problem())
    assert.is_nil(new { OTHER = "a-client-secret" }:problem())
    for _, name in ipairs { "CI_PROJECT_URL", "CI_COMMIT_MESSAGE" } do
      local value, message = new {}:get(name)
      assert.is_nil(value)
      assert.matches("holds a secret", message)
    end
  end)

  it("takes texts under names", function()
    assert.matches("'a b' is not the name", new { ["a b"] = "x" }:problem())
    assert.matches("A must be a string, not a number", new { A = 1 }:problem())
  end)

  it("is refused before the script runs", function()
    local made = assert(flow.from_string("error 'never'", "f.lua"))
    local plan, err = made:plan { env = { OTHER = host.GITLAB_TOKEN }, getenv = getenv }
    assert.is_nil(plan)
    assert.equal("FlowError.InvalidInput: f.lua: env: OTHER holds a secret: a script never gets it", tostring(err))
  end)
end)

describe("a secret input", function()
  it("stands in no message of the script's, and prints as [secret]", function()
    local text = "inputs = { key = { secret = true } }\nprint(input.key, secret 'T')\n%s"
    local made = assert(flow.from_string(text:format "error('with ' .. input.key)", "f.lua"))
    local _, err = made:plan { inputs = { key = "hunter2hunter2" } }
    assert.equal("FlowError.InvalidScript: f.lua:3: with [secret]", tostring(err))
    made = assert(flow.from_string(text:format "a = pipeline { project = 'g/p' }", "f.lua"))
    local plan = assert(made:plan { inputs = { key = "hunter2hunter2" } })
    assert.same({ "hunter2hunter2\t[secret]" }, plan.session.printed) -- a run redacts it when it tells
  end)
end)

describe("budgets", function()
  local endless = assert(flow.from_string("\nwhile true do end", "f.lua"))

  it("can be set", function()
    local plan, err = endless:plan { budgets = { seconds = 0.05 } }
    assert.is_nil(plan)
    assert.is_true(err:is "FlowError.InvalidScript")
    assert.matches("^f%.lua:2: the script ", err.message)
    local text = assert(flow.from_string("local s = ('x'):rep(2 ^ 21)\na = pipeline { project = 'g/p' }", "f.lua"))
    err = select(2, text:plan { budgets = { memory = 2 ^ 20 } })
    assert.equal("f.lua:1: the script needs more than 1 MiB of memory", err.message)
    assert(text:plan())
  end)

  it("are checked", function()
    assert.has_error(function() endless:plan { budgets = { second = 1 } } end)
    assert.has_error(function() endless:plan { budgets = { seconds = 0 } } end)
    assert.has_error(function() endless:plan { budgets = { memory = "1 MiB" } } end)
  end)

  it("are lifted for a script that has the host", function()
    local text = assert(flow.from_string(
      "local n = 0 for i = 1, 3e6 do n = n + i end\na = pipeline { project = 'g/p' }", "f.lua"))
    assert.is_nil((text:plan { budgets = { seconds = 0.001 } }))
    assert(text:plan { budgets = { seconds = 0.001 }, allow_host = true })
  end)
end)
