--- How a step of each kind does its work.
--
-- `perform(run, state)` runs in the step's own task and returns what became of it:
-- {status = "success"|"failed"|"canceled"|"skipped", reason, outputs, failure, error, timed_out},
-- with `doubt` = true where it is not known whether GitLab made what was to be made.
-- It may also raise an error object, which is a failure.

local core = require "gitlab_pipelines.core"
local duration = require "gitlab_pipelines.duration"
local errors = require "gitlab_pipelines.errors"
local freshness = require "gitlab_pipelines.watch.freshness"
local journals = require "gitlab_pipelines.once.journal"
local load = require "gitlab_pipelines.flow.load"
local outputs = require "gitlab_pipelines.flow.outputs"
local reading = require "gitlab_pipelines.watch.reading"
local refs = require "gitlab_pipelines.flow.refs"

local M = {}

-- Seconds between two looks at a job, first and at most.
local LOOK_FIRST, LOOK_MOST = 1, 15

local performers = {}

local function failed(reason, err)
  return { status = "failed", reason = reason, error = err }
end

local function of_error(run, err, what)
  if err:is "TaskError.Cancelled" then
    return { status = "canceled", reason = run.cancel_reason or run.stop_reason
      or "it was canceled" }
  end
  local result = failed((what and what .. ": " or "") .. err.message, err)
  result.timed_out = err:is "WaitError.TimedOut" or nil
  return result
end

local function timed_out(run, state)
  return { status = "failed", timed_out = true,
    error = errors.new("WaitError.TimedOut", { message = "timed out" }),
    reason = ("not done after %s"):format(duration.text(run.rt:now() - state.started_at, "prose")) }
end

-- What is asked of GitLab -------------------------------------------------------------------------

local function variables_of(run, given)
  if not given then return nil end
  local texts = {}
  for _, name in ipairs(refs.sorted_keys(given)) do
    local value = run:resolve(given[name])
    if type(value) == "table" then
      error(errors.new("PipelineError.InvalidVariable",
        { message = ("variable %s is a table, not a text"):format(name) }), 0)
    end
    texts[name] = refs.text(value)
  end
  return texts
end

--- What is known of a project: asked once a run.
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
    message = ("the default branch of %s can not be read%s: give the step a ref"):format(project,
      err and " (" .. err.message .. ")" or "") }), 0)
end

local function request_of(run, state)
  local given = state.step.options
  local project = run:resolve(given.project)
  return {
    project = project,
    ref = given.ref and refs.text(run:resolve(given.ref)) or default_ref(run, project),
    variables = variables_of(run, given.variables),
    inputs = given.inputs and run:resolve(given.inputs) or nil,
    trigger = given.trigger_token and run.plan.refs:meaning(given.trigger_token).secret or nil,
  }
end

-- Waiting for a pipeline -------------------------------------------------------------------------

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
local function cancel_pipeline(run, state)
  run:record(state, "cancelling")
  return run.gl.pipelines:cancel(state.project, state.pipeline_id)
end

-- Waits for the pipeline's verdict; a manual job holds the step until somebody plays it.
local function await_pipeline(run, state, ours)
  local on_manual = state.step.options.on_manual or "block"
  while true do
    local pipeline, verdict = wait_once(run, state, on_manual)
    state.jobs = nil
    if not pipeline then
      local err = verdict
      if not err:is "WaitError.TimedOut" then return of_error(run, err) end
      if ours then cancel_pipeline(run, state) end
      return timed_out(run, state)
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

-- Steps -------------------------------------------------------------------------------------------

