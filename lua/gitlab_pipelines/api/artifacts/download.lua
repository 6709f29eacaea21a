--- Downloads: to a file, to a function, into a string; gone on with where they broke off.
--
-- resume.lua decides, api/target.lua keeps; here one attempt follows the other. Each is a call of its own,
-- so that GitLab is asked again (signed addresses run out) and its answer judged again. What an
-- attempt that brought nothing needs, the client's own repetition does.

local errors = require "gitlab_pipelines.errors"
local resource = require "gitlab_pipelines.api.resource"
local resume = require "gitlab_pipelines.api.artifacts.resume"
local targets = require "gitlab_pipelines.api.target"
local shape = require "gitlab_pipelines.client.shape"

local M = {}

-- Seconds between two calls of on_progress.
local PROGRESS_INTERVAL = 0.1

-- How often the store may refuse what GitLab has just signed.
local REFUSALS = 2

--- The options of every download, besides those of a call.
M.options = {
  on_progress = { type = "function" },
  verify = { type = "string", one_of = { "length", "crc", "none" } },
  resume = { type = "boolean" },
}

-- Receivers ------------------------------------------------------------------------------------
-- Where the bytes go. `open()` gives the part that is there; `sink(offset, accept, progress)` what
-- the transport takes, where accept(status, headers) -> true | nil, message judges the head before
-- any byte counts; `reached()` is how many bytes of the file there are; `lost()`: what is there is
-- of no use for a range.

local File = {}
File.__index = File

local function to_file(target, subject, opts, runtime)
  local part, message = targets.claim(target, subject, opts.resume == false or opts.private, runtime)
  if not part then return nil, message end
  return setmetatable({ part = part, kind = "file" }, File)
end

function File:open() return self.part:state() end

function File:sink(offset, accept, progress)
  self.part:doubt(offset)
  local sink = { file = self.part.path, offset = offset }
  function sink.watch(bytes, status, headers)
    -- From here on nobody but us may repeat it.
    sink.begun = true
    local go_on, why = accept(status, headers)
    if go_on then progress(bytes) end
    return go_on, why
  end
  return sink
end

function File:proved(verdict) self.part:prove(verdict.etag, verdict.total) end

-- No answer's head was seen: what was there is still there, if nothing was written.
function File:untouched(offset)
  local part = self.part
  if part.etag and part:size() == offset then
    part:prove(part.etag, part.total)
  else
    part:forget()
  end
end

function File:reached() return self.part:size() end

function File:lost()
  self.part:forget()
  self.part:doubt(0)
end

local Function = {}
Function.__index = Function

local function to_function(target)
  return setmetatable({ give = target, given = 0, kind = "function" }, Function)
end

function Function:open()
  if not self.etag or self.given == 0 or self.no_range then return nil end
  return { size = self.given, etag = self.etag, total = self.total }
end

