--- What all runtimes share: tasks, waiters, timers, one pump, and the nested drive.
--
-- A runtime is a loop. It is driven by whoever waits: `rt:run(fn)`, or any wait outside a task.
-- A wait inside a task yields when it may; where it may not (the callback of table.sort or gsub, a
-- coroutine of the user's own, the main chunk) it drives the loop itself until it is over. So
-- there is one rule and no mode: a call works wherever it stands.
--
-- The host hands in the clock and the waiting:
--   host = { name, now(), wall(), random(), wait(pollables, deadline) , virtual = bool,
--            trap(name), trapped(), untrap() }
-- A pollable is an object with methods pollfd() -> fd, events() -> "r"|"w"|"rw",
-- timeout() -> seconds or nil, pump(limit) -> how many things it did.

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

-- How many results one pump may hand out, and how many tasks run between two pumps: between the
-- two nothing keeps the host's own timers waiting for long.
local RESULTS_A_STEP, TASKS_A_STEP = 64, 256

-- Each nested drive stands on the C stack, of which Lua allows about 200 levels.
local NESTED_AT_MOST = 40
local TOO_DEEP = "more than " .. NESTED_AT_MOST .. " waits stand nested in callbacks (table.sort, "
  .. "gsub, coroutines of your own): run fewer such tasks at once"

local NOTHING = { n = 0 }
local TIMEOUT, CANCELLED = { nil, "timeout", n = 2 }, { nil, "cancelled", n = 2 }

local function pack(...)
  return { n = select("#", ...), ... }
end

-- The loop that is being driven at this moment, if any.
local active

--- The loop that is being driven, or nil.
function M.active()
  return active
end

--- Makes a runtime for a host.
---@param host table see above
---@return table runtime
function M.new(host)
  return setmetatable({
    name = host.name, host = host,
    -- Asked for at every step of every call: without a function of ours in between.
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

-- The host's own functions stand in each loop:
--   loop:now() -> number     seconds since 1970 that never go back: for deadlines and measuring
--   loop:wall() -> number    the wall clock: for what people read and servers compare
--   loop:random() -> number  0 <= x < 1; in the virtual runtime from the seed

-- Seconds of a duration that a caller gave, or an error at the caller's caller.
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

--- Calls `fn(subject)` after so many seconds, from the loop: it must not wait.
---@param seconds number
---@param fn fun(subject: any)
---@param subject any|nil saves a closure where there are many timers
---@return table timer with `at` and a method `cancel`
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

--- Calls `entry:fire()` from the loop at `entry.at`: a timer in a table of the caller's own, where
--- there are many. The loop keeps `order` and `index` in it; `at` stays as it is until then.
---@param entry table
function Loop:arm(entry)
  self.timers:add(entry)
end

--- Takes such a timer back; harmless when it is not armed.
---@param entry table
function Loop:disarm(entry)
  self.timers:remove(entry)
end

-- Waiters --------------------------------------------------------------------------------------

--- A place where one task (or one caller outside any task) waits until somebody wakes it. It may
--- be used again after each wait.
---@return table waiter with `wait(deadline)` and `wake(...)`
function Loop:waiter()
  -- Every field is named here, so that the table is made in its final size. The waiter is its own
  -- timer: `at`, `order` and `index` are the heap's.
  return setmetatable({
    loop = self, waiting = false, values = nil, task = nil, at = nil, order = nil, index = nil,
  }, Waiter)
end

-- The wait is over: `values` say how. A parked task becomes ready; a nested drive looks itself.
local function settle(waiter, values)
  waiter.values = values
  if waiter.index then waiter.loop.timers:remove(waiter) end
  local task = waiter.task
  if task then
    waiter.task = nil
    waiter.loop:enqueue(task)
  end
end

-- The deadline has come.
function Waiter:fire()
  settle(self, TIMEOUT)
end

local function take(waiter)
  local values = waiter.values
  waiter.values = nil
  if values.n > 0 then return unpack(values, 1, values.n) end
end

-- Are we in a coroutine of ours, at a place where it may be left?
local function may_yield(loop)
  local thread = running()
  return thread and loop.by_thread[thread] and isyieldable()
end

--- Waits until `wake` was called: what it was given. `nil, "timeout"` when the deadline (on
--- `rt:now()`) came first; `nil, "cancelled"` when the task was cancelled: once for each cancel,
--- so that the code which cleans up can wait again.
---@param deadline number|nil
function Waiter:wait(deadline)
  local loop = self.loop
  if self.waiting then error("two callers wait on one waiter", 2) end
  if self.values then return take(self) end
  local yields = may_yield(loop)
  if not yields and loop.depth >= NESTED_AT_MOST then error(TOO_DEEP, 2) end
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

--- Ends the wait, also one that has not begun yet. False when it was already over.
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

--- The task that runs, or nil outside any task.
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
  -- An empty queue begins at the front again: places that are used again cost no growing.
  if head == loop.ready_tail then loop.ready_head, loop.ready_tail = 1, 0 end
  return task
end

--- Starts `fn(...)` as a task. It belongs to the `run` in which it was started.
---@param fn function
---@return table task
function Loop:spawn(fn, ...)
  return task_module.start(self, self.current_task and self.current_task.group, fn, ...)
end

--- Starts a task that no `run` waits for: one that serves others for as long as they need it.
---@param fn function
---@return table task
function Loop:background(fn, ...)
  return task_module.start(self, nil, fn, ...)
end

--- Pauses the task (outside a task: the caller, while the loop runs). A cancelled task leaves by
--- the error TaskError.Cancelled, which is raised: there is no result that could be looked at.
---@param seconds number|string
function Loop:sleep(seconds)
  local deadline = self:now() + duration("sleep", seconds)
  local owner = self.current_task
  if owner and owner.cancelled then owner:raise_cancelled() end
  local _, why = self:waiter():wait(deadline)
  if why == "cancelled" then owner:raise_cancelled() end
end

--- Pauses like `sleep` and raises nothing: for code that cleans up after itself.
---@param seconds number
---@return boolean|nil true; nil, "cancelled" when the task was cancelled meanwhile
function Loop:pause(seconds)
  local _, why = self:waiter():wait(self:now() + seconds)
  if why == "cancelled" then return nil, why end
  return true
end

--- Runs `fn(...)` as a task, and everything that it starts, until all of it is done.
--- Returns what `fn` returned; raises what it raised, after cancelling the rest. An error of a
--- task that nobody joined is raised too: it must not go unseen.
---@param fn function
function Loop:run(fn, ...)
  return task_module.run(self, fn, ...)
end

--- Runs functions at once and returns their first results, in order.
---@param list function[]
---@param opts table|nil `limit`: so many at once; `keep_going`: one that raises or returns
--- `nil, err` does not cancel the others
---@return table|nil results with `n`; nil when one failed (and not keep_going)
---@return any err what the first failure raised or returned; with keep_going a table of errors
--- by position, or nil
function Loop:all(list, opts)
  return task_module.all(self, list, opts)
end

-- Turning --------------------------------------------------------------------------------------

--- From now on the loop waits for this object too and pumps it at each turn.
---@param pollable table see the head of this file
function Loop:attach(pollable)
  local list = { unpack(self.pollables) }
  list[#list + 1] = pollable
  self.pollables = list
end

--- Takes a pollable out again; harmless when it is not in.
function Loop:detach(pollable)
  local list = {}
  for _, other in ipairs(self.pollables) do
    if other ~= pollable then list[#list + 1] = other end
  end
  self.pollables = list
end

local function run_ready(loop, stop)
  local count = math.min(loop.ready_tail - loop.ready_head + 1, TASKS_A_STEP)
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
    done = done + (pollable:pump(RESULTS_A_STEP) or 0)
  end
  return done
end

--- One turn: ready tasks, due timers, one pump of every pollable. Never waits. For hosts that
--- have an event loop of their own.
---@param stop table|nil the turn ends early when this waiter is settled
---@return boolean more there is something to run at once
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

--- When the next timer or pollable wants a turn, on `rt:now()`; nil: only an event can bring one.
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

-- Nothing is ready: waits for the next timer or event, or says that neither can come.
local function idle(loop)
  local deadline = loop:next_deadline()
  local host = loop.host
  if not deadline and (host.virtual or #loop.pollables == 0) then
    error(loop:deadlock(), 0)
  end
  host.wait(loop.pollables, deadline)
end

--- Why nothing can go on, with the places of the first waiting tasks.
---@return string
function Loop:deadlock()
  local lines, waiting = {}, 0
  for task in self.tasks:each() do
    waiting = waiting + 1
    if waiting <= 3 then lines[#lines + 1] = debug.traceback(task.thread, "task " .. waiting) end
  end
  return ("deadlock: everything waits and nothing is left that could wake it (%d tasks)%s")
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

-- Turns the loop until `stop` is settled, on the stack of whoever waits.
function Loop:drive(stop)
  local caller, outer = self.current_task, active
  self.depth = self.depth + 1
  local ok, message = pcall(turn_until, self, stop)
  self.depth = self.depth - 1
  if ok then return end
  -- A pollable raised, or nothing can wake us: leave as if this wait had never been.
  self.current_task, active = caller, outer
  if caller then caller.waiter = nil end
  self.timers:remove(stop)
  stop.values, stop.waiting = nil, false
  error(message, 0)
end

-- Signals --------------------------------------------------------------------------------------

--- From now on SIGINT and SIGTERM (or the names given: "INT", "TERM", "HUP") do not end the
--- process: `handler(name)` is started as a task of its own, and `rt:interrupted()` tells.
---@param handler fun(name: string)
---@param names string[]|nil
function Loop:trap(handler, names)
  self.trap_handler = handler
  for _, name in ipairs(names or { "INT", "TERM" }) do
    if self.host.trap then assert(self.host.trap(name), "unknown signal") end
  end
end

--- Gives the signals back to whoever had them.
function Loop:untrap()
  if self.trap_handler and self.host.untrap then self.host.untrap() end
  self.trap_handler, self.interrupted_by = nil, nil
end

--- The name of the last trapped signal, or nil.
---@return string|nil
function Loop:interrupted()
  return self.interrupted_by
end

--- What a trapped signal does; in the virtual runtime this is the signal.
---@param name string
function Loop:interrupt(name)
  self.interrupted_by = name
  local handler = self.trap_handler
  if not handler then return end
  self:background(function()
    local ok, raised = xpcall(function() handler(name) end, debug.traceback)
    -- Nobody joins this task: whoever drives the loop hears of a mistake in it.
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
