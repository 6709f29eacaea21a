-- What many waits cost, and that none of them is misled. WAITS=10000 (or
-- GP_FULL=1) asks for the whole scale.
local new_random = require("gitlab_pipelines.runtime.random").new
local new_world = require("support.watch_world").new
local runtime = require "gitlab_pipelines.runtime"
local watch = require "gitlab_pipelines.watch"

local WAITS = tonumber(os.getenv "WAITS") or os.getenv "GP_FULL" == "1" and 10000 or 1000
local FINAL = { "success", "failed", "canceled", "skipped", "manual" }

describe("many waits", function()
  -- A world with lagging replicas and strangers' changes; `awaited` pipelines with their ends.
  local function build(seed, projects, waits, minutes, child_every)
    local rt, random = runtime.virtual.new { seed = seed }, new_random(seed + 1000)
    local world = new_world(rt, { lag = function()
      return random() < 0.5 and 0 or random() * 60
    end, latency = 0.02 })
    local awaited = {}
    for i = 1, waits do
      local pending, running = 1 + random() * 20, 25 + random() * 60
      local final = FINAL[1 + math.floor(random() * #FINAL)]
      awaited[i] = world:pipeline("group/p" .. i % projects, { { 0, "created" },
        { pending, "pending" }, { running, "running" }, { running + 20 + random() * 450, final } },
        { source = child_every and i % child_every == 0 and "parent_pipeline" or "api" })
      awaited[i].final = final
    end
    for minute = 0, minutes - 1 do
      for _ = 1, 250 do
        local at = minute * 60 + random() * 60
        world:pipeline("group/p" .. math.floor(random() * projects),
          { { at, "created" }, { at + 20, "success" } })
      end
    end
    return rt, world, awaited
  end

  -- The requests of each project, cut into looks: a look takes well under a second.
  local function looks_of(world)
    local looks, latest = {}, {}
    for _, request in ipairs(world.log) do
      local look = latest[request.project]
      if not look or request.at - look.last > 0.9 then
        look = { project = request.project, at = request.at, list = 0, get = 0, jobs = 0, awaited = 0 }
        latest[request.project] = look
        looks[#looks + 1] = look
      end
      look.last = request.at
      look[request.kind] = look[request.kind] + 1
      look.awaited = math.max(look.awaited, request.awaited or 0)
    end
    return looks
  end

  -- How many pipelines of the project changed in what a look's window can span: 90 s of overlap,
  -- a replica's lag, an interval.
  local function changed_around(world, look)
    local count, seen = 0, {}
    for _, change in ipairs(world:project(look.project).changes) do
      if change.at > look.at then break end
      if change.at > look.at - 180 and not seen[change.pipeline] then
        seen[change.pipeline] = true
        count = count + 1
      end
    end
    return count
  end

  local function run(rt, world, awaited)
    local watcher = watch.new(world.source, rt)
    local moved_back, wrong = {}, {}
    rt:run(function()
      for _, pipeline in ipairs(awaited) do
        local at = rt:now()
        watcher:record_write(pipeline.project.name, { id = pipeline.id, project_id = pipeline.project.id,
          status = "created", source = pipeline.fields.source,
          updated_at = require("gitlab_pipelines.core").time.iso(at) })
        rt:spawn(function()
          local place = 0
          local _, verdict = watcher:wait(pipeline.project.name, pipeline.id, {
            on_change = function(row, old)
              local now_at = 0
              for i, change in ipairs(pipeline.history) do
                if change.status == row.status then now_at = i end
              end
              if now_at <= place then
                moved_back[#moved_back + 1] = pipeline.id .. " " .. tostring(old) .. ">" .. row.status
              end
              place = now_at
            end,
          })
          local expected = pipeline.final == "manual" and "blocked" or pipeline.final
          if verdict ~= expected then wrong[#wrong + 1] = pipeline.id .. " " .. tostring(verdict) end
          pipeline.ended_at = rt:now()
        end)
      end
    end)
    assert.are.same({}, moved_back)
    assert.are.same({}, wrong)
    assert.are.equal(0, #watcher.scheduler.order)
    assert.is_nil(rt:next_deadline())
  end

  it("over 100 projects with lagging replicas: every end is reported, nothing moves back", function()
    local seed = 31
    local rt, world, awaited = build(seed, 100, WAITS, 10)
    run(rt, world, awaited)
    local latest = 0
    for _, pipeline in ipairs(awaited) do
      local ended = pipeline.history[#pipeline.history].at
      latest = math.max(latest, pipeline.ended_at - ended)
    end
    -- A replica's lag and two intervals; or what the list never showed, read after 5 minutes.
    assert.is_true(latest < 420, "seed " .. seed .. ": an end was reported after " .. latest .. " s")
  end)

  it("in ten projects cost one list a project and look, two with children", function()
    for seed, child_every in ipairs { false, 4 } do
      local rt, world, awaited = build(seed, 10, WAITS, 10, child_every)
      run(rt, world, awaited)
      local per_look = child_every and 2 or 1
      local first, alone = {}, 0
      for _, look in ipairs(looks_of(world)) do
        -- The first look has no window, and reads until it has found everybody.
        if first[look.project] and look.list > per_look then
          local further = math.floor(changed_around(world, look) / 100)
          assert.is_true(look.list <= per_look + further, ("seed %d: %d lists, %d hundreds changed")
            :format(seed, look.list, further))
        end
        first[look.project] = true
        alone = alone + look.get
        assert.is_true(look.list + look.get <= math.max(per_look, WAITS / 10), "seed " .. seed)
        assert.are.equal(0, look.jobs)
      end
      -- Alone: who was not shown for 5 minutes, and no more than that.
      local allowed = 0
      for _, pipeline in ipairs(awaited) do
        allowed = allowed + math.floor((pipeline.ended_at - 1767225600) / 300)
      end
      assert.is_true(alone <= allowed, ("seed %d: %d read alone, %d allowed"):format(seed, alone, allowed))
    end
  end)

  it("never cost more requests a look than pipelines are awaited", function()
    for seed = 1, 18 do
      local count = 1 + seed % 6
      local rt, world, awaited = build(seed, 1, count, 3, seed % 2 == 0 and 2)
      world.on_request = function()
        local open = 0
        for _, pipeline in ipairs(awaited) do
          if not pipeline.ended_at then open = open + 1 end
        end
        world.log[#world.log].awaited = open
      end
      run(rt, world, awaited)
      for _, look in ipairs(looks_of(world)) do
        assert.is_true(look.list + look.get <= look.awaited, ("seed %d: %d requests for %d")
          :format(seed, look.list + look.get, look.awaited))
      end
    end
  end)

  it("of which nothing is known yet find each other in one list", function()
    local rt = runtime.virtual.new()
    local world = new_world(rt)
    local list = {}
    for i = 1, 80 do
      local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 10, "success" } })
      list[i] = { "acme/app", pipeline.id }
    end
    local old = world:pipeline("acme/app", { { 0, "success" } })
    list[81] = { "acme/app", old.id }
    rt:sleep(5)
    local watcher = watch.new(world.source, rt)
    assert(watcher:watch(list))
    assert.is_true(world.requests.list <= 4, world.requests.list .. " lists")
    assert.is_nil(world.requests.get)
  end)

  it("of old pipelines, which no list shows first, are read alone at once", function()
    local rt = runtime.virtual.new()
    local world = new_world(rt)
    local list = {}
    for i = 1, 6 do list[i] = { "acme/app", world:pipeline("acme/app", { { 0, "success" } }).id } end
    rt:sleep(5)
    for _ = 1, 400 do world:pipeline("acme/app", { { 0, "success" } }) end
    local results = assert(watch.new(world.source, rt):watch(list))
    for i = 1, 6 do assert.are.equal("success", results[i].verdict) end
    assert.is_true(rt:now() - 1767225605 < 10)
    assert.is_true(world.total <= 12, world.total .. " requests")
  end)

  it("are read alone where the list is refused", function()
    local errors = require "gitlab_pipelines.errors"
    local rt = runtime.virtual.new()
    local world = new_world(rt)
    world.faults.list = function() return errors.new("AccessError.PermissionDenied", { status = 403 }) end
    local list = {}
    for i = 1, 10 do
      list[i] = { "acme/app", world:pipeline("acme/app", { { 0, "running" }, { 50, "success" } }).id }
    end
    local results = assert(watch.new(world.source, rt):watch(list))
    for i = 1, 10 do assert.are.equal("success", results[i].verdict) end
    assert.are.equal(1, world.requests.list)
  end)

  it("hear of a list that goes on failing after the fifth time", function()
    local errors = require "gitlab_pipelines.errors"
    local rt = runtime.virtual.new()
    local world = new_world(rt)
    world.faults.list = function()
      return errors.new("ServerError.ServiceUnavailable", { retryable = true })
    end
    local list = {}
    for i = 1, 10 do list[i] = { "acme/app", world:pipeline("acme/app", { { 0, "running" } }).id } end
    local results = assert(watch.new(world.source, rt):watch(list))
    for i = 1, 10 do assert.is_true(results[i].err:is "ServiceUnavailable") end
    assert.are.equal(6, world.requests.list)
    assert.is_nil(world.requests.get)
  end)

  it("of children go on when the other list failed while somebody still needed it", function()
    local errors = require "gitlab_pipelines.errors"
    local rt = runtime.virtual.new()
    local world = new_world(rt)
    world.faults.list = function(_, query)
      if not query.source and rt:now() > 1767225615 then
        return errors.new("ServerError.ServiceUnavailable", { retryable = true })
      end
    end
    local watcher, ended = watch.new(world.source, rt), {}
    rt:run(function()
      for i = 1, 4 do
        local child = i > 2
        local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 300, "success" } },
          { source = child and "parent_pipeline" or "api" })
        rt:spawn(function()
          local _, verdict = watcher:wait("acme/app", pipeline.id, { timeout = child and 3600 or 20 })
          ended[i] = verdict
        end)
      end
    end)
    assert.are.equal("success", ended[3])
    assert.are.equal("success", ended[4])
    assert.is_true(rt:now() - 1767225600 < 400)
  end)

  it("see through an equally old and different row by reading it alone", function()
    local rt = runtime.virtual.new()
    local world = new_world(rt)
    -- The status moves twice within one millisecond.
    local one = world:pipeline("acme/app", { { 0, "pending" }, { 20, "running", 0 }, { 100, "success" } })
    local two = world:pipeline("acme/app", { { 0, "running" }, { 100, "success" } })
    local watcher, seen = watch.new(world.source, rt), {}
    for _, pipeline in ipairs { one, two } do
      watcher:record_write("acme/app", { id = pipeline.id, source = "api", updated_at = "2026-01-01T00:00:00.000Z",
        status = pipeline.history[1].status })
    end
    assert(watcher:watch({ { "acme/app", one.id }, { "acme/app", two.id } }, {
      on_change = function(_, row) if row.id == one.id then seen[#seen + 1] = row.status end end,
    }))
    assert.are.same({ "pending", "running", "success" }, seen)
    assert.is_true(world.requests.get >= 1)
  end)

  it("remember what our writes showed for five minutes, and no longer", function()
    local rt = runtime.virtual.new()
    local watcher = watch.new(new_world(rt).source, rt)
    local function kept()
      local count = 0
      for _ in pairs(watcher.scheduler.recent.rows) do count = count + 1 end
      return count
    end
    for i = 1, 1000 do watcher:record_write("acme/app", { id = i, status = "created" }) end
    rt:sleep(299)
    watcher:record_write("acme/app", { id = 1, project_id = 4, status = "running" })
    assert.are.equal(1001, kept())
    rt:sleep(2)
    watcher:record_write("acme/app", { id = 2, project_id = 4, status = "running" })
    assert.are.equal(4, kept())
  end)

  it("of a project's path and of its number are woken by the same event", function()
    local rt = runtime.virtual.new()
    local world = new_world(rt)
    local pipeline = world:pipeline("acme/app", { { 0, "running" }, { 500.5, "success" } })
    local watcher = watch.new(world.source, rt)
    rt:after(501, function() watcher:wake(pipeline.project.id, pipeline.id) end)
    rt:run(function()
      rt:spawn(function() watcher:wait("acme/app", pipeline.id) end)
      rt:spawn(function() watcher:wait(pipeline.project.id, pipeline.id) end)
      rt:spawn(function() watcher:wait(tostring(pipeline.project.id), pipeline.id) end)
    end)
    assert.is_true(rt:now() - 1767225600 < 501.2)
  end)

  it("take under 2 KB each in one watch, and 5 KB with a task and a word on each change", function()
    local function kilobytes()
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    local count = 2000
    local function measure(start)
      local rt = runtime.virtual.new()
      local world = new_world(rt)
      local list, during = {}, nil
      world.log = setmetatable({}, { __newindex = function() end })
      for i = 1, count do
        list[i] = world:pipeline("group/p" .. i % 20, { { 0, "created" }, { 1, "running" }, { 300, "success" } })
      end
      rt:sleep(2)
      local watcher = watch.new(world.source, rt)
      local before = kilobytes()
      rt:run(function()
        start(rt, watcher, list)
        rt:sleep(60)
        during = kilobytes()
      end)
      -- Whatever they take, it is more than nothing.
      assert.is_true(during - before > count / 2)
      return (during - before) / count
    end
    local together = measure(function(rt, watcher, list)
      for i, pipeline in ipairs(list) do list[i] = { pipeline.project.name, pipeline.id } end
      rt:spawn(function() watcher:watch(list) end)
    end)
    assert.is_true(together < 2, ("%.2f KB a wait"):format(together))
    local apart = measure(function(rt, watcher, list)
      for _, pipeline in ipairs(list) do
        rt:spawn(function()
          watcher:wait(pipeline.project.name, pipeline.id, { timeout = "1h", on_change = function() end })
        end)
      end
    end)
    assert.is_true(apart < 5, ("%.2f KB a wait"):format(apart))
  end)
end)
