--- Starts and stops hostile.py, and asks it what it was asked.

local curl = require "gitlab_pipelines.transport.curl"
local json = require "gitlab_pipelines.json"
local runtime = require "gitlab_pipelines.runtime"

local M = {}

local Server = {}
Server.__index = Server

--- Starts a server; `tls = true` gives it a certificate too (`server.ca`).
---@param options table|nil
---@return table server `main other control mute slam tls h2`: URLs without a trailing slash
function M.start(options)
  local folder
  if options and options.tls then
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir -p " .. folder))
  end
  local pipe = assert(io.popen("exec /usr/bin/python3 spec/support/hostile.py " .. (folder or "")))
  local ports = assert(json.decode(assert(pipe:read "*l", "the server did not start")))
  local server = setmetatable({ pipe = pipe, folder = folder, ca = ports.ca,
    client = curl.new { runtime = runtime.native, proxy = false } }, Server)
  for _, name in ipairs { "main", "other", "control", "mute", "slam" } do
    server[name] = "http://127.0.0.1:" .. ports[name]
  end
  if ports.tls then
    server.tls = "https://localhost:" .. ports.tls
    server.h2 = "https://localhost:" .. ports.h2
  end
  return server
end

local function ask(self, path)
  local response, failure = self.client:perform { url = self.control .. path }
  if not response then error("control: " .. failure.message) end
  return assert(json.decode(response.body)).requests
end

--- What was asked so far, oldest first: `origin connection method target path headers body`.
---@param path string|nil only requests of this path
---@return table[]
function Server:requests(path)
  local list = {}
  for _, request in ipairs(ask(self, "/requests")) do
    if not path or request.path == path then list[#list + 1] = request end
  end
  return list
end

--- Drops what was asked.
function Server:forget()
  ask(self, "/forget")
end

--- A header of a recorded request, any case.
---@return string|nil
function M.header(request, name)
  for _, pair in ipairs(request.headers) do
    if pair[1]:lower() == name:lower() then return pair[2] end
  end
end

function Server:stop()
  self.client:perform { url = self.control .. "/quit" }
  self.client:close()
  self.pipe:close()
  if self.folder then os.execute("rm -rf " .. self.folder) end
end

return M
