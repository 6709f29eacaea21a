--- The token of a client: the header that carries it, and how a new one is obtained.
--
-- A token function is called when a call first needs a token, and again after a 401. Concurrent
-- calls share one run of it.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"

local M = {}

local Credentials = {}
Credentials.__index = Credentials

-- Token kinds by prefix. A token with any other prefix (a site's own) is sent as a personal token.
local kinds = {
  { "^glcbt%-", auth = "job" },
  { "^glptt%-", refused = "a trigger token can only start pipelines: pass it to triggers.run" },
  { "^gldt%-", refused = "a deploy token is not accepted by GitLab's API" },
  { "^glrtr?%-", refused = "a runner's token is not accepted here" },
  { "^glagent%-", refused = "an agent's token is not accepted here" },
  { "^gloas%-", refused = "an application secret is not a token: exchange it for one" },
  { "^glft%-", refused = "a feed token is not accepted by GitLab's API" },
}

-- An OAuth access token is 64 hexadecimal digits without a prefix.
local function is_oauth(text)
  return #text == 64 and text:match "^%x+$" ~= nil
end

local function invalid(message)
  return nil, errors.new("ConfigurationError.InvalidCredentials", { message = message })
end

-- Returns how the token is sent, or nil and the error of an invalid token.
local function classify(text, auth)
  if type(text) ~= "string" or text == "" then return invalid "the token is empty" end
  if text:find "[%c%s\127-\255]" then
    return invalid "the token must not contain spaces, control characters or non-ASCII characters"
  end
  if #text < 8 then return invalid "the token is shorter than 8 characters" end
  if auth then return auth end
  for _, kind in ipairs(kinds) do
    if text:match(kind[1]) then
      if kind.refused then return invalid(kind.refused) end
      return kind.auth
    end
  end
  return is_oauth(text) and "bearer" or "private"
end

local function header_of(auth, secret)
  if auth == "job" then return { "JOB-TOKEN", secret } end
  if auth == "private" then return { "PRIVATE-TOKEN", secret } end
  return { "Authorization", core.secret.new("Bearer " .. secret:reveal()) }
end

-- Makes this the current token.
local function adopt(self, token)
  local text = core.secret.is(token) and token:reveal() or token
  local auth, err = classify(text, self.wanted_auth)
  if not auth then return nil, err end
  self.auth = auth
  self.secret = core.secret.is(token) and token or core.secret.new(text)
  self.header_pair = header_of(auth, self.secret)
  self.generation = self.generation + 1
  if self.on_secret then self.on_secret(self.secret) end
  return true
end

--- Makes the credentials of a client.
---@param settings table `token`, `token_from`, `auth`
---@param on_secret fun(secret)|nil called with each new token, for the redactor
---@return table|nil credentials
---@return table|nil err ConfigurationError.InvalidCredentials
function M.new(settings, on_secret)
  local auth = settings.auth
  if not auth and settings.token_from == "CI_JOB_TOKEN" then auth = "job" end
  local self = setmetatable({ wanted_auth = auth, generation = 0, on_secret = on_secret },
    Credentials)
  local token = settings.token
  if type(token) == "function" then
    self.source = token
  elseif token ~= nil then
    if type(token) ~= "string" and not core.secret.is(token) then
      return invalid "the token must be a string or a secret"
    end
    local ok, err = adopt(self, token)
    if not ok then return nil, err end
  end
  return self
end

--- Is there a token, or a function that provides one?
function Credentials:exist()
  return self.secret ~= nil or self.source ~= nil
end

-- Calls the token function. Calls that need a token meanwhile wait for the same run.
local function obtain(self, runtime)
  if self.waiters then
    local waiter = runtime:waiter()
    self.waiters[#self.waiters + 1] = waiter
    local ok, err = waiter:wait()
    if ok == nil and err == "cancelled" then
      return nil, errors.new("TaskError.Cancelled", { message = "cancelled while the token function ran" })
    end
    -- Only the call that ran the function was cancelled: run it again for this one.
    if ok == nil and err:is "TaskError.Cancelled" then return obtain(self, runtime) end
    return ok, err
  end
  self.waiters = {}
  local called, token = pcall(self.source)
  local ok, err
  if not called and errors.is_error(token) and token:is "TaskError.Cancelled" then
    -- This task was cancelled while the function waited.
    ok, err = nil, token
  elseif not called then
    -- The raised value is not shown: it may contain a token.
    ok, err = invalid "the token function raised an error"
  elseif token == nil then
    ok, err = invalid "the token function returned nothing"
  elseif self.secret and self.secret:equals(core.secret.is(token) and token:reveal() or token) then
    ok = true
  else
    ok, err = adopt(self, token)
  end
  local waiters = self.waiters
  self.waiters = nil
  for _, waiter in ipairs(waiters) do waiter:wake(ok, err) end
  return ok, err
end

--- Returns the token's header and its generation for `refresh`; nil, 0 without a token.
---@return table|false|nil header `{name, secret}`; false if the token function failed
---@return integer|table generation or, after false, the error
function Credentials:header(runtime)
  if not self.secret and self.source then
    local ok, err = obtain(self, runtime)
    if not ok then return false, err end
  end
  return self.header_pair, self.generation
end

--- After a 401 for the token of `generation`, obtains a new token if possible.
---@return boolean fresh true if the current token is a different one
function Credentials:refresh(runtime, generation)
  if not self.source then return false end
  if self.generation == generation and not obtain(self, runtime) then return false end
  return self.generation ~= generation
end

return M
