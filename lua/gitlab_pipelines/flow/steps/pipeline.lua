--- A `pipeline` step: makes its pipeline exactly once for each attempt and waits for its verdict.

local common = require "gitlab_pipelines.flow.steps.common"
local errors = require "gitlab_pipelines.errors"
local freshness = require "gitlab_pipelines.watch.freshness"
local journals = require "gitlab_pipelines.once.journal"
local outputs = require "gitlab_pipelines.flow.outputs"
local refs = require "gitlab_pipelines.flow.refs"

local M = {}

--- A project, read once a run.
---@return table|nil project
---@return table|nil err
function M.project(run, project)
  if not run.projects[project] then
    local found, err = run.gl.projects:get(project)
    if not found then return nil, err end
    run.projects[project] = found
  end
  return run.projects[project]
end

-- The branch that a step means which names none.
local function default_ref(run, project)
  local found, err = M.project(run, project)
  local ref = found and found.default_branch
  if ref then return ref end
  error(errors.new("PipelineError.InvalidRef", { cause = err,
    message = ("the default branch of %s cannot be read%s: give the step a ref"):format(project,
      err and " (" .. err.message .. ")" or "") }), 0)
end

local function request_of(run, state)
  local given = state.step.options
  local project = run:resolve(given.project)
  return {
    project = project,
    ref = given.ref and refs.text(run:resolve(given.ref)) or default_ref(run, project),
    variables = common.variables(run, given.variables),
    inputs = given.inputs and run:resolve(given.inputs) or nil,
    trigger = given.trigger_token and run.plan.refs:meaning(given.trigger_token).secret or nil,
  }
end

-- A pipeline that waits for people counts as reached when a later `play` names each job that it
-- waits for, and none has failed.
local function reached(run, state, pipeline)
  local played = run.plays[state.path]
  if not played then return false end
  local waits = false
  for _, job in ipairs(outputs.jobs(run, state, pipeline)) do
    if job.status == "failed" and not job.allow_failure then return false end
    if job.status == "manual" and not job.allow_failure then
      if not played[job.name] then return false end
      waits = true
    end
  end
  return waits
end

