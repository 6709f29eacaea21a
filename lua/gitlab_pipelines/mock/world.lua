--- Worlds for the simulated GitLab: files of Lua data, or JSON, to the JSON text that C takes.
--
-- A Lua world is data: assignments to globals, tables, texts and numbers. It runs without any
-- library and within a budget of time and memory, so that a world from elsewhere can do no harm.

local guards = require "gitlab_pipelines.guard"
local json = require "gitlab_pipelines.json"

local M = {}

-- A world may be a long list of jobs: what is counted is all in the guard.
if jit then jit.off(true, true) end

local SECONDS, MEMORY = guards.defaults.seconds, guards.defaults.memory

-- Deeper than any world; a table that holds itself is deeper.
local MAX_DEPTH = 100

local function read(path)
  local file, reason = io.open(path, "rb")
  if not file then return nil, "cannot read the world: " .. tostring(reason) end
  local text = file:read "*a"
  file:close()
  if not text then return nil, "cannot read the world: " .. path .. " is no file" end
  return text
end

-- Where something that JSON cannot hold stands, as a path of names.
local function misfit(value, path, seen, depth)
  local kind = type(value)
  if kind == "table" then
    if seen[value] then return path .. " holds itself" end
    if depth > MAX_DEPTH then return "it is nested too deeply" end
    seen[value] = true
    local names = {}
    for name in pairs(value) do names[#names + 1] = name end
    table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
    for _, name in ipairs(names) do
      local found = misfit(value[name], path .. "." .. tostring(name), seen, depth + 1)
      if found then return found end
    end
    seen[value] = nil
  elseif kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
    return path .. " is a " .. kind
  end
  return nil
end

local function encode(world, name)
  local found = misfit(world, "world", {}, 1)
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
  local guard = guards.new { seconds = SECONDS, memory = MEMORY, source = "@" .. name }
  local ok, encoded, message = guard:call(function()
    local chunk, problem = guards.load(text, "@" .. name, env)
    if not chunk then return nil, problem end
    chunk()
    return encode(world, name)
  end)
  if ok then return encoded, message end
  if guards.is_spent(encoded) then
    return nil, ("%s:%d: %s: a world is data only"):format(name, encoded.line or 1,
      encoded.message:gsub("^the script", "it"))
  end
  local problem = type(encoded) == "string" and encoded or "it raises a " .. type(encoded)
  return nil, problem:find(name, 1, true) and problem or name .. ": " .. problem
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
