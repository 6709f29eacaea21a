-- Runs under a resolver that sleeps for 20 s (spec/c/slow_resolver.c). Every line that is printed
-- is judged by spec/transport/curl_spec.lua.
-- usage: LUA spec/support/slow_resolver_case.lua URL-OF-A-QUICK-SERVER
local curl = require "gitlab_pipelines.transport.curl"
local rt = require("gitlab_pipelines.runtime").native

local transport = curl.new { proxy = false }
local started = rt:now()
local longest, ticks, done = 0, 0, false

local function slow(timeout, deadline)
  return transport:perform { url = "http://name.slow/", timeout = timeout, runtime = rt,
    deadline = deadline }
end

rt:run(function()
  -- The loop goes on while names are looked up: no turn of it takes long.
  local ticker = rt:spawn(function()
    local last = rt:now()
    while not done do
      rt:sleep(0.001)
      ticks = ticks + 1
      longest = math.max(longest, rt:now() - last)
      last = rt:now()
    end
  end)
  local _, failure = slow { connect = 0.05 }
  print("connect timeout", failure.outcome, failure.code, failure.sent_at)
  _, failure = slow({ connect = 30 }, rt:now() + 0.05)
  print("deadline", failure.outcome, failure.code, failure.sent_at)
  local task = rt:spawn(slow, { connect = 30 })
  local response = transport:perform { url = arg[1] .. "/ok", runtime = rt }
  print("meanwhile", response.status)
  task:cancel()
  task:join()
  done = true
  ticker:join()
end)
local hanging = transport.engine:submit({ url = "http://other.slow/" }, rt:now())
transport.engine:step()
transport:close()
print("closed", hanging:done())
print("ticks", ticks > 20)
print("longest turn under 1 s", longest < 1)
print("all under 5 s", rt:now() - started < 5)
