--- What a pipeline consists of: its stages, its trigger jobs, its downstream pipelines.
--
-- The functions take a group ({gl, client}), as the methods of gl.pipelines do. `rest` gives the
-- options of the next call, with what is left of the time: resource.within.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local freshness = require "gitlab_pipelines.watch.freshness"
local json = require "gitlab_pipelines.json"
local log_stream = require "gitlab_pipelines.api.log_stream"
local operations = require "gitlab_pipelines.operations"
local paging = require "gitlab_pipelines.api.paging"
local reading = require "gitlab_pipelines.watch.reading"
local project_id = require "gitlab_pipelines.project_id"
local resource = require "gitlab_pipelines.api.resource"

local M = {}

local pipelines, jobs = operations.pipelines, operations.jobs

local function all_rows(group, operation, project, id, rest, filters)
  return paging.list(group, operation, project, filters, rest(), { pipeline_id = id })
end

--- The trigger jobs of a pipeline. Servers before 19.2 know them as `bridges` only; that the newer
--- route is missing is remembered with the client.
---@return table[]|nil jobs, table|nil err
function M.trigger_jobs(group, project, id, opts)
  local rest = resource.within(group, opts)
  local memory = group.gl.memory
  if not memory.no_trigger_jobs then
    local rows, err = all_rows(group, pipelines.trigger_jobs, project, id, rest)
    if rows then
      log_stream.remember(group.gl, rows)
      return rows
    end
    if not (errors.is_error(err) and err.missing_route) then return nil, err end
    memory.no_trigger_jobs = true
  end
  local rows, err = all_rows(group, pipelines.bridges, project, id, rest)
  if rows then log_stream.remember(group.gl, rows) end
  return rows, err
end

