-- Exchanges with their arguments by name.
local core = require "gitlab_pipelines.core"

local M = {}

function M.new(policy, options, breaker)
  return core.exchange.new(policy, breaker, options.effect, options.class, options.deadline, options)
end

return M
