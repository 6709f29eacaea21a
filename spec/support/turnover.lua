--- Starts and stops turnover.py before a simulated GitLab of its own, and asks what was seen there.

local curl = require "gitlab_pipelines.transport.curl"
local json = require "gitlab_pipelines.json"
local process = require "support.process"
local runtime = require "gitlab_pipelines.runtime"

local M = {}

local World = {}
World.__index = World

local TOKEN = "glpat-turnover-0123456789"

local function ask(self, url, more)
  local request = { url = url, headers = { { "PRIVATE-TOKEN", TOKEN }, { "Content-Type", "application/json" } } }
  for name, value in pairs(more or {}) do request[name] = value end
  local response, failure = self.client:perform(request)
  if not response then error(url .. ": " .. failure.message) end
  assert(response.status < 300, url .. ": status " .. response.status)
  return response.body and response.body ~= "" and json.decode(response.body) or nil
end

local function start(self, mode, seed)
  self.mock = assert(io.popen(("MOCK_TOKEN=%s %s bin/gitlab-pipelines mock serve --port 0 --db :memory: & "
    .. "echo \"pid $!\"; wait $!"):format(TOKEN, process.interpreter)))
  while not (self.pid and self.backend) do
    local line = assert(self.mock:read "*l", "the simulated GitLab did not start")
    if line:match "^pid " then self.pid = line:match "%d+" else self.backend = line:match ":(%d+)" end
  end
  self.pipe = assert(io.popen(("exec /usr/bin/python3 spec/support/turnover.py '%s' %s %s %d"):format(mode,
    self.folder, self.backend, seed)))
  local ready = assert(json.decode(assert(self.pipe:read "*l", "the servers did not start")))
  self.url, self.ca, self.proxy = ready.url, ready.ca, ready.proxy
  self.control = ("http://127.0.0.1:%d"):format(ready.control)
  self.direct = ("http://127.0.0.1:%s"):format(self.backend)
  -- Requests take a moment, so that there is one in which to break off.
  ask(self, self.direct .. "/_mock/faults", { method = "POST", effect = "set",
    body = json.encode { delay = 0.004 } })
end

--- Starts servers whose connections end as a mode of turnover.py says.
---@param mode string
---@param seed integer
---@return table world `url ca proxy token folder`
function M.start(mode, seed)
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir -p " .. folder))
  local self = setmetatable({ folder = folder, token = TOKEN,
    client = curl.new { runtime = runtime.native, proxy = false } }, World)
  local ok, message = pcall(start, self, mode, seed)
  if ok then return self end
  self:stop()
  error(message, 0)
end

--- Makes pipelines in project 11, past the servers; gives their ids.
function World:prepare(count)
  local ids = {}
  for i = 1, count do
    ids[i] = ask(self, self.direct .. "/projects/11/pipeline", { method = "POST", effect = "set",
      body = json.encode { ref = ("p%d"):format(i) } }).id
  end
  return ids
end

--- How many connections ended with a request in flight, and `posts`: ref -> how often its create came.
function World:counts()
  return ask(self, self.control .. "/counts")
end

--- The pipelines that the simulated GitLab has made: ref -> how many.
function World:made()
  local count, page = {}, 0
  repeat
    page = page + 1
    local rows = ask(self, ("%s/_mock/pipelines?per_page=100&page=%d"):format(self.direct, page))
    for _, pipeline in ipairs(rows) do count[pipeline.ref] = (count[pipeline.ref] or 0) + 1 end
  until #rows < 100
  return count
end

function World:stop()
  if self.control then self.client:perform { url = self.control .. "/quit" } end
  if self.pid then os.execute("kill " .. self.pid) end
  if self.pipe then self.pipe:close() end
  if self.mock then self.mock:close() end
  self.client:close()
  os.execute("rm -rf " .. self.folder)
end

return M
