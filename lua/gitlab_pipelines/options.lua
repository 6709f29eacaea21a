--- Validates a table of options against a small descriptor.
--
-- A programming error is raised at the caller's line. It names the function and the option and, for
-- an unknown option, the known ones. Durations may be seconds or text ("1h30m").

local M = {}

local units = { d = 86400, h = 3600, m = 60, s = 1 }

--- Parses a duration: seconds, or text such as "90s", "30m", "1h30m", "1.5h".
---@param value number|string
---@return number|nil seconds nil if it is invalid or negative
function M.seconds(value)
  if type(value) == "number" then
    return value >= 0 and value == value and value or nil
  end
  if type(value) ~= "string" then return nil end
  if value:match "^%d+%.?%d*$" then return tonumber(value) end
  local total, rest = 0, value
  while rest ~= "" do
    local amount, unit, after = rest:match "^(%d+%.?%d*)([dhms])(.*)$"
    if not amount then return nil end
    total, rest = total + tonumber(amount) * units[unit], after
  end
  return value ~= "" and total or nil
end

local function names(list)
  local sorted = {}
  for name in pairs(list) do sorted[#sorted + 1] = tostring(name) end
  table.sort(sorted)
  return sorted
end

-- Is `value` of `type_name`? Besides Lua's types: "integer", "duration", "any".
local function fits(value, type_name)
  if type_name == "any" then return true end
  if type_name == "duration" then return M.seconds(value) ~= nil end
  if type_name == "integer" then
    return type(value) == "number" and value % 1 == 0 and value < 2 ^ 53 and value > -2 ^ 53
  end
  return type(value) == type_name
end

local function article(type_name)
  return type_name:match "^[aei]" and "an " .. type_name or "a " .. type_name
end

-- The value in a message: strings, and numbers where a number is allowed; otherwise the type.
local function shown(value, rule)
  if rule.secret then return type(value) end
  if type(value) == "string" then return ("%q"):format(value) end
  local other = rule.type:find "number" or rule.type:find "integer" or rule.type:find "duration"
  return type(value) == "number" and other and ("%.14g"):format(value) or type(value)
end

-- Returns what is wrong with one option's value, or nil.
local function value_problem(where, name, rule, value)
  if value == false and rule.off then return nil end
  local ok, wanted = false, {}
  for alternative in rule.type:gmatch "[^|]+" do
    ok = ok or fits(value, alternative)
    wanted[#wanted + 1] = article(alternative)
  end
  if not ok then
    return ("%s: option '%s' must be %s, not %s"):format(where, name,
      table.concat(wanted, " or ") .. (rule.off and " or false" or ""),
      shown(value, rule))
  end
  local allowed = not rule.one_of
  for _, one in ipairs(rule.one_of or {}) do allowed = allowed or value == one end
  if not allowed then
    return ("%s: option '%s' must be one of %s, not %s"):format(where, name,
      table.concat(rule.one_of, ", "), tostring(value))
  end
  local message = rule.check and rule.check(value)
  return message and ("%s: option '%s' %s"):format(where, name, message) or nil
end

--- Returns what is wrong with `given`, as one line, or nil. Of several errors it is always the same
--- one: unknown options first, then the others, each in the order of their names.
---@param where string the function's name, for the message
---@param descriptor table see `M.check`
---@param given table|nil
---@return string|nil message
function M.problem(where, descriptor, given)
  if given == nil then given = {} end
  if type(given) ~= "table" then
    return ("%s: options must be a table, not %s"):format(where, type(given))
  end
  for _, name in ipairs(names(given)) do
    if not descriptor[name] then
      return ("%s: unknown option '%s' (known: %s)"):format(where, name,
        table.concat(names(descriptor), ", "))
    end
  end
  for _, name in ipairs(names(descriptor)) do
    local rule, value = descriptor[name], given[name]
    local message
    if value ~= nil then
      message = value_problem(where, name, rule, value)
    elseif rule.required then
      message = ("%s: option '%s' is required"):format(where, name)
    end
    if message then return message end
  end
end

--- Checks `given` against `descriptor` and returns it (an empty table for nil).
---@param where string the function's name, for the message
---@param descriptor table name -> {type = "string|number", one_of, required, off (false is
--- allowed), secret (the message does not show the value), check = function(value) -> message or nil}
---@param given table|nil
---@param level integer|nil stack level that the error reports; 2 is the caller
---@return table
function M.check(where, descriptor, given, level)
  local message = M.problem(where, descriptor, given)
  if message then error(message, (level or 2) + 1) end
  return given == nil and {} or given
end

return M
