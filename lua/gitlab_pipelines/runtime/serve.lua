--- Serves until a signal arrives: the main loop of the server commands.

local M = {}

-- Default seconds for requests in flight to complete.
local GRACE = 10

-- The pollable attached in place of a stopping server: each turn closes the connections that have
-- become idle, and the last one to close wakes the waiter.
local function draining(server, waiter)
  return {
    pollfd = function() return server:pollfd() end,
    events = function() return server:events() end,
    timeout = function() return server:timeout() end,
    pump = function(_, limit)
      local count = server:pump(limit)
      server:stop()
      if server:connections() == 0 then waiter:wake() end
      return count
    end,
  }
end

--- Serves until SIGTERM, SIGINT or SIGHUP, then completes the requests in flight for at most `grace`
--- seconds; a second signal ends it at once. An ignored SIGHUP (nohup) stays ignored, and SIGPIPE is
--- ignored. The previous signal handlers are restored afterwards.
---@param rt table runtime
---@param server userdata from server.open; still open afterwards
---@param options { ready: string|nil, grace: number|nil }|nil `ready` is written to stdout once
--- signals are trapped, so its reader may send one at once; `grace` defaults to 10
---@return "TERM"|"INT"|"HUP" signal the first signal received
function M.run(rt, server, options)
  options = options or {}
  local waiter, received = rt:waiter(), {}
  rt:trap(function(name)
    if name == "PIPE" then return end
    received[#received + 1] = name
    waiter:wake()
  end, { "TERM", "INT", "HUP", "PIPE" })
  if options.ready then
    io.stdout:write(options.ready)
    io.stdout:flush()
  end
  rt:attach(server)
  rt:run(function()
    while not received[1] do waiter:wait() end
    rt:detach(server)
    local rest = draining(server, waiter)
    rt:attach(rest)
    server:stop()
    local deadline = rt:now() + (options.grace or GRACE)
    while server:connections() > 0 and not received[2] and rt:now() < deadline do
      waiter:wait(deadline)
    end
    rt:detach(rest)
  end)
  rt:untrap()
  return received[1]
end

return M
