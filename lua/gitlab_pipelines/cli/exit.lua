--- Exit codes, as one table: what a shell script may rely on.

local M = {}

M.success = 0
M.failed = 1
M.usage = 2
M.canceled = 3
M.timed_out = 4
M.blocked = 5
M.refused = 6
M.interrupted = 130
M.terminated = 143

-- By verdict of a wait, status of a pipeline, a job or a run.
local by_verdict = {
  success = M.success, failed = M.failed, canceled = M.canceled, skipped = M.canceled,
  stuck = M.timed_out, timed_out = M.timed_out, blocked = M.blocked, manual = M.blocked,
  interrupted = M.interrupted,
}

-- By name of an error; the first that fits. Everything else was refused.
local by_error = {
  { "FlowError.StepFailed", M.failed },
  { "FlowError.RunHeld", M.refused },
  { "FlowError.JournalUnusable", M.refused },
  { "FlowError", M.usage },
  { "ConfigurationError", M.usage },
  { "PipelineError.InvalidVariable", M.usage },
  { "WaitError.TimedOut", M.timed_out },
  { "TaskError.Cancelled", M.interrupted },
}

--- The exit code for a verdict or a status; an unknown one counts as failed.
---@param verdict string
---@return integer
function M.of_verdict(verdict)
  return by_verdict[verdict] or M.failed
end

--- The exit code for an error object.
---@param err table
---@return integer
function M.of_error(err)
  for _, row in ipairs(by_error) do
    if err:is(row[1]) then return row[2] end
  end
  return M.refused
end

return M
