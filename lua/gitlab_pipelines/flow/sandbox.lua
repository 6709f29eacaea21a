--- The globals that flow scripts see.

local guards = require "gitlab_pipelines.guard"
local shown = require "gitlab_pipelines.flow.shown"
local sorted_keys = require("gitlab_pipelines.flow.refs").sorted_keys
local text = require "gitlab_pipelines.text"

local M = {}

if jit then jit.off(true, true) end

local unpack = table.unpack or unpack

local function copy(library)
  local result = {}
  for name, value in pairs(library) do result[name] = value end
  return result
end

--- Globals of the host that a script has only with `--allow-host`.
M.host_only = {}
for name in ([[os io require load loadstring loadfile dofile coroutine debug package getmetatable
    setmetatable rawget rawset rawequal rawlen getfenv setfenv newproxy collectgarbage jit ffi
    module]]):gmatch "%a+" do
  M.host_only[name] = true
end

-- An error that a script caught: a spent budget goes on upwards, an error of ours is shown as what
-- it says.
local function caught(ok, first, ...)
  if ok then return ok, first, ... end
  guards.check(first)
  return ok, shown.error(first)
end

-- The handler runs when the error has come up: where it was raised it would run without a budget.
local function handled(handler, ok, first, ...)
  if ok then return ok, first, ... end
  return ok, select(2, caught(pcall(handler, first)))
end

-- `pairs` and `next` go in a fixed order, because a resumed run must make the same steps again.
local function ordered_next(object, before)
  local keys = sorted_keys(object)
  local at = 0
  for i, known in ipairs(keys) do
    if known == before then at = i end
  end
  local key = keys[at + 1]
  if key == nil or before ~= nil and at == 0 then return nil end
  return key, object[key]
end

local basics = {
  assert = assert, error = error, ipairs = ipairs, select = select, tonumber = tonumber,
  tostring = tostring, type = type, unpack = unpack, _VERSION = _VERSION,
  pcall = function(...) return caught(pcall(...)) end,
  xpcall = function(fn, handler, ...) return handled(handler, caught(pcall(fn, ...))) end,
  next = ordered_next,
  pairs = function(object)
    if type(object) ~= "table" then
      error("bad argument #1 to 'pairs' (table expected, got " .. type(object) .. ")", 2)
    end
    local keys, i = sorted_keys(object), 0
    return function()
      i = i + 1
      local key = keys[i]
      if key == nil then return nil end
      return key, object[key]
    end
  end,
}

--- The globals of one script, in tables of its own, so that it changes nothing outside.
---@param allow_host boolean|nil
---@return table globals
function M.libraries(allow_host)
  local env = copy(basics)
  for name, library in pairs(text.libraries()) do env[name] = library end
  if not allow_host then return env end
  env.pcall, env.xpcall = pcall, xpcall
  for _, name in ipairs { "string", "table", "math", "utf8", "bit" } do
    if _G[name] then env[name] = copy(_G[name]) end
  end
  for name in pairs(M.host_only) do
    if env[name] == nil then env[name] = _G[name] end
  end
  return env
end

return M
