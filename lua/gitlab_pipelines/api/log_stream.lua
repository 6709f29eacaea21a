--- One reading of a job's log, from its first byte to its last.

local errors = require "gitlab_pipelines.errors"
local operations = require "gitlab_pipelines.operations"
local resource = require "gitlab_pipelines.api.resource"
local shape = require "gitlab_pipelines.client.shape"

local M = {}

-- So many trigger jobs are remembered; they have ids like jobs, and no log.
local REMEMBERED = 10000

local function subject(project, id)
  return ("%s %s"):format(tostring(project), tostring(id))
end

--- Why there is no log to be read.
---@return table err
function M.not_available(project, id, message, status)
  return errors.new("JobError.LogsNotAvailable", { message = message, operation = operations.jobs.log.name,
    subject = subject(project, id), status = status })
end

--- Takes note of trigger jobs: GitLab says of their logs only that there is no such job.
---@param gl table
---@param rows table[]
function M.remember(gl, rows)
  local known = gl.memory.trigger_job_ids
  if not known or known.count > REMEMBERED then
    known = { count = 0 }
    gl.memory.trigger_job_ids = known
  end
  for _, row in ipairs(rows) do
    if not known[row.id] then known[row.id], known.count = true, known.count + 1 end
  end
end

--- What an error means for who asked for a job or its log: a trigger job has none.
---@return table err
function M.explain(gl, project, id, err)
  local known = gl.memory.trigger_job_ids
  if known and known[id] and err:is "AccessError.JobNotFound" then
    return M.not_available(project, id, "a trigger job has no log", err.status)
  end
  return err
end

--- Reads the log into take(chunk) -> true | nil, message.
---@param group table {gl, client}
---@param project integer|string
---@param id integer
---@param opts table timeout, deadline, retry, priority
---@param take fun(chunk: string): true|nil, string|nil
---@return true|nil ok, table|nil err
---@return boolean|nil begun after an error: some of it was taken
function M.read(group, project, id, opts, take)
  local begun, foreign = false, nil
  local ok, err = resource.send(group, operations.jobs.log, project, { job_id = id }, {
    timeout = opts.timeout, deadline = opts.deadline, retry = opts.retry, priority = opts.priority,
    sink = function(chunk, _, headers)
      if not begun then
        begun, foreign = true, shape.wrong_type(headers:header "Content-Type", "log")
      end
      if foreign then return nil, foreign end
      return take(chunk)
    end,
  })
  if ok ~= nil then return true end
  if foreign and err:is "TaskError.Cancelled" then
    err = errors.new("ServerError.InvalidResponse", { message = err.message, status = err.status,
      operation = operations.jobs.log.name, subject = subject(project, id) })
  end
  return nil, M.explain(group.gl, project, id, err), begun
end

return M
