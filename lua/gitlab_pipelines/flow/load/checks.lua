--- Checks the options that a script passes to a word, and the output fields that it reads.

local nearest = require "gitlab_pipelines.flow.nearest"
local references = require "gitlab_pipelines.flow.refs"
local sessions = require "gitlab_pipelines.flow.load.session"
local words = require "gitlab_pipelines.flow.words"

local M = {}

if jit then jit.off(true, true) end
sessions.own_file()

local sorted_keys = references.sorted_keys
local unpack = table.unpack or unpack

-- Refuses a field that is not in `known` when it looks like a misspelt one.
local function check_name(session, known, what, key)
  for _, name in ipairs(known) do
    if name == key then return end
  end
  local near = nearest.name(key, known)
  if near then
    session:fail(("%s has no field '%s'; did you mean '%s'?"):format(what, key, near))
  end
end

local field_checks = {}

function field_checks.pipeline(session, step, path, key)
  local what = step.name or "a " .. step.kind
  local depth, last = #path, path[#path]
  if depth == 0 then
    check_name(session, words.pipeline_fields, what, key)
    if key == "dotenv" and not step.options.dotenv then
      session:fail(("%s has no dotenv file: add dotenv = \"build.env\""):format(what))
    end
  elseif last == "job" then
    session:fail(("%s.job needs a job's name: %s.job(\"deploy\").%s"):format(what, what, key))
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

--- Checks a field that a script reads from a step or from an output.
---@param session table
---@param meaning table what the reference means
---@param key string
function M.field(session, meaning, key)
  local step, path = meaning.step, meaning.path
  if step.kind == "each" and #path > 0 then
    local item = path[1] ~= "count" and step.item_by_key and step.item_by_key[path[1]]
    if not item then return end
    step, path = item.step, { unpack(path, 2) }
  end
  local check = field_checks[step.kind]
  if check then check(session, step, path, key) end
end

-- The secret input whose value a string that others can see contains, or nil.
local function secret_in(session, value)
  local meaning = session.refs:meaning(value)
  for _, name in ipairs(sorted_keys(session.declared or {})) do
    local secret = session.declared[name].secret and session.inputs[name]
    for _, part in ipairs(secret and (meaning and meaning.parts or { value }) or {}) do
      if type(part) == "string" and part:find(references.text(secret), 1, true) then
        return name
      end
    end
  end
end

--- Checks that a value that others can see contains no secret input.
---@param session table
---@param what string the value's name, for the message
---@param value any
---@param line integer|nil
function M.shown(session, what, value, line)
  local name = secret_in(session, value)
  if name then
    session:fail(("%s would show the secret input '%s': only variables and inputs may hold it")
      :format(what, name), line)
  end
end

--- Checks the options of a word.
---@param session table
---@param word string of `words.steps`
---@param given any
---@param line integer
function M.options(session, word, given, line)
  local rules = words.steps[word]
  if type(given) ~= "table" or session.refs:meaning(given) then
    session:fail(("%s must be given a table: %s { ... }"):format(word, word), line)
  end
  for _, name in ipairs(sorted_keys(given)) do
    local rule = type(name) == "string" and rules[name]
    if not rule then
      session:fail(("%s has no option '%s'%s"):format(word, session:describe(name):gsub('"', ""),
        type(name) == "string" and nearest.hint(name, sorted_keys(rules)) or ""), line)
    end
    local wanted, wrong = words.check((rule:gsub("!", "")), given[name], session:kind(given[name]))
    if wrong then session:fail(("%s: %s: %s"):format(word, name, wrong), line) end
    if wanted then
      session:fail(("%s: %s must be %s, not %s"):format(word, name, wanted,
        session:describe(given[name])), line)
    end
    M.shown(session, word .. ": " .. name, given[name], line)
  end
  for _, name in ipairs(sorted_keys(rules)) do
    if rules[name]:find("!", 1, true) and given[name] == nil then
      session:fail(("%s: %s is required"):format(word, name), line)
    end
  end
end

return M
