--- What the API does with an archive that is on disk, and with the directory of one that is not.

local store = require("gitlab_pipelines.store").archive

local M = {}

-- What begins a zip archive: its first entry, or its end when it has none.
local FIRST, EMPTY = "PK\3\4", "PK\5\6"

local error_kinds = {
  damaged = "ArtifactError.DamagedArchive", unsafe = "ArtifactError.UnsafeArchive",
  missing = "AccessError.ArtifactNotFound", system = "TaskError.Cancelled",
  stopped = "TaskError.Cancelled",
}

--- The error's name for what store.archive says went wrong.
---@param kind string
---@return string
function M.error_kind(kind)
  return error_kinds[kind] or error_kinds.damaged
end

--- A file that begins as a zip archive must end as one; any other may be what it likes.
---@param path string
---@return boolean|nil ok, string|nil kind, string|nil message
function M.check_end(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, "system", message end
  local head = file:read(4)
  local total = file:seek "end"
  local ok = true
  if head == FIRST or head == EMPTY then
    file:seek("set", math.max(0, total - store.TAIL))
    ok = store.locate(file:read "*a", total) ~= nil
  end
  file:close()
  if ok then return true end
  return nil, "damaged", "the archive has no end: it is not whole"
end

-- So many bytes are read or written between two turns of the loop: a few milliseconds.
local SLICE = 2 ^ 20

--- Brings a work of store.archive to its end, in slices: between two of them others go on. A task
--- that is cancelled gives the work up, if that is still possible.
---@param runtime table
---@param work table
---@return table|nil tally, string|nil kind, string|nil message
function M.work_off(runtime, work)
  local done, kind, message = work:step(SLICE)
  while done == false do
    if not runtime:pause(0) then work:give_up() end
    done, kind, message = work:step(SLICE)
  end
  work:close()
  return done, kind, kind == "stopped" and "it was cancelled" or message
end

--- Every entry is read, and its checksum must hold.
---@param path string
---@param runtime table
---@return table|nil tally, string|nil kind, string|nil message
function M.check_contents(path, runtime)
  local archive, kind, message = store.open(path)
  if not archive then return nil, kind, message end
  local work, ok
  work, kind, message = archive:verify()
  if work then ok, kind, message = M.work_off(runtime, work) end
  archive:close()
  return ok, kind, message
end

local types = { file = "file", folder = "directory", link = "link", special = "special" }

local function name_of(path)
  return path:match "([^/]*)/?$"
end

local function folder_row(path)
  return { name = name_of(path), path = path, type = "directory", mode = "040755" }
end

local function entry_row(entry, path)
  local mode = entry.mode > 0 and ("100%03o"):format(entry.mode % 512) or "100644"
  return { name = name_of(path), path = path, type = types[entry.kind],
    size = entry.size, mode = mode }
end

--- The rows of a folder of an archive, as GitLab's tree shows them, sorted by path. Folders that
--- have no entry of their own are shown all the same.
---@param archive table store.archive
---@param folder string "" for all; without a slash at its end
---@param recursive boolean|nil
---@return table[]|nil rows {name, path, type, size, mode}; nil when there is no such folder
function M.rows(archive, folder, recursive)
  local prefix = folder == "" and "" or folder .. "/"
  local seen, rows, found = {}, {}, folder == ""
  local function add(row)
    if seen[row.path] then return end
    seen[row.path] = true
    rows[#rows + 1] = row
  end
  for i = 1, archive:count() do
    local entry = archive:entry(i)
    local path = entry.name:gsub("^%./", "")
    if entry.kind == "folder" and path:sub(-1) ~= "/" then path = path .. "/" end
    if path:sub(1, #prefix) == prefix and path ~= "" then
      found = true
      local at = #prefix
      while true do
        local slash = path:find("/", at + 1, true)
        if not slash then break end
        add(folder_row(path:sub(1, slash)))
        at = slash
        if not recursive then break end
      end
      local rest = path:sub(#prefix + 1)
      if rest ~= "" and path:sub(-1) ~= "/" and (recursive or not rest:find("/", 1, true)) then
        add(entry_row(entry, path))
      end
    end
  end
  if not found then return nil end
  table.sort(rows, function(a, b) return a.path < b.path end)
  return rows
end

--- Which entries are wanted, as store.archive takes it, by a list of files and folders; nil and the
--- path that names nothing.
---@param archive table
---@param paths string[]
---@return string|nil wanted, string|nil missing
function M.wanted(archive, paths)
  local names, hit, marks = {}, {}, {}
  for _, path in ipairs(paths) do names[#names + 1] = (path:gsub("/+$", "")) end
  for i = 1, archive:count() do
    local name, mark = archive:entry(i).name, "0"
    for k, path in ipairs(names) do
      if name == path or name:sub(1, #path + 1) == path .. "/" then
        mark, hit[k] = "1", true
      end
    end
    marks[i] = mark
  end
  for k, path in ipairs(paths) do
    if not hit[k] then return nil, path end
  end
  return table.concat(marks)
end

return M
