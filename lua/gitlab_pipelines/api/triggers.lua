--- gl.triggers: pipelines made with a trigger token, and the tokens themselves.

local operations = require "gitlab_pipelines.operations"
local paging = require "gitlab_pipelines.api.paging"
local pipelines = require "gitlab_pipelines.api.pipelines"
local resource = require "gitlab_pipelines.api.resource"
local values = require "gitlab_pipelines.api.values"
local watching = require "gitlab_pipelines.api.watching"

local triggers = operations.triggers
local Triggers = resource.class()

--- Makes a pipeline at the trigger endpoint. The token goes into the body, never into an address.
---@param project integer|string
---@param fields table token (a secret, gitlab.secret.named "NAME" or a string; with a job token as
--- the client's own it may be left out), ref, variables, inputs, once
---@param opts table|nil timeout, retry, priority
---@return table|nil pipeline, table|nil err
function Triggers:run(project, fields, opts)
  local run = triggers.run
  local params, steering = resource.split(run, fields, pipelines.create_options, opts)
  params.inputs = values.inputs(run, params.inputs)
  local variables, err = values.variable_map(run, params.variables)
  if err then return nil, err end
  params.variables = variables
  -- What a token function gives is known only once it has been asked.
  local auth = self.client.auth
  if params.token == nil and (auth == nil or auth == "job") then
    local own
    own, err = self.client:credential()
    if self.client.auth == "job" then params.token = own end
  else
    params.token, err = self.gl.secrets:resolve(params.token)
  end
  if err then return nil, err end
  return watching.saw(self, project, "pipeline",
    resource.create(self, run, project, params, steering, pipelines.create_options))
end

--- The trigger tokens of a project.
---@param project integer|string
---@param filters table|nil limit, per_page, page
---@param opts table|nil
---@return table[]|nil rows, table|nil err
Triggers.list = paging.methods(triggers.list)

--- One trigger token.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return table|nil trigger, table|nil err
Triggers.get = resource.method(triggers.get, "trigger_id")

--- Makes a trigger token.
---@param project integer|string
---@param fields table description (required), expires_at
---@param opts table|nil
---@return table|nil trigger with `token`, whole
---@return table|nil err
function Triggers:create(project, fields, opts)
  local params, steering = resource.split(triggers.create, fields, nil, opts)
  return resource.send(self, triggers.create, project, params, steering)
end

--- Changes the description of a trigger token.
---@param project integer|string
---@param id integer
---@param fields table description
---@param opts table|nil
---@return table|nil trigger, table|nil err
function Triggers:update(project, id, fields, opts)
  local params, steering = resource.split(triggers.update, fields, nil, opts)
  params.trigger_id = id
  return resource.send(self, triggers.update, project, params, steering)
end

--- Revokes a trigger token.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return true|nil ok, table|nil err
Triggers.delete = resource.method(triggers.delete, "trigger_id")

return Triggers
