--- gl.artifacts: the archives of jobs and the files in them.
--
-- `target` says where the bytes go: a file's name (it appears under that name when it is whole and
-- verified), a function that is fed chunks (it stops the transfer by returning nil and a message),
-- or nothing: then they come back as a string, bounded by `max_bytes`.
--
-- What breaks off is gone on with, within a call and, for files, in a later one: FILE.part and
-- FILE.part.etag are kept for it. Only with the same strong ETag and a 206 of exactly the range
-- asked for; otherwise from the beginning.

local browse = require "gitlab_pipelines.api.artifacts.browse"
local download = require "gitlab_pipelines.api.artifacts.download"
local extract = require "gitlab_pipelines.api.artifacts.extract"
local methods = require "gitlab_pipelines.api.methods"
local operations = require "gitlab_pipelines.operations"
local resource = require "gitlab_pipelines.api.resource"
local targets = require "gitlab_pipelines.api.target"

local artifacts = operations.artifacts
local Artifacts = methods.class "artifacts"

--- The archive of a job.
---@param project integer|string
---@param job_id integer
---@param target string|function|nil
---@param opts table|nil on_progress(done, total or nil), verify ("length"; "crc" reads the whole
--- archive once more; "none"), resume (false: keep no partial file and go on with none), and timeout,
--- retry, priority
---@return string|table|nil bytes the archive; with a target {file, bytes, verified = "length"|"crc"|
--- "none", etag (nil: none that is strong), resumed (how often it was gone on with)}
---@return table|nil err ArtifactNotFound, DamagedArchive, ChangedArchive
function Artifacts:download(project, job_id, target, opts)
  local given = resource.options(artifacts.download.name, download.options, opts)
  given.archive = true
  return download.fetch(self, artifacts.download, project, { job_id = job_id }, target, given)
end

--- One file of a job's archive.
---@param project integer|string
---@param job_id integer
---@param path string within the archive
---@param target string|function|nil
---@param opts table|nil as for `download`
---@return string|table|nil bytes, table|nil err
function Artifacts:file(project, job_id, path, target, opts)
  return download.fetch(self, artifacts.file, project, { job_id = job_id, path = path }, target,
    resource.options(artifacts.file.name, download.options, opts))
end

--- The archive that a job by that name left in the newest successful pipeline of a ref. For a
--- target the job is found first, so that what breaks off can be gone on with.
---@param project integer|string
---@param ref string branch or tag
---@param job_name string
---@param target string|function|nil
---@param opts table|nil search_recent_successful_pipelines, and those of `download`
---@return string|table|nil bytes as for `download`, and `job_id` where it was found
---@return table|nil err
function Artifacts:latest(project, ref, job_name, target, opts)
  local params, given = resource.split(artifacts.latest, opts, download.options)
  local search = params.search_recent_successful_pipelines
  params.ref, params.job_name = ref, job_name
  targets.check(artifacts.latest, target)
  local args, err = resource.prepare(self, artifacts.latest, project, params, download.options)
  if not args then return nil, err end
  given.archive = true
  local id
  if target ~= nil then
    local runtime = self.client.runtime
    given.deadline, given.timeout = resource.deadline(self, given), nil
    id = require("gitlab_pipelines.api.artifacts.latest").job_id(self.gl, project, ref, job_name, search,
      { timeout = given.deadline and given.deadline - runtime:now(), retry = given.retry })
  end
  if not id then
    given.from_start = true
    given.private = true
    return download.fetch(self, artifacts.latest, project, params, target, given)
  end
  local result
  result, err = download.fetch(self, artifacts.download, project, { job_id = id }, target, given)
  if result then result.job_id = id end
  return result, err
end

--- What is in a job's archive, without fetching it: by GitLab's tree of it (18.8 and later), else by
--- reading the archive's directory alone.
---@param project integer|string
---@param job_id integer
---@param path string|nil a folder; default: the root
---@param opts table|nil recursive (also what its folders hold), timeout, retry, priority
---@return table[]|nil rows sorted by path, each {name, path, type = "file"|"directory", size, mode}; a
--- folder's path ends in "/" and has no size
---@return table|nil err ArtifactNotFound
function Artifacts:browse(project, job_id, path, opts)
  return browse.browse(self, project, job_id, path, opts)
end

--- Fetches a job's archive and unpacks it below a folder, which is made when it is missing. Nothing
--- leaves the folder and no link is made or followed; after a failure nothing is left behind.
---@param project integer|string
---@param job_id integer
---@param dir string
---@param opts table|nil max_bytes (of all files, default 16 GiB), max_entries (200000), max_ratio (size
--- by packed size of one entry, 200), paths (only these files and folders), on_progress, timeout, retry,
--- priority
---@return table|nil tally {folder, files, folders, bytes, downloaded}
---@return table|nil err UnsafeArchive, DamagedArchive, ArtifactNotFound
function Artifacts:extract(project, job_id, dir, opts)
  return extract.extract(self, project, job_id, dir, opts)
end

return Artifacts
