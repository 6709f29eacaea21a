local guards = require "gitlab_pipelines.guard"
local process = require "support.process"
local text = require "gitlab_pipelines.text"

local function guard(limits)
  limits = limits or {}
  return guards.new { seconds = limits.seconds or 2, memory = limits.memory or 64 * 2 ^ 20, source = "=s" }
end

local function load(code)
  local env = text.libraries()
  env.outside, env.pcall, env.error = guards.outside, pcall, error
  return assert(guards.load(code, "=s", env))
end

describe("a guard", function()
  it("gives what the function gave", function()
    assert.same({ true, 1, 2, 3 }, { guard():call(function(...) return ... end, 1, 2, 3, 4) })
    local ok, err = guard():call(load "local x = nil + 1")
    assert.is_false(ok)
    assert.matches("^s:1: attempt to perform arithmetic", err)
  end)

  it("ends an endless loop, and names its line", function()
    local ok, err = guard { seconds = 0.05 }:call(load "\n\nwhile true do\nend")
    assert.is_false(ok)
    assert.is_true(guards.is_spent(err))
    assert.is_true(err.line == 3 or err.line == 4)
    assert.matches("^the script", tostring(err))
  end)

  it("stays spent: nothing goes on behind a pcall", function()
    local bound = guard { seconds = 0.05 }
    local ok, err = bound:call(load [[for _ = 1, 100 do pcall(function() while true do end end) end
      return "done"]])
    assert.is_false(ok)
    assert.is_true(guards.is_spent(err))
    assert.is_true(bound:is_spent())
    assert.is_false((bound:call(load "local x = 0 for i = 1, 1000 do x = x + i end return x")))
  end)

  it("bounds memory, and gives it back", function()
    collectgarbage()
    local before = collectgarbage "count"
    local ok, err = guard { memory = 2 ^ 20 }:call(load "local s = 'x' while true do s = s .. s end")
    assert.is_false(ok)
    assert.equal("the script needs more than 1 MiB of memory", err.message)
    collectgarbage()
    assert.is_true(collectgarbage "count" < before + 2048)
    -- What the host allocates now is not bounded.
    assert.equal(4 * 2 ^ 20, #("x"):rep(4 * 2 ^ 20))
  end)

  it("does not take garbage for memory that is in use", function()
    local ok, err = guard { memory = 4 * 2 ^ 20, seconds = 20 }:call(load
      "local t for i = 1, 20000 do t = { ('x'):rep(1000) .. i } end return #t")
    assert.is_true(ok, tostring(err))
  end)

  it("puts back the hook, the allocator and the string library, however it ends", function()
    local strings, called = getmetatable("").__index, 0
    local function hook() called = called + 1 end
    local old, mask, count = debug.gethook()
    debug.sethook(hook, "l")
    for _, code in ipairs { "return 1", "error 'x'", "while true do end", "return ('x'):rep(1e9)",
        "local function f() return 1 + f() end f()", "return outside(error, 'y')" } do
      local ok = guard { seconds = 0.02 }:call(load(code))
      assert.equal(code == "return 1", ok)
      assert.equal(hook, (debug.gethook()))
      assert.equal(strings, getmetatable("").__index)
    end
    debug.sethook()
    if type(old) == "function" then debug.sethook(old, mask, count) end
    -- The hook that was there got its lines meanwhile.
    assert.is_true(called > 0)
  end)

  it("takes the host's own string library where the host is called", function()
    local strings = getmetatable("").__index
    local within, outside
    guard():call(function()
      within = getmetatable("").__index
      guards.outside(function() outside = getmetatable("").__index end)
    end)
    assert.equal(text.strings, within)
    assert.equal(strings, outside)
  end)

  it("does not count what the host does, but what is charged", function()
    local bound = guard { seconds = 0.05 }
    local ok, value = bound:call(function()
      return guards.outside(function()
        local n = 0
        for i = 1, 2e7 do n = n + i % 3 end
        return n
      end)
    end)
    assert.is_true(ok, tostring(value))
    ok = bound:call(function() guards.charge(0, 1e9) end)
    assert.is_false(ok)
    local _, err = guard():call(function() guards.charge(65 * 2 ^ 20, 0) end)
    assert.equal("the script needs more than 64 MiB of memory", err.message)
    _, err = guard():call(function() guards.charge(0, 0, 3) end)
    assert.equal("the script ran longer than 2 s", err.message)
  end)

  it("may wait in the host's code, and others run meanwhile", function()
    local bound, other = guard { seconds = 0.5 }, guard { seconds = 0.02 }
    local co = coroutine.create(function() return bound:call(load "return outside(...)", coroutine.yield, "asks") end)
    local _, asked = coroutine.resume(co)
    assert.equal("asks", asked)
    assert.is_false((other:call(load "while true do end")))
    local _, ok, answer = coroutine.resume(co, "answer")
    assert.is_true(ok)
    assert.equal("answer", answer)
  end)

  it("ends the compiler, too", function()
    local bound = guard { seconds = 0.05 }
    local ok, err = bound:call(function()
      return guards.load("x = " .. ("{1,2,3,4,5,6,7,8},"):rep(1):sub(1, -2) .. ("\n;x={1}"):rep(2e6), "=s", {})
    end)
    assert.is_false(ok)
    assert.is_true(guards.is_spent(err))
  end)

  it("survives a state that is closed within", function()
    local output, code = process.lua [[
      local guards = require "gitlab_pipelines.guard"
      guards.new { seconds = 2, memory = 2 ^ 24, source = "=s" }:call(function() os.exit(3, true) end)]]
    assert.equal("", output)
    assert.equal(3, code)
  end)
end)
