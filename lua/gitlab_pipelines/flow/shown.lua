--- What a script is shown of the host's objects: copies of plain data, and stand-ins for errors and
--- steps. Nothing of the host can be reached through them: a stand-in is an empty table whose
--- metatable is locked, and what stands behind it is in a table here.

local errors = require "gitlab_pipelines.errors"
local nearest = require "gitlab_pipelines.flow.nearest"
local refs = require "gitlab_pipelines.flow.refs"

local M = {}

if jit then jit.off(true, true) end

local MAX_DEPTH = 100

local plain = { string = true, number = true, boolean = true }

--- A copy of plain data; whatever else stands in it is left out.
---@param value any
---@return any
function M.copy(value, depth)
  if plain[type(value)] then return value end
  if type(value) ~= "table" or getmetatable(value) == "reference" then return nil end
  depth = (depth or 0) + 1
  if depth > MAX_DEPTH then error("a value is nested too deeply", 0) end
  local copied = {}
  for key, one in pairs(value) do
    if plain[type(key)] then copied[key] = M.copy(one, depth) end
  end
  return copied
end

--- A copy of what a script gives to the host, which must be plain data.
---@param value any
---@param what string for the message
---@return any
function M.data(value, what, depth)
  if value == nil or plain[type(value)] then return value end
  if type(value) ~= "table" then error(("%s holds a %s: only data can be kept"):format(what, type(value)), 0) end
  depth = (depth or 0) + 1
  if depth > MAX_DEPTH then
    error(("%s is nested deeper than %d tables, or contains itself"):format(what, MAX_DEPTH), 0)
  end
  local copied = {}
  for key, one in next, value do
    if not plain[type(key)] then
      error(("%s holds a %s as a key: only data can be kept"):format(what, type(key)), 0)
    end
    copied[key] = M.data(one, what, depth)
  end
  return setmetatable(copied, getmetatable(value))
end

-- Fields of an error that a script may know: none of them leads to the client.
local error_fields = { "category", "kind", "message", "status", "retryable", "retry_after",
  "operation", "method", "path", "attempts", "request_id", "unknown_outcome" }

local originals = setmetatable({}, { __mode = "k" })

--- What a script gets in place of an error of ours; another value as it is.
---@param err any
---@return any
function M.error(err)
  if not errors.is_error(err) then return err end
  local fields, text = {}, tostring(err)
  for _, name in ipairs(error_fields) do
    if plain[type(err[name])] then fields[name] = err[name] end
  end
  function fields.is(_, name) return err:is(name) end
  local shown = setmetatable({}, { __index = fields, __metatable = "error",
    __newindex = function() error("an error cannot be changed", 2) end,
    __tostring = function() return text end })
  originals[shown] = err
  return shown
end

--- The error that a stand-in stands for; another value as it is.
---@param value any
---@return any
function M.original(value)
  local err = value ~= nil and originals[value]
  return err or value
end

local function step_view(view, is_view)
  return setmetatable({}, { __metatable = "step",
    __newindex = function() error("what a run shows of its steps cannot be changed", 2) end,
    __index = function(_, key)
      if not plain[type(key)] then return nil end
      local value = view[key]
      if errors.is_error(value) then return M.error(value) end
      if key == "items" and type(value) == "table" then
        local list = {}
        for i, item in ipairs(value) do list[i] = step_view(item, is_view) end
        return list
      end
      if is_view(value) then return step_view(value, is_view) end
      return M.copy(value)
    end })
end

--- The steps of a run for its script's functions; a misspelt name is an error.
---@param views table name -> view
---@param is_view fun(value: any): boolean is this such a view?
---@param fail fun(message: string)
---@return table
function M.steps(views, is_view, fail)
  return setmetatable({}, { __metatable = "steps",
    __newindex = function() error("what a run shows of its steps cannot be changed", 2) end,
    __index = function(_, name)
      local view = views[name]
      if not view then
        fail(("there is no step '%s'%s"):format(tostring(name),
          nearest.hint(tostring(name), refs.sorted_keys(views))))
      end
      return step_view(view, is_view)
    end })
end

return M
