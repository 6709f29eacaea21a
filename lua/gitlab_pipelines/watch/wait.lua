--- A wait: follows its pipelines through the scheduler, does what the machine asks for, and
--- returns when there is a verdict.
--
-- What is learned is dealt with where it is learned: in the scheduler's task, or in that of the
-- read (jobs, trigger jobs, plays) whose response it is. Nothing of that waits. The task that
-- waits does nothing else until all is decided; only `on_change` is called in it, so it may call
-- whatever it likes. So ten thousand of them stand on small stacks, and a cancel takes effect at
-- once.

local aside = require "gitlab_pipelines.runtime.shared_stack"
local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local freshness = require "gitlab_pipelines.watch.freshness"
local machine = require "gitlab_pipelines.watch.machine"
local outcomes = require "gitlab_pipelines.client.response_errors"
local reading = require "gitlab_pipelines.watch.reading"
local scheduler = require "gitlab_pipelines.watch.scheduler"
local verdict = require "gitlab_pipelines.watch.verdict"

local M = {}

-- With more than so many awaited, jobs that no runner took are looked for less often.
local CROWD = 50

-- Pipelines of one tree: GitLab makes no more. A server that shows more and more of them must not keep
-- us following them.
local MOST_IN_TREE = 1001

local update

-- Deals with what was learned about a node: an event, the response to a read, or that it is time.
-- A mistake that comes up here belongs to who waits.
local function deliver(session, node, event, apply, response, err)
  local ok, raised = pcall(update, session, node, event, apply, response, err)
  if not ok then session.raised = { raised } end
  if not ok or session.open == 0 then session.waiter:wake() end
end

