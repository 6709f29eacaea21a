--- Secrets by name: trigger tokens, kept apart from the API token.
--
-- `gitlab.secret.named "DEPLOY"` stands for a secret that is looked up when it is used: in the
-- client's option `secrets` (a table or a function), else in the environment as
-- GITLAB_PIPELINES_SECRET_DEPLOY, else in a file of NAME=value lines that only its owner may read.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"

local M = {}

local Named = {}
Named.__index = Named
Named.__name = "gitlab_pipelines.named_secret"
function Named:__tostring() return "[secret " .. self.name .. "]" end

local NAME = "^[A-Za-z_][A-Za-z0-9_]*$"

--- A secret by its name, looked up when it is used.
---@param name string letters, digits and _
---@return table named
function M.named(name)
  if type(name) ~= "string" or not name:match(NAME) then
    error("secret.named: a name of letters, digits and _ is expected, not "
      .. (type(name) == "string" and ("%q"):format(name) or type(name)), 2)
  end
  return setmetatable({ name = name }, Named)
end

--- Is this a secret by name?
---@param value any
---@return boolean
function M.is_named(value)
  return type(value) == "table" and getmetatable(value) == Named
end

local Store = {}
Store.__index = Store

local function refuse(message)
  return nil, errors.new("ConfigurationError.InvalidCredentials", { message = message })
end

-- A secret made of what somebody gave: text or a secret. nil, err when it is too short.
local function secret_of(value, what)
  if type(value) == "userdata" and core.secret.is(value) then return value end
  if type(value) ~= "string" then
    return refuse(("%s must be a string or a secret, not %s"):format(what, type(value)))
  end
  local ok, made = pcall(core.secret.new, value)
  if not ok or made == nil then
    return refuse(what .. " is too short for a token: 8 characters are the least")
  end
  return made
end

--- Reads NAME=value lines. Blank lines and lines that begin with # are left out; a value may stand
--- in quotes. The file must be regular, ours, and closed to everybody else.
---@param path string
---@return table|nil values name -> secret
---@return table|nil err ConfigurationError.InvalidCredentials
function M.read_file(path)
  local private, reason = core.term.private(path)
  if not private then return refuse(("secrets file %s: %s"):format(path, reason)) end
  local file, message = io.open(path, "r")
  if not file then return refuse("secrets file " .. message) end
  local values, number = {}, 0
  for line in file:lines() do
    number = number + 1
    line = line:gsub("\r$", "")
    if line:match "%S" and not line:match "^%s*#" then
      local name, value = line:match "^%s*([%w_]+)%s*=%s*(.-)%s*$"
      if not name or not name:match(NAME) then
        file:close()
        return refuse(("secrets file %s, line %d: NAME=value is expected"):format(path, number))
      end
      value = value:match '^"(.*)"$' or value:match "^'(.*)'$" or value
      local secret, err = secret_of(value, ("secrets file %s: %s"):format(path, name))
      if not secret then
        file:close()
        return nil, err
      end
      values[name] = secret
    end
  end
  file:close()
  return values
end

-- A copy in which every text that can be a secret is one.
local function hidden(given)
  local values = {}
  for name, value in pairs(given) do values[name] = secret_of(value, "secret") or value end
  return values
end

--- A store for one client.
---@param given table|function|nil the option `secrets`: name -> text or secret
---@param path string|nil a secrets file; read when a name is first looked for in it
---@param getenv fun(name: string): string|nil os.getenv unless told otherwise
---@return table store
function M.new(given, path, getenv)
  if type(given) == "table" then given = hidden(given) end
  return setmetatable({ given = given, path = path, getenv = getenv or os.getenv }, Store)
end

local function given_value(self, name)
  if type(self.given) == "function" then return self.given(name) end
  return self.given and self.given[name]
end

--- The secret of that name.
---@param name string
---@return userdata|nil secret
---@return table|nil err ConfigurationError.InvalidCredentials when it is nowhere
function Store:get(name)
  local value = given_value(self, name)
  if value ~= nil then return secret_of(value, "secret " .. name) end
  local variable = "GITLAB_PIPELINES_SECRET_" .. name
  value = self.getenv(variable)
  if value ~= nil and value ~= "" then return secret_of(value, variable) end
  if self.path then
    if not self.values then
      local values, err = M.read_file(self.path)
      if not values then return nil, err end
      self.values = values
    end
    if self.values[name] then return self.values[name] end
  end
  return refuse(("no secret is named %s: give it in the option `secrets`, as %s, or in a secrets file")
    :format(name, variable))
end

--- What a caller gave as a token: a secret, text, or a secret by name.
---@param value any nil stays nil
---@return any secret
---@return table|nil err
function Store:resolve(value)
  if value == nil then return nil end
  if M.is_named(value) then return self:get(value.name) end
  if type(value) == "string" then return secret_of(value, "the trigger token") end
  return value
end

return M
