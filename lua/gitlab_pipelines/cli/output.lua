--- How the command shows things: statuses with a colour, durations, tables that fit the terminal.
--
-- Whatever the command writes passes through `clean`, by `plain`, `harmless` or `json` here: it shows no
-- secret that the client knows. Names, links, logs and errors come from a server, which may send back
-- what it was sent. Text is cleaned before it is cut: half a secret is not recognized.

local duration = require "gitlab_pipelines.duration"
local screen = require "gitlab_pipelines.terminal"

local M = {}

local redactor

--- From now on no output shows what this redactor knows.
---@param known table see observe/redact.lua
function M.guard(known) redactor = known end

--- The text without secrets.
---@param text any
---@return string
function M.clean(text)
  if not redactor then
    redactor = require("gitlab_pipelines.observe.redact").new()
    for _, name in ipairs { "GITLAB_TOKEN", "CI_JOB_TOKEN" } do
      local value = os.getenv(name) or ""
      if #value >= 8 then redactor:add(value) end
    end
  end
  return redactor:text(tostring(text))
end

--- What takes secrets out of a log, line by line: see `lines` in cli/logs.lua.
function M.stream() M.clean "" return redactor:stream() end

--- One line for a terminal, and none of a secret: see screen.lua.
---@param text any
---@return string
function M.plain(text) return screen.plain(M.clean(text)) end

--- The same for text of several lines, with tabs and colours.
---@param text string
---@param keep_bytes boolean|nil
---@return string
function M.harmless(text, keep_bytes) return screen.harmless(M.clean(text), keep_bytes) end

--- The same for JSON.
---@param text string
---@return string
function M.json(text) return screen.json(M.clean(text)) end

local colors = {
  success = "32", failed = "31", canceled = "33", canceling = "33", skipped = "90", running = "36",
  pending = "36", manual = "35", scheduled = "35", blocked = "35", stuck = "33",
}

--- The status, coloured when `color`.
function M.status(status, color)
  local code = color and colors[status]
  return code and "\27[" .. code .. "m" .. status .. "\27[0m" or M.plain(status)
end

--- "1h 02m", "3m 07s", "4.2s" of seconds; "" of nil.
function M.duration(seconds)
  return seconds and duration.text(seconds, "spaced") or ""
end

--- "512 B", "1.5 KiB", "300 MiB" of a number of bytes; "" of nil.
function M.bytes(count)
  if not count then return "" end
  if count < 1024 then return ("%d B"):format(count) end
  for _, unit in ipairs { "KiB", "MiB", "GiB", "TiB" } do
    count = count / 1024
    if count < 1023.5 or unit == "TiB" then
      return (count < 9.95 and "%.1f %s" or "%.0f %s"):format(count, unit)
    end
  end
end

--- What stands where text was cut: three points in ASCII where the terminal shows no more.
---@param unicode boolean|nil
---@return string
function M.more(unicode)
  return unicode and "…" or "..."
end

M.width_of, M.cut = screen.width, screen.cut

-- Columns of a table give way down to so many cells, then the last ones go; the first so many stay.
local LEAST, FIRST = 10, 3

-- Takes from the widest columns until they fit into `width` cells, two between each; a column that
-- has no more than `least` gives nothing. True when they fit.
local function shrink(widths, width, least)
  while true do
    local total, widest = 2 * (#widths - 1), 1
    for i, cells in ipairs(widths) do
      total = total + cells
      if cells > widths[widest] then widest = i end
    end
    if total <= width then return true end
    if widths[widest] <= least then return false end
    widths[widest] = widths[widest] - 1
  end
end

local function first(list, count)
  local some = {}
  for i = 1, count do some[i] = list[i] end
  return some
end

-- The widths of the columns that are shown.
local function fit(widths, width)
  for count = #widths, FIRST + 1, -1 do
    local some = first(widths, count)
    if shrink(some, width, LEAST) then return some end
  end
  local some = first(widths, math.min(#widths, FIRST))
  shrink(some, width, 1)
  return some
end

--- Lines of a table: `header` is a list of titles, `rows` lists of cells, which are made plain. With
--- `width` it is made to fit: the widest columns are cut, and what even then finds no room is left
--- out from the right. The colouring function is applied after padding.
---@param header string[]
---@param given string[][]
---@param options {width: integer|nil, more: string|nil, paint: nil|fun(column: integer, text: string): string}
---@return string[] lines
function M.table(header, given, options)
  local widths, rows = {}, {}
  for i, title in ipairs(header) do widths[i] = screen.width(title) end
  for k, cells in ipairs(given) do
    local row = {}
    for i = 1, #header do
      row[i] = M.plain(cells[i] or "")
      widths[i] = math.max(widths[i], screen.width(row[i]))
    end
    rows[k] = row
  end
  if options.width then widths = fit(widths, options.width) end
  local function line(row, paint)
    local cells = {}
    for i = 1, #widths do
      local text = screen.cut(row[i], widths[i], options.more)
      local padding = i < #widths and (" "):rep(widths[i] - screen.width(text)) or ""
      cells[i] = (paint and paint(i, text) or text) .. padding
    end
    return (table.concat(cells, "  "):gsub("%s+$", ""))
  end
  local lines = { line(header) }
  for _, row in ipairs(rows) do lines[#lines + 1] = line(row, options.paint) end
  return lines
end

return M
