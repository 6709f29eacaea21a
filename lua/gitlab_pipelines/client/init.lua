--- One API call, from arguments to result: operation -> exchange -> transport -> decode or error.
--
-- The exchange (C) decides whether an attempt may be sent, must wait, or is over. The transport
-- sends it. This file waits as the exchange decides and turns the last response into a result or an
-- error.

local artifact_store = require "gitlab_pipelines.client.artifact_store"
local breakers = require "gitlab_pipelines.client.breakers"
local conclusion = require "gitlab_pipelines.client.conclusion"
local core = require "gitlab_pipelines.core"
local credentials = require "gitlab_pipelines.client.credentials"
local decode = require "gitlab_pipelines.client.decode"
local limits = require "gitlab_pipelines.client.limits"
local logs = require "gitlab_pipelines.observe.log"
local operations = require "gitlab_pipelines.operations"
local options = require "gitlab_pipelines.options"
local project_id = require "gitlab_pipelines.project_id"
local projects = require "gitlab_pipelines.client.projects"
local queue = require "gitlab_pipelines.client.queue"
local redact = require "gitlab_pipelines.observe.redact"
local redirects = require "gitlab_pipelines.client.redirects"
local request = require "gitlab_pipelines.client.request"
local response_errors = require "gitlab_pipelines.client.response_errors"
local runtimes = require "gitlab_pipelines.runtime"
local settings_of = require "gitlab_pipelines.client.settings"
local statistics = require "gitlab_pipelines.client.statistics"
local tracing = require "gitlab_pipelines.observe.tracing"

local M = {}

local Client = {}
Client.__index = Client
Client.__name = "gitlab_pipelines.client"

local new_exchange = core.exchange.new

-- The options of a call without options; read-only.
local NO_OPTIONS = {}

-- Maximum seconds between a change and the `Date` of the response to it.
local CLOCK_TOLERANCE = 5

-- A probe that times out must be reported before its slot expires, and the attempt's timer may be
-- late.
local PROBE_GRACE = 1

-- Making a client ------------------------------------------------------------------------------

local function choose_runtime(settings, level)
  local given = settings.runtime
  if given == nil and type(settings.transport) == "table" then given = settings.transport.runtime end
  local runtime = runtimes.resolve(given)
  if not runtime then
    error("gitlab.new: option 'runtime' must be a runtime, such as gitlab.runtime.native", level)
  end
  return runtime
end

local function make_log(settings, redactor, level)
  local log, message = logs.new { sink = settings.log, level = settings.log_level,
    redactor = redactor }
  if not log then error("gitlab.new: option 'log': " .. tostring(message), level) end
  return log
end

local function make_transport(settings, runtime)
  if settings.transport ~= "curl" then return settings.transport, false end
  return require("gitlab_pipelines.transport.curl").new {
    runtime = runtime, ca_file = settings.ca_file, client_cert = settings.client_cert,
    client_key = settings.client_key, proxy = settings.proxy, user_agent = settings.user_agent,
    allow_insecure = settings.allow_insecure,
  }, true
end

-- Clients share a breaker if origin, proxy and TLS identity are the same.
local function breaker_identity(settings, origin)
  return table.concat({ origin, tostring(settings.proxy), settings.ca_file or "",
    settings.client_cert or "", settings.client_key or "" }, "\n")
end

function Client:breaker_of(origin)
  local config = self.settings.breaker
  if not config then return nil end
  local owner = self.settings.transport == "curl" and self.runtime or self.transport
  local breaker, differs = breakers.get(owner, breaker_identity(self.settings, origin), {
    failures = config.failures, successes = config.successes, reset = config.reset,
    probe_timeout = self.settings.timeout.request + PROBE_GRACE,
  })
  if differs then
    self.log:warn("the circuit breaker of " .. origin
      .. " keeps the configuration of the first client")
  end
  return breaker
end

