--- Calls functions on a separate, shared stack.
--
-- A coroutine's stack grows to its deepest call, and some Luas never shrink it (5.4 in generational
-- mode). If ten thousand tasks each make one deep call and then wait, the deep stacks dominate their
-- memory. With this module all of them make that call on one shared stack.

local M = {}

local spare

-- Tail calls, so that the stack does not grow.
local function serve(fn, ...)
  return serve(coroutine.yield(fn(...)))
end

local function finish(thread, ok, ...)
  if not ok then error((...), 0) end
  spare = thread
  return ...
end

--- Calls `fn(...)`, which must not wait. Returns its results and raises its errors.
---@param fn function
function M.call(fn, ...)
  local thread = spare or coroutine.create(serve)
  spare = nil
  return finish(thread, coroutine.resume(thread, fn, ...))
end

return M
