--- One poll scheduler for all waits of a client.
--
-- Whoever waits follows a pipeline (or a job). Those of one project are polled at together: with
-- two or more, one list request brings what has changed lately, of them and of strangers; only
-- what the list cannot show is read alone. So a poll never costs more requests than pipelines
-- are awaited, and a thousand waits in ten projects cost ten.
--
-- A search is followed in the same way: the first pipeline of a ref and commit, which turns up in
-- the project's list when it is made.
--
-- The scheduler decides nothing about a wait. It calls `follow:on_event(event)` with
-- `{row, old_status}`, `{err}`, `{raised}` or `{}` (what is known is so still), and after each poll
-- `follow:on_poll()` where there is one, from inside the loop: the callee must not wait.

local errors = require "gitlab_pipelines.errors"
local freshness = require "gitlab_pipelines.watch.freshness"
local held = require "gitlab_pipelines.watch.kept_row"
local recent = require "gitlab_pipelines.watch.recent"
local time = require("gitlab_pipelines.core").time
local verdict = require "gitlab_pipelines.watch.verdict"

local M = {}

-- Seconds. Rows whose change became visible late are found again as long as they lag less than
-- OVERLAP; what the list has not shown for UNSEEN is read alone.
local OVERLAP, UNSEEN = 90, 300
-- Events that wake us come in swarms.
local BETWEEN_POLLS = 1
local ERRORS_TOLERATED = 5
local STALE = 2
local PER_PAGE = 100
local READ_AT_ONCE = 8
-- So few of which nothing is known yet are read alone at once; a list would not be cheaper.
local FEW = 4

--- Seconds before its deadline at which whoever waits has everything polled once more.
M.LAST_POLL = 2

local INTERVAL = { min = 2, max = 30, factor = 1.5 }

local Scheduler = {}
Scheduler.__index = Scheduler

--- A scheduler over a source of rows (see watch/init.lua) and a runtime.
function M.new(source, rt)
  return setmetatable({
    source = source, rt = rt, awaited = 0,
    projects = {}, order = {}, recent = recent.new(rt),
  }, Scheduler)
end

-- Where a project keeps its entries of each kind.
local MAPS = { pipeline = "pipelines", job = "jobs", search = "searches" }

local function search_key(ref, sha) return ref .. " " .. sha end

local function entries_of(p, kind) return p[MAPS[kind]] end

-- 17, 17.0 and "17" are one project.
local function key_of(project)
  if type(project) == "number" then return ("%d"):format(project) end
  return project
end

