--- Finds tests on outputs for which Lua has no metamethod.
--
-- `lib.status` is a reference while the script runs: `==` with a string is silently false, and
-- `if lib.status` is silently true. This walks the script's tokens once, knows scopes well enough
-- to tell a local `lib` from the step, and lists every `==`, `~=`, `not`, `and`, `or` and bare test
-- whose operand is a step or its output. `c and lib.id or api.id` is left alone: it chooses
-- between two outputs and tests neither.

local lexer = require "gitlab_pipelines.flow.lexer"

local M = {}

if jit then jit.off(true, true) end

local Parser = {}
Parser.__index = Parser

local binary = {
  ["or"] = { 1, 1 }, ["and"] = { 2, 2 },
  ["<"] = { 3, 3 }, [">"] = { 3, 3 }, ["<="] = { 3, 3 }, [">="] = { 3, 3 },
  ["~="] = { 3, 3 }, ["=="] = { 3, 3 },
  ["|"] = { 4, 4 }, ["~"] = { 5, 5 }, ["&"] = { 6, 6 }, ["<<"] = { 7, 7 }, [">>"] = { 7, 7 },
  [".."] = { 9, 8 }, ["+"] = { 10, 10 }, ["-"] = { 10, 10 },
  ["*"] = { 11, 11 }, ["/"] = { 11, 11 }, ["//"] = { 11, 11 }, ["%"] = { 11, 11 },
  ["^"] = { 14, 13 },
}
local unary = { ["not"] = true, ["-"] = true, ["#"] = true, ["~"] = true }
local unary_priority = 12

-- Expressions are reduced to what the scan needs: {kind = "output", root, text, line} for a step
-- or its output, "logic" for `and`/`or`, "literal", and "other".
local other = { kind = "other" }
local literal = { kind = "literal" }

function Parser:peek() return self.tokens[self.at].text end

function Parser:line() return self.tokens[self.at].line end

function Parser:is(text)
  local token = self.tokens[self.at]
  return token.text == text and (token.kind == "symbol" or token.kind == "keyword")
end

function Parser:take(text)
  if self:is(text) then
    self.at = self.at + 1
    return true
  end
  return false
end

function Parser:expect(text)
  if not self:take(text) then error("scan: expected " .. text, 0) end
end

function Parser:name()
  local token = self.tokens[self.at]
  if token.kind ~= "name" then error("scan: expected a name", 0) end
  self.at = self.at + 1
  return token.text
end

function Parser:open_scope() self.scope = { names = {}, outer = self.scope } end

function Parser:close_scope() self.scope = self.scope.outer end

-- `value` is what the local stands for: an "output" expression, or `other`.
function Parser:declare(name, value) self.scope.names[name] = value or other end

-- After another assignment a local may be anything.
function Parser:forget(name)
  local scope = self.scope
  while scope do
    if scope.names[name] then
      scope.names[name] = other
      return
    end
    scope = scope.outer
  end
end

function Parser:find(name)
  local scope = self.scope
  while scope do
    if scope.names[name] then return scope.names[name] end
    scope = scope.outer
  end
  return nil
end

