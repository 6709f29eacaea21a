--- The values that steps take from those before them.

local errors = require "gitlab_pipelines.errors"
local refs = require "gitlab_pipelines.flow.refs"

local Run = {}

--- The value of a reference; raises FlowError.StepFailed when there is none.
function Run:value(meaning, ref)
  local function missing(why)
    error(errors.new("FlowError.StepFailed", { message = ("%s has no value: %s"):format(
      self.plan.refs:describe(ref), why) }), 0)
  end
  local path, at = meaning.path, 1
  local state = self.states[meaning.step.name]
  if state.kind == "each" and path[1] ~= "count" and path[1] ~= "status" then
    local item = state.item_by_key and state.item_by_key[path[1]]
    if not item then missing(("there is no item '%s'"):format(path[1])) end
    state, at = item, 2
  end
  if not state.outputs then
    missing(("%s %s"):format(state.path, state.status == "skipped" and "was skipped"
      or state.status == "failed" and "failed" or "gave nothing"))
  end
  local value = state.outputs
  for i = at, #path do
    if type(value) ~= "table" then missing "there is nothing below it" end
    local name = path[i]
    if type(name) == "table" then
      value = (value.job or {})[name.job]
    else
      value = value[name]
    end
    if value == nil then
      if path[at] == "dotenv" then
        local have = refs.sorted_keys(state.outputs.dotenv or {})
        missing(("%s holds %s"):format(state.step.options.dotenv,
          #have > 0 and table.concat(have, ", ") or "nothing"))
      end
      missing "GitLab does not give it"
    end
  end
  return value
end

--- Fills in every reference of a value.
function Run:resolve(value)
  return self.plan.refs:resolve(value, function(meaning, ref) return self:value(meaning, ref) end)
end

return Run
