--- gl.deployments: what was deployed, when and by which job.

local operations = require "gitlab_pipelines.operations"
local paging = require "gitlab_pipelines.api.paging"
local resource = require "gitlab_pipelines.api.resource"

local Deployments = resource.class()

--- The deployments, oldest first unless sorted otherwise.
---@param project integer|string
---@param filters table|nil environment, status, updated_after, ..., order_by, sort, limit, from
---@param opts table|nil timeout, retry, priority
Deployments.list, Deployments.each = paging.methods(operations.deployments.list, "asc")

--- One deployment.
---@param project integer|string
---@param id integer
---@param opts table|nil
---@return table|nil deployment, table|nil err
Deployments.get = resource.method(operations.deployments.get, "deployment_id")

return Deployments
