--- gl.projects: what a project is.

local operations = require "gitlab_pipelines.operations"
local resource = require "gitlab_pipelines.api.resource"

local Projects = resource.class()

--- One project.
---@param project integer|string number or full path
---@param opts table|nil timeout, retry, priority
---@return table|nil project, table|nil err
Projects.get = resource.method(operations.projects.get)

--- What is known about a project by its path or number: asked once, then remembered.
---@param project integer|string
---@param opts table|nil
---@return table|nil known {id, path, default_branch}
---@return table|nil err
function Projects:resolve(project, opts)
  local checked, err = resource.project(project, "projects.get")
  if not checked then return nil, err end
  self.known = self.known or {}
  local known = self.known[checked]
  if known then return known end
  local row
  row, err = self:get(checked, opts)
  if not row then return nil, err end
  known = { id = row.id, path = row.path_with_namespace, default_branch = row.default_branch }
  self.known[checked] = known
  if known.id then self.known[known.id] = known end
  return known
end

return Projects
