-- Calls of the API's plain methods, which follow from the rows of operations.lua: so that a spec of all
-- operations has those of a new row too.

local operations = require "gitlab_pipelines.operations"

local M = {}

local unpack = table.unpack or unpack

-- A value that would be right, by the type of a parameter.
local right = { id = 3, key = "K", string = "x", integer = 1, boolean = true, time = 1767225600, strings = "x",
  secret = "glptt-0123456789", value = "v", inputs = {} }

--- Values that a call needs: name -> value.
function M.values(operation)
  local given = {}
  for _, p in ipairs(operation.params) do
    if p.required and p.name ~= "project" then given[p.name] = p.one_of and p.one_of[1] or right[p.type] end
  end
  return given
end

--- A function (gl, project, given) that calls the operation's method with values by their names.
function M.call(operation)
  local count = #operation.arguments
  return function(gl, project, given)
    local values, rest = {}, {}
    for name, value in pairs(given) do rest[name] = value end
    for i, p in ipairs(operation.arguments) do values[i], rest[p.name] = given[p.name], nil end
    if operation.last or next(rest) then values[count + 1] = rest end
    local group = gl[operation.group]
    return group[operation.short](group, project, unpack(values, 1, count + 1))
  end
end

--- The operations with a method but those that `named` has (name -> true).
function M.others(named)
  local list = {}
  for _, operation in ipairs(operations.all) do
    if not operation.inner and not named[operation.name] then list[#list + 1] = operation end
  end
  return list
end

return M
