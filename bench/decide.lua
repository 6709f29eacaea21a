-- Measures one decision from Lua: creating an exchange, admitting it, reporting it as sent, and
-- reporting its response. usage: LUA decide.lua [SECONDS]      prints: decide_ns=N
local core = require "gitlab_pipelines.core"

local seconds = tonumber(arg[1]) or 1
local policy, breaker = core.policy.new {}, core.policy.breaker {}
local new = core.exchange.new

-- In rounds, of which the fastest counts, to exclude other load on the machine.
local ROUND = 1000
local now, best, finish = 1767225600, math.huge, os.clock() + seconds
while os.clock() < finish do
  local start = os.clock()
  for _ = 1, ROUND do
    now = now + 0.1001
    local x = new(policy, breaker, "read", "read", 1e12)
    assert(x:next(now) == "send")
    x:sent(now)
    assert(x:feed(now, 0.5, "ok", 200) == "done")
  end
  best = math.min(best, os.clock() - start)
end
print(("decide_ns=%.1f"):format(best / ROUND * 1e9))
