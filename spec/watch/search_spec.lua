-- Waiting for a pipeline of a ref and commit to appear: by one list for all who look in a project.
local new_world = require("support.watch_world").new
local runtime = require "gitlab_pipelines.runtime"
local watch = require "gitlab_pipelines.watch"

describe("a search for a pipeline by ref and commit", function()
  local rt, world, watcher
  before_each(function()
    rt = runtime.virtual.new { seed = 9 }
    world = new_world(rt)
    watcher = watch.new(world.source, rt)
  end)
  after_each(function()
    assert.equal(0, #watcher.scheduler.order)
    rt:sleep(100)
    assert.is_nil(rt.tasks.first)
    assert.is_nil(rt:next_deadline())
  end)

  it("finds the newest at once where there is one", function()
    world:pipeline("acme/app", { { 0, "success" } })
    local newest = world:pipeline("acme/app", { { 0, "running" } })
    world:pipeline("acme/app", { { 0, "running" } }, { sha = "other" })
    assert.equal(newest.id, watcher:find("acme/app", "main", "abc", 60).id)
    assert.equal(1, world.total)
  end)

  it("finds one that appears later", function()
    local found
    rt:run(function()
      local task = rt:spawn(function() return watcher:find("acme/app", "main", "abc", 600) end)
      rt:sleep(50)
      local made = world:pipeline("acme/app", { { 0, "created" }, { 5, "running" } })
      found = task:join()
      assert.equal(made.id, found.id)
    end)
  end)

  it("costs one request for each search, then one for each look at the project", function()
    local searches = 100
    rt:run(function()
      local tasks = {}
      for i = 1, searches do
        tasks[i] = rt:spawn(function() return watcher:find("acme/app", "main", "sha" .. i, 3600) end)
      end
      rt:sleep(30)
      -- The lists of the first looks, and one search each.
      assert.is_true(world.total <= searches + 10, world.total)
      local before = world.total
      rt:sleep(240)
      -- At the slowest interval of 30 s, less its jitter.
      assert.is_true(world.total - before <= 240 / 25.5 + 4, world.total - before)
      local made = {}
      for i = 1, searches do
        made[i] = world:pipeline("acme/app", { { 0, "created" } }, { sha = "sha" .. i })
      end
      before = world.total
      for i = 1, searches do assert.equal(made[i].id, tasks[i]:join().id) end
      assert.is_true(world.total - before <= 3, world.total - before)
    end)
  end)

  it("polls once more when its deadline comes, and fails then", function()
    local found, err = watcher:find("acme/app", "main", "abc", 31)
    assert.is_nil(found)
    assert.is_true(err:is "WaitError.TimedOut")
    assert.is_true(world.log[#world.log].at >= 1767225600 + 29)
  end)

  it("tolerates five read errors in a row", function()
    local errors = require "gitlab_pipelines.errors"
    local count = 0
    world.faults.list = function()
      count = count + 1
      if count <= 5 then return errors.new("ServerError.ServiceUnavailable", { retryable = true }) end
    end
    local made = world:pipeline("acme/app", { { 0, "running" } })
    assert.equal(made.id, watcher:find("acme/app", "main", "abc", 600).id)
    count = -100
    world.faults.list = function() return errors.new("AccessError.ProjectNotFound") end
    local _, err = watcher:find("acme/app", "main", "abc", 600)
    assert.is_true(err:is "AccessError.ProjectNotFound")
  end)

  it("ends when it is cancelled", function()
    rt:run(function()
      local task = rt:spawn(function() return watcher:find("acme/app", "main", "abc", 600) end)
      rt:sleep(3)
      task:cancel()
      local _, err = task:join()
      assert.is_true(err:is "TaskError.Cancelled")
    end)
  end)
end)
