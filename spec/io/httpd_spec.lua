local cjson = require "cjson"
local clock = require("gitlab_pipelines.core").clock
local echo_server = require "support.echo"
local server = require "support.httpd"

local step = server.step
local host = "Host: a\r\n"

local function get(target, more)
  return ("GET %s HTTP/1.1\r\n%s%s\r\n"):format(target, host, more or "")
end

local function post(target, body, more)
  return ("POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n%s\r\n%s"):format(target, host, #body,
    more or "", body)
end

local function sole(received)
  local answers = server.answers(received)
  assert.equal(1, #answers, received)
  return answers[1]
end

-- Pumps at the time `now` until `done(count)`, only when the server asks for it: by its descriptor or
-- its timeout. A server that forgets to ask is found out after a while of nothing.
local function pump(held, now, done)
  local give_up, count = clock.now() + 4, 0
  while not done(count) do
    assert(clock.now() < give_up, "nothing happened")
    clock.poll({ { held:pollfd(), "r" } }, math.min(held:timeout(now) or 5, 5))
    count = count + held:pump(64, now)
  end
end

describe("the HTTP server", function()
  local echo

  setup(function() echo = server.echo { max_body = 100000, max_head = 8192 } end)
  teardown(function() assert.equal(0, (echo:stop())) end)

  local function ask(...)
    return server.raw(echo, { ... })
  end

  describe("takes a request as it stands", function()
    it("with %2F, empty segments, dots and the query undecoded", function()
      for _, target in ipairs { "/api/v4/projects/a%2Fb%20c/x?ref=a%2Fb&v[K]=%26+%00&&=",
        "//x/../y/%2e%2E", "/?", "/?a=b?c=d#" } do
        local _, received = ask(step.send(get(target)), step.answers(1), step.keep)
        assert.equal(target, cjson.decode(sole(received).body).target)
      end
    end)

    it("with the path of an absolute target", function()
      local _, received = ask(step.send(get "http://other:80/a%2Fb?c"), step.answers(1), step.keep)
      assert.equal("/a%2Fb?c", cjson.decode(sole(received).body).target)
      _, received = ask(step.send(get "http://other?c"), step.answers(1), step.keep)
      assert.equal("/?c", cjson.decode(sole(received).body).target)
    end)

    it("with headers in order and repeated ones apart", function()
      local _, received = ask(step.send(get("/", "X-A: 1\r\nx-b:\r\nX-A:  2 \r\n")), step.answers(1), step.keep)
      assert.same({ { "Host", "a" }, { "X-A", "1" }, { "x-b", "" }, { "X-A", "2" } },
        cjson.decode(sole(received).body).headers)
    end)

    it("with a body of any bytes, by length or in chunks", function()
      local body = "a\0b\r\n\r\nGET / HTTP/1.1\r\n"
      local _, received = ask(step.send(post("/", body)), step.answers(1), step.keep)
      assert.equal(body, cjson.decode(sole(received).body).body)
      _, received = ask(step.send(("POST / HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n"):format(host)
        .. "3\r\na\0b\r\n0014;x=y\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n0\r\n\r\n"), step.answers(1), step.keep)
      assert.equal(body, cjson.decode(sole(received).body).body)
    end)

    it("with an expectation, which it answers first", function()
      local _, received = ask(step.send("POST / HTTP/1.1\r\n" .. host
        .. "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"), step.until_text "\r\n\r\n",
        step.send "ok", step.answers(2), step.keep)
      local answers = server.answers(received)
      assert.same({ 100, 200 }, { answers[1].status, answers[2].status })
      assert.equal("ok", cjson.decode(answers[2].body).body)
    end)
  end)

  describe("keeps a connection", function()
    it("for one request after the other, and tells how many there were", function()
      local _, received = ask(step.send(get "/1"), step.until_text "/1", step.until_text "}",
        step.send(post("/2", "x")), step.until_text "/2", step.send(get "/3"), step.answers(3), step.keep)
      local seen = {}
      for i, answer in ipairs(server.answers(received)) do
        local told = cjson.decode(answer.body)
        seen[i] = ("%s %d"):format(told.target, told.served_before)
      end
      assert.same({ "/1 0", "/2 1", "/3 2" }, seen)
    end)

    it("when requests are pipelined: the answers come in order", function()
      local requests = {}
      for i = 1, 50 do
        requests[i] = i % 2 == 0 and get("/" .. i) or post("/" .. i, ("b"):rep(i))
      end
      local _, received = ask(step.send(table.concat(requests)), step.answers(50), step.keep)
      local answers = server.answers(received)
      assert.equal(50, #answers)
      for i, answer in ipairs(answers) do
        assert.equal("/" .. i, cjson.decode(answer.body).target)
      end
    end)

    it("not when the client says close, nor for HTTP/1.0", function()
      local how, received = ask(step.send(get("/", "Connection: close\r\n") .. get "/2"))
      assert.equal("eof", how)
      assert.equal("/", cjson.decode(sole(received).body).target)
      how, received = ask(step.send "GET / HTTP/1.0\r\n\r\n")
      assert.equal("eof", how)
      assert.truthy(received:find("200 OK", 1, true))
    end)
  end)

  it("sends a header that is empty, and its own date", function()
    local headers = sole(select(2, ask(step.send(get "/"), step.answers(1), step.keep))).headers
    assert.equal("", (headers["x-empty"]:gsub(" ", "")))
    assert.truthy(headers.date:match "^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$")
  end)

  it("answers HEAD with the length and no body", function()
    local _, received = ask(step.send("HEAD /x HTTP/1.1\r\n" .. host .. "\r\n" .. get "/end"),
      step.until_text "/end", step.keep)
    local length, rest = received:match "\r\nContent%-Length: (%d+)\r\n\r\n(.*)"
    assert.is_true(tonumber(length) > 20)
    assert.equal("HTTP/1.1 200 OK", rest:sub(1, 15))
  end)

  it("sends no body with 204 and 304", function()
    for _, status in ipairs { 204, 304 } do
      local _, received = ask(step.send(get("/", ("X-Echo: send; status=%d; size=0\r\n"):format(status))
        .. get "/next"), step.answers(2), step.keep)
      local answers = server.answers(received)
      assert.same({ status, 200 }, { answers[1].status, answers[2].status })
    end
  end)

  describe("refuses", function()
    -- Refusals close: what follows on such a connection must never be taken for a request.
    local function refused(status, request)
      local how, received = ask(step.send(request), step.send(get "/smuggled"))
      local answer = server.answers(received)[1]
      assert.equal(status, answer and answer.status, received)
      assert.is_nil(received:find("smuggled", 1, true), received)
      assert.equal("eof", how)
      return answer
    end

    it("Content-Length together with Transfer-Encoding, in both orders", function()
      local smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\n" .. host .. "\r\n"
      for _, headers in ipairs { "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" } do
        refused(400, "POST / HTTP/1.1\r\n" .. host .. headers .. "\r\n" .. smuggled)
      end
    end)

    it("two lengths, equal or not", function()
      for _, second in ipairs { "5", "0" } do
        refused(400, "POST / HTTP/1.1\r\n" .. host .. "Content-Length: 5\r\nContent-Length: "
          .. second .. "\r\n\r\nhello")
      end
    end)

    it("a length that is no number, or beyond any number", function()
      for _, length in ipairs { "-1", "+5", "0x5", "5, 5", "", "5 5",
        "18446744073709551621", "99999999999999999999999" } do
        refused(length:match "^%d+$" and #length >= 20 and 413 or 400,
          "POST / HTTP/1.1\r\n" .. host .. "Content-Length: " .. length .. "\r\n\r\nhello")
      end
    end)

    it("codings that it does not know, twofold ones, and any with HTTP/1.0", function()
      for _, coding in ipairs { "gzip, chunked", "identity", "chunked, chunked", "xchunked" } do
        refused(501, "POST / HTTP/1.1\r\n" .. host .. "Transfer-Encoding: " .. coding
          .. "\r\n\r\n0\r\n\r\n")
      end
      refused(400, "POST / HTTP/1.1\r\n" .. host
        .. "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
      refused(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    end)

    it("a request without a host, or with two", function()
      refused(400, "GET / HTTP/1.1\r\n\r\n")
      refused(400, "GET / HTTP/1.1\r\n" .. host .. host .. "\r\n")
    end)

    it("control characters in a header", function()
      refused(400, get("/", "X-A: a\1b\r\n"))
    end)

    it("heads that are too big, in one header or in many", function()
      refused(431, get("/", "X-A: " .. ("a"):rep(9000) .. "\r\n"))
      refused(431, get("/", ("X-A: aaaaaaaaaaaaaaaa\r\n"):rep(500)))
      local _, received = ask(step.send(get("/" .. ("a"):rep(60000))))
      assert.truthy(received:match "^HTTP/1%.1 41[43] " or received:match "^HTTP/1%.1 431 ", received)
    end)

    it("bodies over the bound: announced, in chunks, and while they are still being sent", function()
      local how, received = ask(step.send(post("/", ("x"):rep(100001))))
      assert.same({ "eof", 413 }, { how, server.answers(received)[1].status })
      how, received = ask(step.send("POST / HTTP/1.1\r\n" .. host
        .. "Transfer-Encoding: chunked\r\n\r\n"), step.times(101, "3e8\r\n" .. ("x"):rep(1000) .. "\r\n"),
        step.send "0\r\n\r\n")
      assert.same({ "eof", 413 }, { how, server.answers(received)[1].status })
      how, received = ask(step.send("POST / HTTP/1.1\r\n" .. host .. "Content-Length: 30000000\r\n\r\n"),
        step.times(3000, ("x"):rep(10000)))
      assert.same({ "eof", 413 }, { how, server.answers(received)[1].status })
      assert.equal("application/json", server.answers(received)[1].headers["content-type"])
    end)

    it("nothing at the bound itself", function()
      local _, received = ask(step.send(post("/", ("x"):rep(100000))), step.answers(1), step.keep)
      assert.equal(100000, cjson.decode(sole(received).body).body_length)
    end)
  end)

  describe("misbehaves on demand", function()
    local function wish(text, ...)
      return ask(step.send(get("/", "X-Echo: " .. text .. "\r\n")), ...)
    end

    it("drops and resets without a byte", function()
      assert.same({ "eof", "" }, { wish "drop" })
      assert.same({ "reset", "" }, { wish "reset" })
    end)

    it("truncates a body, in order or by a reset", function()
      for action, expected in pairs { truncate = "eof", truncate_reset = "reset" } do
        local how, received = wish(action .. "; size=100; bytes=7")
        assert.equal(expected, how)
        assert.truthy(received:find("Content-Length: 100\r\n", 1, true))
        assert.equal("\r\n\r\n" .. ("x"):rep(7), received:sub(-11))
      end
    end)

    it("tells a wrong length", function()
      local how, received = wish "wrong_length; size=10; bytes=100"
      assert.equal("eof", how)
      assert.truthy(received:find("Content-Length: 100\r\n", 1, true))
      assert.equal("\r\n\r\n" .. ("x"):rep(10), received:sub(-14))
    end)

    it("sends garbage in place of an answer", function()
      assert.same({ "eof", ("x"):rep(30) }, { wish "garbage; size=30" })
    end)

    it("dribbles: every byte arrives", function()
      local how, received = wish "dribble; size=40; bytes=13; interval=0.001"
      assert.equal("eof", how)
      assert.equal(("x"):rep(40), sole(received).body)
    end)

    it("closes after an answer without a word about it", function()
      local how, received = wish "send_close; size=5"
      assert.equal("eof", how)
      assert.is_nil(sole(received).headers.connection)
    end)

    it("carries the fault out on a kept connection too, after good answers", function()
      local how, received = ask(step.send(get "/1"), step.until_text "}",
        step.send(get("/2", "X-Echo: drop\r\n")))
      assert.equal("eof", how)
      assert.equal("/1", cjson.decode(sole(received).body).target)
    end)
  end)

  it("listens on IPv6 and says so in its URL", function()
    local six = server.echo { host = "::1" }
    assert.truthy(six.url:match "^http://%[::1%]:%d+$")
    local _, received = server.raw(six, { step.send(get "/six"), step.answers(1), step.keep })
    assert.equal(0, (six:stop()))
    assert.equal("/six", cjson.decode(sole(received).body).target)
  end)

  it("binds loopback unless told", function()
    assert.equal("127.0.0.1", echo.host)
  end)

  it("says in one line why it cannot listen", function()
    local held = assert(echo_server.open())
    local taken = tonumber(held:url():match ":(%d+)$")
    local none, message = echo_server.open { port = taken }
    assert.is_nil(none)
    assert.equal(("cannot listen on 127.0.0.1 port %d: Address already in use"):format(taken), message)
    held:close()
    none, message = echo_server.open { host = "not an address" }
    assert.is_nil(none)
    assert.truthy(message:match "^cannot listen on not an address port 0: ")
    assert.has_error(function() echo_server.open { port = 70000 } end)
    assert.has_error(function() echo_server.open { port = -1 } end)
  end)

  it("takes a service only, and raises for anything else", function()
    for _, other in ipairs { 1, "x", {}, io.stdout, function() end } do
      assert.error_matches(function() require("gitlab_pipelines.server").open(other) end, "http_service")
    end
  end)

  it("keeps the owner of its service alive", function()
    local simulation = require "gitlab_pipelines.simulation"
    local service = simulation.open({}):service()
    local held = assert(require("gitlab_pipelines.server").open(service))
    service = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    local address, port = held:url():match "^http://(.-):(%d+)$"
    local wait = server.talk({ host = address, port = tonumber(port) },
      { step.send(get "/api/v4/version"), step.answers(1), step.keep })
    pump(held, 0, function(count) return count == 1 end)
    -- Collected, the simulation would be closed, and its service answer 503.
    assert.equal(401, sole(select(2, wait())).status)
    held:close()
  end)

  it("answers 503 when the simulation behind it is closed", function()
    local simulation = assert(require("gitlab_pipelines.simulation").open {})
    local held = assert(require("gitlab_pipelines.server").open(simulation:service()))
    simulation:close()
    assert.has_error(function() simulation:service() end)
    local address, port = held:url():match "^http://(.-):(%d+)$"
    local wait = server.talk({ host = address, port = tonumber(port) },
      { step.send(get "/api/v4/version"), step.answers(1), step.keep })
    pump(held, 0, function(count) return count == 1 end)
    assert.equal(503, sole(select(2, wait())).status)
    held:close()
  end)

  describe("in a time of its own", function()
    it("holds an answer back until it is due and meanwhile serves others", function()
      local held, address = echo_server.start()
      local slow = server.talk(address, { step.send(get("/slow", "X-Echo: send; delay=500\r\n")),
        step.answers(1), step.keep })
      pump(held, 1000, function()
        local timeout = held:timeout(1000)
        return timeout and timeout > 100
      end)
      assert.equal(500, held:timeout(1000))
      local quick = server.talk(address, { step.send(get "/quick"), step.answers(1), step.keep })
      pump(held, 1499, function(count) return count == 1 end)
      assert.equal("/quick", cjson.decode(sole(select(2, quick())).body).target)
      pump(held, 1500, function(count) return count == 1 end)
      assert.equal("/slow", cjson.decode(sole(select(2, slow())).body).target)
      held:close()
    end)

    it("loses patience with who does not finish a request, whatever it sends meanwhile", function()
      local held, address = echo_server.start { patience = 30 }
      local clients = {
        server.talk(address, { step.send "GET / HTTP/1.1\r\nHost: " }),
        server.talk(address, { step.send("POST / HTTP/1.1\r\n" .. host .. "Content-Length: 9\r\n\r\nhalf") }),
        server.talk(address, {}),
      }
      pump(held, 100, function() return held:connections() == 3 end)
      for now = 101, 129 do held:pump(64, now) end
      assert.equal(3, held:connections())
      pump(held, 130, function() return held:connections() == 0 end)
      for _, wait in ipairs(clients) do assert.same({ "eof", "" }, { wait() }) end
      held:close()
    end)

    it("lets go of a connection that it refused, by itself", function()
      local held, address = echo_server.start()
      local wait = server.talk(address, { step.send("GET / HTTP/1.1\r\n" .. host .. host .. "\r\n") })
      pump(held, 0, function() return held:connections() == 1 end)
      pump(held, 0, function() return held:connections() == 0 end)
      assert.equal(400, server.answers(select(2, wait()))[1].status)
      held:close()
    end)

    it("is silent for as long as a stall asks for", function()
      local held, address = echo_server.start()
      local wait = server.talk(address,
        { step.send(get("/", "X-Echo: stall; size=50; bytes=4; interval=300\r\n")) })
      pump(held, 0, function() return (held:timeout(0) or 0) > 100 end)
      held:pump(64, 299)
      assert.equal(1, held:connections())
      pump(held, 301, function() return held:connections() == 0 end)
      local how, received = wait()
      assert.equal("eof", how)
      assert.equal("\r\n\r\nxxxx", received:sub(-8))
      held:close()
    end)

    it("finishes what is in flight, closes who is idle and takes nobody new", function()
      local held, address = echo_server.start()
      local idle = server.talk(address, {})
      local flight = server.talk(address, { step.send(get("/", "X-Echo: send; delay=50\r\n")) })
      pump(held, 0, function() return held:connections() == 2 and held:timeout(0) == 50 end)
      held:stop(0)
      pump(held, 0, function() return held:connections() == 1 end)
      assert.same({ "eof", "" }, { idle() })
      local refused = os.execute(("curl -s -o /dev/null http://%s:%d/"):format(address.host, address.port))
      assert.is_true(refused ~= true and refused ~= 0)
      pump(held, 50, function() return held:connections() == 0 end)
      assert.equal("/", cjson.decode(sole(select(2, flight())).body).target)
      held:close()
    end)

    it("can be closed at any moment, twice, with answers held back", function()
      local held, address = echo_server.start()
      local one = server.talk(address, { step.send(get("/", "X-Echo: send; delay=50\r\n")) })
      local two = server.talk(address, { step.send(get("/", "X-Echo: stall; interval=40\r\n")) })
      pump(held, 0, function() return held:connections() == 2 and held:timeout(0) == 40 end)
      held:close()
      held:close()
      one()
      two()
      -- A request that waits to be read when the server is closed is not begun any more.
      held, address = echo_server.start()
      local late = server.talk(address, { step.send(get "/"), step.answers(1),
        step.send(get("/", "X-Echo: send; delay=50\r\n")), step.say })
      pump(held, 0, function(count) return count == 1 end)
      assert.equal("said", (late()))
      held:close()
      late()
      assert.has_error(function() held:pump(1) end, "the server is closed")
    end)
  end)

  describe("as a process", function()
    it("stops on SIGTERM and SIGINT, with the answer in flight delivered", function()
      for _, signal in ipairs { "TERM", "INT" } do
        local process = server.echo()
        -- The first answer proves that the connection is served; the second request is complete
        -- before the signal is sent.
        local wait = server.talk(process, { step.send(get "/1"), step.answers(1),
          step.send(post("/2", "x", "X-Echo: send; delay=0.1\r\n") .. get "/never"), step.say })
        assert.equal("said", (wait()))
        process:signal(signal)
        local code, printed = process:wait()
        assert.same({ 0, "stopped by " .. signal .. "\n" }, { code, printed })
        local answers = server.answers(select(2, wait()))
        assert.equal(2, #answers)
        assert.equal("/2", cjson.decode(answers[2].body).target)
        assert.equal("close", answers[2].headers.connection)
      end
    end)

    it("does not wait longer than its grace", function()
      local process = server.echo { grace = 0.05 }
      local wait = server.talk(process,
        { step.send(get("/", "X-Echo: send; delay=3600\r\n")), step.say })
      wait()
      assert.equal(0, (process:stop()))
      assert.same({ "eof", "" }, { wait() })
    end)

    it("ends at once on a second signal", function()
      local process = server.echo { grace = 100000 }
      finally(function() if not process.code then process:signal "KILL" end end)
      local wait = server.talk(process,
        { step.send(get "/" .. get("/", "X-Echo: send; delay=3600\r\n")), step.answers(1), step.say })
      assert.equal("said", (wait()))
      local function run(command, ...)
        local ok = os.execute(command:format(...) .. " 2>/dev/null")
        return ok == true or ok == 0
      end
      process:signal "TERM"
      -- It listens no more: the signal has been received.
      repeat until not run("curl -s -o /dev/null %s", process.url)
      assert.is_true(run("kill -0 %d", process.pid))
      process:signal "INT"
      local tries = 0
      repeat tries = tries + 1 until not run("sleep 0.02; kill -0 %d", process.pid) or tries == 500
      assert.is_true(tries < 500, "it waits for its grace to end")
      assert.same({ 0, "stopped by TERM\n" }, { process:wait() })
      wait()
    end)

    it("leaves its port free after kill -9", function()
      local process = server.echo()
      local port = process.port
      process:signal "KILL"
      assert.equal(137, (process:wait()))
      local again = server.echo { port = port }
      assert.equal(port, again.port)
      assert.equal(0, (again:stop()))
    end)
  end)
end)
