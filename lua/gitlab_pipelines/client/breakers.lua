--- The circuit breakers of the process: one for each origin, proxy and TLS identity.
--
-- Clients of one runtime share breakers, and the first configuration wins. A transport that is not
-- the network (the simulated GitLab, a recorder) has its own breakers.

local policy = require("gitlab_pipelines.core").policy

local M = {}

-- By runtime or transport, weakly: a collected owner takes its breakers with it.
local registry = setmetatable({}, { __mode = "k" })

local function same(a, b)
  return a.failures == b.failures and a.successes == b.successes and a.reset == b.reset
end

--- Returns the breaker of an origin; the first call creates it.
---@param owner table runtime or transport whose clients share it
---@param identity string origin, proxy and TLS identity
---@param config table {failures, successes, reset, probe_timeout}
---@return userdata breaker
---@return boolean differs true if an earlier client configured it differently
function M.get(owner, identity, config)
  local known = registry[owner]
  if not known then
    known = {}
    registry[owner] = known
  end
  local entry = known[identity]
  if not entry then
    entry = { breaker = policy.breaker(config), config = config }
    known[identity] = entry
  end
  return entry.breaker, not same(entry.config, config)
end

return M
