--- The journal's own time, by which finished keys expire: pure, no clock, no file.
--
-- Nobody's wall clock is trusted: it may be years off, differ between processes, and jump. The
-- journal counts seconds itself, and between two looks never more than have passed: those of one
-- boot, measured by its own clock, and at the first look of a new boot those since it began. Time
-- for which nobody can vouch (the machine was off, two namespaces use the journal in turn, the boot
-- is not known) does not count. So a key may be kept longer, never less.

local M = {}

--- A look by a process to which the kernel tells nothing.
M.UNKNOWN = { boot = "", namespace = "", initial = false, by_clock = 0, by_proc = 0, wall = 0 }

--- Boots that are remembered; the others have not been seen for longest.
M.BOOTS = 32

---@class gitlab_pipelines.BootReading what a process reads of the boot that it lives in
---@field boot string the boot's id; "": not known, and no time passes between such a look and another
---@field namespace string its time namespace: "since boot" has an offset in each of them
---@field initial boolean the namespace without an offset
---@field by_clock number seconds since boot, by the system call
---@field by_proc number the same by /proc/uptime
---@field wall number the wall clock

---@class gitlab_pipelines.BootRow: gitlab_pipelines.BootReading the last look in a boot and namespace
---@field turn integer the number of that look: the greatest is the journal's last
---@field time number the journal's time at that look, in seconds

--- The journal's time now.
---@param rows gitlab_pipelines.BootRow[]
---@param reading gitlab_pipelines.BootReading
---@return number seconds
---@return integer turn of the last look, 0 before the first
function M.time(rows, reading)
  local last, known = nil, false
  for _, row in ipairs(rows) do
    if not last or row.turn > last.turn then last = row end
    if row.boot == reading.boot then known = true end
  end
  if not last then return 0, 0 end
  local passed = 0
  if reading.boot == "" or last.boot == "" then return last.time, last.turn end
  if last.boot == reading.boot and last.namespace == reading.namespace then
    -- Two sources, the lesser counts: one of them may be shifted, or be a container's.
    passed = math.min(reading.by_clock - last.by_clock, reading.by_proc - last.by_proc)
  elseif not known and reading.initial then
    -- The last look was before this boot. Where it only has an id of its own (some containers), the
    -- wall clocks of both tell how much can have passed at most.
    passed = math.min(reading.by_clock, reading.by_proc, reading.wall - last.wall)
  end
  return last.time + math.max(0, passed), last.turn
end

return M
