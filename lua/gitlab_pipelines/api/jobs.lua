--- gl.jobs: the jobs of pipelines and projects, and their logs.

local logs = require "gitlab_pipelines.api.logs"
local methods = require "gitlab_pipelines.api.methods"
local operations = require "gitlab_pipelines.operations"
local resource = require "gitlab_pipelines.api.resource"
local values = require "gitlab_pipelines.api.values"
local watching = require "gitlab_pipelines.api.watching"

local jobs = operations.jobs
local Jobs = methods.class "jobs"

-- Methods whose options are the operation's body too.
local function with_body(operation)
  return function(self, project, id, opts)
    local params, steering = resource.split(operation, opts)
    params.job_id = id
    params.inputs = values.inputs(operation, params.inputs)
    if params.variables ~= nil then
      local variables, err = values.job_variable_list(operation, params.variables)
      if err then return nil, err end
      params.variables = variables
    end
    return watching.saw(self, project, "job",
      resource.send(self, operation, project, params, steering))
  end
end

--- Runs a job again.
---@param project integer|string
---@param id integer
---@param opts table|nil inputs (GitLab 18.10 and later), and the usual
---@return table|nil job the new job, with an id of its own
---@return table|nil err
Jobs.retry = with_body(jobs.retry)

--- Cancels a job. A finished one comes back unchanged.
---@param project integer|string
---@param id integer
---@param opts table|nil force (end a job that is canceling already), and the usual
---@return table|nil job, table|nil err
Jobs.cancel = with_body(jobs.cancel)

--- Starts a manual job.
---@param project integer|string
---@param id integer
---@param opts table|nil variables, inputs, and the usual
---@return table|nil job, table|nil err JobNotPlayable
Jobs.play = with_body(jobs.play)

--- The log of a job as GitLab holds it now; an empty text when there is none yet.
---@param project integer|string
---@param id integer
---@param opts table|nil format ("text": without escapes and timestamps; "raw", "ansi", "html"),
--- from_line, lines (how many), section (its name), tail (the last so many lines), and the usual
---@return string|nil text
---@return table|nil err LogsNotAvailable: erased, not to be read, or of a trigger job; BodyTooLarge: longer
--- than `max_bytes` (then ask for a part, or save it)
function Jobs:log(project, id, opts)
  return logs.log(self, project, id, opts)
end

--- Saves the log as GitLab sends it. The file appears under its name when it is whole.
---@param project integer|string
---@param id integer
---@param file string
---@param opts table|nil the usual
---@return table|nil saved {file, bytes, verified}
---@return table|nil err
function Jobs:save_log(project, id, file, opts)
  return logs.save_log(self, project, id, file, opts)
end

--- Finds lines of a job's log.
---@param project integer|string
---@param id integer
---@param pattern string a Lua pattern, matched against the plain text of each line
---@param opts table|nil plain (the pattern is a plain text), section, before, after, context (both;
--- default 0), limit (at most so many hits), and the usual
---@return table[]|nil hits {number, text, section, time, before, after}
---@return table|nil err
function Jobs:search_log(project, id, pattern, opts)
  return logs.search_log(self, project, id, pattern, opts)
end

--- Follows the log of a job until it ends, or with `pipeline = true` those of all jobs of a pipeline.
---@param project integer|string
---@param id integer a job's id, with `pipeline` a pipeline's
---@param opts table on_line(line) with line = {number, text, plain, time, stream, section, job};
--- from (line number, in each job's log), on_restart(reason) when the log is another than before and
--- begins again, format, timeout (default 2 h)
---@return table|nil job or pipeline
---@return string|table|nil verdict as for `wait`, or the error
---@return integer|nil exit_code that the log's last line tells
function Jobs:follow(project, id, opts)
  return logs.follow(self, project, id, opts)
end

--- Waits until a job is finished or blocked.
---@param project integer|string
---@param id integer
---@param opts table|nil timeout, appear, on_change, on_manual, stuck_after, interval
---@return table|nil job
---@return string|table|nil verdict as for pipelines, or the error
function Jobs:wait(project, id, opts)
  return watching.wait(self, "wait_job", "jobs.wait", project, id, opts)
end

return Jobs
