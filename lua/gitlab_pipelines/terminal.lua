--- Text on a terminal: what of it is harmless there, and how many columns it takes.
--
-- Names, statuses, messages and logs come from a server, and a terminal obeys what stands in them:
-- an escape sets the window's title, moves the cursor or answers for the person who sits there. So
-- all that is shown passes through `plain` (one line, no colours) or `harmless`.

local M = {}

-- A character and what of it is malformed: the length in bytes of the well-formed character that
-- begins with `a`, and its code point; nil when there is none.
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

-- Code points, in order: those that take no column, and those that take two. Rather a column too
-- many than one too few: what is too wide breaks the picture.
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

-- Calls each(bytes, columns) for every character until it returns true; a byte of none is one.
local function characters(text, each)
  local at = 1
  while at <= #text do
    local len, code = decode(text:byte(at, at + 3))
    if each(text:sub(at, at + (len or 1) - 1), len and columns_of(code) or 1) then return end
    at = at + (len or 1)
  end
end

--- Columns that a text takes.
---@param text string
---@return integer
function M.width(text)
  if not text:find "[\128-\255]" then return #text end
  local width = 0
  characters(text, function(_, columns) width = width + columns end)
  return width
end

--- The text cut to so many columns; what is cut ends in `more`.
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

-- U+0080 to U+009F, which some terminals take for escapes; what turns the direction of writing, so that
-- a name reads as another one; and what ends a line where none is seen to end.
local TRICKS = { 0x80, 0x9F, 0x61C, 0x61C, 0x200E, 0x200F, 0x2028, 0x202E, 0x2066, 0x206F }

local function is_trick(code)
  return is_in(TRICKS, code)
end

-- Makes what mends a run of bytes from 0x80 on: instead(code point) stands for a trick, and
-- instead(nil, byte) for a byte that is no character.
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

-- Bytes of another encoding than UTF-8 stay, but those that are controls there too.
local mend_bytes = mender(function(code, byte)
  return (code or byte < 0xA0) and "?" or string.char(byte)
end)

local mend_json = mender(function(code)
  return code and ("\\u%04x"):format(code) or "\239\191\189"
end)

--- One line for a terminal: whatever is no character to be seen becomes "?".
---@param text any
---@return string
function M.plain(text)
  text = tostring(text)
  if text:find "[\128-\255]" then text = text:gsub("[\128-\255]+", mend) end
  return (text:gsub("[%z\1-\31\127]", "?"))
end

-- What may follow an escape character: a colour or another attribute of text.
local function colour(escape)
  return escape:find "^\27%[[%d;]*m$" and escape or "?" .. escape:sub(2)
end

--- The same for text that may have several lines, tabs and colours.
---@param text string
---@param keep_bytes boolean|nil bytes that are no UTF-8 stay: the text goes elsewhere than to a terminal
---@return string
function M.harmless(text, keep_bytes)
  if text:find "[\128-\255]" then text = text:gsub("[\128-\255]+", keep_bytes and mend_bytes or mend) end
  if not text:find "[%z\1-\8\11-\31\127]" then return text end
  text = text:gsub("[%z\1-\8\11-\26\28-\31\127]", "?")
  return (text:gsub("\27%[?[%d;]*m?", colour))
end

--- JSON that every reader takes and no terminal obeys: bytes that are no UTF-8 become U+FFFD, and what
--- a terminal might take for an escape is written as one of JSON's.
---@param text string JSON
---@return string
function M.json(text)
  if text:find "[\128-\255]" then text = text:gsub("[\128-\255]+", mend_json) end
  if text:find "\127" then text = text:gsub("\127", "\\u007f") end
  return text
end

return M
