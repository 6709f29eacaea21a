--- What a pipeline gives to the steps after it, and what explains that it failed.

local dotenv = require "gitlab_pipelines.flow.dotenv"
local errors = require "gitlab_pipelines.errors"
local refs = require "gitlab_pipelines.flow.refs"

local M = {}

-- Lines of a failing job's log that are kept and shown.
local LOG_LINES = 10

--- Jobs of a state's pipeline in the order of their stages, the last attempt of each; raises the
--- error object. Jobs get their numbers stage by stage, but a retried one gets a new number: its
--- place is that of its first attempt.
function M.jobs(run, state)
  if state.jobs then return state.jobs end
  local rows, err = run.gl.jobs:list(state.project, state.pipeline_id, { include_retried = true })
  if not rows then error(err, 0) end
  local jobs, place = {}, {}
  table.sort(rows, function(a, b) return a.id < b.id end)
  for _, job in ipairs(rows) do
    place[job.name] = place[job.name] or #jobs + 1
    jobs[place[job.name]] = job
  end
  state.jobs = jobs
  return jobs
end

local function read_dotenv(run, state, path)
  local values, found = {}, false
  for _, job in ipairs(M.jobs(run, state)) do
    if job.status == "success" and job.artifacts_file then
      local text, err = run.gl.artifacts:file(state.project, job.id, path)
      if text then
        found = true
        dotenv.read(text, values)
      elseif not err:is "AccessError.ArtifactNotFound" then
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
  if path and with_dotenv then outputs.dotenv = read_dotenv(run, state, path) end
  local wanted = refs.sorted_keys(state.step.jobs or {})
  if #wanted > 0 then
    outputs.job = {}
    for _, job in ipairs(M.jobs(run, state)) do
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

--- The job that failed first, with the end of its log. Whatever can not be read is left out: this
--- only explains a failure.
---@return table|nil failure {job, id, stage, reason, web_url, log = lines}
function M.failure(run, state)
  local ok, jobs = pcall(M.jobs, run, state)
  if not ok then return nil end
  local first
  for _, job in ipairs(jobs) do
    if job.status == "failed" and not job.allow_failure
      and (not first or (job.finished_at or "") < (first.finished_at or "")) then
      first = job
    end
  end
  if not first then return nil end
  local failure = { job = first.name, id = first.id, stage = first.stage,
    reason = first.failure_reason, web_url = first.web_url }
  local text = run.gl.jobs:log(state.project, first.id, { tail = 4 * LOG_LINES })
  if type(text) == "string" then
    -- Whole: a secret may go on in the next line.
    failure.log = last_lines(run:redact(text))
  end
  return failure
end

return M