--- Makes a client.
---@param given table|nil the options of `gitlab.new`
---@param level integer|nil stack level reported for invalid options; 2 is the caller
---@return table|nil client `url`, `auth`, `runtime`, `check_scopes`
---@return table|nil err ConfigurationError.InvalidBaseUrl, InvalidCredentials or
--- SharedLimitsUnusable
function M.new(given, level)
  level = level or 2
  local settings, err = settings_of.check(given, level)
  if not settings then return nil, err end
  -- `tokens` knows only the client's own tokens, which never appear on purpose in a program's data.
  local redactor, tokens = redact.new(), redact.known()
  if settings.token_prefix and settings.token_prefix ~= "" then
    redactor:add_prefix(settings.token_prefix)
  end
  local token
  token, err = credentials.new(settings, function(secret)
    redactor:add(secret)
    tokens:add(secret)
  end)
  if not token then return nil, err end
  -- Kept only as secrets from here on: printing a client must not show them.
  settings.token, settings.secrets = nil, nil
  local self = setmetatable({
    settings = settings, time_limits = request.limits(settings.timeout),
    url = settings.base.url, token = token, auth = token.auth,
    check_scopes = settings.check_scopes or false, redactor = redactor, tokens = tokens,
    redact_text = function(text) return redactor:text(text) end,
    projects = {}, skew = 0,
    counts = { reused = 0, bytes = 0, requests = 0, unknown = 0 },
  }, Client)
  self.runtime = choose_runtime(settings, level + 1)
  self.log = make_log(settings, redactor, level + 1)
  self.policy = core.policy.new { retry = settings.retry, limits = settings.limits }
  local opened
  opened, err = limits.open(self)
  if not opened then return nil, err end
  self.transport, self.owns_transport = make_transport(settings, self.runtime)
  self.breaker = self:breaker_of(settings.base.origin)
  self.stores = artifact_store.new(self)
  self.queue = queue.of(self.runtime)
  limits.join(self)
  return self
end

--- Closes everything this client opened; calls in flight are cancelled. Idempotent.
function Client:close()
  if self.closed then return end
  self.closed = true
  if self.owns_transport then self.transport:close() end
  self.queue:wake()
  self.policy:unshare()
  self.stores:close()
  if self.once_journal then self.once_journal:close() end
end

--- Returns the token as a secret, for the one endpoint that takes it in the body.
---@return userdata|nil secret
---@return table|nil err
function Client:credential()
  local header, err = self.token:header(self.runtime)
  if header == false then return nil, err end
  self.auth = self.token.auth
  return self.token.secret
end

-- Waiting --------------------------------------------------------------------------------------

--- Waits until a time on the runtime's clock.
---@return boolean|nil true; nil when the task was cancelled
function Client:wait_until(time)
  if time <= self.runtime:now() then return true end
  local _, why = self.runtime:waiter():wait(time)
  return why ~= "cancelled" or nil
end

--- Wakes waiting calls if a change in this exchange may let them proceed.
function Client:wake_others(exchange)
  if exchange:wakes() then self.queue:wake() end
end

--- Closes an exchange that is not over.
function Client:abandon(exchange)
  exchange:close(self.runtime:now())
  self:wake_others(exchange)
end

-- The half-open breaker needs a probe, and this call is not safe to use as one: a harmless request
-- is sent first. If even that cannot be sent (no slot before the deadline, no token), this call ends
-- for the same reason: returns true and the seconds after which to retry.
local function probe(self, call)
  local result, err = self:call(operations.server.version, { query = {} },
    { retry = false, deadline = call.deadline or math.huge })
  if result ~= nil or err.attempts > 0 or err:is "CircuitOpen" then return false end
  call.err = response_errors.own(call, err.category .. "." .. err.kind,
    { message = err.message, retryable = err.retryable })
  return true, err.retry_after
end

-- Waits until `time` or until the queue is woken. False if the task was cancelled; the exchange is
-- then closed.
local function wait_turn(self, exchange, time)
  if self.queue:wait(time) then return true end
  self:abandon(exchange)
  return false
end

--- Waits until an exchange allows its next request.
---@param call table
---@param exchange userdata
---@param stores table|nil for a download: the stores must allow it too
---@return boolean turn
---@return string|nil reason why the request will never be allowed
---@return number|nil retry_after seconds
function Client:await_turn(call, exchange, stores)
  while true do
    if self.closed then
      self:abandon(exchange)
      return false, "cancelled"
    end
    local verdict, detail, retry_after
    if stores then verdict, detail, retry_after = stores:next(call.deadline) end
    if not verdict then verdict, detail, retry_after = exchange:next(self.runtime:now()) end
    if verdict == "send" then return true end
    self:wake_others(exchange)
    if verdict == "done" then return false, detail, retry_after end
    if verdict == "probe" then
      local over, later = probe(self, call)
      if over then
        self:abandon(exchange)
        return false, "failed", later
      end
    elseif not wait_turn(self, exchange, detail) then
      return false, "cancelled"
    end
  end
