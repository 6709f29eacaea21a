local core = require "gitlab_pipelines.core"
local curl = require "gitlab_pipelines.transport.curl"
local json = require "gitlab_pipelines.json"
local runtime = require "gitlab_pipelines.runtime"

local compile = require "support.compile"
local server_module = require "support.server"

local header = server_module.header
local rt = runtime.native
local TOKEN = "glpat-0123456789abcdef"

describe("the curl transport", function()
  local server, transport

  setup(function() server = server_module.start { tls = true } end)
  teardown(function() server:stop() end)
  before_each(function()
    server:forget()
    transport = curl.new { proxy = false, ca_file = server.ca }
  end)
  after_each(function()
    transport:close()
    collectgarbage()
  end)

  local function perform(request)
    request.runtime = request.runtime or rt
    return transport:perform(request)
  end

  local function get(path, more)
    local request = { method = "GET", url = server.main .. path, effect = "read" }
    for key, value in pairs(more or {}) do request[key] = value end
    return perform(request)
  end

  -- The failure of a call that must fail, with its outcome and code.
  local function fails(outcome, code, response, failure)
    assert.is_nil(response)
    assert.are.equal(outcome .. "/" .. code, failure.outcome .. "/" .. failure.code,
      tostring(failure.message))
    assert.is_string(failure.message)
    return failure
  end

  describe("an ordinary call", function()
    it("gives status, body, headers, times and the URL", function()
      local before = rt:now()
      local response = assert(get "/ok")
      assert.are.equal(200, response.status)
      assert.are.equal('{"ok":true}', response.body)
      assert.are.equal("application/json", response:header "content-TYPE")
      assert.are.equal("application/json", response.headers:header "Content-Type")
      assert.is_nil(response:header "X-Absent")
      assert.are.equal(server.main .. "/ok", response.url)
      assert.are.equal(11, response.bytes)
      assert.is_true(response.sent_at >= before and response.sent_at <= rt:now())
      assert.is_true(response.elapsed >= 0 and response.elapsed < 30)
      assert.is_false(response.reused)
    end)

    it("walks the headers in the order in which they came", function()
      local names = {}
      for name, value in assert(get "/status?code=200&h.X-A=1&h.X-B=2&h.x-a=3"):each_header() do
        names[#names + 1] = name .. "=" .. value
      end
      assert.are.equal("Content-Length=0 X-A=1 X-B=2 x-a=3", table.concat(names, " "))
    end)

    it("uses a connection again for what may be repeated", function()
      assert(get "/ok")
      assert.is_true(assert(get "/ok").reused)
      local requests = server:requests "/ok"
      assert.are.equal(requests[1].connection, requests[2].connection)
    end)

    it("sends method, headers, secrets and body as they are", function()
      local body = "a\0b\r\n" .. ("x"):rep(100)
      local response = assert(perform { method = "PUT", url = server.main .. "/echo?a=%2F", effect = "set",
        body = body, headers = { { "Content-Type", "text/x" }, { "X-Empty", "" },
          { "PRIVATE-TOKEN", core.secret.new(TOKEN) } } })
      local seen = json.decode(response.body)
      assert.are.equal("PUT", seen.method)
      assert.are.equal("/echo?a=%2F", seen.target)
      assert.are.equal(body, seen.body)
      assert.are.equal("text/x", header(seen, "Content-Type"))
      assert.are.equal("", header(seen, "X-Empty"))
      assert.are.equal(TOKEN, header(seen, "PRIVATE-TOKEN"))
    end)

    it("leaves nothing of one call in the next on the same handle", function()
      assert(perform { method = "POST", url = server.main .. "/ok", effect = "set", body = "x",
        headers = { { "X-One", "1" }, { "PRIVATE-TOKEN", core.secret.new(TOKEN) } } })
      for _, method in ipairs { "GET", "DELETE", "HEAD", "POST", "PATCH", "GET" } do
        assert(perform { method = method, url = server.main .. "/ok", effect = "set" })
      end
      local requests = server:requests "/ok"
      local methods = {}
      for i, request in ipairs(requests) do
        methods[i] = request.method
        if i > 1 then
          assert.is_nil(header(request, "X-One"))
          assert.is_nil(header(request, "PRIVATE-TOKEN"))
          assert.is_nil(header(request, "Content-Type"))
          assert.are.equal("", request.body)
        end
      end
      assert.are.equal("POST GET DELETE HEAD POST PATCH GET", table.concat(methods, " "))
      assert.are.equal("0", header(requests[5], "Content-Length"))
    end)

    it("reads answers of every framing", function()
      assert.are.equal("hello world", assert(get "/chunked").body)
      assert.are.equal("hello", assert(get "/until-close").body)
      assert.are.equal("bye", assert(get "/close").body)
      assert.are.equal(("compressed "):rep(1000), assert(get "/gzip").body)
      assert.are.equal(("d"):rep(50), assert(get "/dribble").body)
      assert.are.equal(204, assert(get "/status?code=204").status)
      assert.are.equal(304, assert(get "/status?code=304").status)
      local head = assert(get("/ok", { method = "HEAD" }))
      assert.are.equal("11", head:header "Content-Length")
      assert.are.equal("", head.body)
      assert.are.equal(404, assert(get "/status?code=404").status)
    end)

    it("shows the final answer's headers, not those of a 100 or a trailer", function()
      local response = assert(get "/informational")
      assert.are.equal(200, response.status)
      assert.are.equal("final", response.body)
      assert.are.equal("yes", response:header "X-Final")
      assert.is_nil(response:header "X-Early")
      assert.is_nil(response:header "Link")
      assert.is_nil(assert(get "/chunked"):header "X-After")
    end)

    it("takes many headers and a long one, and refuses those without end", function()
      assert.are.equal("499", assert(get "/many-headers"):header "X-Number-499")
      assert.are.equal(50000, #assert(get "/huge-header"):header "X-Huge")
      fails("permanent", "protocol", get "/headers-without-end")
    end)

    it("waits for no 100 before a long body", function()
      local body = ("b"):rep(3 * 2 ^ 20)
      local response = assert(perform { method = "POST", effect = "create", body = body,
        url = server.main .. "/ok" })
      assert.are.equal(200, response.status)
      local request = server:requests("/ok")[1]
      assert.is_nil(header(request, "Expect"))
      assert.are.equal(#body, #request.body)
    end)

    it("says who we are, and asks for compression unless told otherwise", function()
      transport:close()
      transport = curl.new { proxy = false, user_agent = "agent/1" }
      assert(get "/ok")
      assert(get("/ok", { compressed = false }))
      assert(get("/ok", { headers = { { "range", "bytes=0-" } } }))
      local requests = server:requests "/ok"
      assert.are.equal("agent/1", header(requests[1], "User-Agent"))
      assert.is_truthy(header(requests[1], "Accept-Encoding"):find("gzip", 1, true))
      assert.is_nil(header(requests[2], "Accept-Encoding"))
      assert.is_nil(header(requests[3], "Accept-Encoding"))
    end)

    it("refuses what could smuggle another header or another protocol", function()
      fails("permanent", "protocol", get("/ok", { headers = { { "X-A", "b\r\nX-C: d" } } }))
      fails("permanent", "protocol", get("/ok", { headers = { { "X A", "b" } } }))
      fails("permanent", "protocol", get "/ok\r\nX: y")
      fails("permanent", "protocol", perform { url = "file:///etc/passwd" })
      fails("permanent", "protocol", perform { url = "ftp://127.0.0.1/" })
      assert.are.equal(0, #server:requests())
    end)

    it("names the argument that is wrong", function()
      assert.has_error(function() get("/ok", { headers = { "X: y" } }) end)
      assert.has_error(function() get("/ok", { headers = { { "X", 5 } } }) end)
      assert.has_error(function() get("/ok", { body = {} }) end)
      assert.has_error(function() get("/ok", { exchange = io.stdout }) end)
      assert.has_error(function() get("/ok", { sink = {} }) end)
    end)
  end)

  describe("one attempt", function()
    -- Reads first, so that a kept-alive connection stands, then posts.
    local function post(body, unsafe)
      local path = "/apply-then-drop/" .. (body and "with" or "without") .. tostring(unsafe)
      assert.are.equal(200, assert(get "/ok").status)
      local response, failure = perform { method = "POST", effect = "create", body = body,
        url = server.main .. path, unsafe_reuse = unsafe,
        headers = { { "Content-Type", "application/json" } } }
      return server:requests(path), response, failure
    end

    for _, body in ipairs { "with", "without" } do
      local content = body == "with" and '{"ref":"main"}' or nil

      it("of a create is one request on the wire, " .. body .. " a body", function()
        local seen, response, failure = post(content)
        assert.are.equal(1, #seen)
        assert.are.equal("POST", seen[1].method)
        assert.are.equal(content or "", seen[1].body)
        failure = fails("unknown", "reset", response, failure)
        assert.is_number(failure.sent_at)
        assert.is_nil(failure.status)
        assert.are_not.equal(server:requests("/ok")[1].connection, seen[1].connection)
      end)

      it("would be two without a fresh connection, " .. body .. " a body", function()
        local seen, response = post(content, true)
        assert.are.equal(2, #seen)
        assert.are.equal(201, assert(response).status)
        assert.are.equal(server:requests("/ok")[1].connection, seen[1].connection)
      end)
    end

    it("of a create leaves its connection to nobody", function()
      assert(perform { method = "POST", effect = "create", url = server.main .. "/ok" })
      assert.is_false(assert(get "/ok").reused)
    end)

    it("over HTTP/2 is given to a shared connection only when it may be repeated", function()
      local read = assert(perform { url = server.h2 .. "/x" })
      assert.are.equal("over h2", read.body)
      local created = assert(perform { method = "POST", effect = "create", url = server.h2 .. "/ok" })
      assert.are.equal('{"ok":true}', created.body)
      local request = server:requests("/ok")[1]
      assert.are.equal("h2", request.origin)
      assert.are_not.equal(server:requests("?")[1].connection, request.connection)
    end)

    it("whose stream HTTP/2 resets was seen, perhaps: an outcome that is not known", function()
      for _, number in ipairs { 2, 8, 11, 0 } do
        for _, effect in ipairs { "read", "set" } do
          assert.are.equal(204, assert(get("/refuse/1?error=" .. number)).status)
          fails("unknown", "reset", perform { url = server.h2 .. "/x", effect = effect })
        end
      end
      assert.are.equal(204, assert(get "/refuse/1?error=1").status)
      fails("permanent", "protocol", perform { url = server.h2 .. "/x", effect = "read" })
    end)

    it("that HTTP/2 refuses unseen is sent again", function()
      assert.are.equal(204, assert(get "/refuse/2").status)
      assert.are.equal("over h2", assert(perform { url = server.h2 .. "/x" }).body)
      assert.are.equal(3, #server:requests "?")
    end)
  end)

  describe("a server that fails", function()
    it("before it was reached was never sent anything", function()
      local failure = fails("never_sent", "connect", perform { url = "http://127.0.0.1:1/" })
      assert.is_nil(failure.sent_at)
      fails("never_sent", "dns", perform { url = "http://no-such-host.invalid/" })
    end)

    for _, effect in ipairs { "read", "set", "create" } do
      local function call(path)
        return get(path, { effect = effect, method = effect == "read" and "GET" or "POST" })
      end

      it("resets before an answer leaves a " .. effect .. " unknown", function()
        local failure = fails("unknown", "reset", call "/reset-before")
        assert.is_number(failure.sent_at)
      end)

      it("breaks a 2xx answer off leaves a " .. effect .. " done but unreadable", function()
        for _, path in ipairs { "/reset-headers", "/reset-body", "/truncate", "/truncate-chunked",
          "/garbage-chunk" } do
          assert.are.equal(200, fails("unreadable", "reset", call(path)).status)
        end
        fails("unreadable", "protocol", call "/garbage-gzip")
      end)

      it("breaks an error answer off leaves a " .. effect .. " unknown", function()
        assert.are.equal(502, fails("unknown", "reset", call "/truncate?code=502").status)
        assert.are.equal(404, fails("unknown", "reset", call "/reset-body?code=404").status)
      end)

      it("answers garbage: only a read is surely harmless (" .. effect .. ")", function()
        local outcome = effect == "read" and "permanent" or "unknown"
        fails(outcome, "protocol", call "/garbage")
        fails(outcome, "protocol", call "/garbage-status")
      end)

      it("sends more than it said: the next answer is lost, but not to a create (" .. effect .. ")", function()
        assert.are.equal("ok", assert(get "/surplus").body)
        if effect ~= "create" then return fails("unknown", "reset", call "/surplus") end
        assert.are.equal("ok", assert(call "/surplus").body)
      end)

      it("stalls: the answer's time bounds a " .. effect, function()
        local timeout = { timeout = { request = 0.05 }, effect = effect }
        local failure = fails("unknown", "timeout", get("/stall-before", timeout))
        assert.is_truthy(failure.message:find("0.05", 1, true))
        for _, path in ipairs { "/stall-headers", "/stall-body" } do
          fails("unreadable", "timeout", get(path, timeout))
        end
      end)
    end

    it("is held to the call's deadline", function()
      local failure = fails("unknown", "timeout",
        get("/stall-before", { deadline = rt:now() + 0.05 }))
      assert.is_truthy(failure.message:find "deadline")
      fails("never_sent", "timeout", get("/ok", { deadline = rt:now() - 1 }))
    end)

    it("does not hold up the loop or other calls", function()
      local order = {}
      rt:run(function()
        local slow = rt:spawn(function()
          get("/stall-before", { timeout = { request = 0.2 } })
          order[#order + 1] = "stalled"
        end)
        rt:sleep(0)
        assert.are.equal(1, transport.engine:counts().active)
        for _ = 1, 3 do
          assert(get "/ok")
          order[#order + 1] = "ok"
        end
        slow:join()
      end)
      assert.are.equal("ok ok ok stalled", table.concat(order, " "))
    end)
  end)

  describe("a body", function()
    it("in memory is bounded, whether or not its length is told", function()
      for _, path in ipairs { "/big", "/big-chunked", "/bomb" } do
        local failure = fails("permanent", "too_large", get(path))
        assert.is_truthy(failure.message:find "67108864")
        assert.are.equal(200, failure.status)
      end
    end)

    it("is bounded at the very byte", function()
      assert.are.equal(1000, #assert(get("/big?n=1000", { max_bytes = 1000 })).body)
      fails("permanent", "too_large", get("/big?n=1001", { max_bytes = 1000 }))
      assert.are.equal(11000, #assert(get("/gzip", { max_bytes = 11000 })).body)
      fails("permanent", "too_large", get("/gzip", { max_bytes = 10999 }))
    end)

    it("that is too long says of a write that it was done", function()
      fails("unreadable", "too_large", get("/big", { method = "POST", effect = "create" }))
    end)

    it("goes to a function piece by piece, held back while it waits", function()
      local total, pieces, largest, waited = 0, 0, 0, false
      local response = rt:run(function()
        return assert(get("/big?n=20000000", { max_bytes = 10, sink = function(chunk)
          if not waited then
            waited = true
            assert(get "/ok") -- a sink may make calls of its own
            rt:sleep(0.02)
          end
          total, pieces, largest = total + #chunk, pieces + 1, math.max(largest, #chunk)
          return true
        end }))
      end)
      assert.are.equal(20000000, total)
      assert.are.equal(20000000, response.bytes)
      assert.is_nil(response.body)
      assert.is_true(pieces > 1)
      -- What was held back is bounded by the pause, not by the body.
      assert.is_true(largest <= 512 * 1024, largest .. " bytes at once")
    end)

    it("goes to a function decoded", function()
      local parts = {}
      assert(get("/gzip?n=200000", { sink = function(chunk)
        parts[#parts + 1] = chunk
        return true
      end }))
      assert.is_true(table.concat(parts) == ("compressed "):rep(200000))
    end)

    it("of an error goes to memory even with a sink", function()
      local called = false
      local response = assert(get("/status?code=404&body=missing", { sink = function()
        called = true
        return true
      end }))
      assert.are.equal(404, response.status)
      assert.are.equal("missing", response.body)
      assert.is_false(called)
      fails("permanent", "too_large",
        get("/status?code=500&h.Content-Length=9999999", { sink = function() return true end }))
    end)

    it("ends when its receiver does not want it, and raises what the receiver raises", function()
      local failure = fails("permanent", "sink", get("/big", { sink = function()
        return nil, "disk full"
      end }))
      assert.are.equal("disk full", failure.message)
      assert.are.equal(200, failure.status)
      local ok, message = pcall(get, "/big", { sink = function() error("mine", 0) end })
      assert.is_false(ok)
      assert.are.equal("mine", message)
      assert.are.equal(0, transport.engine:counts().active)
    end)

    it("that streams is bounded by silence alone", function()
      -- Longer in all than the request's time, never silent.
      local response = assert(get("/dribble?n=100&pause=1",
        { timeout = { request = 0.05, stall = 5 }, sink = function() return true end }))
      assert.are.equal(100, response.bytes)
      local failure = fails("unreadable", "timeout", get("/stall-body",
        { timeout = { stall = 0.05 }, sink = function() return true end }))
      assert.is_truthy(failure.message:find "byte")
      fails("unknown", "timeout", get("/stall-before",
        { timeout = { stall = 0.05 }, sink = function() return true end }))
    end)

    describe("to a file", function()
      local path
      before_each(function() path = os.tmpname() end)
      after_each(function() os.remove(path) end)

      local function content()
        local file = assert(io.open(path, "rb"))
        local text = file:read "*a"
        file:close()
        return text
      end

      it("is written whole", function()
        local response = assert(get("/big?n=3000000", { sink = { file = path } }))
        assert.are.equal(3000000, response.bytes)
        assert.is_nil(response.body)
        assert.are.equal(3000000, #content())
      end)

      it("takes the place of what was there", function()
        local file = assert(io.open(path, "wb"))
        file:write(("old"):rep(1000))
        file:close()
        assert(get("/chunked", { sink = { file = path } }))
        assert.are.equal("hello world", content())
      end)

      it("goes on from an offset only if the server does", function()
        assert(get("/part", { sink = { file = path } }))
        local range = { { "Range", "bytes=4-" } }
        local response = assert(get("/part", { headers = range, sink = { file = path, offset = 4 } }))
        assert.are.equal(206, response.status)
        assert.are.equal(6, response.bytes)
        assert.are.equal("0123456789", content())
        assert(get("/part?whole=1", { headers = range, sink = { file = path, offset = 4 } }))
        assert.are.equal("0123456789", content())
      end)

      it("does not touch it for an error's body", function()
        os.remove(path)
        assert.are.equal("no", assert(get("/status?code=404&body=no", { sink = { file = path } })).body)
        assert.is_nil(io.open(path))
      end)

      it("that cannot be written is the sink's failure", function()
        local failure = fails("permanent", "sink", get("/ok", { sink = { file = "/no/such/folder/x" } }))
        assert.is_truthy(failure.message:find "/no/such/folder/x")
        fails("permanent", "sink", get("/big?n=3000000", { sink = { file = "/dev/full" } }))
      end)
    end)
  end)

  describe("a redirect", function()
    it("is the answer itself, and nobody goes there", function()
      for _, code in ipairs { 301, 302, 303, 307, 308 } do
        local response = assert(get(("/redirect?code=%d&to=/ok"):format(code)))
        assert.are.equal(code, response.status)
        assert.are.equal("/ok", response:header "Location")
        assert.are.equal(code, assert(get(("/redirect?code=%d&to=/ok"):format(code),
          { method = "POST", effect = "create", body = "x" })).status)
      end
      assert.are.equal(0, #server:requests "/ok")
    end)

    it("without a Location is an answer like any other", function()
      local response = assert(get "/status?code=302&body=why")
      assert.are.equal("302 why", response.status .. " " .. response.body)
    end)

    it("has no body, which is bounded all the same", function()
      local parts = 0
      for _, sink in ipairs { false, function() parts = parts + 1 return true end,
        { file = os.tmpname() .. "-not-made" } } do
        local response = assert(get("/redirect?to=/ok&body=" .. ("r"):rep(1000), { sink = sink or nil }))
        assert.are.equal(302, response.status)
        assert.are.equal("", response.body or "")
        assert.is_nil(type(sink) == "table" and io.open(sink.file) or nil)
      end
      assert.are.equal(0, parts)
      fails("permanent", "too_large",
        get "/status?code=302&h.Location=/ok&h.Content-Length=99999999")
    end)
  end)

  describe("TLS", function()
    it("is verified against the authority that was named", function()
      assert.are.equal(200, assert(perform { url = server.tls .. "/ok" }).status)
      local other = curl.new { proxy = false, allow_insecure = true }
      fails("permanent", "tls", other:perform { url = server.tls .. "/ok", runtime = rt })
      other:close()
      assert.are.equal(1, #server:requests())
    end)

    it("is verified against the name", function()
      fails("permanent", "tls", perform { url = server.tls:gsub("localhost", "127.0.0.1") .. "/ok" })
    end)

    it("with a peer that does not speak it is no use trying again", function()
      fails("permanent", "tls", perform { url = server.main:gsub("http:", "https:") .. "/ok" })
    end)

    it("handshakes that end early or never are requests never sent", function()
      fails("never_sent", "tls", perform { url = server.slam:gsub("http:", "https:") .. "/ok" })
      local failure = fails("never_sent", "timeout", perform {
        url = server.mute:gsub("http:", "https:") .. "/ok", timeout = { connect = 0.05 } })
      assert.is_truthy(failure.message:find "connection")
      assert.is_nil(failure.sent_at)
    end)

    it("needs files that can be read", function()
      local other = curl.new { proxy = false, ca_file = "/no/such/file" }
      fails("permanent", "tls", other:perform { url = server.tls .. "/ok", runtime = rt })
      other:close()
    end)

    it("is demanded for a token that leaves this host", function()
      local request = { url = "http://gitlab.example.com/", runtime = rt,
        headers = { { "PRIVATE-TOKEN", core.secret.new(TOKEN) } } }
      local failure = fails("permanent", "tls", transport:perform(request))
      assert.is_truthy(failure.message:find "allow_insecure")
      assert.is_nil(failure.message:find(TOKEN, 1, true))
      for _, url in ipairs { "http://127.0.0.1.example.com/", "http://localhost@example.com/",
        "http://xlocalhost/", "http://[::2]/" } do
        request.url = url
        fails("permanent", "tls", transport:perform(request))
      end
    end)
  end)

  describe("a proxy", function()
    it("is the one that was named", function()
      local other = curl.new { proxy = server.other }
      local response = assert(other:perform { url = "http://gitlab.example.com/ok", runtime = rt })
      other:close()
      assert.are.equal(200, response.status)
      assert.are.equal("http://gitlab.example.com/ok", server:requests()[1].target)
    end)

    it("that is not there was never sent anything", function()
      local other = curl.new { proxy = "http://127.0.0.1:1" }
      fails("never_sent", "connect", other:perform { url = "http://example.com/", runtime = rt })
      other:close()
    end)
  end)

  describe("many calls at once", function()
    it("share at most 32 connections to a host, and waiting for one is no connecting", function()
      local calls = {}
      for i = 1, 100 do
        calls[i] = function()
          return assert(get("/dribble?n=20&pause=1", { timeout = { connect = 0.5 } })).status
        end
      end
      local results = rt:run(function() return rt:all(calls) end)
      assert.are.equal(100, #results)
      local connections, count = {}, 0
      for _, request in ipairs(server:requests "/dribble") do
        if not connections[request.connection] then
          connections[request.connection] = true
          count = count + 1
        end
      end
      assert.is_true(count <= 32, count .. " connections")
    end)

    it("hand out what has come in pieces of the pump's size", function()
      local pump
      local waiting = setmetatable({}, { __index = function() return nil end })
      local engine = transport.engine
      for _ = 1, 20 do
        local transfer, number = engine:submit({ url = server.main .. "/ok" }, rt:now())
        waiting[number] = transfer
      end
      local clock = core.clock
      local seen, largest = 0, 0
      while seen < 20 do
        clock.poll({ { engine:pollfd(), "r" } }, engine:timeout())
        engine:step()
        pump = 0
        while pump < 4 and engine:next() do pump = pump + 1 end
        seen, largest = seen + pump, math.max(largest, pump)
        if engine:counts().active == 0 and seen < 20 then
          assert.are.equal(0, engine:timeout())
        end
      end
      assert.is_true(largest <= 4)
    end)
  end)

  describe("cancelling", function()
    it("a task ends its request, wherever that is", function()
      for _, url in ipairs { server.main .. "/stall-before", server.main .. "/stall-body",
        server.main .. "/stall-headers", server.mute:gsub("http:", "https:") .. "/" } do
        rt:run(function()
          local failure
          local task = rt:spawn(function()
            local _
            _, failure = perform { url = url }
          end)
          repeat
            assert(get "/ok")
          until url:find "https" or #server:requests(url:match "/[%w-]*$") > 0
          task:cancel()
          task:join()
          assert.are.equal("cancelled", failure.outcome)
          assert.are.equal("cancelled", failure.code)
        end)
        assert.are.equal(0, transport.engine:counts().active)
        server:forget()
      end
    end)

    it("says whether the request had been sent", function()
      rt:run(function()
        local failure
        local task = rt:spawn(function()
          local _
          _, failure = perform { url = server.main .. "/stall-before" }
        end)
        repeat assert(get "/ok") until #server:requests "/stall-before" > 0
        task:cancel()
        task:join()
        assert.is_number(failure.sent_at)
      end)
    end)

    it("happens to everything in flight when the transport closes", function()
      rt:run(function()
        local failures = {}
        local tasks = {}
        for i = 1, 3 do
          tasks[i] = rt:spawn(function()
            local _
            _, failures[i] = get "/stall-before"
          end)
        end
        repeat rt:sleep(0) until transport.engine:counts().active == 3
        transport:close()
        for i = 1, 3 do
          tasks[i]:join()
          assert.are.equal("cancelled", failures[i].outcome)
        end
      end)
      local _, failure = get "/ok"
      assert.are.equal("cancelled", failure.outcome)
    end)
  end)

  it("is not held up by a resolver that hangs", function()
    local preload = compile.shared "slow_resolver"
    local pipe = assert(io.popen(("SLOW_RESOLVER=20 LD_PRELOAD=%s exec %s spec/support/slow_resolver_case.lua %s")
      :format(compile.quote(preload), os.getenv "GP_LUA" or arg[-1] or "lua5.4", server.main)))
    local text = pipe:read "*a"
    pipe:close()
    assert.are.equal(table.concat({
      "connect timeout\tnever_sent\ttimeout\tnil",
      "deadline\tnever_sent\ttimeout\tnil",
      "meanwhile\t200",
      "closed\ttrue",
      "ticks\ttrue",
      "longest turn under 1 s\ttrue",
      "all under 5 s\ttrue",
    }, "\n") .. "\n", text)
  end)
end)
