--- The network transport: libcurl behind one descriptor that the runtime polls.
--
-- A transport is one function, `perform(request) -> response | nil, failure`; the exchange decides
-- what a failure means. Headers stay in C until they are read, since most calls read only two.

local http = require "gitlab_pipelines.http"
local runtime = require "gitlab_pipelines.runtime"

local M = {}

-- Seconds between two calls of the watcher of a file that is being written.
local WATCH_INTERVAL = 0.2

local Response = {}
Response.__index = Response
Response.__name = "gitlab_pipelines.response"

--- Returns the first header of that name, case-insensitively.
---@param name string
---@return string|nil
function Response:header(name)
  return self.headers:header(name)
end

--- Iterates over all headers in order: `for name, value in response:each_header() do`.
---@return function iterator
function Response:each_header()
  return self.headers:each_header()
end

local Curl = {}
Curl.__index = Curl
Curl.__name = "gitlab_pipelines.transport.curl"

--- Makes a transport.
---@param options table|nil `runtime`, `ca_file`, `client_cert`, `client_key`, `proxy` (nil: from
--- the environment, false: none, or a URL), `user_agent`, `allow_insecure` (allows sending a token
--- over plain http to another host; certificates are always verified)
---@return table transport
function M.new(options)
  options = options or {}
  return setmetatable({
    engine = http.engine {
      ca_file = options.ca_file, client_cert = options.client_cert,
      client_key = options.client_key, proxy = options.proxy, user_agent = options.user_agent,
      allow_insecure = options.allow_insecure,
    },
    runtime = options.runtime,
    waiting = {}, -- number of a transfer -> its waiter
    free = {}, numbers = 0, -- numbers for reuse, and the number of numbers allocated
    pumps = setmetatable({}, { __mode = "k" }), -- runtime -> its pump
  }, Curl)
end

-- The pollable object: one per runtime, all on the same engine --------------------------------

local Pump = {}
Pump.__index = Pump

local function pump_of(self, rt)
  local pump = self.pumps[rt]
  if not pump then
    pump = setmetatable({ runtime = rt, engine = self.engine, waiting = self.waiting,
      in_flight = 0, attached = false }, Pump)
    self.pumps[rt] = pump
  end
  if not pump.attached then
    rt:attach(pump)
    pump.attached = true
  end
  return pump
end

function Pump:pollfd() return self.engine:pollfd() end

function Pump.events() return "r" end

function Pump:timeout() return self.engine:timeout() end

-- Wakes the waiters of the next `limit` transfers with news; returns their number.
local function wake(engine, waiting, limit)
  local count = 0
  while count < limit do
    local number = engine:next()
    if not number then break end
    local waiter = waiting[number]
    if waiter then waiter:wake() end
    count = count + 1
  end
  return count
end

--- Steps every transfer and wakes the waiters of those with news; never waits.
---@param limit integer maximum number of results
---@return integer count number of results delivered
function Pump:pump(limit)
  if self.in_flight == 0 then
    -- A loop must not wait for an idle transport.
    self.runtime:detach(self)
    self.attached = false
    return 0
  end
  self.engine:step()
  return wake(self.engine, self.waiting, limit)
end

-- Performing -----------------------------------------------------------------------------------

local function failure(outcome, code, message, sent_at, status)
  return nil, { outcome = outcome, code = code, message = message, sent_at = sent_at,
    status = status }
end