end

-- One attempt ----------------------------------------------------------------------------------

-- A sink function cannot take back chunks: records that it has been called.
local function recording(sink, call)
  if type(sink) ~= "function" then return sink end
  return function(chunk, ...)
    call.given_out = true
    return sink(chunk, ...)
  end
end

-- Has the sink received a part of the body? Then only its owner can resume the transfer.
local function has_begun(call)
  return call.given_out or type(call.sink) == "table" and call.sink.begun
end

-- Estimates the server's clock from `Date`. It has whole seconds, so the first response in a second
-- is enough.
local function learn_clock(self, response)
  local date = response:header "Date"
  if not date or date == self.last_date then return end
  self.last_date = date
  local seconds = core.time.parse(date)
  if seconds then self.skew, self.knows_clock = seconds - self.runtime:now(), true end
end

-- Records a transport failure and returns the failure to report to the exchange.
local function on_failure(call, failure)
  call.response, call.result = nil, nil
  call.err = response_errors.of_failure(call, failure)
  if failure.outcome == "cancelled" or not has_begun(call) then return failure end
  return { outcome = "permanent", code = failure.code, status = failure.status,
    retry_after = failure.retry_after }
end

--- Sends one request of a call and waits for the response.
---@param call table
---@param exchange userdata the exchange that allowed the request
---@param hop table|nil from redirects.lua; nil for the attempt's first request
---@return table|nil response
---@return table|nil failure has `ended` if there is no token and nothing was sent
function Client:send(call, exchange, hop)
  local token, counts = nil, self.counts
  call.generation = nil
  if call.op.auth ~= "none" and not (hop and hop.bare) then
    local generation
    token, generation = self.token:header(self.runtime)
    if token == false then
      call.err = generation
      self:abandon(exchange)
      return nil, { ended = "failed" }
    end
    self.auth, call.generation = self.token.auth, generation
  end
  if not hop then call.attempts = call.attempts + 1 end
  counts.requests = counts.requests + 1
  local sent, response, failure = pcall(self.transport.perform, self.transport,
    request.attempt(self, call, token, exchange, hop))
  if not sent then
    -- A sink or a transport raised: the attempt is over.
    self:abandon(exchange)
    error(response, 0)
  end
  if not response then return nil, on_failure(call, failure) end
  counts.bytes = counts.bytes + (response.bytes or 0)
  if response.reused then counts.reused = counts.reused + 1 end
  if not (hop and hop.exchange) then learn_clock(self, response) end
  call.response, call.result, call.err = response, nil, nil
  return response
end

-- After a valid response, only the server's remaining quota matters.
local function feed_success(self, x, response)
  local remaining = self.settings.limits and response:header "RateLimit-Remaining"
  if not remaining then return x:feed(self.runtime:now(), 0, "ok", response.status) end
  return x:feed(self.runtime:now(), 0, "ok", response.status, { date = response:header "Date",
    reset = response:header "RateLimit-Reset", remaining = remaining, name = response:header "RateLimit-Name" })
end

local function feed_response(self, x, response, outcome, flag)
  local rt = self.runtime
  return x:feed(rt:now(), rt:random(), outcome, response.status, {
    retry_after = response:header "Retry-After", date = response:header "Date",
    reset = response:header "RateLimit-Reset", remaining = response:header "RateLimit-Remaining",
    name = response:header "RateLimit-Name", type = response:header "Content-Type",
    body = response.status >= 400 and response.body or nil, flag = flag })
end

local function feed_failure(self, x, failure, flag)
  local rt = self.runtime
  return x:feed(rt:now(), rt:random(), failure.outcome, tonumber(failure.status) or 0,
    { retry_after = failure.retry_after, flag = flag })
end

