--- Text for a terminal: makes it safe to print and computes its width in columns.
--
-- Names, statuses, messages and logs come from a server, and a terminal executes the escape sequences
-- in them: they set the window title, move the cursor or inject input. So all output passes through
-- `plain` (one line, no colours) or `harmless`.

local M = {}

-- Returns the length in bytes and the code point of the well-formed UTF-8 character that begins with
-- `a`; nil if it is malformed.
local function decode(a, b, c, d)
  local function continues(byte) return byte and byte >= 0x80 and byte < 0xC0 end
  if a < 0x80 then return 1, a end
  if not continues(b) then return nil end
  if a >= 0xC2 and a < 0xE0 then return 2, (a - 0xC0) * 64 + b - 0x80 end
  if not continues(c) then return nil end
  if a >= 0xE0 and a < 0xF0 then
    local code = (a - 0xE0) * 4096 + (b - 0x80) * 64 + c - 0x80
    if code < 0x800 or code >= 0xD800 and code < 0xE000 then return nil end
    return 3, code
  end
  if a < 0xF0 or not continues(d) then return nil end
  local code = (a - 0xF0) * 262144 + (b - 0x80) * 4096 + (c - 0x80) * 64 + d - 0x80
  if code < 0x10000 or code > 0x10FFFF then return nil end
  return 4, code
end

-- Sorted ranges of code points that take no column, and of those that take two. In doubt a character
-- counts as wider, since text that is too wide breaks the layout.
local NARROW = {
  0x300, 0x36F, 0x483, 0x489, 0x591, 0x5BD, 0x610, 0x61A, 0x64B, 0x65F, 0x6D6, 0x6DC, 0x93C, 0x93C,
  0x941, 0x948, 0x94D, 0x94D, 0xE31, 0xE31, 0xE34, 0xE3A, 0xE47, 0xE4E, 0x1AB0, 0x1AFF, 0x1DC0, 0x1DFF,
  0x200B, 0x200F, 0x2060, 0x2064, 0x20D0, 0x20F0, 0xFE00, 0xFE0F, 0xFE20, 0xFE2F, 0xFEFF, 0xFEFF,
}
local WIDE = {
  0x1100, 0x115F, 0x231A, 0x231B, 0x2329, 0x232A, 0x23E9, 0x23F3, 0x25FD, 0x25FE, 0x2614, 0x2615,
  0x2648, 0x2653, 0x267F, 0x267F, 0x2693, 0x2693, 0x26A1, 0x26A1, 0x26AA, 0x26AB, 0x26BD, 0x26BE,
  0x26C4, 0x26C5, 0x26CE, 0x26CE, 0x26D4, 0x26D4, 0x26EA, 0x26EA, 0x26F2, 0x26F5, 0x26FA, 0x26FD,
  0x2705, 0x2705, 0x270A, 0x270B, 0x2728, 0x2728, 0x274C, 0x274E, 0x2753, 0x2757, 0x2795, 0x2797,
  0x27B0, 0x27BF, 0x2B1B, 0x2B1C, 0x2B50, 0x2B55, 0x2E80, 0x303E, 0x3041, 0xA4CF, 0xA960, 0xA97F,
  0xAC00, 0xD7A3, 0xF900, 0xFAFF, 0xFE10, 0xFE19, 0xFE30, 0xFE6F, 0xFF00, 0xFF60, 0xFFE0, 0xFFE6,
  0x16FE0, 0x1B2FF, 0x1F004, 0x1F004, 0x1F0CF, 0x1F0CF, 0x1F18E, 0x1F19A, 0x1F200, 0x1F6FF,
  0x1F7E0, 0x1F7F0, 0x1F90C, 0x1F9FF, 0x1FA70, 0x1FAFF, 0x20000, 0x3FFFD,
}

local function is_in(ranges, code)
  local low, high = 1, #ranges / 2
  while low <= high do
    local middle = math.floor((low + high) / 2)
    if code > ranges[2 * middle] then low = middle + 1
    elseif code < ranges[2 * middle - 1] then high = middle - 1
    else return true end
  end
  return false
