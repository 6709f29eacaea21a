--- String and table libraries for untrusted code. They are Lua's own, except that functions which can
--- run for long inside C, or whose result depends on the Lua, are reimplemented so that a guard
--- (gitlab_pipelines.guard) can count them. They behave as in Lua 5.4.

local core = require "gitlab_pipelines.core"

local M = {}

-- JIT-compiled loops would not be counted.
if jit then jit.off(true, true) end

local find, match, step = core.text.find, core.text.match, core.text.step
local unpack = table.unpack or unpack

-- Copied now, so that later changes by the host have no effect here.
local native = {}
for name, value in pairs(string) do native[name] = value end
local concat, insert, remove = table.concat, table.insert, table.remove

local function bad(position, name, wanted, value)
  error(("bad argument #%d to '%s' (%s expected, got %s)"):format(position, name, wanted,
    value == nil and "no value" or type(value)), 3)
end

local function check_text(position, name, value)
  if type(value) == "number" then return tostring(value) end
  if type(value) ~= "string" then bad(position, name, "string", value) end
  return value
end

local function check_number(position, name, value)
  local number = tonumber(value)
  if not number then bad(position, name, "number", value) end
  return number
end

local function rep(text, count, separator)
  text = check_text(1, "rep", text)
  separator = separator and check_text(3, "rep", separator) or ""
  -- Lua 5.3 would loop `count` times over an empty string.
  if #text + #separator == 0 then return "" end
  count = check_number(2, "rep", count)
  if count <= 0 then return "" end
  if count * (#text + #separator) >= 2 ^ 31 then error("resulting string too large", 2) end
  return native.rep(text, count, separator)
end

-- Returns the next match from `self.at` as `step` does; nil if there is none. An empty match right
-- after the last match is skipped.
local function advance(self, first, last, ...)
  if first == false then error(last, 3) end
  if not first then return nil end
  if last == self.last and last < first then
    self.at = self.at + 1
    return advance(self, step(self.text, self.pattern, self.at, false))
  end
  self.at, self.last = last + 1, last
  return first, last, ...
end

local function gmatch(text, pattern)
  local self = { text = check_text(1, "gmatch", text), pattern = check_text(2, "gmatch", pattern),
    at = 1 }
  local function captures(first, _, ...)
    if first then return ... end
  end
  return function()
    return captures(advance(self, step(self.text, self.pattern, self.at, false)))
  end
end

-- The replacement text with %0 to %9 filled in.
local function expanded(repl, whole, captures)
  local parts, at = {}, 1
  while true do
    local percent = find(repl, "%", at, true)
    if not percent then break end
    local char = native.sub(repl, percent + 1, percent + 1)
    local value
    if char == "%" then
      value = "%"
    elseif char == "0" then
      value = whole
    elseif find(char, "^%d$") then
      value = captures[tonumber(char)]
      if value == nil then error("invalid capture index %" .. char .. " in replacement string", 4) end
    else
      error("invalid use of '%' in replacement string", 4)
    end
    parts[#parts + 1] = native.sub(repl, at, percent - 1)
    parts[#parts + 1] = value
    at = percent + 2
  end
  parts[#parts + 1] = native.sub(repl, at)
  return concat(parts)
end

local replacers = {}

function replacers.string(repl, whole, captures) return expanded(repl, whole, captures) end

function replacers.table(repl, _, captures) return repl[captures[1]] end

replacers["function"] = function(repl, _, captures)
  return (repl(unpack(captures, 1, captures.n)))
end

local function replacement(repl, whole, captures)
  local value = replacers[type(repl)](repl, whole, captures)
  if not value then return whole end
  if type(value) == "string" or type(value) == "number" then return value end
  error("invalid replacement value (a " .. type(value) .. ")", 3)
end

local function gsub(text, pattern, repl, most)
  text, pattern = check_text(1, "gsub", text), check_text(2, "gsub", pattern)
  if type(repl) == "number" then repl = tostring(repl) end
  if not replacers[type(repl)] then bad(3, "gsub", "string/function/table", repl) end
  local anchored = native.byte(pattern) == 94
  local left = most == nil and math.huge or check_number(4, "gsub", most)
  local parts, copied, count, state = {}, 1, 0, { text = text, pattern = pattern, at = 1 }
  local function replace(first, last, ...)
    if not first then return false end
    parts[#parts + 1] = native.sub(text, copied, first - 1)
    parts[#parts + 1] = replacement(repl, native.sub(text, first, last),
      { n = select("#", ...), ... })
    copied, count = last + 1, count + 1
    return true
  end
  while count < left do
    if not replace(advance(state, step(text, pattern, state.at, anchored))) or anchored then break end
  end
  parts[#parts + 1] = native.sub(text, copied)
  return concat(parts), count
end

-- Lua's own sort cannot be interrupted while it compares long strings in C. A merge sort is stable on
-- every Lua.
local function merge(from, to, low, middle, high, less)
  local a, b = low, middle
  for i = low, high - 1 do
    if a < middle and (b >= high or not less(from[b], from[a])) then
      to[i], a = from[a], a + 1
    else
      to[i], b = from[b], b + 1
    end
  end
end

local function sort(list, less)
  if type(list) ~= "table" then bad(1, "sort", "table", list) end
  if less ~= nil and type(less) ~= "function" then bad(2, "sort", "function", less) end
  less = less or function(a, b) return a < b end
  local count, width = #list, 1
  local from, to = {}, {}
  for i = 1, count do from[i] = list[i] end
  while width < count do
    for low = 1, count, 2 * width do
      merge(from, to, low, math.min(low + width, count + 1), math.min(low + 2 * width, count + 1),
        less)
    end
    from, to, width = to, from, 2 * width
  end
  for i = 1, count do list[i] = from[i] end
end

local function checked_insert(list, ...)
  if type(list) ~= "table" then bad(1, "insert", "table", list) end
  local count = select("#", ...)
  if count == 1 then
    list[#list + 1] = (...)
    return
  end
  if count ~= 2 then error("wrong number of arguments to 'insert'", 2) end
  local at, value = ...
  at = check_number(2, "insert", at)
  if at % 1 ~= 0 or at < 1 or at > #list + 1 then
    error("bad argument #2 to 'insert' (position out of bounds)", 2)
  end
  insert(list, at, value)
end

local function checked_remove(list, at)
  if type(list) ~= "table" then bad(1, "remove", "table", list) end
  if at == nil then return remove(list) end
  at = check_number(2, "remove", at)
  if #list + 1 == at or #list == 0 and at == 0 then
    local value = list[at]
    list[at] = nil
    return value
  end
  if at % 1 ~= 0 or at < 1 or at > #list then
    error("bad argument #2 to 'remove' (position out of bounds)", 2)
  end
  return remove(list, at)
end

local function move(from, first, last, at, to)
  to = to == nil and from or to
  first, last = check_number(2, "move", first), check_number(3, "move", last)
  at = check_number(4, "move", at)
  if at > last or at <= first or to ~= from then
    for i = 0, last - first do to[at + i] = from[first + i] end
  else
    for i = last - first, 0, -1 do to[at + i] = from[first + i] end
  end
  return to
end

local function checked_concat(list, separator, first, last)
  -- LuaJIT would truncate the number.
  for _, index in ipairs { first or 1, last or 1 } do
    local number = check_number(3, "concat", index)
    if number ~= number or math.abs(number) >= 2 ^ 31 then
      error("bad argument #3 to 'concat' (number out of range)", 2)
    end
  end
  return concat(list, separator, first, last)
end

local function pick(library, names)
  local picked = {}
  for name in native.gmatch(names, "%S+") do picked[name] = library[name] end
  return picked
end

--- Makes new libraries, so that a script can change only its own.
---@return table<string, table> libraries string, table, math; utf8 and bit if the Lua has them
function M.libraries()
  local libraries = {
    string = pick(native, "byte char format len lower pack packsize reverse sub unpack upper"),
    table = pick(table, "pack unpack"),
    math = pick(math, [[abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log
      log10 max maxinteger min mininteger modf pi pow rad sin sinh sqrt tan tanh tointeger type ult]]),
  }
  for name, value in pairs { find = find, gmatch = gmatch, gsub = gsub, match = match, rep = rep } do
    libraries.string[name] = value
  end
  for name, value in pairs { concat = checked_concat, insert = checked_insert, move = move, remove = checked_remove,
      sort = sort } do
    libraries.table[name] = value
  end
  libraries.table.unpack = unpack
  if utf8 then libraries.utf8 = pick(utf8, "char charpattern codepoint codes len offset") end
  if bit then
    libraries.bit = pick(bit, "arshift band bnot bor bswap bxor lshift rol ror rshift tobit tohex")
  end
  return libraries
end

--- The string methods, as in `("x"):rep`, while a guard is entered. Must not be changed.
M.strings = M.libraries().string

return M
