--- gl.pipelines: making, reading, steering and waiting for pipelines.

local methods = require "gitlab_pipelines.api.methods"
local operations = require "gitlab_pipelines.operations"
local resource = require "gitlab_pipelines.api.resource"
local values = require "gitlab_pipelines.api.values"
local tree = require "gitlab_pipelines.api.tree"
local watching = require "gitlab_pipelines.api.watching"

local pipelines = operations.pipelines
local Pipelines = methods.class "pipelines"

local CREATE_OPTIONS = {
  once = { type = "string" },
  adopt = { type = "string|integer" },
  send_again = { type = "boolean" },
  journal = { type = "table" },
  given_up = { type = "function" },
}
Pipelines.create_options = CREATE_OPTIONS

--- Makes a pipeline.
---@param project integer|string
---@param fields table ref (required), variables, inputs, once, adopt
---@param opts table|nil timeout, retry, priority
---@return table|nil pipeline with `adopted = true` when `once` found it
---@return table|nil err
function Pipelines:create(project, fields, opts)
  local params, steering = resource.split(pipelines.create, fields, CREATE_OPTIONS, opts)
  params.inputs = values.inputs(pipelines.create, params.inputs)
  local variables, err = values.variable_list(pipelines.create, params.variables)
  if err then return nil, err end
  params.variables = variables
  return watching.saw(self, project, "pipeline",
    resource.create(self, pipelines.create, project, params, steering, CREATE_OPTIONS))
end

--- Cancels what still runs. A finished pipeline comes back unchanged.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return table|nil pipeline, table|nil err
function Pipelines:cancel(project, id, opts)
  return watching.saw(self, project, "pipeline", resource.send(self, pipelines.cancel, project,
    { pipeline_id = id }, resource.options(pipelines.cancel.name, nil, opts)))
end

--- Runs the failed and canceled jobs again.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return table|nil pipeline, table|nil err
function Pipelines:retry(project, id, opts)
  return watching.saw(self, project, "pipeline", resource.send(self, pipelines.retry, project,
    { pipeline_id = id }, resource.options(pipelines.retry.name, nil, opts)))
end

--- The jobs of a pipeline that start other pipelines, as GitLab gives them.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return table[]|nil jobs each with `downstream_pipeline` once that is made
---@return table|nil err
function Pipelines:trigger_jobs(project, id, opts)
  return tree.trigger_jobs(self, project, id, resource.options("pipelines.trigger_jobs", nil, opts))
end

--- The stages of a pipeline in order, each {name, status, jobs}: the newest attempt of every job,
--- the status composed from them by GitLab's rules.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return table[]|nil stages, table|nil err
function Pipelines:stages(project, id, opts)
  return tree.stages(self, project, id, resource.options("pipelines.stages", nil, opts))
end

--- The pipelines that a pipeline has started, each as GitLab shows it within its trigger job, which
--- stands beside it as `trigger_job`.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return table[]|nil pipelines, table|nil err
function Pipelines:downstream(project, id, opts)
  return tree.downstream(self, project, id, resource.options("pipelines.downstream", nil, opts))
end

--- A pipeline with `stages`, `jobs` and, recursively, `downstream`; `first_failure` is the job that
--- failed first. A downstream that may not be read has `error` instead of stages.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return table|nil tree, table|nil err
function Pipelines:tree(project, id, opts)
  return tree.tree(self, project, id, resource.options("pipelines.tree", nil, opts))
end

--- Waits until a pipeline is finished, blocked or stuck.
---@param project integer|string
---@param id integer
---@param opts table|nil timeout (default 2 h), appear, on_change, on_manual, downstream,
--- cancel_on_timeout, stuck_after, interval, wake
---@return table|nil pipeline
---@return string|table|nil verdict success, failed, canceled, skipped, blocked or stuck; or the
--- error (WaitError.TimedOut at the deadline)
function Pipelines:wait(project, id, opts)
  return watching.wait(self, "wait", "pipelines.wait", project, id, opts)
end

return Pipelines