-- A 2xx: sets the result, or the error of an unreadable body. Returns the exchange's verdict.
local function on_success(self, call, x, response, flag)
  local why = decode.result(call, response, self.redact_text)
  if not why and not flag then return feed_success(self, x, response) end
  if not why then return feed_response(self, x, response, "ok", flag) end
  call.result, call.err = nil, response_errors.of_unreadable(call, response, why)
  return feed_response(self, x, response, "unreadable", flag)
end

-- Any other response: sets its error. Returns the exchange's verdict.
local function on_refusal(self, call, x, response, flag)
  local err = response_errors.of_response(call, response, flag == "foreign")
  if call.refused then err.message = self.redactor:text(call.refused) end
  err.from_store = flag == "foreign" or nil
  call.err = err
  if response.status == 401 and call.generation and self.token:refresh(self.runtime, call.generation) then
    flag = "fresh_token"
  end
  return feed_response(self, x, response, response.status == 304 and "permanent" or "ok", flag)
end

-- Makes one attempt, including its redirects. Returns the exchange's verdict.
local function attempt(self, call, x)
  call.refused = nil
  local response, failure = self:send(call, x)
  local flag
  if redirects.continues(response, failure) then
    local foreign
    response, failure, foreign = redirects.follow(self, call, x, response, failure)
    flag = foreign and "foreign" or nil
  end
  if not response then
    if failure.ended then return "done", failure.ended, failure.retry_after end
    return feed_failure(self, x, failure, flag)
  end
  local status = response.status
  if status >= 200 and status < 300 or status == 304 and call.op.effect == "read" then
    return on_success(self, call, x, response, flag)
  end
  return on_refusal(self, call, x, response, flag)
end

-- The whole call -------------------------------------------------------------------------------

-- Drives the exchange to its end. Returns how it ended and the seconds after which to retry.
local function drive(self, call, x)
  local stores = call.op.result == "bytes" and self.stores or nil
  while true do
    local turn, reason, retry_after = self:await_turn(call, x, stores)
    if not turn then return reason, retry_after end
    local verdict, detail
    verdict, detail, retry_after = attempt(self, call, x)
    self:wake_others(x)
    if verdict == "done" then return detail, retry_after end
    if not wait_turn(self, x, detail) then return "cancelled" end
  end
end

-- The subject of GitLab's limit on pipeline creation; a project's path and number share one window.
local function creation_subject(self, call, opts)
  local body = call.args.body
  if call.op.window ~= "creation" or type(body) ~= "table" then return nil end
  local given = self.settings.limits
  if not given or not given.create_per_minute then return nil end
  local project = self:project_id(call.args.project, { deadline = call.deadline,
    retry = opts.retry })
  return tostring(project or call.args.project) .. " " .. tostring(body.ref)
end

-- What only some calls tell their exchange; nil for the others.
local function exchange_options(self, call, opts)
  local subject = creation_subject(self, call, opts)
  local lists_jobs, no_retry = call.op.window == "project_jobs", opts.retry == false
  if not (subject or lists_jobs or no_retry) then return nil end
  return { create_subject = subject, lists_jobs = lists_jobs, no_retry = no_retry }
end

local function number_or_nil(value)
  return value and options.seconds(value) or nil
end

-- The call's deadline, or nil. Streams have no default deadline.
local function deadline_of(self, call, opts, now)
  local total = number_or_nil(opts.timeout)
  if not total and not call.streams then total = self.settings.timeout.total end
  local deadline = total and now + total or nil
  if opts.deadline and (not deadline or opts.deadline < deadline) then deadline = opts.deadline end
  return deadline ~= math.huge and deadline or nil
end

-- Calls the tracer. An error raised by it does not affect the call, which is already over.
local function traced(self, call, began, result, detail)
  local span = tracing.span(call, began, self.runtime:now(), result == nil and detail or nil,
    self.redactor)
  local ok, raised = pcall(self.settings.tracer, span)
  if not ok then self.log:warn("the tracer failed: " .. tostring(raised)) end
  return result, detail
end

