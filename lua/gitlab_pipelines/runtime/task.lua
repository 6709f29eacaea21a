--- Tasks, which are functions that run concurrently, and groups of tasks.
--
-- Only the loop starts and resumes a task. A group is the set of tasks that one `run` waits for.

local errors = require "gitlab_pipelines.errors"
local options = require "gitlab_pipelines.options"

local M = {}

local Task = {}
Task.__index = Task
Task.__name = "gitlab_pipelines.task"

local unpack = table.unpack or unpack

local function pack(...)
  return { n = select("#", ...), ... }
end

-- Unfinished tasks in start order: a linked list with removal in O(1).
local List = {}
List.__index = List

function M.list()
  return setmetatable({}, List)
end

function List:add(task)
  task.previous = self.last
  if self.last then self.last.following = task else self.first = task end
  self.last = task
end

function List:remove(task)
  local previous, following = task.previous, task.following
  if previous then previous.following = following else self.first = following end
  if following then following.previous = previous else self.last = previous end
  task.previous, task.following = nil, nil
end

--- Iterates over the tasks; the current one may be removed meanwhile.
function List:each()
  local following = self.first
  return function()
    local task = following
    following = task and task.following
    return task
  end
end

--- Starts a task; `rt:spawn` and `rt:background` call this.
function M.start(loop, group, fn, ...)
  if type(fn) ~= "function" then
    error("a task must be a function, not " .. type(fn), 3)
  end
  local task = setmetatable({
    loop = loop, group = group, thread = coroutine.create(fn), arguments = pack(...),
  }, Task)
  if group then group.unfinished = group.unfinished + 1 end
  loop.by_thread[task.thread] = task
  loop.tasks:add(task)
  loop:enqueue(task)
  return task
end

local function cancelled_error()
  return errors.new("TaskError.Cancelled", { message = "the task was cancelled" })
end

local function is_cancelled_error(value)
  return errors.is_error(value) and value:is "TaskError.Cancelled"
end

