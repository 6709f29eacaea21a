--- One pipeline, job or search that a task follows through the scheduler: the task sleeps until
--- something was learned, and reads it in `entry`.

local LAST_POLL = require("gitlab_pipelines.watch.scheduler").LAST_POLL

local M = {}

local Subscription = {}
Subscription.__index = Subscription

local function on_poll(self)
  self.polled = true
  self:wake()
end

---@param scheduler table
---@param kind string "pipeline", "job" or "search"
---@param project number|string
---@param id number|table
---@param opts table as for Scheduler:follow; `polls`: be woken after each poll, with `polled` set
---@return table subscription
function M.open(scheduler, kind, project, id, opts)
  local self = setmetatable({ scheduler = scheduler, waiter = scheduler.rt:waiter(),
    interval = opts.interval, on_poll = opts.polls and on_poll }, Subscription)
  scheduler:follow(self, kind, project, id, opts)
  return self
end

function Subscription:on_event(event)
  self.err = self.err or event.err
  if event.raised ~= nil then self.raised = event end
  self:wake()
end

--- The task has something to do.
function Subscription:wake() self.waiter:wake() end

--- Sleeps until something was learned: true, or nil and the error, "timeout" or "cancelled". Shortly
--- before the deadline there is one more poll.
---@param deadline number|nil
---@return true|nil
---@return table|string|nil
function Subscription:wait(deadline)
  local last = deadline and not self.last_poll and deadline - LAST_POLL
  local _, why = self.waiter:wait(last or deadline)
  if why == "timeout" and last then
    self.last_poll = true
    self.scheduler:poll_soon(self)
    _, why = self.waiter:wait(deadline)
  end
  if self.raised then error(self.raised.raised, 0) end
  if self.err then return nil, self.err end
  if why then return nil, why end
  return true
end

--- What is known and holds: nil before the first response, and while an old one is confirmed.
---@return table|nil row
function Subscription:row()
  return not self.entry.stale and self.entry.row or nil
end

--- Calls `body(subscription, ...)` and stops following, also when it raises.
function Subscription:run(body, ...)
  local ok, first, second = pcall(body, self, ...)
  self.scheduler:stop(self)
  if not ok then error(first, 0) end
  return first, second
end

return M
