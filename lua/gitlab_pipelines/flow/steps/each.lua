--- An `each` step: makes its items and runs them, so many at once as its limit says.

local errors = require "gitlab_pipelines.errors"
local json = require "gitlab_pipelines.json"
local load = require "gitlab_pipelines.flow.load"
local refs = require "gitlab_pipelines.flow.refs"

local M = {}

-- What an `each` goes over when that is known only now: a list or map, or text: words with blanks
-- or commas between them, or JSON.
local function list_of(value)
  if type(value) == "table" then return value end
  local text = refs.text(value)
  if text:find "^%s*[%[{]" then
    local list, message = json.decode(text)
    if type(list) ~= "table" then
      error(errors.new("FlowError.StepFailed",
        { message = "over is neither a list nor JSON: " .. tostring(message) }), 0)
    end
    return list
  end
  local list = {}
  for word in text:gmatch "[^%s,]+" do list[#list + 1] = word end
  return list
end

local function items_of(run, state)
  if state.items then return end
  local step = state.step
  local items = step.items
  if not items then
    local over = state.over or list_of(run:resolve(step.options.over))
    state.over = over
    local err
    items, err = load.items(run.plan, step, over)
    if not items then error(err, 0) end
    run:check_item_needs(step, items)
  end
  run:record(state, "intent", { over = state.over })
  run:add_items(state, items)
end

-- So many tasks take the items in order; a step that may not run is settled on the way.
local function run_items(run, state)
  local at, tasks = 0, {}
  local function worker()
    while at < #state.items do
      at = at + 1
      local item = state.items[at]
      if item.status == "planned" and (item.resumed or run:decide(item)) then
        item.task = run.rt:current()
        run:unit(item)
        if run.abandoned then return end
      end
    end
  end
  for i = 1, math.min(state.step.options.limit or #state.items, #state.items) do
    tasks[i] = run.rt:spawn(worker)
  end
  for _, task in ipairs(tasks) do task:join() end
end

--- Runs the items; what became of them together.
---@param run table
---@param state table
---@return gitlab_pipelines.StepResult
function M.perform(run, state)
  items_of(run, state)
  run_items(run, state)
  local counts, first = { success = 0, failed = 0, canceled = 0, skipped = 0 }, nil
  for _, item in ipairs(state.items) do
    local status = item.status
    if item.in_doubt then
      return { doubt = true, error = item.in_doubt, reason = item.path .. " is in doubt" }
    end
    if status == "failed" and item.allow_failure then status = "success" end
    counts[status] = (counts[status] or 0) + 1
    if status == "failed" and not first then first = item end
  end
  local result = { outputs = { count = #state.items }, status = "success" }
  if counts.failed > 0 then
    result.status = "failed"
    result.error, result.timed_out = first.error, first.timed_out
    result.reason = ("%d of %d failed"):format(counts.failed, #state.items)
  elseif counts.canceled > 0 then
    result.status, result.reason = "canceled", ("%d of %d were canceled"):format(counts.canceled,
      #state.items)
  elseif counts.skipped > 0 and counts.success == 0 then
    result.status, result.because = "skipped", state.items[1].because
    result.reason = "every item was skipped"
  elseif counts.skipped > 0 and state.items[1] then
    for _, item in ipairs(state.items) do
      if item.status == "skipped" and item.because == "failure" then
        result.status, result.because, result.reason = "skipped", "failure", item.reason
      end
    end
  end
  result.outputs.status = result.status
  return result
end

return M
