--- What became of a write whose answer can not be trusted: read from GitLab, not guessed.
--
-- After a doubtful attempt (an error of the server, a lost answer) two questions remain. A create
-- that must not be sent again (retry of a job or pipeline, play, things with a name) is looked for
-- until it shows, or until it would show if it existed. A `set` that was repeated may be refused
-- because it has already happened: then the state decides.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local operations = require "gitlab_pipelines.operations"
local pages = require "gitlab_pipelines.client.pages"

local M = {}

-- Seconds after the doubtful attempt at which it is looked for.
local LOOKS = { 0, 2, 5, 10, 20, 40, 80, 160 }

-- Where the deadline comes before the next of them, the last look begins this much before it.
local LAST = 5

local function read(client, op, args, deadline)
  args.query = args.query or {}
  return client:call(op, args, { deadline = deadline, priority = "read" })
end

-- Every attempt of every job of a pipeline.
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

local function made_since(job, moment)
  local made = type(job.created_at) == "string" and core.time.parse(job.created_at)
  return made and made >= moment
end

-- The new job of a retry: of the same name, in the same pipeline, with a greater id.
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

-- A pipeline's retry has happened when every job that had failed has a successor. A successor may
-- have failed again by now: what was made after we asked is not what had failed before.
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
    if unfinished[job.status] and not made_since(job, call.server_time) then
      if last == job then return nil end
      if made_since(last, call.server_time) then successors = successors + 1 end
    end
  end
  if successors == 0 then return nil end
  return read(client, operations.pipelines.get,
    { project = args.project, pipeline_id = args.pipeline_id }, deadline)
end

local waits_for_a_person = { manual = true, scheduled = true, skipped = true, created = true }

local function played_job(client, call, deadline)
  local job, err = read(client, operations.jobs.get,
    { project = call.args.project, job_id = call.args.job_id }, deadline)
  if not job then return nil, err end
  return not waits_for_a_person[job.status] and job or nil
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

local looks = {
  ["jobs.retry"] = retried_job,
  ["pipelines.retry"] = retried_pipeline,
  ["jobs.play"] = played_job,
  ["environments.create"] = named_environment,
  ["variables.create"] = named_variable,
}

--- Can what this operation makes be recognised by its state?
function M.knows(op)
  return op.reconcile == "state" and looks[op.name] ~= nil
end

local function cancelled(err)
  return errors.is_error(err) and err:is "TaskError.Cancelled"
end

--- Reads until it shows that the doubtful call has worked.
---@param client table
---@param call table with `server_time`, the server's clock before the first attempt
---@param settle number seconds after which what has not shown never will
---@param deadline number
---@return any result nil: it did not show
---@return table|nil err the call was cancelled
function M.find(client, call, settle, deadline)
  local look, runtime = looks[call.op.name], client.runtime
  local start = runtime:now()
  for i = 1, #LOOKS + 1 do
    local at = start + math.min(LOOKS[i] or settle, settle)
    local last = at >= deadline
    if last then at = deadline - LAST end
    if last and at <= runtime:now() then return nil end
    if not client:wait_until(at) then
      return nil, errors.new("TaskError.Cancelled", { message = "cancelled", operation = call.op.name })
    end
    local result, err = look(client, call, deadline)
    if result ~= nil then return result end
    if cancelled(err) then return nil, err end
    if last or at >= start + settle then return nil end
  end
end

-- Is the thing gone that was to be deleted?
local function gone(op, ...)
  local names = { ... }
  return { status = 404, look = function(client, call, deadline)
    local args = { project = call.args.project }
    for _, name in ipairs(names) do args[name] = call.args[name] end
    if op == operations.variables.get then args.query = call.args.query end
    local row, err = read(client, op, args, deadline)
    if row == nil and err and err.status == 404 then return true end
  end }
end

local confirmations = {
  ["pipelines.delete"] = gone(operations.pipelines.get, "pipeline_id"),
  ["triggers.delete"] = gone(operations.triggers.get, "trigger_id"),
  ["variables.delete"] = gone(operations.variables.get, "key"),
  ["environments.delete"] = gone(operations.environments.get, "environment_id"),
  ["artifacts.delete"] = { status = 404, look = function(client, call, deadline)
    local job = read(client, operations.jobs.get,
      { project = call.args.project, job_id = call.args.job_id }, deadline)
    if job and job.artifacts_file == nil then return true end
  end },
  ["jobs.erase"] = { status = 403, look = function(client, call, deadline)
    local job = read(client, operations.jobs.get,
      { project = call.args.project, job_id = call.args.job_id }, deadline)
    if job and job.erased_at then return job end
  end },
}

-- Which operation shows what a `set` has changed, and the parameter that names it.
local shows = {
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

--- A `set` is done, but its answer was lost: what it would have said is read.
---@return any result the thing as it is now; true where the operation gives nothing
---@return table|nil err why that could not be read
function M.read_back(client, call, deadline)
  local shown = shows[call.op.name]
  if not shown then return true end
  local args = { project = call.args.project, [shown[2]] = call.args[shown[2]] }
  if shown[1] == operations.variables.get then args.query = call.args.query end
  local row, err = read(client, shown[1], args, deadline)
  if row ~= nil then return row end
  if err:is "TaskError.Cancelled" then return nil, err end
  err.message = ("%s was done, but the result could not be read: %s"):format(call.op.name, err.message)
  return nil, err
end

--- A repeated `set` was refused: has an earlier attempt done it?
---@return any result nil: it has not, or it can not be told
function M.confirm(client, call, status, deadline)
  local confirmation = confirmations[call.op.name]
  if not confirmation or confirmation.status ~= status then return nil end
  return confirmation.look(client, call, deadline)
end

return M
