-- Archives in an object store: a redirect to a signed address of another origin that takes no token.
local calls = require "support.mock_calls"
local gitlab = require "gitlab_pipelines"
local httpd = require "support.httpd"
local runtime = require "gitlab_pipelines.runtime"

local world = { object_storage = true, projects = { ["acme/lib"] = { id = 11, created = 0, queued = 0, jobs = {
  { name = "compile", duration = 1, artifacts = { ["build.env"] = "BUILD_ID=42\n" } } } } } }

local function finished(options)
  local gl = assert(calls.new(options or { world = world }))
  gl:post("/projects/11/pipeline", { ref = "main" })
  gl.at = 2
  return gl
end

-- The path of the store in a redirect's answer.
local function location_of(gl, target)
  local status, _, headers = gl:get(target)
  assert.equal(302, status)
  local origin, path = headers.location:match "^(https?://[^/]+)(/.*)$"
  assert.equal("https://storage.example.com", origin)
  return path
end

describe("an archive in the object store", function()
  it("is served by redirect, by job and by ref; single files and the tree are not", function()
    local gl = finished()
    for _, target in ipairs { "/projects/11/jobs/1/artifacts",
      "/projects/11/jobs/artifacts/main/download?job=compile" } do
      local path = location_of(gl, target)
      local status, body, headers = gl:raw("GET", path, { token = false })
      assert.same({ 200, "PK", "application/zip" }, { status, body:sub(1, 2), headers["content-type"] })
      assert.is_nil(headers.etag:match "^W/")
      local part = { gl:raw("GET", path, { token = false, headers = { { "Range", "bytes=0-3" } } }) }
      assert.same({ 206, "PK\3\4" }, { part[1], part[2] })
    end
    assert.equal("BUILD_ID=42\n", select(2, gl:raw("GET", "/projects/11/jobs/1/artifacts/build.env")))
    assert.equal(200, (gl:get "/projects/11/jobs/1/artifacts/tree"))
    gl:close()
  end)

  it("is refused with a token, after the URL has expired, or with a changed URL", function()
    local gl = finished()
    local path = location_of(gl, "/projects/11/jobs/1/artifacts")
    local function refused(status, code, target, options)
      local got, body = gl:raw("GET", target, options)
      assert.same({ status, code }, { got, body:match "<Code>(%a+)</Code>" })
    end
    refused(400, "InvalidArgument", path, {})
    refused(400, "InvalidArgument", path, { token = false, headers = { { "Authorization", "Bearer x" } } })
    refused(400, "InvalidArgument", path .. "&private_token=x", { token = false })
    refused(403, "SignatureDoesNotMatch", path .. "0", { token = false })
    refused(404, "NoSuchKey", (path:gsub("/1/", "/2/")), { token = false })
    refused(403, "SignatureDoesNotMatch", (path:gsub("Date=%d", "Date=2")), { token = false })
    gl.at = 302
    assert.equal(200, (gl:raw("GET", path, { token = false })))
    gl.at = 303
    refused(403, "AccessDenied", path, { token = false })
    gl:delete "/projects/11/jobs/1/artifacts"
    assert.equal(404, (gl:get "/projects/11/jobs/1/artifacts"))
    gl:close()
  end)

  it("can be enabled for one project, or by a rule for matching requests", function()
    local gl = finished { world = { projects = { ["acme/lib"] = { id = 11, created = 0, queued = 0,
      object_storage = true, jobs = world.projects["acme/lib"].jobs } } } }
    location_of(gl, "/projects/11/jobs/1/artifacts")
    gl:close()
    gl = finished { world = { projects = world.projects } }
    assert.equal(200, (gl:raw("GET", "/projects/11/jobs/1/artifacts")))
    gl:post("/_mock/faults", { path = "/projects/*/artifacts", object_storage = true, times = 1 })
    location_of(gl, "/projects/11/jobs/1/artifacts")
    assert.equal(200, (gl:raw("GET", "/projects/11/jobs/1/artifacts")))
    gl:close()
  end)

  it("is downloaded by the client, in process and over HTTP, which keeps its token to itself", function()
    local rt = runtime.virtual.new {}
    local function download(gl, run)
      run(function()
        local pipeline = assert(gl.pipelines:create("acme/lib", { ref = "main" }))
        assert(gl.pipelines:wait("acme/lib", pipeline.id))
        local jobs = assert(gl.jobs:list("acme/lib", pipeline.id))
        local path = os.tmpname()
        assert(gl.artifacts:download("acme/lib", jobs[1].id, path))
        local file = assert(io.open(path, "rb"))
        assert.equal("PK\3\4", file:read(4))
        file:close()
        os.remove(path)
      end)
    end
    local gl = assert(gitlab.new { url = "https://gitlab.test", runtime = rt, token = calls.token,
      transport = gitlab.mock.new { world = world, runtime = rt } })
    download(gl, function(fn) rt:run(fn) end)
    gl:close()
    local file = os.tmpname()
    local out = assert(io.open(file, "w"))
    out:write(require("gitlab_pipelines.json").encode(world))
    out:close()
    local server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db", ":memory:",
      "--world", file }, { MOCK_TOKEN = calls.token })
    gl = assert(gitlab.new { url = server.url, token = calls.token, allow_insecure = true })
    download(gl, gitlab.run)
    gl:close()
    server:stop()
    os.remove(file)
  end)
end)