-- Variables and inputs as they are sent: a text that holds a secret input travels as a secret, so
-- that the client's logs, errors and journal know what not to show.
local function guarded(run, value)
  if type(value) == "string" then
    return run:holds_secret(value) and core.secret.new(value, { short = true }) or value
  end
  if type(value) ~= "table" or #run.secrets == 0 then return value end
  local sent = {}
  for key, one in pairs(value) do sent[key] = guarded(run, one) end
  return setmetatable(sent, getmetatable(value))
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
  local fields = { ref = request.ref, variables = guarded(run, request.variables),
    inputs = guarded(run, request.inputs), once = ("%s/%s/%d"):format(run.id, state.path, state.attempt),
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

-- GitLab has not made or played it, or it is not known whether it has: `doubt` in the result.
local function not_made(run, state, err)
  -- The key's own entry in the run's journal.
  if err:is "FlowError.JournalUnusable" then
    run:abandon(err)
    error(err, 0)
  end
  local doubt = err:is "PipelineError.UnknownOutcome" or nil
  run:record(state, err.unknown_outcome and "unknown" or "refused",
    { reason = doubt and run:redact(err.message) })
  local result = of_error(run, err)
  result.doubt = doubt
  return result
end

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
      return await_pipeline(run, state, true)
    end
    if not pipeline then return not_made(run, state, err) end
    state.pipeline_id = pipeline.id
    run:record(state, "known")
    run:change(state, { pipeline_status = pipeline.status, web_url = pipeline.web_url })
    if state.stopping then cancel_pipeline(run, state) end
  elseif state.phase == "cancelling" or state.stopping then
    cancel_pipeline(run, state) -- a crash came between the intent to cancel and its answer
  end
  return await_pipeline(run, state, true)
end

function performers.pipeline(run, state)
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

-- Sleeps before another look, the last of which is at the deadline; false when that has been.
local function look_again(run, state, pause)
  local left = state.deadline - run.rt:now()
  if left <= 0 then return false end
  run.rt:sleep(math.min(pause, left))
  return true
end

-- The newest pipeline of a ref and commit, once there is one.
local function find_pipeline(run, state, ref, sha)
  local pause = LOOK_FIRST
  while true do
    local list, err = run.gl.pipelines:list(state.project, { ref = ref, sha = sha, limit = 1 })
    if not list then return nil, err end
    if list[1] then return list[1].id end
    if not look_again(run, state, pause) then return nil, nil end
    pause = math.min(pause * 1.5, LOOK_MOST)
  end
end

function performers.wait_for(run, state)
  local given = state.step.options
  state.project = run:resolve(given.project)
  if not state.pipeline_id then
    local id, err
    if given.id then
      id = tonumber(run:resolve(given.id))
    else
      id, err = find_pipeline(run, state, refs.text(run:resolve(given.ref)),
        refs.text(run:resolve(given.sha)))
    end
    if not id then
      if err then return of_error(run, err) end
      return timed_out(run, state)
    end
    state.pipeline_id = id
    run:record(state, "known")
    run:change(state, {})
  end
  return await_pipeline(run, state, false)
end

-- The state of the pipeline that a `play` step plays a job of.
local function played_state(run, step)
  local target = run.states[step.target.name]
  if step.target_key then
    target = target.item_by_key and target.item_by_key[step.target_key]
  end
  return target
end

local ended_jobs = { success = true, failed = true, canceled = true, skipped = true }

local function ended_badly(job) return ended_jobs[job.status] and job.status ~= "success" end

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

-- Reads the job once; when its number is known, by that. Nil while a replica does not show it, or
-- shows it as it was.
local function read_job(run, state, name)
  local job, fits, err
  if state.job_id then
    job, fits = run.gl.jobs:get(state.project, state.job_id)
    if job then fits = freshness.compare_jobs(state.job, job) ~= "older" end
  else
    job, fits = newest_named(run, state, name)
  end
  if not job then fits, err = nil, fits end
  if err and not reading.is_missing(err) then return nil, err end
  local decision = freshness.judge(state.seen, run.rt:now(), job, fits)
  if decision == "gone" and state.job_id then
    return nil, errors.new("WaitError.Deleted", { cause = err,
      message = ("job '%s' was deleted while it was awaited"):format(name) })
  elseif decision == "gone" then
    return nil, errors.new("AccessError.JobNotFound", { cause = err,
      message = ("there is no job '%s' in the pipeline"):format(name) })
  end
  if decision == "not yet" or state.job_id and not fits then return nil end
  state.job_id, state.job = job.id, job
  return job
end

-- Reads the job until `done` says so; the interval grows while nothing changes.
local function follow_job(run, state, name, done)
  local pause, before = LOOK_FIRST, nil
  while true do
    local job, err = read_job(run, state, name)
    if err then return nil, err end
    if job and done(job) then return job end
    if job and job.status ~= before then
      before, pause = job.status, LOOK_FIRST
      run:change(state, { pipeline_status = job.status, web_url = job.web_url })
    end
    if not look_again(run, state, pause) then
      return nil, errors.new("WaitError.TimedOut", { message = state.job and "timed out"
        or ("there is no job '%s' in the pipeline"):format(name) })
    end
    pause = math.min(pause * 1.5, LOOK_MOST)
  end
end

-- Jobs that a play may still have to wait for: they become manual when their stage comes.
local early = { created = true, preparing = true, waiting_for_resource = true, scheduled = true }

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
  freshness.expect(state.seen, run.rt:now())
  local job, failure = follow_job(run, state, state.step.options.job, function(job)
    return job.status ~= "manual"
      or freshness.judge(state.seen, run.rt:now(), job, false) == "value"
  end)
  if job and job.status ~= "manual" then return job end
  run:record(state, "refused")
  return nil, failure or err
end

-- The job that was played, or nil and what became of the step.
local function play_job(run, state)
  local given = state.step.options
  local job, err = follow_job(run, state, given.job, function(job) return not early[job.status] end)
  if job and job.status ~= "manual" then
    job, err = already_played(state, job)
    if job then return job end
  end
  if not job then return nil, of_error(run, err) end
  local request = state.request or { variables = variables_of(run, given.variables),
    inputs = given.inputs and run:resolve(given.inputs) or nil }
  state.request = request
  run:record(state, "intent", { request = request })
  local answer
  answer, err = run.gl.jobs:play(state.project, job.id,
    { variables = guarded(run, request.variables), inputs = guarded(run, request.inputs) })
  if not answer and err:is "JobError.JobNotPlayable" then
    job, err = refused(run, state, err)
    if job then return job end
    return nil, of_error(run, err)
  end
  if not answer then return nil, not_made(run, state, err) end
  state.job_id, state.job = answer.id or job.id, answer
  freshness.expect(state.seen, run.rt:now())
  run:record(state, "known")
  return answer
end

function performers.play(run, state)
  local target = played_state(run, state.step)
  if not target or not target.pipeline_id then
    return failed(("%s has no pipeline"):format(state.step.target.name))
  end
  state.attempt = 1
  state.project, state.pipeline_id = target.project, target.pipeline_id
  -- That the pipeline is there, in that status, implies the job.
  state.target, state.seen = { status = target.pipeline_status }, freshness.seen(run.rt:now())
  local name = state.step.options.job
  if not played[state.phase] then
    local job, result = play_job(run, state)
    if not job then return result end
    state.job_id = job.id
  end
  if state.stopping or state.phase == "cancelling" then M.cancels.play(run, state) end
  local job, err = follow_job(run, state, name, function(job) return ended_jobs[job.status] end)
  if not job then return of_error(run, err) end
  run:record(state, "ended")
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

function performers.approval(run, state)
  local message = state.step.options.message
  message = message and refs.text(run:resolve(message)) or ("approve %s?"):format(state.path)
  state.approval = run.rt:waiter()
  run:record(state, "known")
  -- Given before this process took the run up: nobody is to be told that it waits.
  local answer, by = run:left_answer(state.path)
  if not answer then
    run:block(state, message)
    answer, by = state.approval:wait(state.deadline)
  end
  state.approval = nil
  run:unblock(state)
  if answer == "approved" then
    return { status = "success", outputs = { approved_by = by, message = message } }
  end
  if answer == "rejected" then
    return failed(by and "refused by " .. by or "refused")
  end
  if by == "cancelled" then return { status = "canceled", reason = run.cancel_reason } end
  return timed_out(run, state)
end

local function call_once(run, state)
  local argument = { key = ("%s/%s"):format(run.id, state.path), attempt = state.attempt,
    name = state.path }
  run:record(state, "intent")
  local task = run.rt:spawn(function()
    local ok, value, err = load.call(run.plan, state.step.options.run, run.script_steps, run.gl,
      argument, run.output)
    if not ok then return { raised = value, spent = err } end
    return { value = value, err = err }
  end)
  local result, err = task:join(math.max(0, state.deadline - run.rt:now()))
  if not result then
    task:cancel()
    return of_error(run, err)
  end
  if result.raised ~= nil then
    local raised = result.raised
    if raised:is "TaskError.Cancelled" then return of_error(run, raised) end
    -- A spent budget would be spent again.
    return { status = "failed", reason = raised.message, error = raised, again = not result.spent }
  end
  if result.value == nil and result.err ~= nil then
    local text = errors.is_error(result.err) and result.err.message or tostring(result.err)
    return { status = "failed", reason = text, again = true }
  end
  return { status = "success",
    outputs = type(result.value) == "table" and result.value or { value = result.value } }
end

function performers.call(run, state)
  while true do
    state.attempt = state.attempt + 1
    local result = call_once(run, state)
    if not result.again or state.attempt > state.step.retry or state.stopping
      or run.rt:now() >= state.deadline then
      return result
    end
    run:change(state, { message = result.reason })
  end
end

-- Fan-out -----------------------------------------------------------------------------------------

-- What an `each` goes over when that is known only now: a list or map, or text: words with blanks
-- or commas between them, or JSON.
local function list_of(value)
  if type(value) == "table" then return value end
  local text = refs.text(value)
  if text:find "^%s*[%[{]" then
    local list, message = require("gitlab_pipelines.json").decode(text)
    if type(list) ~= "table" then
      error(errors.new("FlowError.StepFailed",
        { message = "over is neither a list nor JSON: " .. tostring(message) }), 0)
    end
    return list
  end
  local list = {}
  for word in text:gmatch "[^%s,]+" do list[#list + 1] = word end
  return list
end

local function items_of(run, state)
  if state.items then return end
  local step = state.step
  local items = step.items
  if not items then
    local over = state.over or list_of(run:resolve(step.options.over))
    state.over = over
    local err
    items, err = load.items(run.plan, step, over)
    if not items then error(err, 0) end
    run:check_item_needs(step, items)
  end
  run:record(state, "intent", { over = state.over })
  run:add_items(state, items)
end

-- So many tasks take the items in order; a step that may not run is settled on the way.
local function run_items(run, state)
  local at, tasks = 0, {}
  local function worker()
    while at < #state.items do
      at = at + 1
      local item = state.items[at]
      if item.status == "planned" and (item.resumed or run:decide(item)) then
        item.task = run.rt:current()
        run:unit(item)
        if run.abandoned then return end
      end
    end
  end
  for i = 1, math.min(state.step.options.limit or #state.items, #state.items) do
    tasks[i] = run.rt:spawn(worker)
  end
  for _, task in ipairs(tasks) do task:join() end
end

function performers.each(run, state)
  items_of(run, state)
  run_items(run, state)
  local counts, first = { success = 0, failed = 0, canceled = 0, skipped = 0 }, nil
  for _, item in ipairs(state.items) do
    local status = item.status
    if item.in_doubt then
      return { doubt = true, error = item.in_doubt, reason = item.path .. " is in doubt" }
    end
    if status == "failed" and item.allow_failure then status = "success" end
    counts[status] = (counts[status] or 0) + 1
    if status == "failed" and not first then first = item end
  end
  local result = { outputs = { count = #state.items }, status = "success" }
  if counts.failed > 0 then
    result.status = "failed"
    result.error, result.timed_out = first.error, first.timed_out
    result.reason = ("%d of %d failed"):format(counts.failed, #state.items)
  elseif counts.canceled > 0 then
    result.status, result.reason = "canceled", ("%d of %d were canceled"):format(counts.canceled,
      #state.items)
  elseif counts.skipped > 0 and counts.success == 0 then
    result.status, result.because = "skipped", state.items[1].because
    result.reason = "every item was skipped"
  elseif counts.skipped > 0 and state.items[1] then
    for _, item in ipairs(state.items) do
      if item.status == "skipped" and item.because == "failure" then
        result.status, result.because, result.reason = "skipped", "failure", item.reason
      end
    end
  end
  result.outputs.status = result.status
  return result
end

--- Does the work of a step.
function M.perform(run, state)
  if run.rt:now() >= state.deadline then return timed_out(run, state) end
  return performers[state.kind](run, state)
end

--- How what runs is canceled at GitLab; what it waits for ends by itself then.
M.cancels = {
  pipeline = function(run, state)
    local ok, err = cancel_pipeline(run, state)
    if not ok then run:change(state, { message = "cancel: " .. err.message }) end
  end,
  play = function(run, state)
    if not state.job_id then return end
    run:record(state, "cancelling")
    local ok, err = run.gl.jobs:cancel(state.project, state.job_id)
    if not ok then run:change(state, { message = "cancel: " .. err.message }) end
  end,
}

--- Kinds whose task is simply ended.
M.interruptible = { wait_for = true, approval = true, call = true, play = true }

return M
