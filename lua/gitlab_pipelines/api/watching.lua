--- The eyes and hands of watch/: how a client's waits read GitLab and act on it.
--
-- watch/ knows no endpoint; it is given plain functions. What they read has the lowest priority,
-- and a body that did not change is not sent again (ETag).

local log_stream = require "gitlab_pipelines.api.log_stream"
local operations = require "gitlab_pipelines.operations"
local pages = require "gitlab_pipelines.client.pages"
local paging = require "gitlab_pipelines.api.paging"
local project_id = require "gitlab_pipelines.project_id"
local resource = require "gitlab_pipelines.api.resource"
local tree = require "gitlab_pipelines.api.tree"

local M = {}

local POLL = { priority = "poll" }

-- Only to be loaded when somebody waits, or made something that may be waited for.
local WATCH = "gitlab_pipelines.watch"

-- One object; false when it is still what `etag` stands for.
local function read(group, operation, project, params, etag)
  local args, err = resource.prepare(group, operation, project, params)
  if not args then return nil, err end
  if etag then args.headers = { { "If-None-Match", etag } } end
  local row, response = group.client:page(operation, args, POLL)
  if row == nil then return nil, response end
  if response.status == 304 then return false end
  return row, response:header "ETag"
end

-- The first page of a list, or with `query.page` the one after it that this is what the page before
-- gave; and what stands for the next.
local function page_of(group, operation, project, query)
  local walk = query.page
  if not walk then
    local params = {}
    for name, value in pairs(query) do params[name] = value end
    local args, err = resource.prepare(group, operation, project, params)
    if not args then return nil, err end
    walk = pages.walk(operation, args)
  end
  local rows, response = group.client:page(operation, walk.args, POLL)
  if rows == nil then return nil, response end
  local more, err = walk:after(rows, response)
  if err then return nil, err end
  return rows, more and walk or nil
end

--- What watch/ is given of a client.
---@param gl table
---@return table source functions `list get job jobs bridges play cancel`
function M.source(gl)
  local group = { gl = gl, client = gl.client }
  local source = {}

  function source.list(project, query)
    return page_of(group, operations.pipelines.list, project, query)
  end

  function source.get(project, id, etag)
    return read(group, operations.pipelines.get, project, { pipeline_id = id }, etag)
  end

  function source.job(project, id, etag)
    return read(group, operations.jobs.get, project, { job_id = id }, etag)
  end

  function source.jobs(project, id, filters)
    return paging.list(group, operations.jobs.list, project, filters, POLL,
      { pipeline_id = id })
  end

  function source.bridges(project, id)
    return tree.trigger_jobs(group, project, id, POLL)
  end

  function source.log(project, id, sink)
    return log_stream.read(group, project, id, POLL, sink)
  end

  function source.play(project, id) return gl.jobs:play(project, id) end

  function source.cancel(project, id) return gl.pipelines:cancel(project, id) end

  return source
end

--- The watcher of a client, made when first asked for.
---@param gl table
---@return table watcher
function M.of(gl)
  local watcher = rawget(gl, "watcher")
  if watcher then return watcher end
  watcher = require(WATCH).new(M.source(gl), gl.client.runtime, { log = gl.client.log })
  rawset(gl, "watcher", watcher)
  return watcher
end

--- Waits for something: the project is checked here, the rest by watch/.
---@param group table
---@param method string "wait" or "wait_job"
---@param where string the method's name for errors
---@return table|nil row, string|table verdict or error
function M.wait(group, method, where, project, id, opts)
  local checked, err = project_id.check(project, where)
  if not checked then return nil, err end
  resource.check_id(where, "id", id)
  local watcher = M.of(group.gl)
  return watcher[method](watcher, checked, id, opts)
end

--- Tells the watcher what an answer to one of our own writes showed, so that a lagging replica can
--- not take it back. Returns the answer.
---@param group table
---@param project integer|string
---@param kind string "pipeline" or "job"
---@param row table|nil
---@param err table|nil
function M.saw(group, project, kind, row, err)
  if type(row) ~= "table" or not row.id then return row, err end
  local checked = project_id.of(project)
  M.of(group.gl):record_write(checked, row, kind)
  return row, err
end

return M
