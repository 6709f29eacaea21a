-- Clients that keep connections without using them, or do not read what they asked for: they must
-- not starve the others, whether the server's own limit or the process's descriptors are the bound.
local clock = require("gitlab_pipelines.core").clock
local echo_server = require "support.echo"
local server = require "support.httpd"

local FULL = os.getenv "GP_FULL" == "1"
local COUNT, ASKED = 1200, 20

-- An echo that may have `descriptors` at most.
local function echo(descriptors)
  return server.start { "sh", "-c", ("ulimit -n %d; exec '%s' spec/support/echo_server.lua max_connections=100"):format(
    descriptors, server.lua) }
end

local function crowd(target, kind)
  local pipe = assert(io.popen(("/usr/bin/python3 spec/support/crowd.py %s %d %d %s %d 2>&1"):format(target.host,
    target.port, COUNT, kind, ASKED)))
  local told = pipe:read "*a"
  pipe:close()
  return told
end

-- Seconds of processor time that a process has used.
local function used(pid)
  local file = assert(io.open(("/proc/%d/stat"):format(pid)))
  local fields = {}
  for field in file:read("*a"):match("%) (.*)"):gmatch "%S+" do fields[#fields + 1] = field end
  file:close()
  return (tonumber(fields[12]) + tonumber(fields[13])) / 100
end

local function is_sampled(kind, descriptors)
  return FULL or (descriptors == 64) == (kind == "idle" or kind == "drip")
end

describe("a crowd of 1,200 connections", function()
  for _, kind in ipairs { "idle", "head", "body", "drip", "reset" } do
    for _, descriptors in ipairs { 64, 4096 } do
      if is_sampled(kind, descriptors) then
        it(("starves nobody: %s, %d descriptors"):format(kind, descriptors), function()
          local target = echo(descriptors)
          finally(function() if not target.code then target:signal "KILL" end end)
          local told = crowd(target, kind)
          assert.truthy(told:find(("answered %d\n"):format(ASKED + 1), 1, true), told)
          -- The oldest have made room for the others, no more of them than was needed.
          local closed = tonumber(told:match "closed (%d+)")
          if kind ~= "reset" then
            assert.is_true(closed >= COUNT - 100 and closed <= COUNT - 30, told)
          end
          assert.is_true(used(target.pid) < 3, "the server spins")
          assert.equal(0, (target:stop()))
        end)
      end
    end
  end

  it("leaves room where nothing but descriptors is short", function()
    local target = echo(40)
    finally(function() if not target.code then target:signal "KILL" end end)
    local told = crowd(target, "idle")
    assert.truthy(told:find(("answered %d\n"):format(ASKED + 1), 1, true), told)
    assert.equal(0, (target:stop()))
  end)
end)

describe("a client that does not read its answer", function()
  local function pump(held, now, done)
    local give_up, count = clock.now() + 10, 0
    while not done(count) do
      assert(clock.now() < give_up, "nothing happened")
      clock.poll({ { held:pollfd(), "r" } }, math.min(held:timeout(now) or 5, 0.05))
      count = count + held:pump(64, now)
    end
  end

  -- A client that reads the beginning of its answer and no more, once that has come at `now`.
  local function deaf(held, address, wish, now)
    local request = ("GET / HTTP/1.1\r\nHost: a\r\nX-Echo: %s\r\n\r\n"):format(wish)
    local name = os.tmpname()
    local client = assert(io.popen(("exec /usr/bin/python3 spec/support/raw_http.py %s %d '%s' '%s' say deaf >%s")
      :format(address.host, address.port, server.step.send(request), server.step.until_text "200 OK", name), "w"))
    pump(held, now, function()
      local file = assert(io.open(name))
      local said = file:read "*l"
      file:close()
      return said == "said"
    end)
    os.remove(name)
    return client
  end

  for _, wish in ipairs { "send; size=20000000", "send_close; size=20000000",
    "dribble; size=20000000; bytes=1000000; interval=0.001" } do
    it("is sent away after the server's patience: " .. wish, function()
      local held, address = echo_server.start { patience = 30 }
      local client = deaf(held, address, wish, 10)
      -- The dribble goes on until the client's buffers are full.
      pump(held, 15, function() return (held:timeout(15) or 0) > 20 end)
      held:pump(64, 39)
      assert.equal(1, held:connections())
      -- What its buffers took counts as read, once.
      held:pump(64, 46)
      pump(held, 77, function() return held:connections() == 0 end)
      client:close()
      held:close()
    end)
  end

  it("makes room for others when the server is full", function()
    local held, address = echo_server.start { max_connections = 1 }
    local client = deaf(held, address, "send; size=20000000", 10)
    local other = server.talk(address, { server.step.send "GET /other HTTP/1.1\r\nHost: a\r\n\r\n",
      server.step.answers(1), server.step.keep })
    assert.equal(1, held:connections())
    pump(held, 12, function(count) return count > 0 end)
    assert.truthy((select(2, other())):find("/other", 1, true))
    client:close()
    held:close()
  end)
end)

describe("memory for bodies", function()
  it("is bounded over all connections: who finds none is told to come again", function()
    local held = server.echo { max_body = 1000000 }
    finally(function() if not held.code then held:signal "KILL" end end)
    local uploads = {}
    local head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
    local function upload()
      local program = "exec /usr/bin/python3 spec/support/raw_http.py %s %d '%s' '%s' deaf >/dev/null"
      uploads[#uploads + 1] = assert(io.popen(program:format(held.host, held.port, server.step.send(head),
        server.step.times(999, ("x"):rep(1000))), "w"))
    end
    for _ = 1, 4 do upload() end
    local status
    for n = 1, 400 do
      -- One of them may itself have been sent away, while the request below held its place.
      if n % 20 == 0 then upload() end
      local _, received = server.raw(held, { server.step.send(head), server.step.times(999, ("x"):rep(1000)),
        server.step.send(("x"):rep(1000)), server.step.answers(1), server.step.keep })
      status = server.answers(received)[1].status
      if status == 503 then
        assert.equal("1", server.answers(received)[1].headers["retry-after"])
        break
      end
    end
    assert.equal(503, status)
    for _, client in ipairs(uploads) do client:close() end
    assert.equal(0, (held:stop()))
  end)
end)
