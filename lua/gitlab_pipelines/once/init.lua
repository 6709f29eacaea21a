--- Exactly one pipeline for a key.
--
-- What decides is once/machine.lua; this file carries out what it says: it asks GitLab, writes the
-- journal, and waits. The journal (`journal = FILE` of the client, by default `once.db` in the
-- user's state folder) is what makes it exact: among all processes that share it, one at a time is
-- at a key, and what it was about to send is written before a byte leaves.

local errors = require "gitlab_pipelines.errors"
local journals = require "gitlab_pipelines.once.journal"
local json = require "gitlab_pipelines.json"
local looks = require "gitlab_pipelines.once.look"
local machine = require "gitlab_pipelines.once.machine"
local operations = require "gitlab_pipelines.operations"
local requests = require "gitlab_pipelines.once.request"

local M = {}

-- A pipeline of ours may have begun this much before we think it did, on the server's clock.
local SINCE = 600

-- That a project takes no variables is believed for this long, by the journal's time.
local FORBIDDEN_FOR = 86400

-- How often a name is asked for that another process holds.
local FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1

-- A 404 of what was made this lately is a replica that does not have it yet.
local NOT_YET_VISIBLE = 120

local function journal_of(client, opts, left)
  if opts.journal then return opts.journal end
  if client.once_journal and client.once_journal.handle then return client.once_journal end
  local path, journal, err = client.settings.journal
  if not path then
    path, err = journals.default_path "once.db"
    if not path then return nil, err end
  end
  journal, err = journals.open(path, { wait = left })
  if not journal then return nil, err end
  client.once_journal = journal
  return journal
end

local Call = {}
Call.__index = Call

function Call:now() return self.client.runtime:now() end

-- An error of this call; `key` is in every one of them.
function Call:error(kind, fields)
  fields.operation = self.operation.name
  fields.subject = tostring(self.args.project)
  fields.key = self.key
  return errors.new(kind, fields)
end

-- The error of a look or a call within, with what belongs to the key.
function Call:told(err)
  err.key = self.key
  return err
end

function Call:options()
  return { deadline = self.deadline, priority = "read" }
end

-- The journal's words -------------------------------------------------------------------------

function Call:write_intent()
  local request = json.encode { operation = self.operation.name, body = self.essence, mark = self.mark,
    since = self.since, baseline = self.baseline, carried = self.carried }
  -- What is sent may come from a server, which may send back the client's token.
  local tokens = self.client.tokens
  local row, err = self.journal:intent { key = self.name, scope = self.scope, digest = self.digest,
    now = self:now(), request = tokens and tokens:text(request) or request }
  if not row then return nil, err end
  self.row = row
  return true
end

-- What an earlier call has left.
function Call:read_row()
  local row, err = self.journal:lookup(self.name)
  if err then return nil, err end
  if not row or row.state == "refused" then return true end
  if row.digest ~= self.digest then
    return nil, self:error("PipelineError.KeyReused", { message =
      ("key %q stands for another request; nothing was sent: use another key"):format(self.key) })
  end
  self.row = row
  local kept = json.decode(row.request)
  if type(kept) == "table" then
    self.since, self.baseline = kept.since, kept.baseline
    self.carried = kept.carried ~= false
  end
  return true
end

function Call:forbidden_before()
  local text, err = self.journal:fact(self.scope, "variables_forbidden")
  if err then return nil, err end
  local since = tonumber(text)
  if not since then return false end
  local time
  time, err = self.journal:time()
  if err then return nil, err end
  return since > time - FORBIDDEN_FOR
end

-- An entry without which this call can go on, and the next one with less knowledge.
function Call:note(what, ok, err)
  if ok == nil then
    self.client.log:warn(("the journal could not note that key %q is %s: %s"):format(self.key, what,
      tostring(err)))
  end
end

-- GitLab said that it was created: whoever goes on with this key may look for it and no more.
function Call:note_made(now)
  self.said_made = true
  self:note("made", self.journal:said_made(self.name, now))
end

-- The actions ---------------------------------------------------------------------------------

local actions = {}

function actions.look(self, m)
  local started = self:now()
  local look = looks.look(self, self.deadline)
  if look.cancelled then return m:cancel() end
  -- Whatever was there before the first request is not ours.
  if m.phase == "before" and not m.open and not look.failed then self.baseline = look.top end
  self.rows = look.rows or self.rows
  m:looked(started, self:now(), look)
end

function actions.intent(self, m)
  self.carried = m.carried
  local ok, err = self:write_intent()
  if not ok then return err end
  m:did()
end

local function is_id(value)
  return type(value) == "number" and value > 0 and value % 1 == 0 and value < 2 ^ 53
end

local function outcome_of(self, result, err)
  if result ~= nil then
    if type(result) == "table" and is_id(result.id) then
      self.pipeline = result
      return { made = result.id }
    end
    return { doubt = true, unseen = true, answered = true }
  end
  if not err.unknown_outcome then
    return { refused = tostring(err), forbidden = err:is "PipelineError.VariablesForbidden" }
  end
  return { doubt = true, answered = err.from_application, unseen = err.reason == "look_up",
    cancelled = err:is "TaskError.Cancelled" }
end

function actions.send(self, m)
  -- Whoever goes on after us must not take an earlier moment for the last one.
  if self.resumed then
    local _, err = self.journal:resend(self.name, self:now())
    if err then return err end
    self.said_made = nil
  end
  local args = {}
  for name, value in pairs(self.args) do args[name] = value end
  args.body = requests.body(self.operation, self.args.body, self.mark, self.carried)
  local result, err = self.client:call(self.operation, args,
    { deadline = self.deadline, retry = self.opts.retry, priority = self.opts.priority })
  self.cause = err
  local outcome, now = outcome_of(self, result, err), self:now()
  if outcome.doubt then
    self.resumed = true
    self:note("sent", self.journal:sent(self.name, now))
    self.sent_at = now
  end
  if outcome.unseen then self:note_made(now) end
  m:sent(now, outcome)
end

function actions.known(self, m, id)
  local ok, err, other = self.journal:known(self.name, id, self:now())
  if not ok then
    if other and m.made then self:note_made(self:now()) end
    if other or not m.made then return self:told(err) end
    -- It is there, and the next call finds it by its key.
    self.client.log:warn("the journal could not note pipeline " .. ("%d"):format(id) .. ": "
      .. tostring(err))
  end
  self.known_at = self:now()
  m:did()
end

function actions.refused(self, m, why)
  local _, err = self.journal:refused(self.name, why, self:now())
  if err then return err end
  m:did()
end

function actions.forbidden(self, m)
  local time, err = self.journal:time()
  if not time then return err end
  local _
  _, err = self.journal:set_fact(self.scope, "variables_forbidden", ("%.0f"):format(time))
  if err then return err end
  m:did()
end

function actions.cancel(self, m, id)
  local cancelled, err = self.client:call(operations.pipelines.cancel,
    { project = self.project, pipeline_id = id }, { deadline = self.deadline })
  if not cancelled then
    self.client.log:warn(("pipeline %d is one too many and could not be cancelled: %s"):format(id,
      tostring(err)))
  end
  m:did()
end

-- The task is cancelled: reported once, after that waiting works again.
actions["wait"] = function(self, m, time)
  local _, why = self.client.runtime:waiter():wait(time)
  if why == "cancelled" then m:cancel() end
end

-- The end -------------------------------------------------------------------------------------

-- Since when the pipeline is known, on our clock; by the journal's time if another call found it.
function Call:known_since()
  if self.known_at then return self.known_at end
  local finished = self.row and self.row.finished
  local time = finished and self.journal:time()
  return time and self:now() - (time - finished) or 0
end

-- The pipeline as GitLab shows it now; a replica may not have it yet.
function Call:read_pipeline(id)
  local pause, known_at = 1, self:known_since()
  while true do
    local pipeline, err = self.client:call(operations.pipelines.get,
      { project = self.project, pipeline_id = id }, self:options())
    if pipeline then return pipeline end
    local now = self:now()
    if err.status ~= 404 or now - known_at >= NOT_YET_VISIBLE or now + pause >= self.deadline then
      return nil, err
    end
    local _, why = self.client.runtime:pause(pause)
    if why == "cancelled" then return nil, err end
    pause = math.min(pause * 2, 10)
  end
end

function Call:give(result)
  local id, pipeline, err = result.id, self.pipeline, nil
  if not pipeline or pipeline.id ~= id then
    pipeline, err = self:read_pipeline(id)
    pipeline = pipeline or self.rows and self.rows[id]
  end
  if not pipeline then
    err.pipeline_id = id
    return nil, self:told(err)
  end
  pipeline.adopted = result.adopted
  if result.duplicates and #result.duplicates > 0 then pipeline.duplicates = result.duplicates end
  pipeline.cancelled_own = result.cancelled_own
  return pipeline
end

local function listed(ids)
  local words = {}
  for i = 1, math.min(#ids, 10) do words[i] = ("%d"):format(ids[i]) end
  if #ids > 10 then words[11] = "..." end
  return table.concat(words, ", ")
end

local reasons = {}

function reasons.candidates(failure)
  return ("it may be one of these pipelines: %s; adopt one of them, or send again")
    :format(listed(failure.candidates))
end

function reasons.too_many()
  return ("more than %d pipelines were made since; adopt one of them, or send again")
    :format(looks.MOST)
end

function reasons.unseen()
  return "GitLab responded that it was created, but no pipeline holds the key; it is never sent "
    .. "again by itself: adopt it by its id, or send it again"
end

function reasons.unreadable(failure)
  return "the project's pipelines cannot be read: " .. tostring(failure.error.message)
end

function reasons.deadline()
  return "the time is over; the next call with this key goes on from here"
end

-- Why there is no pipeline to give.
function Call:explain(failure)
  local reason = failure.reason
  if reason == "refused" then return self:told(self.cause) end
  if reason == "unasked" then return self:told(failure.error) end
  if reason == "cancelled" then
    return self:error("TaskError.Cancelled", { message = failure.id
      and ("cancelled, and so was pipeline %d"):format(failure.id) or "the call was cancelled",
      pipeline_id = failure.id, duplicates = failure.duplicates })
  end
  local cause = self.cause
  if reason == "absent" then
    return self:error(cause and cause.cause or "ServerError.ServiceUnavailable", {
      message = "no pipeline was made: " .. (cause and cause.message or "GitLab did not make it"),
      status = cause and cause.status, request_id = cause and cause.request_id, retryable = true })
  end
  local left = failure.settles_at and failure.settles_at - self:now()
  return self:error("PipelineError.UnknownOutcome", {
    message = ("whether there is a pipeline for key %q is not known: %s"):format(self.key,
      reasons[reason](failure)),
    unknown_outcome = true, candidates = failure.candidates or {},
    status = cause and cause.status, request_id = cause and cause.request_id,
    retryable = reason == "deadline", retry_after = left and left > 0 and left or nil,
    cancelled = failure.cancelled, said_made = self.said_made })
end

-- From the key to its pipeline ------------------------------------------------------------------

-- How far an earlier call of this client had come with a doubt: it need not begin anew.
function Call:doubts()
  self.client.once_doubts = self.client.once_doubts or {}
  return self.client.once_doubts
end

function Call:recall(row)
  local memory = self:doubts()[self.name]
  if memory and row.sent_at == memory.sent_at then return memory end
  return {}
end

function Call:remember(m)
  local in_doubt = m.failure and m.failure.settles_at
  self:doubts()[self.name] = in_doubt and { sent_at = self.sent_at, from = m.doubt_from,
    settle = m.settle_time } or nil
end

-- A pipeline that a person has chosen: it must be there, and nobody else's.
function Call:check_chosen(id)
  local key, err = self.journal:claimed(self.scope, id)
  if err then return nil, err end
  if key and key ~= self.name then
    return nil, self:error("PipelineError.KeyReused", { message =
      ("pipeline %d belongs to another key"):format(id) })
  end
  local row = self.row
  if row and row.state == "known" and row.pipeline ~= id then
    return nil, self:error("PipelineError.KeyReused", { message =
      ("key %q has pipeline %d already"):format(self.key, row.pipeline) })
  end
  self.pipeline, err = self.client:call(operations.pipelines.get,
    { project = self.project, pipeline_id = id }, self:options())
  if not self.pipeline then return nil, self:told(err) end
  return true
end

function Call:start()
  local ok, err = self:read_row()
  if not ok then return nil, err end
  local row, opts = self.row, self.opts
  local adopt = tonumber(opts.adopt) or opts.adopt
  if type(adopt) == "number" then
    ok, err = self:check_chosen(adopt)
    if not ok then return nil, err end
  end
  local may_drop = self.args.body.variables == nil
  if not row and may_drop then
    local forbidden
    forbidden, err = self:forbidden_before()
    if err then return nil, err end
    if forbidden then self.carried = false end
  end
  local memory = row and self:recall(row) or {}
  self.resumed, self.sent_at = row ~= nil, row and row.sent_at
  self.said_made = row and row.said_made == 1 or nil
  -- The request has been answered: what is left is that a replica may not show it yet.
  local answered = self.said_made and self.client.settings.settle.visible or nil
  local once = opts.retry == false or self.client.settings.retry == false
  return machine.new(self:now(), {
    state = row and row.state, pipeline = row and row.pipeline, deadline = self.deadline,
    settle = self.client.settings.settle, alone = opts.journal ~= nil, carried = self.carried,
    may_drop = may_drop, sends = once and 1 or nil, adopt = adopt,
    send_again = opts.send_again, doubt_from = memory.from, settle_time = memory.settle or answered,
    unseen = self.said_made,
  })
end

-- What the caller has decided meanwhile. True when the key is to be left as it stands, for whoever
-- goes on with it; a cancel is the machine's to settle.
local function given_up(self, m)
  local word = self.opts.given_up and self.opts.given_up()
  if word == "cancel" and not m.cancelled then m:cancel() end
  return word == "leave"
end

local function drive(self)
  local m, err = self:start()
  if not m then return nil, err end
  while true do
    if given_up(self, m) then
      return nil, self:error("TaskError.Cancelled", { message = "left as it stands",
        unknown_outcome = self.row ~= nil })
    end
    local action, argument = m:next(self:now())
    if action == "done" or action == "fail" then
      self:remember(m)
      if action == "done" then return self:give(argument) end
      return nil, self:explain(argument)
    end
    err = actions[action](self, m, argument)
    if err then return nil, err end
  end
end

-- Waits until no other process is at this key.
function Call:hold()
  local pause = FIRST_PAUSE
  while true do
    local held, err = self.journal:hold("key:" .. self.name)
    if held then return true end
    if not err:is "FlowError.RunHeld" then return nil, err end
    local now = self:now()
    if now >= self.deadline then
      local pid = self.journal:holder("key:" .. self.name)
      return nil, self:error("PipelineError.UnknownOutcome", { message =
        ("key %q is in use by %s, which has not finished (journal %s)"):format(self.key,
          pid and ("process %d"):format(pid) or "another process", self.journal.path), pid = pid,
        unknown_outcome = true, retryable = true, candidates = {} })
    end
    local _, why = self.client.runtime:pause(math.min(pause, self.deadline - now))
    if why == "cancelled" then
      return nil, self:error("TaskError.Cancelled", { message = "the call was cancelled" })
    end
    pause = math.min(pause * 2, LONGEST_PAUSE)
  end
end

local unreadable = { [401] = true, [403] = true, [404] = true }

-- The project's number: keys are scoped by it, so it must not be now a number and now a path. Where
-- the token may not read the project, it is what the journal knows of an earlier time.
function Call:resolve(host)
  local client, project = self.client, self.args.project
  if type(project) == "number" then return project end
  local name, row, err = "project " .. project
  if client.token:exist() and client.auth ~= "job" then
    row, err = client:project(project, { deadline = self.deadline })
    if row then
      local kept, problem = self.journal:set_fact(host, name, ("%d"):format(row.id))
      if kept == nil then return nil, problem end
      return row.id
    end
    if err and not unreadable[err.status] then return nil, err end
  end
  local text
  text, err = self.journal:fact(host, name)
  if err then return nil, err end
  return tonumber(text) or project
end

-- Where we are: the project's number, and the server's clock, from which on is looked.
function Call:orient()
  local client = self.client
  local host = client.settings.base.url:gsub("^%a+://", "")
  local err
  self.project, err = self:resolve(host)
  if not self.project then return nil, err end
  if not client.knows_clock then client:project(self.args.project, { deadline = self.deadline }) end
  -- Where the server tells no time, ours might be years off: then all pipelines are listed.
  self.since = client.knows_clock and self:now() + client.skew - SINCE or nil
  self.scope = host .. "/" .. tostring(self.project)
  self.name = self.scope .. " " .. self.key
  self.essence, self.digest = requests.describe(self.operation, self.scope, self.args.body)
  return true
end

--- What is wrong with the options of a call, as one line, or nil: a mistake of the programmer.
---@param where string name of the method
---@param opts table
---@return string|nil message
function M.problem(where, opts)
  if opts.once == "" then return where .. ": option 'once' must not be empty" end
  if opts.adopt ~= nil and opts.adopt ~= "single"
    and not (("%.14g"):format(tonumber(opts.adopt) or 0)):match "^[1-9]%d*$" then
    return where .. ": option 'adopt' must be \"single\" or the id of a pipeline"
  end
end

local function check(operation, args)
  local taken = requests.taken(args.body)
  if taken then
    return errors.new("PipelineError.InvalidVariable", { operation = operation.name,
      message = taken .. " is what 'once' sends: take another name" })
  end
end

--- Makes the pipeline of a key, or gives the one that was made for it.
---@param gl table
---@param operation table pipelines.create or triggers.run
---@param args table checked: `project`, `body`
---@param opts table without a `problem`: `once` (the key); `adopt` ("single", or the id that a person chose),
--- `send_again`, `journal` (an open journal to which the key belongs), `given_up` (asked before each
--- step: "cancel", "leave" or nil), `timeout`, `retry`, `priority`
---@return table|nil pipeline with `adopted = true` when it was found; `duplicates` (ids) when there
--- are more; `cancelled_own` when ours was one too many
---@return table|nil err with `key`; PipelineError.UnknownOutcome has `candidates`
function M.create(gl, operation, args, opts)
  local client = gl.client
  local err = check(operation, args)
  if err then return nil, err end
  local settings = client.settings
  local total = opts.timeout
    or settings.timeout.total + settings.settle.finish + settings.settle.visible
  local call = setmetatable({ client = client, operation = operation, args = args, opts = opts,
    key = opts.once, mark = requests.mark(opts.once), carried = true,
    deadline = client.runtime:now() + total, unreadable = client.auth == "job" }, Call)
  local journal
  journal, err = journal_of(client, opts, total)
  if not journal then return nil, call:told(err) end
  call.journal = journal:within(function() return call.deadline - call:now() end)
  local ok
  ok, err = call:orient()
  if not ok then return nil, call:told(err) end
  ok, err = call:hold()
  if not ok then return nil, call:told(err) end
  local result
  ok, result, err = pcall(drive, call)
  call.journal:release("key:" .. call.name)
  if not ok then error(result, 0) end
  if not result then return nil, call:told(err) end
  return result
end

return M
