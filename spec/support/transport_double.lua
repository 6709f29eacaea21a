-- A transport that records what it is asked and plays answers: in order, from a list, or by a
-- function(request) -> answer.
--   answer = {status = 200, headers = {["X-Next-Page"] = "2"}, body = text or table (JSON)}
--            breaks_after = so many bytes come of a body that goes to a receiver
--          | {failure = {outcome =, code =, message =}}
-- A body that is a table gets what GitLab never leaves out of such a response (operations.lua: the
-- required fields of `shape`), so that a spec need only name the fields that it is about. A body that
-- is a text is sent as it stands.
-- Each request is kept as {method, target, headers, body, operation, effect, sink}: `target` is the
-- address from the host on, header names are lower-case, secrets are shown.

local json = require "gitlab_pipelines.json"
local operations = require "gitlab_pipelines.operations"

local M = {}

local Response = {}
Response.__index = Response

function Response:header(name)
  for _, pair in ipairs(self.list) do
    if pair[1]:lower() == name:lower() then return pair[2] end
  end
end

function Response:each_header()
  local at = 0
  return function()
    at = at + 1
    if self.list[at] then return self.list[at][1], self.list[at][2] end
  end
end

local function reveal(value)
  return type(value) == "userdata" and value:reveal() or value
end

local function record(request)
  local headers = {}
  for _, pair in ipairs(request.headers or {}) do headers[pair[1]:lower()] = reveal(pair[2]) end
  return {
    method = request.method, target = request.url:match "^%a+://[^/]*(.*)$", url = request.url,
    headers = headers, body = request.body, operation = request.operation,
    effect = request.effect, sink = request.sink, raw = request,
  }
end

local function give_to_sink(sink, body, response)
  if type(sink) == "function" then
    for at = 1, #body, 7 do
      local ok, message = sink(body:sub(at, at + 6), response.status, response)
      if not ok then return nil, message end
    end
  elseif sink and sink.file then
    local file = assert(io.open(sink.file, "wb"))
    file:write(body)
    file:close()
  end
  return true
end

local USUAL = { status = "created", stage = "test", name = "unit", key = "KEY", path = "file", type = "file",
  project_id = 17 }

-- A copy of a row with the fields that are missing; what is no row stays as it is.
local function complete(row, shape)
  if type(row) ~= "table" or row[1] ~= nil or json.is_array(row) then return row end
  local copy = {}
  for name, value in pairs(row) do copy[name] = value end
  for _, field in ipairs(shape) do
    if copy[field.name] == nil and field.required then copy[field.name] = USUAL[field.name] end
    if field.type == "object" and field.shape then
      copy[field.name] = complete(copy[field.name], field.shape)
    end
  end
  return copy
end

-- The same for a response's body.
local function completed(body, operation, status)
  local op = operation and operations.find(operation)
  if not op or not op.shape or status >= 300 then return body end
  if op.result == "object" then return complete(body, op.shape) end
  if body[1] == nil then return body end
  local rows = {}
  for i, row in ipairs(body) do rows[i] = complete(row, op.shape) end
  return setmetatable(rows, getmetatable(body))
end

local function to_response(request, answer, now)
  local body, list = answer.body or "", {}
  local names = {}
  for name in pairs(answer.headers or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do list[#list + 1] = { name, answer.headers[name] } end
  if type(body) == "table" then
    body = json.encode(completed(body, request.operation, answer.status or 200))
    list[#list + 1] = { "Content-Type", "application/json" }
  elseif answer.type then
    list[#list + 1] = { "Content-Type", answer.type }
  end
  local response = setmetatable({ status = answer.status or 200, list = list, url = request.url,
    body = body, bytes = #body, sent_at = now, elapsed = 0, reused = false }, Response)
  response.headers = response
  if request.sink and response.status < 300 then
    local ok, message = give_to_sink(request.sink, body:sub(1, answer.breaks_after or #body), response)
    if not ok then
      return nil, { outcome = "permanent", code = "sink", message = message, sent_at = now }
    end
    if answer.breaks_after then
      return nil, { outcome = "unknown", code = "reset", message = "made to break off", sent_at = now }
    end
    response.body = nil
  end
  return response
end

--- A new double.
---@param answers table[]|fun(request: table): table
function M.new(answers)
  local double = { requests = {}, answers = answers, closed = false }
  function double:perform(request)
    local seen = record(request)
    self.requests[#self.requests + 1] = seen
    local answer
    if type(self.answers) == "function" then
      answer = self.answers(seen, #self.requests)
    else
      answer = self.answers[#self.requests]
    end
    if not answer then error("no answer left for " .. seen.method .. " " .. seen.target) end
    local now = request.runtime and request.runtime:now() or 0
    if answer.delay and request.runtime then request.runtime:sleep(answer.delay) end
    if answer.failure then
      local failure = { sent_at = now, message = "made to fail" }
      for name, value in pairs(answer.failure) do failure[name] = value end
      return nil, failure
    end
    return to_response(request, answer, now)
  end
  function double:close() self.closed = true end
  return double
end

return M
