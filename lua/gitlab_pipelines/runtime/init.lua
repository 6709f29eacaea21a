--- The runtimes, each loaded when first asked for: `runtime.native`, `runtime.virtual`.

local loop = require "gitlab_pipelines.runtime.loop"

local M = {}

local hosts = { native = true, virtual = true }

setmetatable(M, { __index = function(t, name)
  if not hosts[name] then return nil end
  local module = require("gitlab_pipelines.runtime." .. name)
  rawset(t, name, module)
  return module
end })

--- The loop that is being driven (inside a task: the task's), else the host's.
---@return table runtime
function M.default()
  return loop.active() or M.native
end

--- The runtime that an option means: nil the default, a runtime itself, or a module with `new`
--- (`gitlab.runtime.virtual`), of which one is made. Another value gives nil.
---@return table|nil runtime
function M.resolve(value)
  if value == nil then return M.default() end
  if loop.is_loop(value) then return value end
  if type(value) == "table" and type(value.new) == "function" then return value.new() end
  return nil
end

return M
