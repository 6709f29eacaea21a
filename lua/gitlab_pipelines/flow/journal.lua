--- What a run has done, kept so that another process can go on with it.
--
-- A step's row moves planned (no row) -> intent (before any byte) -> known (the pipeline's id) ->
-- ended (its final status was seen) -> done (with its outputs, in the same write); cancelling
-- before a cancel is sent; refused and unknown for creations. Values of secret inputs are replaced
-- by marks wherever they would be written; of the inputs themselves a stretched digest is kept.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local journal = require "gitlab_pipelines.once.journal"
local json = require "gitlab_pipelines.json"
local refs = require "gitlab_pipelines.flow.refs"

local M = {}

local ROUNDS = 100000

local Records = {}
Records.__index = Records

--- Opens a run journal.
---@param where string|table a file's path, or a journal that is open already
---@param durable boolean must a write survive a power cut?
---@return table|nil records
---@return table|nil err FlowError.JournalUnusable
function M.open(where, durable)
  if journal.is(where) then return setmetatable({ store = where }, Records) end
  local store, err = journal.open(where, { durable = durable })
  if not store then return nil, err end
  return setmetatable({ store = store, owned = true }, Records)
end

--- Closes what `open` opened.
function Records:close()
  if self.owned then self.store:close() end
end

-- Secrets ----------------------------------------------------------------------------------------

local function mark(name) return "\1secret:" .. name .. "\1" end

