--- From an operation and its arguments to the request value that a transport carries out.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local json = require "gitlab_pipelines.json"

local M = {}

local tointeger = rawget(math, "tointeger") or function(value) return value end

--- The project as it stands in an address: a number, or a path with a slash.
---@param project any
---@return integer|string|nil project nil: neither
function M.project(project)
  if type(project) == "number" then
    if project % 1 == 0 and project > 0 and project < 2 ^ 53 then
      return tointeger(project) or project
    end
  elseif type(project) == "string" then
    if project:match "^[1-9]%d*$" and #project < 16 then
      return tointeger(tonumber(project)) or tonumber(project)
    end
    -- GitLab's own rule for paths is narrower; this one keeps mistakes and tricks out.
    if project:match "^[^/%c%s][^%c]*/[^/%c]+$" and not project:find "//" and not project:find "%.%./"
      and not project:match "/%.%.?$" then
      return project
    end
  end
  return nil
end

-- A number in an address is a whole one; LuaJIT's 17 and 17.0 are one value.
local function path_value(value)
  if type(value) == "number" then return ("%d"):format(value) end
  return value
end

--- The path of a call, and its subject for people: "acme/app 17".
---@return string|nil path
---@return string subject, or a message when there is no path
function M.path(op, args)
  local values, words = {}, {}
  for name in op.path:gmatch ":([%a_][%w_]*)" do
    local value = args[name]
    if value ~= nil then
      values[name] = path_value(value)
      words[#words + 1] = tostring(values[name])
    end
  end
  local path, why = core.uri.expand(op.path, values)
  if not path then return nil, why end
  return path, table.concat(words, " ")
end

-- A body with its secrets revealed, which the redactor gets to know; the caller's table stays as it
-- is. json's own marks (null, arrays) are kept.
local function reveal(value, redactor)
  if core.secret.is(value) then
    redactor:add(value)
    return value:reveal()
  end
  if type(value) ~= "table" or value == json.null then return value end
  local copy, changed = {}, false
  for key, one in pairs(value) do
    local shown = reveal(one, redactor)
    copy[key] = shown
    if shown ~= one then changed = true end
  end
  return changed and setmetatable(copy, getmetatable(value)) or value
end

local function add_all(headers, more)
  for _, pair in ipairs(more or {}) do headers[#headers + 1] = pair end
end

--- Builds what stays the same in every attempt of a call.
---@param client table
---@param op table operation
---@param args table `project`, path parameters, `query` (pairs in order), `body`, `headers`
---@return table|nil call
---@return table|nil err
function M.build(client, op, args)
  if args.project ~= nil then
    local project = M.project(args.project)
    if not project then
      return nil, errors.new("ConfigurationError.InvalidProjectId", { operation = op.name,
        message = ("a project is a number or a path such as \"group/app\", not %s"):format(
          type(args.project) == "string" and ("%q"):format(args.project) or tostring(args.project)) })
    end
    local copy = {}
    for name, value in pairs(args) do copy[name] = value end
    copy.project = project
    args = copy
  end
  local path, subject = M.path(op, args)
  if not path then
    return nil, errors.new("RequestError.BadRequest", { operation = op.name, message = subject })
  end
  local query = args.query and #args.query > 0 and core.uri.encode_query(args.query)
  local prefix = op.base == "instance" and client.settings.base.url or client.settings.base.api
  local headers = { { "Accept", op.result == "bytes" and "*/*" or "application/json" } }
  local body
  if args.body ~= nil then
    body = json.encode(reveal(args.body, client.redactor))
    headers[#headers + 1] = { "Content-Type", "application/json" }
  end
  add_all(headers, args.headers)
  return { op = op, args = args, path = path, subject = subject ~= "" and subject or nil,
    url = prefix .. path .. (query and "?" .. query or ""), headers = headers, body = body,
    attempts = 0 }
end

--- The request of one attempt, with the token of this moment.
---@param call table
---@param token table|nil header pair
---@return table request
function M.attempt(client, call, token, exchange)
  local headers = {}
  if token then headers[1] = token end
  add_all(headers, call.headers)
  local op, timeout = call.op, client.settings.timeout
  return {
    method = op.method, url = call.url, headers = headers, body = call.body,
    operation = op.name, effect = op.effect, deadline = call.deadline,
    -- A streamed body takes as long as it takes; only silence ends it.
    timeout = { connect = timeout.connect, request = not call.streams and timeout.request or nil,
      stall = timeout.stall },
    max_bytes = client.settings.max_bytes, sink = call.sink, exchange = exchange,
    runtime = client.runtime, redirects = op.effect == "read",
    -- An archive is packed already, and its length is to be the one that was announced.
    compressed = op.result ~= "bytes",
  }
end

return M