-- What was given out cannot be taken back: from the beginning, it is left out the second time.
function Function:sink(offset, accept, progress)
  local skip, seen = nil, 0
  return function(chunk, status, headers)
    local go_on, why = accept(status, headers)
    if not go_on then return nil, why end
    skip = skip or (self.begun and self.given or self.given - offset)
    seen = seen + #chunk
    if skip > 0 then
      local left_out = math.min(skip, #chunk)
      skip, chunk = skip - left_out, chunk:sub(left_out + 1)
    end
    if chunk ~= "" then
      local ok, message = self.give(chunk)
      if not ok then
        self.stopped = true
        return nil, message
      end
      self.given = self.given + #chunk
    end
    progress(seen)
    return true
  end
end

function Function:proved(verdict)
  self.begun = verdict.kind == "begun"
  self.etag, self.total = verdict.etag, verdict.total
end

function Function:untouched() return self end

function Function:reached() return self.given end

function Function:lost() self.no_range = true end

-- Where bytes have been given out only the same version may be gone on with.
local function must_stay(receiver)
  return receiver.kind == "function" and receiver.given > 0
end

-- Attempts -------------------------------------------------------------------------------------

local function subject_of(download)
  local words = { tostring(download.project) }
  for _, p in ipairs(download.operation.params) do
    local value = download.params[p.name]
    if p.name ~= "project" and value ~= nil then words[#words + 1] = tostring(value) end
  end
  return table.concat(words, " ")
end

-- Tells the caller how far it is, not too often.
local function reporter(download, attempt)
  local on_progress = download.opts.on_progress
  if not on_progress then return function() end end
  return function(bytes)
    local now = download.runtime:now()
    if download.told and now - download.told < PROGRESS_INTERVAL then return end
    download.told = now
    on_progress(attempt.base + bytes, attempt.total)
  end
end

-- Judges the head of the attempt's answer, once.
local function acceptor(download, attempt)
  return function(status, headers)
    if attempt.verdict then return attempt.verdict.kind ~= "refused", attempt.verdict.reason end
    local verdict = resume.judge(attempt.asked, status, { etag = headers:header "ETag",
      content_range = headers:header "Content-Range",
      content_length = headers:header "Content-Length" })
    attempt.verdict = verdict
    local receiver = download.receiver
    local foreign = shape.wrong_type(headers:header "Content-Type", download.archive and "archive" or nil)
    if foreign then verdict.kind, verdict.final, verdict.reason = "refused", true, foreign end
    -- An ETag that is not to be trusted is none.
    if download.opts.from_start then verdict.etag, verdict.changed = nil, false end
    if verdict.kind == "begun" and must_stay(receiver)
      and (not verdict.etag or verdict.etag ~= attempt.asked.etag) then
      verdict.kind, verdict.changed = "refused", true
      verdict.reason = "the file is no longer the one of which a part was handed out"
    end
    if verdict.kind == "refused" then
      receiver:lost()
      return nil, verdict.reason
    end
    attempt.total = verdict.total
    attempt.base = verdict.kind == "resumed" and attempt.asked.offset or 0
    receiver:proved(verdict)
    return true
  end
end

-- The arguments of an attempt from `offset` on.
local function arguments(download, offset, etag)
  local copy = {}
  for name, value in pairs(download.args) do copy[name] = value end
  copy.headers = resume.headers(offset, etag)
  return copy
end

local function steering(download, sink)
  local opts = download.opts
  return { deadline = download.deadline, retry = opts.retry, priority = opts.priority, sink = sink }
end

-- One attempt: what it came to, in `attempt`, and the error that ended it.
local function try(download)
  local receiver = download.receiver
  local part = receiver:open()
  local offset = resume.offset(part)
  local known = part and part.etag or receiver.etag or download.etag
  local attempt = { base = 0, asked = { offset = offset, etag = known, total = part and part.total } }
  -- The first attempt may find another version than a call before it did: that is no change.
  attempt.earlier = download.history.attempts == 0
  local accept = acceptor(download, attempt)
  local result, response = download.client:page(download.operation,
    arguments(download, offset, known),
    steering(download, receiver:sink(offset, accept, reporter(download, attempt))))
  if result == nil then
    if not attempt.verdict then receiver:untouched(offset) end
    return attempt, response
  end
  attempt.response = response
  -- An answer without a body, or a transport that shows no head before it.
  local accepted, why = accept(response.status, response)
  if not accepted then return attempt, download.fail("NetworkError.ConnectionFailed", why, true) end
  return attempt
end

-- Did as many bytes come as were announced?
local function short(download, attempt)
  local total, reached = attempt.total, download.receiver:reached()
  if not total or total == reached then return nil end
  download.receiver:lost()
  return download.fail("ServerError.InvalidResponse",
    ("%d bytes came of the %d that were announced"):format(reached, total), true)
end

-- May an error of this kind be gone on from? Only where a body had begun: all else has been
-- repeated as often as it may be.
local function goes_on(download, attempt, err)
  if attempt.response then return true end
  local verdict = attempt.verdict
  if verdict and verdict.kind == "refused" then
    -- Not when the task was cancelled in that moment.
    return err.message == verdict.reason
  elseif verdict then
    return err.retryable or err:is "ServerError.InvalidResponse"
  end
  if err.from_store and err.status == 403 then
    -- A signed address that has run out on the way: GitLab gives another one.
    download.refusals = (download.refusals or 0) + 1
    return download.refusals <= REFUSALS
  end
  return err.status == 416 and attempt.asked.offset > 0
end

-- Waits before the next attempt; nil and the error when there is none.
local function next_attempt(download, attempt, err)
  local receiver, verdict = download.receiver, attempt.verdict
  if verdict and verdict.final then
    return nil, download.fail("ServerError.InvalidResponse", verdict.reason)
  end
  local further = goes_on(download, attempt, err)
  -- It was we who stopped, since the answer does not fit: that is the server's fault.
  if verdict and verdict.kind == "refused" and err.message == verdict.reason then
    err = download.fail("ServerError.InvalidResponse", verdict.reason, true)
  end
  if not further or receiver.stopped or download.opts.retry == false then return nil, err end
  if err.status == 416 and not verdict then receiver:lost() end
  local changed = verdict and verdict.changed and not attempt.earlier
  if must_stay(receiver) then
    if changed then return nil, download.fail("ArtifactError.ChangedArchive", verdict.reason) end
    if not receiver.etag then return nil, err end
  end
  local reached = receiver:reached()
  local again, nth = resume.again(download.history, reached,
    math.max(reached - attempt.base, 0), changed)
  if again == "changed" then
    return nil, download.fail("ArtifactError.ChangedArchive",
      "it was another file at each attempt to go on")
  end
  if not again then return nil, err end
  download.etag = verdict and verdict.etag or download.etag
  local runtime, delay = download.runtime, resume.delay(nth, download.runtime:random())
  if download.deadline and runtime:now() + delay >= download.deadline then return nil, err end
  if delay > 0 then
    local _, why = runtime:pause(delay)
    if why == "cancelled" then
      return nil, download.fail("TaskError.Cancelled", "the download was cancelled")
    end
  end
  return true
end

-- All attempts: {total, etag, resumed}, or nil and the error.
local function attempts(download)
  local resumed = 0
  while true do
    local attempt, err = try(download)
    if attempt.verdict and attempt.verdict.kind == "resumed" then resumed = resumed + 1 end
    err = err or short(download, attempt)
    if not err then
      return { total = attempt.total, etag = attempt.verdict.etag, resumed = resumed }
    end
    local again
    again, err = next_attempt(download, attempt, err)
    if not again then return nil, err end
  end
end

-- Ending ---------------------------------------------------------------------------------------

-- Looks at a file that is whole by its length: "length", "crc" or "none", or nil and an error.
local function verify(download, path, whole)
  local wanted = download.opts.verify or "length"
  local archive = download.archive and wanted ~= "none" and require "gitlab_pipelines.api.artifacts.archive"
  if archive then
    local check = wanted == "crc" and archive.check_contents or archive.check_end
    local ok, kind, message = check(path, download.runtime, download.deadline)
    if not ok then return nil, download.fail(archive.error_kind(kind), message), kind end
  end
  if wanted == "crc" and archive then return "crc" end
  return wanted ~= "none" and whole.total and "length" or "none"
end

local function finish_file(download, whole)
  local part = download.receiver.part
  local bytes = part:size()
  local verified, err, kind = verify(download, part.path, whole)
  if not verified then
    -- One that was cancelled meanwhile, or for which time ran out, can be gone on with.
    if kind ~= "stopped" and kind ~= "late" then part:forget() end
    return nil, err
  end
  local ok, message = part:finish()
  if not ok then return nil, download.fail("TaskError.Cancelled", message) end
  return { file = part.target, bytes = bytes, verified = verified, etag = whole.etag,
    resumed = whole.resumed }
end

local function run(download)
  local whole, err = attempts(download)
  if not whole then return nil, err end
  local receiver, on_progress = download.receiver, download.opts.on_progress
  local bytes = receiver:reached()
  if on_progress then on_progress(bytes, bytes) end
  if receiver.kind == "file" then return finish_file(download, whole) end
  return { bytes = bytes, verified = whole.total and "length" or "none", etag = whole.etag,
    resumed = whole.resumed }
end

local function error_maker(download)
  return function(kind, message, retryable)
    return errors.redact(errors.new(kind, { message = message, operation = download.operation.name,
      subject = subject_of(download), attempts = download.history.attempts + 1,
      retryable = retryable or false }), download.client.redactor)
  end
end

--- Downloads to a file or to a function.
---@param group table {gl, client}
---@param operation table
---@param project integer|string
---@param params table
---@param target string|function
---@param opts table checked options, with those of `M.options`; `archive`: it is to be one;
--- `private`: the partial file is nobody else's; `from_start`: no ETag is believed
---@return table|nil result {file, bytes, verified, etag, resumed}
---@return table|nil err
local function fetch(group, operation, project, params, target, opts)
  local args, err = resource.prepare(group, operation, project, params)
  if not args then return nil, err end
  local runtime = group.client.runtime
  local download = {
    client = group.client, runtime = runtime, operation = operation, project = project,
    params = params, args = args, opts = opts, history = resume.history(),
    archive = opts.archive,
    deadline = resource.deadline(group, opts) or opts.deadline,
  }
  download.fail = error_maker(download)
  if type(target) == "function" then
    download.receiver = to_function(target)
    return run(download)
  end
  local problem
  download.receiver, problem = to_file(target, group.client.url .. " " .. operation.name .. " "
    .. subject_of(download), opts, runtime)
  if not download.receiver then return nil, download.fail("TaskError.Cancelled", problem) end
  return download.receiver.part:hold(run, download)
end

-- Into a string, with progress: a function that keeps what it is given, within the bound.
local function fetch_string(group, operation, project, params, opts)
  local most, pieces, size, full = group.client.settings.max_bytes, {}, 0, false
  local result, err = fetch(group, operation, project, params, function(chunk)
    size = size + #chunk
    full = size > most
    if full then return nil, ("the file is longer than %d bytes"):format(most) end
    pieces[#pieces + 1] = chunk
    return true
  end, opts)
  if result then return table.concat(pieces) end
  if full then
    err = errors.new("ServerError.BodyTooLarge", { message = err.message, operation = operation.name,
      subject = err.subject })
  end
  return nil, err
end

--- Downloads to a file, to a function, or into a string.
---@param group table {gl, client}
---@param operation table
---@param project integer|string
---@param params table
---@param target string|function|nil
---@param opts table checked options
---@return string|table|nil result the bytes, or {file, bytes, verified, etag, resumed}
---@return table|nil err
function M.fetch(group, operation, project, params, target, opts)
  targets.check(operation, target)
  if opts.verify == "crc" and type(target) ~= "string" then
    resource.blame(operation.name .. ": option 'verify' is \"crc\", which needs a file as target")
  end
  if target ~= nil then return fetch(group, operation, project, params, target, opts) end
  if opts.on_progress then return fetch_string(group, operation, project, params, opts) end
  local steer = { timeout = opts.timeout, retry = opts.retry, priority = opts.priority }
  return resource.send(group, operation, project, params, steer)
end

return M
