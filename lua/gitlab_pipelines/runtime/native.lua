--- The runtime for plain Lua and the command: one loop per process, which waits in poll(2).

local clock = require("gitlab_pipelines.core").clock
local loop = require "gitlab_pipelines.runtime.loop"

-- Reused by each wait: one {fd, events} pair per pollable.
local poll_pairs = {}

local function wait(pollables, deadline)
  local list = poll_pairs
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