-- Notes that `operand` is tested by `how`; looks through `and` and `or`, whose value may be
-- either side's.
function Parser:tested(operand, how)
  if operand.kind == "output" then
    self.found[#self.found + 1] =
      { root = operand.root, text = operand.text, line = operand.line, how = how }
  elseif operand.kind == "logic" then
    self:tested(operand.right, how)
  end
end

function Parser:arguments()
  if self.tokens[self.at].kind == "string" then
    self.at = self.at + 1
  elseif self:is "{" then
    self:table()
  else
    self:expect "("
    if not self:is ")" then self:expressions() end
    self:expect ")"
  end
end

function Parser:table()
  self:expect "{"
  while not self:is "}" do
    if self:take "[" then
      self:expression()
      self:expect "]"
      self:expect "="
      self:expression()
    elseif self.tokens[self.at].kind == "name" and self.tokens[self.at + 1].text == "=" then
      self.at = self.at + 2
      self:expression()
    else
      self:expression()
    end
    if not (self:take "," or self:take ";") then break end
  end
  self:expect "}"
end

-- A name, fields, indexes and calls after it. Where the name stands alone, the second result is
-- the global's, the third the local's.
function Parser:suffixed()
  local value, bare, own
  local line = self:line()
  if self:take "(" then
    value = self:expression()
    self:expect ")"
  else
    local name = self:name()
    local known = self:find(name)
    bare, own = not known and name or nil, known and name or nil
    value = known or { kind = "output", root = name, text = name, line = line }
    if known and known.kind == "output" then
      value = { kind = "output", root = known.root, text = known.text, line = line }
    end
    if bare == "_G" and (self:is "." or self:is "[") then
      value = self:global_by_index(line)
      bare = nil
    end
  end
  while true do
    local token = self.tokens[self.at]
    if self:is "." then
      self.at = self.at + 1
      value, bare, own = self:deeper(value, "." .. self:name(), line), nil, nil
    elseif self:is "[" then
      self.at = self.at + 1
      self:expression()
      self:expect "]"
      value, bare, own = self:deeper(value, "[...]", line), nil, nil
    elseif self:is ":" then
      self.at = self.at + 1
      self:name()
      self:arguments()
      value, bare, own = other, nil, nil
    elseif self:is "(" or self:is "{" or token.kind == "string" then
      self:arguments()
      -- job("deploy") of a step is still its output; the result of another call is unknown.
      local job = value.kind == "output" and value.text:match "%.job$"
      value = job and self:deeper(value, "(...)", line) or { kind = "call" }
      bare, own = nil, nil
    else
      return value, bare, own
    end
  end
end

function Parser:global_by_index(line)
  if self:take "." then
    local name = self:name()
    return { kind = "output", root = name, text = name, line = line }
  end
  self:expect "["
  local token = self.tokens[self.at]
  self:expression()
  self:expect "]"
  local text = token.kind == "string" and token.text:match "^[\"']([%a_][%w_]*)[\"']$"
  return { kind = "output", root = text or true, text = text or "_G[...]", line = line }
end

function Parser:deeper(value, text, line) -- luacheck: no self
  if value.kind ~= "output" then return other end
  return { kind = "output", root = value.root, text = value.text .. text, line = line }
end

function Parser:primary()
  local token = self.tokens[self.at]
  if token.kind == "number" or token.kind == "string" or token.text == "nil"
      or token.text == "true" or token.text == "false" or token.text == "..." then
    self.at = self.at + 1
    return literal
  end
  if self:is "{" then
    self:table()
    return literal
  end
  if self:take "function" then
    self:body()
    return literal
  end
  return (self:suffixed())
end

function Parser:expression(limit)
  limit = limit or 0
  local left
  local operator = self:peek()
  if unary[operator] and (self:is(operator)) then
    self.at = self.at + 1
    local operand = self:expression(unary_priority)
    if operator == "not" then self:tested(operand, "not") end
    left = other
  else
    left = self:primary()
  end
  while true do
    operator = self:peek()
    local priority = self.tokens[self.at].kind ~= "string" and binary[operator]
    if not priority or priority[1] <= limit then return left end
    self.at = self.at + 1
    -- `(c and x) or y` chooses; only its first operand is tested.
    if operator == "and" or (operator == "or" and left.operator ~= "and") then
      self:tested(left, operator)
    end
    local right = self:expression(priority[2])
    left = self:combined(operator, left, right)
  end
end

function Parser:combined(operator, left, right)
  if operator == "and" or operator == "or" then
    return { kind = "logic", operator = operator, right = right }
  end
  if operator == "==" or operator == "~=" then
    self:tested(left, operator)
    self:tested(right, operator)
    return other
  end
  local output = left.kind == "output" and left or right
  if operator == ".." and output.kind == "output" then
    return { kind = "output", root = output.root, text = "a text with " .. output.text,
      line = output.line }
  end
  return other
end

function Parser:expressions()
  local list = { self:expression() }
  while self:take "," do list[#list + 1] = self:expression() end
  return list
end

function Parser:condition(how) self:tested(self:expression(), how) end

function Parser:body(first)
  self:open_scope()
  if first then self:declare(first) end
  self:expect "("
  while not self:is ")" do
    if not self:take "..." then self:declare(self:name()) end
    self:take ","
  end
  self:expect ")"
  self:block()
  self:expect "end"
  self:close_scope()
end

function Parser:block()
  self:open_scope()
  while not (self:is "end" or self:is "else" or self:is "elseif" or self:is "until"
      or self.tokens[self.at].kind == "end") do
    self:statement()
  end
  self:close_scope()
end

local statements = {}

statements["if"] = function(self)
  repeat
    self:condition "if"
    self:expect "then"
    self:block()
  until not self:take "elseif"
  if self:take "else" then self:block() end
  self:expect "end"
end

statements["while"] = function(self)
  self:condition "while"
  self:expect "do"
  self:block()
  self:expect "end"
end

statements["do"] = function(self)
  self:block()
  self:expect "end"
end

statements["for"] = function(self)
  local names = { self:name() }
  while self:take "," do names[#names + 1] = self:name() end
  if not self:take "in" then self:expect "=" end
  self:expressions()
  self:expect "do"
  self:open_scope()
  for _, name in ipairs(names) do self:declare(name) end
  self:block()
  self:close_scope()
  self:expect "end"
end

statements["repeat"] = function(self)
  -- The condition sees the block's locals.
  self:open_scope()
  while not self:is "until" do self:statement() end
  self:expect "until"
  self:condition "until"
  self:close_scope()
end

statements["function"] = function(self)
  self:name()
  local method
  while self:is "." or self:is ":" do
    method = self:peek() == ":"
    self.at = self.at + 1
    self:name()
  end
  self:body(method and "self" or nil)
end

statements["local"] = function(self)
  if self:take "function" then
    self:declare(self:name())
    return self:body()
  end
  local names = {}
  repeat
    names[#names + 1] = self:name()
    if self:take "<" then
      self:name()
      self:expect ">"
    end
  until not self:take ","
  local values = self:take "=" and self:expressions() or {}
  for i, name in ipairs(names) do
    local value = values[i]
    self:declare(name, value and value.kind == "output" and value or other)
  end
end

statements["return"] = function(self)
  if self:is "end" or self:is "else" or self:is "elseif" or self:is "until" or self:is ";"
      or self.tokens[self.at].kind == "end" then
    self:take ";"
    return
  end
  self:expressions()
  self:take ";"
end

function Parser:statement()
  if self:take ";" or self:take "break" then return end
  if self:take "::" then
    self:name()
    return self:expect "::"
  end
  local word = self:peek()
  if statements[word] and self.tokens[self.at].kind == "keyword" then
    self.at = self.at + 1
    return statements[word](self)
  end
  if word == "goto" and self.tokens[self.at + 1].kind == "name" then
    self.at = self.at + 2
    return
  end
  self:assignment()
end

function Parser:assignment()
  local line = self:line()
  local targets = {}
  repeat
    local value, bare, own = self:suffixed()
    targets[#targets + 1] = { bare = bare, own = own, root = value.root, text = value.text }
  until not self:take ","
  if not self:take "=" then return end
  local values = self:expressions()
  for i, target in ipairs(targets) do
    local kind = values[i] and values[i].kind
    -- Only a call returns a step; `x = 5` is refused when the script runs.
    local name = target.bare
      or (not target.own and target.text == target.root and target.root or nil)
    if name and not self.lines[name] then self.lines[name] = line end
    if name and kind ~= "literal" and not self.assigned[name] then
      self.assigned[name] = line
    elseif target.text == "_G[...]" then
      self.assigned[true] = line
    end
    if target.own then self:forget(target.own) end
  end
end

local Scan = {}
Scan.__index = Scan

--- The tests on steps and their outputs, in the order of the script.
---@param steps table|nil names of steps (as keys) in addition to those that the scan found
---@return table found array of {text = "lib.status", how = "==", line = 12}
function Scan:tests(steps)
  local found = {}
  for _, test in ipairs(self.found) do
    if self.assigned[test.root] or (steps and steps[test.root]) then found[#found + 1] = test end
  end
  table.sort(found, function(a, b)
    if a.line ~= b.line then return a.line < b.line end
    return a.text .. a.how < b.text .. b.how
  end)
  return found
end

--- Scans a script.
---@param text string a script that `load` accepts
---@return table scan with `assigned` (name -> line of the first assignment to that global that may be
--- a step), `lines` (the same for every global) and `tests(steps)`
function M.scan(text)
  local parser = setmetatable(
    { tokens = lexer.tokens(text), at = 1, found = {}, assigned = {},
      lines = {} }, Parser)
  parser:open_scope()
  while parser.tokens[parser.at].kind ~= "end" do parser:statement() end
  return setmetatable({ found = parser.found, assigned = parser.assigned, lines = parser.lines }, Scan)
end

--- Scans a script and returns its tests at once.
---@param text string
---@param steps table|nil
---@return table found, table assigned, table lines
function M.tests(text, steps)
  local scanned = M.scan(text)
  return scanned:tests(steps), scanned.assigned, scanned.lines
end

return M
