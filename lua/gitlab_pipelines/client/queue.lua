--- Who waits in front of the limiter or a breaker, in order of arrival.
--
-- Each knows when it can be worth asking again; something that changes earlier (a caller who gives
-- up, a probe that reports) wakes all of them, and they ask.

local M = {}

local List = {}
List.__index = List

local lists = setmetatable({}, { __mode = "k" })

--- The list of a runtime. Clients share it, since they share breakers.
function M.of(runtime)
  local list = lists[runtime]
  if not list then
    list = setmetatable({ runtime = runtime }, List)
    lists[runtime] = list
  end
  return list
end

--- Waits until `time` or until woken.
---@return boolean|nil true; nil when the task was cancelled
function List:wait(time)
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

--- Lets everybody ask again.
function List:wake()
  local entry = self.first
  while entry do
    entry.waiter:wake(true)
    entry = entry.following
  end
end

return M
