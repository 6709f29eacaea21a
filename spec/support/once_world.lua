-- A server and a journal in a few lines, to drive the once machine through every way a creation can
-- go: when the server carries it out, how late the lists show it, whether the answer arrives, and
-- after which action the process dies. Times are whole steps, so that "one step below" means it.
local machine = require "gitlab_pipelines.once.machine"

local M = {}

M.STEP, M.FINISH, M.VISIBLE = 30, 150, 60

-- Every way one request can go.
--   apply    seconds until it is carried out; nil: never
--   lag      seconds from then until lists show it
--   answer   "ok", "lost" (nothing came), "error" (GitLab itself failed, having finished)
function M.plans()
  local plans = {}
  local function add(apply, lag, answer)
    plans[#plans + 1] = { apply = apply, lag = lag, answer = answer }
  end
  for lag = 0, M.VISIBLE, M.STEP do
    add(0, lag, "ok")
    add(0, lag, "error")
    for apply = 0, M.FINISH, M.STEP do add(apply, lag, "lost") end
  end
  add(nil, 0, "lost")
  add(nil, 0, "error")
  return plans
end

local World = {}
World.__index = World

function M.new(plans)
  return setmetatable({ now = 0, plans = plans, sends = 0, pipelines = {}, journal = {} }, World)
end

function World:found()
  local ids = {}
  for id, pipeline in ipairs(self.pipelines) do
    if pipeline.shows_at <= self.now then ids[#ids + 1] = id end
  end
  return ids
end

local outcomes = {
  ok = function(id) return { made = id } end,
  lost = function() return { doubt = true } end,
  error = function() return { doubt = true, answered = true } end,
}

function World:send()
  self.sends = self.sends + 1
  local plan = self.plans[self.sends]
  if not plan then
    self.wants_more = true
    plan = { apply = 0, lag = 0, answer = "ok" }
  end
  local id
  if plan.apply then
    id = #self.pipelines + 1
    self.pipelines[id] = { shows_at = self.now + plan.apply + plan.lag }
  end
  return outcomes[plan.answer](id)
end

local actions = {}
function actions.look(world, m)
  m:looked(world.now, world.now, { found = world:found(), candidates = {} })
end
function actions.intent(world, m)
  world.journal = { state = "intent" }
  m:did()
end
function actions.known(world, m, id)
  world.journal = { state = "known", pipeline = id }
  m:did()
end
function actions.refused(world, m)
  world.journal = {}
  m:did()
end
function actions.cancel(world, m, id)
  world.pipelines[id].cancelled = true
  m:did()
end
function actions.send(world, m)
  m:sent(world.now, world:send())
end

-- One process, from what the journal holds to its end, or dead after so many actions.
function World:process(settle, options)
  local m = machine.new(self.now, { state = self.journal.state, pipeline = self.journal.pipeline,
    deadline = math.huge, settle = settle, alone = options.alone, carried = true })
  local done = 0
  while true do
    if options.dies_after == done then return "dead" end
    local action, argument = m:next(self.now)
    if action == "done" or action == "fail" then return action, argument end
    if action == "wait" then
      assert(argument > self.now, "a wait that does not wait")
      self.now = argument
    else
      done = done + 1
      actions[action](self, m, argument)
    end
  end
end

-- One history; nil when the first process does not live long enough to die there.
function M.history(plans, settle, options)
  local world = M.new(plans)
  local ended, what = world:process(settle, options)
  if options.dies_after and ended ~= "dead" then return nil end
  if ended == "dead" then
    world.now = world.now + options.gap
    ended, what = world:process(settle, { alone = options.alone })
  end
  return world, ended, what
end

-- Walks every history of at most `depth` sends; `judge(world, ended, what, plans, options)`.
function M.walk(settle, depth, judge)
  local all = M.plans()
  local function expand(prefix, options)
    local world, ended, what = M.history(prefix, settle, options)
    if not world then return false end
    if world.wants_more and #prefix < depth then
      for _, plan in ipairs(all) do
        prefix[#prefix + 1] = plan
        expand(prefix, options)
        prefix[#prefix] = nil
      end
    else
      judge(world, ended, what, prefix, options)
    end
    return true
  end
  for _, alone in ipairs { true, false } do
    expand({}, { alone = alone })
    for _, gap in ipairs { 0, M.STEP } do
      for _, plan in ipairs(all) do
        local dies_after = 0
        while expand({ plan }, { alone = alone, dies_after = dies_after, gap = gap }) do
          dies_after = dies_after + 1
        end
      end
    end
  end
end

return M
