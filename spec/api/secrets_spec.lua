local core = require "gitlab_pipelines.core"
local double = require "support.transport_double"
local gitlab = require "gitlab_pipelines"
local secrets = require "gitlab_pipelines.api.secrets"
local api = require "support.api_client"

local function no_environment() return nil end

local function file_with(text, mode)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  os.execute(("chmod %s %s"):format(mode or "600", path))
  return path
end

describe("a secret by name", function()
  it("shows its name and nothing else", function()
    assert.equal("[secret DEPLOY]", tostring(gitlab.secret.named "DEPLOY"))
    assert.has_error(function() gitlab.secret.named "a b" end)
    assert.has_error(function() gitlab.secret.named() end)
  end)

  it("is looked for in the option, then the environment, then the file", function()
    local path = file_with "# trigger tokens\n\nC = 'file-token-c'\nA=file-token-a\r\nB=\"file-token-b\"\n"
    local environment = { GITLAB_PIPELINES_SECRET_A = "environment-a",
      GITLAB_PIPELINES_SECRET_B = "environment-b" }
    local store = secrets.new({ A = "option-token-a" }, path, function(n) return environment[n] end)
    assert.equal("option-token-a", assert(store:get "A"):reveal())
    assert.equal("environment-b", assert(store:get "B"):reveal())
    assert.equal("file-token-c", assert(store:get "C"):reveal())
    os.remove(path)
  end)

  it("may come from a function, as text or as a secret", function()
    local store = secrets.new(function(name)
      if name == "A" then return "text-token-a" end
      if name == "B" then return core.secret.new "secret-token-b" end
    end, nil, no_environment)
    assert.equal("text-token-a", assert(store:get "A"):reveal())
    assert.equal("secret-token-b", assert(store:get "B"):reveal())
    local _, err = store:get "C"
    assert.is_true(err:is "InvalidCredentials")
    assert.truthy(err.message:find("GITLAB_PIPELINES_SECRET_C", 1, true))
  end)

  it("is refused when it is too short or no text, without being shown", function()
    local _, err = secrets.new({ A = "hunter2" }, nil, no_environment):get "A"
    assert.is_true(err:is "InvalidCredentials")
    assert.is_nil(tostring(err):find("hunter2", 1, true))
    _, err = secrets.new({ A = 12345678 }, nil, no_environment):get "A"
    assert.is_true(err:is "InvalidCredentials")
  end)
end)

describe("a secrets file", function()
  it("that others may read is refused", function()
    for _, mode in ipairs { "644", "640", "604", "620" } do
      local path = file_with("A=token-number-1\n", mode)
      local values, err = secrets.read_file(path)
      assert.is_nil(values)
      assert.is_true(err:is "InvalidCredentials")
      assert.truthy(err.message:find("600", 1, true), err.message)
      os.remove(path)
    end
  end)

  it("that is missing, or has a line that is no NAME=value, is an error that says where", function()
    local _, err = secrets.read_file "/nonexistent/secrets"
    assert.is_true(err:is "InvalidCredentials")
    local path = file_with "A=token-number-1\nnot a secret line\n"
    _, err = secrets.read_file(path)
    assert.truthy(err.message:find("line 2", 1, true), err.message)
    assert.is_nil(err.message:find("not a secret", 1, true))
    os.remove(path)
  end)
end)

describe("the trigger token", function()
  local function run(token, options, fields)
    local transport = double.new { { status = 201, body = { id = 1 } } }
    local given = {}
    for name, value in pairs(options or fields or {}) do given[name] = value end
    local gl = api.new(transport, given)
    local result, err = gl.triggers:run(17, { token = token, ref = "main" })
    return result, err, transport.requests
  end

  it("goes into the body, however it was given, and never into the address or a header", function()
    for _, token in ipairs { "glptt-0123456789", core.secret.new "glptt-0123456789",
      gitlab.secret.named "DEPLOY" } do
      local result, err, requests = run(token, { secrets = { DEPLOY = "glptt-0123456789" } })
      assert.is_nil(err)
      assert.equal(1, result.id)
      assert.equal('{"ref":"main","token":"glptt-0123456789"}', requests[1].body)
      assert.is_nil(requests[1].url:find("glptt", 1, true))
      for _, value in pairs(requests[1].headers) do assert.is_nil(value:find("glptt", 1, true)) end
      assert.is_nil(requests[1].headers["private-token"])
    end
  end)

  it("is taken out of an error in which GitLab repeats it", function()
    local transport = double.new { { status = 400,
      body = { message = { base = { "bad token glptt-0123456789xyz, or hidden-value-1" } } } } }
    local _, err = api.new(transport).triggers:run(17, { ref = "main",
      token = core.secret.new "glptt-0123456789xyz",
      variables = { KEY = core.secret.new "hidden-value-1" } })
    assert.truthy(transport.requests[1].body:find('"KEY":"hidden-value-1"', 1, true))
    assert.is_nil(tostring(err):find("0123456789xyz", 1, true))
    assert.is_nil(tostring(err):find("hidden-value", 1, true))
  end)

  it("that is not known by its name is an error, nothing is sent", function()
    local result, err, requests = run(gitlab.secret.named "UNKNOWN_NAME_OF_A_SECRET")
    assert.is_nil(result)
    assert.is_true(err:is "InvalidCredentials")
    assert.equal(0, #requests)
  end)

  it("is the job token when the client has one and none is given", function()
    local result, err, requests = run(nil, nil, { auth = "job" })
    assert.is_nil(err)
    assert.equal(1, result.id)
    assert.equal('{"ref":"main","token":"glcbt-0123456789abcdef"}', requests[1].body)
  end)
end)
