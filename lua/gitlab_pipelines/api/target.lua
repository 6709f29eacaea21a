--- Where the bytes of a download go.

local errors = require "gitlab_pipelines.errors"
local resource = require "gitlab_pipelines.api.resource"

local M = {}

local function check_target(operation, target)
  local kind = type(target)
  if target == nil or kind == "function" or kind == "string" and target ~= "" then return end
  resource.blame(("%s: 'target' must be a file's name or a function, not %s"):format(
    operation.name, kind == "string" and "an empty string" or kind))
end

-- To a file: under another name until it is whole.
local function fetch_file(self, operation, project, params, target, steering, check)
  if not require("gitlab_pipelines.store").part.may_be_named(target) then
    return nil, errors.new("TaskError.Cancelled", { operation = operation.name,
      message = ("can not write %s: it is no ordinary file"):format(target) })
  end
  local part = ("%s.part-%08x"):format(target,
    math.floor((self.client.runtime and self.client.runtime:random() or math.random()) * 0xffffffff))
  steering.sink = { file = part }
  local result, response = resource.fetch(self, operation, project, params, steering)
  if result == nil then
    os.remove(part)
    return nil, response
  end
  local accepted, err
  if check then accepted, err = check(response) end
  if check and not accepted then
    os.remove(part)
    return nil, err
  end
  local ok, message = os.rename(part, target)
  if not ok then
    os.remove(part)
    resource.blame(("%s: the file can not be put in its place: %s"):format(operation.name, message))
  end
  return { file = target, bytes = response.bytes, verified = "length" }
end

--- Sends a call whose body goes to a file (under another name until it is whole), to a function, or
--- into a string.
---@param self table the group
---@param operation table
---@param project integer|string
---@param params table
---@param target string|function|nil
---@param steering table checked options
---@param check nil|fun(response: table): true|nil, table|nil judges a file before it gets its name
---@return string|table|nil result the bytes, or {file, bytes, verified}
---@return table|nil err
function M.fetch(self, operation, project, params, target, steering, check)
  check_target(operation, target)
  if type(target) == "string" then
    return fetch_file(self, operation, project, params, target, steering, check)
  end
  steering.sink = target
  return resource.send(self, operation, project, params, steering)
end

return M
