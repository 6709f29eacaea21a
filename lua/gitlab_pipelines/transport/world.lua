--- Worlds for the simulated GitLab: files of Lua data, or JSON, to the JSON text that C takes.
--
-- A Lua world is data: assignments to globals, tables, texts and numbers. It runs without any
-- library and with a bound on its steps, so that a world from elsewhere can do no harm.

local json = require "gitlab_pipelines.json"

local M = {}

-- Far more than any table of data needs.
local MAX_STEPS = 1e7

local function read(path)
  local file, reason = io.open(path, "rb")
  if not file then return nil, "can not read the world: " .. tostring(reason) end
  local text = file:read "*a"
  file:close()
  if not text then return nil, "can not read the world: " .. path .. " is no file" end
  return text
end

-- Runs a chunk with an end.
local function run(chunk)
  local co = coroutine.create(chunk)
  local hook, mask, count = debug.gethook()
  debug.sethook(co, function() error("takes too long: a world is data", 2) end, "", MAX_STEPS)
  local ok, message = coroutine.resume(co)
  debug.sethook(co)
  -- LuaJIT has one hook for all coroutines: whoever set one before gets it back. A hook set from C
  -- is only named here, and on the other Luas it was never touched.
  if type(hook) == "function" then debug.sethook(hook, mask, count) end
  if not ok then return nil, tostring(message) end
  if coroutine.status(co) ~= "dead" then return nil, "yields: a world is data" end
  return true
end

-- Where something that JSON can not hold stands, as a path of names.
local function misfit(value, path, seen)
  local kind = type(value)
  if kind == "table" then
    if seen[value] then return path .. " holds itself" end
    seen[value] = true
    local names = {}
    for name in pairs(value) do names[#names + 1] = name end
    table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
    for _, name in ipairs(names) do
      local found = misfit(value[name], path .. "." .. tostring(name), seen)
      if found then return found end
    end
    seen[value] = nil
  elseif kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
    return path .. " is a " .. kind
  end
  return nil
end

local function encode(world, name)
  local found = misfit(world, "world", {})
  if found then return nil, name .. ": a world is data only: " .. found end
  local ok, text = pcall(json.encode, world)
  if not ok then return nil, name .. ": a world is data only: " .. tostring(text) end
  return text
end

local function from_lua(text, name)
  local world = {}
  local env = setmetatable({}, {
    __index = function(_, key)
      if world[key] ~= nil then return world[key] end
      error("unknown name '" .. tostring(key) .. "': a world is data only", 2)
    end,
    __newindex = function(_, key, value) world[key] = value end,
  })
  local chunk, message = load(text, "@" .. name, "t", env)
  if not chunk then return nil, message end
  local ok, problem = run(chunk)
  if not ok then return nil, problem:find(name, 1, true) and problem or name .. ": " .. problem end
  return encode(world, name)
end

local function from_json(text, name)
  local value, message = json.decode(text)
  if type(value) ~= "table" then return nil, name .. ": " .. tostring(message) end
  return text
end

--- Turns the text of a world into JSON.
---@param text string Lua, or JSON when it begins with a brace
---@param name string what to call it in messages
---@return string|nil json
---@return string|nil message one line, with the line's number where it is known
function M.parse(text, name)
  if text:match "^%s*{" then return from_json(text, name) end
  return from_lua(text, name)
end

--- A world as JSON text.
---@param world string|table name of a file, or the world itself as a table
---@return string|nil json
---@return string|nil message
function M.load(world)
  if type(world) == "table" then return encode(world, "world") end
  local text, message = read(world)
  if not text then return nil, message end
  return M.parse(text, world)
end

local function line_of(text, at)
  local _, count = text:sub(1, at):gsub("\n", "")
  return count + 1
end

--- Adds file and line to what the checker in C says: the place is found by the project's name and,
--- behind it, the name that the message quotes.
---@param path string
---@param message string
---@return string
function M.locate(path, message)
  local text = read(path)
  if not text then return path .. ": " .. message end
  local at = 1
  local project = message:match "^projects%.([%w_./-]+)"
  if project then
    -- ".jobs[2]" and the like belong to the place, not to the name.
    while project and not text:find(project, 1, true) do project = project:match "^(.*)%.[^.]*$" end
    at = project and text:find(project, 1, true) or 1
  end
  local quoted = message:match "'([^']+)'"
  local found = quoted and text:find(quoted, at, true)
  return ("%s:%d: %s"):format(path, line_of(text, found or at), message)
end

return M
