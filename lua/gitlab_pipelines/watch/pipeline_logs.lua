--- Following the logs of all jobs of a pipeline.
--
-- The client's scheduler polls the pipeline. After each of its polls the pipeline's jobs are read, one
-- request: no list of pipelines shows them, and none of a project's jobs says what has changed. The log
-- of every job that has started is followed in a task of its own.
--
-- A follower (follow.lua) has, beside its `job`, `scheduler` and `rt`:
--   source.jobs(project, pipeline_id, filters) -> jobs | nil, err
--   source.bridges(project, pipeline_id) -> trigger jobs | nil, err
--   source.get(project, pipeline_id) -> pipeline | nil, err

local errors = require "gitlab_pipelines.errors"
local freshness = require "gitlab_pipelines.watch.freshness"
local reading = require "gitlab_pipelines.watch.reading"
local subscription = require "gitlab_pipelines.watch.subscription"
local verdict = require "gitlab_pipelines.watch.verdict"

local M = {}

-- A job that has started is to be found soon, also where nothing else moves.
local INTERVAL = { min = 2, max = 5 }
local ERRORS_IN_A_ROW = 5

-- Follows the log of one job; whoever follows the pipeline is woken when that is over.
local function follow_job(logs, job, known)
  local opts, follower = logs.opts, logs.follower
  local ok, first, second, third = pcall(follower.job, follower, logs.project, job.id, {
    format = opts.format, from = opts.from, deadline = opts.deadline, known = known,
    on_restart = opts.on_restart and function(reason) return opts.on_restart(reason, job) end,
    on_line = function(line)
      line.job = job
      return opts.on_line(line)
    end,
  })
  logs.subscription:wake()
  if not ok then error(first, 0) end
  return first, second, third
end

-- Follows every job that has started and is not followed yet. What has started has, or may have, a log.
local function join_new_jobs(logs, jobs)
  local rt = logs.follower.rt
  local known = freshness.seen(rt:now())
  for _, job in ipairs(jobs) do
    if job.started_at and not logs.joined[job.id] then
      logs.joined[job.id] = true
      logs.tasks[#logs.tasks + 1] = rt:spawn(function() return follow_job(logs, job, known) end)
    end
  end
end

-- The tasks that still run; nil and an error when one could not follow its job. A log that was
-- erased in between is no reason to leave the others.
local function still_running(tasks)
  local rest = {}
  for _, task in ipairs(tasks) do
    local status = task:status()
    if status == "done" or status == "failed" then
      local job, err = task:join()
      if status == "failed" then error(err, 0) end
      local gone = job == nil and err:is "JobError.LogsNotAvailable" and err.status ~= 403
      if job == nil and not gone then return nil, err end
    elseif status ~= "cancelled" then
      rest[#rest + 1] = task
    end
  end
  return rest
end

-- Polls often again where a job has moved.
local function note_moves(logs, jobs)
  local parts = {}
  for i, job in ipairs(jobs) do parts[i] = job.id .. " " .. tostring(job.status) end
  local statuses = table.concat(parts, ",")
  if statuses ~= logs.statuses then logs.follower.scheduler:moved(logs.subscription) end
  logs.statuses = statuses
end

-- Reads the pipeline's jobs; true, or nil and an error. `logs.over` is the version of the pipeline's
-- state in which it has ended, or waits for a person, and these jobs are those that it then had.
local function read_jobs(logs)
  local source, entry = logs.follower.source, logs.subscription.entry
  local row, version = entry.row, entry.version
  local jobs, err = source.jobs(logs.project, logs.id, { include_retried = true })
  if not jobs then return nil, err end
  logs.unseen = nil
  table.sort(jobs, function(a, b) return a.id < b.id end)
  join_new_jobs(logs, jobs)
  note_moves(logs, jobs)
  logs.over = nil
  if not verdict.of(row.status) then return true end
  local fit
  fit, err = reading.jobs_fit(row, jobs, function() return source.bridges(logs.project, logs.id) end)
  if fit == nil then return nil, err end
  local seen = freshness.seen(entry.moved_at)
  if freshness.judge(seen, logs.follower.rt:now(), jobs, fit) == "value" then logs.over = version end
  return true
end

-- Is this error of reading the jobs tolerated? Where there is no such pipeline, a replica does not know
-- it yet; if it is gone, the scheduler reports that before this gives up.
local function tolerated(logs, err)
  if reading.is_missing(err) then
    local now = logs.follower.rt:now()
    logs.unseen = logs.unseen or freshness.seen(now)
    return freshness.judge(logs.unseen, now, nil) == "not yet"
  end
  return not reading.is_definite(err) and not err:is "TaskError.Cancelled"
    and logs.failures <= ERRORS_IN_A_ROW
end

-- Why the sleep ended without news, as an error.
local function stopped(logs, why)
  if why == "timeout" then
    return errors.new("WaitError.TimedOut", { operation = "jobs.follow",
      message = "the pipeline had not ended at the deadline",
      subject = ("%s %s"):format(logs.project, logs.id) })
  elseif why == "cancelled" then
    return errors.new("TaskError.Cancelled", { message = "following the logs was cancelled" })
  end
  return why
end

-- Until the pipeline is over and every log has been read: its row, or nil and an error.
local function follow(self, logs)
  while true do
    local ok, err = self:wait(logs.opts.deadline)
    if not ok then return nil, stopped(logs, err) end
    if self.polled and self:row() then
      self.polled = false
      ok, err = read_jobs(logs)
      logs.failures = ok and 0 or logs.failures + 1
      if not ok and not tolerated(logs, err) then return nil, err end
    end
    local tasks
    tasks, err = still_running(logs.tasks)
    if not tasks then return nil, err end
    logs.tasks = tasks
    if logs.over == self.entry.version and #logs.tasks == 0 then
      if self.entry.full then return self.entry.row end
      return reading.whole(logs.follower.rt, logs.follower.source, self.entry, logs.opts.deadline)
    end
  end
end

--- Follows every job of a pipeline, also those that start later, until all is over. Each line has
--- its job in `line.job`.
---@param follower table see follow.lua
---@param project integer|string
---@param id integer the pipeline's
---@param opts table as for a job
---@return table|nil pipeline
---@return string|table|nil verdict or the error
function M.follow(follower, project, id, opts)
  local now, known = follower.rt:now(), opts.known and opts.known.visible_by
  local self = subscription.open(follower.scheduler, "pipeline", project, id, {
    interval = INTERVAL, polls = true, appear = known and math.max(0, known - now) or nil })
  local logs = { follower = follower, project = project, id = id, opts = opts, subscription = self,
    joined = {}, tasks = {}, failures = 0 }
  local ok, row, err = pcall(self.run, self, follow, logs)
  for _, task in ipairs(logs.tasks) do task:cancel() end
  if not ok then error(row, 0) end
  if not row then return nil, err end
  return row, verdict.of(row.status)
end

return M
