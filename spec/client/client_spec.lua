local client_of = require "gitlab_pipelines.client"
local core = require "gitlab_pipelines.core"
local double = require "support.transport_double"
local errors = require "gitlab_pipelines.errors"
local json = require "gitlab_pipelines.json"
local most_within = require "support.most_within"
local operations = require "gitlab_pipelines.operations"
local virtual = require "gitlab_pipelines.runtime.virtual"

local URL = "https://gitlab.example.com"
local TOKEN = "glpat-0123456789abcdefghij"

-- A client in virtual time over a double; options are added to (and win over) the usual ones.
local function client_with(answers, options)
  local transport = double.new(answers)
  local given = { url = URL, token = TOKEN, transport = transport, runtime = virtual.new() }
  for name, value in pairs(options or {}) do given[name] = value end
  return assert(client_of.new(given)), transport, given.runtime
end

local function create(client, opts, project)
  return client:call(operations.pipelines.create,
    { project = project or 17, body = { ref = "main" } }, opts)
end

local function get(client, opts)
  return client:call(operations.pipelines.get, { project = 17, pipeline_id = 3 }, opts)
end

-- Elapsed times between the requests, from a double whose answers note the time.
local function timed(runtime, answers)
  local times = {}
  return times, function(_, n)
    times[n] = runtime:now()
    return type(answers) == "function" and answers(n) or answers[n]
  end
end

local created = { status = 201, body = { id = 5, project_id = 17, status = "created" } }
local pipeline = { status = 200, body = { id = 3, status = "success" } }

