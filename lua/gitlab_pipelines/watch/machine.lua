--- What to do next about one awaited pipeline or job. Pure: the time is an argument, and what it
--- wants done it says.
--
-- A node is what a wait knows of one pipeline: `entry` (the scheduler's: row, stamp, moved_at, and
-- version, which counts the moves), the wait's `session.opts` (on_manual, stuck_after,
-- downstream), and what has been read and played so far.

local core = require "gitlab_pipelines.core"
local freshness = require "gitlab_pipelines.watch.freshness"
local verdict = require "gitlab_pipelines.watch.verdict"

local M = {}

-- Seconds. A pipeline in which nothing moved for QUIET is searched for jobs that no runner took.
-- Trigger jobs are read again after BRIDGES, and SOON where a started downstream is still to show.
local QUIET, BRIDGES, SOON = 300, 30, 5

local function names_left(node)
  local names = node.session.opts.on_manual
  return type(names) == "table" and (node.names_played or 0) < #names
end

-- Does the pipeline stand where a manual job could be played?
local function wants_play(node, status)
  if node.entry.kind == "job" then
    return status == "manual" and node.session.opts.on_manual == "play" and not node.played
  end
  if status == "manual" then return node.session.opts.on_manual == "play" or names_left(node) end
  -- A manual job that may be left alone does not block: its pipeline ends without it.
  return (status == "success" or status == "skipped") and names_left(node)
end

-- After a play: until the status follows, what we hold says nothing.
local function expecting(node, now)
  local expect, entry = node.expect, node.entry
  if not expect then return nil end
  local moved = entry.row.status ~= expect.status
    or (entry.stamp and expect.stamp and entry.stamp > expect.stamp)
  if moved or now >= expect.at then
    node.expect = nil
    return nil
  end
  return expect.at
end

local function earliest(a, b)
  if a and (not b or a < b) then return a end
  return b
end

-- Stuck, or the time at which it could be; the second result asks for the failed jobs.
local function idle(node, status, now, crowded)
  local entry = node.entry
  if node.stuck_version == entry.version then return "stuck" end
  local at
  if verdict.can_be_stuck(status) then
    at = entry.moved_at + node.session.opts.stuck_after
    if now >= at then return "stuck" end
  end
  if node.entry.kind == "job" or node.reading_failed then return nil, nil, at end
  local stuck_after = node.session.opts.stuck_after
  local check = entry.moved_at + (crowded and stuck_after or earliest(QUIET, stuck_after))
  if node.checked_at and node.checked_at >= entry.moved_at then
    check = node.checked_at + node.session.opts.stuck_after
  end
  if now >= check then return nil, "failed_jobs", at end
  return nil, nil, earliest(at, check)
end

--- Sets `node.verdict` and says what is to be done. `crowded`: so many wait that jobs are read
--- for later.
---@return string|nil action "manual_jobs", "failed_jobs" (read them, then `jobs_answer`), "play"
---@return number|nil at when to ask again if nothing happens before; with "play" the job
function M.decide(node, now, crowded)
  node.verdict = nil
  local row = node.entry.row
  if not row or node.entry.stale or node.reading_manual or node.playing then return nil end
  local status = row.status
  if node.to_play then return "play", node.to_play[1] end
  local expected = expecting(node, now)
  if expected then return nil, expected end
  if wants_play(node, status) and node.nothing_to_play ~= node.entry.version then
    if node.entry.kind == "job" then
      node.to_play = { row }
      return "play", row
    end
    return "manual_jobs"
  end
  local own = verdict.of(status)
  if own == "blocked" and node.session.opts.on_manual == "ignore" then own = nil end
  if own then
    node.verdict = own
    return nil
  end
  local stuck, action, at = idle(node, status, now, crowded)
  node.verdict = stuck
  return action, at
end

