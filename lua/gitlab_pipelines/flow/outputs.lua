--- What a pipeline gives to the steps after it, and what explains that it failed.

local dotenv = require "gitlab_pipelines.flow.dotenv"
local errors = require "gitlab_pipelines.errors"
local freshness = require "gitlab_pipelines.watch.freshness"
local reading = require "gitlab_pipelines.watch.reading"
local refs = require "gitlab_pipelines.flow.refs"

local M = {}

-- Lines of a failing job's log that are kept and shown.
local LOG_LINES = 10

-- Reads until the response is as new as what was seen at `seen_at`; the step's deadline bounds it.
local function settled(run, state, seen_at, what, read)
  return reading.settled(run.rt, freshness.seen(seen_at), read, state.deadline, what)
end

-- Jobs of a pipeline with every attempt, and whether they make up its status.
local function read_jobs(run, state, pipeline)
  local project, id = state.project, state.pipeline_id
  local rows, err = run.gl.jobs:list(project, id, { include_retried = true })
  if not rows then return nil, err end
  local fit
  fit, err = reading.jobs_fit(pipeline, rows, function()
    return run.gl.pipelines:trigger_jobs(project, id)
  end)
  if fit == nil then return nil, err end
  return rows, fit
end

--- Jobs of a state's pipeline in the order of their stages, the last attempt of each, as they are
--- where the pipeline is as it was seen last; raises the error object.
---@param run table
---@param state table
---@param pipeline table as it was seen last, at `state.seen_at`
---@return table[] jobs
function M.jobs(run, state, pipeline)
  if state.jobs then return state.jobs end
  local rows, err = settled(run, state, state.seen_at, "the jobs of the pipeline", function()
    return read_jobs(run, state, pipeline)
  end)
  if not rows then
    error(err or errors.new("AccessError.PipelineNotFound", { message = "404 Not found" }), 0)
  end
  state.jobs, state.jobs_seen_at = freshness.newest_attempts(rows), run.rt:now()
  return state.jobs
end

-- Has the job an archive? Only from one can a file be read; a report alone is none.
local function has_archive(job)
  if job.artifacts_file then return true end
  for _, artifact in ipairs(job.artifacts or {}) do
    if artifact.file_type == "archive" then return true end
  end
  return false
end

-- Does the job's archive lack the file? A 404 does not prove it: it may come from a replica that does not
-- know the archive yet. So the archive is listed, folder by folder: only a list proves what is absent.
local function lacks(run, state, job, path)
  local folder = nil
  for name, slash in path:gmatch "([^/]+)(/?)" do
    local rows = run.gl.artifacts:browse(state.project, job.id, folder)
    if not rows then return false end
    local kind, found = slash == "/" and "directory" or "file", false
    for _, row in ipairs(rows) do found = found or row.type == kind and row.name == name end
    if not found then return true end
    folder = folder and folder .. "/" .. name or name
  end
  return false
end

-- The text of a file of the job's archive; false when the archive is there and the file is not in it;
-- nil and the error where GitLab does not show that there is an archive.
local function read_file(run, state, job, path)
  local text, err = run.gl.artifacts:file(state.project, job.id, path)
  if text or not reading.is_missing(err) then return text, err end
  if lacks(run, state, job, path) then return false end
  return nil, err
end

local function read_dotenv(run, state, pipeline, path)
  local values, found = {}, false
  for _, job in ipairs(M.jobs(run, state, pipeline)) do
    if job.status == "success" and has_archive(job) then
      local text, err = settled(run, state, state.jobs_seen_at, path, function()
        return read_file(run, state, job, path)
      end)
      if text then
        found = true
        dotenv.read(text, values)
      elseif err and not err:is "AccessError.ArtifactNotFound" then
        error(err, 0)
      end
    end
  end
  if not found then
    error(errors.new("FlowError.StepFailed", { message = ("no job of the pipeline keeps '%s': "
      .. "the file must stand in artifacts:paths, not only in artifacts:reports"):format(path) }),
      0)
  end
  return values
end

--- A pipeline's fields, its dotenv values, and the jobs that the script refers to.
function M.of_pipeline(run, state, pipeline, with_dotenv)
  local outputs = {}
  for key, value in pairs(pipeline) do outputs[key] = value end
  local path = state.step.options.dotenv
  if path and with_dotenv then outputs.dotenv = read_dotenv(run, state, pipeline, path) end
  local wanted = refs.sorted_keys(state.step.jobs or {})
  if #wanted > 0 then
    outputs.job = {}
    for _, job in ipairs(M.jobs(run, state, pipeline)) do
      if state.step.jobs[job.name] then outputs.job[job.name] = job end
    end
  end
  return outputs
end

local function last_lines(text)
  local lines = {}
  for line in (text:gsub("\r\n", "\n") .. "\n"):gmatch "([^\n]*)\n" do
    line = line:gsub("\27%[[%d;]*%a", ""):gsub("^.*\r", "")
    if line:find "%S" then lines[#lines + 1] = line end
  end
  local last = {}
  for i = math.max(1, #lines - LOG_LINES + 1), #lines do last[#last + 1] = lines[i] end
  return last
end

-- The end of the log of a job that has ended.
local function ended_log(run, state, job)
  return settled(run, state, run.rt:now(), "the log of " .. job.name, function()
    local text, err = run.gl.jobs:log(state.project, job.id, { tail = 4 * LOG_LINES })
    if not text then return nil, err end
    return text, freshness.log_fits(job, text)
  end)
end

local function first_failure(jobs)
  local first
  for _, job in ipairs(jobs) do
    if job.status == "failed" and not job.allow_failure
      and (not first or (job.finished_at or "") < (first.finished_at or "")) then
      first = job
    end
  end
  return first
end

--- The job that failed first, with the end of its log. Whatever cannot be read is left out: this
--- only explains a failure.
---@param run table
---@param state table
---@param pipeline table|nil whose jobs are to be read, unless they stand in `state.jobs`
---@return table|nil failure {job, id, stage, reason, web_url, log = lines}
function M.failure(run, state, pipeline)
  local ok, jobs = pcall(M.jobs, run, state, pipeline)
  if not ok then return nil end
  local first = first_failure(jobs)
  if not first then return nil end
  local failure = { job = first.name, id = first.id, stage = first.stage,
    reason = first.failure_reason, web_url = first.web_url }
  local text, _, older = ended_log(run, state, first)
  text = text or older
  if type(text) == "string" then
    -- Whole: a secret may go on in the next line.
    failure.log = last_lines(run:redact(text))
  end
  return failure
end

return M
