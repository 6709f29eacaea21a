--- One API call, from arguments to result: operation -> exchange -> transport -> decode or error.
--
-- The exchange (C) decides whether an attempt may go, must wait, or is over; the transport sends;
-- this file waits where the exchange says so, and turns the last answer into a result or an error.

local breakers = require "gitlab_pipelines.client.breakers"
local core = require "gitlab_pipelines.core"
local credentials = require "gitlab_pipelines.client.credentials"
local json = require "gitlab_pipelines.json"
local logs = require "gitlab_pipelines.observe.log"
local operations = require "gitlab_pipelines.operations"
local options = require "gitlab_pipelines.options"
local outcomes = require "gitlab_pipelines.client.response_errors"
local project_id = require "gitlab_pipelines.project_id"
local redact = require "gitlab_pipelines.observe.redact"
local redirects = require "gitlab_pipelines.client.redirects"
local request = require "gitlab_pipelines.client.request"
local runtimes = require "gitlab_pipelines.runtime"
local settings_of = require "gitlab_pipelines.client.settings"
local shape = require "gitlab_pipelines.client.shape"
local sharing = require "gitlab_pipelines.client.sharing"
local state = require "gitlab_pipelines.client.reconcile"
local stores = require "gitlab_pipelines.client.artifact_store"
local tracing = require "gitlab_pipelines.observe.tracing"
local waiting = require "gitlab_pipelines.client.queue"
local windows = require "gitlab_pipelines.client.windows"

local M = {}

local Client = {}
Client.__index = Client
Client.__name = "gitlab_pipelines.client"

local new_exchange = core.exchange.new

-- What a call without options is given; read only.
local NO_OPTIONS = {}

-- What a pause between the last write of an answer and its `Date` may amount to.
local CLOCK_TOLERANCE = 5

-- A probe that times out must be heard before its slot is free: the timer of an attempt may be late.
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

-- Who shares a breaker with us: the same way to the same place, with the same identity.
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
---@param level integer|nil stack level that a programmer's mistake names; 2 is the caller
---@return table|nil client `url`, `auth`, `runtime`, `check_scopes`
---@return table|nil err ConfigurationError.InvalidBaseUrl, InvalidCredentials or
--- SharedLimitsUnusable
function M.new(given, level)
  level = level or 2
  local settings, err = settings_of.check(given, level)
  if not settings then return nil, err end
  -- The second one: the client's own tokens alone, which no data of the program's holds for a reason.
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
  -- From here on they are secrets: who prints a client must not see them.
  settings.token, settings.secrets = nil, nil
  local self = setmetatable({
    settings = settings, time_limits = request.limits(settings.timeout),
    url = settings.base.url, token = token, auth = token.auth,
    check_scopes = settings.check_scopes or false, redactor = redactor, tokens = tokens,
    projects = {}, skew = 0,
    counts = { reused = 0, bytes = 0, requests = 0, unknown = 0, store_open = 0 },
    stores = {}, last_store = nil, -- by origin and in order; the one of the last download
  }, Client)
  self.runtime = choose_runtime(settings, level + 1)
  self.log = make_log(settings, redactor, level + 1)
  self.policy = core.policy.new { retry = settings.retry, limits = settings.limits }
  local shared
  shared, err = sharing.open(self)
  if not shared then return nil, err end
  self.transport, self.owns_transport = make_transport(settings, self.runtime)
  self.breaker = self:breaker_of(settings.base.origin)
  self.line = waiting.of(self.runtime)
  windows.join(self)
  return self
end

--- Closes what this client opened; calls that are under way end as cancelled. Idempotent.
function Client:close()
  if self.closed then return end
  self.closed = true
  if self.owns_transport then self.transport:close() end
  self.line:wake()
  self.policy:unshare()
  stores.close(self)
  if self.once_journal then self.once_journal:close() end
end

--- The token as a secret, for the one endpoint that wants it in the body.
---@return userdata|nil secret
---@return table|nil err
function Client:credential()
  local header, err = self.token:header(self.runtime)
  if header == false then return nil, err end
  self.auth = self.token.auth
  return self.token.secret
end

-- Waiting --------------------------------------------------------------------------------------

--- Waits until a moment on the runtime's clock, or until something has changed that callers in
--- front of the limiter or a breaker wait for.
---@return boolean|nil true; nil when the task was cancelled
function Client:wait_turn(time)
  return self.line:wait(time)
