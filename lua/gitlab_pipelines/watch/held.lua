--- What is known of one pipeline or job, and which answer may replace it. Pure.
--
-- GitLab answers from replicas that lag: an answer may be older than the one before. A pipeline's
-- row is replaced only by one with a later `updated_at`; a job's, which has no such field, never
-- goes back from a later part of its life.

local time = require("gitlab_pipelines.core").time
local verdict = require "gitlab_pipelines.watch.verdict"

local M = {}

--- `updated_at` as seconds since 1970, or nil.
---@param row table
---@return number|nil
function M.stamp(row)
  local text = row.updated_at
  return type(text) == "string" and time.parse(text) or nil
end

-- The parts of a job's life, in order. What is not named (an unknown status, `skipped`, `manual`)
-- can be entered and left at any time.
local PART = {
  created = 1, waiting_for_resource = 2, preparing = 2, waiting_for_callback = 2, pending = 3,
  running = 4, canceling = 5, success = 6, failed = 6, canceled = 6,
}

--- What decides about an answer that is no end, and no more: of ten thousand such rows little is
--- to be kept.
---@param row table
---@return table
function M.gist(row)
  return { id = row.id, project_id = row.project_id, status = row.status, source = row.source }
end

-- What lists show of a pipeline, or of a job, to people.
local SHOWN = { "id", "iid", "project_id", "name", "status", "source", "ref", "sha", "web_url",
  "created_at", "updated_at", "stage", "allow_failure" }

--- The same for who wants to be shown what there is.
---@param row table
---@return table
function M.brief(row)
  local brief = {}
  for _, name in ipairs(SHOWN) do brief[name] = row[name] end
  return brief
end

--- Which of a job's answers counts: "new", "same" or "older".
---@param held table|nil
---@param row table
function M.compare_jobs(held, row)
  if not held then return "new" end
  if held.status == row.status then return "same" end
  local before, after = PART[held.status], PART[row.status]
  if before and after and after < before then return "older" end
  return "new"
end

--- Which of a pipeline's answers counts: "new", "same", "older", or "doubtful" (equally old and
--- different: to be read alone).
---@param held table|nil `{row, stamp}`
---@param row table
---@param alone boolean|nil the row was read alone, which settles a doubt
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
  return verdict.is_finished(held.row.status) and "older" or "new"
end

return M
