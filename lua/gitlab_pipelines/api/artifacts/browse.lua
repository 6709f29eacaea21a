--- What is in a job's archive, without fetching it: from GitLab's tree of it where the server has
--- one, else from the archive's own directory by two ranges, else from the archive itself.

local operations = require "gitlab_pipelines.operations"
local paging = require "gitlab_pipelines.api.paging"
local resource = require "gitlab_pipelines.api.resource"
local resume = require "gitlab_pipelines.api.artifacts.resume"

local artifacts = operations.artifacts

local M = {}

-- Most archives' directories begin in their last 64 KiB.
local TAIL = 65536

--- The options of `browse`, besides those of a call.
M.options = { recursive = { type = "boolean" } }

-- What the tree says when it knows the job and its archive: no other way would find more.
local final = { "Artifacts Not Found", "Path Not Found", "Project Not Found", "404 Not found" }

--- What an error of the tree means: "final", "absent" (the server has no such route), or "unsure" (it
--- may not have it).
---@param err table
---@return string
function M.read_refusal(err)
  if err.missing_route or err:is "ServerError.InvalidResponse" then return "absent" end
  if err.status ~= 404 then return "final" end
  for _, words in ipairs(final) do
    if err.message:find(words, 1, true) then return "final" end
  end
  -- The archive is there, and nothing that says what is in it.
  if err.message:find("metadata Not Found", 1, true) then return "no metadata" end
  return "unsure"
end

local function fail(group, project, job_id, kind, message)
  return resource.failure(group, artifacts.tree.name, ("%s %s"):format(tostring(project), tostring(job_id)),
    kind, message)
end

-- What store.archive says about an archive that it does not open.
local function refused(group, kind, message)
  return resource.failure(group, artifacts.download.name, nil,
    require("gitlab_pipelines.api.artifacts.archive").error_kind(kind), message)
end

local function is_listing(rows)
  for _, row in ipairs(rows) do
    if type(row) ~= "table" or type(row.path) ~= "string" or type(row.type) ~= "string" then
      return false
    end
  end
  return true
end

-- Rows of the tree, or nil, an error and what it means.
local function by_tree(group, project, job_id, folder, opts)
  local filters = { recursive = opts.recursive or nil, path = folder ~= "" and folder or nil }
  local rows, err = paging.list(group, artifacts.tree, project, filters,
    { timeout = opts.timeout, retry = opts.retry, priority = opts.priority },
    { job_id = job_id })
  if not rows then return nil, err, M.read_refusal(err) end
  if not is_listing(rows) then return nil, nil, "absent" end
  -- An empty archive, or an answer that was no list at all.
  if #rows == 0 then return nil, nil, "unsure" end
  table.sort(rows, function(a, b) return a.path < b.path end)
  return rows
end

-- Ranges ---------------------------------------------------------------------------------------

-- Reads one range, `wanted` {range, etag, most}, into memory: {bytes, first, last, total, etag}; false
-- when the server sends no ranges or more than was asked for; nil and an error.
local function read_range(group, project, job_id, wanted, opts)
  local args, err = resource.prepare(group, artifacts.download, project, { job_id = job_id })
  if not args then return nil, err end
  args.headers = resume.range(wanted.range, wanted.etag)
  local pieces, size, answer, useless = {}, 0, nil, false
  local result
  result, err = group.client:page(artifacts.download, args, {
    deadline = opts.deadline, retry = opts.retry, priority = opts.priority,
    sink = function(chunk, status, headers)
      if not answer then
        local first, last, total = resume.content_range(headers:header "Content-Range")
        answer = { first = first, last = last, total = total,
          etag = resume.strong(headers:header "ETag") }
        useless = status ~= 206 or not first
      end
      size = size + #chunk
      if useless or size > wanted.most then
        useless = true
        return nil, "the server sends no ranges"
      end
      pieces[#pieces + 1] = chunk
      return true
    end,
  })
  if useless or err and err.status == 416 then return false end
  if result == nil then return nil, err end
  if not answer or size ~= answer.last - answer.first + 1 then return false end
  answer.bytes = table.concat(pieces)
  return answer
end

-- The archive's directory from its end, and, where it begins before that, from the rest of it.
local function open_directory(group, project, job_id, opts)
  local store = require("gitlab_pipelines.store").archive
  local most = group.client.settings.max_bytes
  local tail, err = read_range(group, project, job_id, { range = ("-%d"):format(TAIL), most = TAIL }, opts)
  if not tail then return tail, err end
  if tail.last ~= tail.total - 1 then return false end
  local bytes, total = tail.bytes, tail.total
  local offset, size = store.locate(bytes, total)
  if not offset then return false end
  if size > store.directory_most() then
    return refused(group, "unsafe", "the archive's directory is too large")
  end
  if offset < tail.first then
    if total - offset > most then return false end
    -- Without a strong ETag two answers may be of two archives: then one answer has all of it.
    local last = tail.etag and tail.first - 1 or total - 1
    local rest
    rest, err = read_range(group, project, job_id, { range = ("%d-%d"):format(offset, last),
      etag = tail.etag, most = last - offset + 1 }, opts)
    if not rest then return rest, err end
    if rest.first ~= offset or rest.last ~= last or rest.total ~= total
      or tail.etag and rest.etag ~= tail.etag then
      return false
    end
    bytes = tail.etag and rest.bytes .. bytes or rest.bytes
    local again, again_size = store.locate(bytes, total)
    if again ~= offset or again_size ~= size then return false end
  end
  local archive, kind, message = store.open_tail(bytes, total)
  if archive then return archive end
  return refused(group, kind, message)
end

-- The archive itself, in a temporary file that is gone when it is read.
local function open_download(group, project, job_id, opts)
  local path = os.tmpname()
  local saved, err = require("gitlab_pipelines.api.artifacts.download").fetch(group, artifacts.download, project,
    { job_id = job_id }, path, { deadline = opts.deadline, retry = opts.retry,
      priority = opts.priority, verify = "none", private = true })
  local archive, kind, message
  if saved then archive, kind, message = require("gitlab_pipelines.store").archive.open(path) end
  os.remove(path)
  if archive then return archive end
  if err then return nil, err end
  return refused(group, kind, message)
end

--- See Artifacts:browse in api/artifacts.lua.
function M.browse(group, project, job_id, path, opts)
  local given = resource.options("artifacts.browse", M.options, opts)
  if path ~= nil and type(path) ~= "string" then
    resource.blame("artifacts.browse: 'path' must be a string, not " .. type(path))
  end
  local folder = (path or ""):gsub("/+$", "")
  local memory, runtime = group.gl.memory, group.client.runtime
  given.deadline = resource.deadline(group, given)
  local meaning
  if not memory.no_artifacts_tree then
    local rows, err
    rows, err, meaning = by_tree(group, project, job_id, folder, given)
    if rows or meaning == "final" then return rows, err end
    memory.no_artifacts_tree = meaning == "absent" or nil
  end
  local archive, err = open_directory(group, project, job_id, given)
  if archive == false then archive, err = open_download(group, project, job_id, given) end
  if not archive then return nil, err end
  local archives = require "gitlab_pipelines.api.artifacts.archive"
  local rows, kind, message = archives.rows(archive, folder, given.recursive, runtime, given.deadline)
  archive:close()
  if kind then return fail(group, project, job_id, archives.error_kind(kind), message) end
  -- The archive is there and holds something, so what was missing was the route.
  if meaning == "unsure" and rows and rows[1] then memory.no_artifacts_tree = true end
  if rows then return rows end
  return fail(group, project, job_id, "AccessError.ArtifactNotFound", "404 Path Not Found")
end

return M