local function manual_names(run, state, pipeline)
  local names = {}
  for _, job in ipairs(outputs.jobs(run, state, pipeline)) do
    if job.status == "manual" then names[#names + 1] = job.name end
  end
  return table.concat(names, ", ")
end

local function wait_once(run, state, on_manual)
  local left = state.deadline - run.rt:now()
  if left <= 0 then return nil, errors.new("WaitError.TimedOut", { message = "timed out" }) end
  return run.gl.pipelines:wait(state.project, state.pipeline_id, {
    timeout = left, on_manual = on_manual, appear = freshness.WINDOW, full = true,
    on_change = function(pipeline)
      if state.status == "running" or state.status == "blocked" then
        run:change(state, { pipeline_status = pipeline.status, web_url = pipeline.web_url })
      end
    end,
  })
end

local verdicts = {}

function verdicts.success(run, state, pipeline)
  return { status = "success", outputs = outputs.of_pipeline(run, state, pipeline, true) }
end

function verdicts.failed(run, state, pipeline)
  local failure = outputs.failure(run, state, pipeline)
  return { status = "failed", outputs = outputs.of_pipeline(run, state, pipeline), failure = failure,
    again = true, reason = failure and ("job '%s' failed%s"):format(failure.job,
      failure.reason and " (" .. failure.reason .. ")" or "") or "its pipeline failed" }
end

function verdicts.canceled(run, state, pipeline)
  return { status = "canceled", outputs = outputs.of_pipeline(run, state, pipeline),
    reason = state.stopping and (run.cancel_reason or run.stop_reason)
      or "its pipeline was canceled" }
end

function verdicts.skipped(run, state, pipeline)
  return { status = "skipped", because = "failure", reason = "GitLab skipped the pipeline",
    outputs = outputs.of_pipeline(run, state, pipeline) }
end

function verdicts.stuck(run, state, pipeline)
  return { status = "failed", timed_out = true, reason = "its pipeline is stuck",
    outputs = outputs.of_pipeline(run, state, pipeline) }
end

-- Cancels what we made and nobody will wait for any more. Its own failure changes nothing.
function M.cancel(run, state)
  run:record(state, "cancelling")
  return run.gl.pipelines:cancel(state.project, state.pipeline_id)
end

-- Waits for the pipeline's verdict; a manual job holds the step until somebody plays it.
function M.await(run, state, ours)
  local on_manual = state.step.options.on_manual or "block"
  while true do
    local pipeline, verdict = wait_once(run, state, on_manual)
    state.jobs = nil
    if not pipeline then
      local err = verdict
      if not err:is "WaitError.TimedOut" then return common.of_error(run, err) end
      if ours then M.cancel(run, state) end
      return common.timed_out(run, state)
    end
    state.pipeline_status, state.web_url = pipeline.status, pipeline.web_url
    state.seen_at = run.rt:now()
    if verdict ~= "blocked" then
      run:record(state, "ended")
      return verdicts[verdict](run, state, pipeline)
    end
    if reached(run, state, pipeline) then
      run:record(state, "ended")
      return verdicts.success(run, state, pipeline)
    end
    run:block(state, "waits for the manual job " .. manual_names(run, state, pipeline))
    on_manual = "ignore"
  end
end

local function create(run, state, request, adopt)
  local options = { timeout = state.deadline - run.rt:now() }
  -- Canceled in doubt, it is settled first and not sent again; left, it is left in doubt.
  function options.given_up()
    return run.abandoned and "leave" or state.stopping and "cancel" or nil
  end
  if run.journal then
    options.journal = run.journal.store
  else
    -- Nobody could go on with this run: its keys need to outlive nothing.
    local err
    if not run.keys then run.keys, err = journals.open ":memory:" end
    if not run.keys then return nil, err end
    options.journal = run.keys
  end
  local fields = { ref = request.ref, variables = common.guarded(run, request.variables),
    inputs = common.guarded(run, request.inputs), once = ("%s/%s/%d"):format(run.id, state.path, state.attempt),
    adopt = adopt, send_again = state.send_again }
  -- A decision holds for one doubt.
  state.send_again = nil
  if request.trigger then fields.token = run.named_secret(request.trigger) end
  -- A CI job token makes pipelines at the trigger endpoint, where it is the token itself.
  if request.trigger or run.job_token then
    return run.gl.triggers:run(request.project, fields, options)
  end
  return run.gl.pipelines:create(request.project, fields, options)
end

--- A person has decided which pipeline is that of a step in doubt.
---@param run table
---@param fields table the step as the journal knows it: path, attempt, request, deadline
---@param id integer
---@return table|nil pipeline
---@return table|nil err PipelineError.KeyReused when it is another key's, AccessError.PipelineNotFound
function M.adopt(run, fields, id) return create(run, fields, fields.request, id) end

local function attempt(run, state)
  if not state.pipeline_id then
    local request = state.request or request_of(run, state)
    state.request, state.project = request, request.project
    run:record(state, "intent", { request = request })
    local pipeline, err = create(run, state, request)
    if not pipeline and err:is "TaskError.Cancelled" and err.pipeline_id then
      -- Found in doubt, and canceled: GitLab says when that is so.
      state.pipeline_id = err.pipeline_id
      run:record(state, "cancelling")
      return M.await(run, state, true)
    end
    if not pipeline then return common.not_made(run, state, err) end
    state.pipeline_id = pipeline.id
    run:record(state, "known")
    run:change(state, { pipeline_status = pipeline.status, web_url = pipeline.web_url })
    if state.stopping then M.cancel(run, state) end
  elseif state.phase == "cancelling" or state.stopping then
    M.cancel(run, state) -- a crash came between the intent to cancel and its response
  end
  return M.await(run, state, true)
end

function M.perform(run, state)
  local result
  state.attempt = math.max(state.attempt, 1)
  while true do
    result = attempt(run, state)
    if not result.again or state.attempt > state.step.retry or state.stopping
      or run.rt:now() >= state.deadline then
      return result
    end
    run:change(state, { attempt = state.attempt + 1, message = result.reason })
    state.pipeline_id, state.request, state.pipeline_status = nil, nil, nil
  end
end

return M
