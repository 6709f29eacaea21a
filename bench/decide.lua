-- What one decision costs seen from Lua: an exchange made, asked, told that its bytes left, and told
-- of the answer. usage: LUA decide.lua [SECONDS]      prints: decide_ns=N
local core = require "gitlab_pipelines.core"

local seconds = tonumber(arg[1]) or 1
local policy, breaker = core.policy.new {}, core.policy.breaker {}
local new = core.exchange.new

local now, count = 1767225600, 0
local start = os.clock()
repeat
  for _ = 1, 1000 do
    now = now + 0.1001
    local x = new(policy, breaker, "read", "read", 1e12)
    assert(x:next(now, 0.5) == "send")
    x:sent(now)
    assert(x:feed(now, 0.5, "ok", 200) == "done")
  end
  count = count + 1000
until os.clock() - start > seconds
print(("decide_ns=%.1f"):format((os.clock() - start) / count * 1e9))