--- Groups jobs into stages.
---@param rows table[] every attempt of every job, in any order
---@return table[] stages {name, status, jobs}
---@return table[] jobs the newest attempts
function M.compose(rows)
  local stages, by_name, newest = json.array {}, {}, json.array {}
  for _, job in ipairs(freshness.newest_attempts(rows)) do
    newest[#newest + 1] = job
    local stage = by_name[job.stage]
    if not stage then
      stage = { name = job.stage, jobs = {} }
      by_name[job.stage] = stage
      stages[#stages + 1] = stage
    end
    stage.jobs[#stage.jobs + 1] = job
  end
  for _, stage in ipairs(stages) do
    stage.status = core.status.compose(stage.jobs, false)
  end
  return stages, newest
end

-- Jobs with all attempts and trigger jobs, in one array.
local function every_job(group, project, id, rest)
  local found, err = group.client.runtime:all {
    function()
      return all_rows(group, jobs.list, project, id, rest, { include_retried = true })
    end,
    function() return M.trigger_jobs(group, project, id, rest) end,
  }
  if not found then return nil, err end
  local rows = found[1]
  for _, job in ipairs(found[2]) do rows[#rows + 1] = job end
  return rows
end

--- The stages of a pipeline.
---@return table[]|nil stages, table|nil err
function M.stages(group, project, id, opts)
  local checked, err = project_id.check(project, "pipelines.stages")
  if not checked then return nil, err end
  -- Here, as what a task raises is no mistake in the caller's line.
  resource.check_id("pipelines.stages", "pipeline_id", id)
  local rows
  rows, err = every_job(group, project, id, resource.within(group, opts))
  if not rows then return nil, err end
  return (M.compose(rows))
end

-- A copy of the downstream stands for itself: the trigger job that holds it stands within.
local function copy(row)
  local result = {}
  for name, value in pairs(row) do result[name] = value end
  return result
end

local function downstream_of(rows)
  local list = {}
  for _, job in ipairs(rows) do
    if job.downstream_pipeline then
      list[#list + 1] = { job = job, pipeline = copy(job.downstream_pipeline) }
    end
  end
  table.sort(list, function(a, b) return a.job.id < b.job.id end)
  return list
end

--- The downstream pipelines of a pipeline.
---@return table[]|nil pipelines, table|nil err
function M.downstream(group, project, id, opts)
  local rows, err = M.trigger_jobs(group, project, id, opts)
  if not rows then return nil, err end
  local list = json.array {}
  for i, entry in ipairs(downstream_of(rows)) do
    entry.pipeline.trigger_job = entry.job
    list[i] = entry.pipeline
  end
  return list
end

-- Does this job fail its pipeline?
local function is_failure(job)
  return job.status == "failed" and not job.allow_failure
end

-- A server may tell its own local time, which jumps twice a year.
local function end_of(job)
  return type(job.finished_at) == "string" and core.time.parse(job.finished_at) or math.huge
end

local function earlier(a, b)
  local x, y = end_of(a), end_of(b)
  if x ~= y then return x < y end
  return a.id < b.id
end

-- The job that failed first on the way that made the whole fail: behind a failed trigger job stands
-- the failure of its downstream pipeline.
local function first_failure(node)
  local found
  local below = {}
  for _, child in ipairs(node.downstream) do
    if child.trigger_job then below[child.trigger_job.id] = child end
  end
  for _, job in ipairs(node.jobs) do
    if is_failure(job) then
      local child = below[job.id]
      local cause = child and child.first_failure or job
      if not found or earlier(cause, found) then found = cause end
    end
  end
  return found
end

-- What one reading of a tree has in common: `visited` pipelines, and how each part is read as new as
-- what implies it. At the deadline older data is better than none.
local function new_walk(group, opts)
  local walk, rt = { group = group, visited = { count = 0 } }, group.client.runtime
  local deadline
  walk.rest, deadline = resource.within(group, opts)
  function walk.seen(row) return freshness.seen_row(row, rt:now(), rt:wall()) end
  function walk.settled(seen, what, question)
    local value, err, older = reading.settled(rt, seen, question, deadline, what)
    if value == nil and older ~= nil then return older end
    return value, err
  end
  return walk
end

local grow

-- Downstreams that are read at once.
local AT_ONCE = 4

-- GitLab makes no more than a thousand downstream pipelines in one tree, and lets them stand a few deep. A
-- tree without end must have one here; and one that is deeper cannot be written as JSON.
local MOST, DEEPEST = 1000, 50

local function mark_of(pipeline)
  return ("%s/%s"):format(tostring(pipeline.project_id), tostring(pipeline.id))
end

local function visit(visited, pipeline)
  local mark = mark_of(pipeline)
  if visited[mark] then return false end
  visited[mark], visited.count = true, visited.count + 1
  return true
end

-- Why the tree is not read further, or nil.
local function beyond(visited, depth)
  local bound = depth > DEEPEST and ("is more than %d pipelines deep"):format(DEEPEST)
    or visited.count > MOST and ("has more than %d pipelines"):format(MOST)
  return bound and errors.new("ServerError.InvalidResponse",
    { message = "the tree " .. bound, operation = "pipelines.tree" }) or nil
end

-- The subtree of one downstream pipeline; what cannot be read is a leaf with the reason. Its trigger
-- job shows that it is there, and in which status.
local function grow_child(walk, entry, depth)
  local shown = entry.pipeline
  local node, err = nil, beyond(walk.visited, depth)
  if not err and visit(walk.visited, shown) then
    local known = walk.seen(shown)
    known.row, known.stamp = shown, freshness.stamp(shown)
    node, err = grow(walk, shown.project_id, shown.id, known, depth)
    if not node and err:is "TaskError.Cancelled" then return nil, err end
  end
  if not node then
    node = shown
    node.error, node.stages, node.jobs, node.downstream = err, json.array {}, json.array {}, json.array {}
  end
  node.trigger_job = entry.job
  return node
end

-- A pipeline read by itself, no older than what is known of it.
local function read_pipeline(walk, project, id, known)
  local group = walk.group
  if not known then return group:get(project, id, walk.rest()) end
  return walk.settled(known, "the pipeline", function()
    local row, err = group:get(project, id, walk.rest())
    if not row then return nil, err end
    return row, freshness.compare(known, row, true) ~= "older"
  end)
end

-- Its jobs and trigger jobs, no older than the pipeline.
local function read_jobs(walk, project, id, node)
  return walk.settled(walk.seen(node), "the jobs of the pipeline", function()
    local rows, err = every_job(walk.group, project, id, walk.rest)
    if not rows then return nil, err end
    return rows, freshness.jobs_fit(node, rows)
  end)
end

function grow(walk, project, id, known, depth)
  local node, err = read_pipeline(walk, project, id, known)
  if not node then return nil, err end
  visit(walk.visited, node)
  local rows
  rows, err = read_jobs(walk, project, id, node)
  if not rows then return nil, err end
  node.stages, node.jobs = M.compose(rows)
  local readers = {}
  for i, entry in ipairs(downstream_of(node.jobs)) do
    readers[i] = function() return grow_child(walk, entry, depth + 1) end
  end
  node.downstream, err = walk.group.client.runtime:all(readers, { limit = AT_ONCE })
  if not node.downstream then return nil, err end
  node.downstream.n = nil
  json.array(node.downstream)
  node.first_failure = first_failure(node)
  return node
end

-- Lines of the failed job's log that are shown with it.
local LOG_LINES = 10

-- Adds what explains a failure: where the job ran, and how its log ends. A log that cannot be read
-- (a trigger job has none) is no reason to show nothing.
local function explain(walk, job)
  local at = job.pipeline and job.pipeline.project_id
  if not at then return true end
  job.project_id = at
  if job.downstream_pipeline then return true end
  local log, err = walk.settled(walk.seen(job), "the log", function()
    local opts = walk.rest()
    local text, err = walk.group.gl.jobs:log(at, job.id, { tail = LOG_LINES, timeout = opts and opts.timeout })
    if not text then return nil, err end
    return text, freshness.log_fits(job, text)
  end)
  if not log and err and err:is "TaskError.Cancelled" then return nil, err end
  job.log = log
  return true
end

--- A pipeline with everything below it. `first_failure` is the job that failed first on the way that
--- made the whole fail, with `project_id`, and with the end of its log in `log` where it may be read.
---@return table|nil tree, table|nil err
function M.tree(group, project, id, opts)
  local walk = new_walk(group, opts)
  local node, err = grow(walk, project, id, reading.known(group.gl, project, "pipeline", id), 0)
  if not node then return nil, err end
  if node.first_failure then
    local ok
    ok, err = explain(walk, node.first_failure)
    if not ok then return nil, err end
  end
  return node
end

return M
