--- Waiting for pipelines and jobs: one watcher for a client.
--
-- It is handed what it needs of the floor above it. `source` is a table of plain functions:
--   list(project, query) -> rows, next or nil | nil, err           one page; `query.page = next` for
--                                                                  the one after it
--   get(project, id, etag) -> pipeline, etag | false (unchanged) | nil, err
--   job(project, id, etag) -> job, etag | false | nil, err
--   jobs(project, id, filters) -> rows | nil, err                  all pages
--   bridges(project, id) -> rows | nil, err                        the trigger jobs
--   play(project, job_id) -> job | nil, err
--   cancel(project, id) -> pipeline | nil, err

local aside = require "gitlab_pipelines.runtime.shared_stack"
local errors = require "gitlab_pipelines.errors"
local options = require "gitlab_pipelines.options"
local scheduler = require "gitlab_pipelines.watch.scheduler"
local subscription = require "gitlab_pipelines.watch.subscription"
local wait = require "gitlab_pipelines.watch.wait"

local M = {}

local Watcher = {}
Watcher.__index = Watcher

--- Makes a client's watcher.
---@param source table see above
---@param rt table runtime
---@return table watcher
function M.new(source, rt)
  return setmetatable({ source = source, rt = rt, scheduler = scheduler.new(source, rt) }, Watcher)
end

local MODES = { block = true, play = true, ignore = true }

local function check_on_manual(value)
  if type(value) == "string" then
    return not MODES[value] and 'must be "block", "play", "ignore" or a list of job names' or nil
  end
  if #value == 0 then return "must name at least one job" end
  for _, name in ipairs(value) do
    if type(name) ~= "string" then return "must be a list of job names" end
  end
end

local INTERVAL_FIELDS = { min = true, max = true, factor = true }

local function check_interval(value)
  for name in pairs(value) do
    if not INTERVAL_FIELDS[name] then return "knows only min, max and factor" end
  end
  local min, max = options.seconds(value.min or 2), options.seconds(value.max or 30)
  if not min or not max or min <= 0 then return "must hold durations above 0" end
  if value.max and value.min and max < min then return "must have its min below its max" end
  local factor = value.factor or 1.5
  if type(factor) ~= "number" or factor < 1 then return "must have a factor of at least 1" end
end

local function check_wake(value)
  local ok, subscribe = pcall(function() return value.subscribe end)
  return not (ok and subscribe) and "must be a webhook receiver" or nil
end

local COMMON = {
  timeout = { type = "duration" }, appear = { type = "duration" },
  stuck_after = { type = "duration" }, on_change = { type = "function" },
  on_manual = { type = "string|table", check = check_on_manual },
  interval = { type = "table", check = check_interval },
  wake = { type = "table|userdata", check = check_wake },
}

local function with(descriptor, more)
  local result = {}
  for name, rule in pairs(descriptor) do result[name] = rule end
  for name, rule in pairs(more) do result[name] = rule end
  return result
end

local PIPELINE = with(COMMON, {
  downstream = { type = "boolean" }, cancel_on_timeout = { type = "boolean" },
  full = { type = "boolean" },
})

local JOB = with(COMMON, {
  on_manual = { type = "string", one_of = { "block", "play", "ignore" } },
})

local DURATIONS = { timeout = true, appear = true, stuck_after = true }
local DEFAULTS = { timeout = 7200, stuck_after = 1800, on_manual = "block" }
local WITH_DEFAULTS = { __index = DEFAULTS }

local function read_options(where, descriptor, opts)
  local message = options.problem(where, descriptor, opts)
  if message then return nil, message end
  local interval = opts.interval
  if interval then
    local min = interval.min and options.seconds(interval.min)
    local max = interval.max and options.seconds(interval.max)
    min = min or math.min(2, max or 2)
    interval = { min = min, max = max or math.max(min, 30), factor = interval.factor }
  end
  local read = {}
  for name in pairs(opts) do
    read[name] = DURATIONS[name] and options.seconds(opts[name]) or opts[name]
  end
  read.interval = interval
  return setmetatable(read, WITH_DEFAULTS)
end

-- The options as the machine wants them: durations in seconds. What was not given takes no room:
-- there may be ten thousand waits.
local function checked(where, descriptor, given)
  if given == nil then return DEFAULTS end
  local read, message = aside.call(read_options, where, descriptor, given)
  if not read then error(message, 3) end
  return read
end

