--- Maps a response or failure to an error: one table, first match wins.
--
-- A row names the responses that it matches and their error kind:
--   status    a number, or {from, to}
--   creates   only operations that create a pipeline
--   code      the body's `error`, in GitLab's responses about tokens
--   parameter the body has `error`: parameter validation failed
--   match     lower-case plain text within the message
--   sentence  a sentence known to core.retry, which also decides about retries
--   reasoned  the message is more than the bare "403 Forbidden"
--   bare      the message is only that
-- An operation's own rows (`operation.refusals`) come between `M.first` and `M.last`.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local json = require "gitlab_pipelines.json"
local request = require "gitlab_pipelines.client.request"

local M = {}

--- Rows that are matched before an operation's own.
M.first = {
  { status = 401, match = "expired", kind = "AuthenticationError.TokenExpired" },
  { status = 401, match = "job is not running", kind = "AuthenticationError.TokenExpired" },
  { status = 401, match = "revoked", kind = "AuthenticationError.TokenRevoked" },
  { status = 401, kind = "AuthenticationError.InvalidToken" },
  { status = 403, code = "insufficient_scope", kind = "AuthenticationError.InsufficientScopes" },
  { status = 403, code = "insufficient_granular_scope",
    kind = "AuthenticationError.InsufficientScopes" },
  { status = 403, match = "your account", kind = "AccessError.PermissionDenied" },
  { status = 400, sentence = "creation_limit", kind = "RateLimitError.TooManyRequests" },
  { status = 429, kind = "RateLimitError.TooManyRequests" },
}

--- Rows that are matched after an operation's own.
M.last = {
  { status = 400, creates = true, match = "reference not found", kind = "PipelineError.InvalidRef" },
  { status = 400, creates = true, parameter = true, match = "ref is ", kind = "PipelineError.InvalidRef" },
  { status = 400, creates = true, match = "insufficient permissions to set pipeline variables",
    kind = "PipelineError.VariablesForbidden" },
  { status = 400, creates = true, match = "duplicate variable name",
    kind = "PipelineError.InvalidVariable" },
  { status = 400, creates = true, match = "map of key-valued strings",
    kind = "PipelineError.InvalidVariable" },
  { status = 400, creates = true, kind = "PipelineError.PipelineCreationFailed" },
  { status = 422, creates = true, kind = "PipelineError.PipelineCreationFailed" },
  { status = 403, kind = "AccessError.PermissionDenied" },
  { status = 404, match = "project not found", kind = "AccessError.ProjectNotFound" },
  { status = 404, kind = "not_found" },
  { status = 409, kind = "RequestError.Conflict" },
  { status = 412, kind = "RequestError.PreconditionFailed" },
  { status = { 413, 414 }, kind = "RequestError.TooLarge" },
  { status = 422, kind = "RequestError.Unprocessable" },
  { status = { 400, 499 }, kind = "RequestError.BadRequest" },
  { status = { 502, 504 }, kind = "ServerError.ServiceUnavailable" },
  { status = { 500, 599 }, kind = "ServerError.InternalError" },
  { status = { 300, 399 }, kind = "NetworkError.RedirectRefused" },
}

--- The error kinds of transport failures, by code.
M.failures = {
  dns = "NetworkError.DnsResolutionFailed",
  connect = "NetworkError.ConnectionFailed",
  reset = "NetworkError.ConnectionFailed",
  tls = "NetworkError.TlsFailed",
  timeout = "NetworkError.Timeout",
  protocol = "ServerError.InvalidResponse",
  too_large = "ServerError.BodyTooLarge",
  sink = "TaskError.Cancelled",
  cancelled = "TaskError.Cancelled",
}

-- Transient kinds: a later request may succeed without any change by the caller.
local passing = {
  ["RateLimitError.TooManyRequests"] = true, ["RateLimitError.ThrottledRequest"] = true,
  ["ServerError.InternalError"] = true, ["ServerError.ServiceUnavailable"] = true,
  ["NetworkError.ConnectionFailed"] = true, ["NetworkError.DnsResolutionFailed"] = true,
  ["NetworkError.Timeout"] = true, ["NetworkError.CircuitOpen"] = true,
}

local LONGEST_MESSAGE = 300

-- A longer text is cut before redaction, then its end is dropped, where a secret may have been cut.
local LONGEST_REDACTED, END = 65536, 8192

