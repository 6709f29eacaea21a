-- Asks a simulated GitLab in this process, with a clock of the spec's own: calls.new(options) gives
-- an object whose `at` is seconds since T, and whose methods answer status, decoded body, headers.
local json = require "gitlab_pipelines.json"
local mock = require "gitlab_pipelines.mock"

local M = {}

M.T = 1767225600
M.token = "MOCK_SUPER_SECRET"

local Calls = {}
Calls.__index = Calls

function M.new(options)
  options = options or {}
  local settings = { seed = options.seed, db = options.db, url = options.url,
    token = options.token or M.token, max_body = options.max_body,
    allow_reset = options.allow_reset ~= false, clock = options.clock, world = options.world }
  local transport, message = mock.new(settings)
  if not transport then return nil, message end
  return setmetatable({ transport = transport, at = 0 }, Calls)
end

-- Headers as one table by lower-case name.
local function by_name(list)
  local found = {}
  for name, value in list:each_header() do found[name:lower()] = value end
  return found
end

-- The raw answer: status, text, headers by lower-case name.
function Calls:raw(method, target, options)
  options = options or {}
  options.now = M.T + self.at
  local status, body, headers = self.transport:request(method, target, options)
  return status, body, by_name(headers)
end

function Calls:call(method, target, body, options)
  options = options or {}
  if type(body) == "table" then body = json.encode(body) end
  options.body = body
  local status, text, headers = self:raw(method, target, options)
  local value = text
  if (headers["content-type"] or ""):find("json", 1, true) then value = assert(json.decode(text)) end
  return status, value, headers
end

function Calls:get(target, options) return self:call("GET", target, nil, options) end
function Calls:post(target, body, options) return self:call("POST", target, body or {}, options) end
function Calls:put(target, body, options) return self:call("PUT", target, body or {}, options) end
function Calls:patch(target, body) return self:call("PATCH", target, body or {}) end
function Calls:delete(target) return self:call("DELETE", target) end

-- A form instead of JSON.
function Calls:form(target, text, token)
  return self:call("POST", target, text, { token = token, headers = {
    { "Content-Type", "application/x-www-form-urlencoded" } } })
end

function Calls:close() self.transport:close() end

return M