-- The jobs to be played now: with names the first of them that is there, else all that block.
local function choose(node, jobs)
  local played = node.played or {}
  if type(node.session.opts.on_manual) == "table" then
    for position, name in ipairs(node.session.opts.on_manual) do
      for _, job in ipairs(jobs) do
        if job.name == name and job.status == "manual" and not played[job.id] then
          return { job }, position
        end
      end
    end
    return {}
  end
  local list = {}
  -- GitLab gives the newest first; they are played in the order in which they were made.
  for i = #jobs, 1, -1 do
    local job = jobs[i]
    if job.status == "manual" and not job.allow_failure and not played[job.id] then
      list[#list + 1] = job
    end
  end
  return list
end

--- Would one of these jobs be played?
function M.finds_manual(node, jobs)
  return #choose(node, jobs) > 0
end

--- The filters of "manual_jobs". Where nothing blocks, an answer is as new as the pipeline's status
--- only if all jobs are: so all are read.
function M.manual_filters(node)
  if node.entry.row.status == "manual" then return { scope = { "manual" } } end
  return nil
end

-- Is the answer as new as the pipeline's status? What blocks is in it, or the jobs make up the status.
local function is_fresh(node, jobs)
  local row = node.entry.row
  if row.status ~= "manual" then return freshness.jobs_fit(row, jobs) end
  for _, job in ipairs(jobs) do
    local known = node.played and node.played[job.id]
    if job.status == "manual" and not job.allow_failure and not known then return true end
  end
  return false
end

-- What the node's pipeline shows was seen when it last moved.
local function since_move(node) return freshness.seen(node.entry.moved_at) end

--- The answer to "manual_jobs": what is to be played stands in `node.to_play`. Where the answer is
--- older than the pipeline's status, a replica lags: it is read again.
function M.on_manual_jobs(node, jobs, now)
  local list, entry = choose(node, jobs), node.entry
  if #list > 0 then
    node.to_play = list
  elseif freshness.judge(since_move(node), now, jobs, is_fresh(node, jobs)) == "not yet" then
    node.expect = { status = entry.row.status, stamp = entry.stamp, at = now + SOON }
  else
    node.nothing_to_play = entry.version
  end
end

--- The first job of `node.to_play` was played (or somebody else was faster).
function M.played(node, job, now)
  node.played = node.played or {}
  node.played[job.id] = true
  if type(node.session.opts.on_manual) == "table" then node.names_played = (node.names_played or 0) + 1 end
  table.remove(node.to_play, 1)
  if #node.to_play > 0 then return end
  node.to_play = nil
  node.expect = { status = node.entry.row.status, stamp = node.entry.stamp,
    at = now + freshness.WINDOW }
end

--- The answer to "failed_jobs"; nil when they could not be read.
function M.on_failed_jobs(node, jobs, now)
  node.checked_at = now
  if jobs and verdict.stuck_job(jobs) then node.stuck_version = node.entry.version end
end

--- Must the trigger jobs be read? True, or the time at which they must.
function M.bridges_due(node, now)
  if not node.session.opts.downstream or not node.entry.row then return nil end
  local read_at = node.bridges_read_at
  if not read_at or node.bridges_version ~= node.entry.version then
    node.unsettled = true
    return now
  end
  if core.status.is_finished(node.entry.row.status) then
    return node.bridges_open and read_at + SOON or nil
  end
  return read_at + BRIDGES
end

-- May a trigger job that shows no downstream have made one? Then this replica does not know it yet,
-- or not even that the job has run: in a pipeline that has ended, none is left to run.
local function may_have_made(bridge, pipeline_has_ended)
  if bridge.status == "success" then return true end
  return pipeline_has_ended and not verdict.of(bridge.status)
end

--- The response to the read of the trigger jobs, which was sent when the node's entry had
--- this version. Gives the downstreams, a list of `{row = short form, allow_failure, open}`.
function M.on_bridges(node, bridges, now, version)
  node.bridges_read_at, node.bridges_version = now, version
  local children, open = {}, false
  local ended_all = core.status.is_finished(node.entry.row.status)
  for _, bridge in ipairs(bridges) do
    local downstream = bridge.downstream_pipeline
    local ended = core.status.is_finished(bridge.status)
    if type(downstream) == "table" then
      children[#children + 1] = {
        row = downstream, allow_failure = bridge.allow_failure, open = not ended,
      }
    elseif may_have_made(bridge, ended_all) then
      open = true
    end
  end
  open = freshness.judge(since_move(node), now, bridges, not open) == "not yet"
  node.bridges_open = open
  node.unsettled = open
  return children
end

return M
