-- A GitLab as it stands in the world: below a path, behind a proxy, with projects that have moved.

local gitlab = require "gitlab_pipelines"
local httpd = require "support.httpd"
local json = require "gitlab_pipelines.json"

describe("a GitLab below a path and behind a proxy", function()
  local server, url, gl

  setup(function()
    server = httpd.start { "/usr/bin/python3", "spec/support/moved_gitlab.py" }
    url = server.url
    gl = assert(gitlab.new { url = url .. "/gitlab/", token = "glpat-0123456789", limits = false, proxy = false,
      breaker = false, runtime = gitlab.runtime.native })
  end)

  teardown(function()
    gl:close()
    server:stop()
  end)

  local function asked()
    local curl = assert(io.popen("curl -s " .. url .. "/asked"))
    local list = assert(json.decode(curl:read "*a"))
    curl:close()
    return list
  end

  it("is asked below its path, the token's own endpoint too", function()
    assert.equal("new/app", assert(gl.projects:get(17)).path_with_namespace)
    local own = assert(gitlab.new { url = url .. "/gitlab/api/v4", token = "glpat-0123456789", auth = "bearer",
      limits = false, proxy = false, runtime = gitlab.runtime.native })
    assert.same({ "api" }, assert(own.token:info()).scopes)
    own:close()
  end)

  it("leads to a moved project by its number, for reads, with the token", function()
    assert.equal(17, assert(gl.projects:get "old/app").id)
    assert.equal(3, assert(gl.pipelines:list "old/app")[1].id)
    local list = asked()
    assert.equal("/gitlab/api/v4/projects/17/pipelines?per_page=100", list[#list].path)
    assert.equal("glpat-0123456789", list[#list].token)
  end)

  it("has no write repeated elsewhere", function()
    local before = #asked()
    local result, err = gl.pipelines:create("old/app", { ref = "main" })
    assert.is_nil(result)
    assert.is_true(err:is "NetworkError.RedirectRefused")
    assert.equal(301, err.status)
    assert.is_nil(err.unknown_outcome)
    assert.equal(before + 1, #asked() - 1)
  end)

  it("tells a proxy's pages from answers", function()
    local _, err = gl.projects:get(18, { retry = false })
    assert.is_true(err:is "ServerError.ServiceUnavailable")
    assert.is_nil(tostring(err):find("<", 1, true))
    _, err = gl.projects:get(19, { retry = false })
    assert.is_true(err:is "ServerError.InvalidResponse")
    assert.is_truthy(tostring(err):find("HTML", 1, true))
  end)

  it("is asked again after a 429 in plain text", function()
    assert.equal(20, assert(gl.projects:get(20)).id)
  end)
end)
