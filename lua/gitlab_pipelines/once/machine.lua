--- Exactly one pipeline for a key, as a pure machine: it is told what was seen and when, and says
--- what is to be done next. No clock, no network, no file.
--
-- Whoever drives it asks `next(now)` and carries out what it says, one action at a time:
--
--   "look"          read the project's pipelines; then `looked(started, now, look)`
--   "intent"        note in the journal what is about to be sent; then `did()`
--   "send"          send the request, once; then `sent(now, outcome)`
--   "known", id     note in the journal that the key has this pipeline; then `did()`
--   "refused", why  note in the journal that the key is free again; then `did()`
--   "forbidden"     remember that the project takes no variables; then `did()`
--   "cancel", id    cancel this pipeline: it is one too many, or nobody wants it; then `did()`
--   "wait", time    nothing to do before that time
--   "done", result  {id, adopted, duplicates, cancelled_own}
--   "fail", failure {reason, candidates, duplicates, settles_at, id}
--
-- A process may end between any two actions. What the journal then holds (nothing, an intent, a
-- pipeline) is the `state` of the machine that goes on. What makes this safe: an intent is written
-- before a byte is sent, and a second request goes only when the first can no longer show up, that
-- is `settle` after the last moment at which it can have left, and after two looks without it.

local M = {}

--- Seconds after the doubt began at which is looked, doubled from then on.
M.LOOKS = { 0, 2, 5, 10, 20, 40 }

--- Two looks that found nothing count for two only when they are this far apart.
M.APART = 5

--- A look that came to nothing (the server did not answer) is repeated after this time.
M.AGAIN = 2

--- How often one call sends at most, each time but the first after it was shown that what was sent
--- before has made nothing.
M.SENDS = 3

local Machine = {}
Machine.__index = Machine

--- Begins, or goes on from what the journal holds. The caller holds the key's name: no other
--- process that shares the journal is at it.
---@param now number
---@param options table
--- `state`      what the journal holds: nil (nothing, or a refusal), "intent" or "known"
--- `pipeline`   with "known": its id
--- `deadline`   when the call must be over
--- `settle`     {finish, visible}, seconds
--- `alone`      nobody without this journal can have the key: no looks but in doubt
--- `carried`    the key travels as a variable (else only the journal knows of it)
--- `may_drop`   the key may be left out where a project takes no variables
--- `sends`      how often it may be sent (default `SENDS`); 1: never again
--- `adopt`      nil, "single", or the id that a person has chosen
--- `send_again` a person has decided that nothing was made
--- `doubt_from`, `settle_time`, `unseen`  with "intent": how far an earlier call of this process had
---              come; without them the doubt begins now (after a restart)
---@return table machine
function M.new(now, options)
  local self = setmetatable({
    options = options, deadline = options.deadline, settle = options.settle,
    alone = options.alone, carried = options.carried, sends = options.sends or M.SENDS,
    steps = {}, duplicates = {},
  }, Machine)
  if options.state == "known" then
    self:finish { id = options.pipeline, adopted = true }
  elseif type(options.adopt) == "number" then
    if options.state ~= "intent" then self:step "intent" end
    self:adopt(options.adopt, {})
  elseif options.state ~= "intent" then
    -- Without a variable the looks cannot find it, but they tell what was there before.
    self.phase = (self.alone and self.carried) and "intent" or "before"
  elseif options.send_again then
    self.phase = "before"
    self.open = true
  else
    self:doubt(now, { from = options.doubt_from or now, settle = options.settle_time,
      unseen = options.unseen })
  end
  return self
end

