--- The windows of the process: clients with one host, token and limits count in the same ones.
--
-- GitLab counts by host and token, however many clients there are. As with circuit breakers, a
-- transport that is not the network has windows of its own. Among processes: sharing.lua.

local core = require "gitlab_pipelines.core"

local M = {}

-- By runtime or transport: what is gone takes its windows with it, so no entry may hold either.
local registry = setmetatable({}, { __mode = "k" })
local WEAK = { __mode = "kv" }

local RULES = { "per_second", "per_minute", "create_per_minute", "jobs_per_minute" }

local function identity(limits, origin, secret)
  local parts = { origin, secret and core.digest.sha256(secret:reveal()) or "" }
  for _, name in ipairs(RULES) do parts[#parts + 1] = tostring(limits[name]) end
  return table.concat(parts, "\n")
end

-- Nothing that was sent counts any more, and no client is left that could send.
local function is_over(entry)
  if next(entry.clients) then return false end
  local runtime = entry.of.runtime
  if not runtime then return true end
  local stats = entry.policy:stats(runtime:now())
  for _, window in pairs(stats.windows) do
    if window.used > 0 or window.closed_for > 0 then return false end
  end
  return stats.waiting == 0
end

local function join(client, policy, origin, secret)
  local owner = client.settings.transport == "curl" and client.runtime or client.transport
  local known = registry[owner]
  if not known then
    known = {}
    registry[owner] = known
  end
  local name = identity(client.settings.limits, origin, secret)
  for other, entry in pairs(known) do
    if other ~= name and is_over(entry) then known[other] = nil end
  end
  local entry = known[name]
  if not entry or not entry.of.runtime then
    entry = { policy = policy, of = setmetatable({ runtime = client.runtime }, WEAK),
      clients = setmetatable({}, WEAK) }
    known[name] = entry
  elseif entry.of.runtime ~= client.runtime or not policy:join(entry.policy) then
    return
  end
  entry.clients[client] = true
end

--- Lets a client count in the windows of those like it. The token of a function is known once it has
--- been asked for: `client.joins_later` until then.
---@param client table
function M.join(client)
  local limits = client.settings.limits
  client.joins_later = false
  if not limits or limits.shared then return end
  if client.token.source and not client.token.secret then
    client.joins_later = true
    return
  end
  join(client, client.policy, client.settings.base.origin, client.token.secret)
end

--- The same for the policy of a host that is given no token.
---@param client table
---@param policy userdata before its first call
---@param origin string
function M.join_at(client, policy, origin)
  local limits = client.settings.limits
  if limits and not limits.shared then join(client, policy, origin, nil) end
end

return M
