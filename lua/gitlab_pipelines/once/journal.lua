--- The journal of a process: what it is about to do and what came of it, durable before it is
--- done. Here are intents (exactly one pipeline a key), facts, transactions and names that one
--- process holds; runs of flows are kept in the same file by flow/journal.lua.

local clock = require "gitlab_pipelines.once.journal_clock"
local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local schema = require "gitlab_pipelines.once.journal_schema"

local M = {}

-- How long a finished key is kept, by the journal's own time.
local KEEP_SECONDS = 30 * 86400

-- How long a statement waits for another process's write, unless the caller has less time.
local WAIT_SECONDS = 5

---@class gitlab_pipelines.Journal
---@field path string
---@field boot_id string of the machine's boot; "": not known
local Journal = {}
Journal.__index = Journal
Journal.__name = "gitlab_pipelines.once.journal"

-- `pid`: the process that has the journal locked.
local function unusable(message, pid)
  return nil, errors.new("FlowError.JournalUnusable", { message = message, pid = pid })
end

local function first_line(path)
  local file = io.open(path, "r")
  local line = file and file:read "*l"
  if file then file:close() end
  return line
end

--- The folder for what outlives a process, `$XDG_STATE_HOME/gitlab-pipelines`.
---@return string
function M.state_folder()
  local base = os.getenv "XDG_STATE_HOME"
  if not base or base:sub(1, 1) ~= "/" then
    base = (os.getenv "HOME" or "/tmp") .. "/.local/state"
  end
  return base .. "/gitlab-pipelines"
end

--- A file in the state folder, which is made when it is not there.
---@param name string "once.db" or "runs.db"
---@return string|nil path
---@return table|nil err FlowError.JournalUnusable
function M.default_path(name)
  local folder = M.state_folder()
  local ok, message = require("gitlab_pipelines.store").folder.make(folder)
  if not ok then return unusable(message) end
  return folder .. "/" .. name
end

---@class gitlab_pipelines.JournalOptions
---@field durable boolean|nil false: a write survives the process, not a power cut
---@field wait number|nil seconds that opening it may wait for a lock, at most 5
---@field boot nil|fun(): gitlab_pipelines.BootReading|nil what tells the time since boot, for specs

--- Opens a journal; makes the file if it is not there.
---@param path string ":memory:" for one that is gone with the process
---@param opts gitlab_pipelines.JournalOptions|nil
---@return gitlab_pipelines.Journal|nil journal
---@return table|nil err FlowError.JournalUnusable with `pid`, the process that has it locked
function M.open(path, opts)
  opts = opts or {}
  local store = require("gitlab_pipelines.store").journal
  local wait = math.max(0, math.min(opts.wait or WAIT_SECONDS, WAIT_SECONDS))
  local opened_by = core.clock.now() + wait
  local handle, message, pid = store.open(path, opts.durable ~= false, wait)
  if not handle then return unusable(message, pid) end
  local journal = setmetatable({ handle = handle, path = path, boot = opts.boot or store.boot,
    boot_id = first_line "/proc/sys/kernel/random/boot_id" or "" }, Journal)
  local ok, err = schema.prepare(journal:within(function() return opened_by - core.clock.now() end))
  if ok then return journal end
  journal:close()
  return nil, err
end

--- Is this value a journal?
function M.is(value) return type(value) == "table" and getmetatable(value) == Journal end

--- Closes the file and gives back every name. May be called again.
function Journal:close()
  if self.handle then self.handle:close() end
  self.handle = nil
end

--- One statement of SQL.
---@param sql string
---@param ... nil|number|string|boolean for ?1, ?2, ...
---@return table[]|nil rows
---@return integer|table changed rows, or FlowError.JournalUnusable
function Journal:query(sql, ...)
  if not self.handle then return unusable "the journal is closed" end
  local left = self.left and self.left() or WAIT_SECONDS
  self.handle:wait(math.max(0, math.min(left, WAIT_SECONDS)))
  local rows, changes, pid = self.handle:query(sql, ...)
  if not rows then return unusable(changes, pid) end
  return rows, changes
end

