--- Artifact stores: where GitLab sends a download by a redirect, and their circuit breakers.
--
-- A store that is down must not shut out GitLab, nor the other way round. Which store a download
-- will go to is known only after the first redirect; from then on its breaker is asked before a
-- download begins.

local core = require "gitlab_pipelines.core"

local M = {}

-- Limits are the API's, and repetition is the call's: a store has its breaker and no more.
local function policy_of(client)
  client.store_policy = client.store_policy or core.policy.new { limits = false, retry = false }
  return client.store_policy
end

local function begin(client, call, store)
  return core.exchange.new(policy_of(client), store.breaker, "read", "read", call.deadline)
end

--- May a download go to the store where the last one went?
---@return string|nil verdict nil: yes; else "wait" or "done" with what an exchange says beside it
function M.ask(client, call)
  local store = client.store
  if not store or call.op.result ~= "bytes" or call.at_store then return nil end
  local runtime = client.runtime
  local visit = begin(client, call, store)
  local verdict, detail, retry_after = visit:next(runtime:now(), 0)
  if verdict == "send" then
    call.at_store = { visit = visit, origin = store.origin }
    return nil
  end
  visit:close(runtime:now())
  return verdict, detail, retry_after
end

--- Ends a visit that came to nothing.
function M.leave(client, call)
  local at_store = call.at_store
  if not at_store then return end
  call.at_store = nil
  at_store.visit:close(client.runtime:now())
  if at_store.visit:wakes() then client.line:wake() end
end

--- An attempt has ended at `url`: was that another origin than GitLab's? Then its breaker hears
--- of it.
---@param url string|nil where it ended; nil: where it was sent
---@param outcome string as for exchange:feed
---@param status integer
---@param retry_after string|nil
---@return boolean foreign
function M.heard(client, call, url, outcome, status, retry_after)
  local origin = url and core.uri.origin(url)
  if not origin or origin == client.settings.base.origin then
    M.leave(client, call)
    return false
  end
  if call.at_store and call.at_store.origin ~= origin then M.leave(client, call) end
  local store = client.store
  if not store or store.origin ~= origin then
    store = { origin = origin, breaker = client:breaker_of(origin) }
    client.store = store
  end
  local runtime, visit = client.runtime, call.at_store and call.at_store.visit
  if not visit then
    visit = begin(client, call, store)
    if visit:next(runtime:now(), 0) ~= "send" then
      visit:close(runtime:now())
      return true
    end
  end
  call.at_store = nil
  visit:feed(runtime:now(), 0, outcome, status, retry_after)
  if visit:wakes() then client.line:wake() end
  return true
end

--- The store's breaker, for statistics; nil before the first redirect.
function M.stats(client, now)
  local store = client.store
  return store and store.breaker and store.breaker:stats(now) or nil
end

return M
