--- The runtimes `runtime.native` and `runtime.virtual`, each loaded on first use.

local loop = require "gitlab_pipelines.runtime.loop"

local M = {}

local hosts = { native = true, virtual = true }

setmetatable(M, { __index = function(t, name)
  if not hosts[name] then return nil end
  local module = require("gitlab_pipelines.runtime." .. name)
  rawset(t, name, module)
  return module
end })

--- Returns the loop that is being driven (inside a task, the task's), or else the native one.
---@return table runtime
function M.default()
  return loop.active() or M.native
end

--- Resolves the option `runtime`: nil is the default, a runtime is itself, a module with `new`
--- (`gitlab.runtime.virtual`) makes a new one. Returns nil for any other value.
---@return table|nil runtime
function M.resolve(value)
  if value == nil then return M.default() end
  if loop.is_loop(value) then return value end
  if type(value) == "table" and type(value.new) == "function" then return value.new() end
  return nil
end

return M
