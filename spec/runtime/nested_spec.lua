-- A call works wherever it stands. What is called here is the waiter-based heart of every call: a
-- "transfer" that a pollable finishes, as the HTTP engine does.
local runtime = require "gitlab_pipelines.runtime"

-- Finishes transfers in the order of their start, one a pump; never by a timer.
local function new_engine(rt)
  local engine = { queue = {}, pumped = 0, withdrawn = 0 }
  function engine.pollfd() return -1 end
  function engine.events() return "r" end
  function engine.timeout() return #engine.queue > 0 and 0 or nil end
  function engine.pump(_, limit)
    assert(limit == 64)
    local transfer = table.remove(engine.queue, 1)
    if not transfer then return 0 end
    engine.pumped = engine.pumped + 1
    transfer.waiter:wake(transfer.value * 2)
    return 1
  end
  function engine.call(value)
    local transfer = { value = value, waiter = rt:waiter() }
    table.insert(engine.queue, transfer)
    local result, why = transfer.waiter:wait(rt:now() + 60)
    if why == "cancelled" then
      engine.withdrawn = engine.withdrawn + 1
      for i, other in ipairs(engine.queue) do
        if other == transfer then table.remove(engine.queue, i) break end
      end
    end
    return result, why
  end
  rt:attach(engine)
  return engine
end

local places = require "support.places"

for _, kind in ipairs { "virtual", "native" } do
  describe("in the " .. kind .. " runtime a call", function()
    local rt, engine
    before_each(function()
      rt = kind == "virtual" and runtime.virtual.new() or runtime.native
      engine = new_engine(rt)
    end)
    after_each(function() rt:detach(engine) end)

    for _, place in ipairs(places) do
      local name, fn, expected = place[1], place[2], place[3]

      it("from " .. name .. " works outside run", function()
        assert.are.equal(expected, fn(engine.call))
        assert.is_true(engine.pumped > 0)
      end)

      it("from " .. name .. " works inside run, beside others", function()
        local others = 0
        local result = rt:run(function()
          for i = 1, 5 do
            rt:spawn(function()
              for _ = 1, 5 do
                local value = engine.call(i)
                others = others + value
              end
            end)
          end
          return fn(engine.call)
        end)
        assert.are.equal(expected, result)
        assert.are.equal(150, others)
      end)
    end

    it("yields where it may, so that others go on meanwhile", function()
      local order = {}
      rt:run(function()
        rt:spawn(function() order[#order + 1] = "first waits" engine.call(1) order[#order + 1] = "first" end)
        rt:spawn(function() order[#order + 1] = "second waits" engine.call(2) order[#order + 1] = "second" end)
      end)
      assert.are.same({ "first waits", "second waits", "first", "second" }, order)
    end)

    it("drives the loop inside a drive inside a drive", function()
      local depth, deepest, done = 0, 0, 0
      local function inside_a_sort(value)
        table.sort({ 2, 1 }, function(a, b)
          depth = depth + 1
          deepest = math.max(deepest, depth)
          engine.call(value)
          depth = depth - 1
          return a < b
        end)
        done = done + 1
      end
      rt:run(function()
        for i = 1, 8 do rt:spawn(inside_a_sort, i) end
      end)
      assert.are.equal(8, done)
      assert.are.equal(8, deepest)
      assert.are.equal(0, rt.depth)
    end)

    it("withdraws its transfer when its task is cancelled, in each place", function()
      for _, place in ipairs(places) do
        engine.withdrawn = 0
        rt:run(function()
          local task = rt:spawn(function()
            local ended
            return pcall(place[2], function()
              assert(not ended, "withdrawn")
              local result, why = engine.call(1)
              ended = why
              return assert(result, why)
            end)
          end)
          rt:spawn(function() task:cancel() end)
        end)
        assert.are.equal(1, engine.withdrawn, place[1])
        assert.are.equal(0, #engine.queue, place[1])
      end
    end)
  end)
end

describe("nesting that would overflow the C stack", function()
  it("is an error that says what to do, and harms no other task", function()
    local rt = runtime.virtual.new()
    local list, failures = {}, 0
    for i = 1, 100 do
      list[i] = function()
        table.sort({ 2, 1 }, function(a, b) rt:sleep(1) return a < b end)
        return i
      end
    end
    local results, failed = rt:all(list, { keep_going = true })
    for i = 1, 100 do
      if failed[i] then
        failures = failures + 1
        assert.matches("waits are nested in callbacks", failed[i])
      else
        assert.are.equal(i, results[i])
      end
    end
    assert.is_true(failures > 0 and failures < 70)
    assert.are.equal(0, rt.depth)
    assert.are.equal(5, rt:run(function() rt:sleep(1) return 5 end))
  end)
end)
