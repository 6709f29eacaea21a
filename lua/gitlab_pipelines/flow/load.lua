--- Loads a flow script: Lua with a small vocabulary, in which an assignment to a global is a step.
--
-- The script runs in an environment of its own, with its inputs known. What comes out is a plan:
-- the steps in the order of the script, each with its options, its needs and, for `each`, its
-- items. Every mistake is a FlowError with the script's name and line.

local errors = require "gitlab_pipelines.errors"
local environment = require "gitlab_pipelines.flow.environment"
local graph = require "gitlab_pipelines.flow.graph"
local guards = require "gitlab_pipelines.guard"
local inputs = require "gitlab_pipelines.flow.inputs"
local nearest = require "gitlab_pipelines.flow.nearest"
local options = require "gitlab_pipelines.options"
local redactors = require "gitlab_pipelines.observe.redact"
local references = require "gitlab_pipelines.flow.refs"
local sandbox = require "gitlab_pipelines.flow.sandbox"
local scan = require "gitlab_pipelines.flow.scan"
local shown = require "gitlab_pipelines.flow.shown"
local words = require "gitlab_pipelines.flow.words"

local M = {}

-- What works on a script's values counts in its budget: LuaJIT must not compile it.
if jit then jit.off(true, true) end

local sorted_keys = references.sorted_keys
local chunk_name = "flow-script" -- short: Lua cuts long chunk names; messages get the real one
local unpack = table.unpack or unpack

-- What a line that a script prints costs it, beside its length.
local PRINT_BYTES, PRINT_INSTRUCTIONS = 256, 500

-- Bytes of an error's message that are shown.
local MAX_MESSAGE = 1000

---@class FlowEvaluation
---@field inputs table<string, any>|nil values, or texts as from a command line
---@field env table<string, string>|nil variables that the script is passed
---@field getenv nil|fun(name: string): string|nil where GitLab's predefined variables are read
---@field allow_host boolean|nil gives the script the host, and lifts its budgets
---@field budgets FlowBudgets|nil
---@field redactor table|nil knows the secrets that `env` must not hold

---@class FlowBudgets
---@field seconds number|nil of loading, planning, a `when`, a `make`; 2
---@field call_seconds number|nil of a `call`, without what it waits within `gl`; 60
---@field memory number|nil bytes; 64 MiB

local Session = {}
Session.__index = Session

-- Sources of this module's own files: frames of theirs are not the script's.
local own = { [debug.getinfo(1, "S").source] = true }
own[debug.getinfo(references.new, "S").source] = true

-- Frames that are gone through: behind more, the whole stack costs too much.
local MAX_LEVELS = 200

-- The script's line that is being run. A function that ends in `return pipeline {...}` leaves no
-- frame behind, so `each` notes where its function begins.
function Session:line()
  local level = 2
  while true do
    local info = level < MAX_LEVELS and debug.getinfo(level, "Slf")
    if not info then return guards.line() end
    if info.func == self.run_make then return self.make_line end
    if self.source and info.source == self.source then return info.currentline end
    if not self.source and info.what ~= "C" and not own[info.source] then
      self.file = info.short_src
      return info.currentline
    end
    level = level + 1
  end
end

function Session:error(kind, message, line)
  if self.redactor then message = self.redactor:text(message) end
  return errors.new("FlowError." .. kind, { file = self.file, line = line,
    message = line and ("%s:%d: %s"):format(self.file, line, message)
      or ("%s: %s"):format(self.file, message) })
end

-- Without a line, the one that runs; false: none.
function Session:fail(message, line)
  if line == nil then line = self:line() end
  error(self:error("InvalidScript", message, line), 0)
end

-- What kind of reference a value is, for the checks of options.
function Session:kind(value)
  local meaning = self.refs:meaning(value)
  if not meaning then return nil end
  if meaning.secret then return "secret" end
  if meaning.parts then return "text" end
  return #meaning.path == 0 and "step" or "output"
