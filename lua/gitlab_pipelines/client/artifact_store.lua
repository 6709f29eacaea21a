--- Artifact stores: where GitLab sends a download by a redirect, and their own limits and breakers.
--
-- A request to another origin concerns neither GitLab's windows nor its breaker: a store that is down
-- must not shut out GitLab, nor the other way round. Each origin has a policy with the client's
-- limits, and what goes there has exchanges with it.

local core = require "gitlab_pipelines.core"
local limits = require "gitlab_pipelines.client.limits"

local M = {}

local Stores = {}
Stores.__index = Stores

--- The stores of a client: none until a redirect leads to one.
---@param client table
---@return table stores
function M.new(client)
  return setmetatable({ client = client, by_origin = {}, list = {}, last = nil, refused = 0 }, Stores)
end

-- {policy, breaker} of an origin; nil and an error.
local function store_of(self, origin)
  local store = self.by_origin[origin]
  if store then return store end
  local client = self.client
  local policy = core.policy.new { limits = client.settings.limits, retry = false }
  local ok, err = limits.join_origin(client, policy, origin)
  if not ok then return nil, err end
  store = { policy = policy, breaker = client:breaker_of(origin) }
  self.by_origin[origin] = store
  self.list[#self.list + 1] = store
  return store
end

--- An exchange for the requests of one attempt to another origin. Whether the attempt is retried is
--- for the call's own exchange to decide.
---@param origin string
---@param deadline number|nil
---@return userdata|nil exchange
---@return table|nil err ConfigurationError.SharedLimitsUnusable
function Stores:exchange(origin, deadline)
  local store, err = store_of(self, origin)
  if not store then return nil, err end
  self.last = store
  return core.exchange.new(store.policy, store.breaker, "read", "read", deadline)
end

--- May a download begin? Its store is known only after the redirect; while the breaker of the last
--- one is open, GitLab need not be asked.
---@param deadline number|nil
---@return string|nil verdict nil: yes; else "wait" or "done", with what an exchange returns beside it
function Stores:next(deadline)
  local breaker = self.last and self.last.breaker
  if not breaker then return nil end
  local now = self.client.runtime:now()
  local state, seconds = breaker:state(now)
  if state ~= "open" then return nil end
  if not deadline or now + seconds < deadline then return "wait", now + seconds end
  self.refused = self.refused + 1
  return "done", "circuit_open", seconds
end

--- Closes the file that processes share.
function Stores:close()
  for _, store in ipairs(self.list) do store.policy:unshare() end
end

--- Why the shared windows of a store cannot be used any more, or nil.
---@return string|nil problem
function Stores:shared_problem()
  for _, store in ipairs(self.list) do
    local problem = store.policy:shared_problem()
    if problem then return problem end
  end
end

local counted = { "throttled", "circuit_open", "delayed", "waiting", "in_flight" }

--- Adds the numbers of the stores to a client's statistics.
---@param stats table
---@param now number
function Stores:add_stats(stats, now)
  stats.circuit_open = stats.circuit_open + self.refused
  for _, store in ipairs(self.list) do
    local own = store.policy:stats(now)
    for _, name in ipairs(counted) do
      if own[name] then stats[name] = stats[name] + own[name] end
    end
  end
  local last = self.last
  stats.store = last and last.breaker and last.breaker:stats(now) or nil
end

return M
