-- Rate limits as GitLab does them, where a world or a rule asks for them.
local calls = require "support.mock_calls"

local function numbers(headers)
  return { tonumber(headers["ratelimit-limit"]), tonumber(headers["ratelimit-observed"]),
    tonumber(headers["ratelimit-remaining"]), tonumber(headers["ratelimit-reset"]) - calls.T }
end

describe("the limit on requests", function()
  local function limited(options)
    if options == "world" then
      return assert(calls.new { world = { projects = { ["acme/app"] = { id = 7 } },
        tokens = { { token = "glpat-other-0123456789" } }, throttle = { limit = 3, period = 30 } } })
    end
    local gl = assert(calls.new { world = { projects = { ["acme/app"] = { id = 7 } },
      tokens = { { token = "glpat-other-0123456789" } } } })
    assert.equal(201, (gl:post("/_mock/faults", { throttle = { limit = 3, period = 30 } })))
    return gl
  end

  it("has a window per token, which the headers of every response show", function()
    for _, how in ipairs { "world", "rule" } do
      local gl = limited(how)
      gl.at = 10
      for i = 1, 3 do
        local status, _, headers = gl:get "/version"
        assert.equal(200, status)
        assert.same({ 6, i, 3 - i, 30 }, numbers(headers))
        assert.is_nil(headers["retry-after"])
        assert.is_nil(headers["ratelimit-resettime"])
      end
      local status, body, headers = gl:get "/version"
      assert.same({ 429, "Retry later" }, { status, body })
      assert.equal("text/plain", headers["content-type"])
      assert.same({ 6, 4, 0, 30 }, numbers(headers))
      assert.equal("20", headers["retry-after"])
      assert.equal("Thu, 01 Jan 2026 00:00:30 GMT", headers["ratelimit-resettime"])
      assert.equal("throttle_authenticated_api", headers["ratelimit-name"])
      assert.equal(200, (gl:get("/version", { token = "glpat-other-0123456789" })))
      assert.equal(200, (gl:get "/_mock/clock"))
      gl.at = 30
      status, _, headers = gl:get "/version"
      assert.equal(200, status)
      assert.same({ 6, 1, 2, 60 }, numbers(headers))
      gl:close()
    end
  end)

  it("carries out no request beyond it", function()
    local gl = limited "world"
    for _ = 1, 5 do gl:post("/projects/7/pipeline", { ref = "main" }) end
    assert.equal(3, #select(2, gl:get "/_mock/pipelines"))
    gl:close()
  end)

  it("is off by default", function()
    local gl = assert(calls.new())
    for _ = 1, 2100 do assert.equal(200, (gl:get "/version")) end
    gl:close()
  end)
end)

describe("the limit on new pipelines", function()
  local refused = { message = { base = { "Too many pipelines created in the last minute. Try again later." } } }

  it("counts pipelines of one user, project and commit per minute, and responds with 400", function()
    local gl = assert(calls.new { world = { throttle = { creations = 25 }, projects = {
      ["acme/app"] = { id = 7 }, ["acme/lib"] = { id = 8 } } } })
    for i = 1, 25 do
      local ref = i % 2 == 0 and "main" or "refs/heads/main"
      assert.equal(201, (gl:post("/projects/7/pipeline", { ref = ref })))
    end
    local status, body = gl:post("/projects/7/pipeline", { ref = "main" })
    assert.same({ 400, refused }, { status, body })
    assert.equal(400, (gl:post("/projects/7/trigger/pipeline", { ref = "main", token = calls.token })))
    assert.equal(201, (gl:post("/projects/7/pipeline", { ref = "other" })))
    assert.equal(201, (gl:post("/projects/8/pipeline", { ref = "main" })))
    gl.at = 60
    assert.equal(201, (gl:post("/projects/7/pipeline", { ref = "main" })))
    gl:close()
  end)

  it("counts neither requests refused earlier nor child pipelines", function()
    local gl = assert(calls.new { world = { throttle = { creations = 2 }, projects = { ["acme/app"] = {
      id = 7, created = 0, refs = { "main" }, jobs = {
        { name = "a", trigger = { child = { jobs = { { name = "x" } } } } },
        { name = "b", trigger = { child = { jobs = { { name = "x" } } } } } } } } } })
    for _ = 1, 5 do assert.equal(400, (gl:post("/projects/7/pipeline", { ref = "nowhere" }))) end
    assert.equal(201, (gl:post("/projects/7/pipeline", { ref = "main" })))
    gl.at = 1
    assert.equal(2, #select(2, gl:get "/projects/7/pipelines?source=parent_pipeline"))
    assert.equal(201, (gl:post("/projects/7/pipeline", { ref = "main" })))
    assert.equal(400, (gl:post("/projects/7/pipeline", { ref = "main" })))
    gl:close()
  end)
end)

describe("the limit on lists of a project's jobs", function()
  it("is a 429 in JSON that no header announces", function()
    local gl = assert(calls.new())
    assert.equal(201, (gl:post("/_mock/faults", { throttle = { jobs = 2 } })))
    for _ = 1, 2 do assert.equal(200, (gl:get "/projects/7/jobs")) end
    local status, body, headers = gl:get "/projects/7/jobs"
    assert.equal(429, status)
    assert.same({ message = { error = "This endpoint has been requested too many times. Try again later." } }, body)
    assert.is_nil(headers["retry-after"])
    assert.is_true(tonumber(headers["ratelimit-remaining"]) > 0)
    gl:close()
  end)
end)
