--- The queue in front of the limiter and the breakers: calls waiting for an exchange to admit them, in
--- order of arrival.
--
-- Each call waits until the time given by its exchange. An earlier change (a caller gives up, a probe
-- ends) wakes all of them.

local M = {}

local Queue = {}
Queue.__index = Queue

local queues = setmetatable({}, { __mode = "k" })

--- Returns the queue of a runtime. Its clients share it because they share breakers.
---@param runtime table
---@return table queue
function M.of(runtime)
  local queue = queues[runtime]
  if not queue then
    queue = setmetatable({ runtime = runtime }, Queue)
    queues[runtime] = queue
  end
  return queue
end

--- Waits until `time` or until woken.
---@param time number on the runtime's clock
---@return boolean|nil true; nil when the task was cancelled
function Queue:wait(time)
  local entry = { waiter = self.runtime:waiter(), previous = self.last }
  if self.last then self.last.following = entry else self.first = entry end
  self.last = entry
  local _, why = entry.waiter:wait(time)
  if entry.previous then entry.previous.following = entry.following
  else self.first = entry.following end
  if entry.following then entry.following.previous = entry.previous
  else self.last = entry.previous end
  if why == "cancelled" then return nil end
  return true
end

--- Wakes every waiting call.
function Queue:wake()
  local entry = self.first
  while entry do
    entry.waiter:wake(true)
    entry = entry.following
  end
end

return M
