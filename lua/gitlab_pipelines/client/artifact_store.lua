--- Artifact stores, to which GitLab redirects downloads, with their own limits and breakers.
--
-- A request to another origin does not count in GitLab's windows or breaker: a store that is down
-- must not block GitLab, nor the reverse. Each origin has its own policy with the client's limits,
-- and requests to it use exchanges of that policy.

local core = require "gitlab_pipelines.core"
local limits = require "gitlab_pipelines.client.limits"

local M = {}

local Stores = {}
Stores.__index = Stores

--- Makes the stores of a client; empty until a redirect leads to one.
---@param client table
---@return table stores
function M.new(client)
  return setmetatable({ client = client, by_origin = {}, list = {}, last = nil, refused = 0 }, Stores)
end

-- Returns {policy, breaker} of an origin, or nil and an error.
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

--- Makes an exchange for one attempt's requests to another origin. The call's own exchange decides
--- about retries.
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

--- May a download begin? Its store is known only after the redirect, so the breaker of the last
--- store decides: while it is open, no request is sent to GitLab.
---@param deadline number|nil
---@return string|nil verdict nil if it may; otherwise "wait" or "done" and the further values of
--- `exchange:next`
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

--- Closes the shared limits file.
function Stores:close()
  for _, store in ipairs(self.list) do store.policy:unshare() end
end

--- Returns why the shared windows of a store are unusable, or nil.
---@return string|nil problem
function Stores:shared_problem()
  for _, store in ipairs(self.list) do
    local problem = store.policy:shared_problem()
    if problem then return problem end
  end
end

local counted = { "throttled", "circuit_open", "delayed", "waiting", "in_flight" }

--- Adds the stores' counters to a client's statistics.
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