local function finish(transfer, request)
  local status, body, bytes, sent_at, elapsed, reused = transfer:result()
  if not status then
    -- nil, outcome, code, message, sent_at, status
    return failure(body, bytes, sent_at, elapsed, reused)
  end
  local sink = request.sink
  -- A body that the sink did not receive (an error's) is in memory.
  if sink and body == "" then body = nil end
  return setmetatable({
    status = status, headers = transfer, body = body, url = request.url, bytes = bytes,
    sent_at = sent_at, elapsed = elapsed, reused = reused,
  }, Response)
end

local function cancelled(transfer)
  local sent_at = transfer:sent_at()
  transfer:cancel()
  return failure("cancelled", "cancelled", "the request was cancelled", sent_at)
end

-- Passes the received bytes to the sink. Returns true, or nil and the failure. If the sink raises,
-- the transfer is cancelled and the error is raised again.
local function drain(transfer, sink)
  local chunk = transfer:read()
  while chunk do
    local called, ok, message = pcall(sink, chunk, transfer:status(), transfer)
    if not called or not ok then
      local sent_at, status = transfer:sent_at(), transfer:status()
      transfer:cancel()
      if not called then error(ok, 0) end
      return failure("permanent", "sink", message or "the receiver of the body stopped", sent_at,
        status)
    end
    chunk = transfer:read()
  end
  return true
end

-- Calls the watcher of a file with the bytes written. Returns true, or nil and the failure if the
-- watcher stops the transfer.
local function notify(transfer, watch)
  local status = transfer:status()
  if not status or status < 200 or status > 299 then return true end
  local ok, message = watch(transfer:bytes(), status, transfer)
  if ok then return true end
  local sent_at = transfer:sent_at()
  transfer:cancel()
  return failure("permanent", "sink", message or "the receiver of the body stopped", sent_at, status)
end

-- Waits until the transfer is done. Returns true, or nil and the failure.
local function await(transfer, waiter, sink, rt)
  local feeds = type(sink) == "function"
  local watch = type(sink) == "table" and sink.watch
  while true do
    if feeds or watch then
      local ok, failed = (feeds and drain or notify)(transfer, watch or sink)
      if not ok then return nil, failed end
    end
    if transfer:done() then return true end
    local _, why = waiter:wait(watch and rt:now() + WATCH_INTERVAL or nil)
    if why == "cancelled" then
      -- A watcher that keeps the partial file needs the response's headers.
      if watch then notify(transfer, watch) end
      return cancelled(transfer)
    end
  end
end

-- Returns a number that no transfer in flight has. Numbers are reused because a table with ever new
-- keys is rehashed all the time. (Late news of a number's former transfer may wake the current one
-- early; it finds nothing done and keeps waiting.)
local function take_number(self)
  local free = self.free
  local last = #free
  if last > 0 then
    local number = free[last]
    free[last] = nil
    return number
  end
  self.numbers = self.numbers + 1
  return self.numbers
end

--- Sends one request and waits for its response. The body of a redirect is dropped.
---@param request table `method url headers body operation effect deadline timeout max_bytes sink
--- exchange runtime compressed`; `sink` receives the body of a 2xx response: a function called with
--- each chunk, the status and the headers, or `{file = path, offset = n,
--- watch = function(bytes, status, headers)}`. Both return true to continue, or nil and a message
---@return table|nil response `status headers body url bytes sent_at elapsed reused`
---@return table|nil failure `outcome code message sent_at status`
function Curl:perform(request)
  if self.closed then return failure("cancelled", "cancelled", "the client is closed") end
  local rt = request.runtime or self.runtime or runtime.default()
  local number = take_number(self)
  local transfer, outcome, code, message = self.engine:submit(request, rt:now(), number)
  if not transfer then
    self.free[#self.free + 1] = number
    return failure(outcome, code, message)
  end
  local pump = pump_of(self, rt)
  local waiter = rt:waiter()
  self.waiting[number] = waiter
  pump.in_flight = pump.in_flight + 1
  local called, ok, failed = pcall(await, transfer, waiter, request.sink, rt)
  self.waiting[number] = nil
  self.free[#self.free + 1] = number
  pump.in_flight = pump.in_flight - 1
  if not called then
    transfer:cancel()
    error(ok, 0)
  end
  if not ok then return nil, failed end
  return finish(transfer, request)
end

--- Cancels all requests in flight and closes all connections.
function Curl:close()
  if self.closed then return end
  self.closed = true
  self.engine:shutdown()
  wake(self.engine, self.waiting, math.huge)
end

return M
