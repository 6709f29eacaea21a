--- The groups' plain methods, made from the rows of operations.lua: what a method does that only
-- passes its arguments to one operation follows from the operation.
--
-- gl.GROUP:NAME(project, ..., last, opts): what stands for `...` are the operation's `arguments`, by
-- position, and `last` is a table of filters for a list, of fields for what is made or changed; else
-- it is absent, and `opts` may hold the operation's other parameters too. A group's own module
-- declares only the methods that do more.

local operations = require "gitlab_pipelines.operations"
local paging = require "gitlab_pipelines.api.paging"
local resource = require "gitlab_pipelines.api.resource"

local M = {}

-- The arguments that stand by position, by their names, and those that follow them.
local function by_name(arguments, ...)
  local given = {}
  for i = 1, #arguments do given[arguments[i].name] = (select(i, ...)) end
  return given, select(#arguments + 1, ...)
end

local function list_method(operation, walk)
  local arguments = operation.arguments
  return function(self, project, ...)
    local given, filters, opts = by_name(arguments, ...)
    return walk(self, operation, project, filters, opts, given)
  end
end

-- A method whose table holds parameters of the operation.
local function open_method(operation)
  local arguments = operation.arguments
  return function(self, project, ...)
    local given, fields, opts = by_name(arguments, ...)
    local params, steering = resource.split(operation, fields, nil, opts)
    for i = 1, #arguments do
      local name = arguments[i].name
      params[name] = given[name]
    end
    return resource.send(self, operation, project, params, steering)
  end
end

local function closed_method(operation)
  local arguments = operation.arguments
  return function(self, project, ...)
    local given, opts = by_name(arguments, ...)
    if opts ~= nil then opts = resource.options(operation.name, nil, opts) end
    return resource.send(self, operation, project, given, opts)
  end
end

local function add(class, operation)
  local name = operation.short
  if operation.last == "filters" then
    class[name] = list_method(operation, paging.list)
    if operation.each then class[operation.each] = list_method(operation, paging.each) end
  elseif #operation.further > 0 then
    class[name] = open_method(operation)
  else
    class[name] = closed_method(operation)
  end
end

--- A class for a group, with the plain methods of its operations: {gl =, client =} by `Class.new(gl)`.
---@param group string such as "environments"
---@return table class
function M.class(group)
  local class = resource.class()
  for _, operation in ipairs(operations.all) do
    if operation.group == group and not operation.inner then add(class, operation) end
  end
  return class
end

return M