end

local function columns_of(code)
  if code < 0x300 then return 1 end
  return is_in(WIDE, code) and 2 or is_in(NARROW, code) and 0 or 1
end

-- Calls each(bytes, columns) for every character until it returns true; an invalid byte counts as one.
local function characters(text, each)
  local at = 1
  while at <= #text do
    local len, code = decode(text:byte(at, at + 3))
    if each(text:sub(at, at + (len or 1) - 1), len and columns_of(code) or 1) then return end
    at = at + (len or 1)
  end
end

--- Returns the width of a text in columns.
---@param text string
---@return integer
function M.width(text)
  if not text:find "[\128-\255]" then return #text end
  local width = 0
  characters(text, function(_, columns) width = width + columns end)
  return width
end

--- Truncates a text to `columns`; a truncated text ends in `more`.
---@param text string
---@param columns integer
---@param more string|nil default "…"
---@return string
function M.cut(text, columns, more)
  if M.width(text) <= columns then return text end
  more = more or "…"
  local room, kept, used = columns - M.width(more), {}, 0
  if room < 0 then return ("."):rep(columns) end
  characters(text, function(bytes, width)
    if used + width > room then return true end
    kept[#kept + 1], used = bytes, used + width
  end)
  return table.concat(kept) .. more
end

-- C1 controls, which some terminals interpret as escapes; bidirectional controls, which can make a name
-- look like another one; and the invisible line and paragraph separators.
local TRICKS = { 0x80, 0x9F, 0x61C, 0x61C, 0x200E, 0x200F, 0x2028, 0x202E, 0x2066, 0x206F }

local function is_trick(code)
  return is_in(TRICKS, code)
end

-- Makes a function that sanitizes a run of bytes from 0x80 on: instead(code point) replaces a trick,
-- and instead(nil, byte) an invalid byte.
local function mender(instead)
  return function(run)
    local kept, at = {}, 1
    while at <= #run do
      local len, code = decode(run:byte(at, at + 3))
      local good = len and not is_trick(code)
      kept[#kept + 1] = good and run:sub(at, at + len - 1) or instead(code, run:byte(at))
      at = at + (len or 1)
    end
    return table.concat(kept)
  end
end

local mend = mender(function() return "?" end)

-- Keeps bytes of encodings other than UTF-8, except C1 controls.
local mend_bytes = mender(function(code, byte)
  return (code or byte < 0xA0) and "?" or string.char(byte)
end)

local mend_json = mender(function(code)
  return code and ("\\u%04x"):format(code) or "\239\191\189"
end)

--- Returns one line for a terminal: nonprintable characters become "?".
---@param text any
---@return string
function M.plain(text)
  text = tostring(text)
  if text:find "[\128-\255]" then text = text:gsub("[\128-\255]+", mend) end
  return (text:gsub("[%z\1-\31\127]", "?"))
end

-- Keeps an SGR sequence (colours and other text attributes) and disarms any other escape.
local function colour(escape)
  return escape:find "^\27%[[%d;]*m$" and escape or "?" .. escape:sub(2)
end

--- The same for text that may have several lines, tabs and colours.
---@param text string
---@param keep_bytes boolean|nil keep invalid UTF-8, for output that is not a terminal
---@return string
function M.harmless(text, keep_bytes)
  if text:find "[\128-\255]" then text = text:gsub("[\128-\255]+", keep_bytes and mend_bytes or mend) end
  if not text:find "[%z\1-\8\11-\31\127]" then return text end
  text = text:gsub("[%z\1-\8\11-\26\28-\31\127]", "?")
  return (text:gsub("\27%[?[%d;]*m?", colour))
end

--- Makes JSON valid UTF-8 and safe to print on a terminal: invalid bytes become U+FFFD, and characters
--- that a terminal might interpret become JSON escapes.
---@param text string JSON
---@return string
function M.json(text)
  if text:find "[\128-\255]" then text = text:gsub("[\128-\255]+", mend_json) end
  if text:find "\127" then text = text:gsub("\127", "\\u007f") end
  return text
end

return M
