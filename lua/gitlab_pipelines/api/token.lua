--- gl.token: what the client's own token is, and what it may do.

local errors = require "gitlab_pipelines.errors"
local operations = require "gitlab_pipelines.operations"
local outcomes = require "gitlab_pipelines.client.response_errors"
local resource = require "gitlab_pipelines.api.resource"

local Token = resource.class()

local function ask(self, operation, opts)
  return resource.send(self, operation, nil, {}, opts)
end

-- The name behind a user's number, if the token may ask for it.
local function user_of(self, id, opts)
  local row = ask(self, operations.server.user, opts)
  if type(row) == "table" and (id == nil or row.id == id) then return row end
  return id and { id = id } or nil
end

local function of_access_token(self, opts)
  local row, err = ask(self, operations.token.self, opts)
  if not row then return nil, err end
  return { kind = "private", name = row.name, scopes = row.scopes, expires_at = row.expires_at,
    user = user_of(self, row.user_id, opts) }
end

local function of_oauth_token(self, opts)
  local row, err = ask(self, operations.token.oauth, opts)
  if not row then
    -- An access token can go as a bearer token too.
    if errors.is_error(err) and (err.status == 401 or err.status == 404) then
      local info = of_access_token(self, opts)
      if info then
        info.kind = "bearer"
        return info
      end
    end
    return nil, err
  end
  local scopes, seconds = row.scope or row.scopes, row.expires_in or row.expires_in_seconds
  local runtime = self.client.runtime
  return { kind = "bearer", scopes = scopes,
    expires_at = seconds and operations.time(math.floor(runtime:wall() + seconds)) or nil,
    user = user_of(self, row.resource_owner_id, opts) }
end

local function of_job_token(self, opts)
  local job, err = ask(self, operations.token.job, opts)
  if not job then return nil, err end
  return { kind = "job", scopes = {}, user = job.user, job = job }
end

-- The way in which the token goes: known once a token function has been asked.
local function auth_of(self)
  if not self.client.auth then
    local _, err = self.client:credential()
    if err then return nil, err end
  end
  return self.client.auth or "none"
end

--- What kind of token the client has, its scopes, when it ends and whose it is.
---@param opts table|nil timeout, retry, priority
---@return table|nil info {kind = "private"|"bearer"|"job", scopes, expires_at, user}; a job token
--- has no scopes, it ends with its `job`
---@return table|nil err
function Token:info(opts)
  opts = resource.options("token.info", nil, opts)
  local auth, info, err
  auth, err = auth_of(self)
  if not auth then return nil, err end
  if auth == "job" then
    info, err = of_job_token(self, opts)
  elseif auth == "bearer" then
    info, err = of_oauth_token(self, opts)
  else
    info, err = of_access_token(self, opts)
  end
  if info then self.last_info, self.last_of = info, self.client.token.generation end
  return info, err
end

-- What is known of the token; asked of GitLab once for each token, whoever asks meanwhile waits.
local function known_info(self)
  while self.asking do
    local waiter = self.client.runtime:waiter()
    self.asking[#self.asking + 1] = waiter
    local _, why = waiter:wait()
    if why == "cancelled" then
      return nil, errors.new("TaskError.Cancelled", { message = "the call was cancelled" })
    end
  end
  if self.last_info and self.last_of == self.client.token.generation then return self.last_info end
  self.asking = {}
  local called, info, err = pcall(self.info, self)
  local waiters = self.asking
  self.asking = nil
  for _, waiter in ipairs(waiters) do waiter:wake(true) end
  if not called then error(info, 0) end
  return info, err
end

-- Does one of the scopes cover the one that is needed?
local function covers(scopes, needed)
  for _, scope in ipairs(scopes) do
    if scope == "api" or scope == needed then return true end
  end
  return false
end

--- May the token make this call, as far as its kind and scopes tell? (The role of its owner may
--- still forbid it.) What the token is, is asked of GitLab once.
---@param operation string such as "pipelines.create"
---@return boolean|nil allowed nil when it cannot be told
---@return string|table|nil why what is missing, or the error that kept it from being told
function Token:allows(operation)
  local op = type(operation) == "string" and operations.find(operation)
  if not op then
    resource.blame(("token.allows: there is no operation %s"):format(
      type(operation) == "string" and ("%q"):format(operation) or type(operation)))
  end
  if op.auth == "none" then return true end
  local auth, problem = auth_of(self)
  if not auth then return nil, problem end
  if auth == "job" then
    if op.job_token then return true end
    return false, ("a job token cannot call %s"):format(op.name)
  end
  if not op.scope then return true end
  local info, err = known_info(self)
  if not info then return nil, err end
  -- Fine-grained tokens have permissions instead of scopes: only GitLab can tell.
  if not info.scopes or #info.scopes == 0 or covers(info.scopes, op.scope) then return true end
  return false, ("%s needs the scope %s; this token has %s"):format(op.name, op.scope,
    outcomes.one_line(table.concat(info.scopes, ", ")))
end

return Token
