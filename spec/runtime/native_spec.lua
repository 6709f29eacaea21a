local runtime = require "gitlab_pipelines.runtime"
local clock = require("gitlab_pipelines.core").clock

describe("the clock", function()
  it("reads as the time of day and never goes back", function()
    local last = clock.now()
    assert.is_true(math.abs(last - os.time()) < 3)
    assert.is_true(math.abs(clock.wall() - os.time()) < 3)
    for _ = 1, 1000 do
      local now = clock.now()
      assert.is_true(now >= last)
      last = now
    end
  end)

  it("gives random numbers, 0 <= x < 1", function()
    local a, b = clock.random(), clock.random()
    assert.is_true(a >= 0 and a < 1 and b >= 0 and b < 1)
    assert.are_not.equal(a, b)
  end)

  it("polls a descriptor that is ready at once, and none", function()
    assert.are.equal(0, clock.poll({}, 0))
    assert.are.equal(0, clock.poll({ { -1, "r" } }, 0))
    local many = {}
    for i = 1, 100 do many[i] = { -1, "rw" } end
    assert.are.equal(0, clock.poll(many, 0))
    assert.has_error(function() clock.poll({ { "x" } }, 0) end)
  end)

  it("traps no signal that it does not know", function()
    assert.is_nil(clock.trap("KILL"))
    assert.is_nil(clock.trapped())
  end)
end)

describe("the native runtime", function()
  it("is one loop for the process", function()
    assert.are.equal(runtime.native, require "gitlab_pipelines.runtime.native")
    assert.are.equal("native", runtime.native.name)
    assert.are.equal("runtime native", tostring(runtime.native))
  end)

  it("is the default outside any task; inside a task it is the task's runtime", function()
    assert.are.equal(runtime.native, runtime.default())
    local virtual = runtime.virtual.new()
    virtual:run(function() assert.are.equal(virtual, runtime.default()) end)
    assert.are.equal(runtime.native, runtime.default())
    assert.are.equal(virtual, runtime.resolve(virtual))
    assert.are.equal("virtual", runtime.resolve(runtime.virtual).name)
    assert.are.equal(runtime.native, runtime.resolve(nil))
    assert.is_nil(runtime.resolve({}))
  end)

  it("stays the default after a run that raised", function()
    pcall(function() runtime.virtual.new():run(function() error("x") end) end)
    pcall(function() runtime.virtual.new():waiter():wait() end)
    assert.are.equal(runtime.native, runtime.default())
  end)

  it("reports a deadlock when it has nothing to wait for", function()
    assert.error_matches(function() runtime.native:waiter():wait() end, "^deadlock")
    assert.are.equal(1, runtime.native:run(function() runtime.native:sleep(0) return 1 end))
  end)

  for _, signal in ipairs { "INT", "TERM" } do
    it("ends its wait when SIG" .. signal .. " comes", function()
      local rt = runtime.native
      local waiter = rt:waiter()
      rt:trap(function(name) waiter:wake(name) end)
      local name = rt:run(function()
        -- The shell's parent is this process.
        io.popen("kill -" .. signal .. " $PPID"):close()
        return (waiter:wait(rt:now() + 60))
      end)
      rt:untrap()
      assert.are.equal(signal, name)
    end)
  end

  it("passes on what a pollable raises, to who drives, and lives on", function()
    local rt = runtime.native
    local broken = { pollfd = function() return -1 end, events = function() return "r" end,
      timeout = function() return 0 end, pump = function() error("broken pump", 0) end }
    rt:attach(broken)
    assert.error_matches(function() rt:sleep(1) end, "broken pump")
    rt:detach(broken)
    rt:detach(broken)
    assert.are.equal(2, rt:run(function() return 2 end))
    assert.is_nil(rt:next_deadline())
  end)
end)
