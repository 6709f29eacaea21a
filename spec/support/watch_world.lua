-- A GitLab in memory for the specs of waiting: pipelines with a history, replicas that lag, and a
-- count of what was asked. Everything in virtual time.
local errors = require "gitlab_pipelines.errors"
local time = require("gitlab_pipelines.core").time

local M = {}

local World = {}
World.__index = World

-- opts: lag(): seconds that a replica lags at this request; latency: seconds a request takes.
function M.new(rt, opts)
  opts = opts or {}
  local world = setmetatable({
    rt = rt, lag = opts.lag or function() return 0 end, latency = opts.latency or 0.05,
    projects = {}, requests = {}, log = {}, next_id = 100, faults = {},
  }, World)
  world.source = world:make_source()
  return world
end

local function not_found(kind, what)
  return errors.new("AccessError." .. kind, { message = "404 Not found", status = 404, subject = what })
end

function World:project(name)
  local project = self.projects[name]
  if not project then
    self.project_count = (self.project_count or 0) + 1
    project = { name = name, id = self.project_count, pipelines = {}, changes = {} }
    self.projects[name] = project
    self.projects[project.id] = project
  end
  return project
end

-- A pipeline that takes these statuses: {{seconds from now, status}, ...}.
function World:pipeline(project_name, history, fields)
  local project = self:project(project_name)
  self.next_id = self.next_id + 1
  local pipeline = { id = fields and fields.id or self.next_id, project = project, history = {},
    fields = fields or {}, jobs = {}, bridges = {} }
  project.pipelines[pipeline.id] = pipeline
  self:extend(pipeline, history)
  return pipeline
end

-- Goes on with more statuses; an entry may carry its own updated_at as a third value.
function World:extend(pipeline, history)
  local now = self.rt:now()
  for _, step in ipairs(history) do
    local change = { at = now + step[1], status = step[2], pipeline = pipeline,
      updated = step[3] and now + step[3] or now + step[1] }
    table.insert(pipeline.history, change)
    local changes = pipeline.project.changes
    local i = #changes
    while i > 0 and changes[i].at > change.at do i = i - 1 end
    table.insert(changes, i + 1, change)
  end
end

function World:delete(pipeline)
  pipeline.deleted_at = self.rt:now()
end

local function state_at(pipeline, at)
  if pipeline.deleted_at and at >= pipeline.deleted_at then return nil end
  local last
  for _, change in ipairs(pipeline.history) do
    if change.at > at then break end
    last = change
  end
  return last
end

local function short(pipeline, change)
  local row = { id = pipeline.id, project_id = pipeline.project.id, status = change.status,
    ref = "main", sha = pipeline.fields.sha or "abc", source = pipeline.fields.source or "api",
    updated_at = time.iso(change.updated), created_at = time.iso(pipeline.history[1].at),
    web_url = "https://gitlab.example.com/x/-/pipelines/" .. pipeline.id }
  return row
end

local function full(pipeline, change)
  local row = short(pipeline, change)
  row.started_at, row.duration, row.detailed_status = row.created_at, 5, { text = change.status }
  return row
end

-- Counts the request, lets its time pass, and gives the moment that the asked replica shows; or
-- nil and the error of a fault.
function World:asked(kind, project, id)
  self.requests[kind] = (self.requests[kind] or 0) + 1
  self.total = (self.total or 0) + 1
  table.insert(self.log, { at = self.rt:now(), kind = kind, project = project, id = id })
  if self.on_request then self.on_request(kind, project, id) end
  local ok = self.rt:pause(self.latency)
  if not ok then
    self.withdrawn = (self.withdrawn or 0) + 1
    return nil, errors.new("TaskError.Cancelled")
  end
  local fault = self.faults[kind]
  if fault then
    local err = fault(project, id)
    if err then return nil, err end
  end
  return self.rt:now() - self.lag()
end