local function project_of(s, project)
  local key = key_of(project)
  local p = s.projects[key]
  if p then return p end
  p = {
    scheduler = s, key = key, name = project,
    pipelines = {}, jobs = {}, searches = {}, list = {},
    newest = {}, list_errors = { main = 0, child = 0 }, last_poll = -math.huge,
  }
  s.projects[key] = p
  s.order[#s.order + 1] = p
  return p
end

-- Timing ---------------------------------------------------------------------------------------

local poll

local function begin_poll(p)
  local s = p.scheduler
  p.timer = nil
  p.polling = s.rt:background(poll, s, p)
end

-- The next poll of a project is at `at` or before.
local function schedule(s, p, at)
  if p.polling then
    if not p.again or at < p.again then p.again = at end
    return
  end
  if p.timer then
    if p.timer.at <= at then return end
    p.timer:cancel()
  end
  p.timer = s.rt:after(at - s.rt:now(), begin_poll, p)
end

-- Within the interval's bounds, so that many clients do not fall into step.
local function jittered(s, p)
  local low = math.max(p.min, p.interval * 0.85)
  local high = math.max(low, math.min(p.max, p.interval * 1.15))
  return low + (high - low) * s.rt:random()
end

-- Something happened: poll often again.
local function stir(p)
  p.interval = p.min
  p.stirred = true
end

-- Entries --------------------------------------------------------------------------------------

local function copy(list)
  local result = {}
  for i = 1, #list do result[i] = list[i] end
  return result
end

local function notify(entry, event)
  -- A follow may be stopped by what another one does with the event.
  for _, follow in ipairs(copy(entry.follows)) do
    if not follow.stopped then follow:on_event(event) end
  end
end

-- Holds a row: whole when it is an end, for that is what the waits return; else as much of it as
-- is needed.
local function hold(entry, row, alone)
  entry.gist, entry.full = nil, nil
  if verdict.of(row.status) then
    entry.row, entry.full = row, alone or nil
  elseif entry.rows then
    entry.row = held.brief(row)
  else
    entry.row, entry.gist = held.gist(row), true
  end
end

-- A row that counts: keeps it and notifies those who follow.
local function keep(s, entry, row, alone)
  local old_status = entry.row and entry.row.status
  hold(entry, row, alone)
  entry.stamp = freshness.stamp(row)
  entry.moved_at, entry.version = s.rt:now(), entry.version + 1
  if row.status ~= old_status then
    stir(entry.project)
    notify(entry, { row = row, old_status = old_status })
  end
end

-- What was known from before has been confirmed, or replaced.
local function freshened(entry)
  if not entry.stale then return end
  entry.stale = nil
  notify(entry, {})
end

-- The project's number as a key, where a row shows it.
local function number_of(row)
  local number = row.project_id or type(row.pipeline) == "table" and row.pipeline.project_id
  return number and key_of(number) or nil
end

-- A response about the entry; `alone`: it was read by itself.
local function take(s, entry, row, alone)
  local how = freshness.age(entry.kind, entry, row, alone)
  -- Seen for the first time: another replica may not know it yet.
  if not entry.row then freshness.expect(entry, s.rt:now()) end
  freshness.judge(entry, s.rt:now(), row)
  entry.recheck_at = nil
  -- Events name the project by its number, also where it is awaited by its path.
  local p = entry.project
  p.number = p.number or number_of(row)
  entry.doubtful = how == "doubtful" or nil
  if how ~= "older" or alone then entry.shown_at = s.rt:now() end
  if how == "new" then
    keep(s, entry, row, alone)
  elseif how == "same" and alone and not entry.full then
    -- The same news with more fields.
    hold(entry, row, alone)
  end
  freshened(entry)
end

local function fail(entry, err)
  notify(entry, { err = err })
end

-- Errors that no retry mends.
local function is_definite(err)
  return errors.is_error(err) and (err.category == "AuthenticationError"
    or err.category == "ConfigurationError" or err.category == "AccessError"
    or err.category == "TaskError")
end

local function is_missing(entry, err)
  if not errors.is_error(err) then return false end
  return err:is "AccessError.PipelineNotFound"
    or (entry.kind == "job" and err:is "AccessError.JobNotFound")
end

-- A 404: not visible yet, perhaps gone, or gone.
local function missing(s, entry, err)
  local decision, again = freshness.judge(entry, s.rt:now(), nil)
  if decision == "not yet" then
    entry.recheck_at = again
    -- A first 404 that nothing excuses is confirmed at once.
    if entry.missing_since then schedule(s, entry.project, again) end
    return
  end
  if not entry.row then return fail(entry, err) end
  fail(entry, errors.new("WaitError.Deleted", {
    message = ("%s %d of %s was deleted while it was awaited"):format(entry.kind, entry.id,
      tostring(entry.project.name)),
    operation = err.operation, status = err.status,
  }))
end

local function refused(s, entry, err)
  if is_missing(entry, err) then return missing(s, entry, err) end
  entry.errors = (entry.errors or 0) + 1
  if is_definite(err) or entry.errors > ERRORS_TOLERATED then return fail(entry, err) end
  local p = entry.project
  if type(err) == "table" and type(err.retry_after) == "number" then
    p.not_before = math.max(p.not_before or 0, s.rt:now() + err.retry_after)
  end
end

-- Polling --------------------------------------------------------------------------------------

-- Looks in the whole project once; from then on its list shows what is new.
local function search_alone(s, entry)
  local rows, err = s.source.list(entry.project.name, { ref = entry.id.ref, sha = entry.id.sha,
    per_page = 1 })
  if entry.gone then return end
  if not rows then return refused(s, entry, err) end
  entry.errors, entry.recheck_at = nil, s.rt:now() + UNSEEN
  if rows[1] then take(s, entry, rows[1], true) end
end

local function read_alone(s, entry)
  if entry.kind == "search" then return search_alone(s, entry) end
  local source = s.source
  local read = entry.kind == "job" and source.job or source.get
  local row, etag = read(entry.project.name, entry.id, entry.etag)
  if entry.gone then return end
  if row == nil then
    local err = etag
    return refused(s, entry, err)
  end
  entry.errors = nil
  if row == false then
    freshness.judge(entry, s.rt:now(), true)
    entry.shown_at, entry.recheck_at = s.rt:now(), nil
    freshened(entry)
    return
  end
  entry.etag = etag
  take(s, entry, row, true)
end

-- Is this a pipeline that somebody looks for? The list shows only what is newer than the search.
local function take_found(s, p, row)
  if not next(p.searches) or not row.ref or not row.sha then return end
  local entry = p.searches[search_key(row.ref, row.sha)]
  if entry and not entry.gone and entry.recheck_at then take(s, entry, row, false) end
end

-- Rows of one page: what we follow is taken, what strangers do only moves the window.
local function take_rows(s, p, rows, newest)
  for _, row in ipairs(rows) do
    local stamp = freshness.stamp(row)
    if stamp and (not newest or stamp > newest) then newest = stamp end
    local entry = p.pipelines[row.id]
    if entry and not entry.gone then
      entry.errors = nil
      take(s, entry, row, false)
    end
    take_found(s, p, row)
  end
  return newest
end

local function count_unknown(entries)
  local count = 0
  for _, entry in ipairs(entries) do
    if not entry.row and entry.kind ~= "search" then count = count + 1 end
  end
  return count
end

-- Reads what has changed in the project lately: `which` is "main" or "child". Returns how many
-- requests that took; false when the list cannot be had.
local function read_list(s, p, which, entries, budget)
  local since = p.newest[which]
  local unknown = count_unknown(entries)
  local newest, page, used = since, nil, 0
  repeat
    local rows, next_page = s.source.list(p.name, {
      order_by = "updated_at", sort = "desc", per_page = PER_PAGE, page = page,
      source = which == "child" and "parent_pipeline" or nil,
      updated_after = since and time.iso(since - OVERLAP) or nil,
    })
    used = used + 1
    if not rows then
      local err = next_page
      p.list_errors[which] = p.list_errors[which] + 1
      if type(err) == "table" and type(err.retry_after) == "number" then
        p.not_before = math.max(p.not_before or 0, s.rt:now() + err.retry_after)
      end
      return used, err
    end
    p.list_errors[which] = 0
    newest = take_rows(s, p, rows, newest)
    page = next_page
    -- The first poll of a project has no window: it goes on while it may still find somebody.
    local more = since or count_unknown(entries) > 0 and used <= math.ceil(unknown / PER_PAGE)
  until not page or used >= budget or not more
  p.newest[which] = newest
  -- So much happens here that the list costs what reading each alone does, and shows less.
  if page and since and used >= budget then p.crowded_until = s.rt:now() + UNSEEN end
  return used
end

-- A list that failed: tolerated some times, then everybody who depends on it hears of it. Where
-- the list is refused for good, each is read alone.
local function list_failed(p, which, entries, err)
  if is_definite(err) then
    p.no_list = true
    return
  end
  if p.list_errors[which] <= ERRORS_TOLERATED then return end
  for _, entry in ipairs(entries) do
    if not entry.gone then fail(entry, err) end
  end
end

local function append(list, more)
  for _, item in ipairs(more) do list[#list + 1] = item end
  return list
end

-- Must this entry be read alone, after the lists have been read?
local function wants_reading(entry, now)
  if entry.gone then return false end
  if entry.recheck_at then return now >= entry.recheck_at end
  if not entry.row or entry.doubtful or entry.stale then return true end
  if entry.kind == "search" then return false end
  -- Entries that began together shall not be read alone together.
  local spread = entry.id * 0.6180339887 % 1 * OVERLAP / 3
  return now - entry.shown_at >= UNSEEN + spread
end

-- Sorts what is awaited: those that only reading alone can show, those of the two lists, and
-- those of which it is not known in which list they are; and as many requests as are awaited.
local function sort_out(p)
  local due, kept = { alone = {}, main = {}, child = {}, unknown = {}, budget = 0 }, {}
  for _, entry in ipairs(p.list) do
    if not entry.gone then
      kept[#kept + 1] = entry
      if entry.awaited > 0 then
        due.budget = due.budget + 1
        local list = due.unknown
        if entry.kind == "job" then list = due.alone
        elseif entry.kind == "search" then list = due.main
        elseif entry.row then
          list = entry.row.source == "parent_pipeline" and due.child or due.main
        end
        list[#list + 1] = entry
      end
    end
  end
  p.list = kept
  return due
end

local function still_unknown(unknown)
  local list = {}
  for _, entry in ipairs(unknown) do
    if not entry.row and not entry.gone then list[#list + 1] = entry end
  end
  return list
end

-- Reads a list, if that saves requests, and adds to `due.alone` those of its own that must be read
-- alone all the same. Returns whether the list was read, and whether it failed.
local function poll_list(s, p, which, due)
  local known = due[which]
  local entries = append(copy(known), due.unknown)
  if #entries < 2 or #known == 0 and #due.unknown <= FEW or p.no_list or due.budget < 1 then
    append(due.alone, known)
    return false
  end
  local used, err = read_list(s, p, which, entries, due.budget)
  due.budget = due.budget - used
  if err then list_failed(p, which, entries, err) end
  local now = s.rt:now()
  for _, entry in ipairs(known) do
    if wants_reading(entry, now) then due.alone[#due.alone + 1] = entry end
  end
  return true, err ~= nil and not p.no_list
end

-- What the lists leave to be read alone, and how many requests may be spent on it: never more
-- in all than pipelines are awaited.
local function poll_lists(s, p)
  local due = sort_out(p)
  local alone = due.alone
  if p.crowded_until and s.rt:now() < p.crowded_until then
    return append(append(append(alone, due.main), due.child), due.unknown), due.budget
  end
  local main_read, failed = poll_list(s, p, "main", due)
  due.unknown = still_unknown(due.unknown)
  local child_read
  if not failed then child_read, failed = poll_list(s, p, "child", due) end
  -- Where a list is silent because it fails, reading alone would fail too.
  if failed then return alone, due.budget end
  local now = s.rt:now()
  for _, entry in ipairs(still_unknown(due.unknown)) do
    -- One that is not visible yet will turn up in the list, if there is one.
    if not (main_read or child_read) or wants_reading(entry, now) then
      alone[#alone + 1] = entry
    end
  end
  return alone, due.budget
end

local function poll_now(s, p)
  local alone, budget = poll_lists(s, p)
  local reads = {}
  for _, entry in ipairs(alone) do
    if #reads >= budget then break end
    if not entry.gone then
      reads[#reads + 1] = function() read_alone(s, entry) return true end
    end
  end
  if #reads == 1 then return reads[1]() end
  local _, err = s.rt:all(reads, { limit = READ_AT_ONCE })
  if err ~= nil then error(err, 0) end
end

local function any_awaited(p)
  for _, entry in ipairs(p.list) do
    if not entry.gone and entry.awaited > 0 then return true end
  end
  return false
end

local function notify_of_poll(p)
  for _, entry in ipairs(p.list) do
    for _, follow in ipairs(entry.gone and {} or entry.follows) do
      if follow.on_poll then follow:on_poll() end
    end
  end
end

-- The task of one poll; then it arranges the next.
function poll(s, p)
  p.last_poll, p.stirred, p.again = s.rt:now(), false, nil
  local ok, raised = pcall(poll_now, s, p)
  p.polling = nil
  if not ok then
    -- A mistake in the source must reach those who wait, not vanish in this task.
    for _, entry in ipairs(copy(p.list)) do
      if not entry.gone then notify(entry, { raised = raised }) end
    end
  end
  notify_of_poll(p)
  if not any_awaited(p) then return end
  if not p.stirred then p.interval = math.min(p.max, p.interval * p.factor) end
  local now = s.rt:now()
  local at = now + jittered(s, p)
  if p.again and p.again < at then at = math.max(p.again, now) end
  if p.not_before then
    at = math.max(at, p.not_before)
    p.not_before = nil
  end
  schedule(s, p, at)
end

-- Following ------------------------------------------------------------------------------------

local function entry_of(s, p, kind, id)
  local map = entries_of(p, kind)
  local key = kind == "search" and search_key(id.ref, id.sha) or id
  local entry = map[key]
  if entry then return entry end
  local now = s.rt:now()
  entry = {
    kind = kind, project = p, id = id, key = key, follows = {}, awaited = 0, version = 0,
    shown_at = now, moved_at = now,
  }
  local remembered = kind ~= "search" and s.recent:get(p.key, kind, id)
  if remembered then
    freshness.expect(entry, remembered.seen_at)
    entry.row, entry.stamp = remembered.row, freshness.stamp(remembered.row)
    entry.gist = not verdict.of(remembered.row.status) or nil
    entry.shown_at = remembered.at
  end
  map[key] = entry
  p.list[#p.list + 1] = entry
  return entry
end

-- A project is polled at as often as the most impatient of its followers wants.
local function widen(p, interval)
  interval = interval or INTERVAL
  p.min = math.min(p.min or math.huge, interval.min or INTERVAL.min)
  p.max = math.max(p.min, math.min(p.max or math.huge, interval.max or INTERVAL.max))
  p.factor = math.min(p.factor or math.huge, interval.factor or INTERVAL.factor)
end

local function interval_again(p)
  p.min, p.max, p.factor = nil, nil, nil
  for _, entry in ipairs(p.list) do
    for _, follow in ipairs(entry.follows) do widen(p, follow.interval) end
  end
end

--- Follows a pipeline, a job or a search: polling begins now. `follow` is the follower's own table, with a
--- method `on_event`; it gets the field `entry`, whose `row` is what is known already: whole when it
--- is an end, else the gist of it, with `rows` what lists show.
---@param follow table
---@param kind string "pipeline", "job" or "search"
---@param project number|string
---@param id number|table the number; of a search `{ref, sha}`
---@param opts table `interval`, `appear`, `rows`, and `row` (an older one to begin with)
function Scheduler:follow(follow, kind, project, id, opts)
  local p = project_of(self, project)
  local entry = entry_of(self, p, kind, id)
  local now = self.rt:now()
  if opts.appear then freshness.expect(entry, now, opts.appear) end
  entry.rows = entry.rows or opts.rows or nil
  if opts.row and not entry.row then
    freshness.expect(entry, now)
    hold(entry, opts.row)
    entry.stamp = freshness.stamp(opts.row)
  end
  -- An end that was seen a while ago may have been undone by a retry since: it is a floor for
  -- what replicas say, and no verdict before it was polled at once more.
  if entry.row and verdict.of(entry.row.status) and now - entry.shown_at > STALE
  then
    entry.stale = true
  end
  follow.entry, follow.interval = entry, opts.interval
  entry.follows[#entry.follows + 1] = follow
  widen(p, follow.interval)
  entry.awaited = entry.awaited + 1
  self.awaited = self.awaited + 1
  stir(p)
  schedule(self, p, now)
end

local function remove_project(s, p)
  if p.timer then p.timer:cancel() end
  -- A poll for nobody: its request is withdrawn.
  if p.polling then p.polling:cancel() end
  s.projects[p.key] = nil
  for i, other in ipairs(s.order) do
    if other == p then table.remove(s.order, i) break end
  end
end

-- Nobody follows the entry any more. The project's list forgets it at the next poll.
local function drop(s, entry)
  entry.gone = true
  local p = entry.project
  -- Whoever reads next must not meet an older state than the end that was reported.
  if entry.kind ~= "search" and entry.row and verdict.of(entry.row.status) then
    s.recent:put(p.key, entry.kind, entry.row,
      entry.visible_by and entry.visible_by - freshness.WINDOW)
  end
  entries_of(p, entry.kind)[entry.key] = nil
  if not (next(p.pipelines) or next(p.jobs) or next(p.searches)) then remove_project(s, p) end
end

--- Ends the following.
function Scheduler:stop(follow)
  if follow.stopped then return end
  local entry = follow.entry
  for i, other in ipairs(entry.follows) do
    if other == follow then table.remove(entry.follows, i) break end
  end
  self:rest(follow, true)
  follow.stopped = true
  if #entry.follows == 0 then drop(self, entry) end
  if follow.interval then interval_again(entry.project) end
end

--- A follow at rest causes no request, and still hears what others' requests bring.
---@param follow table
---@param resting boolean
function Scheduler:rest(follow, resting)
  if follow.stopped or (follow.resting or false) == resting then return end
  follow.resting = resting
  local entry = follow.entry
  local change = resting and -1 or 1
  entry.awaited = entry.awaited + change
  self.awaited = self.awaited + change
  if not resting then
    stir(entry.project)
    schedule(self, entry.project, self.rt:now())
  end
end

-- Hints ----------------------------------------------------------------------------------------

local function hurry(s, p)
  stir(p)
  schedule(s, p, math.max(s.rt:now(), p.last_poll + BETWEEN_POLLS))
end

--- Polls the project of a follow now, once, whatever its interval has grown to.
---@param follow table
function Scheduler:poll_soon(follow)
  local p = follow.entry.project
  schedule(self, p, math.max(self.rt:now(), p.last_poll + BETWEEN_POLLS))
end

--- What the follow reads beside its entry has moved: its project is polled at often again.
function Scheduler:moved(follow)
  local p = follow.entry.project
  stir(p)
  schedule(self, p, self.rt:now() + p.min)
end

--- Polls a project now: an event said that something happened there.
---@param project number|string number or path
---@param id number|nil only if this pipeline is awaited
function Scheduler:wake(project, id)
  local key = key_of(project)
  for _, p in ipairs(self.order) do
    if (p.key == key or p.number == key) and (not id or p.pipelines[id] or next(p.jobs) or next(p.searches)) then
      hurry(self, p)
    end
  end
end

--- Takes note of the response to a write of ours: rows that are older are replicas that lag.
---@param project number|string
---@param kind string "pipeline" or "job"
---@param row table
function Scheduler:record_write(project, kind, row)
  local keys, number = { key_of(project) }, number_of(row)
  if number and number ~= keys[1] then keys[2] = number end
  for _, key in ipairs(keys) do
    self.recent:put(key, kind, row)
    local p = self.projects[key]
    local entry = p and entries_of(p, kind)[row.id]
    if entry then
      if freshness.age(kind, entry, row, true) == "new" then keep(self, entry, row) end
      hurry(self, p)
    end
  end
end

--- What is known of a pipeline or job that was made, awaited or acted on lately.
---@param project number|string
---@param kind string "pipeline" or "job"
---@param id number
---@return table|nil known `{visible_by, row, stamp}`, a note for freshness.judge
function Scheduler:known(project, kind, id)
  local p = self.projects[key_of(project)]
  local entry = p and entries_of(p, kind)[id]
  if entry and entry.row then
    return { visible_by = entry.visible_by, row = entry.row, stamp = entry.stamp }
  end
  local item = self.recent:get(key_of(project), kind, id)
  if not item then return nil end
  local known = freshness.seen(item.seen_at)
  known.row, known.stamp = item.row, freshness.stamp(item.row)
  return known
end

--- Ends every follow with this error.
function Scheduler:close(err)
  local projects = self.order
  self.order, self.projects = {}, {}
  for _, p in ipairs(projects) do
    for _, entry in ipairs(copy(p.list)) do
      if not entry.gone then fail(entry, err) end
    end
    if p.timer then p.timer:cancel() end
    if p.polling then p.polling:cancel() end
  end
end

return M