end

function Session:describe(value)
  if self.refs:meaning(value) then return self.refs:describe(value) end
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) == "table" or type(value) == "function" then return "a " .. type(value) end
  return tostring(value)
end

-- A field of a reference is named: is there such a thing?
local function check_name(session, known, what, key)
  for _, name in ipairs(known) do
    if name == key then return end
  end
  local near = nearest.name(key, known)
  if near then
    session:fail(("%s has no '%s'; did you mean '%s'?"):format(what, key, near))
  end
end

local field_checks = {}

function field_checks.pipeline(session, step, path, key)
  local what = step.name or "a " .. step.kind
  local depth, last = #path, path[#path]
  if depth == 0 then
    check_name(session, words.pipeline_fields, what, key)
    if key == "dotenv" and not step.options.dotenv then
      session:fail(("%s names no dotenv file: give it dotenv = \"build.env\""):format(what))
    end
  elseif last == "job" then
    session:fail(("%s.job is asked with a name: %s.job(\"deploy\").%s"):format(what, what, key))
  elseif depth == 1 and type(last) == "table" then
    check_name(session, words.job_fields, "a job", key)
  end
end
field_checks.wait_for = field_checks.pipeline

function field_checks.play(session, step, path, key)
  if #path == 0 then
    check_name(session, words.job_fields, step.name or "a play", key)
  end
end