end

--- Waits until a moment on the runtime's clock.
---@return boolean|nil true; nil when the task was cancelled
function Client:wait_until(time)
  if time <= self.runtime:now() then return true end
  local _, why = self.runtime:waiter():wait(time)
  return why ~= "cancelled" or nil
end

-- One attempt ----------------------------------------------------------------------------------

-- A function that is given the body piece by piece has no use for the same pieces again.
local function once_only(sink, call)
  if type(sink) ~= "function" then return sink end
  return function(chunk, ...)
    call.given_out = true
    return sink(chunk, ...)
  end
end

-- Has a body begun that only its receiver knows how to go on with?
local function has_begun(call)
  return call.given_out or type(call.sink) == "table" and call.sink.begun
end

local function is_page(content_type)
  return content_type ~= "application/json" and content_type:lower():find("html", 1, true) ~= nil
end

local function asks_for_changes(call)
  for _, pair in ipairs(call.args.headers or {}) do
    if pair[1] == "If-None-Match" then return true end
  end
  return false
end

-- Why an object is not the one asked for, or nil. A path names a project in more ways than one, and
-- an object without the field says nothing.
local function other_object(op, args, value)
  local same = op.same
  if not same then return nil end
  local wanted, told = args[same[1]], value[same[2]]
  if told == nil or told == wanted or same[1] == "project" and type(wanted) ~= "number" then return nil end
  return ("the response is about another object: its %s is %s, not %s"):format(same[2], tostring(told),
    tostring(wanted))
end

-- nil when the body is what the operation promises, else why not.
local function decode(self, call, response)
  local op, body = call.op, response.body
  call.result = true
  if response.status == 304 then
    return not asks_for_changes(call) and "the answer says that nothing has changed, which nobody asked"
      or nil
  end
  if op.result == "none" then return end
  if op.result == "bytes" or op.result == "text" then
    -- A file of an archive may be a page; a log and an archive never are.
    local kind = not op.param.path and response:header "Content-Type"
    if kind and is_page(kind) then
      return "the answer is a page of HTML, not " .. (op.result == "text" and "text" or "an archive")
    elseif kind and op.result == "bytes" and kind:lower():find("^application/json") then
      return "the answer is JSON, not an archive"
    end
    if not call.sink then call.result = body or "" end
    return
  end
  if response.status == 204 or response.status == 205 then return "the answer holds nothing" end
  local kind = response:header "Content-Type"
  if kind and is_page(kind) then return "the answer is a page of HTML, not JSON" end
  local value, why = json.decode_response(body or "")
  if value == nil then return "the answer is no JSON object: " .. why end
  why = shape.problem(op, value, function(text) return self.redactor:text(text) end)
    or other_object(op, call.args, value)
  if not why then call.result = value end
  return why
end

-- The server's clock, as far as its answers tell: for what was made before or after we asked.
-- A date tells whole seconds: the first answer of a second is as good as those that follow.
local function learn_clock(self, response)
  local date = response:header "Date"
  if not date or date == self.last_date then return end
  self.last_date = date
  local seconds = core.time.parse(date)
  if seconds then self.skew, self.knows_clock = seconds - self.runtime:now(), true end
end

-- Of an answer that is what it should be, only the room that the server tells is of interest.
local function feed_success(self, x, response)
  local remaining = self.settings.limits and response:header "RateLimit-Remaining"
  if not remaining then return x:feed(self.runtime:now(), 0, "ok", response.status) end
  return x:feed(self.runtime:now(), 0, "ok", response.status, nil, response:header "Date",
    response:header "RateLimit-Reset", remaining, response:header "RateLimit-Name")
end

local function feed_answer(self, x, response, outcome, flag)
  local rt = self.runtime
  return x:feed(rt:now(), rt:random(), outcome, response.status, response:header "Retry-After",
    response:header "Date", response:header "RateLimit-Reset",
    response:header "RateLimit-Remaining", response:header "RateLimit-Name",
    response:header "Content-Type", response.status >= 400 and response.body or nil, flag)
end

