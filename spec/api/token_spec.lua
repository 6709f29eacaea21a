local double = require "support.transport_double"
local json = require "gitlab_pipelines.json"
local api = require "support.api_client"
local virtual = require "gitlab_pipelines.runtime.virtual"

-- Answers by path below the instance; a missing one is a 401.
local function server(answers)
  return double.new(function(request)
    return answers[request.target] or { status = 401, body = { message = "401 Unauthorized" } }
  end)
end

local SELF = "/api/v4/personal_access_tokens/self"
local OAUTH = "/oauth/token/info"
local USER = { body = { id = 7, username = "ann" } }

local function self_with(scopes)
  return { body = { id = 1, name = "ci", scopes = scopes, user_id = 7, expires_at = "2026-12-31" } }
end

describe("token:info", function()
  it("asks an access token about itself", function()
    local gl = api.new(server { [SELF] = self_with { "read_api" }, ["/api/v4/user"] = USER })
    local info = assert(gl.token:info())
    assert.equal("private", info.kind)
    assert.same({ "read_api" }, info.scopes)
    assert.equal("2026-12-31", info.expires_at)
    assert.equal("ann", info.user.username)
  end)

  it("does without the user's name where the token may not ask for it", function()
    local gl = api.new(server { [SELF] = self_with { "self_rotate" } })
    assert.same({ id = 7 }, assert(gl.token:info()).user)
  end)

  it("does not take somebody else for its user", function()
    local gl = api.new(server { [SELF] = self_with { "api" },
      ["/api/v4/user"] = { body = { id = 8, username = "bob" } } })
    assert.same({ id = 7 }, assert(gl.token:info()).user)
  end)

  it("asks the instance about an OAuth token", function()
    local gl = api.new(server {
      [OAUTH] = { body = { resource_owner_id = 7, scope = { "api" }, expires_in = 7200 } },
      ["/api/v4/user"] = USER,
    }, { auth = "bearer", runtime = virtual.new() })
    local info = assert(gl.token:info())
    assert.equal("bearer", info.kind)
    assert.same({ "api" }, info.scopes)
    assert.equal("2026-01-01T02:00:00Z", info.expires_at)
  end)

  it("knows an access token that goes as bearer", function()
    local gl = api.new(server { [SELF] = self_with { "api" } }, { auth = "bearer" })
    local info = assert(gl.token:info())
    assert.equal("bearer", info.kind)
    assert.same({ "api" }, info.scopes)
  end)

  it("shows the job and the user of a job token", function()
    local gl = api.new(server { ["/api/v4/job"] = { body = { id = 5, user = { id = 7 } } } },
      { auth = "job" })
    local info = assert(gl.token:info())
    assert.equal("job", info.kind)
    assert.equal(5, info.job.id)
    assert.same({ id = 7 }, info.user)
  end)

  it("returns the error of a token that is refused", function()
    local info, err = api.new(server {}).token:info()
    assert.is_nil(info)
    assert.equal(401, err.status)
  end)
end)

