-- The least client that carries an operation to a transport: for specs of what stands above it.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local json = require "gitlab_pipelines.json"

local M = {}

local Client = {}
Client.__index = Client

local function reveal(value)
  if type(value) == "userdata" and core.secret.is(value) then return value:reveal() end
  if type(value) ~= "table" then return value end
  local copy = setmetatable({}, getmetatable(value))
  for k, v in pairs(value) do copy[k] = reveal(v) end
  return copy
end

local function perform(self, operation, args, opts)
  local query = core.uri.encode_query(args.query)
  local path = assert(core.uri.expand(operation.path, args))
  local base = operation.base == "instance" and self.url or self.url .. "/api/v4"
  return self.transport:perform {
    method = operation.method, url = base .. path .. (query ~= "" and "?" .. query or ""),
    headers = args.headers, body = args.body and json.encode(reveal(args.body)),
    operation = operation.name, effect = operation.effect, sink = opts.sink, runtime = self.runtime,
  }
end

function Client:page(operation, args, opts)
  local response, failure = perform(self, operation, args, opts or {})
  if not response then
    return nil, errors.new("NetworkError.ConnectionFailed", { message = failure.message })
  end
  if response.status == 304 then return true, response end
  if response.status >= 300 then
    local body = json.decode(response.body) or {}
    return nil, errors.new(response.status == 404 and operation.not_found or "RequestError.BadRequest",
      { status = response.status, message = json.encode(body.message or body.error or response.body),
        missing_route = body.error == "404 Not Found" or nil })
  end
  if operation.result == "list" or operation.result == "object" then
    return assert(json.decode(response.body)), response
  end
  return response.body or { bytes = response.bytes }, response
end

function Client:call(operation, args, opts)
  local result, response = self:page(operation, args, opts)
  if result == nil then return nil, response end
  return result
end

function Client.credential() return core.secret.new "job-token-12345" end

function Client:close() self.transport:close() end

--- A gl object over a transport.
function M.new(transport, fields)
  local client = setmetatable({ transport = transport, url = "https://gitlab.test", auth = "private" },
    Client)
  for name, value in pairs(fields or {}) do client[name] = value end
  return require("gitlab_pipelines.api").new(client, fields and fields.options)
end

return M
