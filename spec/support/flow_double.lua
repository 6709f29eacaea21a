-- A client of a few lines, for specs of flows: pipelines that last as long as the world says, in
-- the virtual time of a runtime, and a record of what was asked.

local errors = require "gitlab_pipelines.errors"
local virtual = require "gitlab_pipelines.runtime.virtual"
local watch = require "gitlab_pipelines.watch"

local M = {}

-- world[project] = { duration = 1, status = "success", fail_times = 0, jobs = {...},
--   files = { ["build.env"] = "A=1" }, default_branch = "main", refuse = "Category.Kind" }
function M.new(world, opts)
  opts = opts or {}
  local rt = opts.runtime or virtual.new { seed = opts.seed or 1 }
  local gl = { runtime = rt, requests = {}, pipelines_by_id = {}, made = {} }
  local last_id, last_job = 100, 1000

  local function note(what, project, fields)
    local request = { what = what, project = project, at = rt:now() }
    for key, value in pairs(fields or {}) do request[key] = value end
    gl.requests[#gl.requests + 1] = request
    if opts.trace then opts.trace(request) end
    return request
  end

  local function of(project)
    local rule = world[project]
    if not rule then
      return nil, errors.new("AccessError.ProjectNotFound", { message = "404 Project Not Found" })
    end
    return rule
  end

  local function jobs_of(pipeline)
    return pipeline.jobs_now
  end

  local function final_status(pipeline)
    return pipeline.rule_status
  end

  local function refresh(pipeline)
    if pipeline.canceled then
      pipeline.status = "canceled"
    elseif rt:now() >= pipeline.ends_at then
      pipeline.status = final_status(pipeline)
      for _, job in ipairs(jobs_of(pipeline)) do
        if job.status == "running" then job.status = job.final end
        if job.ends_at and rt:now() >= job.ends_at then job.status = job.final end
      end
      if pipeline.status == "manual" then
        local waits
        for _, job in ipairs(jobs_of(pipeline)) do
          waits = waits or job.status == "manual" or job.status == "running"
        end
        if not waits then pipeline.status = "success" end
      end
    else
      pipeline.status = "running"
    end
    return pipeline
  end

  local function copy(pipeline)
    local shown = {}
    for key, value in pairs(pipeline) do
      if type(value) ~= "table" and type(value) ~= "function" then shown[key] = value end
    end
    return shown
  end

  local function make(project, fields, what)
    local rule, err = of(project)
    local request = note(what, project, fields)
    if opts.latency then rt:sleep(opts.latency) end
    if not rule then return nil, err end
    if rule.refuse then return nil, errors.new(rule.refuse, { message = "refused" }) end
    local id = fields.once and gl.made[fields.once]
    if id then return copy(refresh(gl.pipelines_by_id[id])) end
    last_id = last_id + 1
    rule.count = (rule.count or 0) + 1
    local status = rule.status or "success"
    if rule.fail_times then status = rule.count <= rule.fail_times and "failed" or "success" end
    if rule.status_of then status = rule.status_of(fields) end
    local pipeline = { id = last_id, iid = rule.count, project_id = 1, ref = fields.ref,
      sha = ("%040x"):format(last_id), status = "running", source = "api",
      web_url = "https://gitlab.test/" .. project .. "/-/pipelines/" .. last_id,
      project = project, ends_at = rt:now() + (type(rule.duration) == "function"
        and rule.duration(fields) or rule.duration or 1), rule_status = status, jobs_now = {},
      coverage = rule.coverage }
    for _, given in ipairs(rule.jobs or {}) do
      last_job = last_job + 1
      local job = { id = last_job, name = given.name, stage = given.stage or "test",
        status = given.manual and "manual" or "running",
        final = given.status or "success", duration = given.duration,
        allow_failure = given.allow_failure or false, failure_reason = given.failure_reason,
        log = given.log, web_url = "https://gitlab.test/jobs/" .. last_job,
        files = given.files, artifacts_file = given.files and { filename = "a.zip", size = 1 },
        pipeline = { id = last_id } }
      pipeline.jobs_now[#pipeline.jobs_now + 1] = job
    end
    gl.pipelines_by_id[last_id] = pipeline
    if fields.once then gl.made[fields.once] = last_id end
    request.id = last_id
    return copy(pipeline)
  end

  gl.projects = {}
  function gl.projects.get(_, project)
    note("project", project)
    local rule, err = of(project)
    if not rule then return nil, err end
    return { id = 1, path_with_namespace = project, default_branch = rule.default_branch or "main" }
  end

  gl.pipelines = {}
  function gl.pipelines.create(_, project, fields) return make(project, fields, "create") end
  gl.triggers = {}
  function gl.triggers.run(_, project, fields) return make(project, fields, "trigger") end

  function gl.pipelines.cancel(_, project, id)
    note("cancel", project, { id = id })
    local pipeline = refresh(gl.pipelines_by_id[id])
    if pipeline.status == "running" or pipeline.status == "manual" then pipeline.canceled = true end
    return copy(refresh(pipeline))
  end

  function gl.pipelines.list(_, project, filters)
    note("list", project, filters)
    local found = {}
    for id = last_id, 101, -1 do
      local pipeline = gl.pipelines_by_id[id]
      if pipeline and pipeline.project == project
        and (not filters.ref or pipeline.ref == filters.ref and pipeline.sha == filters.sha) then
        found[#found + 1] = copy(refresh(pipeline))
      end
    end
    return found
  end

  -- As the client's: until it is final or blocked.
  function gl.pipelines.wait(_, project, id, wait)
    note("wait", project, { id = id })
    local pipeline = gl.pipelines_by_id[id]
    if not pipeline then
      return nil, errors.new("AccessError.PipelineNotFound", { message = "404 Not found" })
    end
    local deadline, before = rt:now() + wait.timeout, nil
    while true do
      refresh(pipeline)
      if pipeline.status ~= before then
        if wait.on_change then wait.on_change(copy(pipeline), before) end
        before = pipeline.status
      end
      if pipeline.status == "manual" then
        if wait.on_manual ~= "ignore" then return copy(pipeline), "blocked" end
      elseif pipeline.status ~= "running" then
        return copy(pipeline), pipeline.status
      end
      if rt:now() + 0.5 > deadline then
        return nil, errors.new("WaitError.TimedOut", { message = "timed out" })
      end
      if not rt:pause(0.5) then
        return nil, errors.new("TaskError.Cancelled", { message = "cancelled" })
      end
    end
  end

  -- What a pipeline ends as beyond its jobs is a trigger job's doing.
  function gl.pipelines.trigger_jobs(_, project, id)
    note("trigger_jobs", project, { id = id })
    local status = refresh(gl.pipelines_by_id[id]).status
    return { { id = 1, name = "rest", status = status, allow_failure = false } }
  end

  gl.jobs = {}
  function gl.jobs.list(_, project, id)
    note("jobs", project, { id = id })
    local list = {}
    local jobs = jobs_of(refresh(gl.pipelines_by_id[id]))
    for i = #jobs, 1, -1 do
      local job = jobs[i]
      if job.ends_at and rt:now() >= job.ends_at then job.status = job.final end
      list[#list + 1] = { id = job.id, name = job.name, stage = job.stage, status = job.status,
        allow_failure = job.allow_failure, failure_reason = job.status == "failed"
        and job.failure_reason or nil, web_url = job.web_url, artifacts_file = job.artifacts_file }
    end
    return list
  end
  local function job_by_id(id)
    for _, pipeline in pairs(gl.pipelines_by_id) do
      for _, job in ipairs(pipeline.jobs_now) do
        if job.id == id then return job, pipeline end
      end
    end
  end
  function gl.jobs.get(_, project, id)
    note("job", project, { id = id })
    local job, pipeline = job_by_id(id)
    for _, shown in ipairs(gl.jobs:list(project, pipeline.id)) do
      if shown.id == id then return shown end
    end
    return job
  end
  function gl.jobs.play(_, project, id, fields)
    local job = job_by_id(id)
    note("play", project, { id = id, variables = fields.variables, name = job.name })
    if job.status ~= "manual" then
      return nil, errors.new("JobError.JobNotPlayable", { message = "400 Unplayable Job" })
    end
    job.status, job.ends_at = "running", rt:now() + (job.duration or 1)
    return { id = id, name = job.name, status = "pending" }
  end
  function gl.jobs.cancel(_, project, id)
    note("cancel_job", project, { id = id })
    local job = job_by_id(id)
    job.status, job.final = "canceled", "canceled"
    return { id = id, status = "canceled" }
  end
  function gl.jobs.log(_, project, id)
    note("log", project, { id = id })
    return job_by_id(id).log or ""
  end
  gl.artifacts = {}
  function gl.artifacts.file(_, project, id, path)
    note("artifact", project, { id = id, path = path })
    local text = job_by_id(id).files and job_by_id(id).files[path]
    if text then return text end
    return nil, errors.new("AccessError.ArtifactNotFound", { message = "404 Not Found" })
  end
  -- A folder of the archive: only names at its root are looked for.
  function gl.artifacts.browse(_, project, id, folder)
    note("browse", project, { id = id, path = folder })
    local rows = {}
    for name in pairs(job_by_id(id).files or {}) do
      rows[#rows + 1] = { type = name:find "/" and "directory" or "file", name = name:match "^[^/]+" }
    end
    if #rows > 0 then return rows end
    return nil, errors.new("AccessError.ArtifactNotFound", { message = "404 Artifacts Not Found" })
  end

  -- The client's own scheduler, over this double.
  gl.watcher = watch.new({
    list = function(project, query) return gl.pipelines:list(project, query) end,
    job = function(project, id) return gl.jobs:get(project, id) end,
  }, rt)
  function gl.jobs.wait(_, project, id, wait) return gl.watcher:wait_job(project, id, wait) end

  --- The requests of one sort, in order.
  function gl.asked(what)
    local list = {}
    for _, request in ipairs(gl.requests) do
      if request.what == what then list[#list + 1] = request end
    end
    return list
  end
  return gl, rt
end

return M
