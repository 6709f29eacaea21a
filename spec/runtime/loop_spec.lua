local errors = require "gitlab_pipelines.errors"
local runtime = require "gitlab_pipelines.runtime"

local START = 1767225600

describe("a runtime", function()
  local rt
  before_each(function() rt = runtime.virtual.new { seed = 11 } end)

  local function elapsed() return rt:now() - START end

  describe("run", function()
    it("returns what the function returned, nils included", function()
      local n = select("#", rt:run(function(...) return nil, select("#", ...), nil end, nil, 2, nil))
      assert.are.equal(3, n)
    end)

    it("waits for every task that was started in it, and for no other", function()
      local served = rt:background(function() while true do rt:sleep(10) end end)
      local ended
      rt:run(function()
        rt:spawn(function()
          rt:sleep(5)
          rt:spawn(function() rt:sleep(50) ended = true end)
        end)
      end)
      assert.is_true(ended)
      assert.are.equal(55, elapsed())
      assert.are.equal("waiting", served:status())
    end)

    it("raises what the function raised, the value itself when it is an object", function()
      local object = errors.new("ServerError.InternalError")
      local ok, raised = pcall(rt.run, rt, function() error(object) end)
      assert.is_false(ok)
      assert.are.equal(object, raised)
    end)

    it("adds where it happened to an error that is a string", function()
      local function innermost() error("boom") end
      local ok, raised = pcall(rt.run, rt, function() innermost() return 1 end)
      assert.is_false(ok)
      assert.matches("boom", raised, 1, true)
      assert.matches("innermost", raised, 1, true)
    end)

    it("cancels the rest when the function raised", function()
      local task
      pcall(rt.run, rt, function()
        task = rt:spawn(function() rt:sleep(1000) end)
        rt:sleep(1)
        error("enough")
      end)
      assert.are.equal("cancelled", task:status())
      assert.are.equal(1, elapsed())
    end)

    it("raises the error of a task that nobody joined", function()
      local ok, raised = pcall(rt.run, rt, function()
        rt:spawn(function() error("unseen") end)
        return "fine"
      end)
      assert.is_false(ok)
      assert.matches("unseen", raised, 1, true)
    end)

    it("may stand inside itself", function()
      local result = rt:run(function()
        return rt:run(function()
          rt:spawn(function() rt:sleep(3) end)
          return "inner"
        end) .. elapsed()
      end)
      assert.are.equal("inner" .. elapsed(), result)
      assert.are.equal(3, elapsed())
    end)

    it("says so when nothing can wake a task, and can be used again", function()
      local cleaned
      local ok, message = pcall(rt.run, rt, function()
        local _, why = rt:waiter():wait()
        cleaned = why
      end)
      assert.is_false(ok)
      assert.matches("^deadlock: all tasks are waiting", message)
      assert.matches("1 tasks", message, 1, true)
      assert.matches("loop_spec.lua", message, 1, true)
      assert.are.equal("cancelled", cleaned)
      assert.are.equal(7, rt:run(function() rt:sleep(1) return 7 end))
    end)
  end)

  describe("join", function()
    it("returns what the task returned, as often as it is asked", function()
      local task = rt:spawn(function(a, b) rt:sleep(1) return b, nil, a end, 1, 2)
      assert.are.same({ 2, nil, 1 }, { task:join() })
      assert.are.same({ 2, nil, 1 }, { task:join() })
      assert.are.equal("done", task:status())
    end)

    it("gives nil and what was raised, and keeps the traceback", function()
      rt:run(function()
        local function deep() error({ code = 1 }) end
        local task = rt:spawn(function() deep() return 1 end)
        local result, err = task:join()
        assert.is_nil(result)
        assert.are.same({ code = 1 }, err)
        assert.are.equal("failed", task:status())
        assert.matches("deep", task.traceback, 1, true)
      end)
    end)

    it("gives up after its timeout; the task goes on", function()
      rt:run(function()
        local task = rt:spawn(function() rt:sleep(10) return "late" end)
        local result, err = task:join(4)
        assert.is_nil(result)
        assert.is_true(err:is "WaitError.TimedOut")
        assert.are.equal(4, elapsed())
        assert.are.equal("late", task:join("1m"))
        assert.are.equal(10, elapsed())
      end)
    end)

    it("serves many at once", function()
      rt:run(function()
        local task = rt:spawn(function() rt:sleep(2) return 9 end)
        local results = assert(rt:all { function() return (task:join()) end,
          function() return (task:join()) end, function() return (task:join()) end })
        assert.are.same({ n = 3, 9, 9, 9 }, results)
      end)
    end)

    it("refuses the task itself and a timeout that is none", function()
      rt:run(function()
        local task
        task = rt:spawn(function() return pcall(task.join, task) end)
        local ok, message = task:join()
        assert.is_false(ok)
        assert.matches("cannot join itself", message)
        assert.has_error(function() task:join("soon") end, "join: the timeout must be a duration")
      end)
    end)
  end)

  describe("cancel", function()
    it("of a task that has not begun: it never begins", function()
      local began
      local task = rt:spawn(function() began = true end)
      assert.is_true(task:cancel())
      local _, err = task:join()
      assert.is_nil(began)
      assert.is_true(err:is "TaskError.Cancelled")
      assert.are.equal("cancelled", task:status())
    end)

    it("of a task that waits: the wait ends with 'cancelled', once", function()
      rt:run(function()
        local seen = {}
        local task = rt:spawn(function()
          local waiter = rt:waiter()
          seen[1] = select(2, waiter:wait(rt:now() + 100))
          seen[2] = select(2, waiter:wait(rt:now() + 5))
          return "cleaned up"
        end)
        rt:sleep(1)
        assert.are.equal("waiting", task:status())
        task:cancel()
        assert.are.equal("cleaned up", task:join())
        assert.are.same({ "cancelled", "timeout" }, seen)
        assert.are.equal(6, elapsed())
      end)
    end)

    it("of a task that sleeps: it leaves by the error, also when it had swallowed one", function()
      rt:run(function()
        local task = rt:spawn(function()
          pcall(rt.sleep, rt, 100)
          rt:sleep(100)
        end)
        rt:sleep(1)
        task:cancel()
        local _, err = task:join()
        assert.is_true(err:is "TaskError.Cancelled")
        assert.are.equal("cancelled", task:status())
        assert.are.equal(1, elapsed())
      end)
    end)

    it("of a task that joins another ends the joining and leaves the other alone", function()
      rt:run(function()
        local other = rt:spawn(function() rt:sleep(10) return "whole" end)
        local task = rt:spawn(function() return other:join() end)
        rt:sleep(1)
        task:cancel()
        assert.is_true(select(2, task:join()):is "TaskError.Cancelled")
        assert.are.equal("cancelled", task:status())
        assert.are.equal("whole", other:join())
      end)
    end)

    it("of the task itself takes effect at its next wait", function()
      rt:run(function()
        local task
        task = rt:spawn(function()
          assert.are.equal("running", task:status())
          task:cancel()
          return select(2, rt:waiter():wait(rt:now() + 5))
        end)
        assert.are.equal("cancelled", task:join())
        assert.are.equal(0, elapsed())
      end)
    end)

    it("of a task that was woken and has not run yet takes effect at the wait after that", function()
      rt:run(function()
        local waiter = rt:waiter()
        local task = rt:spawn(function()
          local first = waiter:wait()
          return first, select(2, rt:waiter():wait(rt:now() + 5))
        end)
        rt:sleep(1)
        waiter:wake("gift")
        assert.are.equal("ready", task:status())
        task:cancel()
        assert.are.same({ "gift", "cancelled" }, { task:join() })
      end)
    end)

    it("of a task that drives the loop itself ends that drive", function()
      rt:run(function()
        local why
        local task = rt:spawn(function()
          table.sort({ 2, 1 }, function(a, b)
            why = why or select(2, rt:waiter():wait(rt:now() + 100))
            return a < b
          end)
        end)
        rt:spawn(function() rt:sleep(3) task:cancel() end)
        task:join()
        assert.are.equal("cancelled", why)
        assert.are.equal(3, elapsed())
      end)
    end)

    it("of a finished task does nothing", function()
      local task = rt:spawn(function() return 1 end)
      task:join()
      assert.is_false(task:cancel())
      assert.are.equal("done", task:status())
    end)

    it("takes what the task runs with `all` and `run` with it", function()
      rt:run(function()
        local states = {}
        local task = rt:spawn(function()
          return rt:all {
            function() states[1] = select(2, rt:waiter():wait(rt:now() + 50)) end,
            function()
              return rt:run(function() states[2] = select(2, rt:waiter():wait(rt:now() + 50)) end)
            end,
          }
        end)
        rt:sleep(1)
        task:cancel()
        assert.is_true(select(2, task:join()):is "TaskError.Cancelled")
        assert.are.same({ "cancelled", "cancelled" }, states)
        assert.are.equal(1, elapsed())
      end)
    end)
  end)

  describe("all", function()
    it("gives the results in order", function()
      local results = assert(rt:all {
        function() rt:sleep(3) return "a" end, function() return "b" end,
        function() rt:sleep(1) return nil end, function() return false end,
      })
      assert.are.same({ n = 4, "a", "b", nil, false }, results)
      assert.are.equal(3, elapsed())
    end)

    it("runs no more than the limit at once", function()
      local now, most, list = 0, 0, {}
      for i = 1, 20 do
        list[i] = function()
          now = now + 1
          most = math.max(most, now)
          rt:sleep(1 + i % 3)
          now = now - 1
          return i
        end
      end
      local results = assert(rt:all(list, { limit = 4 }))
      assert.are.equal(4, most)
      assert.are.equal(20, results[20])
    end)

    for what, fail in pairs {
      ["returns nil, err"] = function() return nil, "the reason" end,
      ["raises"] = function() error("the reason", 0) end,
    } do
      it("cancels the rest and starts no more when one " .. what, function()
        local started, why = 0, nil
        local results, err = rt:all({
          function() why = select(2, rt:waiter():wait(rt:now() + 100)) end,
          function() rt:sleep(2) return fail() end,
          function() started = started + 1 end, function() started = started + 1 end,
        }, { limit = 2 })
        assert.is_nil(results)
        assert.are.equal("the reason", err)
        assert.are.equal("cancelled", why)
        assert.are.equal(0, started)
        assert.are.equal(2, elapsed())
      end)
    end

    it("goes on with keep_going and gives the errors by position", function()
      local results, failed = rt:all({
        function() rt:sleep(5) return 1 end, function() return nil, "x" end, function() error({ 3 }) end,
      }, { keep_going = true })
      assert.are.same({ n = 3, 1 }, results)
      assert.are.same({ [2] = "x", [3] = { 3 } }, failed)
      local fine, none = rt:all({ function() return 1 end }, { keep_going = true })
      assert.are.same({ n = 1, 1 }, fine)
      assert.is_nil(none)
    end)

    it("of nothing is nothing; what is no function, and unknown options, raise", function()
      assert.are.same({ n = 0 }, rt:all {})
      assert.error_matches(function() rt:all { 1 } end, "all: item 1 must be a function, not number")
      assert.error_matches(function() rt:all({}, { limits = 1 }) end,
        "all: unknown option 'limits' %(known: keep_going, limit%)")
      assert.error_matches(function() rt:all({}, { limit = 0 }) end, "must be at least 1")
    end)
  end)

  describe("a waiter", function()
    it("keeps a wake that came before the wait, and only the first", function()
      local waiter = rt:waiter()
      assert.is_true(waiter:wake(1, nil, 3))
      assert.is_false(waiter:wake("again"))
      assert.are.equal(3, select("#", waiter:wait()))
      local _, why = waiter:wait(rt:now() + 1)
      assert.are.equal("timeout", why)
    end)

    it("is one caller's at a time", function()
      rt:run(function()
        local waiter = rt:waiter()
        rt:spawn(function() waiter:wait() end)
        rt:sleep(1)
        assert.has_error(function() waiter:wait() end, "another caller already waits on this waiter")
        waiter:wake()
      end)
    end)

    it("leaves no timer behind", function()
      rt:run(function()
        local waiter = rt:waiter()
        rt:after(1, function() waiter:wake() end)
        waiter:wait(rt:now() + 1000)
        assert.is_nil(rt:next_deadline())
      end)
      assert.are.equal(1, elapsed())
    end)
  end)

  it("calls a timer's function from the loop, unless it was cancelled", function()
    local calls = {}
    rt:after(2, function() calls[#calls + 1] = "two" end)
    rt:after(1, function() calls[#calls + 1] = "one" end)
    rt:after(1.5, function() calls[#calls + 1] = "never" end):cancel()
    rt:sleep(3)
    assert.are.same({ "one", "two" }, calls)
  end)

  it("takes a duration as text and refuses what is none", function()
    rt:sleep("1h30m")
    assert.are.equal(5400, elapsed())
    assert.error_matches(function() rt:sleep("soon") end, "sleep: a duration must be seconds")
    assert.error_matches(function() rt:sleep(-1) end, "not %-1")
    assert.error_matches(function() rt:spawn(17) end, "a task must be a function, not number")
  end)

  it("gives the others a turn when a task yields for a reason of its own", function()
    local seen = {}
    rt:run(function()
      for name = 1, 2 do
        rt:spawn(function()
          for step = 1, 2 do
            seen[#seen + 1] = name .. "." .. step
            coroutine.yield("whatever")
          end
        end)
      end
    end)
    assert.are.same({ "1.1", "2.1", "1.2", "2.2" }, seen)
  end)

  it("holds 10,000 tasks that sleep at random times", function()
    local done, last = 0, 0
    rt:run(function()
      for _ = 1, 10000 do
        rt:spawn(function()
          for _ = 1, 3 do
            rt:sleep(rt:random() * 1000)
            assert(rt:now() >= last)
            last = rt:now()
          end
          done = done + 1
        end)
      end
    end)
    assert.are.equal(10000, done)
    assert.are.equal(0, rt.timers.size)
    assert.is_nil(rt.tasks.first)
  end)

  it("starts a handler for a trapped signal and remembers its name", function()
    local got
    rt:trap(function(name) rt:sleep(1) got = name end)
    rt:run(function()
      local task = rt:spawn(function() rt:sleep(100) end)
      rt:after(2, function() rt:interrupt("INT") task:cancel() end)
      task:join()
      rt:sleep(1)
    end)
    assert.are.equal("INT", got)
    assert.are.equal("INT", rt:interrupted())
    rt:untrap()
    assert.is_nil(rt:interrupted())
  end)
end)

describe("a handler of a trapped signal", function()
  it("that raises is heard of", function()
    local rt = runtime.virtual.new()
    rt:trap(function() error "mistake in the handler" end)
    local ok, raised = pcall(rt.run, rt, function()
      rt:after(2, function() rt:interrupt "TERM" end)
      rt:sleep(100)
    end)
    assert.is_false(ok)
    assert.matches("mistake in the handler", raised, 1, true)
    assert.are.equal(2, rt:now() - START)
  end)
end)

describe("what is due at one instant", function()
  local function trace(seed)
    local rt, lines = runtime.virtual.new { seed = seed }, {}
    local function note(...) lines[#lines + 1] = table.concat({ ("%.6f"):format(rt:now()), ... }, " ") end
    rt:run(function()
      local tasks = {}
      for i = 1, 50 do
        tasks[i] = rt:spawn(function()
          for step = 1, 4 do
            rt:sleep(math.floor(rt:random() * 3))
            note(i, step)
            if rt:random() < 0.1 then tasks[1 + math.floor(rt:random() * 50)]:cancel() end
          end
        end)
      end
      for i = 1, 50 do note("joined", i, (select(2, tasks[i]:join())) and "cancelled" or "done") end
    end)
    return table.concat(lines, "\n")
  end

  it("runs in the order in which it was registered", function()
    local rt, order = runtime.virtual.new(), {}
    rt:run(function()
      for i = 1, 5 do rt:spawn(function() rt:sleep(5 - i) rt:sleep(i) order[#order + 1] = i end) end
    end)
    -- All are due at second 5; the second sleep was registered by the fifth task first.
    assert.are.same({ 5, 4, 3, 2, 1 }, order)
  end)

  it("gives the same trace for the same seed, and another for another", function()
    assert.are.equal(trace(4), trace(4))
    assert.are_not.equal(trace(4), trace(5))
  end)
end)
