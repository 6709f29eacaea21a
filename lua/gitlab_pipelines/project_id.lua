--- Project identifiers: a number or a full path.
--
-- The only validation of them, for the API, the client, the operations and the flow loader. A path has
-- at least a group and a name, joined by slashes, and at most 255 bytes. Each segment consists of
-- ASCII letters, digits, `_`, `-` and `.`, does not begin with `-` and does not end with `.`. This
-- excludes `..`, escapes, spaces and control characters.

local errors = require "gitlab_pipelines.errors"

local M = {}

local find, match = string.find, string.match
local tointeger = rawget(math, "tointeger") or function(value) return value end

local LONGEST, NUMBERS = 255, 2 ^ 53

local function is_path(text)
  return #text <= LONGEST
    and find(text, "^[A-Za-z0-9_.][A-Za-z0-9_.-]*/[A-Za-z0-9_./-]*[A-Za-z0-9_-]$") ~= nil
    and not find(text, "//", 1, true) and not find(text, "/-", 1, true)
    and not find(text, "./", 1, true)
end

--- Returns the project as used in a URL.
---@param value any
---@return integer|string|nil project a string of digits becomes a number; nil if invalid
function M.of(value)
  local number = value
  if type(value) == "string" then
    if is_path(value) then return value end
    number = match(value, "^%d+$") and tonumber(value)
  end
  if type(number) == "number" and number > 0 and number < NUMBERS and number % 1 == 0 then
    return tointeger(number)
  end
  return nil
end

local function shown(value)
  if type(value) == "number" then return ("%.14g"):format(value) end
  if type(value) ~= "string" then return type(value) end
  return (("%q"):format(#value > 60 and value:sub(1, 60) .. "..." or value):gsub("\n", "n"))
end

--- The same, with an error for an invalid value.
---@param value any
---@param operation string|nil for the error
---@return integer|string|nil project
---@return table|nil err ConfigurationError.InvalidProjectId
function M.check(value, operation)
  local project = M.of(value)
  if project then return project end
  return nil, errors.new("ConfigurationError.InvalidProjectId", { operation = operation,
    message = "a project must be a number or a full path such as group/app, not " .. shown(value) })
end

return M