-- Follows a redirect: what to do next; nil and why it is not followed. The answer is over for whom
-- it came from, and the hop asks for a place of its own.
local function follow(self, call, x, response, location)
  local hop, why = redirects.judge(call, self.settings.base.origin, location, response.elapsed)
  if not hop then return nil, why end
  local visit = call.hop and call.hop.visit
  local asked = visit or x
  asked:moved(self.runtime:now(), response.status, response:header "Date",
    response:header "RateLimit-Reset", response:header "RateLimit-Remaining",
    response:header "RateLimit-Name")
  local gone, err = stores.go(self, call, hop)
  if gone then return "hop" end
  call.err = err
  x:close(self.runtime:now())
  return "done", "failed"
end

-- An answer came. What it means is the exchange's to say.
local function on_response(self, call, x, response, generation)
  local counts = self.counts
  counts.bytes = counts.bytes + (response.bytes or 0)
  if response.reused then counts.reused = counts.reused + 1 end
  if not (call.hop and call.hop.visit) then learn_clock(self, response) end
  call.response, call.result, call.err = response, nil, nil
  local status, outcome, flag = response.status, "ok", nil
  local location, refused = redirects.location(response), nil
  if location then
    local verdict, detail = follow(self, call, x, response, location)
    if verdict then return verdict, detail end
    refused = ("%s (status %d)"):format(detail, status)
  end
  if stores.heard(self, call, "ok", status, response) then flag = "foreign" end
  call.held_back = nil
  if status >= 200 and status < 300 or status == 304 and call.op.effect == "read" then
    local why = decode(self, call, response)
    if not why and not flag then return feed_success(self, x, response) end
    if why then
      outcome = "unreadable"
      call.result = nil
      call.err = outcomes.of_unreadable(call, response, why)
    end
  else
    call.err = outcomes.of_response(call, response, flag == "foreign")
    if refused then call.err.message = self.redactor:text(refused) end
    call.err.from_store = flag == "foreign" or nil
    if status == 304 then outcome = "permanent" end
    if status == 401 and generation and self.token:refresh(self.runtime, generation) then flag = "fresh_token" end
  end
  return feed_answer(self, x, response, outcome, flag)
end

-- libcurl would have sent it again by itself, and there was no room: it waits for a place like a
-- redirect's hop does. Once an attempt is enough, the next time it is an attempt that was lost.
local function send_again(self, call, x, failure)
  if failure.code ~= "held_back" or call.held_back then return nil end
  call.held_back = true
  call.err = outcomes.of_failure(call, failure)
  local asked = call.hop and call.hop.visit or x
  asked:moved(self.runtime:now(), 0)
  return "hop"
end

local function on_failure(self, call, x, failure)
  local verdict = send_again(self, call, x, failure)
  if verdict then return verdict end
  call.held_back = nil
  local rt, outcome = self.runtime, failure.outcome
  call.response, call.result = nil, nil
  call.err = outcomes.of_failure(call, failure)
  if outcome ~= "cancelled" and has_begun(call) then outcome = "permanent" end
  local flag = stores.heard(self, call, outcome, tonumber(failure.status) or 0) and "foreign" or nil
  return x:feed(rt:now(), rt:random(), outcome, tonumber(failure.status) or 0, failure.retry_after,
    nil, nil, nil, nil, nil, nil, flag)
end

-- Sends one attempt, or the next hop of one, and tells the exchange how it ended.
local function send(self, call, x)
  local token, generation
  local hop = call.hop
  if call.op.auth ~= "none" and not (hop and hop.bare) then
    token, generation = self.token:header(self.runtime)
    if token == false then
      call.err = generation
      x:close(self.runtime:now())
      return "done", "failed"
    end
    self.auth = self.token.auth
  end
  if not hop and not call.held_back then call.attempts = call.attempts + 1 end
  self.counts.requests = self.counts.requests + 1
  local sent, response, failure = pcall(self.transport.perform, self.transport,
    request.attempt(self, call, token, hop and hop.visit or x))
  if not sent then
    -- A sink or a transport raised: nobody is left to answer, so the attempt is over.
    stores.leave(self, call)
    x:close(self.runtime:now())
    if x:wakes() then self.line:wake() end
    error(response, 0)
  end
  if response then return on_response(self, call, x, response, generation) end
  return on_failure(self, call, x, failure)
end

-- The whole call -------------------------------------------------------------------------------

