--- Where the bytes of a download go.

local resource = require "gitlab_pipelines.api.resource"

local M = {}

local function check_target(operation, target)
  local kind = type(target)
  if target == nil or kind == "function" or kind == "string" and target ~= "" then return end
  resource.blame(("%s: 'target' must be a file's name or a function, not %s"):format(
    operation.name, kind == "string" and "an empty string" or kind))
end

-- To a file: under another name until it is whole.
local function fetch_file(self, operation, project, params, target, steering)
  local part = ("%s.part-%08x"):format(target,
    math.floor((self.client.runtime and self.client.runtime:random() or math.random()) * 0xffffffff))
  steering.sink = { file = part }
  local result, response = resource.fetch(self, operation, project, params, steering)
  if result == nil then
    os.remove(part)
    return nil, response
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
---@return string|table|nil result the bytes, or {file, bytes, verified}
---@return table|nil err
function M.fetch(self, operation, project, params, target, steering)
  check_target(operation, target)
  if type(target) == "string" then
    return fetch_file(self, operation, project, params, target, steering)
  end
  steering.sink = target
  return resource.send(self, operation, project, params, steering)
end

return M