local function check_target(where, project, id)
  if type(project) ~= "number" and type(project) ~= "string" then
    error(where .. ": the project must be a number or a path", 3)
  end
  if type(id) ~= "number" or id % 1 ~= 0 then
    error(where .. ": the id must be a whole number, not " .. tostring(id), 3)
  end
end

local function closed()
  return errors.new("TaskError.Cancelled", { message = "the client was closed" })
end

--- Waits for a pipeline's verdict: success failed canceled skipped blocked stuck.
---@param project number|string
---@param id number
---@param opts table|nil timeout (2 h), appear, on_change(pipeline, old_status), on_manual ("block",
--- "play", "ignore", or job names to be played in order), downstream, cancel_on_timeout (also when
--- the task is cancelled), stuck_after (30 min), interval {min, max, factor}, wake (a receiver),
--- full (read all fields at the end)
---@return table|nil pipeline
---@return string|table verdict, or the error
function Watcher:wait(project, id, opts)
  check_target("pipelines.wait", project, id)
  opts = checked("pipelines.wait", PIPELINE, opts)
  if self.is_closed then return nil, closed() end
  return wait.one(self, "pipeline", project, id, opts)
end

--- Waits for many pipelines: returns when each has a verdict.
---@param list table[] `{project, id}` each
---@param opts table|nil as for `wait`; on_change(project, pipeline, old_status)
---@return table[]|nil results `{project, id, pipeline, verdict, err}` in order
---@return table|nil err
function Watcher:watch(list, opts)
  opts = checked("watch", PIPELINE, opts)
  if type(list) ~= "table" then error("watch: a list of {project, id} is expected", 2) end
  for _, item in ipairs(list) do
    if type(item) ~= "table" then error("watch: a list of {project, id} is expected", 2) end
    check_target("watch", item[1], item[2])
  end
  if self.is_closed then return nil, closed() end
  return wait.many(self, list, opts)
end

--- Waits for a job's verdict.
---@param project number|string
---@param id number the job's
---@param opts table|nil as for `wait`, without downstream, cancel_on_timeout, full and names
---@return table|nil job
---@return string|table verdict, or the error
function Watcher:wait_job(project, id, opts)
  check_target("jobs.wait", project, id)
  opts = checked("jobs.wait", JOB, opts)
  if self.is_closed then return nil, closed() end
  return wait.one(self, "job", project, id, opts)
end

local function find(search, timeout)
  local deadline = search.scheduler.rt:now() + timeout
  local ok, problem
  repeat
    ok, problem = search:wait(deadline)
    if search:row() then return search:row() end
  until not ok
  if problem == "cancelled" then
    return nil, errors.new("TaskError.Cancelled", { message = "the wait was cancelled" })
  elseif problem ~= "timeout" then
    return nil, problem
  end
  local entry = search.entry
  return nil, errors.new("WaitError.TimedOut", { operation = "pipelines.list",
    message = ("no pipeline of %s at %s had appeared at the deadline"):format(entry.id.ref, entry.id.sha) })
end

--- Waits until a project shows a pipeline of this ref and commit: the newest. The first read looks
--- for it, every later one is the list that all waits of the project share.
---@param project number|string
---@param ref string
---@param sha string
---@param timeout number seconds
---@return table|nil pipeline
---@return table|nil err WaitError.TimedOut
function Watcher:find(project, ref, sha, timeout)
  if self.is_closed then return nil, closed() end
  return subscription.open(self.scheduler, "search", project, { ref = ref, sha = sha }, {})
    :run(find, timeout)
end

--- Takes note of the response to a write of ours (create, trigger, retry, cancel, play): a replica may
--- not show it for up to 120 s, and nothing older counts.
---@param project number|string
---@param row table the pipeline, or the job
---@param kind string|nil "pipeline" (unless given) or "job"
function Watcher:record_write(project, row, kind)
  self.scheduler:record_write(project, kind or "pipeline", row)
end

--- What is known of a pipeline or job that was made, awaited or acted on lately, or nil.
---@param project number|string
---@param kind string "pipeline" or "job"
---@param id number
---@return table|nil known see Scheduler:known
function Watcher:known(project, kind, id) return self.scheduler:known(project, kind, id) end

--- An event said that something happened: polls now.
---@param project number|string
---@param id number|nil a pipeline's
function Watcher:wake(project, id)
  self.scheduler:wake(project, id)
end

--- Ends all waits with TaskError.Cancelled.
function Watcher:close()
  if self.is_closed then return end
  self.is_closed = true
  self.scheduler:close(closed())
end

return M