-- The breaker wants to know first whether the server is there, and this call is no way to ask.
-- Where not even the question could be sent (no place before the deadline, no token), this call
-- ends for the same reason: true, and seconds after which to try again.
local function probe(self, call)
  local answer, err = self:call(operations.server.version, { query = {} },
    { retry = false, deadline = call.deadline or math.huge })
  if answer ~= nil or err.attempts > 0 or err:is "CircuitOpen" then return false end
  call.err = outcomes.own(call, err.category .. "." .. err.kind,
    { message = err.message, retryable = err.retryable })
  return true, err.retry_after
end

-- May the next attempt go, or the next hop of one? What goes to another origin is asked of that one's
-- exchange.
local function ask(self, call, x)
  local hop = call.hop
  if hop then return (hop.visit or x):next(self.runtime:now()) end
  local verdict, detail, retry_after = stores.ask(self, call)
  if verdict then return verdict, detail, retry_after end
  return x:next(self.runtime:now())
end

-- Drives the exchange to its end: how it ended, and seconds after which to try again.
local function drive(self, call, x)
  local rt = self.runtime
  local verdict, detail, retry_after = ask(self, call, x)
  while true do
    if verdict == "send" then
      verdict, detail, retry_after = send(self, call, x)
    end
    if x:wakes() then self.line:wake() end
    if verdict == "done" then return detail, retry_after end
    if verdict == "probe" then
      local over, later = probe(self, call)
      if over then return "failed", later end
    elseif verdict == "wait" and not self:wait_turn(detail) or self.closed then
      x:close(rt:now())
      if x:wakes() then self.line:wake() end
      return "cancelled"
    end
    verdict, detail, retry_after = ask(self, call, x)
  end
end

-- The subject of GitLab's limit on creations: one window for a project's path and its number.
local function creation_subject(self, call, opts)
  local body = call.args.body
  if call.op.window ~= "creation" or type(body) ~= "table" then return nil end
  local limits = self.settings.limits
  if not limits or not limits.create_per_minute then return nil end
  local project = self:project_id(call.args.project, { deadline = call.deadline,
    retry = opts.retry })
  return tostring(project or call.args.project) .. " " .. tostring(body.ref)
end

local own_errors = {
  throttled = { "RateLimitError.ThrottledRequest",
    "the client's own limits leave no place before the deadline" },
  circuit_open = { "NetworkError.CircuitOpen",
    "the server failed several times in a row: nothing is sent for a while" },
  deadline = { "NetworkError.Timeout", "the deadline passed before an attempt could start" },
  cancelled = { "TaskError.Cancelled", "the call was cancelled" },
  shared_limits = { "ConfigurationError.SharedLimitsUnusable" },
}

-- How many seconds a create may take to show.
local function settle_time(self, call)
  local response, settle = call.response, self.settings.settle
  local from_application = response and response:header "X-Request-Id"
    and (response:header "Content-Type" or ""):find("json", 1, true)
  return from_application and settle.visible or settle.finish + settle.visible, from_application
end

-- A create of which it is not known whether it worked.
local function in_doubt(self, call, reason)
  local settle, from_application = settle_time(self, call)
  if state.knows(call.op) then
    local result, err = state.find(self, call, settle, call.deadline or math.huge)
    if result ~= nil then return result end
    if err then return nil, err end
  end
  self.counts.unknown = self.counts.unknown + 1
  local last = call.err
  return nil, outcomes.own(call, "PipelineError.UnknownOutcome", {
    message = (reason == "look_up" and "it was done, but the answer can not be read: "
      or "it may or may not have been done: ") .. last.message,
    status = last.status, request_id = last.request_id, unknown_outcome = true, retryable = false,
    reason = reason, settle = settle, from_application = from_application and true or false,
    cause = last.category .. "." .. last.kind,
  })
end

-- What the caller gets.
local function conclude(self, call, x, reason, retry_after)
  if reason == "ok" then
    -- Done, but the answer was lost on the way: what it would have said is read.
    if call.err and call.op.effect == "set" and call.result == nil then
      local row, problem = state.read_back(self, call, call.deadline or math.huge)
      return row, row ~= nil and call.response or problem
    end
    return call.result, call.response
  end
  if reason == "reconcile" or reason == "look_up" then return in_doubt(self, call, reason) end
  local err = call.err
  if not err or (reason == "cancelled" and not err:is "TaskError.Cancelled") then
    local own = own_errors[reason] or own_errors.cancelled
    err = outcomes.own(call, own[1], { message = own[2] })
    if reason == "shared_limits" then
      err.message = "limits.shared: " .. (self.policy:shared_problem()
        or stores.shared_problem(self))
    end
  elseif x:doubtful() and call.op.effect == "set" and err.status then
    local done = state.confirm(self, call, err.status, call.deadline or math.huge)
    if done ~= nil then return done end
  end
  err.attempts = call.attempts
  err.retry_after = retry_after
  if reason == "cancelled" and call.op.effect == "create" and call.attempts > 0 then
    err.unknown_outcome = true
  end
  return nil, err