-- Ends a task: wakes the tasks that join it and updates its group.
local function finish(task, state, results)
  local loop = task.loop
  task.state, task.results = state, results
  loop.by_thread[task.thread] = nil
  loop.tasks:remove(task)
  task.thread, task.arguments = nil, nil
  for _, waiter in ipairs(task.joiners or {}) do waiter:wake() end
  task.joiners = nil
  if task.on_end then task.on_end(task) end
  local group = task.group
  if not group then return end
  if state == "failed" then group.failed[#group.failed + 1] = task end
  group.unfinished = group.unfinished - 1
  if group.unfinished == 0 then group.waiter:wake() end
end

-- In Lua 5.4, a coroutine that raised still has to-be-closed variables to close.
local function close(thread)
  if coroutine.close then coroutine.close(thread) end
end

local function stopped(task, ok, ...)
  local thread = task.thread
  if not ok then
    local raised = ...
    if is_cancelled_error(raised) and task.cancelled then
      close(thread)
      return finish(task, "cancelled", { nil, raised, n = 2 })
    end
    task.traceback = debug.traceback(thread, tostring(raised))
    close(thread)
    if raised == nil then raised = "nil" end
    return finish(task, "failed", { nil, raised, n = 2 })
  end
  if coroutine.status(thread) == "dead" then
    local results = pack(...)
    local state = task.cancelled and results[1] == nil and is_cancelled_error(results[2])
      and "cancelled" or "done"
    return finish(task, state, results)
  end
  -- A yield outside of a wait lets other tasks run.
  if not task.waiter then task.loop:enqueue(task) end
end

-- Runs the task until it waits or ends. Only the loop calls this.
function Task:resume()
  if self.state then return end
  local loop = self.loop
  local arguments = self.arguments
  if arguments and self.cancel_pending then
    return finish(self, "cancelled", { nil, cancelled_error(), n = 2 })
  end
  loop.current_task = self
  if arguments then
    self.arguments = nil
    stopped(self, coroutine.resume(self.thread, unpack(arguments, 1, arguments.n)))
  else
    stopped(self, coroutine.resume(self.thread))
  end
  loop.current_task = nil
end

--- Cancels the task. Its current wait ends with `nil, "cancelled"`: a call returns
--- TaskError.Cancelled and its request is aborted, `sleep` raises. A task that has not started never
--- starts.
---@return boolean false if the task had already finished
function Task:cancel()
  if self.state then return false end
  self.cancelled, self.cancel_pending = true, true
  local waiter = self.waiter
  if waiter and not waiter.values then
    self.cancel_pending = false
    waiter:cancel()
  end
  return true
end

-- Returns true once for each cancel that no wait has returned yet.
function Task:take_cancel()
  local pending = self.cancel_pending
  self.cancel_pending = false
  return pending
end

function Task:raise_cancelled()
  self.cancel_pending = false
  error(cancelled_error(), 0)
end

--- Returns "ready", "running", "waiting", "done", "failed" (it raised) or "cancelled".
---@return string
function Task:status()
  if self.state then return self.state end
  if self.loop.current_task == self then return "running" end
  return self.waiter and not self.waiter.values and "waiting" or "ready"
end

--- Waits for the task and returns the function's results; `nil, err` if it raised (err is the raised
--- value; `task.traceback` shows where), if it was cancelled (TaskError.Cancelled), or if `timeout`
--- passed first (WaitError.TimedOut; the task keeps running).
---@param timeout number|string|nil
function Task:join(timeout)
  local seconds = timeout and options.seconds(timeout)
  if timeout and not seconds then error("join: the timeout must be a duration", 2) end
  if not self.state then
    local loop = self.loop
    if loop.current_task == self then error("a task cannot join itself", 2) end
    local waiter = loop:waiter()
    self.joiners = self.joiners or {}
    self.joiners[#self.joiners + 1] = waiter
    local _, why = waiter:wait(seconds and loop:now() + seconds)
    if not self.state then
      for i, other in ipairs(self.joiners) do
        if other == waiter then table.remove(self.joiners, i) break end
      end
      if why == "cancelled" then return nil, cancelled_error() end
      return nil, errors.new("WaitError.TimedOut",
        { message = ("the task did not finish within %g s"):format(seconds) })
    end
  end
  self.observed = true
  return unpack(self.results, 1, self.results.n)
end

local function cancel_group(loop, group)
  for task in loop.tasks:each() do
    if task.group == group then task:cancel() end
  end
end

-- Waits for all tasks of a group. A deadlock, or a cancel of the waiting task, first cancels the
-- group. Returns the deadlock's message, and whether the waiting task was cancelled.
local function wait_for_group(loop, group)
  local problem, cancelled
  while group.unfinished > 0 do
    local ok, message, why = pcall(group.waiter.wait, group.waiter)
    if not ok then
      if problem then error(problem, 0) end
      problem = message
      cancel_group(loop, group)
    elseif why == "cancelled" then
      cancelled = true
      cancel_group(loop, group)
    end
  end
  return problem, cancelled
end

local function raise(task)
  local raised = task.results[2]
  if type(raised) == "string" then raised = task.traceback end
  error(raised, 0)
end

--- `rt:run`.
function M.run(loop, fn, ...)
  local group = { unfinished = 0, failed = {}, waiter = loop:waiter() }
  local main = M.start(loop, group, fn, ...)
  main.observed = true
  main.on_end = function(task)
    if task.state == "failed" then cancel_group(loop, group) end
  end
  local problem, cancelled = wait_for_group(loop, group)
  if problem then error(problem, 0) end
  if main.state == "failed" then raise(main) end
  for _, task in ipairs(group.failed) do
    if not task.observed then raise(task) end
  end
  if cancelled and main.state == "cancelled" then return nil, cancelled_error() end
  return unpack(main.results, 1, main.results.n)
end

local ALL_OPTIONS = {
  limit = { type = "integer", check = function(n) return n < 1 and "must be at least 1" or nil end },
  keep_going = { type = "boolean" },
}

-- Returns the error of a finished task, or nil.
local function failure(task)
  if task.state ~= "done" then return task.results[2] end
  if task.results[1] == nil then return task.results[2] end
end

-- Starts as many tasks as the limit allows; the end of each one starts the next.
local function start_more(all)
  while all.next <= #all.list and all.active < all.limit and not all.failed do
    local position = all.next
    all.next = position + 1
    all.active = all.active + 1
    local task = M.start(all.loop, all.group, all.list[position])
    task.observed = true
    task.on_end = function(ended)
      all.active = all.active - 1
      all.tasks[position] = nil
      all:ended(position, ended)
    end
    all.tasks[position] = task
  end
  if all.active == 0 then all.waiter:wake() end
end

local function cancel_all(all)
  all.failed = true
  for position = 1, #all.list do
    if all.tasks[position] then all.tasks[position]:cancel() end
  end
end

local function ended(all, position, task)
  local err = failure(task)
  if err ~= nil then
    all.errors[position] = err
    all.any = true
    if not all.keep_going and not all.failed then
      all.first = err
      cancel_all(all)
    end
  else
    all.results[position] = task.results[1]
  end
  start_more(all)
end

--- `rt:all`.
function M.all(loop, list, opts)
  if type(list) ~= "table" then error("all: expected a list of functions", 3) end
  options.check("all", ALL_OPTIONS, opts, 3)
  opts = opts or {}
  for position, fn in ipairs(list) do
    if type(fn) ~= "function" then
      error(("all: item %d must be a function, not %s"):format(position, type(fn)), 3)
    end
  end
  if #list == 0 then return { n = 0 } end
  local current = loop:current()
  local all = {
    loop = loop, group = current and current.group, list = list,
    limit = opts.limit or math.huge, keep_going = opts.keep_going,
    next = 1, active = 0, tasks = {}, results = { n = #list }, errors = {},
    waiter = loop:waiter(), ended = ended,
  }
  start_more(all)
  local cancelled = false
  while all.active > 0 do
    local _, why = all.waiter:wait()
    if why == "cancelled" then
      cancelled = true
      cancel_all(all)
    end
  end
  if cancelled then return nil, cancelled_error() end
  if all.any and not all.keep_going then return nil, all.first end
  return all.results, all.any and all.errors or nil
end

return M
