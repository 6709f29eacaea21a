--- How the command shows things to people: statuses with a colour, durations, tables that fit the
--- terminal. Pure: text in, text out.

local M = {}

local colors = {
  success = "32", failed = "31", canceled = "33", canceling = "33", skipped = "90", running = "36",
  pending = "36", manual = "35", scheduled = "35", blocked = "35", stuck = "33",
}

--- The status, coloured when `color`.
function M.status(status, color)
  local code = color and colors[status]
  return code and "\27[" .. code .. "m" .. status .. "\27[0m" or status
end

--- "1h 02m", "3m 07s", "4.2s" of seconds; "" of nil.
function M.duration(seconds)
  if not seconds then return "" end
  if seconds < 60 then return ("%.1fs"):format(seconds) end
  local whole = math.floor(seconds + 0.5)
  local minutes = math.floor(whole / 60)
  if minutes < 60 then return ("%dm %02ds"):format(minutes, whole % 60) end
  return ("%dh %02dm"):format(math.floor(minutes / 60), minutes % 60)
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

-- Cells on screen of UTF-8 text: each character that is not a continuation byte counts one.
local function width_of(text)
  local _, count = text:gsub("[^\128-\191]", "")
  return count
end
M.width_of = width_of

--- The text cut to `width` cells, with an ellipsis when something was cut.
function M.cut(text, width)
  if width_of(text) <= width then return text end
  local kept, cells = {}, 0
  for character in text:gmatch "[%z\1-\127\194-\244][\128-\191]*" do
    if cells + 1 > width - 1 then break end
    kept[#kept + 1], cells = character, cells + 1
  end
  return table.concat(kept) .. "…"
end

--- Text that a server sent, safe for a terminal: control characters become "?".
function M.plain(text)
  return (tostring(text):gsub("[%z\1-\31\127]", "?"))
end

--- Lines of a table: `header` is a list of titles, `rows` lists of cells. With `width` the widest
--- columns give way until a line fits; the colouring function is applied after padding.
---@param header string[]
---@param rows string[][]
---@param options {width: integer|nil, paint: nil|fun(column: integer, text: string): string}
---@return string[] lines
function M.table(header, rows, options)
  local widths = {}
  for i, title in ipairs(header) do widths[i] = width_of(title) end
  for _, row in ipairs(rows) do
    for i = 1, #header do widths[i] = math.max(widths[i], width_of(row[i] or "")) end
  end
  local function total()
    local sum = 2 * (#header - 1)
    for _, width in ipairs(widths) do sum = sum + width end
    return sum
  end
  while options.width and total() > options.width do
    local widest = 1
    for i, width in ipairs(widths) do
      if width > widths[widest] then widest = i end
    end
    if widths[widest] <= 4 then break end
    widths[widest] = widths[widest] - 1
  end
  local function line(row, paint)
    local cells = {}
    for i = 1, #header do
      local text = M.cut(row[i] or "", widths[i])
      local padding = i < #header and (" "):rep(widths[i] - width_of(text)) or ""
      cells[i] = (paint and paint(i, text) or text) .. padding
    end
    return (table.concat(cells, "  "):gsub("%s+$", ""))
  end
  local lines = { line(header) }
  for _, row in ipairs(rows) do lines[#lines + 1] = line(row, options.paint) end
  return lines
end

return M