end

local function number_or_nil(value)
  return value and options.seconds(value) or nil
end

-- When the call must be over. Streams take as long as they take.
local function deadline_of(self, call, opts, now)
  local total = number_or_nil(opts.timeout)
  if not total and not call.streams then total = self.settings.timeout.total end
  local deadline = total and now + total or nil
  if opts.deadline and (not deadline or opts.deadline < deadline) then deadline = opts.deadline end
  return deadline ~= math.huge and deadline or nil
end

-- Tells the tracer. What it raises is its own affair: the call has happened.
local function traced(self, call, began, result, detail)
  local span = tracing.span(call, began, self.runtime:now(), result == nil and detail or nil,
    self.redactor)
  local ok, raised = pcall(self.settings.tracer, span)
  if not ok then self.log:warn("the tracer failed: " .. tostring(raised)) end
  return result, detail
end

-- The result and the answer that it came in; nil and an error.
local function perform(self, op, args, opts)
  local call, err = request.build(self, op, args)
  if not call then return nil, err end
  if self.closed then
    return nil, outcomes.own(call, "TaskError.Cancelled", { message = "the client is closed" })
  end
  call.sink = once_only(opts.sink, call)
  -- A stream that is kept in memory is bounded like any other body.
  call.streams = op.stream and call.sink ~= nil
  local now = self.runtime:now()
  call.deadline = deadline_of(self, call, opts, now)
  call.server_time = now + self.skew - CLOCK_TOLERANCE
  if self.shares_limits or self.joins_later then
    local known
    known, err = sharing.count_as(self, op)
    if not known then return nil, err end
  end
  local x = new_exchange(self.policy, self.breaker, op.effect, opts.priority or op.class,
    call.deadline, creation_subject(self, call, opts), op.window == "project_jobs",
    opts.retry == false)
  local reason, retry_after = drive(self, call, x)
  x:close(self.runtime:now())
  stores.leave(self, call)
  if self.log:enabled "debug" then
    self.log:debug("call", { operation = op.name, subject = request.subject(op, call.args),
      result = reason, attempts = call.attempts, status = call.response and call.response.status or nil })
  end
  if self.settings.tracer then
    return traced(self, call, now, conclude(self, call, x, reason, retry_after))
  end
  return conclude(self, call, x, reason, retry_after)
end

