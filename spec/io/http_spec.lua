local core = require "gitlab_pipelines.core"
local http = require "gitlab_pipelines.http"

local compile = require "support.compile"
local server_module = require "support.server"

local clock = core.clock

describe("the HTTP engine", function()
  local server, engine

  setup(function() server = server_module.start() end)
  teardown(function() server:stop() end)
  before_each(function()
    server:forget()
    engine = http.engine { proxy = false }
  end)
  after_each(function()
    engine:close()
    collectgarbage()
  end)

  -- One turn as a host makes it: wait for the descriptor or the timeout, then step.
  local function turn()
    clock.poll({ { engine:pollfd(), engine:events() } }, engine:timeout())
    engine:step()
  end

  local function submit(path, more)
    local request = { url = server.main .. path }
    for key, value in pairs(more or {}) do request[key] = value end
    return assert(engine:submit(request, clock.now()))
  end

  local function finish(transfer)
    while not transfer:done() do turn() end
    return transfer:result()
  end

  it("is a pollable object", function()
    assert.are.equal("r", engine:events())
    assert.is_true(engine:pollfd() >= 0)
    assert.is_nil(engine:timeout())
    local transfer = submit "/ok"
    assert.is_number(engine:timeout())
    assert.are.equal(200, (finish(transfer)))
  end)

  it("shows each finished transfer once, by its number, oldest first", function()
    local first, a = submit "/ok"
    finish(first)
    local second, b = submit "/ok"
    finish(second)
    assert.are_not.equal(a, b)
    assert.are.equal(0, engine:timeout())
    assert.are.equal(a, engine:next())
    assert.are.equal(b, engine:next())
    assert.is_nil(engine:next())
  end)

  it("gives a result only when there is one", function()
    local transfer = submit "/stall-before"
    assert.is_nil(transfer:result())
    assert.is_nil(transfer:status())
    assert.is_nil(transfer:sent_at())
    assert.is_nil(transfer:header "X")
    transfer:cancel()
    local status, outcome = transfer:result()
    assert.is_nil(status)
    assert.are.equal("cancelled", outcome)
    transfer:cancel()
    assert.is_nil(engine:next())
  end)

  it("waits for the next moment of a transfer, no longer", function()
    local transfer = submit("/stall-before", { timeout = { request = 1000, connect = 500 } })
    repeat turn() until transfer:sent_at()
    while engine:timeout() < 400 do turn() end
    assert.is_true(engine:timeout() <= 1000)
    local other = submit("/stall-before", { timeout = { request = 70 } })
    assert.is_true(engine:timeout() <= 70)
    other:cancel()
    transfer:cancel()
  end)

  it("tells the caller's time, whatever that is", function()
    local transfer = assert(engine:submit({ url = server.main .. "/ok" }, 1000))
    finish(transfer)
    local _, _, _, sent_at = transfer:result()
    assert.is_true(sent_at >= 1000 and sent_at < 1030)
    local none, outcome, code = engine:submit({ url = server.main .. "/ok", deadline = 999 }, 1000)
    assert.is_nil(none)
    assert.are.equal("never_sent timeout", outcome .. " " .. code)
  end)

  it("tells the exchange when bytes can leave, and keeps it alive", function()
    local policy = core.policy.new {}
    local exchange = core.exchange.new(policy, nil, "read", "read")
    assert.are.equal("send", (exchange:next(5000)))
    assert.is_nil(exchange:sent_at())
    local transfer = assert(engine:submit({ url = server.main .. "/redirect?to=/ok",
      exchange = exchange }, 5000))
    assert.is_nil(exchange:sent_at())
    repeat turn() until exchange:sent_at()
    local first = exchange:sent_at()
    assert.is_true(first >= 5000 and first < 5030)
    assert.are.equal(first, transfer:sent_at())
    finish(transfer)
    assert.are.equal(first, exchange:sent_at())

    local weak = setmetatable({ exchange = core.exchange.new(policy, nil, "read", "read") },
      { __mode = "v" })
    transfer = submit("/ok", { exchange = weak.exchange })
    collectgarbage()
    assert.is_truthy(weak.exchange)
    finish(transfer)
    transfer = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak.exchange)
  end)

  it("cancels what nobody holds any more", function()
    do submit "/stall-before" end
    assert.are.equal(1, engine:counts().active)
    collectgarbage()
    collectgarbage()
    assert.are.equal(0, engine:counts().active)
    assert.is_nil(engine:next())
  end)

  it("and its transfers may be closed in any order, at any moment", function()
    for step = 0, 6 do
      local own = http.engine { proxy = false }
      local sink = step % 2 == 0 and print or nil
      local transfers = {}
      for i, path in ipairs { "/ok", "/stall-before", "/stall-body", "/big?n=3000000" } do
        transfers[i] = own:submit({ url = server.main .. path, sink = sink }, clock.now())
      end
      for _ = 1, step do
        clock.poll({ { own:pollfd(), "r" } }, 0.01)
        own:step()
      end
      transfers[1]:close()
      transfers[1]:close()
      own:close()
      own:close()
      for i = 2, 4 do
        assert.is_true(transfers[i]:done())
        transfers[i]:read()
        transfers[i]:result()
        transfers[i]:close()
      end
      assert.has_error(function() own:submit({ url = server.main }, 0) end, "the HTTP engine is closed")
      assert.has_error(function() transfers[2]:done() end, "the transfer is closed")
    end
  end)

  it("shows at shutdown what it ended", function()
    local _, a = submit "/stall-before"
    local kept, b = submit "/stall-body"
    engine:shutdown()
    local seen = {}
    for number in function() return engine:next() end do seen[number] = true end
    assert.is_true(seen[a] or seen[b])
    assert.is_true(kept:done())
    assert.are.equal(-1, engine:pollfd())
    assert.is_nil(engine:timeout())
    engine:step()
    local transfer, outcome, code, message = engine:submit({ url = server.main }, 0)
    assert.is_nil(transfer)
    assert.are.equal("permanent connect", outcome .. " " .. code)
    assert.is_truthy(message:find "closed")
  end)

  it("holds back a body that nobody reads", function()
    local transfer = submit("/big?n=20000000", { sink = true, timeout = { stall = 0.05 } })
    repeat turn() until transfer:status()
    -- Paused: nothing more comes, silence is ours and no stall.
    local shown
    repeat
      turn()
      shown = engine:next()
    until not shown and (not engine:timeout() or engine:timeout() > 0.2)
    local total = 0
    local chunk, ended
    repeat
      ended = transfer:done()
      chunk = transfer:read()
      if chunk then
        assert.is_true(#chunk <= 512 * 1024)
        total = total + #chunk
      elseif not ended then
        turn()
      end
    until not chunk and ended
    assert.are.equal(20000000, total)
    assert.are.equal(200, (transfer:result()))
  end)

  it("keeps the headers when the body has been taken", function()
    local transfer = submit "/many-headers?n=50"
    finish(transfer)
    collectgarbage()
    assert.are.equal("49", transfer:header "x-number-49")
    local count = 0
    for _ in transfer:each_header() do count = count + 1 end
    assert.are.equal(51, count)
  end)

  it("counts what it does", function()
    finish(submit "/ok")
    finish(submit "/ok")
    finish(submit("/ok", { effect = "create", method = "POST" }))
    local counts = engine:counts()
    assert.are.equal(0, counts.active)
    assert.are.equal(3, counts.submitted)
    assert.are.equal(2, counts.connections)
  end)

  it("keeps a share of a host's connections for creates, and the rest for what is no create", function()
    local transfers = {}
    for i = 1, 40 do transfers[i] = submit("/stall-before", { timeout = { request = 100 } }) end
    for i = 41, 60 do
      transfers[i] = submit("/stall-before", { method = "POST", effect = "create", timeout = { request = 100 } })
    end
    local requests
    repeat
      clock.poll({ { engine:pollfd(), "r" } }, 0.05)
      engine:step()
      requests = server:requests "/stall-before"
    until #requests >= 32
    for _ = 1, 5 do
      clock.poll({ { engine:pollfd(), "r" } }, 0.01)
      engine:step()
    end
    local seen = { GET = 0, POST = 0 }
    for _, request in ipairs(server:requests "/stall-before") do seen[request.method] = seen[request.method] + 1 end
    assert.same({ GET = 24, POST = 8 }, seen)
    assert.are.equal(32, engine:counts().connections)
    assert.are.equal(60, engine:counts().active)
    for _, transfer in ipairs(transfers) do transfer:cancel() end
  end)

  it("checks what it is given", function()
    assert.has_error(function() http.engine() end)
    assert.has_error(function() http.engine { proxy = 5 } end)
    assert.has_error(function() engine:submit({ url = 5 }, 0) end)
    assert.has_error(function() engine:submit({ url = server.main }) end)
    assert.has_error(function() engine:submit({ url = server.main, timeout = { connect = "5" } }, 0) end)
    assert.has_error(function() engine:submit({ url = server.main, sink = { file = "x", offset = -1 } }, 0) end)
    local headers = {}
    for i = 1, 65 do headers[i] = { "X-" .. i, "v" } end
    assert.has_error(function() engine:submit({ url = server.main, headers = headers }, 0) end)
    assert.are.equal(0, engine:counts().active)
  end)

  it("takes a closed secret for a mistake", function()
    local secret = core.secret.new "glpat-0123456789"
    secret:close()
    assert.has_error(function()
      submit("/ok", { headers = { { "PRIVATE-TOKEN", secret } } })
    end, "a header's secret is closed")
  end)

  it("belongs to the process that used it", function()
    local forker = compile.module "forker"
    local transfer = submit "/stall-before"
    finish(submit "/ok")
    engine:next()
    local child = forker.fork()
    if child == 0 then
      -- No assertion may leave through busted here: the parent reports.
      local ok, why = pcall(function()
        local refused, outcome, _, message = engine:submit({ url = server.main .. "/ok" }, 0)
        assert(refused == nil and outcome == "permanent" and message:find "fork")
        assert(engine:pollfd() == -1)
        assert(engine:timeout() == 0)
        engine:step()
        assert(transfer:done() and select(2, transfer:result()) == "cancelled")
        assert(engine:timeout() == 0 and engine:next() and not engine:next())
        engine:close()
        local own = http.engine { proxy = false }
        local mine = own:submit({ url = server.main .. "/ok" }, clock.now())
        while not mine:done() do
          clock.poll({ { own:pollfd(), "r" } }, own:timeout())
          own:step()
        end
        assert(mine:result() == 200)
      end)
      if not ok then io.stderr:write(tostring(why), '\n') end
      forker.exit(ok and 7 or 1)
    end
    assert.are.equal(7, forker.wait(child))
    assert.is_false(transfer:done())
    transfer:cancel()
    local _, _, _, _, _, reused = finish(submit "/ok")
    assert.is_true(reused)
  end)

  it("may be made before a fork when it was not used", function()
    local forker = compile.module "forker"
    local child = forker.fork()
    if child == 0 then
      local ok, status = pcall(function() return (finish(submit "/ok")) end)
      forker.exit(ok and status == 200 and 7 or 1)
    end
    assert.are.equal(7, forker.wait(child))
  end)

  it("says which libcurl it uses", function()
    assert.is_truthy(http.version():find "^libcurl/")
  end)
end)
