--- Makes the steps of a script: their options, their needs, and the items of an `each`.

local checks = require "gitlab_pipelines.flow.load.checks"
local guards = require "gitlab_pipelines.guard"
local options = require "gitlab_pipelines.options"
local references = require "gitlab_pipelines.flow.refs"
local sessions = require "gitlab_pipelines.flow.load.session"

local M = {}

if jit then jit.off(true, true) end
sessions.own_file()

local sorted_keys = references.sorted_keys

local function add_need(session, step, target)
  if target == step then session:fail("a step cannot need itself", step.line) end
  if not step.needed[target] then
    step.needed[target] = true
    step.need_steps[#step.need_steps + 1] = target
  end
end

-- Collects what a step's options refer to: its needs, and the jobs whose fields are read.
local function use(session, step, meaning, ref)
  local target, path = meaning.step, meaning.path
  if meaning.secret then
    session:fail(("%s may be used only in trigger_token"):format(session.refs:describe(ref)),
      step.line)
  end
  if #path == 0 then
    session:fail(("%s is a whole step, not a value: use one of its outputs, as in %s.id"):format(
      session.refs:describe(ref), session.refs:describe(ref)), step.line)
  end
  local tail = path[#path]
  if type(tail) == "table" or (tail == "dotenv" and #path <= 2) or tail == "job" then
    session:fail(("%s is not a value: name one of its fields"):format(session.refs:describe(ref)),
      step.line)
  end
  for _, name in ipairs(path) do
    if type(name) == "table" then target.jobs[name.job] = true end
  end
  add_need(session, step, target)
end

local function read_needs(session, step, given)
  if session.refs:meaning(given) then given = { given } end
  local count = 0
  for key in pairs(given) do
    count = count + 1
    if type(key) ~= "number" then session:fail("needs must be a list of steps", step.line) end
  end
  if count ~= #given then
    session:fail("needs has a hole: one of its entries is nil", step.line)
  end
  for _, need in ipairs(given) do
    if type(need) == "string" then
      step.need_names[#step.need_names + 1] = need
    elseif session:kind(need) == "step" then
      add_need(session, step, session.refs:meaning(need).step)
    else
      session:fail(("needs must contain whole steps, not %s"):format(session:describe(need)),
        step.line)
    end
  end
end

local function copy(value)
  local result = {}
  for key, field in pairs(value) do result[key] = field end
  return setmetatable(result, getmetatable(value))
end

local function new_step(session, word, given)
  local line = session:line()
  if session.sealed and not session.making then
    session:fail("steps can be defined only while the script loads, not while the flow runs", line)
  end
  checks.options(session, word, given, line)
  local step = { kind = word, line = line, options = copy(given), needed = {}, need_steps = {},
    need_names = {}, jobs = {}, when = given.when or "success",
    allow_failure = given.allow_failure or false, retry = given.retry or 0,
    timeout = given.timeout and options.seconds(given.timeout) or nil }
  step.handle = session.refs:step(step)
  session.made[#session.made + 1] = step
  for _, name in ipairs(sorted_keys(given)) do
    local value = given[name]
    if name ~= "needs" and name ~= "trigger_token" and name ~= "pipeline" then
      session.refs:each(value, function(ref, meaning) use(session, step, meaning, ref) end)
    end
  end
  if given.needs ~= nil then read_needs(session, step, given.needs) end
  return step
end

local makers = {}

function makers.wait_for(session, step)
  local given = step.options
  if (given.id == nil) == (given.ref == nil or given.sha == nil) then
    session:fail("wait_for: give either id, or ref and sha", step.line)
  end
end

function makers.play(session, step)
  local meaning = session.refs:meaning(step.options.pipeline)
  local target = meaning.step
  if target.kind == "each" and #meaning.path == 1 then
    step.target_key = meaning.path[1]
  elseif #meaning.path > 0 or (target.kind ~= "pipeline" and target.kind ~= "wait_for") then
    session:fail(("play: pipeline must be a pipeline step, not %s"):format(
      session:describe(step.options.pipeline)), step.line)
  end
  step.target = target
  add_need(session, step, target)
end

-- An item's key, which identifies it in names, outputs and the journal.
local function key_of(item, index)
  if type(item) == "table" then
    for _, field in ipairs { "key", "name", "id" } do
      if type(item[field]) == "string" or type(item[field]) == "number" then
        return references.text(item[field])
      end
    end
    return references.text(index)
  end
  return references.text(item)
end

--- Sets a step's needs as names, in the order in which the script names them.
---@param step table
function M.complete(step)
  step.needs = {}
  local seen = {}
  local function add(name)
    if not seen[name] then
      seen[name] = true
      step.needs[#step.needs + 1] = name
    end
  end
  for _, name in ipairs(step.need_names) do add(name) end
  for _, need in ipairs(step.need_steps) do
    if need.name then add(need.name) end
  end
end

--- `over` as an array of {key, first, second}: the arguments of `make`.
---@param session table
---@param step table the `each`
---@param over table a list or map
---@return table[] list
function M.item_list(session, step, over)
  local list, seen = {}, {}
  local function add(key, first, second)
    if key == "count" or key == "status" or key == "" or seen[key] then
      session:fail((seen[key] and "each: the item '%s' appears twice"
        or "each: '%s' cannot be the name of an item"):format(key), step.line)
    end
    checks.shown(session, "each: an item's name", key, step.line)
    seen[key] = true
    list[#list + 1] = { key = key, first = first, second = second }
  end
  if #over > 0 or next(over) == nil then
    for i, item in ipairs(over) do
      session.refs:each(item, function(ref)
        session:fail(("each: over must be plain values or one output, "
          .. "not a list that contains %s"):format(
          session.refs:describe(ref)), step.line)
      end)
      add(key_of(item, i), item, i)
    end
  else
    for _, key in ipairs(sorted_keys(over)) do add(references.text(key), key, over[key]) end
  end
  return list
end

--- Makes the step of one item of an `each`.
---@param session table
---@param each table the `each`
---@param item table of `item_list`
---@return table step
function M.make_item(session, each, item)
  if session.making then session:fail("an each cannot contain another each", each.line) end
  local from = #session.made
  local function handler(message) return session:caught(message) end
  local ok, result = guards.xpcall(session.run_make, handler, session, each.options.make,
    item)
  session.making = false
  if not ok then error(result, 0) end
  local meaning = session.refs:meaning(result)
  local step = meaning and meaning.step
  local line = debug.getinfo(each.options.make, "S").linedefined
  if not step or #meaning.path > 0 or step.name or step.kind == "each" then
    session:fail("each: make must return a step of its own, such as pipeline {...}", line)
  end
  for i = from + 1, #session.made do
    if session.made[i] ~= step then
      session:fail(("this %s is neither returned nor assigned to a name"):format(
        session.made[i].kind), session.made[i].line)
    end
  end
  step.parent, step.key = each, item.key
  -- A job's field that is read from one item is fetched for every item.
  step.jobs = each.jobs
  M.complete(step)
  return step
end

function makers.each(session, step)
  local over = step.options.over
  if session.refs:meaning(over) then return end
  step.items, step.item_by_key = {}, {}
  for _, entry in ipairs(M.item_list(session, step, over)) do
    local item = { key = entry.key, step = M.make_item(session, step, entry) }
    step.items[#step.items + 1] = item
    step.item_by_key[item.key] = item
    for _, need in ipairs(item.step.need_steps) do add_need(session, step, need) end
    for _, need in ipairs(item.step.need_names) do
      step.need_names[#step.need_names + 1] = need
    end
  end
end

--- Makes a step.
---@param session table
---@param word string of `words.steps`
---@param given any the options
---@return userdata ref
function M.make(session, word, given)
  local step = new_step(session, word, given)
  if makers[word] then makers[word](session, step) end
  return step.handle
end

return M