function field_checks.each(session, step, path, key)
  if #path > 0 or not step.items or key == "count" or key == "status" then return end
  local keys = { "count", "status" }
  for _, item in ipairs(step.items) do
    if item.key == key then return end
    keys[#keys + 1] = item.key
  end
  session:fail(("%s has no item '%s'%s"):format(step.name or "each", key,
    nearest.hint(key, keys)))
end

function Session:check_field(meaning, key)
  local step, path = meaning.step, meaning.path
  if step.kind == "each" and #path > 0 then
    local item = path[1] ~= "count" and step.item_by_key and step.item_by_key[path[1]]
    if not item then return end
    step, path = item.step, { unpack(path, 2) }
  end
  local check = field_checks[step.kind]
  if check then check(self, step, path, key) end
end

-- Collects what a step's options refer to: its needs, and which jobs' fields are wanted of whom.
function Session:use(step, meaning, ref)
  local target, path = meaning.step, meaning.path
  if meaning.secret then
    self:fail(("%s can stand only in trigger_token"):format(self.refs:describe(ref)), step.line)
  end
  if #path == 0 then
    self:fail(("%s is a whole step, not a value: use one of its outputs, as in %s.id"):format(
      self.refs:describe(ref), self.refs:describe(ref)), step.line)
  end
  local tail = path[#path]
  if type(tail) == "table" or (tail == "dotenv" and #path <= 2) or tail == "job" then
    self:fail(("%s is not a value: name one of its fields"):format(self.refs:describe(ref)),
      step.line)
  end
  for _, name in ipairs(path) do
    if type(name) == "table" then target.jobs[name.job] = true end
  end
  self:add_need(step, target)
end

function Session:add_need(step, target)
  if target == step then self:fail("a step can not need itself", step.line) end
  if not step.needed[target] then
    step.needed[target] = true
    step.need_steps[#step.need_steps + 1] = target
  end
end

function Session:read_needs(step, given)
  if self.refs:meaning(given) then given = { given } end
  local count = 0
  for key in pairs(given) do
    count = count + 1
    if type(key) ~= "number" then self:fail("needs is a list of steps", step.line) end
  end
  if count ~= #given then
    self:fail("needs has a hole: one of its entries is nil", step.line)
  end
  for _, need in ipairs(given) do
    if type(need) == "string" then
      step.need_names[#step.need_names + 1] = need
    elseif self:kind(need) == "step" then
      self:add_need(step, self.refs:meaning(need).step)
    else
      self:fail(("needs takes whole steps, not %s"):format(self:describe(need)), step.line)
    end
  end
end

-- The secret input whose value a text holds that GitLab and everybody else would see, or nil.
function Session:secret_in(value)
  local meaning = self.refs:meaning(value)
  for _, name in ipairs(sorted_keys(self.declared or {})) do
    local secret = self.declared[name].secret and self.inputs[name]
    for _, part in ipairs(secret and (meaning and meaning.parts or { value }) or {}) do
      if type(part) == "string" and part:find(references.text(secret), 1, true) then
        return name
      end
    end
  end
end

function Session:check_shown(what, value, line)
  local name = self:secret_in(value)
  if name then
    self:fail(("%s would show the secret input '%s': only variables and inputs may hold it")
      :format(what, name), line)
  end
end

function Session:check_options(word, given, line)
  local rules = words.steps[word]
  if type(given) ~= "table" or self.refs:meaning(given) then
    self:fail(("%s wants a table: %s { ... }"):format(word, word), line)
  end
  for _, name in ipairs(sorted_keys(given)) do
    local rule = type(name) == "string" and rules[name]
    if not rule then
      self:fail(("%s has no option '%s'%s"):format(word, self:describe(name):gsub('"', ""),
        type(name) == "string" and nearest.hint(name, sorted_keys(rules)) or ""), line)
    end
    local wanted, wrong = words.check((rule:gsub("!", "")), given[name], self:kind(given[name]))
    if wrong then self:fail(("%s: %s: %s"):format(word, name, wrong), line) end
    if wanted then
      self:fail(("%s: %s must be %s, not %s"):format(word, name, wanted,
        self:describe(given[name])), line)
    end
    self:check_shown(word .. ": " .. name, given[name], line)
  end
  for _, name in ipairs(sorted_keys(rules)) do
    if rules[name]:find("!", 1, true) and given[name] == nil then
      self:fail(("%s wants %s"):format(word, name), line)
    end
  end
end

local function copy(value)
  local result = {}
  for key, field in pairs(value) do result[key] = field end
  return setmetatable(result, getmetatable(value))
end

function Session:new_step(word, given)
  local line = self:line()
  if self.sealed and not self.making then
    self:fail("steps are made while the script loads, not while it runs", line)
  end
  self:check_options(word, given, line)
  local step = { kind = word, line = line, options = copy(given), needed = {}, need_steps = {},
    need_names = {}, jobs = {}, when = given.when or "success",
    allow_failure = given.allow_failure or false, retry = given.retry or 0,
    timeout = given.timeout and options.seconds(given.timeout) or nil }
  step.handle = self.refs:step(step)
  self.made[#self.made + 1] = step
  for _, name in ipairs(sorted_keys(given)) do
    local value = given[name]
    if name ~= "needs" and name ~= "trigger_token" and name ~= "pipeline" then
      self.refs:each(value, function(ref, meaning) self:use(step, meaning, ref) end)
    end
  end
  if given.needs ~= nil then self:read_needs(step, given.needs) end
  return step
end

local makers = {}

function makers.wait_for(self, step)
  local given = step.options
  if (given.id == nil) == (given.ref == nil or given.sha == nil) then
    self:fail("wait_for wants either id, or ref and sha", step.line)
  end
end

function makers.play(self, step)
  local meaning = self.refs:meaning(step.options.pipeline)
  local target = meaning.step
  if target.kind == "each" and #meaning.path == 1 then
    step.target_key = meaning.path[1]
  elseif #meaning.path > 0 or (target.kind ~= "pipeline" and target.kind ~= "wait_for") then
    self:fail(("play: pipeline must be a pipeline step, not %s"):format(
      self:describe(step.options.pipeline)), step.line)
  end
  step.target = target
  self:add_need(step, target)
end

--- An item's key: what it is known by in names, outputs and the journal.
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

-- A step's needs as names, in the order in which the script names them.
local function complete(step)
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

-- `over` as an array of {key, first, second}: the arguments of `make`.
function Session:item_list(step, over)
  local list, seen = {}, {}
  local function add(key, first, second)
    if key == "count" or key == "status" or key == "" or seen[key] then
      self:fail(("each: the item '%s' %s"):format(key, seen[key] and "stands there twice"
        or "can not have this name"), step.line)
    end
    self:check_shown("each: an item's name", key, step.line)
    seen[key] = true
    list[#list + 1] = { key = key, first = first, second = second }
  end
  if #over > 0 or next(over) == nil then
    for i, item in ipairs(over) do
      self.refs:each(item, function(ref)
        self:fail(("each: over takes plain values or one output, not a list with %s"):format(
          self.refs:describe(ref)), step.line)
      end)
      add(key_of(item, i), item, i)
    end
  else
    for _, key in ipairs(sorted_keys(over)) do add(references.text(key), key, over[key]) end
  end
  return list
end

-- Not a tail call: `Session:line` looks for this function in the stack.
local function run_make(session, make, item)
  session.making, session.make_line = true, debug.getinfo(make, "S").linedefined
  local result = make(item.first, item.second)
  session.making = false
  return result
end

-- Makes the step of one item of an `each`.
function Session:make_item(each, item)
  if self.making then self:fail("each can not stand within each", each.line) end
  local from = #self.made
  local ok, result = guards.xpcall(run_make, function(message) return self:caught(message) end,
    self, each.options.make, item)
  self.making = false
  if not ok then error(result, 0) end
  local meaning = self.refs:meaning(result)
  local step = meaning and meaning.step
  local line = debug.getinfo(each.options.make, "S").linedefined
  if not step or #meaning.path > 0 or step.name or step.kind == "each" then
    self:fail("each: make must return a step of its own, such as pipeline {...}", line)
  end
  for i = from + 1, #self.made do
    if self.made[i] ~= step then
      self:fail(("this %s is neither returned nor named"):format(self.made[i].kind),
        self.made[i].line)
    end
  end
  step.parent, step.key = each, item.key
  -- A step's fields by the reference of any item are wanted of every item.
  step.jobs = each.jobs
  complete(step)
  return step
end

function makers.each(self, step)
  local over = step.options.over
  if self.refs:meaning(over) then return end
  step.items, step.item_by_key = {}, {}
  for _, entry in ipairs(self:item_list(step, over)) do
    local item = { key = entry.key, step = self:make_item(step, entry) }
    step.items[#step.items + 1] = item
    step.item_by_key[item.key] = item
    for _, need in ipairs(item.step.need_steps) do self:add_need(step, need) end
    for _, need in ipairs(item.step.need_names) do
      step.need_names[#step.need_names + 1] = need
    end
  end
end

function Session:make_words()
  local vocabulary = {}
  for _, word in ipairs(sorted_keys(words.steps)) do
    vocabulary[word] = function(given)
      local step = self:new_step(word, given)
      if makers[word] then makers[word](self, step) end
      return step.handle
    end
  end
  function vocabulary.secret(name)
    if type(name) ~= "string" or not name:match "^[%a_][%w_]*$" then
      self:fail 'secret wants a name: secret "DEPLOY_TOKEN"'
    end
    return self.refs:secret(name)
  end
  function vocabulary.array(list)
    if list ~= nil and type(list) ~= "table" then self:fail "array wants a list: array { ... }" end
    return require("gitlab_pipelines.json").array(list or {})
  end
  vocabulary.input = setmetatable({}, { __metatable = "input",
    __index = function(_, name) return self:input(name) end,
    __newindex = function() self:fail "inputs are given from outside; write local" end })
  vocabulary.env = setmetatable({}, { __metatable = "env",
    __index = function(_, name)
      local value, refusal = self.environment:get(name)
      if refusal then self:fail(refusal) end
      return value
    end,
    __newindex = function() self:fail "the environment can not be changed; write local" end })
  return vocabulary
end

function Session:input(name)
  if not self.declared then
    self:fail(("input.%s is read before inputs = { ... } says what inputs there are"):format(
      tostring(name)))
  end
  if not self.declared[name] then
    self:fail(("there is no input '%s'%s"):format(tostring(name),
      nearest.hint(tostring(name), sorted_keys(self.declared))))
  end
  return self.inputs[name]
end

function Session:declare_inputs(declared, line)
  self.declared, self.inputs, self.inputs_line = declared, {}, line
  for _, name in ipairs(sorted_keys(declared)) do
    local problem = inputs.problem(name, declared[name])
    if problem then self:fail(problem, line) end
  end
  if self.only_declare then error(self.only_declare, 0) end
  self:read_inputs()
end

function Session:read_inputs()
  local values, problems = inputs.values(self.declared or {}, self.given)
  if not values then
    error(self:error("InvalidInput", table.concat(problems, "; "), self.inputs_line), 0)
  end
  self.inputs = values
  for _, name in ipairs(sorted_keys(self.declared or {})) do
    if self.declared[name].secret and values[name] ~= nil then
      self.redactor = self.redactor or redactors.new()
      self.redactor:add(references.text(values[name]))
    end
  end
end

function Session:known_names()
  local seen, list = {}, {}
  for _, source in ipairs { self.vocabulary, self.libraries, words.flow, self.by_name,
      self.assigned or {} } do
    for _, name in ipairs(sorted_keys(source)) do
      if type(name) == "string" and not seen[name] then
        seen[name] = true
        list[#list + 1] = name
      end
    end
  end
  return list
end

function Session:read_global(name)
  local step = self.by_name[name]
  if step then return step.handle end
  if name == "_G" then return self.env end
  local value = self.vocabulary[name]
  if value ~= nil then return value end
  value = self.libraries[name]
  if value ~= nil then return value end
  if words.flow[name] then return self.settings[name] end
  if sandbox.host_only[name] then
    self:fail(("%s is not part of a flow script; --allow-host makes it so"):format(name))
  end
  local line = self.assigned and self.assigned[name]
  if line and not self.sealed then
    self:fail(("'%s' is used before line %d makes it"):format(name, line))
  end
  self:fail(("there is no '%s'%s"):format(tostring(name),
    nearest.hint(tostring(name), self:known_names())))
end

function Session:set_option(name, value)
  if self.settings[name] ~= nil then
    self:fail(("%s is set twice"):format(name))
  end
  local wanted = words.check(words.flow[name], value, self:kind(value))
  if wanted then
    self:fail(("%s is an option of the flow and must be %s, not %s"):format(name, wanted,
      self:describe(value)))
  end
  self.settings[name] = value
  if name == "inputs" then
    -- Where it begins, not where its table ends.
    self:declare_inputs(value, self.lines and self.lines.inputs or self:line())
  end
end

function Session:write_global(name, value)
  if self.sealed then
    self:fail(("'%s': nothing is assigned while the flow runs; write local"):format(
      tostring(name)))
  end
  if words.flow[name] then return self:set_option(name, value) end
  if self.vocabulary[name] ~= nil or self.libraries[name] ~= nil or name == "_G" then
    self:fail(("'%s' is a word of flow scripts and can not be a step"):format(name))
  end
  if words.options[name] then
    self:fail(("'%s' is an option and can not be a step"):format(name))
  end
  local meaning = self.refs:meaning(value)
  local step = meaning and #(meaning.path or { 1 }) == 0 and meaning.step
  if not step then
    local instead = meaning and (meaning.secret and " but a secret" or " but an output") or ""
    self:fail(("'%s' is not a step%s; write local %s"):format(tostring(name), instead,
      tostring(name)))
  end
  self:check_shown("a step's name", name)
  if type(name) ~= "string" or not name:match "^[%a_][%w_.-]*$" then
    self:fail(("'%s' can not be a step's name: letters, digits, _ - and ."):format(
      tostring(name)))
  end
  if self.by_name[name] then
    self:fail(("'%s' is assigned twice, first at line %d"):format(name,
      self.by_name[name].assigned_line or 0))
  end
  if step.name or step.parent then
    self:fail(("this step has a name already: %s; write local %s"):format(
      step.name or step.parent.kind, name))
  end
  step.name, step.path, step.assigned_line = name, name, self:line()
  self.by_name[name] = step
  self.steps[#self.steps + 1] = step
end

-- One line of a message, not too long to be read.
local function one_line(text)
  text = text:gsub("%s*[%c]+%s*", " ")
  return #text > MAX_MESSAGE and text:sub(1, MAX_MESSAGE) .. "..." or text
end

--- Whatever was raised, as an error of ours with the script's name and line.
---@param message any
---@param kind string|nil of FlowError; InvalidScript if absent
function Session:caught(message, kind)
  message = shown.original(message)
  if errors.is_error(message) or message == self.only_declare then return message end
  kind = kind or "InvalidScript"
  if guards.is_spent(message) then return self:error(kind, message.message, message.line or 1) end
  local text = type(message) == "string" and message
    or type(message) == "number" and references.text(message)
    or ("an error that is a %s"):format(type(message))
  local line, rest = text:match("^" .. chunk_name:gsub("%-", "%%-") .. ":(%d+): (.*)$")
  if line then return self:error(kind, one_line(rest), tonumber(line)) end
  -- A tail call leaves no frame of the script's: Lua names one of ours.
  if self.source then text = text:gsub("^[^:]*gitlab_pipelines[/\\][^:]*%.lua:%d+: ", "") end
  return self:error(kind, one_line(text), self:line())
end

--- Must it be kept from the host? Not a builder's function, nor what --allow-host trusts.
function Session:is_untrusted() return self.source ~= nil and not self.allow_host end

--- A budget: "seconds" or "call_seconds" says of which kind.
function Session:guard(budget)
  return guards.new { seconds = self.budgets[budget], memory = self.budgets.memory,
    source = self.source }
end

--- Runs a function of the script, or one that works on its values, within a budget.
---@param guard table|nil none: as it is
---@param kind string|nil of the FlowError that comes out; InvalidScript if absent
---@param fn function
---@return boolean ok
---@return any a the first result, or the error
---@return any b the second result, or with an error: is the budget spent?
function Session:within(guard, kind, fn, ...)
  local function handler(message) return self:caught(message, kind) end
  if not guard then return xpcall(fn, handler, ...) end
  local within, ok, a, b = guard:call(guards.xpcall, fn, handler, ...)
  if not within then return false, self:caught(ok, kind), guard:is_spent() end
  if not ok then return false, self:caught(a, kind), false end
  return true, a, b
end

--- The same with a new budget of a kind.
function Session:bounded(budget, kind, fn, ...)
  return self:within(self:is_untrusted() and self:guard(budget) or nil, kind, fn, ...)
end

local function explain(test)
  local how = test.how
  local verb = (how == "==" or how == "~=") and "compared" or "tested"
  return ("%s is known only when the flow runs: it can not be %s with `%s`; "
    .. "write when = function(steps) return ... end"):format(test.text, verb, how)
end

-- `when` other than "success", and no needs: then everything before it.
local function needs_all_before(steps, index)
  local step = steps[index]
  if step.when == "success" or #step.needs > 0 then return end
  for i = 1, index - 1 do step.needs[i] = steps[i].name end
end

function Session:finish()
  for _, step in ipairs(self.made) do
    if not step.name and not step.parent then
      self:fail(("this %s is not assigned: give it a name, as in build = %s { ... }"):format(
        step.kind, step.kind), step.line)
    end
  end
  if #self.steps == 0 then self:fail("the flow has no step", false) end
  if not self.declared then self:read_inputs() end
  for i, step in ipairs(self.steps) do
    complete(step)
    needs_all_before(self.steps, i)
    for _, item in ipairs(step.items or {}) do
      item.step.path = step.name .. "/" .. item.key
    end
  end
  local built, err = graph.build(self.steps)
  if not built then
    err.file = self.file
    err.message = ("%s:%d: %s"):format(self.file, err.line or 0, err.message)
    error(err, 0)
  end
  return { name = self.settings.name or self.default_name, file = self.file, steps = self.steps,
    by_name = self.by_name, graph = built, inputs = self.inputs, declared = self.declared or {},
    on_failure = self.settings.on_failure or "stop", concurrency = self.settings.concurrency,
    timeout = self.settings.timeout and options.seconds(self.settings.timeout) or nil,
    refs = self.refs, session = self }
end

--- Makes the items of an `each` whose list is known only now.
---@param plan table
---@param step table the `each`
---@param over table the list or map
---@return table|nil items
---@return table|nil err
function M.items(plan, step, over)
  local session = plan.session
  local ok, result = session:bounded("seconds", nil, function()
    local items = {}
    for _, entry in ipairs(session:item_list(step, over)) do
      local made = session:make_item(step, entry)
      made.path = step.name .. "/" .. entry.key
      items[#items + 1] = { key = entry.key, step = made, value = entry }
    end
    return items
  end)
  if ok then return result end
  return nil, result
end

--- Asks a step's `when` function.
---@param plan table
---@param when function
---@param steps table the steps as a script sees them
---@return boolean|nil answer
---@return table|nil err
function M.ask(plan, when, steps)
  local ok, answer = plan.session:bounded("seconds", "StepFailed", when, steps)
  if ok then return answer and true or false end
  return nil, answer
end

-- What a `call` returned, as data of the host's own.
local function run_call(run, steps, gl, step)
  local value, err = run(steps, gl, step)
  return shown.data(value, "the result"), shown.original(err)
end

--- Runs the function of a `call`. An untrusted script's gets a facade instead of the client.
---@param plan table
---@param run function
---@param steps table the steps as a script sees them
---@param gl table the client
---@param step table the third argument
---@param output string|nil the folder for what it writes
---@return boolean ok
---@return any value what it returned, as plain data; or the error
---@return any err what it returned second; or: is the budget spent?
function M.call(plan, run, steps, gl, step, output)
  local session = plan.session
  if not session:is_untrusted() then
    return session:bounded("call_seconds", "StepFailed", run_call, run, steps, gl, step)
  end
  local guard = session:guard "call_seconds"
  local facade = require("gitlab_pipelines.flow.facade").new(gl, output,
    function(fn, ...) return guard:call(fn, ...) end)
  return session:within(guard, "StepFailed", run_call, run, steps, facade, step)
end

local function new_session(file, source, opts)
  local self = setmetatable({ file = file, source = source, given = opts.inputs or {}, inputs = {},
    steps = {}, by_name = {}, made = {}, settings = {}, allow_host = opts.allow_host,
    environment = environment.new(opts.env, opts.getenv or os.getenv, opts.redactor),
    budgets = setmetatable({}, { __index = function(_, name)
      return opts.budgets and opts.budgets[name] or guards.defaults[name]
    end }),
    default_name = file:match "([^/\\]+)%.lua$" or file }, Session)
  self.run_make = run_make
  self.refs = references.new(function(message) self:fail(message) end)
  self.refs.check = function(meaning, key) self:check_field(meaning, key) end
  self.vocabulary = self:make_words()
  self.libraries = sandbox.libraries(opts.allow_host)
  self.libraries.print = function(...)
    local texts = {}
    for i = 1, select("#", ...) do texts[i] = self:printable((select(i, ...))) end
    local text = table.concat(texts, "\t")
    -- It is kept for as long as the run lasts.
    if self.source then guards.charge(#text + PRINT_BYTES, PRINT_INSTRUCTIONS) end
    guards.aside(self.print, text)
  end
  -- Printed before there is a run: told when it begins.
  self.printed = {}
  self.print = function(text) self.printed[#self.printed + 1] = text end
  self.env = setmetatable({}, { __metatable = "flow",
    __index = function(_, name) return self:read_global(name) end,
    __newindex = function(_, name, value) self:write_global(name, value) end })
  return self
end

-- Without a byte order mark and a `#!` line.
local function plain(text)
  return (text:gsub("^\239\187\191", ""):gsub("^#[^\n]*", ""))
end

function Session:printable(value)
  local meaning = self.refs:meaning(value)
  return meaning and meaning.secret and redactors.shown or tostring(value)
end

-- Makes the plan of the script's chunk or of a builder.
local function evaluate(self, body)
  body(self.env)
  return self:finish()
end

-- Tests that Lua can not report; `steps` are names that only running has shown.
local function check_tests(self, scanned, steps)
  local first = scanned and scanned:tests(steps)[1]
  if first then error(self:error("InvalidScript", explain(first), first.line), 0) end
end

local function compile(self, code)
  local chunk, message = guards.load(code, "=" .. chunk_name, self.env)
  if not chunk then error(message, 0) end
  return chunk
end

--- Is this a script at all? Its mistakes of meaning show when it runs.
---@return boolean|nil ok
---@return table|nil err FlowError.InvalidScript
function M.syntax(text, file)
  local self = new_session(file, "=" .. chunk_name, {})
  local ok, err = self:bounded("seconds", nil, compile, self, plain(text))
  if ok then return true end
  return nil, err
end

-- The script's own plan: what it assigns is known before it runs, and once more behind it.
local function plan_script(self, code)
  local chunk = compile(self, code)
  local ok, scanned = pcall(scan.scan, code)
  scanned = ok and scanned or nil
  if scanned then self.assigned, self.lines = scanned.assigned, scanned.lines end
  check_tests(self, scanned)
  local plan = evaluate(self, chunk)
  check_tests(self, scanned, self.by_name)
  return plan
end

local function sealed(self, ok, plan)
  self.sealed = true
  if ok then return plan end
  return nil, plan
end

--- Runs a script with its inputs and gives the plan.
---@param text string the script
---@param file string its name, for messages
---@param opts FlowEvaluation|nil
---@return table|nil plan
---@return table|nil err FlowError.InvalidScript, InvalidInput, UnknownStep or Cycle
function M.script(text, file, opts)
  local self = new_session(file, "=" .. chunk_name, opts or {})
  local problem = self.environment:problem()
  if problem then return nil, self:error("InvalidInput", problem) end
  return sealed(self, self:bounded("seconds", nil, plan_script, self, plain(text)))
end

--- What a script says about its inputs, without any being given.
---@param text string
---@param file string
---@param opts FlowEvaluation|nil
---@return table|nil declared name -> {type, required, ...}
---@return table|nil err
function M.inputs(text, file, opts)
  local self = new_session(file, "=" .. chunk_name, opts or {})
  self.only_declare = {}
  local ok, err = self:bounded("seconds", nil, function()
    return evaluate(self, compile(self, plain(text)))
  end)
  if ok or err == self.only_declare then return self.declared or {} end
  return nil, err
end

--- Makes a plan by a function of the caller's: `function(w) w.lib = w.pipeline {...} end`.
---@param builder fun(w: table)
---@param opts FlowEvaluation|nil as for `script`, and `name`
---@return table|nil plan
---@return table|nil err
function M.builder(builder, opts)
  opts = opts or {}
  local self = new_session(opts.name or "flow", nil, opts)
  return sealed(self, self:bounded("seconds", nil, evaluate, self, builder))
end

return M
