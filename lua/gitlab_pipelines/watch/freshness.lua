--- Whether what GitLab shows is as new as what is known already. Pure.
--
-- GitLab answers from replicas that lag, and each read may meet another replica: what was made or
-- seen a moment ago may be absent, or shown as it was. Everything that reads after a write, or after
-- something that implies the state it reads, asks `judge`: a wait, a tree, a log that is followed, a
-- play, and what a flow takes from a pipeline (jobs, trigger jobs, files, logs).

local core = require "gitlab_pipelines.core"
local verdict = require "gitlab_pipelines.watch.verdict"

local M = {}

--- Seconds from first seeing the state that implies a thing, in which a replica may not show it.
M.WINDOW = 120
--- A 404 that nothing excuses is believed when a second one confirms it so many seconds later.
M.CONFIRM = 5

---@class gitlab_pipelines.Seen
---@field visible_by number|nil until then a replica may lag behind what implies the thing; nil: nothing
--- implies it
---@field missing_since number|nil when it was first missing in a row, after that; kept by `judge`

--- A note of having seen, at `at`, a state that implies a thing.
---@param at number
---@return gitlab_pipelines.Seen
function M.seen(at)
  return { visible_by = at + M.WINDOW }
end

--- The same in a note that exists: the state was seen (again) at `at`, or is granted `patience`.
---@param note gitlab_pipelines.Seen
---@param at number
---@param patience number|nil seconds, M.WINDOW unless given
function M.expect(note, at, patience)
  note.visible_by = math.max(note.visible_by or at, at + (patience or M.WINDOW))
end

local function moment(text)
  return type(text) == "string" and core.time.parse(text) or nil
end

-- Seconds by which two hosts' clocks are believed to differ at most.
local SKEW = 300

--- A note of having seen, just now, a row that says itself since when it has been so: what has stood
--- for long is known to every replica.
---@param row table
---@param now number
---@param wall number now, as seconds since 1970
---@return gitlab_pipelines.Seen
function M.seen_row(row, now, wall)
  local stamp = M.stamp(row) or moment(row.finished_at)
  local age = stamp and math.max(0, wall - stamp - SKEW) or 0
  return { visible_by = now - age + M.WINDOW }
end

--- Decides what a read means.
---@param seen gitlab_pipelines.Seen what was seen that implies the thing, and when
---@param now number
---@param value any what was read; nil when it is absent (a 404, a row that is not in the list)
---@param fits boolean|nil false: the value contradicts what was seen
---@return "value"|"not yet"|"gone" decision
---@return number|nil again with "not yet": the decision changes then, if it is still absent or unfit
function M.judge(seen, now, value, fits)
  local may_lag = seen.visible_by and now < seen.visible_by
  if value ~= nil then
    seen.missing_since = nil
    if fits == false and may_lag then return "not yet", seen.visible_by end
    return "value"
  end
  if may_lag then return "not yet", seen.visible_by end
  seen.missing_since = seen.missing_since or now
  if now - seen.missing_since < M.CONFIRM then return "not yet", seen.missing_since + M.CONFIRM end
  return "gone"
end

-- Rows against rows ------------------------------------------------------------------------------

--- `updated_at` as seconds since 1970, or nil.
---@param row table
---@return number|nil
function M.stamp(row)
  return moment(row.updated_at)
end

-- The parts of a job's life, in order. What is not named (an unknown status, `skipped`) can be
-- entered and left at any time.
local PART = {
  created = 1, manual = 2, scheduled = 2, waiting_for_resource = 3, preparing = 3,
  waiting_for_callback = 3, pending = 4, running = 5, canceling = 6,
  success = 7, failed = 7, canceled = 7,
}

--- Which of a job's rows counts: "new", "same" or "older". A job has no `updated_at`: it never
--- goes back from a later part of its life.
---@param held table|nil
---@param row table
---@return "new"|"same"|"older"
function M.compare_jobs(held, row)
  if not held then return "new" end
  if held.status == row.status then return "same" end
  local before, after = PART[held.status], PART[row.status]
  if before and after and after < before then return "older" end
  return "new"
end

--- Which of a pipeline's rows counts: "new", "same", "older", or "doubtful" (equally old and
--- different: to be read alone).
---@param held table|nil `{row, stamp}`
---@param row table
---@param alone boolean|nil the row was read alone, which settles a doubt
---@return "new"|"same"|"older"|"doubtful"
function M.compare(held, row, alone)
  if not held or not held.row then return "new" end
  local stamp = M.stamp(row)
  if stamp and held.stamp then
    if stamp > held.stamp then return "new" end
    if stamp < held.stamp then return "older" end
  end
  if held.row.status == row.status then return "same" end
  if not alone then return "doubtful" end
  -- Read alone and still as old as what we hold. What has ended stays ended: a retry would have
  -- made it later.
  return core.status.is_finished(held.row.status) and "older" or "new"
end

--- The same for a pipeline or a job; of a search the greatest id counts.
---@param kind "pipeline"|"job"|"search"
---@param held table `{row, stamp}`
---@param row table
---@param alone boolean|nil
---@return "new"|"same"|"older"|"doubtful"
function M.age(kind, held, row, alone)
  if kind == "job" then return M.compare_jobs(held.row, row) end
  if kind == "search" then return held.row and row.id <= held.row.id and "same" or "new" end
  return M.compare(held, row, alone)
end

-- Jobs against their pipeline --------------------------------------------------------------------

--- The newest attempt of each job, in the order in which their first attempts were made: that is the
--- order of the pipeline's configuration.
---@param rows table[] every attempt of every job, in any order
---@return table[] jobs
function M.newest_attempts(rows)
  local by_name, entries = {}, {}
  for _, job in ipairs(rows) do
    local known = by_name[job.name]
    if not known then
      known = { first = job.id, job = job }
      by_name[job.name] = known
      entries[#entries + 1] = known
    else
      if job.id < known.first then known.first = job.id end
      if job.id > known.job.id then known.job = job end
    end
  end
  table.sort(entries, function(a, b) return a.first < b.first end)
  local list = {}
  for i, entry in ipairs(entries) do list[i] = entry.job end
  return list
end

--- Do these jobs make up a pipeline of this status? Of one that still moves they need not: there the
--- two change from read to read. `pipeline` is a row; a pipeline whose configuration is wrong has none.
---@param pipeline table
---@param rows table[] jobs, with the trigger jobs or without; every attempt, or the newest
---@return boolean
function M.jobs_fit(pipeline, rows)
  local status = pipeline.status
  if not verdict.of(status) then return true end
  if #rows == 0 then return pipeline.yaml_errors ~= nil end
  return core.status.compose(M.newest_attempts(rows), false) == status
end

--- Is this log of a job that has ended as new as its end? A script that failed is shown in the last
--- line that the runner writes.
---@param job table
---@param text string the log, or the end of it
---@return boolean
function M.log_fits(job, text)
  if job.status ~= "failed" or job.failure_reason ~= "script_failure" then return true end
  return text:find("Job failed", 1, true) ~= nil
end

return M
