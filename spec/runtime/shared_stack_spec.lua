local aside = require "gitlab_pipelines.runtime.shared_stack"

describe("a call on a stack beside the caller's", function()
  it("gives what the function gives, nil and none among it", function()
    local function count(...) return select("#", ...), ... end
    assert.are.same({ 3, 1, nil, 3 }, { aside.call(count, 1, nil, 3) })
    assert.are.equal(0, select("#", aside.call(function() end)))
  end)

  it("raises what the function raises, and goes on working", function()
    local mistake = {}
    for _ = 1, 3 do
      local ok, raised = pcall(aside.call, error, mistake)
      assert.is_false(ok)
      assert.are.equal(mistake, raised)
      assert.are.equal(7, aside.call(math.abs, -7))
    end
  end)

  it("may stand within another, and in a coroutine", function()
    local function depth(n) return n == 0 and 0 or 1 + aside.call(depth, n - 1) end
    assert.are.equal(5, depth(5))
    assert.are.equal(5, coroutine.wrap(function() return aside.call(depth, 5) end)())
  end)

  it("leaves the caller's stack as small as it was", function()
    -- Held back, so that nothing is given back meanwhile.
    local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
    local function cost(call)
      local threads = {}
      for i = 1, 200 do threads[i] = coroutine.create(function() call(deep, 60) coroutine.yield() end) end
      aside.call(deep, 60)
      collectgarbage()
      collectgarbage "stop"
      local before = collectgarbage "count"
      for i = 1, 200 do coroutine.resume(threads[i]) end
      local after = collectgarbage "count"
      collectgarbage "restart"
      return after - before
    end
    local direct = cost(function(fn, n) return fn(n) end)
    assert.is_true(cost(aside.call) < direct / 2)
  end)
end)