describe("token:allows", function()
  local function allows(scopes, operation)
    return api.new(server { [SELF] = self_with(scopes) }).token:allows(operation)
  end

  it("goes by the scope", function()
    assert.is_true(allows({ "api" }, "pipelines.create"))
    assert.is_true(allows({ "read_api" }, "pipelines.get"))
    local allowed, why = allows({ "read_api", "read_user" }, "pipelines.create")
    assert.is_false(allowed)
    assert.equal("pipelines.create needs the scope api; this token has read_api, read_user", why)
    assert.is_false((allows({ "read_user" }, "jobs.log")))
    assert.is_true(allows({ "read_user" }, "triggers.run"))
    assert.is_true(allows({ "read_user" }, "token.self"))
  end)

  it("leaves fine-grained tokens to GitLab", function()
    assert.is_true(allows(json.array {}, "pipelines.create"))
    assert.is_true(allows(nil, "pipelines.create"))
  end)

  it("knows what a job token cannot do, without asking", function()
    local transport = server {}
    local gl = api.new(transport, { auth = "job" })
    for _, name in ipairs { "pipelines.create", "pipelines.retry", "pipelines.cancel", "jobs.play",
      "jobs.retry", "jobs.cancel", "jobs.erase", "jobs.get", "jobs.log", "pipelines.test_report",
      "pipelines.test_report_summary", "pipelines.variables", "triggers.list", "triggers.create",
      "triggers.get", "triggers.update", "triggers.delete", "variables.list", "variables.get",
      "variables.create", "variables.update", "variables.delete", "projects.get",
      "artifacts.keep", "artifacts.delete", "pipelines.delete" } do
      local allowed, why = gl.token:allows(name)
      assert.is_false(allowed, name)
      assert.truthy(why:find(name, 1, true))
    end
    for _, name in ipairs { "pipelines.list", "pipelines.get", "jobs.list", "pipelines.bridges",
      "pipelines.trigger_jobs", "jobs.list_project", "token.job", "artifacts.download",
      "artifacts.file", "artifacts.latest", "artifacts.tree", "pipelines.rename",
      "environments.list", "environments.stop", "deployments.list", "deployments.get",
      "triggers.run" } do
      assert.is_true(gl.token:allows(name), name)
    end
    assert.equal(0, #transport.requests)
  end)

  it("asks GitLab once", function()
    local transport = server { [SELF] = self_with { "api" } }
    local gl = api.new(transport)
    gl.token:allows "pipelines.create"
    local asked = #transport.requests
    gl.token:allows "jobs.log"
    assert.equal(asked, #transport.requests)
  end)

  it("asks GitLab once for calls that ask together", function()
    local runtime = virtual.new()
    local transport = double.new(function(request)
      if request.target ~= SELF then return { body = { id = 7 } } end
      local answer = self_with { "read_api" }
      answer.delay = 0.1
      return answer
    end)
    local gl = api.new(transport, { runtime = runtime })
    local denied = 0
    runtime:run(function()
      for _ = 1, 5 do
        runtime:spawn(function()
          if gl.token:allows "pipelines.create" == false then denied = denied + 1 end
        end)
      end
    end)
    assert.equal(5, denied)
    assert.equal(2, #transport.requests)
  end)

  it("asks anew when the token function has given another token", function()
    local asked, scopes = 0, { "read_api" }
    local transport = double.new(function(request)
      if request.headers["private-token"] == "glpat-number-1" and request.method == "POST" then
        return { status = 401, body = { message = "401 Unauthorized" } }
      end
      if request.target == SELF then return self_with(scopes) end
      return { body = { id = 3 } }
    end)
    local gl = api.new(transport, { token = function()
      asked = asked + 1
      return "glpat-number-" .. asked
    end })
    assert.is_false((gl.token:allows "pipelines.create"))
    scopes = { "api" }
    assert(gl.pipelines:cancel(17, 3))
    assert.equal(2, asked)
    assert.is_true(gl.token:allows "pipelines.create")
  end)

  it("knows the kind of a token that a function gives, before any call", function()
    local transport = server { ["/api/v4/job"] = { body = { id = 5, user = { id = 7 } } },
      ["/api/v4/projects/17/trigger/pipeline"] = { status = 201, body = { id = 1 } } }
    local function new() return api.new(transport, { token = function() return api.JOB_TOKEN end }) end
    assert.is_false((new().token:allows "pipelines.create"))
    assert.equal("job", assert(new().token:info()).kind)
    assert.equal(1, assert(new().triggers:run(17, { ref = "main" })).id)
    assert.equal('{"ref":"main","token":"' .. api.JOB_TOKEN .. '"}', transport.requests[2].body)
  end)

  it("cannot tell when GitLab does not", function()
    local allowed, err = api.new(server {}).token:allows "pipelines.create"
    assert.is_nil(allowed)
    assert.equal(401, err.status)
  end)

  it("raises for an operation that does not exist", function()
    local ok, message = pcall(function() api.new(server {}).token:allows "pipelines.explode" end)
    assert.is_false(ok)
    assert.truthy(message:find("pipelines.explode", 1, true))
    assert.is_false(pcall(function() api.new(server {}).token:allows "all.1" end))
  end)
end)

describe("check_scopes", function()
  it("keeps back a call that cannot succeed", function()
    local transport = server { [SELF] = self_with { "read_api" } }
    local gl = api.new(transport, { check_scopes = true })
    local result, err = gl.pipelines:create(17, { ref = "main" })
    assert.is_nil(result)
    assert.is_true(err:is "AuthenticationError.InsufficientScopes")
    assert.truthy(tostring(err):find("scope api", 1, true))
    for _, request in ipairs(transport.requests) do assert.equal("GET", request.method) end
  end)

  it("lets the others through, and those of which nothing is known", function()
    local transport = server { ["/api/v4/projects/17"] = { body = { id = 17 } } }
    local gl = api.new(transport, { check_scopes = true })
    assert.equal(17, assert(gl.projects:get(17)).id)
  end)
end)
