--- Fetching a job's archive and unpacking it below a folder, within bounds.

local download = require "gitlab_pipelines.api.artifacts.download"
local operations = require "gitlab_pipelines.operations"
local project_id = require "gitlab_pipelines.project_id"
local resource = require "gitlab_pipelines.api.resource"
local targets = require "gitlab_pipelines.api.target"

local operation = operations.artifacts.download

local M = {}

local function positive(value)
  if value <= 0 then return "must be positive" end
end

--- The options of `extract`, besides those of a call.
M.options = {
  max_bytes = { type = "number", check = positive },
  max_entries = { type = "number", check = positive },
  max_ratio = { type = "number", check = positive },
  paths = { type = "table", check = function(list)
    for _, path in ipairs(list) do
      if type(path) ~= "string" or path == "" then return "must be a list of paths" end
    end
    if #list == 0 then return "must name at least one path" end
  end },
  on_progress = { type = "function" },
}

local function fail(group, project, job_id, kind, message)
  return resource.failure(group, "artifacts.extract", ("%s %s"):format(tostring(project), tostring(job_id)),
    kind, message)
end

-- Unpacks the archive in a file: the tally, or nil, the error's name and a message.
local function unpack_archive(runtime, path, dir, given, deadline)
  local archives = require "gitlab_pipelines.api.artifacts.archive"
  local usual = archives.bounds
  local bounds = {
    bytes = math.min(given.max_bytes or usual.bytes, 2 ^ 52), ratio = given.max_ratio or usual.ratio,
    entries = math.min(given.max_entries or usual.entries, 2 ^ 52),
  }
  local archive, kind, message = require("gitlab_pipelines.store").archive.open(path,
    math.max(bounds.entries, 1))
  if not archive then return nil, archives.error_kind(kind), message end
  local tally, missing, work
  if given.paths then bounds.wanted, missing = archives.wanted(archive, given.paths) end
  if missing then
    archive:close()
    return nil, "AccessError.ArtifactNotFound", ("there is no %s in the archive"):format(missing)
  end
  work, kind, message = archive:extract(dir, bounds)
  if work then tally, kind, message = archives.work_off(runtime, work, deadline) end
  archive:close()
  if tally then return tally end
  return nil, archives.error_kind(kind), message
end

--- See Artifacts:extract in api/artifacts.lua.
function M.extract(group, project, job_id, dir, opts)
  if type(dir) ~= "string" or dir == "" then
    resource.blame("artifacts.extract: 'dir' must be a folder's name, not "
      .. (dir == "" and "an empty string" or type(dir)))
  end
  local given = resource.options("artifacts.extract", M.options, opts)
  local checked, err = project_id.check(project, "artifacts.extract")
  if not checked then return nil, err end
  local made, _, message = require("gitlab_pipelines.store").part.folder(dir)
  if not made then
    return fail(group, project, job_id, "TaskError.Cancelled", ("cannot make %s: %s"):format(dir, message))
  end
  local runtime = group.client.runtime
  local deadline = resource.deadline(group, given)
  local path = targets.unique((dir:gsub("(.)/+$", "%1")) .. "/.gp-archive-", runtime)
  local called, saved, reason = pcall(download.fetch, group, operation, project, { job_id = job_id },
    path, { deadline = deadline, retry = given.retry, priority = given.priority,
      on_progress = given.on_progress, verify = "none", private = true })
  local tally, kind
  if called and saved then
    called, tally, kind, message = pcall(unpack_archive, runtime, path, dir, given, deadline)
    if not called then saved, tally = tally, nil end
  end
  os.remove(path)
  if tally then
    tally.folder, tally.downloaded = dir, saved.bytes
    return tally
  end
  -- Only those that are empty go.
  for i = #made, 1, -1 do os.remove(made[i]) end
  if not called then error(saved, 0) end
  if not saved then return nil, reason end
  return fail(group, project, job_id, kind, message)
end

return M
