--- Following a job's log while it grows.
--
-- GitLab sends a log whole each time, from its first byte. So a read streams through what was
-- given out before, holding nothing of it but a running digest: when the digest at the old place
-- is another, or the log has become shorter, it is another log and is begun again. Followers of
-- one job share one connection; each has a place, a parser and a digest of its own.
--
-- The module knows no endpoint. It is given:
--   source.log(project, id, sink) -> true | nil, err     streams the log into sink(chunk)
--   source.job(project, id, etag) -> job, etag | false | nil, err
-- and what pipeline_logs.lua is given.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local freshness = require "gitlab_pipelines.watch.freshness"
local outcomes = require "gitlab_pipelines.client.response_errors"
local pipeline_logs = require "gitlab_pipelines.watch.pipeline_logs"
local reading = require "gitlab_pipelines.watch.reading"

local M = {}

--- Seconds between two reads: the time that reading the log takes at this rate, within bounds.
local BYTES_A_SECOND, SHORTEST, LONGEST = 512 * 1024, 2, 30
--- After the end the log may still grow: it is read until its length stands still.
local SETTLE_GAP, SETTLE_AT_MOST = 3, 30
local ERRORS_IN_A_ROW = 5

local unpack = table.unpack or unpack

--- How long to wait before a log of that length is read again. Pure.
---@param bytes integer
---@return number seconds
function M.interval(bytes)
  return math.max(SHORTEST, math.min(LONGEST, bytes / BYTES_A_SECOND))
end

-- A reader: the place of one follower in the log ------------------------------------------------

local Reader = {}
Reader.__index = Reader

local function new_reader(opts)
  local reader = setmetatable({
    on_line = opts.on_line, on_restart = opts.on_restart, from = opts.from or 1,
    format = opts.format,
  }, Reader)
  reader:reset()
  return reader
end

function Reader:reset()
  self.seen, self.digest = 0, core.hasher.new()
  self.parser = core.joblog.parser { format = self.format }
end

function Reader:deliver(lines)
  for _, line in ipairs(lines) do
    if line.number >= self.from then self.on_line(line) end
  end
end

--- Before a read: nothing of the log has gone by yet.
function Reader:begin()
  self.position, self.changed = 0, false
  self.fresh = self.seen > 0 and core.hasher.new() or nil
end

