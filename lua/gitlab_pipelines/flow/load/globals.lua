--- The globals of a script: the words, the options of the flow, its inputs and its steps.

local checks = require "gitlab_pipelines.flow.load.checks"
local environment = require "gitlab_pipelines.flow.environment"
local guards = require "gitlab_pipelines.guard"
local inputs = require "gitlab_pipelines.flow.inputs"
local nearest = require "gitlab_pipelines.flow.nearest"
local redactors = require "gitlab_pipelines.observe.redact"
local references = require "gitlab_pipelines.flow.refs"
local sandbox = require "gitlab_pipelines.flow.sandbox"
local sessions = require "gitlab_pipelines.flow.load.session"
local steps = require "gitlab_pipelines.flow.load.steps"
local words = require "gitlab_pipelines.flow.words"

local M = {}

if jit then jit.off(true, true) end
sessions.own_file()

local sorted_keys = references.sorted_keys

-- What each printed line costs the script's budget, in addition to its length.
local PRINT_BYTES, PRINT_INSTRUCTIONS = 256, 500

local function input(session, name)
  if not session.declared then
    session:fail(("input.%s is read before inputs = { ... } declares the inputs"):format(
      tostring(name)))
  end
  if not session.declared[name] then
    session:fail(("there is no input '%s'%s"):format(tostring(name),
      nearest.hint(tostring(name), sorted_keys(session.declared))))
  end
  return session.inputs[name]
end

--- Reads the values of the inputs that the script declares.
---@param session table
function M.read_inputs(session)
  local values, problems = inputs.values(session.declared or {}, session.given)
  if not values then
    error(session:error("InvalidInput", table.concat(problems, "; "), session.inputs_line), 0)
  end
  session.inputs = values
  for _, name in ipairs(sorted_keys(session.declared or {})) do
    if session.declared[name].secret and values[name] ~= nil then
      session.redactor = session.redactor or redactors.new()
      session.redactor:add(references.text(values[name]))
    end
  end
end

local function declare_inputs(session, declared, line)
  session.declared, session.inputs, session.inputs_line = declared, {}, line
  for _, name in ipairs(sorted_keys(declared)) do
    local problem = inputs.problem(name, declared[name])
    if problem then session:fail(problem, line) end
  end
  if session.only_declare then error(session.only_declare, 0) end
  M.read_inputs(session)
end

local function make_words(session)
  local vocabulary = {}
  for _, word in ipairs(sorted_keys(words.steps)) do
    vocabulary[word] = function(given) return steps.make(session, word, given) end
  end
  function vocabulary.secret(name)
    if type(name) ~= "string" or not name:match "^[%a_][%w_]*$" then
      session:fail 'secret must be given a name: secret "DEPLOY_TOKEN"'
    end
    return session.refs:secret(name)
  end
  function vocabulary.array(list)
    if list ~= nil and type(list) ~= "table" then
      session:fail "array must be given a list: array { ... }"
    end
    return require("gitlab_pipelines.json").array(list or {})
  end
  vocabulary.input = setmetatable({}, { __metatable = "input",
    __index = function(_, name) return input(session, name) end,
    __newindex = function() session:fail "inputs cannot be assigned in a script; write local" end })
  vocabulary.env = setmetatable({}, { __metatable = "env",
    __index = function(_, name)
      local value, refusal = session.environment:get(name)
      if refusal then session:fail(refusal) end
      return value
    end,
    __newindex = function() session:fail "the environment cannot be changed; write local" end })
  return vocabulary
end

