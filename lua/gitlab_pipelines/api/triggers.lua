--- gl.triggers: pipelines made with a trigger token, and the tokens themselves.

local methods = require "gitlab_pipelines.api.methods"
local operations = require "gitlab_pipelines.operations"
local pipelines = require "gitlab_pipelines.api.pipelines"
local resource = require "gitlab_pipelines.api.resource"
local values = require "gitlab_pipelines.api.values"
local watching = require "gitlab_pipelines.api.watching"

local triggers = operations.triggers
local Triggers = methods.class "triggers"

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

return Triggers
