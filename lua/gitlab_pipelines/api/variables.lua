--- gl.variables: the CI/CD variables of a project.

local errors = require "gitlab_pipelines.errors"
local methods = require "gitlab_pipelines.api.methods"
local operations = require "gitlab_pipelines.operations"
local resource = require "gitlab_pipelines.api.resource"

local variables = operations.variables
local Variables = methods.class "variables"

-- Does the error say that this key and scope exist already?
local function is_taken(err)
  return err.status == 400 and tostring(err.message):find("already been taken", 1, true) ~= nil
end

--- Sets a variable: changes it where its key and scope exist, else makes it. A new one gets
--- `raw = false` unless told otherwise, as GitLab's default differs between versions. One that
--- exists cannot be made hidden: GitLab hides a variable only when it is made.
---@param project integer|string
---@param fields table key, value, variable_type, protected, masked, masked_and_hidden, raw,
--- environment_scope, description
---@param opts table|nil timeout, retry, priority
---@return table|nil variable, table|nil err
function Variables:set(project, fields, opts)
  local create, update = variables.create, variables.update
  local params, steering = resource.split(create, fields, nil, opts)
  params.project = 1
  local message = operations.problem(create, params, resource.option_names)
  if message then resource.blame(message) end
  local changes = {}
  for name, value in pairs(params) do
    if name ~= "masked_and_hidden" and name ~= "environment_scope" then changes[name] = value end
  end
  if params.masked_and_hidden then changes.masked = true end
  if params.raw == nil then params.raw = false end
  changes.filter_scope = params.environment_scope or "*"
  local rest = resource.within(self, steering)
  local row, err = resource.send(self, update, project, changes, rest())
  if row ~= nil or not errors.is_error(err) or not err:is "VariableNotFound" then return row, err end
  row, err = resource.send(self, create, project, params, rest())
  if row == nil and errors.is_error(err) and is_taken(err) then
    -- Somebody made it in between.
    return resource.send(self, update, project, changes, rest())
  end
  return row, err
end

return Variables