--- Takes the next bytes of the log, from its first byte on. A reader that joined in the middle of a read
--- waits for the next one.
function Reader:take(chunk)
  local position = self.position
  if not position then return end
  self.position = position + #chunk
  if self.changed then return end
  if position < self.seen then
    local old = math.min(#chunk, self.seen - position)
    self.fresh:update(chunk, 1, old)
    if position + old < self.seen then return end
    if self.fresh:value() ~= self.digest:value() then
      self.changed = true
      return
    end
    chunk = chunk:sub(old + 1)
  end
  if chunk == "" then return end
  self.digest:update(chunk)
  self.seen = self.seen + #chunk
  local lines, message = self.parser:feed(chunk)
  if not lines then error(message, 0) end
  self:deliver(lines)
end

--- After a whole read: why this is another log than before, or nil.
function Reader:difference()
  if self.changed then return "changed" end
  if self.position and self.position > 0 and self.position < self.seen then return "shorter" end
  return nil
end

--- Begins the log again.
function Reader:restart(reason)
  self:reset()
  if self.on_restart then self.on_restart(reason) end
end

--- The log has ended: its last line may have no line end.
function Reader:finish()
  self:deliver((self.parser:finish()))
  return self.parser:exit_code()
end

-- A stream: one job's log and those who follow it -----------------------------------------------

local Stream = {}
Stream.__index = Stream

-- A follower's callback raised: only this follower ends, and in its own place.
local function guarded(stream, reader, method, ...)
  local ok, reason = pcall(reader[method], reader, ...)
  if ok then return reason end
  stream:leave(reader)
  reader.waiter:wake("raised", reason)
end

function Stream:each(method, ...)
  -- A copy: a reader may leave while it is served.
  local readers = { unpack(self.readers) }
  for _, reader in ipairs(readers) do guarded(self, reader, method, ...) end
end

function Stream:leave(reader)
  for i, other in ipairs(self.readers) do
    if other == reader then
      table.remove(self.readers, i)
      break
    end
  end
end

-- Counts read errors, one a round however many readings of it fail: true while they are tolerated. A
-- 404 is none, while a replica may not know the job yet.
local function tolerates(stream, err)
  if reading.is_missing(err) then
    return freshness.judge(stream.seen, stream.rt:now(), nil) == "not yet"
  end
  if reading.is_definite(err) or err:is "TaskError.Cancelled" then return false end
  if not stream.counted then stream.failures, stream.counted = stream.failures + 1, true end
  return stream.failures <= ERRORS_IN_A_ROW
end

-- How long to wait after a round: after errors ever longer.
local function nap_of(stream, length)
  local seconds = M.interval(length)
  if stream.failures == 0 then return seconds end
  return math.max(seconds, math.min(LONGEST, SHORTEST * 2 ^ (stream.failures - 1)))
end

--- Reads the job's state. True; nil and an error that ends the stream.
function Stream:read_job()
  local job, etag = self.source.job(self.project, self.id, self.etag)
  if job == nil then
    if tolerates(self, etag) then return true end
    return nil, etag
  end
  freshness.judge(self.seen, self.rt:now(), true)
  if not self.job then freshness.expect(self.seen, self.rt:now()) end
  -- A replica may show an earlier part of the job's life than was seen.
  if job and freshness.compare_jobs(self.job, job) ~= "older" then
    self.job, self.etag = job, etag
  end
  return true
end

--- Reads the whole log once. Its length; false when it could not be read this time or was another
--- one, which is read from its start at the next read; nil and an error that ends the stream.
function Stream:pass()
  self:each "begin"
  local length, most = 0, self:most_seen()
  local ok, err = self.source.log(self.project, self.id, function(chunk)
    length = length + #chunk
    self:each("take", chunk)
    return true
  end)
  if not ok then
    -- What broke off further on than before was not in vain.
    if self:most_seen() > most then self.failures = 0 end
    if tolerates(self, err) then return false end
    return nil, err
  end
  self.failures, self.behind = 0, false
  if length > 0 then self.had_log = true end
  if self:most_seen() > most then self.grown_at = self.rt:now() end
  self.restarted = false
  local readers = { unpack(self.readers) }
  for _, reader in ipairs(readers) do
    local reason = reader:difference()
    if reason == "shorter" and self:may_be_behind(length) then
      self.behind = true
    elseif reason then
      guarded(self, reader, "restart", reason)
      self.restarted = true
    end
  end
  return not self.restarted and length
end

--- Is a log that is shorter than before only older? `believed`: it has been so until the last read.
function Stream:may_be_behind(length)
  return not self.believed
    and freshness.judge(freshness.seen(self.grown_at), self.rt:now(), length, false) == "not yet"
end

local function is_archived(job)
  for _, artifact in ipairs(job.artifacts or {}) do
    if artifact.file_type == "trace" then return true end
  end
  return false
end

function Stream:most_seen()
  local most = 0
  for _, reader in ipairs(self.readers) do most = math.max(most, reader.seen) end
  return most
end

-- Is there a reader that joined after the last read began?
function Stream:has_unserved()
  for _, reader in ipairs(self.readers) do
    if not reader.position then return true end
  end
  return false
end

-- The log is gone for good, and not just on its way to the archive.
local function erased(stream, length)
  return length == 0 and stream.job.erased_at ~= nil
end

local function erased_error(stream)
  return errors.new("JobError.LogsNotAvailable", {
    message = "the log was erased at " .. outcomes.one_line(stream.job.erased_at),
    operation = "jobs.log", subject = ("%s %s"):format(stream.project, stream.id),
  })
end

--- The job has ended: reads until the length stands still. True, or nil and an error.
function Stream:settle()
  local rt = self.rt
  local deadline = rt:now() + SETTLE_AT_MOST
  local before
  while #self.readers > 0 do
    self.counted = false
    local length, err = self:pass()
    if length == nil then return nil, err end
    if erased(self, length) then return nil, erased_error(self) end
    -- Also of a log that is to be given out anew; and a job that has run has said something.
    local gone = length == 0 and (self.had_log or self.job.started_at)
    local still = length and not gone and not self.behind
      and (length == before or is_archived(self.job))
    before = length or before
    if not self:has_unserved() then
      if still then break end
      if rt:now() + SETTLE_GAP > deadline then
        if self.believed or not (self.behind or self.restarted) then break end
        -- Shorter to the last: it is another log, which is read as long again.
        self.believed, deadline = true, rt:now() + SETTLE_AT_MOST
      end
      if not rt:pause(SETTLE_GAP) then break end
      if gone and not self:read_job() then break end
    end
  end
  return true
end

-- One round: the job's state first, so that after its end the log is read once more. The scheduler has
-- no part in it: its interval grows while the status stays, this one with the length of the log, and
-- only a state that was read just before the log says that the log is whole.
function Stream:round()
  self.counted = false
  local ok, err = self:read_job()
  if not ok then return nil, err end
  local job = self.job
  if not job then return 0 end
  if core.status.is_finished(job.status) then
    ok, err = self:settle()
    if not ok then return nil, err end
    return "ended"
  end
  if core.status.is_blocked(job.status) and job.status ~= "scheduled" then return "blocked" end
  local length
  length, err = self:pass()
  if length == nil then return nil, err end
  return length or 0
end

function Stream:run()
  while #self.readers > 0 do
    local state, err = self:round()
    if type(state) ~= "number" then return self:conclude(state, err) end
    self.nap = self.rt:waiter()
    local _, why = self.nap:wait(self.rt:now() + nap_of(self, math.max(state, self:most_seen())))
    if why == "cancelled" then return end
  end
end

--- Wakes every follower with how it ended.
function Stream:conclude(state, err)
  self.streams[self.key] = nil
  local readers = self.readers
  self.readers = {}
  for _, reader in ipairs(readers) do
    if not state then
      reader.waiter:wake("failed", err)
    else
      local ok, code = pcall(reader.finish, reader)
      if ok then
        reader.waiter:wake("ended", self.job, state == "blocked" and "blocked" or self.job.status, code)
      else
        reader.waiter:wake("raised", code)
      end
    end
  end
end

-- The follower: all streams of a client ---------------------------------------------------------

local Follower = {}
Follower.__index = Follower

---@param source table see the head of this file
---@param rt table the runtime
---@param scheduler table the client's, which polls pipelines
---@return table follower
function M.new(source, rt, scheduler)
  return setmetatable({ source = source, rt = rt, scheduler = scheduler, streams = {} }, Follower)
end

local function stream_of(self, project, id)
  local key = tostring(project) .. " " .. tostring(id)
  local stream = self.streams[key]
  if stream then
    -- Whoever joins late gets the log from its start at once.
    if stream.nap then stream.nap:wake() end
    return stream
  end
  stream = setmetatable({
    source = self.source, rt = self.rt, streams = self.streams, key = key, project = project,
    id = id, readers = {}, failures = 0, seen = {}, grown_at = self.rt:now(),
  }, Stream)
  self.streams[key] = stream
  return stream
end

-- Nobody follows any more: the connection is closed.
local function abandon(stream, reader)
  stream:leave(reader)
  if #stream.readers > 0 then return end
  stream.streams[stream.key] = nil
  if stream.task then stream.task:cancel() end
end

--- Follows one job until it ends.
---@param project integer|string
---@param id integer
---@param opts table `on_line`, `on_restart`, `from`, `format`, `deadline` (on the runtime's clock),
--- `known` (a note of freshness.judge: that the job is there was seen elsewhere)
---@return table|nil job
---@return string|table|nil verdict or the error
---@return integer|nil exit_code from the log's last line
function Follower:job(project, id, opts)
  local reader = new_reader(opts)
  reader.waiter = self.rt:waiter()
  local stream = stream_of(self, project, id)
  stream.readers[#stream.readers + 1] = reader
  if opts.known and opts.known.visible_by then freshness.expect(stream.seen, opts.known.visible_by, 0) end
  if not stream.task then
    stream.task = self.rt:background(function() stream:run() end)
  end
  local how, first, second, third = reader.waiter:wait(opts.deadline)
  if how == "ended" then return first, second, third end
  if how == "failed" then return nil, first end
  if how == "raised" then error(first, 0) end
  abandon(stream, reader)
  if first == "cancelled" then
    return nil, errors.new("TaskError.Cancelled", { message = "following the log was cancelled" })
  end
  return nil, errors.new("WaitError.TimedOut", {
    message = "the job had not ended at the deadline", operation = "jobs.follow",
    subject = ("%s %s"):format(project, id),
  })
end

--- Follows every job of a pipeline, also those that start later, until all is over. Each line has
--- its job in `line.job`.
---@param project integer|string
---@param id integer the pipeline's
---@param opts table as for `job`
---@return table|nil pipeline
---@return string|table|nil verdict or the error
function Follower:pipeline(project, id, opts)
  return pipeline_logs.follow(self, project, id, opts)
end

return M
