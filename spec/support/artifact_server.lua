-- Starts and stops artifact_server.py, tells it how an archive behaves, and asks what was asked.
-- Also a runtime whose own waits are over at once: a delay between attempts costs no time.

local curl = require "gitlab_pipelines.transport.curl"
local json = require "gitlab_pipelines.json"
local loop = require "gitlab_pipelines.runtime.loop"
local native = require "gitlab_pipelines.runtime.native"

local M = {}

local Server = {}
Server.__index = Server

--- Starts one. `server.main` and `server.store` are its URLs.
function M.start()
  local pipe = assert(io.popen "exec /usr/bin/python3 spec/support/artifact_server.py")
  local ports = assert(json.decode(assert(pipe:read "*l", "the server did not start")))
  local self = setmetatable({ pipe = pipe, client = curl.new { runtime = native, proxy = false } }, Server)
  for _, name in ipairs { "main", "store", "control" } do
    self[name] = "http://127.0.0.1:" .. ("%d"):format(ports[name])
  end
  return self
end

local function ask(self, request)
  request.url = self.control .. request.url
  local response, failure = self.client:perform(request)
  if not response then error("control: " .. failure.message) end
  return assert(json.decode(response.body))
end

--- Sets how the archive of a job behaves (see artifact_server.py); its first version's size.
function Server:job(number, behaviour)
  return ask(self, { url = ("/job/%d"):format(number), method = "POST", effect = "set",
    body = json.encode(behaviour) }).size
end

--- What was asked of GitLab and the store since the last `job`: {origin, path, headers, sent}.
function Server:requests(origin)
  local list = {}
  for _, request in ipairs(ask(self, { url = "/requests" }).requests) do
    if not origin or request.origin == origin then list[#list + 1] = request end
  end
  return list
end

function Server:stop()
  self.client:perform { url = self.control .. "/quit" }
  self.client:close()
  self.pipe:close()
end

--- A runtime on which a time that nothing happens in passes at once: what is waited for is given 50
--- ms, then the clock jumps to when the wait would be over.
function M.impatient()
  local ahead = 0
  local host = {}
  for name, value in pairs(native.host) do host[name] = value end
  host.name = "impatient"
  function host.now() return native.host.now() + ahead end
  function host.wait(pollables, deadline)
    local from = native.host.now()
    local given = deadline and math.min(deadline - ahead, from + 0.05) or from + 0.05
    native.host.wait(pollables, given)
    if deadline and native.host.now() >= given and deadline - ahead > native.host.now()
      and deadline - ahead - from < 20 then
      ahead = deadline - native.host.now()
    end
  end
  return loop.new(host)
end

return M
