--- gl.artifacts: the archives of jobs and the files in them.
--
-- `target` says where the bytes go: a file's name (it appears under that name when it is whole), a
-- function that is fed chunks (it stops the transfer by returning nil and a message), or nothing:
-- then they come back as a string, bounded by `max_bytes`.

local operations = require "gitlab_pipelines.operations"
local resource = require "gitlab_pipelines.api.resource"

local artifacts = operations.artifacts
local Artifacts = resource.class()

local function check_target(operation, target)
  local kind = type(target)
  if target == nil or kind == "function" or kind == "string" and target ~= "" then return end
  resource.blame(("%s: 'target' must be a file's name or a function, not %s"):format(
    operation.name, kind == "string" and "an empty string" or kind))
end

-- To a file: under another name until it is whole.
local function fetch_file(self, operation, project, params, target, steering)
  local part = ("%s.part-%08x"):format(target,
    math.floor((self.client.runtime and self.client.runtime:random() or math.random()) * 0xffffffff))
  steering.sink = { file = part }
  local result, response = resource.fetch(self, operation, project, params, steering)
  if result == nil then
    os.remove(part)
    return nil, response
  end
  local ok, message = os.rename(part, target)
  if not ok then
    os.remove(part)
    resource.blame(("%s: the file can not be put in its place: %s"):format(operation.name, message))
  end
  return { file = target, bytes = response.bytes, verified = "length" }
end

local function fetch(self, operation, project, params, target, steering)
  check_target(operation, target)
  if type(target) == "string" then
    return fetch_file(self, operation, project, params, target, steering)
  end
  steering.sink = target
  return resource.send(self, operation, project, params, steering)
end

--- The archive of a job.
---@param project integer|string
---@param job_id integer
---@param target string|function|nil
---@param opts table|nil timeout, retry, priority
---@return string|table|nil bytes the archive; {file, bytes, verified} with a file as target
---@return table|nil err
function Artifacts:download(project, job_id, target, opts)
  return fetch(self, artifacts.download, project, { job_id = job_id }, target,
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
  return fetch(self, artifacts.file, project, { job_id = job_id, path = path }, target,
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
  return fetch(self, artifacts.latest, project, params, target, steering)
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
