--- The runtime of plain Lua and of the command: one loop for the process, waiting in poll(2).

local clock = require("gitlab_pipelines.core").clock
local loop = require "gitlab_pipelines.runtime.loop"

-- Reused from wait to wait: one {fd, events} pair a pollable.
local pairs_of_last = {}

local function wait(pollables, deadline)
  local list = pairs_of_last
  for i, pollable in ipairs(pollables) do
    local pair = list[i] or {}
    pair[1], pair[2] = pollable:pollfd(), pollable:events()
    list[i] = pair
  end
  for i = #list, #pollables + 1, -1 do list[i] = nil end
  local seconds = deadline and math.max(0, deadline - clock.now())
  local ready, message = clock.poll(list, seconds)
  if not ready and message ~= "interrupted" then error("poll: " .. message) end
end

return loop.new {
  name = "native",
  now = clock.now, wall = clock.wall, random = clock.random,
  trap = clock.trap, trapped = clock.trapped, untrap = clock.untrap,
  wait = wait,
}