describe("client.new", function()
  -- The environment of the process must not decide here.
  local real_getenv = os.getenv
  local environment
  before_each(function()
    environment = {}
    os.getenv = function(name) return environment[name] end -- luacheck: ignore 122
  end)
  after_each(function() os.getenv = real_getenv end) -- luacheck: ignore 122

  local function new(options)
    options = options or {}
    options.transport = options.transport or double.new {}
    return client_of.new(options)
  end

  it("names an unknown option and the known ones", function()
    local ok, message = pcall(new, { tokn = "x" })
    assert.is_false(ok)
    assert.matches("unknown option 'tokn'", message)
    assert.matches("token_prefix, tracer, transport, url, user_agent", message)
  end)

  it("names an unknown option of every section", function()
    for _, section in ipairs { "timeout", "retry", "limits", "breaker" } do
      local ok, message = pcall(new, { [section] = { nonsense = 1 } })
      assert.is_false(ok)
      assert.matches("gitlab.new: " .. section .. ": unknown option 'nonsense'", message)
    end
    local ok, message = pcall(new, { retry = { settle = { nonsense = 1 } } })
    assert.is_false(ok)
    assert.matches("settle: unknown option 'nonsense'", message)
  end)

  it("refuses values that can mean nothing", function()
    for _, case in ipairs {
      { { url = 5 }, "url" }, { { token = 5 }, "token" }, { { auth = "basic" }, "auth" },
      { { secrets = "x" }, "secrets" }, { { timeout = 5 }, "timeout" },
      { { timeout = { connect = -1 } }, "connect" }, { { retry = true }, "retry" },
      { { retry = { budget = 2 } }, "budget" }, { { retry = { budget = 0 / 0 } }, "budget" },
      { { limits = { per_minute = 2 ^ 32 } }, "per_minute" },
      { { breaker = { failures = 2 ^ 32 } }, "failures" }, { { breaker = { successes = 2 ^ 31 } }, "successes" },
      { { limits = { per_second = 0 } }, "per_second" },
      { { limits = { per_minute = 1.5 } }, "per_minute" }, { { breaker = true }, "breaker" },
      { { breaker = { failures = 0 } }, "failures" }, { { transport = "wget" }, "transport" },
      { { transport = {} }, "transport" }, { { runtime = "x" }, "runtime" },
      { { runtime = {} }, "runtime" }, { { proxy = true }, "proxy" },
      { { proxy = "::::" }, "proxy" }, { { proxy = "ftp://h" }, "proxy" }, { { ca_file = 1 }, "ca_file" },
      { { max_bytes = 0 }, "max_bytes" }, { { log_level = "loud" }, "log_level" },
      { { log = 5 }, "log" }, { { allow_insecure = "yes" }, "allow_insecure" },
      { { check_scopes = 1 }, "check_scopes" }, { { token_prefix = 1 }, "token_prefix" },
    } do
      local ok, message = pcall(new, case[1])
      assert.is_false(ok, case[2])
      assert.matches("'" .. case[2] .. "'", message)
    end
  end)

  it("takes durations as text and lets each section be switched off", function()
    local c = assert(new { timeout = { total = "2m", connect = "500ms" and 0.5 },
      retry = { settle = "3m", max_wait = "10m" }, limits = false, breaker = false })
    assert.equals(120, c.settings.timeout.total)
    assert.equals(30, c.settings.timeout.request)
    assert.equals(600, c.settings.retry.max_wait)
    assert.same({ visible = 60, finish = 120 }, c.settings.settle)
    assert.is_nil(c.breaker)
    assert.is_nil(c:stats().windows)
    assert.same({ visible = 60, finish = 0 }, assert(new { retry = { settle = 20 } }).settings.settle)
    assert.same({ visible = 60, finish = 150 }, assert(new { retry = false }).settings.settle)
  end)

  it("accepts a URL with a path, a slash at its end, or /api/v4", function()
    for given, api in pairs {
      ["https://gitlab.example.com"] = "https://gitlab.example.com/api/v4",
      ["https://gitlab.example.com/"] = "https://gitlab.example.com/api/v4",
      ["https://gitlab.example.com/api/v4/"] = "https://gitlab.example.com/api/v4",
      ["https://host/gitlab"] = "https://host/gitlab/api/v4",
      ["https://host/gitlab/api/v4"] = "https://host/gitlab/api/v4",
      ["HTTPS://Host:443/gitlab//"] = "https://host/gitlab/api/v4",
      ["https://[::1]:8443/x"] = "https://[::1]:8443/x/api/v4",
    } do
      assert.equals(api, assert(new { url = given }).settings.base.api)
    end
  end)

  it("returns InvalidBaseUrl for a URL that is none", function()
    for _, url in ipairs { "", "gitlab.example.com", "ftp://host", "https://", "https://host?x=1",
      "https://host/#top", "https://user:pw@host", "https://host:99999", "https://ho st",
      "https://host/\npath", "file:///etc/passwd" } do
      local c, err = new { url = url }
      assert.is_nil(c, url)
      assert.equals("ConfigurationError.InvalidBaseUrl", err.category .. "." .. err.kind)
      assert.is_nil(tostring(err):find "user:pw")
    end
  end)

  it("takes the URL and the token from the environment, in order", function()
    assert.equals("https://gitlab.com", assert(new()).url)
    environment.CI_SERVER_URL = "https://ci.example.com"
    environment.CI_JOB_TOKEN = "some-job-token"
    local c = assert(new())
    assert.equals("https://ci.example.com", c.url)
    assert.equals("job", c.auth)
    environment.GITLAB_URL = "https://mine.example.com"
    environment.GITLAB_TOKEN = TOKEN
    c = assert(new())
    assert.equals("https://mine.example.com", c.url)
    assert.equals("private", c.auth)
    environment.GITLAB_URL, environment.GITLAB_TOKEN = "", ""
    c = assert(new())
    assert.equals("https://ci.example.com", c.url)
    assert.equals("job", c.auth)
  end)

  it("sends no token over plain http, but to the machine itself or when told to", function()
    local c, err = new { url = "http://gitlab.example.com", token = TOKEN }
    assert.is_nil(c)
    assert.equals("InvalidBaseUrl", err.kind)
    assert.is_nil(new { url = "http://127.0.0.1.example.com", token = TOKEN })
    assert.is_nil(new { url = "http://localhost.example.com", token = TOKEN })
    assert.is_nil(new { url = "http://example.com", token = function() return TOKEN end })
    for _, url in ipairs { "http://localhost:8080", "http://127.0.0.1", "http://127.3.2.1:80",
      "http://[::1]:9", "http://gdk.localhost" } do
      assert.is_truthy(new { url = url, token = TOKEN })
    end
    assert.is_truthy(new { url = "http://gitlab.example.com" })
    assert.is_truthy(new { url = "http://gitlab.example.com", token = TOKEN, allow_insecure = true })
  end)

  it("returns InvalidCredentials for what cannot be a token, and never shows it", function()
    for _, token in ipairs { "", "short", "with blank in it", "line\nbreak-12345", "glptt-0123456789",
      "gldt-0123456789", "glrt-0123456789", "gl\195\164pat-012345" } do
      local c, err = new { url = URL, token = token }
      assert.is_nil(c, token)
      assert.equals("InvalidCredentials", err.kind)
      if #token > 5 then assert.is_nil(tostring(err):find(token, 1, true)) end
    end
    local _, err = new { token = "glptt-0123456789" }
    assert.matches("triggers.run", err.message)
  end)

  it("knows from the token how it is sent", function()
    local oauth = ("0af3"):rep(16)
    for token, header in pairs {
      [TOKEN] = { "private-token", TOKEN },
      ["glcbt-64_abcdefghijk"] = { "job-token", "glcbt-64_abcdefghijk" },
      ["site-own-prefix-01"] = { "private-token", "site-own-prefix-01" },
      [oauth] = { "authorization", "Bearer " .. oauth },
    } do
      local c, transport = client_with({ pipeline }, { token = token })
      assert(get(c))
      assert.equals(header[2], transport.requests[1].headers[header[1]])
    end
    local c, transport = client_with({ pipeline }, { token = core.secret.new(TOKEN), auth = "bearer" })
    assert(get(c))
    assert.equals("Bearer " .. TOKEN, transport.requests[1].headers.authorization)
  end)
end)

