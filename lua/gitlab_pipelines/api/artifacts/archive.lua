--- What the API does with an archive that is on disk, and with the directory of one that is not.

local store = require("gitlab_pipelines.store").archive

local M = {}

-- What begins a zip archive: its first entry, or its end when it has none.
local FIRST, EMPTY = "PK\3\4", "PK\5\6"

--- Bounds of what is unpacked, to be written or only to be verified: bytes and entries of an archive,
--- and how well it may be packed. Far beyond ordinary archives, and far below what fills a disk or a day.
M.bounds = { bytes = 16 * 2 ^ 30, entries = store.ENTRIES, ratio = 200 }

-- A list of an archive holds so many rows, and so many bytes of paths: entries in many folders have rows
-- for these too, each with all of its path.
local MAX_ROWS, MAX_PATHS = 2 * store.ENTRIES, 64 * 2 ^ 20

-- So many entries are looked at between two turns of the loop.
local TURN = 1000

local error_kinds = {
  late = "NetworkError.Timeout",
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

-- Lets others go on. Nil and why when there is nothing more to be done.
local function turn(runtime, deadline)
  if not runtime:pause(0) then return nil, "stopped", "it was cancelled" end
  if deadline and runtime:now() >= deadline then return nil, "late", "deadline exceeded while reading the archive" end
  return true
end

--- Brings a work of store.archive to its end, in slices: between two of them others go on. Where the task
--- is cancelled or the deadline passes, the work is given up, if that is still possible.
---@param runtime table
---@param work table
---@param deadline number|nil
---@return table|nil tally, string|nil kind, string|nil message
function M.work_off(runtime, work, deadline)
  local given_up, because
  local done, kind, message = work:step(SLICE)
  while done == false do
    local on, why, words = turn(runtime, deadline)
    if not on then
      given_up, because = given_up or why, because or words
      work:give_up()
    end
    done, kind, message = work:step(SLICE)
  end
  work:close()
  if kind == "stopped" then return nil, given_up, because end
  return done, kind, message
end

--- Every entry is read, within bounds, and its checksum must hold.
---@param path string
---@param runtime table
---@param deadline number|nil
---@return table|nil tally, string|nil kind, string|nil message
function M.check_contents(path, runtime, deadline)
  local archive, kind, message = store.open(path)
  if not archive then return nil, kind, message end
  local work, ok
  work, kind, message = archive:verify(M.bounds)
  if work then ok, kind, message = M.work_off(runtime, work, deadline) end
  archive:close()
  return ok, kind, message
end

local types = { file = "file", folder = "directory", link = "link", special = "special" }

local function name_of(path)
  local bare = path:sub(-1) == "/" and path:sub(1, -2) or path
  return bare:match "^.*/(.*)$" or bare
end

local function folder_row(path)
  return { name = name_of(path), path = path, type = "directory", mode = "040755" }
end

local function entry_row(entry, path)
  local mode = entry.mode > 0 and ("100%03o"):format(entry.mode % 512) or "100644"
  return { name = name_of(path), path = path, type = types[entry.kind],
    size = entry.size, mode = mode }
end

-- Collects rows, each path once, within bounds.
local function collector()
  local self = { seen = {}, rows = {}, bytes = 0 }
  function self.add(row)
    self.seen[row.path] = true
    self.rows[#self.rows + 1] = row
    self.bytes = self.bytes + #row.path
  end
  function self.is_full() return #self.rows > MAX_ROWS or self.bytes > MAX_PATHS end
  return self
end

-- Adds the folders that a path lies in, as deep as `least` bytes, from the deepest on: above one that is
-- known already, all are.
local function add_folders(list, path, least)
  local folder = path:sub(-1) == "/" and path or path:match "^(.*/)[^/]*$"
  while folder and #folder > least and not list.seen[folder] do
    list.add(folder_row(folder))
    folder = folder:sub(1, -2):match "^(.*/)[^/]*$"
  end
end

-- Adds what an entry below `prefix` shows.
local function add_entry(list, entry, path, prefix, recursive)
  local slash = not recursive and path:find("/", #prefix + 1, true)
  if slash then
    add_folders(list, path:sub(1, slash), #prefix)
    return
  end
  if recursive then add_folders(list, path, #prefix) end
  if path ~= prefix and path:sub(-1) ~= "/" and not list.seen[path] then list.add(entry_row(entry, path)) end
end

--- The rows of a folder of an archive, as GitLab's tree shows them, sorted by path. Folders that
--- have no entry of their own are shown all the same.
---@param archive table store.archive
---@param folder string "" for all; without a slash at its end
---@param recursive boolean|nil
---@param runtime table|nil lets others go on in between
---@param deadline number|nil
---@return table[]|nil rows {name, path, type, size, mode}; nil when there is no such folder
---@return string|nil kind, string|nil message why the list was given up
function M.rows(archive, folder, recursive, runtime, deadline)
  local prefix = folder == "" and "" or folder .. "/"
  local list, found = collector(), folder == ""
  for i = 1, archive:count() do
    local entry = archive:entry(i)
    local path = entry.name:gsub("^%./", "")
    if entry.kind == "folder" and path:sub(-1) ~= "/" then path = path .. "/" end
    if path:sub(1, #prefix) == prefix and path ~= "" then
      found = true
      add_entry(list, entry, path, prefix, recursive)
      if list.is_full() then return nil, "unsafe", "the archive holds more folders than can be listed" end
    end
    if runtime and i % TURN == 0 then
      local on, kind, message = turn(runtime, deadline)
      if not on then return nil, kind, message end
    end
  end
  if not found then return nil end
  table.sort(list.rows, function(a, b) return a.path < b.path end)
  return list.rows
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
