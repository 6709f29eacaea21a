--- Where a download's bytes land: what may be a target, and the partial file beside one, FILE.part,
-- with what it is part of, FILE.part.etag.
--
-- The second file stands only while every byte of the first is known to be of that version: it is
-- taken away before an attempt and written again when the answer's head has proved the same. So a
-- process may be killed at any moment; what it leaves can be gone on with, or is begun again.

local resource = require "gitlab_pipelines.api.resource"
local resume = require "gitlab_pipelines.api.artifacts.resume"

-- Loads a library that nobody else may need: only when a file is written.
local STORE = "gitlab_pipelines.store"

local M = {}

--- Raises unless `target` is one: a file's name, a function, or nil.
---@param operation table
---@param target any
function M.check(operation, target)
  local kind = type(target)
  if target == nil or kind == "function" or kind == "string" and target ~= "" then return end
  resource.blame(("%s: 'target' must be a file's name or a function, not %s"):format(
    operation.name, kind == "string" and "an empty string" or kind))
end

--- A name that no other file has.
---@param prefix string
---@param runtime table
---@return string
function M.unique(prefix, runtime)
  return ("%s%08x%08x"):format(prefix, math.floor(runtime:random() * 0xffffffff),
    math.floor(runtime:random() * 0xffffffff))
end

local Part = {}
Part.__index = Part

-- etag, total ("?" when unknown), what was downloaded, and a last line that shows it is whole.
local function read_note(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read(8192) or ""
  file:close()
  local etag, total, subject = text:match "^([^\n]*)\n([^\n]*)\n([^\n]*)\nend\n$"
  if not resume.strong(etag) then return nil end
  return { etag = etag, total = resume.length(total), subject = subject }
end

--- Holds the partial file of a target. Where another download holds it, one of its own is made,
--- which nobody goes on with later.
---@param target string
---@param subject string what is downloaded: only the same is gone on with
---@param private boolean|nil always a partial file of its own
---@param runtime table
---@return table|nil part
---@return string|nil message
function M.claim(target, subject, private, runtime)
  local store = require(STORE).part
  if not store.may_be_named(target) then
    return nil, ("cannot write %s: it is no ordinary file"):format(target)
  end
  local self = setmetatable({ target = target, subject = (subject:gsub("%c", " ")) }, Part)
  local why, message
  if not private then
    self.path = target .. ".part"
    self.handle, why, message = store.claim(self.path)
    self.note = self.handle and self.path .. ".etag"
  end
  if not self.handle and (private or why == "held") then
    self.path = M.unique(target .. ".part-", runtime)
    self.handle, why, message = store.make(self.path)
  end
  if not self.handle then return nil, "cannot write " .. (message or why) end
  local known = self.note and read_note(self.note)
  if known and known.subject == self.subject then
    self.etag, self.total = known.etag, known.total
  end
  return self
end

--- What is there: {size, etag, total}, or nil when nothing can be gone on with.
function Part:state()
  if not self.etag then return nil end
  return { size = self.handle:size(), etag = self.etag, total = self.total }
end

--- How many bytes there are.
function Part:size() return self.handle:size() end

--- Prepares for an attempt: what lies beyond `offset` goes, and what is there is in doubt until
--- `prove` is called.
function Part:doubt(offset)
  if self.note then os.remove(self.note) end
  self.handle:cut(offset)
end

--- What is there, and what is being written behind it, is part of this version.
---@param etag string|nil strong, or nil: it cannot be gone on with
---@param total integer|nil
function Part:prove(etag, total)
  self.etag, self.total = etag, total
  if not self.note or not etag then return end
  local file = io.open(self.note, "wb")
  if not file then return end
  file:write(etag, "\n", total and ("%d"):format(total) or "?", "\n", self.subject, "\nend\n")
  file:close()
end

--- Nothing that is there can be gone on with.
function Part:forget()
  self.etag, self.total = nil, nil
  if self.note then os.remove(self.note) end
end

--- Puts it in the target's place.
---@return boolean|nil ok, string|nil message
function Part:finish()
  local ok, message = os.rename(self.path, self.target)
  if ok and self.note then os.remove(self.note) end
  self.handle:close()
  if ok then return true end
  -- Some Luas put the name of the partial file before the reason, others none.
  return nil, ("cannot write %s: %s"):format(self.target, (message:gsub("^.*: ", "")))
end

--- Gives it back: kept for a later call where that is of use, else removed.
function Part:leave()
  local kept = self.note and self.etag and self.handle:size() > 0
  if not kept then
    os.remove(self.path)
    if self.note then os.remove(self.note) end
  end
  self.handle:close()
end

--- Does some work with it, and gives it back where that raises or comes to nothing.
---@param work fun(...): any, any
---@return any result, any err what `work` returned
function Part:hold(work, ...)
  local called, result, err = pcall(work, ...)
  if not called or not result then self:leave() end
  if not called then error(result, 0) end
  return result, err
end

return M