function Machine:step(name, argument)
  self.steps[#self.steps + 1] = { name, argument }
end

function Machine:finish(result)
  self.phase, self.result = "done", result
end

function Machine:fail(reason, fields)
  local failure = fields or {}
  failure.reason = reason
  failure.candidates = failure.candidates or self.candidates
  failure.cancelled = self.cancelled
  failure.settles_at = self.phase == "doubt" and self.doubt_from + self.settle_time or nil
  self.phase, self.failure = "fail", failure
end

-- Lowest first; the ids beside it.
local function lowest(ids)
  local sorted, seen = {}, {}
  for _, id in ipairs(ids) do
    if not seen[id] then
      seen[id] = true
      sorted[#sorted + 1] = id
    end
  end
  table.sort(sorted)
  return table.remove(sorted, 1), sorted
end

-- It is there: the journal gets to know it, and that is the end of the doubt.
function Machine:adopt(id, duplicates)
  self.phase = "settled"
  self:step("known", id)
  if self.cancelled then
    self:step("cancel", id)
    return self:fail("cancelled", { id = id, duplicates = duplicates })
  end
  self:finish { id = id, adopted = true, duplicates = duplicates }
end

-- Something was sent and what became of it is not known.
function Machine:doubt(now, doubt)
  self.phase = "doubt"
  self.doubt_from = doubt.from
  self.settle_time = doubt.settle or self.settle.finish + self.settle.visible
  self.unseen = doubt.unseen
  self.first_empty, self.first_look, self.candidates = nil, nil, nil
  self.look_at = now
end

local function scheduled_after(from, now)
  for _, seconds in ipairs(M.LOOKS) do
    if from + seconds > now then return from + seconds end
  end
  local seconds = M.LOOKS[#M.LOOKS]
  while from + seconds <= now do seconds = seconds * 2 end
  return from + seconds
end

--- What is to be done now.
---@param now number
---@return string action
---@return any argument
function Machine:next(now)
  local step = self.steps[1]
  if step then return step[1], step[2] end
  local phase = self.phase
  if phase == "done" then return "done", self.result end
  if phase == "fail" then return "fail", self.failure end
  if phase == "intent" then
    self:step "intent"
    self.phase = "send"
    return "intent"
  end
  if phase == "send" then
    if not self.cancelled then return "send" end
    -- What an earlier process may have sent stays as much in doubt as it was.
    if not self.open then self:step("refused", "cancelled before anything was sent") end
    self:fail "cancelled"
    return self:next(now)
  end
  if phase == "doubt" and self.look_at > now then
    if now >= self.deadline then
      self:fail "deadline"
      return "fail", self.failure
    end
    return "wait", math.min(self.look_at, self.deadline)
  end
  return "look"
end

--- The action is done: an entry of the journal is durable, a pipeline is cancelled.
function Machine:did()
  table.remove(self.steps, 1)
end

--- Whoever called gives up. Before the first byte that is the end; later it is settled first.
function Machine:cancel()
  self.cancelled = true
  if self.phase == "before" and not self.open then self:fail "cancelled" end
end

-- Nothing was made, and nothing will be.
function Machine:absent()
  if self.unseen then return self:fail "unseen" end
  self.phase = "settled"
  if self.cancelled then
    self:step("refused", "cancelled; nothing was made")
    return self:fail "cancelled"
  end
  if self.sends <= 0 then
    self:step("refused", "nothing was made")
    return self:fail "absent"
  end
  self.phase = "send"
end

-- A look after the settle time has found nothing that holds the key.
function Machine:settled_look(started, look)
  local candidates = look.candidates
  if #candidates > 0 then
    self.first_empty, self.first_look = nil, self.first_look or started
    if started < self.first_look + M.APART then
      self.look_at = self.first_look + M.APART
      return
    end
    if self.options.adopt == "single" and #candidates == 1 and look.no_other_open then
      return self:adopt(candidates[1], {})
    end
    return self:fail "candidates"
  end
  self.first_empty, self.first_look = self.first_empty or started, self.first_look or started
  if started >= self.first_empty + M.APART then return self:absent() end
  self.look_at = self.first_empty + M.APART
end

local function looked_in_doubt(self, started, now, look)
  if look.failed then
    if look.final then return self:fail("unreadable", { error = look.failed }) end
    self.last_error = look.failed
    self.look_at = now + M.AGAIN
    return
  end
  if #look.found > 0 then return self:adopt(lowest(look.found)) end
  self.candidates = look.candidates
  if look.too_many then return self:fail "too_many" end
  local settled = self.doubt_from + self.settle_time
  if started >= settled then return self:settled_look(started, look) end
  self.look_at = math.min(scheduled_after(self.doubt_from, now), math.max(settled, now))
end

-- The look before anything is sent: somebody without our journal may have been here.
local function looked_before(self, _, _, look)
  if look.failed then
    -- Whoever may not read the project's pipelines can do without this look, not without the others.
    if not look.final then return self:fail("unasked", { error = look.failed }) end
  elseif #look.found > 0 then
    if not self.open then self:step "intent" end
    return self:adopt(lowest(look.found))
  end
  self.phase = self.open and "send" or "intent"
end

-- The look after it: the lowest stays.
local function looked_after(self, _, _, look)
  local own, ids = self.made, { self.made }
  for _, id in ipairs(look.found or {}) do ids[#ids + 1] = id end
  local id, duplicates = lowest(ids)
  if self.cancelled then
    self:step("cancel", own)
    return self:fail("cancelled", { id = own, duplicates = duplicates })
  end
  if id == own then return self:finish { id = own, duplicates = duplicates } end
  self:step("known", id)
  self:step("cancel", own)
  self:finish { id = id, adopted = true, duplicates = duplicates, cancelled_own = own }
end

local on_look = { before = looked_before, doubt = looked_in_doubt, after = looked_after }

--- What a look has shown.
---@param started number when it began: what is shown may be as old as that
---@param now number
---@param look table `found` (ids that hold the key), `candidates` (ids of which it cannot be told),
--- `too_many`, `no_other_open` (no other intent of the project waits); or `failed` (why) with
--- `final` (it will never be otherwise)
function Machine:looked(started, now, look)
  on_look[self.phase](self, started, now, look)
end

--- What became of the request.
---@param now number the last moment at which bytes of it can have left
---@param outcome table `made` = id; or `refused` = why (nothing was made), with `forbidden` (because
--- it had variables); or `doubt` = true, with `answered` (GitLab itself did: it has finished),
--- `unseen` (it was made), `cancelled`
function Machine:sent(now, outcome)
  if outcome.made then
    self.sends = self.sends - 1
    self.made = outcome.made
    self:step("known", outcome.made)
    if self.alone or not self.carried then return self:finish { id = outcome.made } end
    self.phase = "after"
  elseif outcome.forbidden and self.carried and self.options.may_drop then
    self.carried = false
    self:step("refused", outcome.refused)
    self:step "forbidden"
    self:step "intent"
    self.phase = "send"
  elseif outcome.refused then
    self:step("refused", outcome.refused)
    self:fail "refused"
  else
    self.sends = self.sends - 1
    self.open = true
    if outcome.cancelled then self.cancelled = true end
    self:doubt(now, { from = now, settle = outcome.answered and self.settle.visible or nil,
      unseen = outcome.unseen })
  end
end

return M
