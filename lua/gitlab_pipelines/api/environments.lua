--- gl.environments: where a project is deployed to.

local operations = require "gitlab_pipelines.operations"
local paging = require "gitlab_pipelines.api.paging"
local resource = require "gitlab_pipelines.api.resource"

local environments = operations.environments
local Environments = resource.class()

--- The environments, as an array or one after the other.
---@param project integer|string
---@param filters table|nil name or search, states, limit, from, per_page, page
---@param opts table|nil timeout, retry, priority
Environments.list, Environments.each = paging.methods(environments.list)

--- One environment with its last deployment.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return table|nil environment, table|nil err
Environments.get = resource.method(environments.get, "environment_id")

--- Deletes a stopped environment.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return true|nil ok, table|nil err
Environments.delete = resource.method(environments.delete, "environment_id")

--- Stops an environment.
---@param project integer|string
---@param id integer
---@param opts table|nil force (do not run its on_stop job), and the usual
---@return table|nil environment, table|nil err
function Environments:stop(project, id, opts)
  local params, steering = resource.split(environments.stop, opts)
  params.environment_id = id
  return resource.send(self, environments.stop, project, params, steering)
end

--- Makes an environment.
---@param project integer|string
---@param fields table name, external_url, tier, description, ...
---@param opts table|nil
---@return table|nil environment, table|nil err
function Environments:create(project, fields, opts)
  local params, steering = resource.split(environments.create, fields, nil, opts)
  return resource.send(self, environments.create, project, params, steering)
end

--- Changes an environment.
---@param project integer|string
---@param id integer
---@param fields table external_url, tier, description, ...
---@param opts table|nil
---@return table|nil environment, table|nil err
function Environments:update(project, id, fields, opts)
  local params, steering = resource.split(environments.update, fields, nil, opts)
  params.environment_id = id
  return resource.send(self, environments.update, project, params, steering)
end

return Environments