local reasons = {
  [400] = "Bad request", [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found",
  [405] = "Method Not Allowed", [409] = "Conflict", [412] = "Precondition Failed",
  [413] = "Content Too Large", [414] = "URI Too Long", [422] = "Unprocessable Content",
  [429] = "Too Many Requests", [500] = "Internal Server Error", [502] = "Bad Gateway",
  [503] = "Service Unavailable", [504] = "Gateway Timeout",
}

--- Makes a server's text fit for a message: one short line without control characters. The text is
--- redacted before it is cut or joined.
---@param text string
---@param redactor gitlab_pipelines.Redactor|nil nil if the message is redacted later
---@return string
function M.one_line(text, redactor)
  if not redactor then
    text = tostring(text)
  elseif #text > LONGEST_REDACTED then
    text = redactor:text(text:sub(1, LONGEST_REDACTED))
    text = text:sub(1, -END - 1)
  else
    text = redactor:text(text)
  end
  text = text:gsub("[%c%s]+", " "):match "^%s*(.-)%s*$"
  if #text > LONGEST_MESSAGE then
    -- Do not cut within a multibyte character.
    text = text:sub(1, LONGEST_MESSAGE):gsub("[\192-\255]?[\128-\191]*$", "") .. "..."
  end
  return text
end

local one_line = M.one_line

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  return keys
end

-- Joins field errors such as {"name": ["has already been taken"], "base": ["..."]}.
local function of_fields(map)
  local parts = {}
  for _, key in ipairs(sorted_keys(map)) do
    local value = map[key]
    local list = type(value) == "table" and value or { value }
    local words = {}
    for _, one in ipairs(list) do
      if type(one) == "string" then words[#words + 1] = one end
    end
    local text = table.concat(words, ", ")
    if text ~= "" then
      parts[#parts + 1] = (key == "base" or key == "error") and text or key .. " " .. text
    end
  end
  return table.concat(parts, "; ")
end

--- Returns the message of an error body as one line, and its `error` code.
---@param status integer
---@param content_type string|nil
---@param body string|nil
---@param redactor table
---@return string message
---@return string|nil code
function M.message(status, content_type, body, redactor)
  local fallback = ("%d %s"):format(status, reasons[status] or "response without a reason")
  body = body or ""
  local decoded = body:match "^%s*{" and json.decode(body)
  if type(decoded) == "table" then
    local message = decoded.message
    if type(message) == "table" then message = of_fields(message) end
    local code = type(decoded.error) == "string" and decoded.error or nil
    if type(message) ~= "string" or message == "" then
      message = type(decoded.error_description) == "string" and decoded.error_description or code
      if message and type(decoded.scope) == "string" then
        message = ("%s (sufficient scopes: %s)"):format(message, decoded.scope)
      end
    end
    return message and message ~= "" and one_line(message, redactor) or fallback, code
  end
  local is_page = body:match "^%s*<" or (content_type or ""):lower():match "html"
  if is_page or body == "" or body:find "%z" then return fallback end
  local line = one_line(body, redactor)
  return line ~= "" and line or fallback
end

-- `body`: {lower = the message in lower case, code =, sentence =}.
local function fits(row, status, op, body)
  local expected, lower, code = row.status, body.lower, body.code
  if type(expected) == "table" then
    if status < expected[1] or status > expected[2] then return false end
  elseif expected ~= status then
    return false
  end
  if row.creates and op.window ~= "creation" then return false end
  if row.code and row.code ~= code then return false end
  if row.parameter and not code then return false end
  if row.match and not lower:find(row.match, 1, true) then return false end
  if row.sentence and row.sentence ~= body.sentence then return false end
  local bare = lower == "403 forbidden" or lower == "forbidden"
  return not (row.reasoned and bare or row.bare and not bare)
end

--- The kind of an error response: "Category.Kind".
---@param op table operation
---@param status integer
---@param message string
---@param code string|nil
---@param sentence string|nil from core.retry.sentence
---@return string
function M.kind(op, status, message, code, sentence)
  local body = { lower = message:lower(), code = code, sentence = sentence }
  for _, rows in ipairs { M.first, op.refusals or {}, M.last } do
    for _, row in ipairs(rows) do
      if fits(row, status, op, body) then
        return row.kind == "not_found" and (op.not_found or "RequestError.BadRequest") or row.kind
      end
    end
  end
  return "ServerError.InvalidResponse"
end

--- Is an error of this kind worth a later retry?
function M.is_passing(kind)
  return passing[kind] == true
end

-- Adds the fields common to all errors of a call, and redacts them.
local function describe(call, fields)
  fields.operation = call.op.name
  fields.subject = request.subject(call.op, call.args)
  fields.method = call.op.method
  fields.path = call.path
  fields.attempts = call.attempts
  return errors.redact(fields, call.redactor)
end

--- Makes the error of a response.
---@param call table {op, args, path, attempts}
---@param response table
---@param foreign boolean|nil true if the response is an artifact store's, not GitLab's
---@return table err
function M.of_response(call, response, foreign)
  local message, code = M.message(response.status, response:header "Content-Type",
    response.body, call.redactor)
  local sentence = core.retry.sentence(response.status, response.body)
  local kind = M.kind(call.op, response.status, message, code, sentence)
  if foreign then
    -- The store never received the token, so the 401 is not about it.
    if response.status == 401 then kind = "AccessError.PermissionDenied" end
    local detail = (response.body or ""):match "<Message>([^<]*%S[^<]*)</Message>"
    message = "response of the artifact store: " .. message
      .. (detail and ": " .. one_line(detail, call.redactor) or "")
  end
  return errors.new(kind, describe(call, { message = message, status = response.status,
    -- The only transient conflict.
    retryable = passing[kind] == true or sentence == "resource_lock",
    request_id = response:header "X-Request-Id",
    -- An older server that does not have this endpoint.
    missing_route = response.status == 404 and code == "404 Not Found" or nil }))
end

--- Makes the error of a response with an invalid body.
---@param call table
---@param response table
---@param why string
---@return table err
function M.of_unreadable(call, response, why)
  return errors.new("ServerError.InvalidResponse", describe(call, { message = why,
    status = response.status, retryable = call.op.effect == "read",
    request_id = response:header "X-Request-Id" }))
end

--- Makes the error of a transport failure.
---@param call table
---@param failure table
---@return table err
function M.of_failure(call, failure)
  local kind = M.failures[failure.code] or (failure.outcome == "cancelled" and M.failures.cancelled)
    or "NetworkError.ConnectionFailed"
  return errors.new(kind, describe(call, { message = failure.message or failure.code,
    status = tonumber(failure.status),
    retryable = passing[kind] == true and failure.outcome ~= "permanent" }))
end

--- Makes an error of the client itself: nothing was sent, or nothing more is known.
---@param call table
---@param kind string
---@param fields table
---@return table err
function M.own(call, kind, fields)
  if fields.retryable == nil then fields.retryable = passing[kind] == true end
  return errors.new(kind, describe(call, fields))
end

return M