describe("a call", function()
  it("sends method, address, headers and body as the operation says", function()
    local c, transport = client_with { { body = { id = 17 } }, created }
    local result = assert(c:call(operations.pipelines.create, { project = "group/sub/app",
      query = { { "a", "b c" } }, body = { ref = "main", inputs = json.array {} } }))
    assert.equals("/api/v4/projects/group%2Fsub%2Fapp", transport.requests[1].target)
    assert.equals(5, result.id)
    local post = transport.requests[2]
    assert.equals("POST", post.method)
    assert.equals("/api/v4/projects/group%2Fsub%2Fapp/pipeline?a=b%20c", post.target)
    assert.equals('{"inputs":[],"ref":"main"}', post.body)
    assert.equals("application/json", post.headers["content-type"])
    assert.equals(TOKEN, post.headers["private-token"])
  end)

  it("shows no token in its error, its client or its request", function()
    local c = client_with { { status = 500, body = {} }, { status = 500, body = {} },
      { status = 500, body = {} } }
    local _, err = get(c)
    for _, text in ipairs { tostring(err), tostring(c.token.secret), err.message } do
      assert.is_nil(text:find(TOKEN, 1, true))
    end
  end)

  it("keeps no token and no trigger token as text in what a person may print", function()
    local seen = {}
    local function walk(value)
      if type(value) == "string" then
        assert.is_nil(value:find(TOKEN, 1, true) or value:find("glptt-named-secret", 1, true), value)
      elseif type(value) == "table" and not seen[value] then
        seen[value] = true
        for name, one in pairs(value) do
          walk(name)
          walk(one)
        end
      end
    end
    local gl = assert(require("gitlab_pipelines").new { url = URL, token = TOKEN,
      transport = double.new {}, runtime = virtual.new(), secrets = { NAME = "glptt-named-secret" } })
    walk(gl)
    assert.equals("glptt-named-secret", gl.secrets:get("NAME"):reveal())
  end)

  it("redacts a server that echoes the token, and its log", function()
    local said = {}
    local c = client_with({ { status = 400, body = { message = "bad " .. TOKEN } } },
      { log_level = "debug", log = function(level, message, fields)
        said[#said + 1] = table.concat({ level, message, fields.operation, fields.result }, " ")
      end })
    local _, err = get(c)
    assert.is_nil(err.message:find(TOKEN, 1, true))
    assert.matches("^bad ", err.message)
    assert.same({ "debug call pipelines.get failed" }, said)
  end)

  it("reveals a secret within a body and leaves the caller's table alone", function()
    local c, transport = client_with { created }
    local secret = core.secret.new "glptt-abcdefgh"
    local body = { ref = "main", token = secret }
    assert(c:call(operations.triggers.run, { project = 17, body = body }))
    assert.equals('{"ref":"main","token":"glptt-abcdefgh"}', transport.requests[1].body)
    assert.is_nil(transport.requests[1].headers["private-token"])
    assert.equals(secret, body.token)
  end)

  it("refuses what is no project before anything is sent", function()
    local c, transport = client_with {}
    for _, project in ipairs { 0, -1, 1.5, "app", "", "/a/b", "a/b/", "a//b", "a/../b", "a/b\n",
      {}, true } do
      local result, err = c:call(operations.projects.get, { project = project })
      assert.is_nil(result)
      assert.equals("InvalidProjectId", err.kind)
    end
    assert.equals(0, #transport.requests)
  end)

  it("hands the text of a log out as it came, and a sink's body nowhere else", function()
    local c = client_with { { body = "a\0b\n" }, { body = "0123456789" } }
    local log = operations.jobs.log
    assert.equals("a\0b\n", c:call(log, { project = 17, job_id = 1 }))
    local chunks = {}
    assert.is_true(c:call(log, { project = 17, job_id = 1 }, { sink = function(chunk)
      chunks[#chunks + 1] = chunk
      return true
    end }))
    assert.equals("0123456789", table.concat(chunks))
  end)

  it("gives the answer beside the result of a page", function()
    local c = client_with { { body = { { id = 1 } }, headers = { ["X-Next-Page"] = "2" } } }
    local rows, response = c:page(operations.pipelines.list, { project = 17 })
    assert.equals(1, #rows)
    assert.equals("2", response:header "x-next-page")
  end)

  it("raises what a sink raises, and the next call goes on", function()
    local c = client_with({ { body = "x" }, pipeline }, { limits = { per_second = 1 } })
    assert.has_error(function()
      c:call(operations.jobs.log, { project = 17, job_id = 1 }, { sink = function() error("mine", 0) end })
    end, "mine")
    assert.equals("success", assert(get(c)).status)
  end)

  it("gives a body to a sink once: a broken stream is not begun again", function()
    local n = 0
    local transport = { perform = function(_, request)
      n = n + 1
      request.sink "half"
      return nil, { outcome = "unreadable", code = "reset", message = "cut", status = 200 }
    end }
    local c = assert(client_of.new { url = URL, transport = transport, runtime = virtual.new() })
    local result, err = c:call(operations.jobs.log, { project = 17, job_id = 1 },
      { sink = function() return true end })
    assert.is_nil(result)
    assert.equals("ConnectionFailed", err.kind)
    assert.equals(1, n)
  end)

  it("ends at once when its client is closed while it waits, and leaves its place to others", function()
    local rt = virtual.new()
    local times, answers = timed(rt, function() return pipeline end)
    local transport = double.new(answers)
    local function client()
      return assert(client_of.new { url = URL, token = TOKEN, transport = transport, runtime = rt,
        limits = { per_second = 1 } })
    end
    local closing, other = client(), client()
    local start, ended = rt:now(), {}
    rt:run(function()
      assert(get(closing))
      for i = 1, 5 do
        rt:spawn(function()
          local _, err = get(closing)
          ended[i] = err.kind .. " " .. rt:now() - start
        end)
      end
      rt:spawn(function() assert(get(other)) end)
      rt:sleep(0.5)
      closing:close()
    end)
    assert.same({ "Cancelled 0.5", "Cancelled 0.5", "Cancelled 0.5", "Cancelled 0.5", "Cancelled 0.5" }, ended)
    assert.equals(2, #times)
    assert.is_true(times[2] - start < 1.1)
  end)

  it("ends as cancelled on a closed client", function()
    local c, transport = client_with {}
    c:close()
    c:close()
    local _, err = get(c)
    assert.is_true(err:is "TaskError.Cancelled")
    assert.is_false(transport.closed, "the transport is its owner's to close")
  end)
end)

describe("repetition", function()
  it("tries a read again after a 502, by the table's delays", function()
    local rt = virtual.new()
    local times, answers = timed(rt, { { status = 502, body = "" }, { status = 502, body = "" },
      pipeline })
    local c = client_with(answers, { runtime = rt })
    assert.equals("success", assert(get(c)).status)
    local first, second = times[2] - times[1], times[3] - times[2]
    assert.is_true(first >= 0.5 and first <= 1, "first " .. first)
    assert.is_true(second >= 1 and second <= 2, "second " .. second)
  end)

  it("sends one create and no more when GitLab answers 502, 502, 201", function()
    local c, transport = client_with { { status = 502, body = "<html>" },
      { status = 502, body = "<html>" }, created }
    local result, err = create(c)
    assert.is_nil(result)
    assert.equals("PipelineError.UnknownOutcome", err.category .. "." .. err.kind)
    assert.is_true(err.unknown_outcome)
    assert.is_false(err.retryable)
    assert.equals(502, err.status)
    assert.equals(1, #transport.requests)
  end)

  it("sends nothing for the 3 s of a Retry-After, not even another call", function()
    local rt = virtual.new()
    local times = {}
    local c = client_with(function(request, n)
      times[n] = rt:now()
      if n == 1 then
        return { status = 429, body = "Retry later", type = "text/plain", headers = { ["Retry-After"] = "3" } }
      end
      return request.method == "POST" and created or pipeline
    end, { runtime = rt })
    rt:run(function()
      rt:spawn(function()
        rt:sleep(1)
        assert(get(c))
      end)
      assert.equals(5, assert(create(c)).id)
    end)
    assert.equals(3, #times)
    assert.is_true(times[2] - times[1] >= 3, "sent after " .. times[2] - times[1])
  end)

  it("never repeats past the deadline: what is known is returned at once", function()
    local rt = virtual.new()
    local c, transport = client_with({ { status = 429, body = "Retry later", type = "text/plain",
      headers = { ["Retry-After"] = "20" } } }, { runtime = rt })
    local start = rt:now()
    local _, err = get(c, { timeout = 10 })
    assert.equals("TooManyRequests", err.kind)
    assert.is_true(err.retryable)
    assert.equals(20, err.retry_after)
    assert.equals(start, rt:now())
    assert.equals(1, #transport.requests)
  end)

  it("says that a lock held by somebody else passes, and another conflict does not", function()
    for message, passes in pairs { ["409 Conflict: Resource lock"] = true, ["409 Conflict"] = false } do
      local c, transport = client_with(function()
        return { status = 409, body = { message = message } }
      end)
      local _, err = get(c)
      assert.equals("Conflict", err.kind)
      assert.equals(passes, err.retryable)
      assert.equals(passes and 3 or 1, #transport.requests)
    end
  end)

  it("repeats nothing with retry = false, for one call or for the client", function()
    local c, transport = client_with { { status = 503, body = "" }, { status = 503, body = "" } }
    local _, err = get(c, { retry = false })
    assert.equals("ServiceUnavailable", err.kind)
    assert.is_true(err.retryable)
    assert.equals(1, #transport.requests)
    c, transport = client_with({ { status = 503, body = "" } }, { retry = false })
    assert.is_nil(get(c))
    assert.equals(1, #transport.requests)
  end)

  it("counts a lost answer of a read, and of a create it says that it does not know", function()
    local lost = { failure = { outcome = "unknown", code = "reset", message = "reset by peer" } }
    local c, transport = client_with { lost, pipeline }
    assert(get(c))
    assert.equals(2, #transport.requests)
    c, transport = client_with { lost, created }
    local _, err = create(c)
    assert.equals("UnknownOutcome", err.kind)
    assert.equals("NetworkError.ConnectionFailed", err.cause)
    assert.equals(1, #transport.requests)
  end)

  it("repeats a create that was never sent", function()
    local c, transport = client_with {
      { failure = { outcome = "never_sent", code = "connect", message = "refused" } }, created }
    assert.equals(5, assert(create(c)).id)
    assert.equals(2, #transport.requests)
  end)

  it("takes a page of HTML with a 200 for no answer", function()
    local page = { body = "<html>log in</html>", type = "text/html" }
    local c, transport = client_with { page, page, page }
    local _, err = get(c)
    assert.equals("ServerError.InvalidResponse", err.category .. "." .. err.kind)
    assert.equals(3, #transport.requests)
    c = client_with { { status = 201, body = "<html>", type = "text/html" } }
    _, err = create(c)
    assert.equals("UnknownOutcome", err.kind)
    assert.matches("the request succeeded", err.message)
  end)

  it("takes a page or JSON for no archive, but a file of one may be either", function()
    local page = { body = "<html>log in</html>", type = "text/html; charset=utf-8" }
    local message = { body = { message = "moved" } }
    for _, foreign in ipairs { page, message } do
      local c, transport = client_with { foreign, foreign, foreign }
      local _, err = c:call(operations.artifacts.download, { project = 17, job_id = 3 })
      assert.equals("ServerError.InvalidResponse", err.category .. "." .. err.kind)
      assert.matches("not an archive", err.message)
      assert.equals(3, #transport.requests)
      c = client_with { foreign }
      assert.is_string(assert(c:call(operations.artifacts.file, { project = 17, job_id = 3, path = "a" })))
    end
  end)

  it("takes an answer without a body, or one that nothing has changed, for none where neither was asked for", function()
    for _, status in ipairs { 204, 205, 304 } do
      local c, transport = client_with { { status = status }, pipeline }
      assert.equals("success", assert(get(c)).status)
      assert.equals(2, #transport.requests)
    end
    local c, transport = client_with { { status = 204 } }
    local _, err = create(c)
    assert.equals("PipelineError.UnknownOutcome", err.category .. "." .. err.kind)
    assert.equals(1, #transport.requests)
    c = client_with { { status = 304 } }
    _, err = create(c)
    assert.equals("NetworkError.RedirectRefused", err.category .. "." .. err.kind)
    c = client_with { { status = 304 } }
    local result, response = c:page(operations.pipelines.get, { project = 17, pipeline_id = 3,
      headers = { { "If-None-Match", '"x"' } } })
    assert.is_true(result)
    assert.equals(304, response.status)
  end)

  it("counts a set with an unreadable answer as done, and reads what has become", function()
    local c, transport = client_with { { status = 200, body = "<html>", type = "text/html" },
      { body = { id = 3, status = "canceled" } } }
    local result = assert(c:call(operations.pipelines.cancel, { project = 17, pipeline_id = 3 }))
    assert.equals("canceled", result.status)
    assert.equals("GET", transport.requests[2].method)
  end)
end)

describe("after a doubtful attempt", function()
  local failed = { status = 502, body = "" }
  local missing = { status = 404, body = { message = "404 Not found" } }

  it("a 404 of a repeated delete is success when the thing is gone", function()
    local c = client_with { failed, missing, missing }
    assert.is_true(c:call(operations.pipelines.delete, { project = 17, pipeline_id = 3 }))
  end)

  it("a 404 of the first delete is an error", function()
    local c, transport = client_with { missing }
    local _, err = c:call(operations.pipelines.delete, { project = 17, pipeline_id = 3 })
    assert.equals("PipelineNotFound", err.kind)
    assert.equals(1, #transport.requests)
  end)

  it("a 403 of a repeated erase is success when the job is erased", function()
    local refused = { status = 403, body = { message = "403 Forbidden - Job is not erasable!" } }
    local c = client_with { failed, refused, { body = { id = 1, erased_at = "2026-01-01T00:00:00Z" } } }
    assert.equals(1, assert(c:call(operations.jobs.erase, { project = 17, job_id = 1 })).id)
    c = client_with { failed, refused, { body = { id = 1 } } }
    local _, err = c:call(operations.jobs.erase, { project = 17, job_id = 1 })
    assert.equals("JobNotErasable", err.kind)
  end)

  it("finds the new job of a retry by its name and a greater id", function()
    local jobs = { { id = 7, name = "unit" }, { id = 12, name = "unit" }, { id = 10, name = "unit" },
      { id = 11, name = "lint" } }
    local seen = 0
    local c, transport = client_with(function(request)
      if request.method == "POST" then return failed end
      if request.target:match "/jobs/8$" then return { body = { id = 8, name = "unit", pipeline = { id = 3 } } } end
      seen = seen + 1
      return { body = seen == 1 and json.array {} or jobs }
    end)
    assert.equals(10, assert(c:call(operations.jobs.retry, { project = 17, job_id = 8 })).id)
    local posts = 0
    for _, request in ipairs(transport.requests) do
      if request.method == "POST" then posts = posts + 1 end
    end
    assert.equals(1, posts)
  end)

  it("looks for the new job as long as the deadline allows", function()
    local rt = virtual.new()
    local start = rt:now()
    local c = client_with(function(request)
      if request.method == "POST" then return failed end
      if request.target:match "/jobs/8$" then return { body = { id = 8, name = "unit", pipeline = { id = 3 } } } end
      return { body = rt:now() < start + 100 and json.array {} or { { id = 9, name = "unit" } } }
    end, { runtime = rt })
    assert.equals(9, assert(c:call(operations.jobs.retry, { project = 17, job_id = 8 })).id)
    assert.is_true(rt:now() < start + 120)
    start = rt:now()
    local _, err = c:call(operations.jobs.retry, { project = 17, job_id = 8 }, { timeout = 3 })
    assert.equals("UnknownOutcome", err.kind)
    assert.is_true(rt:now() <= start + 3)
  end)

  it("gives up looking for the new job when it would have shown", function()
    local rt = virtual.new()
    local c = client_with(function(request)
      if request.method == "POST" then return failed end
      if request.target:match "/jobs/8$" then return { body = { id = 8, name = "unit", pipeline = { id = 3 } } } end
      return { body = json.array {} }
    end, { runtime = rt, timeout = { total = 600 } })
    local start = rt:now()
    local _, err = c:call(operations.jobs.retry, { project = 17, job_id = 8 })
    assert.equals("UnknownOutcome", err.kind)
    assert.is_true(rt:now() - start >= 210)
  end)

  it("recognises a pipeline's retry by successors of every job that had failed", function()
    local look = 0
    local old, new = "2025-12-31T23:00:00Z", "2026-01-01T00:00:01Z"
    local looks = {
      { { id = 1, name = "a", status = "failed", created_at = old },
        { id = 2, name = "b", status = "canceled", created_at = old } },
      { { id = 1, name = "a", status = "failed", created_at = old },
        { id = 2, name = "b", status = "canceled", created_at = old },
        { id = 3, name = "a", status = "running", created_at = new } },
      { { id = 1, name = "a", status = "failed", created_at = old },
        { id = 2, name = "b", status = "canceled", created_at = old },
        { id = 3, name = "a", status = "failed", created_at = new },
        { id = 4, name = "b", status = "pending", created_at = new } },
    }
    local c = client_with(function(request)
      if request.method == "POST" then return failed end
      if request.target:match "/jobs%?" then
        look = look + 1
        return { body = looks[look] }
      end
      return { body = { id = 3, status = "running" } }
    end)
    local result = assert(c:call(operations.pipelines.retry, { project = 17, pipeline_id = 3 }))
    assert.equals("running", result.status)
    assert.equals(3, look)
  end)

  it("reads a played job until it has started", function()
    local statuses, look = { "manual", "manual", "pending" }, 0
    local c = client_with(function(request)
      if request.method == "POST" then return failed end
      look = look + 1
      return { body = { id = 8, status = statuses[look] } }
    end)
    assert.equals("pending", assert(c:call(operations.jobs.play, { project = 17, job_id = 8 })).status)
  end)

  it("finds what was made with a name", function()
    local c = client_with { failed, { body = { { id = 4, name = "production" } } } }
    assert.equals(4, assert(c:call(operations.environments.create,
      { project = 17, body = { name = "production" } })).id)
    c = client_with { failed, { body = { key = "A", environment_scope = "*" } } }
    assert.equals("A", assert(c:call(operations.variables.create,
      { project = 17, body = { key = "A", value = "1" } })).key)
  end)

  it("says at once that it does not know of what has no name", function()
    local rt = virtual.new()
    local c = client_with({ failed }, { runtime = rt })
    local start = rt:now()
    local _, err = c:call(operations.triggers.create, { project = 17, body = { description = "x" } })
    assert.equals("UnknownOutcome", err.kind)
    assert.equals(start, rt:now())
  end)
end)

describe("a token function", function()
  local refused = { status = 401, body = { message = "401 Unauthorized" } }

  it("is asked once for the first call and once more after a 401", function()
    local asked = 0
    local c, transport = client_with({ refused, pipeline }, { token = function()
      asked = asked + 1
      return "glpat-number-" .. asked
    end })
    assert(get(c))
    assert.equals(2, asked)
    assert.equals("glpat-number-1", transport.requests[1].headers["private-token"])
    assert.equals("glpat-number-2", transport.requests[2].headers["private-token"])
  end)

  it("that gives the same token again ends the call", function()
    local c, transport = client_with({ refused }, { token = function() return TOKEN end })
    local _, err = get(c)
    assert.equals("InvalidToken", err.kind)
    assert.equals(1, #transport.requests)
  end)

  it("is asked once by calls that fail together", function()
    local rt, asked = virtual.new(), 0
    local c = client_with(function(request)
      if request.headers["private-token"] == "glpat-number-1" then
        return { status = 401, body = {}, delay = 0.1 }
      end
      return pipeline
    end, { runtime = rt, token = function()
      asked = asked + 1
      if asked > 1 then rt:sleep(1) end
      return "glpat-number-" .. asked
    end })
    rt:run(function()
      for _ = 1, 5 do
        rt:spawn(function() assert(get(c)) end)
      end
    end)
    assert.equals(2, asked)
  end)

  it("whose task is cancelled while it waits is asked again for the others", function()
    local rt, asked = virtual.new(), 0
    local c = client_with(function() return pipeline end, { runtime = rt, token = function()
      asked = asked + 1
      rt:sleep(10)
      return TOKEN
    end })
    rt:run(function()
      local first_err
      local first = rt:spawn(function() first_err = select(2, get(c)) end)
      local second = rt:spawn(function() return assert(get(c)) end)
      rt:sleep(1)
      first:cancel()
      assert.equals("success", assert(second:join()).status)
      assert.equals("Cancelled", first_err and first_err.kind)
    end)
    assert.equals(2, asked)
  end)

  it("that fails ends the call without a word of what it raised", function()
    local c, transport = client_with({}, { token = function() error "glpat-in-the-message" end })
    local _, err = get(c)
    assert.equals("InvalidCredentials", err.kind)
    assert.is_nil(tostring(err):find "glpat")
    assert.equals(0, #transport.requests)
    c = client_with({}, { token = function() return nil end })
    _, err = get(c)
    assert.equals("InvalidCredentials", err.kind)
  end)
end)

describe("the client's own limits", function()
  local function run_many(answer, count, call)
    local rt = virtual.new()
    local times, answers = timed(rt, function() return answer end)
    local c = client_with(answers, { runtime = rt })
    local failed = 0
    rt:run(function()
      for i = 1, count do
        rt:spawn(function()
          if not call(c, i) then failed = failed + 1 end
        end)
      end
    end)
    table.sort(times)
    return times, failed
  end

  describe("of several clients", function()
    local rt, transport, times
    before_each(function()
      rt = virtual.new()
      local answers
      times, answers = timed(rt, function() return pipeline end)
      transport = double.new(answers)
    end)

    local function client(options)
      local given = { url = URL, token = TOKEN, transport = transport, runtime = rt }
      for name, value in pairs(options or {}) do given[name] = value end
      return assert(client_of.new(given))
    end

    -- The most requests in a second when 20 calls of each come at once.
    local function most_of(clients)
      rt:run(function()
        for _ = 1, 20 do
          for _, c in ipairs(clients) do rt:spawn(function() assert(get(c)) end) end
        end
      end)
      assert.equals(20 * #clients, #times)
      return most_within(times, 1)
    end

    it("with one host and token are the same windows", function()
      assert.equals(10, most_of { client(), client { url = URL .. "/api/v4" } })
    end)

    it("whose token a function gives are the same, once it is known", function()
      local asked = client { token = function() return TOKEN end }
      assert.equals(10, most_of { client(), asked, client { token = function() return TOKEN end } })
    end)

    it("with two tokens, two hosts or other limits are windows of their own", function()
      assert.equals(40, most_of { client(), client { token = TOKEN .. "x" },
        client { url = "https://other.example.com" }, client { limits = { per_minute = 500 } } })
      assert.same({ 10, 10 }, { client():stats().windows.second.used,
        client { token = TOKEN .. "x" }:stats().windows.second.used })
    end)

    it("outlive them: who comes next finds what was sent", function()
      local first = client()
      for _ = 1, 10 do assert(get(first)) end
      first:close()
      first = nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
      client { token = TOKEN .. "x" }
      assert(get(client()))
      assert.is_true(times[11] - times[1] >= 1)
    end)
  end)

  it("spread 600 requests that come at once", function()
    local times, failed = run_many(pipeline, 600, function(c) return get(c) end)
    assert.equals(0, failed)
    assert.equals(600, #times)
    assert.equals(10, most_within(times, 1))
    assert.is_true(times[600] - times[1] < 59.1, "took " .. times[600] - times[1])
  end)

  it("allow 25 creations a minute in one project, while another's go on", function()
    local rt = virtual.new()
    local by_project = { [1] = {}, [2] = {} }
    local c = client_with(function(request)
      local project = tonumber(request.target:match "/projects/(%d+)/")
      table.insert(by_project[project], rt:now())
      return created
    end, { runtime = rt, timeout = { total = 300 } })
    local start = rt:now()
    rt:run(function()
      for _ = 1, 60 do
        rt:spawn(function() assert(create(c, nil, 1)) end)
      end
      rt:spawn(function()
        rt:sleep(10)
        assert(create(c, nil, 2))
      end)
    end)
    assert.equals(25, most_within(by_project[1], 60))
    assert.equals(60, #by_project[1])
    assert.is_true(by_project[1][60] - start < 121, "took " .. by_project[1][60] - start)
    assert.is_true(by_project[2][1] - start < 10.2)
  end)

  it("fail at once with ThrottledRequest when the wait would pass the deadline", function()
    local rt = virtual.new()
    local c = client_with(function() return pipeline end,
      { runtime = rt, limits = { per_second = 1, per_minute = 2 } })
    rt:run(function()
      assert(get(c))
      assert(get(c))
      local at = rt:now()
      local _, err = get(c, { timeout = 30 })
      assert.equals("RateLimitError.ThrottledRequest", err.category .. "." .. err.kind)
      assert.equals(at, rt:now())
      assert.is_true(err.retry_after > 58 and err.retry_after <= 60)
      assert.is_true(err.retryable)
    end)
  end)

  it("ask for a project again when a transport has raised", function()
    local rt, raised = virtual.new(), false
    local c = client_with(function(request)
      if request.method == "POST" then return created end
      if not raised then
        raised = true
        error "the transport broke"
      end
      return { body = { id = 17 } }
    end, { runtime = rt })
    rt:run(function()
      assert.is_false((pcall(create, c, nil, "acme/app")))
      assert.equals(5, assert(create(c, nil, "acme/app")).id)
    end)
  end)

  it("count a path and its number as one project", function()
    local rt = virtual.new()
    local posts = 0
    local c = client_with(function(request)
      if request.method == "GET" then return { body = { id = 17, default_branch = "main" } } end
      posts = posts + 1
      return created
    end, { runtime = rt, limits = { create_per_minute = 1 } })
    rt:run(function()
      assert(create(c, nil, "acme/app"))
      local _, err = create(c, { timeout = 5 }, 17)
      assert.equals("ThrottledRequest", err.kind)
    end)
    assert.equals(1, posts)
  end)

  it("wait a minute after GitLab's own creation limit, for that project only", function()
    local rt = virtual.new()
    local times = {}
    local c = client_with(function(request)
      local project = request.target:match "/projects/(%d+)/"
      times[project] = times[project] or {}
      table.insert(times[project], rt:now())
      if project == "1" and #times[project] == 1 then
        return { status = 400, body = { message = { base = {
          "Too many pipelines created in the last minute. Try again later." } } } }
      end
      return created
    end, { runtime = rt })
    rt:run(function()
      rt:spawn(function() assert(create(c, nil, 1)) end)
      rt:spawn(function()
        rt:sleep(5)
        assert(create(c, nil, 2))
      end)
    end)
    assert.is_true(times["1"][2] - times["1"][1] >= 60)
    assert.is_true(times["2"][1] - times["1"][1] < 5.1)
  end)

  it("work without any RateLimit header", function()
    local c = client_with { { status = 429, body = "Retry later", type = "text/plain" }, pipeline }
    assert(get(c))
  end)

  it("go down to what the server says is left", function()
    local rt = virtual.new()
    local times, answers = timed(rt, function(n)
      return { body = { id = 3 }, headers = n == 1 and { ["RateLimit-Remaining"] = "2",
        ["RateLimit-Name"] = "throttle_authenticated_api",
        ["RateLimit-Reset"] = tostring(math.floor(virtual.START) + 40),
        Date = "Thu, 01 Jan 2026 00:00:00 GMT" } or nil }
    end)
    local c = client_with(answers, { runtime = rt })
    rt:run(function()
      for _ = 1, 4 do assert(get(c)) end
    end)
    assert.is_true(times[3] - times[1] < 1)
    assert.is_true(times[4] - times[1] >= 40)
  end)

  it("show in stats", function()
    local c = client_with { pipeline, { status = 502, body = "" }, pipeline }
    c.runtime:run(function()
      assert(get(c))
      assert(get(c))
    end)
    local stats = c:stats()
    assert.equals(3, stats.requests)
    assert.equals(1, stats.retries)
    assert.equals(3, stats.windows.minute.used)
    assert.same({ used = 0, limit = 25, seconds = 60, closed_for = 0, subjects = 0 },
      stats.windows.create)
    assert.is_nil(stats.windows.minute.shared_used)
    assert.same({ state = "closed", probe_in = 0, failures = 0, opened = 0 }, stats.breaker)
    assert.equals(2, stats.calls)
    assert.equals(9, stats.budget_left)
    assert.equals(0, stats.connections_reused)
    local text = c:metrics()
    assert.matches("\n# TYPE gitlab_pipelines_requests_total counter\ngitlab_pipelines_requests_total 3\n", text)
    assert.matches("\ngitlab_pipelines_in_flight 0\n$", text)
  end)
end)

describe("the circuit breaker", function()
  local down = { status = 502, body = "" }

  it("opens after failures of several calls, and sends nothing meanwhile", function()
    local rt = virtual.new()
    local c, transport = client_with(function() return down end, { runtime = rt })
    rt:run(function()
      for _ = 1, 2 do assert.is_nil((get(c, { timeout = 10 }))) end
      local sent = #transport.requests
      assert.equals(5, sent)
      local _, err = get(c, { timeout = 10 })
      assert.equals("NetworkError.CircuitOpen", err.category .. "." .. err.kind)
      assert.is_true(err.retry_after > 20 and err.retry_after <= 30)
      assert.equals(sent, #transport.requests)
    end)
  end)

  it("lets a create through only after a harmless probe", function()
    local rt, healthy = virtual.new(), false
    local c, transport = client_with(function(request)
      if not healthy then return down end
      return request.method == "POST" and created or { body = { version = "18.0" } }
    end, { runtime = rt })
    rt:run(function()
      for _ = 1, 2 do get(c) end
      healthy = true
      local before = #transport.requests
      assert.equals(5, assert(create(c)).id)
      assert.equals("/api/v4/version", transport.requests[before + 1].target)
      assert.equals("/api/v4/version", transport.requests[before + 2].target)
      assert.equals("POST", transport.requests[before + 3].method)
    end)
    assert.equals("closed", c:stats().breaker.state)
  end)

  it("ends a create for whose probe there is no place before the deadline", function()
    local rt = virtual.new()
    local c, transport = client_with(function() return down end, { runtime = rt,
      limits = { per_minute = 2 }, breaker = { failures = 2 } })
    rt:run(function()
      for _ = 1, 2 do get(c, { retry = false }) end
      assert.equals("open", c:stats().breaker.state)
      rt:sleep(31)
      local at = rt:now()
      local _, err = create(c, { timeout = 10 })
      assert.is_true(err:is "RateLimitError.ThrottledRequest")
      assert.equals("pipelines.create", err.operation)
      assert.is_true(err.retry_after > 28 and err.retry_after < 30)
      assert.equals(at, rt:now())
      assert.equals(2, #transport.requests)
    end)
  end)

  it("is shared by the clients of a runtime; the first configuration wins and is told", function()
    local transport = double.new(function() return down end)
    local rt, said = virtual.new(), {}
    local function new(options)
      options.url, options.token, options.transport, options.runtime = URL, TOKEN, transport, rt
      return assert(client_of.new(options))
    end
    local one = new {}
    local two = new { breaker = { failures = 50 }, log = function(level, message)
      said[#said + 1] = level .. ": " .. message
    end }
    rt:run(function()
      get(one)
      get(two)
      assert.equals("open", one:stats().breaker.state)
      assert.equals("open", two:stats().breaker.state)
    end)
    assert.equals("warn: the circuit breaker of " .. URL
      .. " keeps the configuration of the first client", said[1])
  end)

  it("can be switched off", function()
    local c, transport = client_with(function() return down end, { breaker = false })
    c.runtime:run(function()
      for _ = 1, 4 do get(c) end
    end)
    assert.equals(12, #transport.requests)
  end)
end)

describe("a cancelled task", function()
  it("gives up its place in the queue, and the others move up", function()
    local rt = virtual.new()
    local c = client_with(function() return pipeline end, { runtime = rt,
      limits = { per_second = 1 } })
    local start, done = rt:now(), nil
    rt:run(function()
      assert(get(c))
      local second = rt:spawn(function() return get(c) end)
      rt:spawn(function()
        assert(get(c))
        done = rt:now()
      end)
      rt:sleep(0.5)
      second:cancel()
      local _, err = second:join()
      assert.is_true(errors.is_error(err) and err:is "TaskError.Cancelled")
    end)
    assert.is_true(done - start < 1.1, "took " .. done - start)
  end)
end)