function World:find(project_name, id, at)
  local project = self.projects[project_name]
  if not project then return nil, not_found("ProjectNotFound", project_name) end
  local pipeline = project.pipelines[id]
  local change = pipeline and state_at(pipeline, at)
  if not change then return nil, not_found("PipelineNotFound", project_name .. " " .. id) end
  return pipeline, change
end

-- The pipelines of a ref and commit, the newest first.
local function search(project, query, at)
  local rows = {}
  for _, pipeline in pairs(project.pipelines) do
    local change = state_at(pipeline, at)
    local row = change and short(pipeline, change)
    if row and row.ref == query.ref and row.sha == query.sha then rows[#rows + 1] = row end
  end
  table.sort(rows, function(a, b) return a.id > b.id end)
  return rows
end

local function list(world, project_name, query)
  local at, err = world:asked("list", project_name, query)
  if not at then return nil, err end
  local project = world:project(project_name)
  if query.ref then return search(project, query, at) end
  assert(query.order_by == "updated_at" and query.sort == "desc" and query.per_page == 100)
  local after = query.updated_after and time.parse(query.updated_after) or -math.huge
  local rows, seen, skip = {}, {}, ((query.page or 1) - 1) * 100
  for i = #project.changes, 1, -1 do
    local change = project.changes[i]
    if change.at < after then break end
    local pipeline = change.pipeline
    if change.at <= at and not seen[pipeline] then
      seen[pipeline] = true
      local child = pipeline.fields.source == "parent_pipeline"
      local fits = child == (query.source == "parent_pipeline")
        and not (pipeline.deleted_at and at >= pipeline.deleted_at)
      if fits then
        if skip > 0 then skip = skip - 1
        elseif #rows == 100 then return rows, (query.page or 1) + 1
        else rows[#rows + 1] = short(pipeline, change) end
      end
    end
  end
  return rows, nil
end

function World:make_source()
  local source = {}
  local world = self

  function source.list(project, query) return list(world, project, query) end

  function source.get(project, id, etag)
    local at, err = world:asked("get", project, id)
    if not at then return nil, err end
    local pipeline, change = world:find(project, id, at)
    if not pipeline then return nil, change end
    local row = full(pipeline, change)
    local new_etag = row.status .. row.updated_at
    if etag == new_etag then
      world.unchanged = (world.unchanged or 0) + 1
      return false
    end
    return row, new_etag
  end

  function source.jobs(project, id, filters)
    local at, err = world:asked("jobs", project, id)
    if not at then return nil, err end
    local pipeline, change = world:find(project, id, at)
    if not pipeline then return nil, change end
    local rows = {}
    for _, job in ipairs(pipeline.jobs) do
      for _, status in ipairs(filters and filters.scope or { job.status }) do
        if job.status == status then table.insert(rows, 1, job) end
      end
    end
    return rows
  end

  function source.bridges(project, id)
    local at, err = world:asked("bridges", project, id)
    if not at then return nil, err end
    local pipeline, change = world:find(project, id, at)
    if not pipeline then return nil, change end
    local rows = {}
    for _, bridge in ipairs(pipeline.bridges) do
      rows[#rows + 1] = type(bridge) == "function" and bridge(at) or bridge
    end
    return rows
  end

  function source.job(project, id, etag)
    local at, err = world:asked("job", project, id)
    if not at then return nil, err end
    local job = world.jobs and world.jobs[id]
    if not job then return nil, not_found("JobNotFound", id) end
    local row = job(at)
    if etag == row.status then return false end
    return row, row.status
  end

  function source.play(project, id)
    local at, err = world:asked("play", project, id)
    if not at then return nil, err end
    return world.on_play(project, id)
  end

  function source.cancel(project, id)
    local at, err = world:asked("cancel", project, id)
    if not at then return nil, err end
    local pipeline = world:project(project).pipelines[id]
    world:extend(pipeline, { { 0, "canceled" } })
    return full(pipeline, pipeline.history[#pipeline.history])
  end

  return source
end

return M
