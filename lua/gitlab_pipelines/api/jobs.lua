--- gl.jobs: the jobs of pipelines and projects, and their logs.

local logs = require "gitlab_pipelines.api.logs"
local operations = require "gitlab_pipelines.operations"
local paging = require "gitlab_pipelines.api.paging"
local resource = require "gitlab_pipelines.api.resource"
local shape = require "gitlab_pipelines.api.shape"
local watching = require "gitlab_pipelines.api.watching"

local jobs = operations.jobs
local Jobs = resource.class()

--- The jobs of a pipeline, newest first, as one array.
---@param project integer|string
---@param pipeline_id integer
---@param filters table|nil scope (a status or several), include_retried, limit, from
---@param opts table|nil timeout, retry, priority
---@return table[]|nil rows, table|nil err
function Jobs:list(project, pipeline_id, filters, opts)
  return paging.list(self, jobs.list, project, filters, opts,
    { given = { pipeline_id = pipeline_id }, sorted = "desc" })
end

--- The same one after the other; raises the error object.
---@param project integer|string
---@param pipeline_id integer
---@param filters table|nil
---@param opts table|nil
---@return fun(): table|nil iterator
function Jobs:each(project, pipeline_id, filters, opts)
  return paging.each(self, jobs.list, project, filters, opts,
    { given = { pipeline_id = pipeline_id }, sorted = "desc" })
end

--- The jobs of a project, newest first: as one array, or one after the other.
---@param project integer|string
---@param filters table|nil scope (a status or several), ref, limit, from
---@param opts table|nil timeout, retry, priority
Jobs.list_project, Jobs.each_project = paging.methods(jobs.list_project, "desc")

--- One job.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return table|nil job, table|nil err
Jobs.get = resource.method(jobs.get, "job_id")

-- Methods whose options are the operation's body too.
local function with_body(operation)
  return function(self, project, id, opts)
    local params, steering = resource.split(operation, opts)
    params.job_id = id
    params.inputs = shape.inputs(operation, params.inputs)
    if params.variables ~= nil then
      local variables, err = shape.job_variable_list(operation, params.variables)
      if err then return nil, err end
      params.variables = variables
    end
    return resource.send(self, operation, project, params, steering)
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

--- Deletes the log and the artifacts of a job.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return table|nil job, table|nil err JobNotErasable
Jobs.erase = resource.method(jobs.erase, "job_id")

Jobs.log = logs.log
Jobs.save_log = logs.save_log
Jobs.search_log = logs.search_log
Jobs.follow = logs.follow

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
