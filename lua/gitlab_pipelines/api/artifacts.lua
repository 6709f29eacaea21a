--- gl.artifacts: the archives of jobs and the files in them.
--
-- `target` says where the bytes go: a file's name (it appears under that name when it is whole), a
-- function that is fed chunks (it stops the transfer by returning nil and a message), or nothing:
-- then they come back as a string, bounded by `max_bytes`.

local operations = require "gitlab_pipelines.operations"
local resource = require "gitlab_pipelines.api.resource"
local target_of = require "gitlab_pipelines.api.target"

local artifacts = operations.artifacts
local Artifacts = resource.class()

--- The archive of a job.
---@param project integer|string
---@param job_id integer
---@param target string|function|nil
---@param opts table|nil timeout, retry, priority
---@return string|table|nil bytes the archive; {file, bytes, verified} with a file as target
---@return table|nil err
function Artifacts:download(project, job_id, target, opts)
  return target_of.fetch(self, artifacts.download, project, { job_id = job_id }, target,
    resource.options(artifacts.download.name, nil, opts))
end

--- One file of a job's archive.
---@param project integer|string
---@param job_id integer
---@param path string within the archive
---@param target string|function|nil
---@param opts table|nil
---@return string|table|nil bytes, table|nil err
function Artifacts:file(project, job_id, path, target, opts)
  return target_of.fetch(self, artifacts.file, project, { job_id = job_id, path = path }, target,
    resource.options(artifacts.file.name, nil, opts))
end

--- The archive that a job by that name left in the newest successful pipeline of a ref.
---@param project integer|string
---@param ref string branch or tag
---@param job_name string
---@param target string|function|nil
---@param opts table|nil search_recent_successful_pipelines, and the usual
---@return string|table|nil bytes, table|nil err
function Artifacts:latest(project, ref, job_name, target, opts)
  local params, steering = resource.split(artifacts.latest, opts)
  params.ref, params.job_name = ref, job_name
  return target_of.fetch(self, artifacts.latest, project, params, target, steering)
end

--- Keeps the artifacts of a job beyond their expiry.
---@param project integer|string
---@param job_id integer
---@param opts table|nil
---@return table|nil job, table|nil err
Artifacts.keep = resource.method(artifacts.keep, "job_id")

--- Deletes the artifacts of a job.
---@param project integer|string
---@param job_id integer
---@param opts table|nil
---@return true|nil ok, table|nil err
Artifacts.delete = resource.method(artifacts.delete, "job_id")

return Artifacts
