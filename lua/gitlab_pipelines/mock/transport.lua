--- The transport that asks a simulated GitLab in this process.
--
-- The same contract as transport/curl: what would happen on the wire, a delay, a reset, half a
-- body, is carried out on the runtime's clock and becomes the failure that libcurl would report.

local runtime = require "gitlab_pipelines.runtime"

local M = {}

local Response = {}
Response.__index = Response
Response.__name = "gitlab_pipelines.response"

--- The first header of that name, in any case.
---@param name string
---@return string|nil
function Response:header(name)
  name = name:lower()
  for _, pair in ipairs(self.headers) do
    if pair[1]:lower() == name then return pair[2] end
  end
  return nil
end

--- All headers as they came: `for name, value in response:each_header() do`.
---@return function iterator
function Response:each_header()
  local at = 0
  return function()
    at = at + 1
    local pair = self.headers[at]
    if pair then return pair[1], pair[2] end
  end
end

-- `response.headers` has the same two methods as the response itself.
local Headers = {}
Headers.__index = Headers

function Headers:header(name) return Response.header({ headers = self }, name) end

function Headers:each_header() return Response.each_header { headers = self } end

local Mock = {}
Mock.__index = Mock
Mock.__name = "gitlab_pipelines.mock.transport"

--- Makes a transport over an open simulated GitLab.
---@param options table `core` (userdata of simulation.so), `runtime` (nil: the one of each request)
---@return table transport
function M.new(options)
  return setmetatable({ core = options.core, runtime = options.runtime, served = 0 }, Mock)
end

local function failure(outcome, code, message, sent_at, status)
  return nil, { outcome = outcome, code = code, message = message, sent_at = sent_at,
    status = status }
end

-- What comes after a status line: a 2xx has been done, anything else is in doubt.
local function broken(status, code, message, sent_at)
  local done = status >= 200 and status < 300
  return failure(done and "unreadable" or "unknown", code, message, sent_at, status)
end

-- "https://host/gitlab/api/v4/projects/1?x" -> "https://host/gitlab", "/api/v4/projects/1?x"
local function split_url(url)
  local origin, rest = url:match "^(%a[%w+.-]*://[^/?#]*)([^#]*)"
  if not origin then return nil end
  local at = rest:find("/api/v4", 1, true)
  if at then return origin .. rest:sub(1, at - 1), rest:sub(at) end
  return origin, rest == "" and "/" or rest
end

local function revealed(headers)
  local list = {}
  for i, pair in ipairs(headers or {}) do
    local value = pair[2]
    if type(value) == "userdata" then value = value:reveal() end
    list[i] = { pair[1], value }
  end
  return list
end

-- Waits; nil and "cancelled" if the task was, "late" when the request's time is over before.
local function pause(rt, seconds, limit)
  local wake = rt:now() + seconds
  local late = limit and limit < wake
  if late then wake = limit end
  if wake > rt:now() then
    local _, why = rt:waiter():wait(wake)
    if why == "cancelled" then return nil, "cancelled" end
  end
  if late then return nil, "late" end
  return true
end

-- The moment at which the client gives up on an attempt.
local function limit_of(request, started)
  local timeout = request.timeout or {}
  -- A streamed body has no limit as a whole, only one between two bytes.
  local own = request.sink and timeout.stall or timeout.request
  local limit = own and started + own
  if request.deadline and (not limit or request.deadline < limit) then limit = request.deadline end
  return limit
end

local function deliver_to_file(sink, status, body)
  local offset = status == 206 and sink.offset or 0
  local file, message = io.open(sink.file, offset > 0 and "r+b" or "wb")
  if not file then return nil, message end
  file:seek("set", offset)
  local ok, problem = file:write(body)
  file:close()
  if not ok then return nil, problem end
  return true
end

-- Gives a 2xx body to the sink. True when it took it.
local function deliver(request, status, headers, body)
  local sink = request.sink
  if not sink or status < 200 or status > 299 then return false end
  if type(sink) == "table" then
    local ok, message = true, nil
    if sink.watch then ok, message = sink.watch(0, status, headers) end
    if ok then ok, message = deliver_to_file(sink, status, body) end
    if not ok then return nil, message or "the receiver of the body stopped" end
  elseif body ~= "" then
    local ok, message = sink(body, status, headers)
    if not ok then return nil, message or "the receiver of the body stopped" end
  end
  return true
end

-- A write has been done whether or not its answer can be taken; a read would not fit again.
local function unread(request, status)
  if request.effect == "read" then return "permanent" end
  return status >= 200 and status < 300 and "unreadable" or "unknown"
end

local function answer(self, request, rt, started, status, headers, body)
  if request.method == "HEAD" then body = "" end
  if not request.sink and request.max_bytes and #body > request.max_bytes then
    return failure(unread(request, status), "too_large", ("the answer is longer than %d bytes")
      :format(request.max_bytes), started, status)
  end
  local bytes = #body
  setmetatable(headers, Headers)
  local took, message = deliver(request, status, headers, body)
  if took == nil then return failure(unread(request, status), "sink", message, started, status) end
  if took then body = nil end
  local reused = request.effect ~= "create" and self.served > 1
  return setmetatable({
    status = status, headers = headers, body = body, url = request.url,
    bytes = bytes, sent_at = started, elapsed = rt:now() - started, reused = reused,
  }, Response)
end

local function late(started)
  return failure("unknown", "timeout", "no answer in time", started)
