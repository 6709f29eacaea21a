--- A `play` step: plays a manual job of an earlier step's pipeline, and waits until it ends.

local common = require "gitlab_pipelines.flow.steps.common"
local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local freshness = require "gitlab_pipelines.watch.freshness"
local outputs = require "gitlab_pipelines.flow.outputs"
local reading = require "gitlab_pipelines.watch.reading"

local M = {}

-- Seconds: a job may wait for its stage as long as its step may, and is not stuck then.
local NEVER = 366 * 86400

-- The state of the pipeline that a `play` step plays a job of.
local function played_state(run, step)
  local target = run.states[step.target.name]
  if step.target_key then
    target = target.item_by_key and target.item_by_key[step.target_key]
  end
  return target
end

local function ended_badly(job)
  return core.status.is_finished(job.status) and job.status ~= "success"
end

-- The newest job of this name in the list of its pipeline's, and whether the list is as new as the
-- pipeline was when it was seen: one in which the job has failed may be of before a retry.
local function newest_named(run, state, name)
  local jobs, err = run.gl.jobs:list(state.project, state.pipeline_id)
  if not jobs then return nil, err end
  local newest
  for _, job in ipairs(jobs) do
    if job.name == name and (not newest or job.id > newest.id) then newest = job end
  end
  if not newest then return nil end
  return newest, not ended_badly(newest) or freshness.jobs_fit(state.target, jobs)
end

-- Finds the job by its name. This is one read, repeated only until it is as new as the pipeline; from
-- then on the client's scheduler polls the job by its id.
local function find_job(run, state)
  local name = state.step.options.job
  local missing = ("there is no job '%s' in the pipeline"):format(name)
  local job, err = reading.settled(run.rt, freshness.seen(run.rt:now()), function()
    return newest_named(run, state, name)
  end, state.deadline, "the jobs of the pipeline")
  if job then
    state.job_id, state.job = job.id, job
    return job
  end
  if err and err:is "WaitError.TimedOut" then err.message = missing end
  if err and not reading.is_missing(err) then return nil, err end
  return nil, errors.new("AccessError.JobNotFound", { cause = err, message = missing })
end

-- Waits until the job has ended; with `on_manual` "block" also until it can be played.
local function await_job(run, state, on_manual, timeout)
  return run.gl.jobs:wait(state.project, state.job_id, {
    timeout = math.max(0, math.min(timeout or math.huge, state.deadline - run.rt:now())),
    on_manual = on_manual, appear = freshness.WINDOW, stuck_after = NEVER,
    on_change = function(job)
      if freshness.compare_jobs(state.job, job) == "older" then return end
      state.job = job
      if core.status.is_finished(job.status) or job.status == "manual" then return end
      run:change(state, { pipeline_status = job.status, web_url = job.web_url })
    end,
  })
end

-- Phases of a `play` whose request may have reached GitLab, and of one whose job is known.
local sent = { intent = true, unknown = true }
local played = { known = true, cancelling = true, ended = true }

-- The job that need not be played any more: somebody did, perhaps we before a crash.
local function already_played(state, job)
  if not sent[state.phase] and ended_badly(job) then
    return nil, errors.new("JobError.JobNotPlayable",
      { message = ("job '%s' is %s"):format(job.name, job.status) })
  end
  return job
end

-- GitLab says that the job, which a replica shows as manual, is not to be played. Unless it stays
-- manual, somebody was faster.
local function refused(run, state, err)
  local job, problem = await_job(run, state, "ignore", freshness.WINDOW)
  if job then return job end
  if problem:is "WaitError.TimedOut" and run.rt:now() < state.deadline then
    if state.job.status ~= "manual" then return state.job end
    problem = err
  end
  run:record(state, "refused")
  return nil, problem
end

-- The job that was played, or nil and what became of the step.
local function play_job(run, state)
  local given = state.step.options
  local job, err = find_job(run, state)
  if job and job.status ~= "manual" and not core.status.is_finished(job.status) then
    job, err = await_job(run, state, "block")
  end
  if job and job.status ~= "manual" then
    job, err = already_played(state, job)
    if job then return job end
  end
  if not job then return nil, common.of_error(run, err) end
  local request = state.request or { variables = common.variables(run, given.variables),
    inputs = given.inputs and run:resolve(given.inputs) or nil }
  state.request = request
  run:record(state, "intent", { request = request })
  local response
  response, err = run.gl.jobs:play(state.project, job.id,
    { variables = common.guarded(run, request.variables), inputs = common.guarded(run, request.inputs) })
  if not response and err:is "JobError.JobNotPlayable" then
    job, err = refused(run, state, err)
    if job then return job end
    return nil, common.of_error(run, err)
  end
  if not response then return nil, common.not_made(run, state, err) end
  state.job_id, state.job = response.id or job.id, response
  run:record(state, "known")
  return response
end

--- Cancels the job that was played; what waits for it ends by itself then.
---@param run table
---@param state table
function M.cancel(run, state)
  if not state.job_id then return end
  run:record(state, "cancelling")
  local ok, err = run.gl.jobs:cancel(state.project, state.job_id)
  if not ok then run:change(state, { message = "cancel: " .. err.message }) end
end

-- What became of the step when the job has ended.
local function result_of(run, state, job)
  local name = state.step.options.job
  if job.status == "success" then return { status = "success", outputs = job } end
  if job.status ~= "failed" then
    return { status = job.status, because = "failure", outputs = job,
      reason = ("job '%s' was %s"):format(name, job.status) }
  end
  state.jobs = { job }
  return { status = "failed", outputs = job, failure = outputs.failure(run, state),
    reason = ("job '%s' failed%s"):format(name,
      job.failure_reason and " (" .. job.failure_reason .. ")" or "") }
end

--- Plays the job, unless that has been done, and waits until it has ended.
---@param run table
---@param state table
---@return gitlab_pipelines.StepResult
function M.perform(run, state)
  local target = played_state(run, state.step)
  if not target or not target.pipeline_id then
    return common.failed(("%s has no pipeline"):format(state.step.target.name))
  end
  state.attempt = 1
  state.project, state.pipeline_id = target.project, target.pipeline_id
  -- That the pipeline is there, in that status, implies the job.
  state.target = { status = target.pipeline_status }
  if not played[state.phase] then
    local job, result = play_job(run, state)
    if not job then return result end
    state.job_id = job.id
  end
  if state.stopping or state.phase == "cancelling" then M.cancel(run, state) end
  local job, err = state.job, nil
  if not (job and core.status.is_finished(job.status)) then
    job, err = await_job(run, state, "ignore")
  end
  if not job then return common.of_error(run, err) end
  run:record(state, "ended")
  return result_of(run, state, job)
end

return M
