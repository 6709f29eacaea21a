--- The face: everything that a user may call, each part loaded when it is first used.
--
--   local gitlab = require "gitlab_pipelines"
--   local gl = assert(gitlab.new { token = "glpat-..." })
--   local pipeline = assert(gl.pipelines:create("acme/app", { ref = "main" }))
--   print(gl.pipelines:wait("acme/app", pipeline.id))

local M = {}

--- The version of this library.
M._VERSION = "0.1.0"

-- name -> what it is, made when it is first asked for.
local parts = {}

local ROOT = "gitlab_pipelines."

local function module(name)
  return function() return require(ROOT .. name) end
end

for _, name in ipairs { "errors", "flow", "mock", "runtime" } do
  parts[name] = module(name)
end

function parts.joblog()
  local joblog, options = require("gitlab_pipelines.core").joblog, require "gitlab_pipelines.options"
  local known = {
    format = { type = "string", one_of = { "text", "raw", "ansi", "html" } },
    section = { type = "string" },
  }
  return { parser = function(given)
    return joblog.parser(options.check("joblog.parser", known, given))
  end }
end

parts.status = function() return require("gitlab_pipelines.core").status end
parts.array = function() return require("gitlab_pipelines.json").array end
parts.null = function() return require("gitlab_pipelines.json").null end

function parts.secret()
  local secret = require("gitlab_pipelines.core").secret
  local named = require "gitlab_pipelines.api.secrets"
  return { new = secret.new, is = secret.is, named = named.named, is_named = named.is_named,
    read_file = named.read_file }
end

setmetatable(M, { __index = function(t, name)
  local make = parts[name]
  if not make then return nil end
  local part = make()
  rawset(t, name, part)
  return part
end })

--- Makes a client.
---@param options table|nil url, token, auth, secrets, secrets_file, timeout, retry, limits, breaker,
--- journal, transport, runtime, ca_file, client_cert, client_key, user_agent, allow_insecure,
--- token_prefix, proxy, max_bytes, check_scopes, log, log_level, tracer
---@return table|nil gl
---@return table|nil err ConfigurationError.InvalidBaseUrl, InvalidCredentials or
--- SharedLimitsUnusable
function M.new(options)
  local client, err = require("gitlab_pipelines.client").new(options, 3)
  if not client then return nil, err end
  return require("gitlab_pipelines.api").new(client, options)
end

local function default_runtime()
  return require("gitlab_pipelines.runtime").default()
end

--- Runs `fn(...)` as a task and every task that it starts, until all are done.
---@param fn function
---@param ... any its arguments
---@return any ... what fn returned
function M.run(fn, ...) return default_runtime():run(fn, ...) end

--- Starts `fn(...)` as a task.
---@param fn function
---@param ... any its arguments
---@return table task `join(timeout)`, `cancel()`, `status()`
function M.spawn(fn, ...) return default_runtime():spawn(fn, ...) end

--- Runs functions at once; their results in order.
---@param list function[]
---@param opts table|nil limit, keep_going
---@return any[]|nil results, any err
function M.all(list, opts) return default_runtime():all(list, opts) end

--- Lets the others go on for a while.
---@param seconds number|string
function M.sleep(seconds) return default_runtime():sleep(seconds) end

--- The time, in seconds since 1970, as a clock that never goes back.
---@return number
function M.now() return default_runtime():now() end

return M