local function replace(text, from, to)
  local out, at = {}, 1
  while true do
    local first, last = text:find(from, at, true)
    if not first then break end
    out[#out + 1] = text:sub(at, first - 1)
    out[#out + 1] = to
    at = last + 1
  end
  out[#out + 1] = text:sub(at)
  return table.concat(out)
end

-- A copy of a value with every text changed.
local function mapped(value, change)
  if type(value) == "string" then return change(value) end
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, field in pairs(value) do
    copy[type(key) == "string" and change(key) or key] = mapped(field, change)
  end
  return setmetatable(copy, getmetatable(value))
end

local function conceal(run, value)
  if #run.secrets == 0 then return value end
  return mapped(value, function(text)
    for _, secret in ipairs(run.secrets) do text = replace(text, secret.value, mark(secret.name)) end
    return text
  end)
end

local function reveal(run, value)
  if #run.secrets == 0 then return value end
  return mapped(value, function(text)
    for _, secret in ipairs(run.secrets) do text = replace(text, mark(secret.name), secret.value) end
    return text
  end)
end

-- A server may send back the client's token, in what a step gives and so in what the next one sends.
local function without_tokens(run, value)
  local client = run.gl.client
  local tokens = client and client.tokens
  if not tokens then return value end
  return mapped(value, function(text) return tokens:text(text) end)
end

local function encoded(run, value)
  if value == nil then return nil end
  return json.encode(without_tokens(run, conceal(run, value)))
end

local function decoded(run, text)
  if text == nil then return nil end
  return reveal(run, (json.decode(text)))
end

-- A run ------------------------------------------------------------------------------------------

--- The digest by which a changed script is known.
function M.digest(text) return core.digest.sha256(text) end

local function own_pid()
  local file = io.open "/proc/self/stat"
  local pid = file and file:read "*n"
  if file then file:close() end
  return pid
end

local function split_inputs(plan)
  local plain, secret = {}, {}
  for _, name in ipairs(refs.sorted_keys(plan.declared)) do
    local value = plan.inputs[name]
    if value ~= nil then
      if plan.declared[name].secret then secret[name] = value else plain[name] = value end
    end
  end
  return plain, secret
end

--- Writes a new run, and holds it.
---@param run table
---@param flow table {file, text}
---@return boolean|nil ok
---@return table|nil err
function Records:begin(run, flow)
  local ok, err = self.store:hold("run:" .. run.id)
  if not ok then return nil, err end
  local plain, secret = split_inputs(run.plan)
  local salt = core.digest.hex(core.digest.random(16))
  local digests = {}
  for _, name in ipairs(refs.sorted_keys(secret)) do
    digests[name] = core.digest.stretch(salt, refs.text(secret[name]), ROUNDS)
  end
  local rows
  rows, err = self.store:query([[INSERT INTO runs (id, name, file, script, digest, inputs, secrets,
    salt, status, created_at, pid, boot_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'running', ?9, ?10, ?11)]], run.id, run.name,
    flow.file, flow.text, M.digest(flow.text or ""), json.encode(plain), json.encode(digests),
    salt, run.rt:wall(), own_pid(), self.store.boot_id)
  if not rows then
    self:give_back(run.id)
    return nil, err
  end
  return true
end

local function write_step(self, run, state, phase, fields)
  local done = phase == "done"
  return self.store:query([[INSERT INTO steps (run, path, kind, phase, attempt, request,
    items, project, pipeline, job, web_url, status, reason, because, outputs, started_at, ended_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
    ON CONFLICT (run, path) DO UPDATE SET kind = ?3, phase = ?4, attempt = ?5,
      request = coalesce(?6, request), items = coalesce(?7, items), project = ?8, pipeline = ?9,
      job = ?10, web_url = ?11, status = ?12, reason = ?13, because = ?14, outputs = ?15,
      started_at = ?16, ended_at = ?17]],
    run.id, state.path, state.kind, phase, state.attempt, encoded(run, fields.request),
    encoded(run, fields.over), state.project and tostring(state.project), state.pipeline_id,
    state.job_id, without_tokens(run, state.web_url), done and without_tokens(run, fields.status) or nil,
    without_tokens(run, fields.reason), fields.because,
    encoded(run, fields.outputs), state.started_at, fields.ended_at)
end

--- Writes a step's transition; with "done" its end and its outputs.
---@param fields table|nil {request, over, reason}; with "done" {status, reason, because, outputs,
--- ended_at}
---@return boolean|nil ok
---@return table|nil err FlowError.JournalUnusable, or StepFailed where a value cannot be kept
function Records:step(run, state, phase, fields)
  local ok, rows, err = pcall(write_step, self, run, state, phase, fields or {})
  if not ok then
    return nil, errors.new("FlowError.StepFailed", { message =
      ("the outputs of %s cannot be kept: %s"):format(state.path, tostring(rows)) })
  end
  if not rows then return nil, err end
  return true
end

local function set_status(self, run, status, reason, ended_at)
  local rows, err = self.store:query([[UPDATE runs SET status = ?2, reason = ?3, ended_at = ?4
    WHERE id = ?1]], run.id, status, reason, ended_at)
  if not rows then return nil, err end
  return true
end

--- The run is being canceled: who resumes it goes on with that.
---@return boolean|nil ok
---@return table|nil err
function Records:cancelling(run)
  return set_status(self, run, "canceling", run.cancel_reason)
end

--- The run has ended; its name is free.
---@param status string how
---@return boolean|nil ok
---@return table|nil err; the run is still held then
function Records:finish(run, status)
  local failure = run.failure
  local ok, err = set_status(self, run, status, failure and ("%s: %s"):format(failure.path,
    failure.reason or "failed") or run.cancel_reason, run.rt:wall())
  if not ok then return nil, err end
  self:release(run)
  return true
end

--- Gives the run back as it stands, and closes what `open` opened.
function Records:release(run)
  self:give_back(run.id)
  self:close()
end

--- Gives up the hold of a run.
---@param id string
function Records:give_back(id) self.store:release("run:" .. id) end

--- Answers that another process has left for this run.
---@return table[]|nil rows {path ("" is the run itself), answer, by}
---@return table|nil err
function Records:answers(run)
  local rows, err = self.store:query("SELECT * FROM answers WHERE run = ?1 ORDER BY at, path",
    run.id)
  if not rows then return nil, err end
  return rows
end

--- Leaves an answer for a run that another process may hold: "approved" or "rejected" for a step,
--- "cancel" for the run (path "").
---@return boolean|nil ok
---@return table|nil err
function Records:answer(id, path, answer, by, now)
  local rows, err = self.store:query([[INSERT INTO answers (run, path, answer, by, at)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (run, path) DO UPDATE SET answer = ?3, by = ?4, at = ?5]], id, path, answer, by, now)
  if not rows then return nil, err end
  return true
end

-- Looking at runs --------------------------------------------------------------------------------

local summary = "SELECT id, name, file, status, reason, created_at, ended_at, pid FROM runs"

--- Runs, the newest first.
---@param filter table|nil {file, unfinished = true, limit}
---@return table[]|nil rows {id, name, file, status, reason, created_at, ended_at, pid}
---@return table|nil err
function Records:runs(filter)
  filter = filter or {}
  local where = {}
  if filter.file then where[#where + 1] = "file = ?1" end
  if filter.unfinished then where[#where + 1] = "ended_at IS NULL" end
  local sql = summary .. (#where > 0 and " WHERE " .. table.concat(where, " AND ") or "")
    .. " ORDER BY created_at DESC, id LIMIT " .. ("%d"):format(filter.limit or 100)
  if filter.file then return self.store:query(sql, filter.file) end
  return self.store:query(sql)
end

--- One run with its steps.
---@param id string the whole id or its unique beginning
---@return table|nil row with `steps`; nil when there is none
---@return table|nil err
function Records:run(id)
  local rows, err = self.store:query([[SELECT * FROM runs WHERE substr(id, 1, length(?1)) = ?1
    ORDER BY created_at DESC LIMIT 2]], id)
  if not rows then return nil, err end
  if #rows ~= 1 then
    return nil, errors.new("FlowError.JournalUnusable", { message = #rows == 0
      and ("the journal has no run '%s'"):format(id)
      or ("several runs begin with '%s'"):format(id) })
  end
  local row = rows[1]
  row.steps, err = self.store:query([[SELECT * FROM steps WHERE run = ?1
    ORDER BY coalesce(started_at, ended_at), path]], row.id)
  if not row.steps then return nil, err end
  return row
end

--- How long the steps of a script took before: the mean of their last successful times.
---@param file string
---@return table times path -> seconds
function Records:times(file)
  local rows = self.store:query([[SELECT path, avg(took) AS took FROM (
      SELECT path, ended_at - started_at AS took,
        row_number() OVER (PARTITION BY path ORDER BY ended_at DESC) AS age
      FROM steps WHERE status = 'success' AND started_at IS NOT NULL AND ended_at IS NOT NULL
        AND run IN (SELECT id FROM runs WHERE file = ?1))
    WHERE age <= 5 GROUP BY path]], file) or {}
  local times = {}
  for _, row in ipairs(rows) do times[row.path] = row.took end
  return times
end

-- Going on ---------------------------------------------------------------------------------------

--- Takes a run that no other process holds.
---@return boolean|nil ok
---@return table|nil err FlowError.RunHeld with the other's `pid`
function Records:take(row)
  local ok, err = self.store:hold("run:" .. row.id)
  if not ok then
    if err:is "RunHeld" then
      err.pid = row.pid
      err.message = ("run %s is held by process %d"):format(row.id, row.pid or 0)
    end
    return nil, err
  end
  local rows
  rows, err = self.store:query("UPDATE runs SET pid = ?2, boot_id = ?3 WHERE id = ?1", row.id,
    own_pid(), self.store.boot_id)
  if not rows then
    self:give_back(row.id)
    return nil, err
  end
  return true
end

--- The inputs of a run: those that were kept, and the secret ones, which are given again.
---@param given table|nil
---@return table|nil inputs
---@return table|nil err FlowError.InvalidInput
function Records:inputs(row, given) -- luacheck: no self
  local inputs = json.decode(row.inputs)
  local digests = json.decode(row.secrets)
  local function wrong(message)
    return nil, errors.new("FlowError.InvalidInput", { message = message })
  end
  for _, name in ipairs(refs.sorted_keys(given or {})) do
    if not digests[name] and refs.text(given[name]) ~= refs.text(inputs[name] == nil and ""
        or inputs[name]) then
      return wrong(("input '%s' differs from what the run began with"):format(name))
    end
  end
  for _, name in ipairs(refs.sorted_keys(digests)) do
    local value = given and given[name]
    if value == nil then
      return wrong(("input '%s' is secret and must be given again: -i %s=..."):format(name, name))
    end
    if core.digest.stretch(row.salt, refs.text(value), ROUNDS) ~= digests[name] then
      return wrong(("input '%s' is not the value that the run began with"):format(name))
    end
    inputs[name] = value
  end
  return inputs
end

--- A step's row as the fields of a state.
function M.restored(run, row)
  local done = row.phase == "done"
  local project = row.project
  return {
    phase = row.phase, attempt = row.attempt, request = decoded(run, row.request),
    over = decoded(run, row.items), project = tonumber(project) or project,
    pipeline_id = row.pipeline, job_id = row.job, web_url = row.web_url,
    status = done and row.status or nil, reason = done and row.reason or nil,
    because = row.because,
    outputs = decoded(run, row.outputs), started_at = row.started_at, ended_at = row.ended_at,
  }
end

--- Marks a step that is no longer wanted.
function Records:drop(row)
  return self.store:query([[UPDATE steps SET phase = 'done', status = 'canceled',
    reason = 'dropped' WHERE run = ?1 AND path = ?2]], row.run, row.path)
end

return M
