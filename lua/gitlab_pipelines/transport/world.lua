--- Reads a world for the simulated GitLab: a Lua file of data (its globals are the world), or the
--- same as JSON. The Lua file sees nothing: no library, no function to call.

local json = require "gitlab_pipelines.json"

local M = {}

local function read(path)
  local file, reason = io.open(path, "rb")
  if not file then return nil, "can not read the world: " .. tostring(reason) end
  local text = file:read "*a"
  file:close()
  if not text then return nil, "can not read the world: " .. path .. " is no file" end
  return text
end

--- Turns the text of a world into JSON.
---@param text string
---@param name string what to call it in messages
---@return string|nil json
---@return string|nil message one line
function M.parse(text, name)
  if text:match "^%s*{" then
    local world, reason = json.decode(text)
    if type(world) ~= "table" then return nil, name .. ": " .. tostring(reason) end
    return text
  end
  local world = {}
  -- luacheck: ignore 113
  local chunk, reason = load(text, "@" .. name, "t", world)
  if not chunk then return nil, reason end
  local ok, problem = pcall(chunk)
  if not ok then return nil, tostring(problem) end
  local encoded, result = pcall(json.encode, world)
  if not encoded then return nil, name .. ": a world is data only: " .. tostring(result) end
  return result
end

--- Reads a world file.
---@param path string
---@return string|nil json
---@return string|nil message one line
function M.load(path)
  local text, reason = read(path)
  if not text then return nil, reason end
  return M.parse(text, path)
end

return M
