--- Which job's archive "the latest of a ref" is, so that it can be asked for by the job's number: an
--- address by ref leads to another archive from one moment to the next, and its ETag is stale.

local resource = require "gitlab_pipelines.api.resource"

local M = {}

-- With search_recent_successful_pipelines GitLab looks at a hundred; beyond these it is left to it.
local SEARCHED = 10

-- The newest of a pipeline's jobs by that name that has an archive.
local function job_of(gl, project, pipeline_id, job_name, rest)
  local jobs = gl.jobs:list(project, pipeline_id, { scope = "success" }, rest())
  local newest
  for _, job in ipairs(jobs or {}) do
    if job.name == job_name and job.artifacts_file and (not newest or job.id > newest.id) then
      newest = job
    end
  end
  return newest
end

-- The parent before its children.
local function job_below(gl, project, pipeline, job_name, rest)
  local job = job_of(gl, project, pipeline.id, job_name, rest)
  if job then return job end
  for _, child in ipairs(gl.pipelines:downstream(project, pipeline.id, rest()) or {}) do
    local row = child.downstream_pipeline or child
    if row.id and row.project_id == pipeline.project_id and row.status == "success" then
      job = job_of(gl, project, row.id, job_name, rest)
      if job then return job end
    end
  end
end

--- The id of the job, or nil where it cannot be told: then GitLab is to be asked by the ref.
---@param gl table
---@param project integer|string
---@param ref string
---@param job_name string
---@param search boolean|nil also in older successful pipelines
---@param opts table|nil of the calls
---@return integer|nil
---@return table|nil err when the pipelines could not be read
function M.job_id(gl, project, ref, job_name, search, opts)
  local rest = resource.within(gl, opts)
  local pipelines, err = gl.pipelines:list(project, { ref = ref, status = "success",
    limit = search and SEARCHED or 1 }, rest())
  for _, pipeline in ipairs(pipelines or {}) do
    local job = job_below(gl, project, pipeline, job_name, rest)
    if job then return job.id end
  end
  return nil, err
end

return M
