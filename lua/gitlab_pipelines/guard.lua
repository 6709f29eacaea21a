--- Runs code that is not trusted within a budget of time, instructions and memory.
--
--   local guard = guards.new { seconds = 2, memory = 64 * 2^20, source = "=flow-script" }
--   local ok, a, b = guard:call(fn, ...)
--
-- What `fn` calls counts too; what it calls through `guards.outside` does not. How it is counted is
-- csrc/binding/core_guard.c. Functions that are guarded must not be compiled by LuaJIT
-- (`load` sees to it for a script, `jit.off` for ours), nor yield but through `outside`.

local core = require "gitlab_pipelines.core"
local text = require "gitlab_pipelines.text"

local M = {}

if jit then jit.off(true, true) end

--- Budgets unless told otherwise: seconds, seconds of a `call`, bytes.
M.defaults = { seconds = 2, call_seconds = 60, memory = 64 * 2 ^ 20 }

local INSTRUCTIONS_A_SECOND = 5e7

local Guard = {}
Guard.__index = Guard

local Spent = {}
Spent.__index = Spent
function Spent:__tostring() return self.message end

--- Is this the error of a budget that is spent: {message, line}?
---@param value any
---@return boolean
function M.is_spent(value)
  return type(value) == "table" and getmetatable(value) == Spent
end

-- The guard that is entered, of which C has only the address.
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

--- Calls `fn(...)` within the budget. May be called again: the budget is one for all calls.
---@param fn function
---@return boolean ok
---@return any a the first result; or what was raised, for a spent budget {message, line}
---@return any b the second result
---@return any c the third result
function Guard:call(fn, ...)
  return finish(self, pcall(inner, self.counter, fn, ...))
end

--- Is the budget spent?
---@return boolean
function Guard:is_spent() return self.counter:state() ~= nil end

--- A new budget.
---@param limits table seconds, memory (bytes), source (the chunk's name, for lines)
---@return table guard
function M.new(limits)
  local self = setmetatable({ seconds = limits.seconds, memory = limits.memory,
    instructions = limits.seconds * INSTRUCTIONS_A_SECOND }, Guard)
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

--- Calls a function of the host from guarded code: uncounted, with the host's own string library, and
--- free to wait. Outside of any guard just a call.
---@param fn function
function M.outside(fn, ...)
  local counter = running
  if not counter then return fn(...) end
  leave(counter)
  return back(counter, pcall(fn, ...))
end

--- Counts what the host did for guarded code: bytes that it holds, instructions, time.
---@param bytes number
---@param instructions number
---@param seconds number|nil
function M.charge(bytes, instructions, seconds) core.guard.charge(bytes, instructions, seconds) end

--- The same as `outside` where nothing is waited for: its time counts.
---@param fn function
function M.aside(fn, ...)
  local began = core.clock.now()
  M.outside(fn, ...)
  M.charge(0, 0, core.clock.now() - began)
end

-- What was caught within the guard: a spent budget goes on upwards.
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

--- Raises again when an error that was caught means that the budget is spent.
---@param err any
function M.check(err) core.guard.check(err) end

--- The line of the guarded source that runs, or that ran last.
---@return integer|nil
function M.line() return core.guard.line() end

--- Loads text in pieces, so that a guard ends the compiler too, and keeps LuaJIT from compiling it.
---@param code string
---@param name string
---@param env table
---@return function|nil chunk
---@return string|nil message
function M.load(code, name, env)
  local at = 1
  -- Within a pcall of its own: Lua 5.4 would give its message to a handler further out.
  local loaded, chunk, message = pcall(load, function()
    local piece = code:sub(at, at + 4095)
    at = at + 4096
    return piece
  end, name, "t", env)
  if not loaded then error(chunk, 0) end
  if chunk and jit then jit.off(chunk, true) end
  -- What is no text, or nested too deeply, is refused without a line.
  local plain = name:sub(2) .. ":"
  if message and message:sub(1, #plain) ~= plain and not message:find "^%.%.%." then
    message = plain .. "1: " .. message
  end
  return chunk, message
end

return M
