--- Selects the rate-limit windows of a client: the process's, or those in a file (`limits.shared`).
--
-- GitLab counts requests by host and token, across all clients and processes. Clients of one process
-- with the same host, token and limits share windows; as with circuit breakers, a transport that is
-- not the network has its own windows. A file shares windows between the processes of a machine.
-- The windows depend on the token; a token function's token is known after its first call, and may
-- change.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"

local M = {}

-- By runtime or transport, weakly. An entry references neither, so a collected owner takes its
-- windows with it.
local registry = setmetatable({}, { __mode = "k" })
local WEAK = { __mode = "kv" }

local RULES = { "per_second", "per_minute", "create_per_minute", "jobs_per_minute" }

local function identity(limits, origin, secret)
  local parts = { origin, secret and core.digest.sha256(secret:reveal()) or "" }
  for _, name in ipairs(RULES) do parts[#parts + 1] = tostring(limits[name]) end
  return table.concat(parts, "\n")
end

-- True if no slot is in use and no client is left to send requests.
local function is_unused(entry)
  if next(entry.clients) then return false end
  local runtime = entry.of.runtime
  if not runtime then return true end
  local stats = entry.policy:stats(runtime:now())
  for _, window in pairs(stats.windows) do
    if window.used > 0 or window.closed_for > 0 then return false end
  end
  return stats.waiting == 0
end

local function join_process(client, policy, origin, secret)
  local owner = client.settings.transport == "curl" and client.runtime or client.transport
  local known = registry[owner]
  if not known then
    known = {}
    registry[owner] = known
  end
  local name = identity(client.settings.limits, origin, secret)
  for other, entry in pairs(known) do
    if other ~= name and is_unused(entry) then known[other] = nil end
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

-- Returns true, or nil and ConfigurationError.SharedLimitsUnusable.
local function open_file(client, policy, origin, secret)
  local ok, why = policy:share(client.settings.limits.shared,
    client.runtime.name == "virtual" and client.runtime:now() or nil)
  if not ok then
    return nil, errors.new("ConfigurationError.SharedLimitsUnusable",
      { message = "limits.shared: " .. tostring(why) })
  end
  policy:share_as(origin, secret)
  return true
end

--- Opens the file of `limits.shared`, before the client's transport is made.
---@param client table
---@return boolean|nil true also if no file is configured
---@return table|nil err ConfigurationError.SharedLimitsUnusable
function M.open(client)
  local limits = client.settings.limits
  client.limits_shared = limits and limits.shared and true or false
  if not client.limits_shared then return true end
  return open_file(client, client.policy, client.settings.base.origin, client.token.secret)
end

--- Makes a client share the windows of equivalent clients. If its token is not known yet,
--- `M.follow_token` does this before the first call.
---@param client table
function M.join(client)
  client.limits_pending = false
  if not client.settings.limits or client.limits_shared then return end
  if client.token.source and not client.token.secret then
    client.limits_pending = true
    return
  end
  join_process(client, client.policy, client.settings.base.origin, client.token.secret)
end

--- The same for the policy of another origin, which receives no token.
---@param client table
---@param policy userdata before its first call
---@param origin string
---@return boolean|nil true
---@return table|nil err ConfigurationError.SharedLimitsUnusable
function M.join_origin(client, policy, origin)
  if client.limits_shared then return open_file(client, policy, origin) end
  if client.settings.limits then join_process(client, policy, origin) end
  return true
end

--- Selects the windows of the client's current token, before a call of a client with `limits_shared`
--- or `limits_pending`.
---@param client table
---@param op table operation
---@return boolean|nil true
---@return table|nil err there is no token
function M.follow_token(client, op)
  if op.auth == "none" or not client.token.source then return true end
  local header, generation = client.token:header(client.runtime)
  if header == false then
    generation.attempts = 0
    return nil, generation
  end
  if client.limits_pending then
    M.join(client)
  elseif generation ~= client.limits_generation then
    client.policy:share_as(client.settings.base.origin, client.token.secret)
    client.limits_generation = generation
  end
  return true
end

return M
