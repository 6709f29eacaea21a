--- What gl.jobs does with logs: shows them, saves them, searches them, follows them.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local json = require "gitlab_pipelines.json"
local log_stream = require "gitlab_pipelines.api.log_stream"
local operations = require "gitlab_pipelines.operations"
local options = require "gitlab_pipelines.options"
local outcomes = require "gitlab_pipelines.client.response_errors"
local reading = require "gitlab_pipelines.watch.reading"
local project_id = require "gitlab_pipelines.project_id"
local resource = require "gitlab_pipelines.api.resource"
local targets = require "gitlab_pipelines.api.target"
local watching = require "gitlab_pipelines.api.watching"

local M = {}

-- Only to be loaded when somebody follows.
local FOLLOW = "gitlab_pipelines.watch.follow"

-- A log that breaks off is read again, so often in all and after so many seconds.
local ATTEMPTS, PAUSE = 3, 1

local FORMATS = { "text", "raw", "ansi", "html" }
local DEFAULT_TIMEOUT = 7200

local function at_least(least)
  return { type = "integer", check = function(value)
    if value < least then return ("must be at least %d, not %d"):format(least, value) end
  end }
end

local view_options = {
  format = { type = "string", one_of = FORMATS },
  from_line = at_least(1), lines = at_least(0), section = { type = "string" }, tail = at_least(0),
}

-- `find`: string.find, or one that bounds what a pattern may take (for flows).
local search_options = {
  find = { type = "function" },
  plain = { type = "boolean" }, section = { type = "string" }, before = at_least(0),
  after = at_least(0), context = at_least(0), limit = at_least(1),
}

local follow_options = {
  on_line = { type = "function" }, on_restart = { type = "function" }, from = at_least(1),
  format = { type = "string", one_of = FORMATS }, pipeline = { type = "boolean" },
}

-- A log that is empty because somebody erased it is no empty log.
local function check_erased(self, project, id, opts)
  local job, err = self.gl.jobs:get(project, id, { timeout = opts.timeout, retry = opts.retry })
  if not job then return nil, err end
  if not job.erased_at then return true end
  return nil, errors.redact(log_stream.not_available(project, id,
    "the log was erased at " .. outcomes.one_line(job.erased_at, self.client.redactor)), self.client.redactor)
end

-- May a log that broke off be read once more? It waits until then.
local function again(self, attempt, begun, err, opts)
  local runtime = self.client.runtime
  if not begun or not err.retryable or opts.retry == false or attempt >= ATTEMPTS then return err end
  if opts.deadline and runtime:now() + PAUSE >= opts.deadline then return err end
  if not runtime:pause(PAUSE) then
    return errors.new("TaskError.Cancelled", { message = "reading the log was cancelled",
      operation = operations.jobs.log.name })
  end
end

-- Feeds the log through a parser of `view` ({format, section}). begin() gives what takes its lines,
-- on_line(line) -> nil or why no more are wanted; it is called again when the log breaks off and is
-- read from its first byte once more. True, or nil and an error, or what on_line said.
local function each_line(self, project, id, view, opts, begin)
  opts.deadline = resource.deadline(self, opts)
  for attempt = 1, ATTEMPTS do
    local parser, bytes, on_line = core.joblog.parser(view), 0, begin()
    local why
    local function give(lines, message)
      if not lines then return nil, message end
      for _, line in ipairs(lines) do
        why = why or on_line(line)
        if why then return nil, why end
      end
      return true
    end
    local ok, err, begun = log_stream.read(self, project, id, { deadline = opts.deadline, retry = opts.retry,
      priority = opts.priority }, function(chunk)
        bytes = bytes + #chunk
        return give(parser:feed(chunk))
      end)
    if why then return nil, why end
    if ok and bytes == 0 then return check_erased(self, project, id, opts) end
    if ok then return give(parser:finish()) end
    err = again(self, attempt, begun, err, opts)
    if err then return nil, err end
  end
end

