--- What a run knows of each step and of each item of an `each`, and what is shown of it.

local M = {}

-- What a script's functions and the caller see of a step: its state, then its outputs, then its
-- items. `steps.lib.status` is the step's; the pipeline's own stands in `pipeline_status`.
local shown = { name = true, path = true, key = true, kind = true, status = true, reason = true,
  attempt = true, error = true, failure = true, started_at = true, ended_at = true,
  pipeline_status = true, pipeline_id = true, web_url = true, outputs = true, message = true, line = true,
  allow_failure = true, because = true }

local view_meta = {}

--- What is shown of a state.
---@param state table
---@return table view
function M.view(state)
  if not state.view then state.view = setmetatable({ [view_meta] = state }, view_meta) end
  return state.view
end

function view_meta.__index(view, key)
  local state = rawget(view, view_meta)
  if shown[key] and state[key] ~= nil then return state[key] end
  if key == "items" then
    local list = {}
    for i, item in ipairs(state.items or {}) do list[i] = M.view(item) end
    return list
  end
  local value = state.outputs and state.outputs[key]
  if value ~= nil then return value end
  if key == "id" then return state.pipeline_id end
  local item = state.item_by_key and state.item_by_key[key]
  return item and M.view(item) or nil
end

function view_meta.__newindex() error("what a run shows of its steps cannot be changed", 2) end

--- Is the value such a view?
---@param value any
---@return boolean
function M.is_view(value) return type(value) == "table" and getmetatable(value) == view_meta end

--- The state of a step or item that has not begun.
---@param step table of the plan
---@param path string
---@return table state
function M.new(step, path)
  return { step = step, path = path, name = step.name or path, key = step.key, kind = step.kind,
    line = step.line, allow_failure = step.allow_failure, status = "planned", attempt = 0 }
end

--- Does the flow fail with this step or item?
function M.counts_as_failure(state)
  return state.status == "failed" and not state.allow_failure
    and not (state.parent and state.parent.allow_failure)
end

--- Every state of a run in the order of the script, items behind their `each`.
---@param run table
---@return table[] states
function M.all(run)
  local list = {}
  for _, state in ipairs(run.list) do
    list[#list + 1] = state
    for _, item in ipairs(state.items or {}) do list[#list + 1] = item end
  end
  return list
end

--- The result of a step that an error ended.
---@param err table
---@return table result
function M.failed_with(err)
  return { status = "failed", reason = err.message, error = err }
end

return M
