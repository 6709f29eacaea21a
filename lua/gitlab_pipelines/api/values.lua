--- Variables and inputs as each of GitLab's endpoints wants them.
--
-- A caller gives variables as a map {KEY = "value"} or as an array of {key, value, variable_type}.
-- `POST /pipeline` wants an array of objects, the trigger endpoint one object, a manual job an
-- array without types. Names and values are checked here, before anything is sent.

local errors = require "gitlab_pipelines.errors"
local json = require "gitlab_pipelines.json"
local resource = require "gitlab_pipelines.api.resource"

local M = {}

local fields = { key = true, value = true, variable_type = true }

local function invalid(operation, message)
  return nil, errors.new("PipelineError.InvalidVariable",
    { message = message, operation = operation.name })
end

local function is_secret(value)
  return type(value) == "userdata" and require("gitlab_pipelines.core").secret.is(value)
end

local function shown(name)
  if type(name) ~= "string" then return "a " .. type(name) end
  return (("%q"):format(#name > 60 and name:sub(1, 60) .. "..." or name):gsub("\n", "n"))
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) ~= type(b) then return type(a) < type(b) end
    if type(a) == "string" or type(a) == "number" then return a < b end
    return tostring(a) < tostring(b)
  end)
  return keys
end

-- A map or an array of the caller as an array of {key, value, variable_type}, or nil and what is
-- wrong with it.
local function rows_of(variables)
  local rows = {}
  if #variables > 0 then
    local count = 0
    for _ in pairs(variables) do count = count + 1 end
    if count ~= #variables then return nil, "variables must be a map or an array, not both" end
    for i, row in ipairs(variables) do
      if type(row) ~= "table" then
        return nil, ("variable %d must be {key =, value =}, not a %s"):format(i, type(row))
      end
      for _, field in ipairs(sorted_keys(row)) do
        if not fields[field] then
          return nil, ("variable %d has an unknown field %s (known: key, value, variable_type)")
            :format(i, shown(field))
        end
      end
      rows[i] = { key = row.key, value = row.value, variable_type = row.variable_type }
    end
    return rows
  end
  for i, key in ipairs(sorted_keys(variables)) do
    rows[i] = { key = key, value = variables[key] }
  end
  return rows
end

local function row_problem(row, seen)
  if type(row.key) ~= "string" or not row.key:match "^[A-Za-z_][A-Za-z0-9_]*$" then
    return ("%s cannot be the name of a variable: letters, digits and _, no digit first")
      :format(shown(row.key))
  end
  if type(row.value) ~= "string" and not is_secret(row.value) then
    return ("the value of variable %s must be a string, not a %s"):format(row.key, type(row.value))
  end
  if row.variable_type ~= nil and row.variable_type ~= "env_var" and row.variable_type ~= "file" then
    return ("variable %s: variable_type must be env_var or file, not %s"):format(row.key,
      shown(row.variable_type))
  end
  if seen[row.key] then return ("variable %s is given twice"):format(row.key) end
  seen[row.key] = true
end

-- The checked rows, nil where there are none, or nil and an error.
local function checked_rows(operation, variables)
  if variables == nil then return nil end
  if type(variables) ~= "table" then
    resource.blame(("%s: 'variables' must be a table, not %s"):format(operation.name,
      type(variables)))
  end
  local rows, message = rows_of(variables)
  if not rows then return invalid(operation, message) end
  local seen = {}
  for _, row in ipairs(rows) do
    message = row_problem(row, seen)
    if message then return invalid(operation, message) end
  end
  return #rows > 0 and rows or nil
end

local function no_files(operation, rows)
  for _, row in ipairs(rows) do
    if row.variable_type == "file" then
      return ("variable %s: %s cannot carry variables of type file"):format(row.key,
        operation.name)
    end
  end
end

--- Variables for `POST /pipeline`: an array of {key, value, variable_type}.
---@param operation table
---@param variables table|nil
---@return table|nil list nil when there are none
---@return table|nil err PipelineError.InvalidVariable
function M.variable_list(operation, variables)
  local rows, err = checked_rows(operation, variables)
  if not rows then return nil, err end
  return json.array(rows)
end

--- Variables for the trigger endpoint: one object.
---@param operation table
---@param variables table|nil
---@return table|nil map nil when there are none
---@return table|nil err PipelineError.InvalidVariable
function M.variable_map(operation, variables)
  local rows, err = checked_rows(operation, variables)
  if not rows then return nil, err end
  local message = no_files(operation, rows)
  if message then return invalid(operation, message) end
  local map = {}
  for _, row in ipairs(rows) do map[row.key] = row.value end
  return map
end

--- Variables for a manual job: an array of {key, value}.
---@param operation table
---@param variables table|nil
---@return table|nil list nil when there are none
---@return table|nil err PipelineError.InvalidVariable
function M.job_variable_list(operation, variables)
  local rows, err = checked_rows(operation, variables)
  if not rows then return nil, err end
  local message = no_files(operation, rows)
  if message then return invalid(operation, message) end
  local list = {}
  for i, row in ipairs(rows) do list[i] = { key = row.key, value = row.value } end
  return json.array(list)
end

--- Inputs, with their types and exact names. A mistake raises.
---@param operation table
---@param inputs table|nil
---@return table|nil inputs nil when there are none
function M.inputs(operation, inputs)
  if inputs == nil then return nil end
  if type(inputs) ~= "table" then
    resource.blame(("%s: 'inputs' must be a table of inputs, not %s"):format(operation.name,
      type(inputs)))
  end
  local any = false
  for _, name in ipairs(sorted_keys(inputs)) do
    any = true
    local value = inputs[name]
    if type(name) ~= "string" or name == "" then
      resource.blame(("%s: 'inputs' must be a map by name, not an array"):format(operation.name))
    end
    if type(value) == "function" or type(value) == "thread" then
      resource.blame(("%s: input '%s' must be a string, number, boolean or array, not %s"):format(
        operation.name, name, type(value)))
    end
    if type(value) == "table" and next(value) == nil and not json.is_array(value)
      and value ~= json.null then
      resource.blame(("%s: input '%s' is an empty table: write gitlab.array{} for an empty array")
        :format(operation.name, name))
    end
  end
  return any and inputs or nil
end

return M
