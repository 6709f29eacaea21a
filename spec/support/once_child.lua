-- One process that makes the pipeline of a key, and may die or be stopped at a named point. For
-- specs that kill it: `once_child.lua URL JOURNAL PROJECT KEY POINT TIMEOUT CLOCK`.
--
-- With CLOCK "linked" nothing is waited for: when only timers are left, its own clock and that of
-- the simulated GitLab both jump to the next one. With "native" it is an ordinary process.
package.path = package.path .. ";spec/?.lua"
local gitlab = require "gitlab_pipelines"
local clock = require("gitlab_pipelines.core").clock
local curl = require "gitlab_pipelines.transport.curl"
local journals = require "gitlab_pipelines.once.journal"
local loop = require "gitlab_pipelines.runtime.loop"

local url, path, project, key, point, timeout, which = ...
local token = os.getenv "MOCK_TOKEN"
local pid = io.open("/proc/self/stat"):read "*n"
local in_flight, ahead = 0, 0

local function ask(words)
  local pipe = assert(io.popen(("curl -s -H 'PRIVATE-TOKEN: %s' %s"):format(token, words)))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local function jump(seconds)
  ahead = ahead + seconds
  ask(("-H 'Content-Type: application/json' -d '{\"advance\": %.6f}' %s/_mock/clock"):format(seconds,
    url))
end

local function now() return clock.now() + ahead end

local function wait(pollables, deadline)
  local left = deadline and deadline - now()
  if in_flight == 0 and left and left > 0 then return jump(left) end
  local list = {}
  for i, pollable in ipairs(pollables) do list[i] = { pollable:pollfd(), pollable:events() } end
  clock.poll(list, math.max(0, math.min(left or 1, 1)))
end

local rt = gitlab.runtime.native
if which == "linked" then
  rt = loop.new { name = "linked", now = now, wall = now, random = clock.random, wait = wait }
end

-- Here it ends, as by kill -9; or is stopped, until somebody lets it go on.
local function reached(name)
  if name ~= point then return end
  io.stdout:flush()
  os.execute(("kill -%s %d"):format(os.getenv "SIGNAL" or "KILL", pid))
end

local transport = curl.new { runtime = rt }
local perform = transport.perform
local posts, looks = 0, 0
function transport:perform(request)
  local creates = request.effect == "create"
  if creates then
    posts = posts + 1
    if point == "in flight" then
      rt:background(function()
        local asked = ("'%s/_mock/requests?method=POST&path=/projects/%s/'"):format(url, project)
        repeat rt:pause(0.001) until ask(asked) ~= "[]"
        reached "in flight"
      end)
    end
  elseif request.operation == "pipelines.list" and posts > 0 then
    looks = looks + 1
    reached("look " .. looks)
  end
  in_flight = in_flight + 1
  local response, failure = perform(self, request)
  in_flight = in_flight - 1
  if creates then reached "answered" end
  return response, failure
end

-- The journal tells after each entry.
local opened = assert(journals.open(path))
local class = getmetatable(opened).__index
opened:close()
for _, entry in ipairs { "intent", "sent", "known", "refused" } do
  local write = class[entry]
  class[entry] = function(...)
    local a, b, c = write(...)
    reached(entry)
    return a, b, c
  end
end

local gl = assert(gitlab.new { url = url, token = token, transport = transport, runtime = rt,
  journal = path, limits = false })
rt:run(function()
  local pipeline, err = gl.pipelines:create(tonumber(project), { ref = "main", once = key },
    { timeout = tonumber(timeout) })
  print(pipeline and ("id %d %s"):format(pipeline.id, tostring(pipeline.adopted or false))
    or "err " .. tostring(err))
end)
gl:close()
transport.perform = nil
transport:close()
