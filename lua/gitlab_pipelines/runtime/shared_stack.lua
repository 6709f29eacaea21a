--- Calls on a stack beside the caller's.
--
-- A coroutine's stack grows to the deepest call that was ever made on it, and some Luas never give
-- that back (5.4 in its generational mode). Where ten thousand tasks each make one deep call and
-- then wait, that call is what they cost. Made aside, all of them share one stack for it.

local M = {}

local spare

-- Tail calls: each turn stands where the one before did.
local function serve(fn, ...)
  return serve(coroutine.yield(fn(...)))
end

local function answer(thread, ok, ...)
  if not ok then error((...), 0) end
  spare = thread
  return ...
end

--- Calls `fn(...)`, which must not wait, and returns what it returns or raises what it raises.
---@param fn function
function M.call(fn, ...)
  local thread = spare or coroutine.create(serve)
  spare = nil
  return answer(thread, coroutine.resume(thread, fn, ...))
end

return M
