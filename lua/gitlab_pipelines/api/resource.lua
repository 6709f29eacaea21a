--- What every group of the API shares: from a method's arguments to one call of the client.
--
-- A mistake of the programmer (wrong type, unknown name) raises at the line of the user's own code
-- that made it. A project that cannot be one, and whatever GitLab or the network refuses, is
-- returned as `nil, err`.

local errors = require "gitlab_pipelines.errors"
local operations = require "gitlab_pipelines.operations"
local options = require "gitlab_pipelines.options"
local project_id = require "gitlab_pipelines.project_id"

local M = {}

-- Loaded by the first call that has a key: it opens a journal.
local ONCE = "gitlab_pipelines.once"

--- Options that every call takes, besides its own.
M.call_options = {
  timeout = { type = "duration" },
  retry = { type = "boolean" },
  priority = { type = "string", one_of = { "cancel", "create", "read", "poll" } },
}

--- The names of all options of a call, for messages.
---@param own table|nil descriptor of further options
---@return string[]
function M.option_names(own)
  local names = {}
  for name in pairs(M.call_options) do names[#names + 1] = name end
  for name in pairs(own or {}) do names[#names + 1] = name end
  return names
end

-- Where our own Lua files stand ("@/usr/share/lua/5.4/gitlab_pipelines/"), to find the first frame
-- that is not ours.
local own_root = debug and debug.getinfo(1, "S").source:match "^(.*)api[/\\]resource%.lua$"

--- Raises `message` at the line of the user's code that called us.
---@param message string|table
function M.blame(message)
  if type(message) ~= "string" or not own_root then error(message, 0) end
  local level = 2
  while true do
    local info = debug.getinfo(level, "S")
    if not info then error(message, 0) end
    if info.what ~= "C" and info.source:sub(1, #own_root) ~= own_root then break end
    level = level + 1
  end
  error(message, level)
end

--- A new class for a group of methods: `Class.new(gl)` gives {gl =, client =}.
---@return table class
function M.class()
  local class = {}
  class.__index = class
  function class.new(gl) return setmetatable({ gl = gl, client = gl.client }, class) end
  return class
end

--- Raises unless `id` can be one.
---@param where string name of the method
---@param name string of the argument
---@param id any
function M.check_id(where, name, id)
  if type(id) == "number" and id % 1 == 0 and id > 0 and id < 2 ^ 53 then return end
  M.blame(("%s: '%s' must be a positive integer, not %s"):format(where, name,
    type(id) == "string" and ("%q"):format(id) or type(id) == "number" and ("%.14g"):format(id) or type(id)))
end

--- Checks the options of a call (`timeout`, `retry`, `priority`, and what `own` describes) and
--- gives a copy of them with `timeout` in seconds.
---@param where string name of the method
---@param own table|nil descriptor of further options
---@param given table|nil
---@return table opts
function M.options(where, own, given)
  if given == nil then return {} end
  local descriptor = M.call_options
  if own then
    descriptor = {}
    for name, rule in pairs(M.call_options) do descriptor[name] = rule end
    for name, rule in pairs(own) do descriptor[name] = rule end
  end
  local message = options.problem(where, descriptor, given)
  if message then M.blame(message) end
  local opts = {}
  for name, value in pairs(given) do opts[name] = value end
  if opts.timeout then opts.timeout = options.seconds(opts.timeout) end
  return opts
end

--- For a method that makes several calls: what is left of its `timeout` at the moment of each.
---@param group table
---@param opts table|nil|function options of a call; or what this function gave
---@return fun(): table|nil options of the next call
---@return number|nil deadline on the runtime's clock
function M.within(group, opts)
  if type(opts) == "function" then return opts end
  if not opts or not opts.timeout then return function() return opts end end
  local runtime = group.client.runtime
  local deadline = runtime:now() + opts.timeout
  return function()
    local left = {}
    for name, value in pairs(opts) do left[name] = value end
    left.timeout = math.max(0, deadline - runtime:now())
    return left
  end, deadline
end

--- Splits one table of a method into what the operation sends and what steers the call.
---@param operation table
---@param given table|nil
---@param own table|nil descriptor of options that are no parameters (`limit`, `once`, ...)
---@param opts table|nil further options, which win
---@return table params, table opts
function M.split(operation, given, own, opts)
  if given ~= nil and type(given) ~= "table" then
    M.blame(("%s: arguments must be a table, not %s"):format(operation.name, type(given)))
  end
  local params, steering = {}, {}
  for name, value in pairs(given or {}) do
    local steers = not operation.param[name] and (M.call_options[name] or own and own[name])
    if steers then steering[name] = value else params[name] = value end
  end
  if type(opts) == "table" then
    for name, value in pairs(opts) do steering[name] = value end
  elseif opts ~= nil then
    steering = opts
  end
  return params, M.options(operation.name, own, steering)
end

--- When the `timeout` of checked options is over, on the runtime's clock; nil where they have none.
---@param group table
---@param opts table
---@return number|nil deadline
function M.deadline(group, opts)
  return opts.timeout and group.client.runtime:now() + opts.timeout or nil
end

--- An error of ours about something in a project, without secrets.
---@param group table
---@param operation string
---@param subject string|nil what it is about, such as "acme/app 17"
---@param kind string
---@param message string
---@return nil, table err
function M.failure(group, operation, subject, kind, message)
  return nil, errors.redact(errors.new(kind, { message = message, operation = operation,
    subject = subject }), group.client.redactor)
end

-- With `check_scopes`, a call that cannot succeed fails here, before anything is sent.
local function scope_error(group, operation)
  -- What the check itself asks is not checked.
  if not group.client.check_scopes or operation.auth == "none" or operation.group == "token"
    or operation.group == "server" then
    return nil
  end
  local allowed, why = group.gl.token:allows(operation.name)
  if allowed ~= false then return nil end
  return errors.new("AuthenticationError.InsufficientScopes",
    { message = why, operation = operation.name })
end

--- Checks the arguments of a call and gives what the client takes.
---@param group table {gl, client}
---@param operation table
---@param project any nil where the operation has none
---@param params table the operation's parameters but the project
---@param own table|nil descriptor of options, for the message about an unknown name
---@return table|nil args, table|nil err
function M.prepare(group, operation, project, params, own)
  if operation.param.project then
    local checked, err = project_id.check(project, operation.name)
    -- Mistakes in the other arguments raise even so.
    params.project = checked or 1
    if err then
      local message = operations.problem(operation, params)
      if message then M.blame(message) end
      return nil, err
    end
  end
  local args, message = operations.arguments(operation, params, M.option_names, own)
  if not args then M.blame(message) end
  local err = scope_error(group, operation)
  if err then return nil, err end
  return args
end

--- One call that also gives the answer's head: the result and the response.
---@param group table
---@param operation table
---@param project any
---@param params table
---@param opts table checked by `M.options`
---@return any result, table response_or_err
function M.fetch(group, operation, project, params, opts)
  local args, err = M.prepare(group, operation, project, params)
  if not args then return nil, err end
  return group.client:page(operation, args, opts)
end

--- One call: arguments checked, sent, and the result as GitLab sends it (true where it sends none).
---@param group table
---@param operation table
---@param project any
---@param params table
---@param opts table|nil checked by `M.options`
---@return any result, table|nil err
function M.send(group, operation, project, params, opts)
  local args, err = M.prepare(group, operation, project, params)
  if not args then return nil, err end
  local result
  result, err = group.client:call(operation, args, opts)
  if result == nil and err then return nil, err end
  if operation.result == "none" then return true end
  return result
end

--- Makes a pipeline: at most once for a key, if there is one.
---@param group table
---@param operation table
---@param project any
---@param params table
---@param opts table checked; may hold `once`, `adopt`, `send_again`, `journal`
---@param own table the descriptor of those
---@return table|nil pipeline, table|nil err
function M.create(group, operation, project, params, opts, own)
  local args, err = M.prepare(group, operation, project, params, own)
  if not args then return nil, err end
  if opts.once then
    local message = require(ONCE).problem(operation.name, opts)
    if message then M.blame(message) end
    return require(ONCE).create(group.gl, operation, args, opts)
  end
  for _, name in ipairs { "adopt", "send_again" } do
    if opts[name] ~= nil then
      M.blame(("%s: option '%s' needs 'once'"):format(operation.name, name))
    end
  end
  opts.journal, opts.given_up = nil, nil
  return group.client:call(operation, args, opts)
end

return M
