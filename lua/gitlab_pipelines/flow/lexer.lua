--- Tokens of a Lua script, with their lines. Knows the syntax of 5.1 to 5.4; a text that `load`
--- has accepted always comes through.

local M = {}

if jit then jit.off(true, true) end

local keywords = {}
for word in ([[and break do else elseif end false for function if in local nil not or repeat
    return then true until while]]):gmatch "%a+" do
  keywords[word] = true
end

local operators = {}
for operator in ("== ~= <= >= .. :: // << >>"):gmatch "%S+" do operators[operator] = true end

-- The end of a long bracket that opens at `at`, or nil when none opens there.
local function long_bracket(text, at)
  local level = text:match("^%[(=*)%[", at)
  if not level then return nil end
  local _, last = text:find("]" .. level .. "]", at, true)
  return last or #text
end

local function short_string(text, at)
  local quote, i = text:sub(at, at), at + 1
  while i <= #text do
    local char = text:sub(i, i)
    if char == quote then return i end
    if char == "\\" then
      if text:sub(i + 1, i + 1) == "z" then
        i = text:match("^%s*()", i + 2) - 1
      else
        i = i + 1
      end
    end
    i = i + 1
  end
  return #text
end

-- Kind and last byte of the token at `at`.
local function token_at(text, at)
  local char = text:sub(at, at)
  local last = text:match("^[%a_][%w_]*()", at)
  if last then
    local word = text:sub(at, last - 1)
    return keywords[word] and "keyword" or "name", last - 1
  end
  if char:match "%d" or text:match("^%.%d", at) then
    last = text:match("^0[xX][%x%.]*[pP]?()", at)
    if last then
      last = text:match("^[%+%-]?%w*()", last) or last
    else
      last = text:match("^[%d%.]*()", at)
      last = text:match("^[eE][%+%-]?%d*()", last) or last
      last = text:match("^[%w]*()", last) -- LuaJIT's LL, ULL and i
    end
    return "number", last - 1
  end
  if char == '"' or char == "'" then return "string", short_string(text, at) end
  last = long_bracket(text, at)
  if last then return "string", last end
  if text:sub(at, at + 2) == "..." then return "symbol", at + 2 end
  if operators[text:sub(at, at + 1)] then return "symbol", at + 1 end
  return "symbol", at
end

--- Cuts a script into tokens.
---@param text string
---@return table tokens array of {kind = "name|keyword|number|string|symbol|end", text, line}
function M.tokens(text)
  local tokens, at, line = {}, 1, 1
  local newline = text:find("\n", 1, true)
  local function advance(last)
    while newline and newline <= last do
      line = line + 1
      newline = text:find("\n", newline + 1, true)
    end
    at = last + 1
  end
  if text:sub(1, 1) == "#" then advance((text:find("\n", 1, true) or #text + 1) - 1) end
  while true do
    advance(text:match("^%s*()", at) - 1)
    if at > #text then break end
    if text:sub(at, at + 1) == "--" then
      local last = long_bracket(text, at + 2)
      advance(last or (text:find("\n", at, true) or #text + 1) - 1)
    else
      local kind, last = token_at(text, at)
      tokens[#tokens + 1] = { kind = kind, text = text:sub(at, last), line = line }
      advance(last)
    end
  end
  tokens[#tokens + 1] = { kind = "end", text = "", line = line }
  return tokens
end

return M