local function known_names(session)
  local seen, list = {}, {}
  for _, source in ipairs { session.vocabulary, session.libraries, words.flow, session.by_name,
      session.assigned or {} } do
    for _, name in ipairs(sorted_keys(source)) do
      if type(name) == "string" and not seen[name] then
        seen[name] = true
        list[#list + 1] = name
      end
    end
  end
  return list
end

local function read_global(session, name)
  local step = session.by_name[name]
  if step then return step.handle end
  if name == "_G" then return session.env end
  local value = session.vocabulary[name]
  if value ~= nil then return value end
  value = session.libraries[name]
  if value ~= nil then return value end
  if words.flow[name] then return session.settings[name] end
  if sandbox.host_only[name] then
    session:fail(("%s is not available to flow scripts without --allow-host"):format(name))
  end
  local line = session.assigned and session.assigned[name]
  if line and not session.sealed then
    session:fail(("'%s' is used before line %d defines it"):format(name, line))
  end
  session:fail(("'%s' is not defined%s"):format(tostring(name),
    nearest.hint(tostring(name), known_names(session))))
end

local function set_option(session, name, value)
  if session.settings[name] ~= nil then
    session:fail(("%s is set twice"):format(name))
  end
  local wanted = words.check(words.flow[name], value, session:kind(value))
  if wanted then
    session:fail(("%s is an option of the flow and must be %s, not %s"):format(name, wanted,
      session:describe(value)))
  end
  session.settings[name] = value
  if name == "inputs" then
    -- The line where the assignment begins, not the one where its table ends.
    declare_inputs(session, value, session.lines and session.lines.inputs or session:line())
  end
end

local function write_global(session, name, value)
  if session.sealed then
    session:fail(("'%s': a global cannot be assigned while the flow runs; write local"):format(
      tostring(name)))
  end
  if words.flow[name] then return set_option(session, name, value) end
  if session.vocabulary[name] ~= nil or session.libraries[name] ~= nil or name == "_G" then
    session:fail(("'%s' is a reserved word of flow scripts and cannot name a step"):format(name))
  end
  if words.options[name] then
    session:fail(("'%s' is the name of an option and cannot name a step"):format(name))
  end
  local meaning = session.refs:meaning(value)
  local step = meaning and #(meaning.path or { 1 }) == 0 and meaning.step
  if not step then
    local instead = meaning and (meaning.secret and " but a secret" or " but an output") or ""
    session:fail(("'%s' is not a step%s; write local %s"):format(tostring(name), instead,
      tostring(name)))
  end
  checks.shown(session, "a step's name", name)
  if type(name) ~= "string" or not name:match "^[%a_][%w_.-]*$" then
    session:fail(("'%s' cannot be a step's name: use letters, digits, _, - and ., "
      .. "starting with a letter or _"):format(tostring(name)))
  end
  if session.by_name[name] then
    session:fail(("'%s' is assigned twice, first at line %d"):format(name,
      session.by_name[name].assigned_line or 0))
  end
  if step.name or step.parent then
    session:fail(("this step already has a name: %s; write local %s"):format(
      step.name or step.parent.kind, name))
  end
  step.name, step.path, step.assigned_line = name, name, session:line()
  session.by_name[name] = step
  session.steps[#session.steps + 1] = step
end

local function printable(session, value)
  local meaning = session.refs:meaning(value)
  return meaning and meaning.secret and redactors.shown or tostring(value)
end

--- Gives a session its references and its globals, `session.env`.
---@param session table
---@param opts FlowEvaluation
function M.install(session, opts)
  session.environment = environment.new(opts.env, opts.getenv or os.getenv, opts.redactor)
  session.refs = references.new(function(message) session:fail(message) end)
  session.refs.check = function(meaning, key) checks.field(session, meaning, key) end
  session.vocabulary = make_words(session)
  session.libraries = sandbox.libraries(opts.allow_host)
  session.libraries.print = function(...)
    local texts = {}
    for i = 1, select("#", ...) do texts[i] = printable(session, (select(i, ...))) end
    local text = table.concat(texts, "\t")
    -- The text is kept until the run ends.
    if session.source then guards.charge(#text + PRINT_BYTES, PRINT_INSTRUCTIONS) end
    guards.aside(session.print, text)
  end
  -- Lines printed before a run exists; the run reports them when it begins.
  session.printed = {}
  session.print = function(text) session.printed[#session.printed + 1] = text end
  session.env = setmetatable({}, { __metatable = "flow",
    __index = function(_, name) return read_global(session, name) end,
    __newindex = function(_, name, value) write_global(session, name, value) end })
end

return M
