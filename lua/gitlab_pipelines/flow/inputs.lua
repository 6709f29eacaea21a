--- Inputs of a flow: how a script declares them, and the values that they get.

local nearest = require "gitlab_pipelines.flow.nearest"
local refs = require "gitlab_pipelines.flow.refs"
local words = require "gitlab_pipelines.flow.words"

local M = {}

if jit then jit.off(true, true) end

local sorted_keys = refs.sorted_keys

-- Shorter values occur in ordinary words, so replacing them would garble all output.
local MIN_SECRET = 4

--- What is wrong with an input's description, or nil.
---@param name any
---@param spec any
---@return string|nil problem
function M.problem(name, spec)
  if type(name) ~= "string" or not name:match "^[%a_][%w_]*$" then
    return "an input's name must be letters, digits and _, and not start with a digit"
  end
  if type(spec) ~= "table" then
    return ("input '%s' must be described by a table, such as { required = true }"):format(name)
  end
  for _, field in ipairs(sorted_keys(spec)) do
    if not words.input[field] then
      return ("input '%s': there is no field '%s'%s"):format(name, tostring(field),
        nearest.hint(tostring(field), sorted_keys(words.input)))
    end
  end
  local kind = spec.type or "string"
  if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
    return ("input '%s': type must be \"string\", \"number\" or \"boolean\""):format(name)
  end
  if spec.secret and kind ~= "string" then
    -- A secret travels, and is kept out of the journal, as a piece of text.
    return ("input '%s' is secret: its type must be \"string\""):format(name)
  end
  -- The method of the string is the one that a guard limits in time.
  if spec.match ~= nil and (type(spec.match) ~= "string" or not pcall(function()
      return (""):find(spec.match) end)) then
    return ("input '%s': match must be a valid Lua pattern"):format(name)
  end
  if spec.one_of ~= nil and type(spec.one_of) ~= "table" then
    return ("input '%s': one_of must be a list"):format(name)
  end
  if spec.default ~= nil and type(spec.default) ~= kind then
    return ("input '%s': the default must be a %s"):format(name, kind)
  end
end

-- Converts a value, or text from a command line, to the input's type; nil where it cannot.
local function converted(value, type_name)
  if type(value) == type_name then return value end
  if type(value) ~= "string" then
    return type_name == "string" and type(value) == "number" and refs.text(value) or nil
  end
  if type_name == "number" then return tonumber(value) end
  if type_name == "boolean" then
    if value == "true" or value == "yes" or value == "1" then return true end
    if value == "false" or value == "no" or value == "0" then return false end
  end
  return nil
end

-- The input's value, or nil and what is wrong with it.
local function input_value(name, spec, given)
  local kind = spec.type or "string"
  if given == nil then given = spec.default end
  if given == nil then
    if not spec.required then return nil end
    return nil, ("input '%s' is required%s; give it with -i %s=..."):format(name,
      spec.help and " (" .. spec.help .. ")" or "", name)
  end
  local value = converted(given, kind)
  local shown = spec.secret and "its value" or ("'%s'"):format(refs.text(given))
  if value == nil then
    return nil, ("input '%s' must be a %s, and %s is not"):format(name, kind, shown)
  end
  if spec.secret and #refs.text(value) < MIN_SECRET then
    return nil, ("input '%s' is secret: its value must have at least %d characters, "
      .. "or it cannot be hidden"):format(name, MIN_SECRET)
  end
  if spec.match and not refs.text(value):find(spec.match) then
    return nil, ("input '%s' must match %s, and %s does not"):format(name, spec.match, shown)
  end
  if spec.one_of then
    local allowed = {}
    for i, choice in ipairs(spec.one_of) do
      if choice == value then return value end
      allowed[i] = refs.text(choice)
    end
    return nil, ("input '%s' must be one of %s, and %s is not"):format(name,
      table.concat(allowed, ", "), shown)
  end
  return value
end

--- The values of all inputs.
---@param declared table name -> {type, required, default, match, one_of, secret, help}
---@param given table name -> value, or text as from a command line
---@return table|nil values
---@return string[]|nil problems all of them
function M.values(declared, given)
  local values, problems = {}, {}
  for _, name in ipairs(sorted_keys(given)) do
    if not declared[name] then
      problems[#problems + 1] = ("there is no input '%s'%s"):format(tostring(name),
        nearest.hint(tostring(name), sorted_keys(declared)))
    end
  end
  for _, name in ipairs(sorted_keys(declared)) do
    local value, problem = input_value(name, declared[name], given[name])
    values[name] = value
    problems[#problems + 1] = problem
  end
  if #problems > 0 then return nil, problems end
  return values
end

return M
