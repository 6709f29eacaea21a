--- Reads until the answer is as new as what was seen: `freshness.judge` decides, this waits.

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

--- Asks again and again.
---@param rt table the runtime
---@param seen gitlab_pipelines.Seen what implies that there is an answer
---@param question fun(): any, any gives the value and whether it fits; nil and an error; or nil: absent
---@param deadline number|nil on the runtime's clock
---@param what string what is read, for the error at the deadline
---@return any value nil without an error: it is gone
---@return table|nil err
function M.settled(rt, seen, question, deadline, what)
  local pause = FIRST
  while true do
    local value, fits = question()
    local err = value == nil and fits or nil
    if err and not M.is_missing(err) then return nil, err end
    local decision, again = freshness.judge(seen, rt:now(), value, value == nil or fits ~= false)
    if decision == "value" then return value end
    if decision == "gone" then return nil, err end
    local now = rt:now()
    if deadline and now >= deadline then
      return nil, errors.new("WaitError.TimedOut", { cause = err,
        message = what .. " could not be read before the deadline" })
    end
    local at = math.min(now + pause, math.max(again, now), deadline or math.huge)
    if not rt:pause(at - now) then
      return nil, errors.new("TaskError.Cancelled", { message = "reading " .. what .. " was cancelled" })
    end
    pause = math.min(pause * FACTOR, MOST)
  end
end

return M
