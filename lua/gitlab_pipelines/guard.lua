--- Runs untrusted code within a budget of time, instructions and memory.
--
--   local guard = guards.new { seconds = 2, memory = 64 * 2^20, source = "=flow-script" }
--   local ok, a, b = guard:call(fn, ...)
--
-- Functions called by `fn` count too, except those called through `guards.outside`. The counting is
-- implemented in csrc/binding/core_guard.c. Guarded functions must not be JIT-compiled (`load` turns
-- that off for a script, `jit.off` for this module) and must yield only through `outside`.

local core = require "gitlab_pipelines.core"
local text = require "gitlab_pipelines.text"

local M = {}

if jit then jit.off(true, true) end

--- Default budgets: seconds, seconds of a `call`, bytes.
M.defaults = { seconds = 2, call_seconds = 60, memory = 64 * 2 ^ 20 }

local INSTRUCTIONS_PER_SECOND = 5e7

local Guard = {}
Guard.__index = Guard

local Spent = {}
Spent.__index = Spent
function Spent:__tostring() return self.message end

--- Is this value the error of a spent budget, {message, line}?
---@param value any
---@return boolean
function M.is_spent(value)
  return type(value) == "table" and getmetatable(value) == Spent
end

-- The entered guard; this reference keeps it alive, since C has only its address.
local running

local function enter(counter)
  counter:enter()
  running = counter
end

local function leave(counter)
  counter:leave()
  running = nil
end

local function mebibytes(bytes) return ("%g MiB"):format(math.floor(bytes / 2 ^ 20 * 10 + 0.5) / 10) end

local messages = {
  time = function(self) return ("ran longer than %g s"):format(self.seconds) end,
  instructions = function(self) return ("took more than %.0f instructions"):format(self.instructions) end,
  memory = function(self) return "needs more than " .. mebibytes(self.memory) .. " of memory" end,
}

local function inner(counter, fn, ...)
  enter(counter)
  local a, b, c = fn(...)
  leave(counter)
  return a, b, c
end

local function finish(self, ok, a, b, c)
  self.counter:leave()
  running = nil
  local kind, line = self.counter:state(a)
  if kind then
    return false, setmetatable({ message = "the script " .. messages[kind](self),
      line = line > 0 and line or nil }, Spent)
  end
  return ok, a, b, c
end

--- Calls `fn(...)` within the budget, which all calls of a guard share.
---@param fn function
---@return boolean ok
---@return any a the first result, or the error; {message, line} for a spent budget
---@return any b the second result
---@return any c the third result
function Guard:call(fn, ...)
  return finish(self, pcall(inner, self.counter, fn, ...))
end

--- Is the budget spent?
---@return boolean
function Guard:is_spent() return self.counter:state() ~= nil end

--- Makes a guard with a new budget.
---@param limits table seconds, memory (bytes), source (the chunk name, for line numbers)
---@return table guard
function M.new(limits)
  local self = setmetatable({ seconds = limits.seconds, memory = limits.memory,
    instructions = limits.seconds * INSTRUCTIONS_PER_SECOND }, Guard)
  self.counter = core.guard.new { seconds = self.seconds, memory = self.memory,
    instructions = self.instructions, source = limits.source, strings = text.strings,
    exempt = { finish, Guard.call } }
  return self
end

local function back(counter, ok, ...)
  enter(counter)
  if not ok then error((...), 0) end
  return ...
end

--- Calls a host function from guarded code: it is not counted, uses the host's string library and may
--- wait. Without an entered guard it is a plain call.
---@param fn function
function M.outside(fn, ...)
  local counter = running
  if not counter then return fn(...) end
  leave(counter)
  return back(counter, pcall(fn, ...))
end

--- Charges host work to the budget of the guarded code: bytes held, instructions, time.
---@param bytes number
---@param instructions number
---@param seconds number|nil
function M.charge(bytes, instructions, seconds) core.guard.charge(bytes, instructions, seconds) end

--- Like `outside` for a function that does not wait: its time counts.
---@param fn function
function M.aside(fn, ...)
  local began = core.clock.now()
  M.outside(fn, ...)
  M.charge(0, 0, core.clock.now() - began)
end

-- Raises a spent budget's error again after guarded code has caught it.
local function settled(ok, a, ...)
  if not ok then core.guard.check(a) end
  return ok, a, ...
end

--- xpcall for guarded code.
function M.xpcall(fn, handler, ...)
  return settled(xpcall(fn, function(err)
    core.guard.note(err)
    return handler(err)
  end, ...))
end

--- Raises a caught error again if it means that the budget is spent.
---@param err any
function M.check(err) core.guard.check(err) end

--- Returns the current or last executed line of the guarded source.
---@return integer|nil
function M.line() return core.guard.line() end

--- Loads source text in chunks, so that the guard limits the compiler too, and turns off JIT for it.
---@param code string
---@param name string
---@param env table
---@return function|nil chunk
---@return string|nil message
function M.load(code, name, env)
  local at = 1
  -- The pcall keeps Lua 5.4 from passing the message to an outer handler.
  local loaded, chunk, message = pcall(load, function()
    local piece = code:sub(at, at + 4095)
    at = at + 4096
    return piece
  end, name, "t", env)
  if not loaded then error(chunk, 0) end
  if chunk and jit then jit.off(chunk, true) end
  -- Errors about binary chunks or nesting depth have no line.
  local plain = name:sub(2) .. ":"
  if message and message:sub(1, #plain) ~= plain and not message:find "^%.%.%." then
    message = plain .. "1: " .. message
  end
  return chunk, message
end

return M
