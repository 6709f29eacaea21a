--- What names a project: its number, or its full path.
--
-- The one place that decides it; the API, the client, the operations and the flow's loader ask here.
-- A path is at least a group and a name, joined by slashes, at most 255 bytes. Each piece consists of
-- ASCII letters, digits, `_`, `-` and `.`, does not begin with `-` and does not end with `.`, which
-- leaves no way to write `..`, an escape, a space or a control character.

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

--- The project as an address names it.
---@param value any
---@return integer|string|nil project a text of digits is the number that it shows; nil: no project
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

--- The same, with the error for a value that names no project.
---@param value any
---@param operation string|nil for the error
---@return integer|string|nil project
---@return table|nil err ConfigurationError.InvalidProjectId
function M.check(value, operation)
  local project = M.of(value)
  if project then return project end
  return nil, errors.new("ConfigurationError.InvalidProjectId", { operation = operation,
    message = "a project is a number or a full path such as group/app, not " .. shown(value) })
end

return M