--- The same journal for a caller whose time is limited: no statement waits longer for a lock.
---@param left fun(): number seconds that the caller has left
---@return table journal
function Journal:within(left)
  return setmetatable({ left = left }, { __index = self })
end

-- As `query`, within `transaction`: what fails is raised, and rolls back.
local function must(self, sql, ...)
  local rows, changes = self:query(sql, ...)
  if not rows then error(changes, 0) end
  return rows, changes
end
Journal.must = must

--- Runs `fn(...)` in one transaction that no other process can come between. What it raises rolls
--- everything back: an error object is returned as `nil, err`, anything else is raised again.
function Journal:transaction(fn, ...)
  local _, err = self:query "BEGIN IMMEDIATE"
  if errors.is_error(err) then return nil, err end
  local results = { pcall(fn, ...) }
  if results[1] then
    local rows
    rows, err = self:query "COMMIT"
    if rows then return results[2], results[3], results[4] end
    results[2] = err
  end
  self:query "ROLLBACK"
  if errors.is_error(results[2]) then return nil, results[2] end
  error(results[2], 0)
end

--- Takes a name that one process at a time may hold, until `release`, `close` or its end.
---@param name string such as "key:..." or "run:..."
---@return boolean|nil ok
---@return table|nil err FlowError.RunHeld when another holds it
function Journal:hold(name)
  if not self.handle then return unusable "the journal is closed" end
  local held, message = self.handle:hold(name)
  if held then return true end
  if held == nil then return unusable(message) end
  return nil, errors.new("FlowError.RunHeld", { message = name .. " is held by another process" })
end

--- The process that holds a name, where that can be seen. Slow: for messages.
---@param name string
---@return integer|nil pid
function Journal:holder(name)
  return self.handle and self.handle:holder(name)
end

--- Gives a name back.
function Journal:release(name)
  if self.handle then self.handle:release(name) end
end

local BOOTS = "SELECT * FROM boots"

--- The journal's own time, in seconds: see journal/clock.lua.
---@return number|nil seconds
---@return table|nil err
function Journal:time()
  local rows, err = self:query(BOOTS)
  if not rows then return nil, err end
  return (clock.time(rows, self.boot() or clock.UNKNOWN))
end

-- The journal's time, noted for the next look; within a transaction.
local function tick(self)
  local rows, reading = must(self, BOOTS), self.boot() or clock.UNKNOWN
  local time, turn = clock.time(rows, reading)
  must(self, [[INSERT INTO boots (boot, namespace, turn, time, by_clock, by_proc, wall)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (boot, namespace)
    DO UPDATE SET turn = ?3, time = ?4, by_clock = ?5, by_proc = ?6, wall = ?7]], reading.boot,
    reading.namespace, turn + 1, time, reading.by_clock, reading.by_proc, reading.wall)
  if #rows >= clock.BOOTS then
    must(self, [[DELETE FROM boots WHERE turn NOT IN
      (SELECT turn FROM boots ORDER BY turn DESC LIMIT ?1)]], clock.BOOTS)
  end
  return time
end

local INTENT = "SELECT * FROM intents WHERE key = ?1"

--- Notes that a pipeline is about to be made for a key; durable when it returns. Finished keys that
--- are old enough are forgotten in the same transaction.
---@param fields table {key, scope, digest, request = text, now}
---@return table|nil row the key's row: the one that was there, or the new one
---@return boolean|table created, or an error
function Journal:intent(fields)
  return self:transaction(function()
    must(self, "DELETE FROM intents WHERE finished < ?1", tick(self) - KEEP_SECONDS)
    local row = must(self, INTENT, fields.key)[1]
    if row and row.state ~= "refused" then return row, false end
    must(self, "DELETE FROM intents WHERE key = ?1", fields.key)
    must(self, [[INSERT INTO intents (key, scope, digest, request, state, created_at, updated_at,
      boot_id) VALUES (?1, ?2, ?3, ?4, 'intent', ?5, ?5, ?6)]], fields.key, fields.scope,
      fields.digest, fields.request, fields.now, self.boot_id)
    return must(self, INTENT, fields.key)[1], true
  end)
