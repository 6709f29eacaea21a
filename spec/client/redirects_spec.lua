-- Redirects, followed by the client: what goes along, whose windows and breaker a hop is for, and that
-- it is held back like any other request.
local client_of = require "gitlab_pipelines.client"
local core = require "gitlab_pipelines.core"
local double = require "support.transport_double"
local most_within = require "support.most_within"
local operations = require "gitlab_pipelines.operations"
local redirects = require "gitlab_pipelines.client.redirects"
local runtime = require "gitlab_pipelines.runtime"
local seeds = require "support.seeds"
local server_module = require "support.server"
local virtual = require "gitlab_pipelines.runtime.virtual"

local header = server_module.header
local TOKEN = "glpat-0123456789abcdefghij"
local HOME, STORE = "https://gitlab.example.com", "https://store.example.net"

describe("a redirect over a network", function()
  local server, clients
  local made = 0

  setup(function() server = server_module.start { tls = true } end)
  teardown(function() server:stop() end)
  before_each(function()
    server:forget()
    clients = {}
  end)
  after_each(function()
    for _, c in ipairs(clients) do c:close() end
    collectgarbage()
  end)

  -- A client of the server at `origin` whose every address is one of `behaviour`.
  local function client(options)
    local given = { url = server.main .. "/redirect", token = TOKEN, proxy = false,
      ca_file = server.ca, runtime = runtime.native }
    for name, value in pairs(options or {}) do given[name] = value end
    -- Clients with the same limits would count in the same windows.
    made = made + 1
    given.limits = given.limits or {}
    given.limits.create_per_minute = 1000 + made
    local c = assert(client_of.new(given))
    clients[#clients + 1] = c
    return c
  end

  -- Asks for what is redirected to `to`.
  local function get(c, to, opts, code, headers)
    return c:page(operations.pipelines.test_report, { project = 17, pipeline_id = 3, headers = headers,
      query = { { "to", to }, { "code", tostring(code or 302) } } }, opts or { retry = false })
  end

  local function download(c, to, opts)
    return c:call(operations.artifacts.download, { project = 17, job_id = 3,
      query = { { "to", to }, { "body", "moved" } } }, opts or { retry = false })
  end

  local function refused(message, result, err)
    assert.is_nil(result)
    assert.is_true(err:is "NetworkError.RedirectRefused", tostring(err))
    assert.matches(message, err.message)
    assert.is_false(err.retryable)
    return err
  end

  it("within an origin takes the token along", function()
    local c = client()
    for _, code in ipairs { 301, 302, 303, 307, 308 } do
      local echo, response = get(c, "/echo?a=b%20c#there", nil, code)
      assert.are.equal(TOKEN, header(echo, "PRIVATE-TOKEN"))
      assert.are.equal("application/json", header(echo, "Accept"))
      assert.are.equal("/echo?a=b%20c", echo.target)
      assert.are.equal(server.main .. "/echo?a=b%20c", response.url)
    end
  end)

  it("to another origin takes no credential along, nor does anything after it", function()
    local c = client()
    local back = server.other .. "/redirect?to=" .. core.uri.query(server.main .. "/echo")
    for _, to in ipairs { server.other .. "/echo", back,
      (server.main:gsub("127.0.0.1", "localhost")) .. "/echo" } do
      local echo = assert(get(c, to, nil, nil, { { "X-Trace", "1" }, { "Cookie", "a=b" },
        { "authorization", "Bearer " .. TOKEN }, { "X-Any", core.secret.new(TOKEN) } }))
      assert.are.equal("1", header(echo, "X-Trace"))
    end
    local others = 0
    for _, request in ipairs(server:requests()) do
      local first = request.path:find "^/redirect/api" ~= nil
      if not first then others = others + 1 end
      for _, name in ipairs { "PRIVATE-TOKEN", "Authorization", "Cookie", "X-Any" } do
        assert.are.equal(first, header(request, name) ~= nil, name)
      end
    end
    assert.are.equal(4, others)
  end)

  it("sends no name and password of a Location", function()
    local echo, response = get(client(), (server.main:gsub("//", "//user:password@")) .. "/echo")
    assert.is_nil(header(echo, "Authorization"))
    assert.is_nil(response.url:find "password")
  end)

  it("of a write is refused", function()
    local c = client()
    for _, op in ipairs { operations.pipelines.cancel, operations.pipelines.create } do
      local err = refused("redirects a write.*status 307", c:call(op, { project = 17, pipeline_id = 3,
        query = { { "to", "/ok" }, { "code", "307" } } }))
      assert.are.equal(307, err.status)
      assert.is_nil(err.unknown_outcome)
    end
    assert.are.equal(2, #server:requests())
  end)

  it("from https to http is refused, from http to https it is not", function()
    local c = client { url = server.tls .. "/redirect" }
    refused("from https to http", get(c, server.main .. "/echo"))
    assert.are.equal(0, #server:requests "/echo")
    assert.is_table((assert(get(client(), server.tls .. "/echo"))))
  end)

  it("to another protocol, or nowhere, is refused", function()
    local c = client()
    for _, to in ipairs { "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x",
      "javascript:alert(1)" } do
      refused("neither http nor https", get(c, to))
    end
    for _, to in ipairs { "http://", "http://a b/", "http://127.0.0.1:99999/" } do
      refused("invalid URL", get(c, to))
    end
  end)

  it("is not followed without end", function()
    refused("too many", get(client { url = server.main .. "/loop" }, ""))
    assert.are.equal(6, #server:requests())
  end)

  it("leads a stream to its sink, which never sees the redirect's body", function()
    local parts = {}
    assert(download(client(), server.other .. "/chunked", { sink = function(chunk)
      parts[#parts + 1] = chunk
      return true
    end }))
    assert.are.equal("hello world", table.concat(parts))
    local path = os.tmpname()
    assert(download(client(), server.other .. "/chunked", { sink = { file = path } }))
    local file = assert(io.open(path))
    assert.are.equal("hello world", file:read "*a")
    file:close()
    os.remove(path)
  end)

  it("is one attempt: its time is that of all its hops", function()
    local c = client { timeout = { request = 0.1 } }
    local _, err = get(c, server.main .. "/stall-before")
    assert.is_true(err:is "NetworkError.Timeout")
    assert.are.equal(1, err.attempts)
    local hop = { url = server.main .. "/ok", headers = {}, spent = 0.09, count = 1 }
    local asked = require("gitlab_pipelines.client.request").attempt(c, { op = operations.pipelines.get,
      url = server.main, headers = {} }, nil, nil, hop)
    assert.is_true(asked.timeout.request > 0.0099 and asked.timeout.request < 0.0101)
  end)

  it("waits for a place like any request, and never sends without one", function()
    local c = client { limits = { per_second = false, per_minute = 3 } }
    assert(get(c, "/echo"))
    -- The third place is its first request's; its hop would have to wait for most of a minute.
    local _, err = get(c, "/echo", { timeout = 5 })
    assert.is_true(err:is "RateLimitError.ThrottledRequest", tostring(err))
    assert.is_true(err.retry_after > 50 and err.retry_after <= 61)
    assert.are.equal(3, #server:requests())
    assert.are.equal(1, #server:requests "/echo")
    local stats = c:stats()
    assert.are.equal(3, stats.windows.minute.used)
    assert.same({ 1, 0, 0, 3 }, { stats.throttled, stats.waiting, stats.in_flight, stats.requests })
  end)

  -- The hop goes over the connection that the redirect came by; the server closes it unanswered.
  it("over a kept connection that dies goes again only with a place of its own", function()
    local c = client { limits = { per_second = false, per_minute = 3 } }
    assert.are.equal(3, assert(get(c, "/apply-then-drop/1")).id)
    assert.are.equal(3, #server:requests())
    assert.are.equal(3, c:stats().windows.minute.used)
    server:forget()
    c = client { limits = { per_second = false, per_minute = 2 } }
    local _, err = get(c, "/apply-then-drop/2", { timeout = 5 })
    assert.is_true(err:is "NetworkError.ConnectionFailed", tostring(err))
    assert.is_true(err.retry_after > 50 and err.retry_after <= 61)
    assert.are.equal(2, #server:requests())
    assert.are.equal(2, c:stats().windows.minute.used)
  end)

  it("to a store is no request to GitLab, and has the store's own windows", function()
    local c = client { limits = { per_second = false, per_minute = 3 } }
    for _ = 1, 3 do assert.are.equal("hello world", assert(download(c, server.other .. "/chunked"))) end
    assert.are.equal(3, c:stats().windows.minute.used)
    assert.are.equal(3, #server:requests "/chunked")
    c = client { limits = { per_second = false, per_minute = 3 } }
    local more = server.other .. "/redirect?to=" .. core.uri.query "/chunked"
    assert(download(c, more))
    local _, err = download(c, more, { timeout = 5 })
    assert.is_true(err:is "RateLimitError.ThrottledRequest", tostring(err))
    assert.are.equal(2, c:stats().windows.minute.used)
    assert.are.equal(4, #server:requests "/chunked")
  end)

  it("to a store that is down opens the store's breaker and not GitLab's", function()
    local c = client { breaker = { failures = 3 } }
    for _ = 1, 3 do
      local _, err = download(c, server.slam .. "/ok")
      assert.is_true(err:is "NetworkError.ConnectionFailed", tostring(err))
    end
    assert.are.equal("open", c:stats().store.state)
    local breaker = c:stats().breaker
    assert.same({ "closed", 0 }, { breaker.state, breaker.failures })
    -- Not even GitLab is asked for a download that would go there.
    local _, err = download(c, server.slam .. "/ok", { timeout = 5 })
    assert.is_true(err:is "NetworkError.CircuitOpen", tostring(err))
    assert.are.equal(1, c:stats().circuit_open)
    assert.are.equal(3, #server:requests())
    assert(get(c, "/echo"))
  end)
end)

-- A client in virtual time over a double.
local function client_with(answers, options)
  local transport = double.new(answers)
  local given = { url = HOME, token = TOKEN, transport = transport, runtime = virtual.new() }
  for name, value in pairs(options or {}) do given[name] = value end
  return assert(client_of.new(given)), transport, given.runtime
end

local function get(c, opts)
  return c:call(operations.pipelines.get, { project = 17, pipeline_id = 3 }, opts)
end

local function download(c, opts)
  return c:call(operations.artifacts.download, { project = 17, job_id = 3 }, opts)
end

local function at_home(request) return request.url:find(HOME, 1, true) == 1 end

local function to(location, headers)
  local answer = { status = 302, headers = { Location = location }, body = "moved" }
  for name, value in pairs(headers or {}) do answer.headers[name] = value end
  return answer
end

local pipeline = { status = 200, body = { id = 3, status = "success" } }

describe("a hop", function()
  it("never makes a window fuller than it may be, whoever waits, and everybody comes through", function()
    for seed in seeds.each(1000, 60) do
      seeds.named(seed, function()
        local random = seeds.new(seed)
        local rt = virtual.new { seed = seed }
        local limits = { per_second = random.int(1, 4), per_minute = random.int(20, 60) }
        local seen = { [HOME] = {}, [STORE] = {} }
        local c, transport = client_with(function(request)
          local list = seen[at_home(request) and HOME or STORE]
          list[#list + 1] = rt:now()
          request.raw.exchange:sent(rt:now())
          local hops = tonumber(request.target:match "hop(%d)" or 0)
          local answer = random.chance(0.6) and hops < 5
            and to(random.pick { HOME, STORE } .. "/hop" .. hops + 1) or pipeline
          return { status = answer.status, headers = answer.headers, body = answer.body,
            delay = random.chance(0.5) and random.unit() or nil }
        end, { runtime = rt, limits = limits })
        local done, count = 0, random.int(5, 25)
        rt:run(function()
          for _ = 1, count do
            local wait = random.unit() * 3
            rt:spawn(function()
              rt:sleep(wait)
              assert(get(c, { timeout = 3600 }))
              done = done + 1
            end)
          end
        end)
        assert(done == count, "not all came through")
        for origin, times in pairs(seen) do
          assert(most_within(times, 1) <= limits.per_second, origin .. ": per second")
          assert(most_within(times, 60) <= limits.per_minute, origin .. ": per minute")
        end
        -- A place is used for each request to GitLab, and for no other.
        local stats = c:stats()
        assert(stats.requests == #transport.requests and stats.retries == 0)
        assert(stats.waiting == 0 and stats.in_flight == 0, "somebody is left")
        local last = 0
        for _, at in ipairs(seen[HOME]) do if at > rt:now() - 60.000001 then last = last + 1 end end
        assert(stats.windows.minute.used == last, "windows: " .. stats.windows.minute.used .. " of " .. last)
      end)
    end
  end)

  it("waits behind those who came before it", function()
    local order = {}
    local c, _, rt = client_with(function(request)
      order[#order + 1] = request.target:match "[^/]*$"
      local id = tonumber(request.target:match "pipelines/(%d)") or 1
      local answer = id == 1 and request.target:find "pipelines" and to "/moved"
        or { status = 200, body = { id = id, status = "success" } }
      return { status = answer.status, headers = answer.headers, body = answer.body, delay = 0.1 }
    end, { limits = { per_second = 1 } })
    rt:run(function()
      for id = 1, 3 do
        rt:spawn(function()
          assert(c:call(operations.pipelines.get, { project = 17, pipeline_id = id }))
        end)
      end
    end)
    assert.same({ "1", "2", "3", "moved" }, order)
  end)

  it("is no repetition: not of the budget, not of the attempts", function()
    local n = 0
    local c, transport, rt = client_with(function(request)
      n = n + 1
      if not request.target:find "moved" then return to "/moved" end
      return n < 10 and { status = 502 } or pipeline
    end)
    rt:run(function()
      local _, err = get(c)
      assert.is_true(err:is "ServerError.ServiceUnavailable")
      assert.equals(3, err.attempts)
      assert.equals(6, #transport.requests)
      assert.equals(2, c:stats().retries)
      n = 10
      assert(get(c))
      assert.equals(2, c:stats().retries)
    end)
    -- Each attempt begins where the operation does.
    for i, request in ipairs(transport.requests) do
      assert.equals(i % 2 == 0, request.target:find "moved" ~= nil)
    end
  end)

  it("that would pass the deadline ends the call as one that was never made", function()
    local c, transport, rt = client_with(function() return to "/moved" end, { limits = { per_second = 1 } })
    rt:run(function()
      local start = rt:now()
      local _, err = get(c, { timeout = 0.9 })
      assert.is_true(err:is "RateLimitError.ThrottledRequest")
      assert.is_true(err.retryable)
      assert.is_true(err.retry_after > 0.99 and err.retry_after < 1.01)
      assert.equals(start, rt:now())
      assert.equals(1, #transport.requests)
      -- With the time for it, it waits.
      assert.is_nil((get(c, { timeout = 6.5 })))
      assert.equals(6 + 1, #transport.requests)
    end)
  end)

  it("gives up its place when the task is cancelled while it waits for one", function()
    for _, origin in ipairs { HOME, STORE } do
      local c, transport, rt = client_with(function(request)
        if request.target:find "pipelines" then return to(origin .. "/first") end
        return request.target == "/first" and to(origin .. "/second") or pipeline
      end, { limits = { per_second = 1 } })
      rt:run(function()
        local task = rt:spawn(get, c)
        rt:sleep(origin == HOME and 1.5 or 0.5)
        assert.equals(2, #transport.requests)
        assert.same({ 1, 0 }, { c:stats().waiting, c:stats().in_flight })
        task:cancel()
        local _, err = task:join()
        assert.is_true(err:is "TaskError.Cancelled")
        local stats = c:stats()
        assert.same({ 0, 0 }, { stats.waiting, stats.in_flight })
      end)
    end
  end)

  it("closes a half-open breaker with the answer that it follows, not with the store's", function()
    local down, store_down = true, true
    local c, _, rt = client_with(function(request)
      if not at_home(request) then return store_down and { status = 503 } or { body = "PK" } end
      return down and { status = 503 } or to(STORE .. "/signed")
    end, { breaker = { failures = 2, successes = 2, reset = 10 } })
    rt:run(function()
      for _ = 1, 2 do download(c, { retry = false }) end
      assert.equals("open", c:stats().breaker.state)
      down = false
      rt:sleep(11)
      for _ = 1, 2 do
        local _, err = download(c, { retry = false })
        assert.is_true(err:is "ServerError.ServiceUnavailable")
        assert.is_true(err.from_store)
      end
      assert.same({ "closed", "open" }, { c:stats().breaker.state, c:stats().store.state })
      store_down = false
      rt:sleep(31)
      for _ = 1, 2 do assert.equals("PK", download(c)) end
      assert.equals("closed", c:stats().store.state)
    end)
  end)

  it("heeds GitLab's word in the redirect, and the store's for the store alone", function()
    local now_at_store = { status = 200, body = "PK" }
    local c, transport, rt = client_with(function(request)
      return at_home(request) and to(STORE .. "/signed") or now_at_store
    end, { limits = { per_second = 50 } })
    rt:run(function()
      now_at_store = { status = 200, body = "PK", headers = { ["RateLimit-Remaining"] = "0",
        ["RateLimit-Reset"] = tostring(rt:now() + 50), Date = "Thu, 01 Jan 1970 00:00:00 GMT" } }
      assert.equals("PK", download(c))
      now_at_store = { status = 429, type = "text/plain", body = "Retry later",
        headers = { ["Retry-After"] = "40" } }
      local _, err = download(c, { retry = false })
      assert.is_true(err.from_store)
      assert.equals(0, c:stats().windows.minute.closed_for)
      assert.equals(0, c.skew)
      -- The store is left alone for as long as it asked, GitLab is not.
      local start = rt:now()
      now_at_store = { status = 200, body = "PK" }
      assert.equals("PK", download(c))
      assert.equals(4, #(function()
        local home = {}
        for _, request in ipairs(transport.requests) do
          if not at_home(request) then home[#home + 1] = request end
        end
        return home
      end)() + 1)
      assert.is_true(rt:now() - start >= 40)
    end)
    c, transport, rt = client_with(function(request)
      return request.target:find "moved" and pipeline
        or to("/moved", { ["RateLimit-Remaining"] = "0", ["RateLimit-Name"] = "throttle" })
    end)
    rt:run(function()
      local _, err = get(c, { timeout = 20 })
      assert.is_true(err:is "RateLimitError.ThrottledRequest")
      assert.equals(1, #transport.requests)
    end)
  end)

  it("leaves a 401 of a store to the store", function()
    local asked = 0
    local c, _, rt = client_with(function(request)
      return at_home(request) and to(STORE .. "/signed") or { status = 401 }
    end, { token = function()
      asked = asked + 1
      return TOKEN .. asked
    end })
    rt:run(function()
      local _, err = download(c)
      assert.is_true(err.from_store)
      assert.equals(1, err.attempts)
    end)
    assert.equals(1, asked)
  end)

  it("that has to be sent again waits for another place, once an attempt", function()
    local dead = { failure = { outcome = "unknown", code = "held_back" } }
    local answers = { dead, pipeline }
    local c, transport, rt = client_with(function(_, n) return answers[n] end, { limits = { per_second = 1 } })
    rt:run(function()
      local start = rt:now()
      assert(get(c, { retry = false }))
      local took = rt:now() - start
      assert.is_true(took > 1 and took < 1.01, "took " .. took)
      assert.same({ 2, 0 }, { #transport.requests, c:stats().retries })
      assert.equals(0, c:stats().breaker.failures)
      answers = { [3] = dead, [4] = dead }
      local _, err = get(c, { retry = false })
      assert.is_true(err:is "NetworkError.ConnectionFailed")
      assert.equals(1, err.attempts)
      assert.equals(4, #transport.requests)
      -- The next attempt may be sent twice again.
      answers = { [5] = dead, [6] = dead, [7] = dead, [8] = pipeline }
      assert(get(c))
      assert.same({ 8, 1 }, { #transport.requests, c:stats().retries })
    end)
  end)

  it("of a client without limits and breaker is simply followed", function()
    local c, transport, rt = client_with(function(request)
      return at_home(request) and to(STORE .. "/signed") or { body = "PK" }
    end, { limits = false, breaker = false })
    rt:run(function()
      for _ = 1, 20 do assert.equals("PK", download(c)) end
      assert.equals(40, #transport.requests)
      assert.is_nil(c:stats().store)
    end)
  end)
end)

describe("a Location", function()
  local function judged(location, from)
    return redirects.judge({ op = { effect = "read" }, url = from or HOME .. "/api/v4/a/b?c=d" }, HOME,
      location, 0.5)
  end

  it("is resolved, cleaned, and told apart from home", function()
    for _, case in ipairs {
      { "/x", HOME .. "/x", HOME, false },
      { "e", HOME .. "/api/v4/a/e", HOME, false },
      { "?y=z", HOME .. "/api/v4/a/b?y=z", HOME, false },
      { "HTTPS://GitLab.Example.com:443/x", "https://GitLab.Example.com:443/x", HOME, false },
      { "//store.example.net/x", STORE .. "/x", STORE, true },
      { "https://gitlab.example.com:8443/x", HOME .. ":8443/x", HOME .. ":8443", true },
      { "https://gitlab.example.com.evil.net/x", HOME .. ".evil.net/x", HOME .. ".evil.net", true },
      { "https://u:p@store.example.net/x#f", STORE .. "/x", STORE, true },
      { STORE .. "/a b\195\164?q=\195\164", STORE .. "/a%20b%C3%A4?q=%C3%A4", STORE, true },
    } do
      local hop = assert(judged(case[1]))
      assert.same({ case[2], case[3], case[4] }, { hop.url, hop.origin, hop.bare }, case[1])
      assert.same({ 1, 0.5 }, { hop.count, hop.spent })
    end
  end)

  it("that cannot be trusted is refused", function()
    for _, location in ipairs { "https://evil.net\\@gitlab.example.com/", "https://a@b@c/", "http:///x",
      "https://gitlab.example.com\r\nX: y/", "https://\195\164.example.com/" } do
      assert.is_nil((judged(location)), location)
    end
  end)
end)