-- The last `count` of what is added, in order; `add` gives what falls out.
local function ring(count)
  local items, next_place = {}, 1
  local self = {}
  function self.add(item)
    local old = items[next_place]
    items[next_place] = item
    next_place = next_place % count + 1
    return old
  end
  function self.list()
    local list = {}
    for i = 0, #items - 1 do list[#list + 1] = items[(next_place - 1 + i) % #items + 1] end
    return #items < count and items or list
  end
  return self
end

-- Why no more lines are wanted.
local ENOUGH, TOO_LONG, NO_PATTERN = "enough", "too long", "no pattern"

local function too_long(project, id, most)
  return errors.new("ServerError.BodyTooLarge", { operation = operations.jobs.log.name,
    subject = ("%s %s"):format(tostring(project), tostring(id)),
    message = ("what is asked for is longer than %d bytes: ask for lines or a tail, or save it"):format(most) })
end

--- See Jobs:log in api/jobs.lua.
function M.log(self, project, id, opts)
  local given = resource.options("jobs.log", view_options, opts)
  local format = given.format or "text"
  local from, count, section, tail = given.from_line or 1, given.lines, given.section, given.tail
  given.format, given.from_line, given.lines, given.section, given.tail = nil, nil, nil, nil, nil
  if format == "raw" and from == 1 and not (count or section or tail) then
    local text, err = resource.send(self, operations.jobs.log, project, { job_id = id }, given)
    if not text then return nil, log_stream.explain(self.gl, project, id, err) end
    if text ~= "" then return text end
    local ok
    ok, err = check_erased(self, project, id, given)
    return ok and text or nil, err
  end
  local kept, taken, size, last
  local most = self.client.settings.max_bytes
  local ok, err = each_line(self, project, id, { format = format, section = section }, given, function()
    kept, taken, size, last = {}, 0, 0, tail and ring(math.max(tail, 1))
    return function(line)
      if line.number < from then return nil end
      if count and taken >= count then return ENOUGH end
      taken, size = taken + 1, size + #line.text + 1
      if not last then
        kept[#kept + 1] = line.text
      else
        local old = last.add(line.text)
        size = size - (old and #old + 1 or 0)
      end
      return size > most and TOO_LONG or nil
    end
  end)
  if err == TOO_LONG then return nil, too_long(project, id, most) end
  if not ok and err ~= ENOUGH then return nil, err end
  if last then kept = tail > 0 and last.list() or {} end
  return #kept > 0 and table.concat(kept, "\n") .. "\n" or ""
end

--- Gives the lines of a log to on_line(line) as they come: for logs longer than memory. Each line is
--- given once, also where the log breaks off and is read again.
---@param self table gl.jobs
---@param project integer|string
---@param id integer
---@param opts table|nil format, from_line, section, and the usual
---@param on_line fun(line: table)
---@return true|nil ok, table|nil err
function M.each(self, project, id, opts, on_line)
  local given = resource.options("jobs.log", view_options, opts)
  local format, section, last = given.format, given.section, (given.from_line or 1) - 1
  given.format, given.section, given.from_line = nil, nil, nil
  return each_line(self, project, id, { format = format, section = section }, given, function()
    return function(line)
      if line.number <= last then return nil end
      last = line.number
      on_line(line)
    end
  end)
end

-- The whole log into the file; nil and an error where there is none.
local function fetch_log(self, part, project, id, given)
  given.sink = { file = part.path }
  local result, response = resource.fetch(self, operations.jobs.log, project, { job_id = id }, given)
  if result == nil then return nil, response end
  if response.bytes == 0 then
    local there, err = check_erased(self, project, id, given)
    if not there then return nil, err end
  end
  local ok, message = part:finish()
  if not ok then return resource.failure(self, operations.jobs.log.name, nil, "TaskError.Cancelled", message) end
  return { file = part.target, bytes = response.bytes, verified = "length" }
end

--- See Jobs:save_log in api/jobs.lua.
function M.save_log(self, project, id, file, opts)
  if type(file) ~= "string" or file == "" then
    resource.blame("jobs.save_log: 'file' must be a file's name, not " .. type(file))
  end
  local given = resource.options("jobs.save_log", nil, opts)
  local part, message = targets.claim(file, "", true, self.client.runtime)
  if not part then
    return resource.failure(self, operations.jobs.log.name, nil, "TaskError.Cancelled", message)
  end
  local saved, err = part:hold(fetch_log, self, part, project, id, given)
  if saved then return saved end
  return nil, log_stream.explain(self.gl, project, id, err)
end

-- Collects the lines around hits.
local function collector(before, after)
  local self = { hits = {} }
  local earlier, open = {}, {}
  function self.add(line, is_hit)
    for i = #open, 1, -1 do
      local hit = open[i]
      hit.after[#hit.after + 1] = line.plain
      if #hit.after >= after then table.remove(open, i) end
    end
    if is_hit then
      local hit = { number = line.number, text = line.plain, section = line.section, time = line.time,
        before = json.array {}, after = json.array {} }
      for i, text in ipairs(earlier) do hit.before[i] = text end
      self.hits[#self.hits + 1] = hit
      if after > 0 then open[#open + 1] = hit end
    end
    earlier[#earlier + 1] = line.plain
    if #earlier > before then table.remove(earlier, 1) end
  end
  function self.waiting() return #open > 0 end
  return self
end

--- See Jobs:search_log in api/jobs.lua.
function M.search_log(self, project, id, pattern, opts)
  if type(pattern) ~= "string" then
    resource.blame("jobs.search_log: 'pattern' must be a string, not " .. type(pattern))
  end
  local given = resource.options("jobs.search_log", search_options, opts)
  local context, limit, plain, section = given.context or 0, given.limit, given.plain, given.section
  local before, after = given.before or context, given.after or context
  local find = given.find or string.find
  for name in pairs(search_options) do given[name] = nil end
  -- A mistake in a pattern may show only in a text that fits its beginning.
  local problem
  local function is_hit(text)
    local found, at = pcall(find, text, pattern, 1, plain)
    if not found then problem = at end
    return found and at ~= nil
  end
  is_hit ""
  local found, ok, err
  if not problem then
    ok, err = each_line(self, project, id, { format = "text", section = section }, given, function()
      found = collector(before, after)
      return function(line)
        local full = limit and #found.hits >= limit
        if full and not found.waiting() then return ENOUGH end
        found.add(line, not full and is_hit(line.plain))
        return problem and NO_PATTERN
      end
    end)
  end
  if problem then resource.blame("jobs.search_log: 'pattern' is no Lua pattern: " .. tostring(problem)) end
  if not ok and err ~= ENOUGH then return nil, err end
  return found.hits
end

local function follower_of(gl)
  local follower = rawget(gl, "follower")
  if not follower then
    local watcher = watching.of(gl)
    follower = require(FOLLOW).new(watcher.source, gl.client.runtime, watcher.scheduler)
    rawset(gl, "follower", follower)
  end
  return follower
end

--- See Jobs:follow in api/jobs.lua.
function M.follow(self, project, id, opts)
  local given = resource.options("jobs.follow", follow_options, opts)
  if not given.on_line then resource.blame "jobs.follow: option 'on_line' is required" end
  local checked, err = project_id.check(project, "jobs.follow")
  if not checked then return nil, err end
  resource.check_id("jobs.follow", "id", id)
  local follower = follower_of(self.gl)
  local method = given.pipeline and "pipeline" or "job"
  local last, verdict, code = follower[method](follower, checked, id, {
    on_line = given.on_line, on_restart = given.on_restart, from = given.from, format = given.format,
    deadline = self.client.runtime:now() + (options.seconds(given.timeout) or DEFAULT_TIMEOUT),
    known = reading.known(self.gl, checked, method, id),
  })
  if last ~= nil then return last, verdict, code end
  return nil, errors.redact(log_stream.explain(self.gl, checked, id, verdict), self.client.redactor)
end

return M
