--- The libraries that flow scripts see.

local sorted_keys = require("gitlab_pipelines.flow.refs").sorted_keys

local M = {}

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

--- Copies of the libraries, so that a script changes nothing outside; `pairs` and `next` go in a
--- fixed order, because a resumed run must make the same steps again.
---@param allow_host boolean|nil
---@return table globals
function M.libraries(allow_host)
  local function ordered_next(object, key)
    local keys = sorted_keys(object)
    if key == nil then return keys[1], object[keys[1]] end
    for i, known in ipairs(keys) do
      if known == key then return keys[i + 1], object[keys[i + 1]] end
    end
    return nil
  end
  local env = {
    assert = assert, error = error, ipairs = ipairs, pcall = pcall, select = select,
    tonumber = tonumber, tostring = tostring, type = type, xpcall = xpcall,
    unpack = unpack, _VERSION = _VERSION,
    next = function(object, key)
      local found, value = ordered_next(object, key)
      if found == nil then return nil end
      return found, value
    end,
    pairs = function(object)
      if type(object) ~= "table" then
        error("bad argument #1 to 'pairs' (table expected, got " .. type(object) .. ")", 2)
      end
      local keys, i = sorted_keys(object), 0
      return function()
        i = i + 1
        return keys[i], object[keys[i]]
      end
    end,
    string = copy(string), table = copy(table), math = copy(math),
    utf8 = utf8 and copy(utf8) or nil, bit = bit and copy(bit) or nil, -- luacheck: ignore 113
  }
  env.string.dump = nil
  env.math.random, env.math.randomseed = nil, nil
  if allow_host then
    for name in pairs(M.host_only) do
      if env[name] == nil then env[name] = _G[name] end
    end
    env.math.random = math.random
  end
  return env
end

return M