--- Makes one call.
---@param op table a value of operations.lua
---@param args table `project`, the path's parameters, `query` (pairs), `body`, `headers`
---@param opts table|nil `timeout` (total, seconds or text), `deadline` (on the runtime's clock),
--- `retry = false`, `priority` ("cancel" | "create" | "read" | "poll"), `sink` (as a transport takes
--- it; one for a file whose `begun` has become true is not fed from the beginning again)
---@return any result decoded; true where GitLab sends nothing; nil on an error
---@return table|nil err
function Client:call(op, args, opts)
  local result, err = perform(self, op, args or {}, opts or NO_OPTIONS)
  if result == nil then return nil, err end
  return result
end

--- The same with the answer beside the result: pages tell where the next one is in its headers.
---@param op table
---@param args table|nil
---@param opts table|nil
---@return any result
---@return table response with `status` and `response:header(name)`; or nil and the error
function Client:page(op, args, opts)
  return perform(self, op, args or {}, opts or NO_OPTIONS)
end

-- Projects -------------------------------------------------------------------------------------

local unreadable = { [401] = true, [403] = true, [404] = true }

-- What GitLab says of a project, asked once; false: it may not be read.
local function ask_project(self, project, opts)
  local known = self.projects[project]
  while type(known) == "table" and known.asking do
    local waiter = self.runtime:waiter()
    known.asking[#known.asking + 1] = waiter
    local _, why = waiter:wait()
    if why == "cancelled" then return nil end
    known = self.projects[project]
  end
  if known ~= nil then return known end
  local entry = { asking = {} }
  self.projects[project] = entry
  local ok, row, err = pcall(self.call, self, operations.projects.get, { project = project }, opts)
  if not ok then
    known = nil -- A transport raised: those who wait ask for themselves.
  else
    known = row or (unreadable[err.status] and false)
  end
  self.projects[project] = known
  for _, waiter in ipairs(entry.asking) do waiter:wake(true) end
  if not ok then error(row, 0) end
  if row and row.id then self.projects[row.id] = row end
  return known, err
end

--- A project's numeric id. A path is resolved once; where the token may not read the project, or
--- there is no token, the path stands for itself.
---@param project integer|string
---@param opts table|nil of the call
---@return integer|string|nil id
function Client:project_id(project, opts)
  project = project_id.of(project)
  if project == nil or type(project) == "number" then return project end
  if not self.token:exist() or self.auth == "job" then return project end
  local known = ask_project(self, project, opts)
  return known and known.id or project
end

--- What GitLab says of a project: kept after the first time.
---@param project integer|string
---@param opts table|nil of the call
---@return table|nil project with `id` and `default_branch`; nil where it may not be read
---@return table|nil err
function Client:project(project, opts)
  project = project_id.of(project)
  if project == nil then return nil end
  local known, err = ask_project(self, project, opts)
  return known or nil, err
end

-- Statistics -----------------------------------------------------------------------------------

--- What this client has done, and how full its windows are.
---
--- - `requests` sent, `retries` among them, `calls`; `connections_reused`, `bytes` of answers
--- - `throttled`, `circuit_open`, `budget_denied`: what our limits, the breaker and the retry
---   budget have refused; `delayed` by the limits; `unknown_outcomes` of creations
--- - `budget_left`: repetitions that the budget allows now
--- - `waiting`, `in_flight` now, and `windows`: `second`, `minute`, `create`, `jobs`, each
---   `{used, limit, seconds, closed_for}`; `closed_for` is how long the server keeps it closed;
---   `create` is that of the fullest project and ref, of so many `subjects`; with `limits.shared`
---   the others have `shared_used`, what all processes have taken. Absent: `limits = false`
---   Clients of one process with the same host, token and limits have these in common.
--- - `breaker`: `{state, probe_in, failures, opened}`, state `closed`, `open` or `half_open`;
---   `store`: the same for the artifact store. Absent: `breaker = false`, or no store was seen
---@return table stats a new table; its numbers are of this moment
function Client:stats()
  local now = self.runtime:now()
  local stats = self.policy:stats(now)
  stats.requests = self.counts.requests
  stats.connections_reused = self.counts.reused
  stats.bytes = self.counts.bytes
  stats.unknown_outcomes = self.counts.unknown
  stats.breaker = self.breaker and self.breaker:stats(now) or nil
  stores.add_stats(self, stats, now)
  return stats
end

-- Counters and gauges of `stats`: name, type, help.
local metrics = {
  { "requests", "counter", "requests sent" },
  { "retries", "counter", "requests sent again" },
  { "throttled", "counter", "calls that our own limits refused" },
  { "circuit_open", "counter", "calls that the circuit breaker refused" },
  { "budget_denied", "counter", "repetitions that the retry budget refused" },
  { "unknown_outcomes", "counter", "creations of which it is not known whether they worked" },
  { "connections_reused", "counter", "requests over a connection that was open" },
  { "bytes", "counter", "bytes of answers' bodies" },
  { "waiting", "gauge", "calls that wait for a place" },
  { "in_flight", "gauge", "requests under way" },
}

--- The statistics in the text format of Prometheus.
---@return string text
function Client:metrics()
  local stats, lines = self:stats(), {}
  for _, row in ipairs(metrics) do
    local value = stats[row[1]]
    if value then
      local name = "gitlab_pipelines_" .. row[1] .. (row[2] == "counter" and "_total" or "")
      lines[#lines + 1] = ("# HELP %s %s"):format(name, row[3])
      lines[#lines + 1] = ("# TYPE %s %s"):format(name, row[2])
      lines[#lines + 1] = ("%s %d"):format(name, value)
    end
  end
  lines[#lines + 1] = ""
  return table.concat(lines, "\n")
end

return M
