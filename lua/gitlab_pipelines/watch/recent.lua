--- What was seen lately of pipelines and jobs that we made, acted on or awaited: a floor for what
--- replicas say of them.

local kept_row = require "gitlab_pipelines.watch.kept_row"
local verdict = require "gitlab_pipelines.watch.verdict"

local M = {}

-- Seconds.
local KEPT = 300

local Recent = {}
Recent.__index = Recent

---@param rt table the runtime
---@return table recent
function M.new(rt)
  return setmetatable({ rt = rt, rows = {}, queue = {}, head = 1, tail = 0 }, Recent)
end

local function key_of(project, kind, id) return ("%s %s %d"):format(project, kind, id) end

local function drop_old(self)
  local now = self.rt:now()
  local first = self.queue[self.head]
  while first and now - first.at >= KEPT do
    if self.rows[first.key] == first then self.rows[first.key] = nil end
    self.queue[self.head] = nil
    self.head = self.head + 1
    first = self.queue[self.head]
  end
end

--- Keeps a row.
---@param project string the project's key
---@param kind string "pipeline" or "job"
---@param row table
---@param seen_at number|nil when it was first seen, unless that is known; now, unless given
function Recent:put(project, kind, row, seen_at)
  drop_old(self)
  local key, now = key_of(project, kind, row.id), self.rt:now()
  local before = self.rows[key]
  local item = {
    key = key, row = verdict.of(row.status) and row or kept_row.brief(row), at = now,
    seen_at = before and before.seen_at or seen_at or now,
  }
  self.rows[key] = item
  self.tail = self.tail + 1
  self.queue[self.tail] = item
end

--- What was kept, if it is not too old.
---@param project string
---@param kind string
---@param id number
---@return table|nil item `{row, at, seen_at}`
function Recent:get(project, kind, id)
  local item = self.rows[key_of(project, kind, id)]
  return item and self.rt:now() - item.at < KEPT and item or nil
end

return M
