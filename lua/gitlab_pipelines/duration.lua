--- Formats durations as text. (options.seconds parses them.)

local M = {}

-- Below `least` seconds a duration is shown in seconds, below an hour in minutes and seconds, otherwise
-- in hours and minutes.
local forms = {
  short = { least = 59.95, seconds = "%.1fs", minutes = "%dm%02ds", hours = "%dh%02dm" },
  spaced = { least = 59.95, seconds = "%.1fs", minutes = "%dm %02ds", hours = "%dh %02dm" },
  prose = { least = 119.5, seconds = "%.3g s", minutes = "%dm %02ds", hours = "%dh %02dm" },
  clock = { least = 0, minutes = "%d:%02d", hours = "%d:%02d:%02d" },
}

--- Formats a duration, rounded.
---@param seconds number a negative one is shown as 0
---@param form nil|"short"|"spaced"|"prose"|"clock" "2m05s" (the default), "2m 05s", the same but "60 s" below
--- two minutes, or "2:05"
---@return string
function M.text(seconds, form)
  local chosen = forms[form or "short"]
  seconds = math.max(0, seconds)
  if seconds < chosen.least then return chosen.seconds:format(seconds) end
  local whole = math.floor(seconds + 0.5)
  local minutes = math.floor(whole / 60)
  if minutes < 60 then return chosen.minutes:format(minutes, whole % 60) end
  return chosen.hours:format(math.floor(minutes / 60), minutes % 60, whole % 60)
end

return M