-- Sends a read or a play in a task of its own, and applies the response.
local function request(session, node, apply, read, ...)
  local task = session.watcher.rt:background(function(...)
    local ok, response, err = pcall(read, ...)
    if not ok then return deliver(session, node, { raised = response }) end
    deliver(session, node, nil, apply, response, err)
  end, ...)
  local tasks = session.requests or { limit = 2 }
  session.requests = tasks
  tasks[#tasks + 1] = task
  -- Those that are done need no cancelling at the end.
  if #tasks < tasks.limit then return end
  local open = {}
  for _, other in ipairs(tasks) do
    if not other.state then open[#open + 1] = other end
  end
  open.limit = math.max(2, 2 * #open)
  session.requests = open
end

-- What a wait knows of one pipeline: a follow of the scheduler's, a node of the machine's and a
-- timer of the loop's in one small table, for there may be ten thousand. Where only one is awaited
-- this table is the session too.
local Node = {}
Node.__index = Node

function Node:on_event(event)
  deliver(self.session, self, event)
end

-- It is time to look what is to be done next.
function Node:fire()
  deliver(self.session, self)
end

-- Begins to follow. A root is the node of a pipeline that the caller awaits; with `downstream` it has
-- `nodes`, the whole tree as far as it is known, and each other node of the tree knows its root.
local function begin(node, session, kind, project, id, row)
  local opts = session.opts
  node.session = session
  if opts.downstream then
    node.unsettled = true
    if not node.root then node.nodes = { node } end
  end
  session.watcher.scheduler:follow(node, kind, project, id, {
    interval = opts.interval, appear = opts.appear, row = row,
    rows = opts.on_change ~= nil,
  })
  if node.entry.row then deliver(session, node, { row = node.entry.row }) end
  return node
end

-- The arguments that a read about the node begins with.
local function target(node)
  return node.entry.project.name, node.entry.id
end

local function stop(node)
  node.session.watcher.scheduler:stop(node)
  node.session.watcher.rt:disarm(node)
end

local function rest(node, resting)
  node.session.watcher.scheduler:rest(node, resting)
end

local subscribe

local function new_session(watcher, opts, open)
  local rt = watcher.rt
  local session = setmetatable({
    watcher = watcher, opts = opts, waiter = rt:waiter(), open = open,
    deadline = rt:now() + opts.timeout,
  }, Node)
  if opts.wake then subscribe(session) end
  return session
end

local function roots_of(session)
  return session.roots or { session }
end

-- The nodes of a root.
local function nodes_of(root)
  return root.nodes or { root }
end

-- What the machine asks for --------------------------------------------------------------------

-- Somebody else may have played it, or it is not known whether we did: the status will show it.
local function may_have_been_played(err)
  return errors.is_error(err) and (err.retryable or err.unknown_outcome
    or err:is "JobError.JobNotPlayable" or err:is "PipelineError.UnknownOutcome")
end

local function played(session, node, job, err)
  node.playing = nil
  if job == nil and not may_have_been_played(err) then return err end
  machine.played(node, node.to_play[1], session.watcher.rt:now())
  session.watcher.scheduler:wake((target(node)))
end

local function manual_jobs(session, node)
  local project, id = target(node)
  local jobs, err = session.watcher.source.jobs(project, id, machine.manual_filters(node))
  if not jobs or machine.finds_manual(node, jobs) then return jobs, err end
  -- A trigger job can be manual too, and is not in the list of jobs.
  local bridges
  bridges, err = session.watcher.source.bridges(project, id)
  if not bridges then return nil, err end
  for _, bridge in ipairs(bridges) do jobs[#jobs + 1] = bridge end
  return jobs
end

-- Is this error of a read about the node's jobs tolerated? `count` is how many came in a row.
-- Where there is no such pipeline, a replica does not know it yet; if it is gone, the scheduler's
-- own reads report that before this gives up.
local function tolerated(session, node, err, count)
  if errors.is_error(err) and err:is "AccessError.PipelineNotFound" then
    local now = session.watcher.rt:now()
    node.unseen = node.unseen or freshness.seen(now)
    return freshness.judge(node.unseen, now, nil) == "not yet"
  end
  return count <= 5 and (not errors.is_error(err) or err.retryable)
end

local function on_manual_jobs(session, node, jobs, err)
  node.reading_manual = nil
  node.manual_errors = jobs and 0 or (node.manual_errors or 0) + 1
  if jobs then
    node.unseen = nil
    machine.on_manual_jobs(node, jobs, session.watcher.rt:now())
  elseif not tolerated(session, node, err, node.manual_errors) then
    return err
  else
    node.expect = { status = node.entry.row.status, stamp = node.entry.stamp,
      at = session.watcher.rt:now() + 5 }
  end
end

local function on_failed_jobs(session, node, jobs)
  node.reading_failed = nil
  machine.on_failed_jobs(node, jobs, session.watcher.rt:now())
end

local function known_child(root, row)
  for _, node in ipairs(root.nodes) do
    local project, id = target(node)
    local known = node.entry.row
    if id == row.id and (project == row.project_id or known and known.project_id == row.project_id)
    then
      return node
    end
  end
end

-- Nodes that hang on no trigger job any more (it was retried) are not waited for.
local function drop_orphans(root)
  local reached, kept = { [root] = true }, {}
  local function reach(node)
    for _, child in ipairs(node.children or {}) do
      if not reached[child.node] then
        reached[child.node] = true
        reach(child.node)
      end
    end
  end
  reach(root)
  for _, node in ipairs(root.nodes) do
    if reached[node] then kept[#kept + 1] = node else stop(node) end
  end
  root.nodes = kept
end

local function on_bridges(session, node, bridges, err)
  -- What has moved since the read is not in the response.
  local version = node.reading_bridges
  node.reading_bridges = nil
  if not bridges then
    node.bridge_errors = (node.bridge_errors or 0) + 1
    node.bridges_retry_at = session.watcher.rt:now() + 5
    return not tolerated(session, node, err, node.bridge_errors) and err or nil
  end
  node.bridge_errors, node.bridges_retry_at, node.unseen = 0, nil, nil
  local root, children = node.root or node, machine.on_bridges(node, bridges,
    session.watcher.rt:now(), version)
  for _, child in ipairs(children) do
    local row = child.row
    child.node = known_child(root, row)
    if not child.node and #root.nodes >= MOST_IN_TREE then
      return errors.new("ServerError.InvalidResponse", { operation = "pipelines.wait",
        message = ("the tree has more than %d pipelines"):format(MOST_IN_TREE) })
    end
    if not child.node then
      child.node = begin(setmetatable({ root = root }, Node), session, "pipeline", row.project_id,
        row.id, row)
      root.nodes[#root.nodes + 1] = child.node
    end
    child.row = nil
  end
  node.children = children
  drop_orphans(root)
end

local function read_bridges(session, node)
  local now = session.watcher.rt:now()
  -- Also while a response is on its way: it may be from before the last move, and then settles nothing.
  local due = machine.bridges_due(node, now)
  if not due or node.reading_bridges then return nil end
  due = math.max(due, node.bridges_retry_at or due)
  if due > now then return due end
  node.reading_bridges = node.entry.version
  request(session, node, on_bridges, session.watcher.source.bridges, target(node))
end

local function earliest(a, b)
  if a and (not b or a < b) then return a end
  return b
end

-- Does what is to be done about one node, and sets its timer.
local function step_node(session, node)
  local now = session.watcher.rt:now()
  local action, at = machine.decide(node, now, session.watcher.scheduler.awaited > CROWD)
  if action == "manual_jobs" then
    node.reading_manual = true
    request(session, node, on_manual_jobs, manual_jobs, session, node)
  elseif action == "failed_jobs" then
    node.reading_failed = true
    local project, id = target(node)
    request(session, node, on_failed_jobs, session.watcher.source.jobs, project, id,
      { scope = { "failed" } })
  elseif action == "play" then
    node.playing = true
    request(session, node, played, session.watcher.source.play, (target(node)), at.id)
    at = nil
  end
  at = earliest(at, read_bridges(session, node))
  if node.index and node.at == at then return end
  local rt = session.watcher.rt
  rt:disarm(node)
  node.at = at
  if at and not node.stopped then rt:arm(node) end
end

-- Ends and beginnings --------------------------------------------------------------------------

local function ended(session, root, result)
  root.result = result
  session.open = session.open - 1
  for _, node in ipairs(nodes_of(root)) do
    -- Whoever waits for many goes on listening: a retry makes an ended one run again.
    rest(node, true)
  end
end

local function reopened(session, root)
  root.result = nil
  session.open = session.open + 1
  for _, node in ipairs(nodes_of(root)) do rest(node, false) end
end

local function step(session, root)
  for _, node in ipairs(nodes_of(root)) do step_node(session, node) end
  local found
  if session.opts.downstream then found = verdict.tree(root) else found = root.verdict end
  if found and not root.result then
    ended(session, root, { verdict = found })
  elseif found then
    root.result.verdict = found
  elseif root.result then
    reopened(session, root)
  end
end

function update(session, node, event, apply, response, err)
  if node.stopped then return end
  local root, problem = node.root or node, nil
  if event then
    if event.raised ~= nil then error(event.raised, 0) end
    problem = event.err
    if event.row and session.opts.on_change then
      local inbox = session.inbox or {}
      inbox[#inbox + 1] = { node = node, row = event.row, old_status = event.old_status }
      session.inbox = inbox
      session.waiter:wake()
    end
  elseif apply then
    problem = apply(session, node, response, err)
  end
  if problem ~= nil then
    if not root.result then ended(session, root, { err = problem }) end
  elseif not (root.result and root.result.err) then
    step(session, root)
  end
end

-- In the task that waits: reports the changes that have come.
local function report_changes(session)
  local on_change, inbox = session.opts.on_change, session.inbox
  session.inbox = nil
  for i = 1, #inbox do
    local change = inbox[i]
    if session.roots then
      on_change((target(change.node)), change.row, change.old_status)
    else
      on_change(change.row, change.old_status)
    end
  end
end

local function poll_once_more(session)
  for _, root in ipairs(roots_of(session)) do
    for _, node in ipairs(root.result and {} or nodes_of(root)) do
      session.watcher.scheduler:poll_soon(node)
    end
  end
end

-- Until all are decided, or time is up, or the task is cancelled: nil, or the error. Most of a
-- wait's memory is the stack on which this function stands while it waits: it is kept small.
local function work(session)
  local _, why
  local wake_at = session.deadline - scheduler.LAST_POLL
  while why ~= "cancelled" do
    while session.inbox do report_changes(session) end
    if session.raised then error(session.raised[1], 0) end
    if session.open == 0 then return nil end
    if why and wake_at == session.deadline then return errors.new("WaitError.TimedOut") end
    if why then
      poll_once_more(session)
      wake_at = session.deadline
    end
    _, why = session.waiter:wait(wake_at)
  end
  return errors.new("TaskError.Cancelled", { message = "the wait was cancelled" })
end

local function close(session)
  if session.unsubscribe then session.unsubscribe() end
  for _, root in ipairs(roots_of(session)) do
    for _, node in ipairs(nodes_of(root)) do stop(node) end
  end
  for _, task in ipairs(session.requests or {}) do task:cancel() end
end

-- The pipelines that nobody waits for any more and that nobody else should pay for.
local function cancel_unfinished(session)
  for _, root in ipairs(roots_of(session)) do
    for _, node in ipairs(root.result and {} or nodes_of(root)) do
      local row = node.entry.row
      if node.entry.kind == "pipeline" and not (row and core.status.is_finished(row.status)) then
        session.watcher.source.cancel(target(node))
      end
    end
  end
end

-- A webhook event names its project and pipeline by number or as objects.
local function id_of(value)
  if type(value) == "table" then return value.id end
  return value
end

function subscribe(session)
  local polled = session.watcher.scheduler
  session.unsubscribe = session.opts.wake:subscribe(function(event)
    local project = id_of(event.project)
    if project then polled:wake(project, id_of(event.pipeline)) end
  end)
end

-- What had not ended when time was up: of a tree whose root has, the first below it that has not.
local function left_open(root)
  for _, node in ipairs(nodes_of(root)) do
    local row = node.entry.row
    if not (row and core.status.is_finished(row.status)) then return node end
  end
  return root
end

local function describe(session)
  local node = left_open(session)
  local row = node.entry.row
  local project, id = target(node)
  return ("%s %s of %s %s after %g s"):format(node.entry.kind, tostring(id), tostring(project),
    row and "was still " .. outcomes.one_line(row.status) or "had not appeared", session.opts.timeout)
end

local function finish(session, ok, err)
  -- Before anything is cancelled.
  if ok and err and err:is "WaitError.TimedOut" and session.entry then
    err.message = describe(session)
  end
  if ok and err and session.opts.cancel_on_timeout then cancel_unfinished(session) end
  close(session)
  if not ok then error(err, 0) end
  return err
end

-- Runs the session to its end, beyond which no follow of it lives; `conclude` makes the results.
local function run(session, conclude)
  return conclude(session, finish(session, pcall(work, session)))
end

local function completed(session, node)
  local entry = node.entry
  if not entry.gist and (entry.full or not session.opts.full) then return entry.row end
  return reading.whole(session.watcher.rt, session.watcher.source, entry, session.deadline)
end

local function one_result(session, err)
  if err then return nil, err end
  if session.result.err then return nil, session.result.err end
  return completed(session, session), session.result.verdict
end

local function begin_one(watcher, kind, project, id, opts)
  local session = new_session(watcher, opts, 1)
  return begin(session, session, kind, project, id)
end

--- Waits for one pipeline or job. `opts` are checked options (watch/init.lua).
---@return table|nil row
---@return any verdict, or the error
function M.one(watcher, kind, project, id, opts)
  return run(aside.call(begin_one, watcher, kind, project, id, opts), one_result)
end

local function begin_many(watcher, list, opts)
  local session = new_session(watcher, opts, #list)
  local roots = {}
  session.roots, session.list = roots, list
  for i, item in ipairs(list) do
    roots[i] = begin(setmetatable({}, Node), session, "pipeline", item[1], item[2])
  end
  return session
end

local function many_results(session, err)
  if err then
    if err:is "WaitError.TimedOut" then
      err.message = ("%d of %d pipelines had not ended after %g s"):format(session.open,
        #session.roots, session.opts.timeout)
    end
    return nil, err
  end
  local results = {}
  for i, root in ipairs(session.roots) do
    local item, result = session.list[i], root.result
    results[i] = {
      project = item[1], id = item[2], verdict = result.verdict, err = result.err,
      pipeline = result.err and root.entry.row or completed(session, root),
    }
  end
  return results
end

--- Waits for many pipelines: `{project, id}` each.
---@return table|nil results `{project, id, pipeline, verdict, err}` in the order of the list
---@return table|nil err
function M.many(watcher, list, opts)
  return run(aside.call(begin_many, watcher, list, opts), many_results)
end

return M
