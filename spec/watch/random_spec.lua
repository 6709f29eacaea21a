-- Waits drawn by lot: histories of any statuses, replicas that lag, read errors, several projects,
-- children among them, with and without what a wait may ask for. All must end as their pipelines do.
local errors = require "gitlab_pipelines.errors"
local new_world = require("support.watch_world").new
local runtime = require "gitlab_pipelines.runtime"
local seeds = require "spec.support.seeds"
local time = require("gitlab_pipelines.core").time
local watch = require "gitlab_pipelines.watch"

local FINAL = { "success", "failed", "canceled", "skipped", "manual" }
local BEFORE = { "created", "pending", "running", "preparing", "waiting_for_resource", "canceling",
  "scheduled", "sublimating" }

-- A world with slow or lagging replicas. Errors come in any order, as many as are borne.
local function empty_world(seed, random)
  local rt = runtime.virtual.new { seed = seed }
  local lag = random.pick { 0, 0, 10, 55 }
  local world = new_world(rt, { lag = function() return random.unit() * lag end,
    latency = random.pick { 0.01, 0.5, 3 } })
  local left = 5
  local function fault()
    if left == 0 or not random.chance(0.1) then return nil end
    left = left - 1
    return errors.new("ServerError.ServiceUnavailable", { retryable = true, status = 503,
      retry_after = random.chance(0.3) and 7 or nil })
  end
  for _, kind in ipairs { "list", "get", "jobs", "bridges" } do world.faults[kind] = fault end
  return rt, world
end