-- Returns the result and its response, or nil and an error.
local function perform(self, op, args, opts)
  local call, err = request.build(self, op, args)
  if not call then return nil, err end
  if self.closed then
    return nil, response_errors.own(call, "TaskError.Cancelled", { message = "the client is closed" })
  end
  call.sink = recording(opts.sink, call)
  -- Without a sink the body is kept in memory and bounded like any other.
  call.streams = op.stream and call.sink ~= nil
  local now = self.runtime:now()
  call.deadline = deadline_of(self, call, opts, now)
  call.server_time = now + self.skew - CLOCK_TOLERANCE
  if self.limits_shared or self.limits_pending then
    local known
    known, err = limits.follow_token(self, op)
    if not known then return nil, err end
  end
  local x = new_exchange(self.policy, self.breaker, op.effect, opts.priority or op.class, call.deadline,
    exchange_options(self, call, opts))
  local reason, retry_after = drive(self, call, x)
  x:close(self.runtime:now())
  if self.log:enabled "debug" then
    self.log:debug("call", { operation = op.name, subject = request.subject(op, call.args),
      result = reason, attempts = call.attempts, status = call.response and call.response.status or nil })
  end
  if self.settings.tracer then
    return traced(self, call, now, conclusion.of(self, call, x, reason, retry_after))
  end
  return conclusion.of(self, call, x, reason, retry_after)
end

--- Makes one call.
---@param op table an operation of operations.lua
---@param args table `project`, path parameters, `query` (pairs), `body`, `headers`
---@param opts table|nil `timeout` (total, seconds or text), `deadline` (on the runtime's clock),
--- `retry = false`, `priority` ("cancel" | "create" | "read" | "poll"), `sink` (see
--- transport/curl.lua; a file sink whose `begun` is true is not restarted from the beginning)
---@return any result decoded; true if GitLab sends no body; nil on an error
---@return table|nil err
function Client:call(op, args, opts)
  local result, err = perform(self, op, args or {}, opts or NO_OPTIONS)
  if result == nil then return nil, err end
  return result
end

--- Makes one call and also returns the response, whose headers locate the next page.
---@param op table
---@param args table|nil
---@param opts table|nil
---@return any result
---@return table response with `status` and `response:header(name)`; or nil and the error
function Client:page(op, args, opts)
  return perform(self, op, args or {}, opts or NO_OPTIONS)
end

-- Projects -------------------------------------------------------------------------------------

--- Returns a project's numeric id. A path is resolved once. If there is no token, or the token
--- cannot read the project, the path itself is returned.
---@param project integer|string
---@param opts table|nil the call's options
---@return integer|string|nil id
function Client:project_id(project, opts)
  project = project_id.of(project)
  if project == nil or type(project) == "number" then return project end
  if not self.token:exist() or self.auth == "job" then return project end
  local known = projects.get(self, project, opts)
  return known and known.id or project
end

--- Returns GitLab's row for a project; requested once and cached.
---@param project integer|string
---@param opts table|nil the call's options
---@return table|nil project has `id` and `default_branch`; nil if the token cannot read it
---@return table|nil err
function Client:project(project, opts)
  project = project_id.of(project)
  if project == nil then return nil end
  local known, err = projects.get(self, project, opts)
  return known or nil, err
end

-- Statistics -----------------------------------------------------------------------------------

--- Returns the client's counters and the state of its windows and breakers.
---
--- - `requests` sent, including `retries`; `calls`; `connections_reused`; `bytes` of response bodies
--- - `throttled`, `circuit_open`, `budget_denied`: refused by the rate limits, the breaker and the
---   retry budget; `delayed` by the limits; `unknown_outcomes` of creates
--- - `budget_left`: retries that the budget allows now
--- - `waiting` and `in_flight` now, and `windows`: `second`, `minute`, `create`, `jobs`, each
---   `{used, limit, seconds, closed_for}`; `closed_for` is how long the server keeps the window
---   closed; `create` is the window of the fullest of `subjects` project and ref pairs; with
---   `limits.shared` the other windows have `shared_used`, the slots used by all processes. Absent
---   if `limits = false`. Clients of one process with the same host, token and limits share these.
--- - `breaker`: `{state, probe_in, failures, opened}`, state `closed`, `open` or `half_open`;
---   `store`: the same for the artifact store. Absent if `breaker = false`, or `store` if none was
---   used yet
---@return table stats a new table, a snapshot
function Client:stats() return statistics.collect(self) end

--- Returns the statistics in the Prometheus text format.
---@return string text
function Client:metrics() return statistics.text(self:stats()) end

return M
