--- gl.projects: what a project is.

local methods = require "gitlab_pipelines.api.methods"
local project_id = require "gitlab_pipelines.project_id"

local Projects = methods.class "projects"

--- What is known about a project by its path or number: asked once, then remembered.
---@param project integer|string
---@param opts table|nil
---@return table|nil known {id, path, default_branch}
---@return table|nil err
function Projects:resolve(project, opts)
  local checked, err = project_id.check(project, "projects.get")
  if not checked then return nil, err end
  local row
  row, err = self.client:project(checked, opts)
  -- That it may not be read is remembered too, but not why.
  if not row and not err then row, err = self:get(checked, opts) end
  if not row then return nil, err end
  return { id = row.id, path = row.path_with_namespace, default_branch = row.default_branch }
end

return Projects
