--- Resolves writes with an ambiguous outcome by reading the state from GitLab.
--
-- For a create that must not be retried (retrying a job or pipeline, playing a job, creating a named
-- object), the state is polled until it shows the change, or until the change would be visible. A
-- retried `set` may be refused because an earlier attempt succeeded: then the state decides.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local operations = require "gitlab_pipelines.operations"
local pages = require "gitlab_pipelines.client.pages"

local M = {}

-- Seconds after the ambiguous attempt at which the state is polled.
local POLLS = { 0, 2, 5, 10, 20, 40, 80, 160 }

-- If the deadline is before the next poll, the last poll starts this many seconds before it.
local LAST_POLL_MARGIN = 5

local function read(client, op, args, deadline)
  args.query = args.query or {}
  return client:call(op, args, { deadline = deadline, priority = "read" })
end

-- All jobs of a pipeline, including retried ones.
local function all_jobs(client, project, pipeline_id, deadline)
  local jobs, op = {}, operations.jobs.list
  local walk = pages.walk(op, { project = project, pipeline_id = pipeline_id, query = {
    { "include_retried", "true" }, { "page", "1" }, { "per_page", ("%d"):format(pages.ROWS) } } })
  local args, err = walk.args, nil
  while args do
    local rows, response = client:page(op, args, { deadline = deadline, priority = "read" })
    if not rows then return nil, response end
    for _, job in ipairs(rows) do jobs[#jobs + 1] = job end
    args, err = walk:after(rows, response)
  end
  if err then return nil, err end
  return jobs
end

local function created_since(job, time)
  local created = type(job.created_at) == "string" and core.time.parse(job.created_at)
  return created and created >= time
end

-- The new job of a retry has the same name, is in the same pipeline and has a greater id.
local function retried_job(client, call, deadline)
  local args = call.args
  local old, err = read(client, operations.jobs.get,
    { project = args.project, job_id = args.job_id }, deadline)
  if not old then return nil, err end
  local jobs
  jobs, err = all_jobs(client, args.project, old.pipeline.id, deadline)
  if not jobs then return nil, err end
  local found
  for _, job in ipairs(jobs) do
    if job.name == old.name and job.id > old.id and (not found or job.id < found.id) then
      found = job
    end
  end
  return found
end

local unfinished = { failed = true, canceled = true }

-- A pipeline's retry has happened when every job that had failed has a successor. A job created after
-- the request is a successor, even if it has failed again by now.
local function retried_pipeline(client, call, deadline)
  local args = call.args
  local jobs, err = all_jobs(client, args.project, args.pipeline_id, deadline)
  if not jobs then return nil, err end
  local newest, successors = {}, 0
  for _, job in ipairs(jobs) do
    if not newest[job.name] or job.id > newest[job.name].id then newest[job.name] = job end
  end
  for _, job in ipairs(jobs) do
    local last = newest[job.name]
    if unfinished[job.status] and not created_since(job, call.server_time) then
      if last == job then return nil end
      if created_since(last, call.server_time) then successors = successors + 1 end
    end
  end
  if successors == 0 then return nil end
  return read(client, operations.pipelines.get,
    { project = args.project, pipeline_id = args.pipeline_id }, deadline)
end

local not_started = { manual = true, scheduled = true, skipped = true, created = true }

local function played_job(client, call, deadline)
  local job, err = read(client, operations.jobs.get,
    { project = call.args.project, job_id = call.args.job_id }, deadline)
  if not job then return nil, err end
  return not not_started[job.status] and job or nil
end

local function named_environment(client, call, deadline)
  local name = call.args.body.name
  local rows, err = read(client, operations.environments.list,
    { project = call.args.project, query = { { "name", name } } }, deadline)
  if not rows then return nil, err end
  for _, row in ipairs(rows) do
    if row.name == name then return row end
  end
end

local function named_variable(client, call, deadline)
  local body = call.args.body
  local row, err = read(client, operations.variables.get, { project = call.args.project,
    key = body.key, query = { { "filter[environment_scope]", body.environment_scope or "*" } } },
    deadline)
  if row then return row end
  if err.status == 404 then return nil end
  return nil, err
end

local finders = {
  ["jobs.retry"] = retried_job,
  ["pipelines.retry"] = retried_pipeline,
  ["jobs.play"] = played_job,
  ["environments.create"] = named_environment,
  ["variables.create"] = named_variable,
}

--- Can polling the state show whether this operation succeeded?
---@param op table
---@return boolean
function M.is_pollable(op)
  return op.reconcile == "state" and finders[op.name] ~= nil
end

local function cancelled(err)
  return errors.is_error(err) and err:is "TaskError.Cancelled"
end

--- Polls until the state shows that the ambiguous call succeeded.
---@param client table
---@param call table has `server_time`, the server's clock before the first attempt
---@param settle number seconds after which a change would be visible
---@param deadline number
---@return any result nil if the state does not show it
---@return table|nil err set if the call was cancelled
function M.poll(client, call, settle, deadline)
  local find, runtime = finders[call.op.name], client.runtime
  local start = runtime:now()
  for i = 1, #POLLS + 1 do
    local at = start + math.min(POLLS[i] or settle, settle)
    local last = at >= deadline
    if last then at = deadline - LAST_POLL_MARGIN end
    if last and at <= runtime:now() then return nil end
    if not client:wait_until(at) then
      return nil, errors.new("TaskError.Cancelled", { message = "cancelled", operation = call.op.name })
    end
    local result, err = find(client, call, deadline)
    if result ~= nil then return result end
    if cancelled(err) then return nil, err end
    if last or at >= start + settle then return nil end
  end
end

-- The confirmation of a delete: the object no longer exists.
local function deleted(op, ...)
  local names = { ... }
  return { status = 404, find = function(client, call, deadline)
    local args = { project = call.args.project }
    for _, name in ipairs(names) do args[name] = call.args[name] end
    if op == operations.variables.get then args.query = call.args.query end
    local row, err = read(client, op, args, deadline)
    if row == nil and err and err.status == 404 then return true end
  end }
end

local confirmations = {
  ["pipelines.delete"] = deleted(operations.pipelines.get, "pipeline_id"),
  ["triggers.delete"] = deleted(operations.triggers.get, "trigger_id"),
  ["variables.delete"] = deleted(operations.variables.get, "key"),
  ["environments.delete"] = deleted(operations.environments.get, "environment_id"),
  ["artifacts.delete"] = { status = 404, find = function(client, call, deadline)
    local job = read(client, operations.jobs.get,
      { project = call.args.project, job_id = call.args.job_id }, deadline)
    if job and job.artifacts_file == nil then return true end
  end },
  ["jobs.erase"] = { status = 403, find = function(client, call, deadline)
    local job = read(client, operations.jobs.get,
      { project = call.args.project, job_id = call.args.job_id }, deadline)
    if job and job.erased_at then return job end
  end },
}

-- For each `set`, the operation that reads the changed object and the parameter with its id.
local readers = {
  ["pipelines.cancel"] = { operations.pipelines.get, "pipeline_id" },
  ["pipelines.rename"] = { operations.pipelines.get, "pipeline_id" },
  ["jobs.cancel"] = { operations.jobs.get, "job_id" },
  ["jobs.erase"] = { operations.jobs.get, "job_id" },
  ["artifacts.keep"] = { operations.jobs.get, "job_id" },
  ["variables.update"] = { operations.variables.get, "key" },
  ["triggers.update"] = { operations.triggers.get, "trigger_id" },
  ["environments.update"] = { operations.environments.get, "environment_id" },
  ["environments.stop"] = { operations.environments.get, "environment_id" },
}

--- Reads the state that the lost response of a successful `set` described.
---@return any result the object as it is now; true if the operation returns nothing
---@return table|nil err why it could not be read
function M.read_back(client, call, deadline)
  local reader = readers[call.op.name]
  if not reader then return true end
  local args = { project = call.args.project, [reader[2]] = call.args[reader[2]] }
  if reader[1] == operations.variables.get then args.query = call.args.query end
  local row, err = read(client, reader[1], args, deadline)
  if row ~= nil then return row end
  if err:is "TaskError.Cancelled" then return nil, err end
  err.message = ("%s succeeded, but the result could not be read: %s"):format(call.op.name, err.message)
  return nil, err
end

--- Checks whether an earlier attempt of a retried and refused `set` succeeded.
---@return any result nil if it did not, or if the state does not show it
function M.confirm(client, call, status, deadline)
  local confirmation = confirmations[call.op.name]
  if not confirmation or confirmation.status ~= status then return nil end
  return confirmation.find(client, call, deadline)
end

return M
