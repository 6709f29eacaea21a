--- Starts a server as a process of its own, knows its URL, and stops it; and talks to it in raw
--- bytes. Loopback only, free ports.

local M = {}

M.lua = os.getenv "GP_LUA" or "lua5.4"

--- Quotes one word for the shell.
function M.quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function words(list)
  local quoted = {}
  for i, word in ipairs(list) do quoted[i] = M.quote(word) end
  return table.concat(quoted, " ")
end

local Server = {}
Server.__index = Server

--- Sends a signal to the server alone ("TERM", "INT", "KILL").
function Server:signal(name)
  os.execute(("kill -%s %d"):format(name, self.pid))
end

--- Waits until the process has ended; returns its exit code (128 + n for a signal) and all that
--- it printed after its URL.
function Server:wait()
  if not self.code then
    local rest = self.pipe:read "*a"
    self.pipe:close()
    local printed, code = rest:match "^(.*)exit (%d+)\n$"
    self.printed, self.code = printed or rest, tonumber(code)
  end
  return self.code, self.printed
end

--- Ends it in order; returns its exit code and output.
function Server:stop()
  if not self.code then self:signal "TERM" end
  return self:wait()
end

--- Starts a command that prints one line with its URL when it is ready.
---@param command string[] program and arguments
---@param environment table|nil name -> value
---@return table server {url, host, port, pid, first_line}
function M.start(command, environment)
  local assignments = {}
  for name, value in pairs(environment or {}) do
    assignments[#assignments + 1] = name .. "=" .. M.quote(value)
  end
  table.sort(assignments)
  local line = ("%s %s 2>&1 & pid=$!; echo \"pid $pid\"; wait $pid; echo \"exit $?\""):format(
    table.concat(assignments, " "), words(command))
  local self = setmetatable({ pipe = assert(io.popen(line)) }, Server)
  local seen = {}
  while not (self.pid and self.url) do
    local text = self.pipe:read "*l"
    if not text or text:match "^exit %d+$" then
      error("the server did not start: " .. table.concat(seen, "\n"), 2)
    end
    seen[#seen + 1] = text
    local pid = text:match "^pid (%d+)$"
    if pid then
      self.pid = tonumber(pid)
    elseif text:match "http://" then
      self.first_line = text
      self.url = text:match "http://[^%s/]+"
    end
  end
  self.host, self.port = self.url:match "^http://%[?(.-)%]?:(%d+)$"
  self.port = tonumber(self.port)
  return self
end

--- The echo server (spec/c/echo_service.c) with these options.
---@param options table|nil name -> number or text
function M.echo(options)
  local command = {}
  for name, value in pairs(options or {}) do
    command[#command + 1] = name .. "=" .. tostring(value)
  end
  table.sort(command)
  table.insert(command, 1, M.lua)
  table.insert(command, 2, "spec/support/echo_server.lua")
  return M.start(command)
end

local function percent(text)
  return (text:gsub("[^%w]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

--- One step of a raw conversation; see raw_http.py.
M.step = {
  send = function(text) return "send:" .. percent(text) end,
  times = function(count, text) return ("repeat:%d:%s"):format(count, percent(text)) end,
  until_text = function(text) return "until:" .. percent(text) end,
  bytes = function(count) return "bytes:" .. count end,
  answers = function(count) return "answers:" .. count end,
  say = "say", keep = "keep", abort = "abort", eof = "eof",
}

--- Starts a raw conversation in the background; call the result to wait for its end.
---@param server table with host and port
---@param steps string[]
---@return fun(): string, string how it ended ("eof", "reset", "aborted", "kept", "timeout"), what was
--- received; called after a step `say`, it first returns "said" as soon as that is reached
function M.talk(server, steps)
  local pipe = assert(io.popen(("/usr/bin/python3 spec/support/raw_http.py %s %d %s"):format(
    M.quote(server.host), server.port, words(steps))))
  return function()
    local how = pipe:read "*l"
    if how == "said" then return how end
    local received = pipe:read "*a"
    pipe:close()
    return how, received
  end
end

--- One raw conversation, to its end.
function M.raw(server, steps)
  return M.talk(server, steps)()
end

--- Splits what was received into answers: { {status, headers (lower-case names), body} ... }.
--- Only answers with a Content-Length, as the server sends them.
function M.answers(received)
  local list = {}
  while received ~= "" do
    local head, rest = received:match "^(.-\r\n)\r\n(.*)$"
    if not head then break end
    local answer = { status = tonumber(head:match "^HTTP/1%.1 (%d+)"), headers = {} }
    for name, value in head:gmatch "([^\r\n:]+): ?([^\r\n]*)\r\n" do
      answer.headers[name:lower()] = value
    end
    local length = answer.status == 100 and 0 or tonumber(answer.headers["content-length"] or 0)
    answer.body = rest:sub(1, length)
    received = rest:sub(length + 1)
    list[#list + 1] = answer
  end
  return list
end

return M
