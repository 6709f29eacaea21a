--- Virtual time: when all tasks are waiting, the clock jumps to the next deadline.
--
-- Hours pass in milliseconds, and runs with the same seed are identical on every Lua: timers due at
-- the same time fire in the order of their registration, and random numbers come from the seed.

local loop = require "gitlab_pipelines.runtime.loop"
local options = require "gitlab_pipelines.options"
local random = require "gitlab_pipelines.runtime.random"

local M = {}

--- 2026-01-01T00:00:00Z
M.START = 1767225600

local DESCRIPTOR = { seed = { type = "number" }, start = { type = "number" } }

--- Makes a runtime with its own clock.
---@param opts table|nil `seed` (1), `start` (seconds since 1970)
---@return table runtime
function M.new(opts)
  opts = options.check("runtime.virtual.new", DESCRIPTOR, opts)
  local time = (opts.start or M.START) + 0.0
  local function now() return time end
  return loop.new {
    name = "virtual", virtual = true,
    now = now, wall = now, random = random.new(opts.seed or 1),
    wait = function(_, deadline)
      if deadline > time then time = deadline end
    end,
  }
end

return M
