--- `limits.shared`: the windows of a file that the processes of a machine share.
--
-- Whose windows they are is a digest of the host and the token, so the token must be known before
-- the first question; that of a function is known once it has been asked for, and may change.

local errors = require "gitlab_pipelines.errors"
local windows = require "gitlab_pipelines.client.windows"

local M = {}

local function unusable(why)
  return errors.new("ConfigurationError.SharedLimitsUnusable",
    { message = "limits.shared: " .. tostring(why) })
end

--- Opens the file that a client's settings name.
---@return boolean|nil true, also when they name none
---@return table|nil err ConfigurationError.SharedLimitsUnusable
function M.open(client)
  local limits = client.settings.limits
  if not limits or not limits.shared then return true end
  local ok, why = client.policy:share(limits.shared,
    client.runtime.name == "virtual" and client.runtime:now() or nil)
  if not ok then return nil, unusable(why) end
  client.shares_limits = true
  client.policy:share_as(client.settings.base.origin, client.token.secret)
  return true
end

--- Lets another policy of the client share its windows too: of a host that is given no token.
---@param policy userdata
---@param origin string
---@return boolean|nil true, also when the client shares nothing with other processes
---@return table|nil err ConfigurationError.SharedLimitsUnusable
function M.join(client, policy, origin)
  if not client.shares_limits then
    windows.join_at(client, policy, origin)
    return true
  end
  local ok, why = policy:share(client.settings.limits.shared,
    client.runtime.name == "virtual" and client.runtime:now() or nil)
  if not ok then return nil, unusable(why) end
  policy:share_as(origin)
  return true
end

--- Before a call of a client that shares its limits, or does so once its token is known: its windows
--- are those of its token.
---@return boolean|nil true
---@return table|nil err there is no token
function M.count_as(client, op)
  if op.auth == "none" or not client.token.source then return true end
  local header, generation = client.token:header(client.runtime)
  if header == false then
    generation.attempts = 0
    return nil, generation
  end
  if client.joins_later then
    windows.join(client)
  elseif generation ~= client.counted_as then
    client.policy:share_as(client.settings.base.origin, client.token.secret)
    client.counted_as = generation
  end
  return true
end

return M
