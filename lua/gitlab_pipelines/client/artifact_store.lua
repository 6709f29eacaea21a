--- Artifact stores: where GitLab sends a download by a redirect, and their own limits and breakers.
--
-- What goes to another origin is no business of GitLab's windows, nor of its breaker: a store that is
-- down must not shut out GitLab, nor the other way round. Each origin has a policy with the client's
-- limits. A visit is an exchange with it, for the hops of one attempt there; whether the attempt is
-- repeated stays the call's own exchange's to say.

local core = require "gitlab_pipelines.core"
local sharing = require "gitlab_pipelines.client.sharing"

local M = {}

-- The store of an origin, made at first sight: {origin, policy, breaker}; nil and an error.
local function store_of(client, origin)
  local store = client.stores[origin]
  if store then return store end
  local policy = core.policy.new { limits = client.settings.limits, retry = false }
  local ok, err = sharing.join(client, policy, origin)
  if not ok then return nil, err end
  store = { origin = origin, policy = policy, breaker = client:breaker_of(origin) }
  client.stores[origin] = store
  client.stores[#client.stores + 1] = store
  return store
end

--- May a download begin? Which store it will go to is known only after the redirect; while the one
--- where the last one went is shut out, GitLab need not be asked.
---@return string|nil verdict nil: yes; else "wait" or "done" with what an exchange says beside it
function M.ask(client, call)
  local store = client.last_store
  if not store or not store.breaker or call.op.result ~= "bytes" then return nil end
  local now = client.runtime:now()
  local state, seconds = store.breaker:state(now)
  if state ~= "open" then return nil end
  if not call.deadline or now + seconds < call.deadline then return "wait", now + seconds end
  client.counts.store_open = client.counts.store_open + 1
  return "done", "circuit_open", seconds
end

local function wake(client, visit)
  if visit:wakes() then client.line:wake() end
end

--- Ends a visit that came to nothing.
function M.leave(client, call)
  local hop = call.hop
  local visit = hop and hop.visit
  call.hop = nil
  if not visit then return end
  visit:close(client.runtime:now())
  wake(client, visit)
end

--- The call goes on to where a redirect points: `call.hop`, with a visit if that is another origin.
---@param hop table of redirects.judge
---@return boolean|nil true
---@return table|nil err
function M.go(client, call, hop)
  local last = call.hop
  if last and last.visit and last.origin == hop.origin then
    hop.visit = last.visit
    wake(client, hop.visit)
  else
    M.leave(client, call)
    if hop.origin ~= client.settings.base.origin then
      local store, err = store_of(client, hop.origin)
      if not store then return nil, err end
      client.last_store = store
      hop.visit = core.exchange.new(store.policy, store.breaker, "read", "read", call.deadline)
    end
  end
  call.hop = hop
  return true
end

--- An attempt has ended: was that at another origin? Then its store hears of it.
---@param outcome string as for exchange:feed
---@param status integer
---@param response table|nil
---@return boolean foreign
function M.heard(client, call, outcome, status, response)
  local visit = call.hop and call.hop.visit
  call.hop = nil
  if not visit then return false end
  visit:feed(client.runtime:now(), 0, outcome, status,
    response and response:header "Retry-After", response and response:header "Date")
  wake(client, visit)
  return true
end

--- Lets the file go that processes share.
function M.close(client)
  for _, store in ipairs(client.stores) do store.policy:unshare() end
end

--- Why the shared windows of a store can not be used any more.
function M.shared_problem(client)
  for _, store in ipairs(client.stores) do
    local problem = store.policy:shared_problem()
    if problem then return problem end
  end
end

local counted = { "throttled", "circuit_open", "delayed", "waiting", "in_flight" }

--- Adds what the stores have to tell to a client's statistics.
function M.add_stats(client, stats, now)
  stats.circuit_open = stats.circuit_open + client.counts.store_open
  for _, store in ipairs(client.stores) do
    local own = store.policy:stats(now)
    for _, name in ipairs(counted) do
      if own[name] then stats[name] = stats[name] + own[name] end
    end
  end
  local last = client.last_store
  stats.store = last and last.breaker and last.breaker:stats(now) or nil
end

return M
