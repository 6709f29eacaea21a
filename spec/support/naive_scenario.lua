--- What a scenario shows: a second witness, written from the description sentence by sentence.

local M = {}

---@param scenario table|nil {terminal_after_seconds=, terminal_status=, never_complete=}
---@param override table|nil the same, of the pipeline itself
---@param elapsed number seconds since the pipeline's creation
---@return string
function M.status(scenario, override, elapsed)
  scenario, override = scenario or {}, override or {}

  -- "never_complete, its own or its scenario's, wins over both, for any elapsed time"
  if scenario.never_complete or override.never_complete then return "running" end

  -- "A pipeline's own terminal_after_seconds or terminal_status, each by itself, wins"
  local after = scenario.terminal_after_seconds
  if override.terminal_after_seconds ~= nil then after = override.terminal_after_seconds end
  local terminal = scenario.terminal_status
  if override.terminal_status ~= nil then terminal = override.terminal_status end

  -- "No scenario, no override, no world: it stays running"
  if after == nil and terminal == nil then return "running" end

  -- "terminal_status without any time applies at once"
  if after == nil then return terminal end

  if elapsed < after then return "running" end
  return terminal or "success"
end

return M
