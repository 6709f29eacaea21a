--- Builds the request that a transport sends from an operation and its arguments.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local json = require "gitlab_pipelines.json"
local project_id = require "gitlab_pipelines.project_id"

local M = {}

--- Returns a readable subject of a call: the values in its path, such as "acme/app 17".
---@param op table
---@param args table
---@return string|nil subject nil if the path has no parameters
function M.subject(op, args)
  local words = {}
  for name in op.path:gmatch ":([%a_][%w_]*)" do
    local value = args[name]
    local whole = type(value) == "number" and value % 1 == 0 -- 17.0 is shown as 17, as in the URL
    words[#words + 1] = whole and ("%d"):format(value) or tostring(value)
  end
  return #words > 0 and table.concat(words, " ") or nil
end

-- Returns the body with its secrets revealed and adds them to the redactor. The caller's table is not
-- modified; JSON nulls and arrays are kept.
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

local function with_all(headers, more)
  for _, pair in ipairs(more or {}) do headers[#headers + 1] = pair end
  return headers
end

local accepts = { bytes = { "Accept", "*/*" } }
local ACCEPT_JSON = { "Accept", "application/json" }
local CONTENT_TYPE = { "Content-Type", "application/json" }

-- Shared by nearly all calls; read-only.
local ONLY_ACCEPT = { bytes = { accepts.bytes } }
local ONLY_ACCEPT_JSON = { ACCEPT_JSON }

local function headers_of(op, args)
  if args.body == nil and not args.headers then
    return ONLY_ACCEPT[op.result] or ONLY_ACCEPT_JSON
  end
  local headers = { accepts[op.result] or ACCEPT_JSON }
  if args.body ~= nil then headers[2] = CONTENT_TYPE end
  return with_all(headers, args.headers)
end

-- Returns the arguments with the project normalized; the caller's table is not modified.
local function normalize(op, args)
  local given = args.project
  if given == nil then return args end
  local project, err = project_id.check(given, op.name)
  if not project then return nil, err end
  if project == given then return args end
  local copy = {}
  for name, value in pairs(args) do copy[name] = value end
  copy.project = project
  return copy
end

--- Builds the parts of a call that are the same in every attempt.
---@param client table
---@param op table operation
---@param args table `project`, path parameters, `query` (pairs in order), `body`, `headers`
---@return table|nil call
---@return table|nil err
function M.build(client, op, args)
  local err
  args, err = normalize(op, args)
  if not args then return nil, err end
  local path, why = core.uri.expand(op.path, args)
  if not path then
    return nil, errors.new("RequestError.BadRequest", { operation = op.name, message = why })
  end
  local base, query = client.settings.base, args.query
  local url = (op.base == "instance" and base.url or base.api) .. path
  if query and #query > 0 then url = url .. "?" .. core.uri.encode_query(query) end
  return {
    op = op, args = args, path = path, url = url, headers = headers_of(op, args),
    body = args.body ~= nil and json.encode(reveal(args.body, client.redactor)) or nil,
    attempts = 0, redactor = client.redactor,
    -- Set later; listed here so that the table is allocated at its final size.
    sink = nil, streams = nil, deadline = nil, server_time = nil, response = nil, result = nil,
    err = nil, generation = nil, refused = nil,
  }
end

--- Returns the time limits of a client's attempts: for a body kept in memory, and for a stream, which
--- has only a stall timeout and no total limit.
---@param timeout table `connect`, `request`, `stall`
---@return table limits {memory =, stream =}
function M.limits(timeout)
  return {
    memory = { connect = timeout.connect, request = timeout.request, stall = timeout.stall },
    stream = { connect = timeout.connect, stall = timeout.stall },
  }
end

local function headers_with(token, headers)
  if not token then return headers end
  if #headers == 1 then return { token, headers[1] } end
  return with_all({ token }, headers)
end

-- Subtracts the time spent on earlier hops from the attempt's time limit.
local function time_limits(client, call, hop)
  local limits = client.time_limits[call.streams and "stream" or "memory"]
  if not hop or not limits.request then return limits end
  return { connect = limits.connect, stall = limits.stall,
    request = math.max(limits.request - hop.spent, 0.001) }
end

--- Returns the request of one attempt with the current token, or of its next hop.
---@param client table
---@param call table
---@param token table|nil header pair
---@param exchange userdata
---@param hop table|nil from redirects.lua
---@return table request
function M.attempt(client, call, token, exchange, hop)
  local op = call.op
  return {
    method = op.method, url = hop and hop.url or call.url, body = call.body,
    headers = headers_with(token, hop and hop.headers or call.headers),
    operation = op.name, effect = op.effect, deadline = call.deadline,
    timeout = time_limits(client, call, hop),
    max_bytes = client.settings.max_bytes, sink = call.sink, exchange = exchange,
    runtime = client.runtime, hop = hop and hop.count > 0 and hop.count or nil,
    -- An archive is already compressed, and its length must match Content-Length.
    compressed = op.result ~= "bytes",
  }
end

return M