end

-- What a client sees when the wire misbehaves after the delay.
local actions = {}

function actions.drop(_, _, _, started)
  return failure("unknown", "reset", "the connection was closed before an answer", started)
end

function actions.reset(_, _, _, started)
  return failure("unknown", "reset", "the connection was reset before an answer", started)
end

function actions.truncate(_, status, _, started)
  return broken(status, "reset", "the connection was closed within the answer", started)
end

actions.truncate_reset = actions.truncate

function actions.garbage(request, _, _, started)
  return failure(request.effect == "read" and "permanent" or "unknown", "protocol",
    "the answer is not HTTP", started)
end

function actions.wrong_length(_, status, action, started, body)
  if action.bytes <= #body then return nil end
  return broken(status, "reset", "the answer is shorter than announced", started)
end

function actions.stall(_, status, _, started, _, rt, limit)
  if limit then
    local ok, why = pause(rt, limit - rt:now(), limit)
    if not ok and why == "cancelled" then
      return failure("cancelled", "cancelled", "the request was cancelled", started)
    end
  end
  return broken(status, "timeout", "the answer stopped within its body", started)
end

-- Carries out a fault: nil when the answer comes all the same.
local function act(action, request, status, body, started, rt, limit)
  if action.delay > 0 then
    local ok, why = pause(rt, action.delay, limit)
    if why == "cancelled" then
      return true, failure("cancelled", "cancelled", "the request was cancelled", started)
    end
    if not ok then return true, late(started) end
  end
  if action.kind == "dribble" then
    local pieces = math.ceil(#body / math.max(action.bytes, 1))
    local ok, why = pause(rt, pieces * action.interval, limit)
    if why == "cancelled" then
      return true, failure("cancelled", "cancelled", "the request was cancelled", started)
    end
    if not ok then return true, broken(status, "timeout", "the answer took too long", started) end
    return false
  end
  local handler = actions[action.kind]
  if not handler then return false end
  local result, failed = handler(request, status, action, started, body, rt, limit)
  if result == nil and failed == nil then return false end
  return true, result, failed
end

--- Asks the simulated GitLab. A redirect is an answer, as it is of transport/curl.
---@param request table as transport/curl takes it; `hop`: a redirect has led here
---@return table|nil response
---@return table|nil failure
function Mock:perform(request)
  if self.closed then return failure("cancelled", "cancelled", "the client is closed") end
  local rt = request.runtime or self.runtime or runtime.default()
  local origin, target = split_url(request.url)
  if not origin then
    return failure("permanent", "protocol", "this is not an address: " .. tostring(request.url))
  end
  -- The simulation's own address is not that of the object store to which it sends somebody on.
  if not request.hop and origin ~= self.origin then
    self.core:set_url(origin)
    self.origin = origin
  end
  local started = rt:now()
  -- A creation goes over a connection of its own.
  local served = request.effect == "create" and 0 or self.served
  if request.effect ~= "create" then self.served = self.served + 1 end
  local limit = limit_of(request, started)
  local status, headers, body, action = self.core:request(started, request.method, target,
    revealed(request.headers), request.body or "", served)
  if request.exchange then request.exchange:sent(started) end
  if action then
    local over, result, failed = act(action, request, status, body, started, rt, limit)
    if over then
      self.served = 0
      return result, failed
    end
    if action.kind == "wrong_length" then body = body:sub(1, action.bytes) end
  end
  return answer(self, request, rt, started, status, headers, body)
end

--- The next webhook that is due, taken from the outbox as a sender would: report its answer with
--- `webhook_answered`. Nothing is sent by this transport itself.
---@param options table|nil `now` (default: the runtime's)
---@return table|nil webhook `id url body headers` (with `:header(name)`)
function Mock:webhook(options)
  local rt = self.runtime or runtime.default()
  local taken = self.core:webhook_take(options and options.now or rt:now())
  if taken then setmetatable(taken.headers, Headers) end
  return taken
end

--- What came of a webhook that `webhook` gave.
---@param id integer
---@param status integer of the answer; 0: none came
---@param body string|nil the beginning of its body, or why none came
---@param options table|nil `now`
---@return boolean known
function Mock:webhook_answered(id, status, body, options)
  local rt = self.runtime or runtime.default()
  return self.core:webhook_report(options and options.now or rt:now(), id, status, body or "")
end

--- Ends the use of this transport; the simulated GitLab is closed with it.
function Mock:close()
  if self.closed then return end
  self.closed = true
  self.core:close()
end

--- One request without a client, for tests: token and clock are the caller's business.
---@param method string
---@param target string path and query, such as "/projects/1/pipelines"
---@param options table|nil `now` (default: the runtime's), `token` (false: none), `body` (text),
--- `headers` ({name, value} pairs)
---@return integer status
---@return string body
---@return table headers with `:header(name)`
function Mock:request(method, target, options)
  options = options or {}
  local rt = self.runtime or runtime.default()
  local list = {}
  for i, pair in ipairs(options.headers or {}) do list[i] = pair end
  if options.token ~= false then
    list[#list + 1] = { "PRIVATE-TOKEN", options.token or self.token }
  end
  if options.body and not options.headers then
    list[#list + 1] = { "Content-Type", "application/json" }
  end
  local status, headers, body = self.core:request(options.now or rt:now(), method, target, list,
    options.body or "")
  return status, body, setmetatable(headers, Headers)
end

return M
