--- Turns a 2xx response into the result of a call.

local json = require "gitlab_pipelines.json"
local shape = require "gitlab_pipelines.client.shape"

local M = {}

local function is_conditional(call)
  for _, pair in ipairs(call.args.headers or {}) do
    if pair[1] == "If-None-Match" then return true end
  end
  return false
end

-- Returns why an object is not the requested one, or nil. A project path is not compared, since a
-- project may have several; nor is an object without the field.
local function other_object(op, args, value)
  local same = op.same
  if not same then return nil end
  local wanted, got = args[same[1]], value[same[2]]
  if got == nil or got == wanted or same[1] == "project" and type(wanted) ~= "number" then return nil end
  return ("the response describes another object: its %s is %s, not %s"):format(same[2],
    tostring(got), tostring(wanted))
end

-- A file from an archive may have any type.
local function expected_type(op)
  if op.param.path then return nil end
  return op.result == "text" and "log" or "archive"
end

--- Sets `call.result` as the operation defines it.
---@param call table
---@param response table
---@param redact fun(text: string): string
---@return string|nil why what is wrong with the response; nil if it is valid
function M.result(call, response, redact)
  local op, body = call.op, response.body
  call.result = true
  if response.status == 304 then
    return not is_conditional(call) and "the response is 304 Not Modified to a request without If-None-Match"
      or nil
  end
  if op.result == "none" then return nil end
  if op.result == "bytes" or op.result == "text" then
    local why = shape.wrong_type(response:header "Content-Type", expected_type(op))
    if not why and not call.sink then call.result = body or "" end
    return why
  end
  if response.status == 204 or response.status == 205 then return "the response has no body" end
  local why = shape.wrong_type(response:header "Content-Type", "json")
  if why then return why end
  local value
  value, why = json.decode_response(body or "")
  if value == nil then return "the response is not valid JSON: " .. why end
  why = shape.problem(op, value, redact) or other_object(op, call.args, value)
  if not why then call.result = value end
  return why
end

return M