-- Awaited pipelines, and strangers.
local function build(seed, random)
  local rt, world = empty_world(seed, random)
  local projects, awaited = random.int(1, 3), {}
  for i = 1, random.int(1, 12) do
    local at, history = 0, { { 0, "created" } }
    for _ = 1, random.int(0, 6) do
      at = at + random.int(1, 120)
      history[#history + 1] = { at, random.pick(BEFORE) }
    end
    history[#history + 1] = { at + random.int(1, 300), random.pick(FINAL) }
    awaited[i] = world:pipeline("g/p" .. random.int(1, projects), history,
      { source = random.pick { "api", "push", "parent_pipeline" } })
  end
  for _ = 1, random.int(0, 300) do
    local at = random.int(0, 1500)
    world:pipeline("g/p" .. random.int(1, projects), { { at, "created" }, { at + 20, "success" } })
  end
  return rt, world, awaited
end

-- Holds that statuses come in their order; one that is skipped over is no mistake.
local function teller(pipeline, moved_back)
  local seen = 0
  return function(row)
    for place = seen + 1, #pipeline.history do
      if pipeline.history[place].status == row.status then
        seen = place
        return
      end
    end
    moved_back[#moved_back + 1] = pipeline.id .. " " .. row.status
  end
end

local function judge(pipeline, row, verdict, now)
  local last = pipeline.history[#pipeline.history]
  assert.are.equal(last.status == "manual" and "blocked" or last.status, verdict)
  assert.are.equal(last.status, row.status)
  assert.is_string(row.web_url)
  -- What no list shows is read after 5 minutes and some; a lag, an interval, errors and their waits.
  if now then assert.is_true(now - last.at < 600, "late by " .. now - last.at) end
end

local function wait_apart(rt, watcher, awaited, random, moved_back)
  for _, pipeline in ipairs(awaited) do
    rt:spawn(function()
      rt:sleep(random.int(0, 100))
      local row, verdict = watcher:wait(pipeline.project.name, pipeline.id, {
        on_change = random.chance(0.5) and teller(pipeline, moved_back) or nil,
        full = random.chance(0.3) or nil, appear = 200, timeout = "6h", stuck_after = "5h",
        interval = random.chance(0.3) and { min = 1, max = 5 } or nil,
      })
      judge(pipeline, row, verdict, rt:now())
    end)
  end
end

local function wait_together(_, watcher, awaited, _, moved_back)
  local list, tellers = {}, {}
  for i, pipeline in ipairs(awaited) do
    list[i] = { pipeline.project.name, pipeline.id }
    tellers[pipeline.id] = teller(pipeline, moved_back)
  end
  local results = assert(watcher:watch(list, { appear = 200, timeout = "6h", stuck_after = "5h",
    on_change = function(_, row) tellers[row.id](row) end }))
  for i, pipeline in ipairs(awaited) do judge(pipeline, results[i].pipeline, results[i].verdict) end
end

describe("waits drawn by lot", function()
  it("all end as their pipelines do, whatever errors and replicas say in between", function()
    for seed in seeds.each(2000, 60) do
      seeds.named(seed, function()
        local random = seeds.new(seed)
        local rt, world, awaited = build(seed, random)
        local watcher, moved_back = watch.new(world.source, rt), {}
        rt:run(function()
          rt:sleep(random.int(0, 200))
          for _, pipeline in ipairs(random.chance(0.5) and awaited or {}) do
            watcher:record_write(pipeline.project.name, { id = pipeline.id, status = "created",
              updated_at = time.iso(pipeline.history[1].at) })
          end
          local wait = random.chance(0.5) and wait_apart or wait_together
          wait(rt, watcher, awaited, random, moved_back)
        end)
        assert.are.same({}, moved_back)
        assert.are.equal(0, #watcher.scheduler.order)
        rt:sleep(200)
        assert.is_nil(rt:next_deadline())
      end)
    end
  end)

  -- A trigger job of a pipeline: it starts `child` at its time, and with `depend` runs as long.
  local function trigger_job(child, start)
    return function(at)
      at = at - start
      local row = { id = child.pipeline.id * 10, name = "trigger", status = "created",
        allow_failure = child.allow_failure }
      if at < child.born then return row end
      row.status = "success"
      row.downstream_pipeline = { id = child.pipeline.id, project_id = child.pipeline.project.id,
        status = "created", source = child.pipeline.fields.source, updated_at = "2026-01-01T00:00:00.000Z" }
      if child.depend then
        row.status = at < child.ends and "running" or child.final == "skipped" and "success" or child.final
      end
      return row
    end
  end

  -- Grows a tree into `tree`: the verdicts that count, and when the last pipeline ends.
  local function grow(tree, depth, born, forgiven, project)
    local random = tree.random
    tree.size = tree.size + 1
    local node = { born = born, ends = born + random.int(5, 200),
      final = random.pick { "success", "success", "success", "failed", "canceled", "skipped" } }
    local children = {}
    for _ = 1, depth < 3 and random.int(0, 3) or 0 do
      if tree.size < 14 then
        local own, allow_failure = random.chance(0.5), random.chance(0.25)
        local child = grow(tree, depth + 1, born + random.int(1, 60), forgiven or allow_failure,
          own and project or "g/p" .. random.int(1, 4))
        child.pipeline.fields.source = own and "parent_pipeline" or "pipeline"
        child.allow_failure, child.depend = allow_failure, random.chance(0.5)
        children[#children + 1] = child
        node.ends = math.max(node.ends, child.born + 1, child.depend and child.ends + 1 or 0)
      end
    end
    node.pipeline = tree.world:pipeline(project,
      { { born, "created" }, { born + 1, "running" }, { node.ends, node.final } })
    for _, child in ipairs(children) do
      table.insert(node.pipeline.bridges, trigger_job(child, tree.start))
    end
    local harmless = forgiven and (node.final == "failed" or node.final == "canceled")
    if not harmless then tree.found[node.final] = true end
    tree.ends = math.max(tree.ends, node.ends)
    return node
  end

  it("for whole trees end when the last pipeline has, with the verdict of all", function()
    for seed in seeds.each(3000, 80) do
      seeds.named(seed, function()
        local random = seeds.new(seed)
        local rt, world = empty_world(seed, random)
        local tree = { random = random, world = world, start = rt:now(), size = 0, found = {}, ends = 0 }
        local root = grow(tree, 0, 0, false, "g/p1")
        local watcher = watch.new(world.source, rt)
        rt:sleep(random.int(60, 160))
        local opts = { downstream = true, timeout = "6h", stuck_after = "5h" }
        local row, verdict
        if random.chance(0.5) then
          row, verdict = watcher:wait("g/p1", root.pipeline.id, opts)
        else
          local results = assert(watcher:watch({ { "g/p1", root.pipeline.id } }, opts))
          row, verdict = results[1].pipeline, results[1].verdict
        end
        assert.are.equal(root.final, row and row.status)
        assert.are.equal(tree.found.failed and "failed" or tree.found.canceled and "canceled" or root.final,
          verdict)
        local late = rt:now() - tree.start - tree.ends
        assert.is_true(late >= 0, "early by " .. -late)
        assert.is_true(late < 600, "late by " .. late)
        rt:sleep(200)
        assert.are.equal(0, #watcher.scheduler.order)
        assert.is_nil(rt:next_deadline())
      end)
    end
  end)
end)
