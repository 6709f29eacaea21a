--- The event loop common to all runtimes: tasks, waiters, timers, pollables and nested waits.
--
-- A runtime is a loop, driven by the code that waits: `rt:run(fn)`, or any wait outside a task. A
-- wait inside a task yields if possible. If it cannot (in a callback of table.sort or gsub, in a
-- user's coroutine, in the main chunk), it drives the loop itself until the wait is over. So a call
-- works anywhere, without modes.
--
-- The host provides the clock and the waiting:
--   host = { name, now(), wall(), random(), wait(pollables, deadline) , virtual = bool,
--            trap(name), trapped(), untrap() }
-- A pollable is an object with methods pollfd() -> fd, events() -> "r"|"w"|"rw",
-- timeout() -> seconds or nil, pump(limit) -> the number of results delivered.

local heap = require "gitlab_pipelines.runtime.heap"
local options = require "gitlab_pipelines.options"
local task_module = require "gitlab_pipelines.runtime.task"

local M = {}

local Loop = {}
Loop.__index = Loop
Loop.__name = "gitlab_pipelines.runtime"

local Waiter = {}
Waiter.__index = Waiter

local unpack = table.unpack or unpack
local running, isyieldable = coroutine.running, coroutine.isyieldable

-- Maximum results per pump, and tasks run between two pumps. Both keep a turn short, so that the
-- host's own timers are not delayed.
local RESULTS_PER_PUMP, TASKS_PER_TURN = 64, 256

-- Each nested drive uses C stack levels, of which Lua allows about 200.
local MAX_NESTED = 40
local TOO_DEEP = "more than " .. MAX_NESTED .. " waits are nested in callbacks (table.sort, "
  .. "gsub, coroutines of your own): run fewer such tasks at once"

local NOTHING = { n = 0 }
local TIMEOUT, CANCELLED = { nil, "timeout", n = 2 }, { nil, "cancelled", n = 2 }

local function pack(...)
  return { n = select("#", ...), ... }
end

-- The loop that is being driven, if any.
local active

--- Returns the loop that is being driven, or nil.
function M.active()
  return active
end

--- Makes a runtime for a host.
---@param host table see above
---@return table runtime
function M.new(host)
  return setmetatable({
    name = host.name, host = host,
    -- Called at every step of every call, so the host's functions are stored without a wrapper.
    now = host.now, wall = host.wall, random = host.random,
    timers = heap.new(),
    pollables = {},
    ready = {}, ready_head = 1, ready_tail = 0,
    tasks = task_module.list(),
    by_thread = {},
    depth = 0,
  }, Loop)
end

--- Is this value a runtime?
function M.is_loop(value)
  return type(value) == "table" and getmetatable(value) == Loop
end

function Loop:__tostring()
  return "runtime " .. self.name
end

-- Each loop has these functions of its host:
--   loop:now() -> number     monotonic seconds since 1970: for deadlines and measuring
--   loop:wall() -> number    the wall clock: for times shown to people or compared by servers
--   loop:random() -> number  0 <= x < 1; from the seed in the virtual runtime

-- Returns the seconds of a duration argument, or raises an error at the caller's caller.
local function duration(where, value)
  local seconds = options.seconds(value)
  if not seconds then
    error(("%s: a duration must be seconds or text such as \"30m\", not %s"):format(where,
      tostring(value)), 3)
  end
  return seconds
end

-- Timers ---------------------------------------------------------------------------------------

local Timer = {}
Timer.__index = Timer

--- Calls `fn(subject)` from the loop after `seconds`; `fn` must not wait.
---@param seconds number
---@param fn fun(subject: any)
---@param subject any|nil avoids a closure per timer
---@return table timer has `at` and a method `cancel`
function Loop:after(seconds, fn, subject)
  local timer = setmetatable({
    loop = self, at = self:now() + seconds, call = fn, subject = subject,
  }, Timer)
  self.timers:add(timer)
  return timer
end

function Timer:fire()
  self.call(self.subject)
end

function Timer:cancel()
  self.loop.timers:remove(self)
end

--- Calls `entry:fire()` from the loop at `entry.at`: a timer embedded in the caller's table. The loop
--- stores `order` and `index` in it; `at` must not change while it is armed.
---@param entry table
function Loop:arm(entry)
  self.timers:add(entry)
end

--- Disarms such a timer; a no-op if it is not armed.
---@param entry table
function Loop:disarm(entry)
  self.timers:remove(entry)
end

-- Waiters --------------------------------------------------------------------------------------

--- Makes a waiter, on which one task (or one caller outside any task) waits until it is woken. A
--- waiter can be reused after each wait.
---@return table waiter has `wait(deadline)` and `wake(...)`
function Loop:waiter()
  -- All fields are listed so that the table is allocated at its final size. The waiter is its own
  -- timer: `at`, `order` and `index` belong to the heap.
  return setmetatable({
    loop = self, waiting = false, values = nil, task = nil, at = nil, order = nil, index = nil,
  }, Waiter)
end

-- Ends the wait with `values`. A parked task becomes ready; a nested drive checks `values` itself.
local function settle(waiter, values)
  waiter.values = values
  if waiter.index then waiter.loop.timers:remove(waiter) end
  local task = waiter.task
  if task then
    waiter.task = nil
    waiter.loop:enqueue(task)
  end
end

-- The deadline has passed.
function Waiter:fire()
  settle(self, TIMEOUT)
end

local function take(waiter)
  local values = waiter.values
  waiter.values = nil
  if values.n > 0 then return unpack(values, 1, values.n) end
end

-- Is the running coroutine a task's, and can it yield here?
local function can_yield(loop)
  local thread = running()
  return thread and loop.by_thread[thread] and isyieldable()
end

--- Waits for `wake` and returns its arguments; `nil, "timeout"` if the deadline (on `rt:now()`) is
--- first; `nil, "cancelled"` if the task was cancelled, once for each cancel, so that cleanup code
--- can wait again.
---@param deadline number|nil
function Waiter:wait(deadline)
  local loop = self.loop
  if self.waiting then error("another caller already waits on this waiter", 2) end
  if self.values then return take(self) end
  local yields = can_yield(loop)
  if not yields and loop.depth >= MAX_NESTED then error(TOO_DEEP, 2) end
  local owner = loop.current_task
  if owner and owner:take_cancel() then return nil, "cancelled" end
  if deadline and deadline < math.huge then
    self.at = deadline
    loop.timers:add(self)
  end
  self.waiting = true
  if owner then owner.waiter = self end
  if yields then
    self.task = owner
    coroutine.yield()
  else
    loop:drive(self)
  end
  self.waiting = false
  if owner then owner.waiter = nil end
  return take(self)
end

--- Ends the wait, even if it has not started yet. False if it was already over.
---@return boolean
function Waiter:wake(...)
  if self.values then return false end
  settle(self, select("#", ...) == 0 and NOTHING or pack(...))
  return true
end

-- For task:cancel.
function Waiter:cancel()
  if not self.values then settle(self, CANCELLED) end
end

-- Tasks ----------------------------------------------------------------------------------------

--- Returns the running task, or nil outside any task.
---@return table|nil
function Loop:current()
  return self.current_task
end

function Loop:enqueue(task)
  self.ready_tail = self.ready_tail + 1
  self.ready[self.ready_tail] = task
end

local function dequeue(loop)
  local head = loop.ready_head
  if head > loop.ready_tail then return nil end
  local task = loop.ready[head]
  loop.ready[head] = nil
  loop.ready_head = head + 1
  -- An empty queue starts at index 1 again, so that the table does not grow.
  if head == loop.ready_tail then loop.ready_head, loop.ready_tail = 1, 0 end
  return task
end

--- Starts `fn(...)` as a task. It belongs to the `run` in which it was started.
---@param fn function
---@return table task
function Loop:spawn(fn, ...)
  return task_module.start(self, self.current_task and self.current_task.group, fn, ...)
end

--- Starts a task that no `run` waits for, such as a service for other tasks.
---@param fn function
---@return table task
function Loop:background(fn, ...)
  return task_module.start(self, nil, fn, ...)
end

--- Pauses the task, or the caller outside a task, while the loop runs. Raises TaskError.Cancelled if
--- the task is cancelled, since there is no result to return it in.
---@param seconds number|string
function Loop:sleep(seconds)
  local deadline = self:now() + duration("sleep", seconds)
  local owner = self.current_task
  if owner and owner.cancelled then owner:raise_cancelled() end
  local _, why = self:waiter():wait(deadline)
  if why == "cancelled" then owner:raise_cancelled() end
end

--- Pauses like `sleep` but does not raise: for cleanup code.
---@param seconds number
---@return boolean|nil true; nil, "cancelled" if the task was cancelled meanwhile
function Loop:pause(seconds)
  local _, why = self:waiter():wait(self:now() + seconds)
  if why == "cancelled" then return nil, why end
  return true
end

--- Runs `fn(...)` as a task and waits for it and all tasks that it starts. Returns the results of
--- `fn`. If `fn` raises, cancels the other tasks and raises the error again. An error of a task that
--- nobody joined is raised too.
---@param fn function
function Loop:run(fn, ...)
  return task_module.run(self, fn, ...)
end

--- Runs functions concurrently and returns their first results, in order.
---@param list function[]
---@param opts table|nil `limit`: maximum number running at once; `keep_going`: a function that
--- raises or returns `nil, err` does not cancel the others
---@return table|nil results has `n`; nil if one failed (without keep_going)
---@return any err the error of the first failure; with keep_going a table of errors by position,
--- or nil
function Loop:all(list, opts)
  return task_module.all(self, list, opts)
end

-- Turning --------------------------------------------------------------------------------------

--- Adds a pollable, which the loop waits for and pumps at each turn.
---@param pollable table see the head of this file
function Loop:attach(pollable)
  local list = { unpack(self.pollables) }
  list[#list + 1] = pollable
  self.pollables = list
end

--- Removes a pollable; a no-op if it is not attached.
function Loop:detach(pollable)
  local list = {}
  for _, other in ipairs(self.pollables) do
    if other ~= pollable then list[#list + 1] = other end
  end
  self.pollables = list
end

local function run_ready(loop, stop)
  local count = math.min(loop.ready_tail - loop.ready_head + 1, TASKS_PER_TURN)
  for _ = 1, count do
    local task = dequeue(loop)
    if not task then return end
    task:resume()
    if stop and stop.values then return end
  end
end

local function fire_due(loop)
  local timers = loop.timers
  local now = loop:now()
  local first = timers:first()
  while first and first.at <= now do
    timers:remove(first)
    first:fire()
    first = timers:first()
  end
end

local function pump(loop)
  local done = 0
  for _, pollable in ipairs(loop.pollables) do
    done = done + (pollable:pump(RESULTS_PER_PUMP) or 0)
  end
  return done
end

--- Runs one turn: ready tasks, due timers, one pump of every pollable. Never waits. For hosts that
--- have their own event loop.
---@param stop table|nil the turn ends early when this waiter is settled
---@return boolean more true if something is ready to run
function Loop:turn(stop)
  local caller, outer = self.current_task, active
  self.current_task, active = nil, self
  run_ready(self, stop)
  local pumped = 0
  if not (stop and stop.values) then
    fire_due(self)
    pumped = pump(self)
    self:check_signals()
  end
  self.current_task, active = caller, outer
  return pumped > 0 or self.ready_head <= self.ready_tail
end

--- Returns when the next timer or pollable is due, on `rt:now()`; nil if only an event is awaited.
---@return number|nil
function Loop:next_deadline()
  local first = self.timers:first()
  local deadline = first and first.at
  for _, pollable in ipairs(self.pollables) do
    local seconds = pollable:timeout()
    local at = seconds and self:now() + seconds
    if at and (not deadline or at < deadline) then deadline = at end
  end
  return deadline
end

-- Nothing is ready: waits for the next timer or event, or raises a deadlock if there is none.
local function idle(loop)
  local deadline = loop:next_deadline()
  local host = loop.host
  if not deadline and (host.virtual or #loop.pollables == 0) then
    error(loop:deadlock(), 0)
  end
  host.wait(loop.pollables, deadline)
end

--- Returns the message of a deadlock, with tracebacks of the first waiting tasks.
---@return string
function Loop:deadlock()
  local lines, waiting = {}, 0
  for task in self.tasks:each() do
    waiting = waiting + 1
    if waiting <= 3 then lines[#lines + 1] = debug.traceback(task.thread, "task " .. waiting) end
  end
  return ("deadlock: all tasks are waiting and nothing can wake them (%d tasks)%s")
    :format(waiting, #lines > 0 and "\n" .. table.concat(lines, "\n") or "")
end

local function turn_until(loop, stop)
  while not stop.values do
    local more = loop:turn(stop)
    local raised = loop.raised
    if raised then
      loop.raised = nil
      error(raised, 0)
    end
    if not more and not stop.values then idle(loop) end
  end
end

-- Turns the loop until `stop` is settled, on the stack of the waiting caller.
function Loop:drive(stop)
  local caller, outer = self.current_task, active
  self.depth = self.depth + 1
  local ok, message = pcall(turn_until, self, stop)
  self.depth = self.depth - 1
  if ok then return end
  -- A pollable raised, or there is a deadlock: undo this wait.
  self.current_task, active = caller, outer
  if caller then caller.waiter = nil end
  self.timers:remove(stop)
  stop.values, stop.waiting = nil, false
  error(message, 0)
end

-- Signals --------------------------------------------------------------------------------------

--- Traps SIGINT and SIGTERM (or `names`: "INT", "TERM", "HUP", "PIPE"): instead of ending the
--- process, a signal starts `handler(name)` as a task, and `rt:interrupted()` returns its name.
---@param handler fun(name: string)
---@param names string[]|nil
function Loop:trap(handler, names)
  self.trap_handler = handler
  for _, name in ipairs(names or { "INT", "TERM" }) do
    if self.host.trap then assert(self.host.trap(name), "unknown signal") end
  end
end

--- Restores the previous signal handlers.
function Loop:untrap()
  if self.trap_handler and self.host.untrap then self.host.untrap() end
  self.trap_handler, self.interrupted_by = nil, nil
end

--- Returns the name of the last trapped signal, or nil.
---@return string|nil
function Loop:interrupted()
  return self.interrupted_by
end

--- Handles a trapped signal; in the virtual runtime, a call of this simulates one.
---@param name string
function Loop:interrupt(name)
  self.interrupted_by = name
  local handler = self.trap_handler
  if not handler then return end
  self:background(function()
    local ok, raised = xpcall(function() handler(name) end, debug.traceback)
    -- Nobody joins this task, so the loop's driver raises its error.
    if not ok then self.raised = raised end
  end)
end

function Loop:check_signals()
  if not self.trap_handler or not self.host.trapped then return end
  local name = self.host.trapped()
  while name do
    self:interrupt(name)
    name = self.host.trapped()
  end
end

return M
