--- Reads until the response is as new as what was seen: `freshness.judge` decides, this waits.
--
-- One read that is repeated while replicas lag, for minutes at most: it awaits nothing that is still to
-- happen, and so has no part in the scheduler's polling.

local errors = require "gitlab_pipelines.errors"
local freshness = require "gitlab_pipelines.watch.freshness"

local M = {}

-- Seconds between two reads, first and at most.
local FIRST, MOST, FACTOR = 1, 10, 1.5

local MISSING = {
  ["AccessError.PipelineNotFound"] = true, ["AccessError.JobNotFound"] = true,
  ["AccessError.ArtifactNotFound"] = true,
}

--- Does the error say that GitLab does not have it, or does not show it yet?
---@param err any
---@return boolean
function M.is_missing(err)
  return errors.is_error(err) and MISSING[err.category .. "." .. err.kind] == true
end

--- Will every later read fail in the same way?
---@param err table
---@return boolean
function M.is_definite(err)
  return err:is "AccessError" or err:is "AuthenticationError" or err:is "ConfigurationError"
    or err:is "JobError"
end

--- What a client knows of a pipeline or job that it made, awaited or acted on lately, or nil.
---@param gl table
---@param project integer|string
---@param kind string "pipeline" or "job"
---@param id integer
---@return table|nil known `{visible_by, row, stamp}`, a note for freshness.judge
function M.known(gl, project, kind, id)
  local watcher = rawget(gl, "watcher")
  return watcher and watcher:known(project, kind, id)
end

--- Are these jobs as new as their pipeline? Trigger jobs count for that too, and are read only where
--- the jobs alone do not make up the pipeline's status.
---@param pipeline table
---@param rows table[] jobs
---@param bridges fun(): table[]|nil, table|nil reads the trigger jobs
---@return boolean|nil fit
---@return table|nil err
function M.jobs_fit(pipeline, rows, bridges)
  if freshness.jobs_fit(pipeline, rows) then return true end
  local more, err = bridges()
  if not more then return nil, err end
  local all = {}
  for _, list in ipairs { rows, more } do
    for _, row in ipairs(list) do all[#all + 1] = row end
  end
  return freshness.jobs_fit(pipeline, all)
end

--- Reads again and again.
---@param rt table the runtime
---@param seen gitlab_pipelines.Seen what implies that there is something to read
---@param read fun(): any, any gives the value and whether it fits; nil and an error; or nil: absent
---@param deadline number|nil on the runtime's clock
---@param what string what is read, for the error at the deadline
---@return any value nil without an error: it is gone
---@return table|nil err
---@return any older at the deadline: what was read, and is older than what was seen
function M.settled(rt, seen, read, deadline, what)
  local pause = FIRST
  while true do
    local value, fits = read()
    local err = value == nil and fits or nil
    if err and not M.is_missing(err) then return nil, err end
    local decision, again = freshness.judge(seen, rt:now(), value, value == nil or fits ~= false)
    if decision == "value" then return value end
    if decision == "gone" then return nil, err end
    local now = rt:now()
    if deadline and now >= deadline then
      return nil, errors.new("WaitError.TimedOut", { cause = err,
        message = what .. " could not be read before the deadline" }), value
    end
    local at = math.min(now + pause, math.max(again, now), deadline or math.huge)
    if not rt:pause(at - now) then
      return nil, errors.new("TaskError.Cancelled", { message = "reading " .. what .. " was cancelled" })
    end
    pause = math.min(pause * FACTOR, MOST)
  end
end

--- All fields of what a wait has ended with. Lists show fewer than a pipeline read by itself, and of one
--- that is stuck only the gist was kept.
---@param rt table the runtime
---@param source table see watch/init.lua
---@param entry table the scheduler's
---@param deadline number|nil
---@return table row as it is known, where the whole one is not to be had
function M.whole(rt, source, entry, deadline)
  local row, project, id = entry.row, entry.project.name, entry.id
  local read = entry.kind == "job" and source.job or source.get
  local full = M.settled(rt, entry, function()
    local found, err = read(project, id)
    if not found then return nil, err end
    return found, freshness.age(entry.kind, entry, found) ~= "older"
  end, deadline, "the pipeline")
  return full and full.status == row.status and full or row
end

return M