end

local function update(self, sql, ...)
  local rows, changes = self:query(sql, ...)
  if not rows then return nil, changes end
  return changes > 0
end

--- The last moment at which bytes of the request can have left.
function Journal:sent(key, now)
  return update(self, "UPDATE intents SET sent_at = ?2, updated_at = ?2 WHERE key = ?1", key, now)
end

--- It is about to be sent again; what an earlier response said no longer holds.
function Journal:resend(key, now)
  return update(self, [[UPDATE intents SET sent_at = ?2, updated_at = ?2, said_made = NULL
    WHERE key = ?1]], key, now)
end

--- GitLab said that the pipeline was created, but not which one: from now on it is only looked for.
function Journal:said_made(key, now)
  return update(self, "UPDATE intents SET said_made = 1, updated_at = ?2 WHERE key = ?1", key, now)
end

--- The pipeline of a key is known. It belongs to one key of its scope.
---@return boolean|nil ok
---@return table|nil err
---@return string|nil other_key the key that has this pipeline already
function Journal:known(key, pipeline_id, now)
  return self:transaction(function()
    local row = must(self, INTENT, key)[1]
    if not row then
      error(errors.new("FlowError.JournalUnusable", { message = "no such key: " .. key }), 0)
    end
    local other = must(self, "SELECT key FROM intents WHERE scope = ?1 AND pipeline = ?2",
      row.scope, pipeline_id)[1]
    if other and other.key ~= key then
      return nil, errors.new("PipelineError.KeyReused", { message =
        ("pipeline %d belongs to another key"):format(pipeline_id) }), other.key
    end
    must(self, [[UPDATE intents SET state = 'known', pipeline = ?2, updated_at = ?3, finished = ?4
      WHERE key = ?1]], key, pipeline_id, now, tick(self))
    return true
  end)
end

--- GitLab refused: the key is free again.
function Journal:refused(key, reason, now)
  return self:transaction(function()
    local _, changes = must(self, [[UPDATE intents SET state = 'refused', pipeline = NULL,
      reason = ?2, updated_at = ?3, finished = ?4, said_made = NULL WHERE key = ?1]], key, reason,
      now, tick(self))
    return changes > 0
  end)
end

--- What is noted for a key. An open intent never expires; a finished key does after 30 days.
---@return table|nil row {key, scope, digest, request, state, pipeline, created_at, sent_at,
--- updated_at, boot_id, reason, said_made, finished (the journal's time)}
---@return table|nil err
function Journal:lookup(key)
  local rows, err = self:query(INTENT, key)
  if not rows then return nil, err end
  local row = rows[1]
  if not row or not row.finished then return row end
  local time
  time, err = self:time()
  if not time then return nil, err end
  if row.finished >= time - KEEP_SECONDS then return row end
end

--- Intents of a scope without an answer, the oldest first.
function Journal:open_intents(scope)
  return self:query([[SELECT * FROM intents WHERE scope = ?1 AND state = 'intent'
    ORDER BY created_at, key]], scope)
end

--- The key that a pipeline belongs to.
---@return string|nil key
---@return table|nil err
function Journal:claimed(scope, pipeline_id)
  local rows, err = self:query("SELECT key FROM intents WHERE scope = ?1 AND pipeline = ?2", scope,
    pipeline_id)
  if not rows then return nil, err end
  return rows[1] and rows[1].key
end

--- What is remembered of a scope under a name.
---@return string|nil value
---@return table|nil err
function Journal:fact(scope, name)
  local rows, err = self:query("SELECT value FROM facts WHERE scope = ?1 AND name = ?2", scope, name)
  if not rows then return nil, err end
  return rows[1] and rows[1].value
end

--- Remembers a value, or with nil forgets it.
function Journal:set_fact(scope, name, value)
  if value == nil then
    return update(self, "DELETE FROM facts WHERE scope = ?1 AND name = ?2", scope, name)
  end
  return update(self, [[INSERT INTO facts (scope, name, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (scope, name) DO UPDATE SET value = ?3]], scope, name, value)
end

return M
