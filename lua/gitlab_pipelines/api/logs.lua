--- What gl.jobs does with logs: shows them, saves them, searches them, follows them.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local operations = require "gitlab_pipelines.operations"
local options = require "gitlab_pipelines.options"
local resource = require "gitlab_pipelines.api.resource"
local target_of = require "gitlab_pipelines.api.target"
local watching = require "gitlab_pipelines.api.watching"

local M = {}

-- Only to be loaded when somebody follows.
local FOLLOW = "gitlab_pipelines.watch.follow"

local FORMATS = { "text", "raw", "ansi", "html" }
local DEFAULT_TIMEOUT = 7200

local view_options = {
  format = { type = "string", one_of = FORMATS },
  from_line = { type = "integer" }, lines = { type = "integer" }, section = { type = "string" },
  tail = { type = "integer" },
}

local search_options = {
  plain = { type = "boolean" }, section = { type = "string" }, before = { type = "integer" },
  after = { type = "integer" }, context = { type = "integer" }, limit = { type = "integer" },
}

local follow_options = {
  on_line = { type = "function" }, on_restart = { type = "function" }, from = { type = "integer" },
  format = { type = "string", one_of = FORMATS }, pipeline = { type = "boolean" },
}

-- Streams the log of a job into sink(chunk). True, or nil and an error.
local function stream(self, project, id, sink, opts)
  opts.sink = sink
  local ok, err = resource.send(self, operations.jobs.log, project, { job_id = id }, opts)
  if ok == nil then return nil, err end
  return true
end

-- A log that is empty because somebody erased it is no empty log.
local function check_erased(self, project, id, opts)
  local job, err = self.gl.jobs:get(project, id, { timeout = opts.timeout, retry = opts.retry })
  if not job then return nil, err end
  if not job.erased_at then return true end
  return nil, errors.new("JobError.LogsNotAvailable", {
    message = "the log was erased at " .. tostring(job.erased_at), operation = "jobs.log",
    subject = ("%s %s"):format(project, id),
  })
end

-- Feeds the log through a parser and calls on_line for each line. True, or nil and an error; the
-- second result is how many bytes the log had.
local function each_line(self, project, id, format, section, opts, on_line)
  local parser = core.joblog.parser { format = format, section = section }
  local bytes = 0
  local ok, err = stream(self, project, id, function(chunk)
    bytes = bytes + #chunk
    local lines, message = parser:feed(chunk)
    if not lines then return nil, message end
    for _, line in ipairs(lines) do on_line(line) end
    return true
  end, opts)
  if not ok then return nil, err end
  if bytes == 0 then return check_erased(self, project, id, opts) end
  for _, line in ipairs((parser:finish())) do on_line(line) end
  return true
end

-- The last `count` of what is added, in order.
local function ring(count)
  local items, next_place = {}, 1
  local self = {}
  function self.add(item)
    items[next_place] = item
    next_place = next_place % count + 1
  end
  function self.list()
    local list = {}
    for i = 0, #items - 1 do list[#list + 1] = items[(next_place - 1 + i) % #items + 1] end
    return #items < count and items or list
  end
  return self
end

--- See Jobs:log in api/jobs.lua.
function M.log(self, project, id, opts)
  local given = resource.options("jobs.log", view_options, opts)
  local format = given.format or "text"
  local from, count, section, tail = given.from_line or 1, given.lines, given.section, given.tail
  given.format, given.from_line, given.lines, given.section, given.tail = nil, nil, nil, nil, nil
  if format == "raw" and from == 1 and not (count or section or tail) then
    local text, err = resource.send(self, operations.jobs.log, project, { job_id = id }, given)
    if text ~= "" then return text, err end
    local ok
    ok, err = check_erased(self, project, id, given)
    return ok and text or nil, err
  end
  local kept, taken = {}, 0
  local last = tail and ring(math.max(tail, 1))
  local ok, err = each_line(self, project, id, format, section, given, function(line)
    if line.number < from or count and taken >= count then return end
    taken = taken + 1
    if last then last.add(line.text) else kept[#kept + 1] = line.text end
  end)
  if not ok then return nil, err end
  if last then kept = tail > 0 and last.list() or {} end
  return #kept > 0 and table.concat(kept, "\n") .. "\n" or ""
end

--- See Jobs:save_log in api/jobs.lua.
function M.save_log(self, project, id, file, opts)
  if type(file) ~= "string" or file == "" then
    resource.blame("jobs.save_log: 'file' must be a file's name, not " .. type(file))
  end
  return target_of.fetch(self, operations.jobs.log, project, { job_id = id }, file,
    resource.options("jobs.save_log", nil, opts))
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
        before = { (table.unpack or unpack)(earlier) }, after = {} }
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
  local ok, problem = pcall(string.find, "", pattern)
  local given = resource.options("jobs.search_log", search_options, opts)
  if not ok and not given.plain then
    resource.blame("jobs.search_log: 'pattern' is no Lua pattern: " .. tostring(problem))
  end
  local context, limit, plain, section = given.context or 0, given.limit, given.plain, given.section
  local found = collector(given.before or context, given.after or context)
  for name in pairs(search_options) do given[name] = nil end
  local err
  ok, err = each_line(self, project, id, "text", section, given, function(line)
    local full = limit and #found.hits >= limit
    if full and not found.waiting() then return end
    found.add(line, not full and line.plain:find(pattern, 1, plain) ~= nil)
  end)
  if not ok then return nil, err end
  return found.hits
end

local function follower_of(gl)
  local follower = rawget(gl, "follower")
  if not follower then
    follower = require(FOLLOW).new(watching.source(gl), gl.client.runtime)
    rawset(gl, "follower", follower)
  end
  return follower
end

--- See Jobs:follow in api/jobs.lua.
function M.follow(self, project, id, opts)
  local given = resource.options("jobs.follow", follow_options, opts)
  if not given.on_line then resource.blame "jobs.follow: option 'on_line' is required" end
  local checked, err = resource.project(project, "jobs.follow")
  if not checked then return nil, err end
  resource.check_id("jobs.follow", "id", id)
  local follower = follower_of(self.gl)
  local method = given.pipeline and "pipeline" or "job"
  return follower[method](follower, checked, id, {
    on_line = given.on_line, on_restart = given.on_restart, from = given.from, format = given.format,
    deadline = self.client.runtime:now() + (options.seconds(given.timeout) or DEFAULT_TIMEOUT),
  })
end

return M
