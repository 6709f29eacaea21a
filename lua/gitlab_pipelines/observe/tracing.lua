--- Spans: passed to the tracer after each call to GitLab.
--
--   gitlab.new { tracer = function(span) ... end }
--   span.name         "gitlab.pipelines.get"
--   span.began, span.ended   seconds since 1970 on the runtime's clock, including waits for a slot
--   span.attempts     requests sent, not counting redirects
--   span.status       status of the last response; nil if there was none
--   span.error        "AccessError.PipelineNotFound"; nil on success
--   span.attributes   by name: the request's method and the call's subject; a project is a digest
--
-- Additional calls (to resolve a project's number, to resolve an ambiguous outcome) have their own
-- spans. No span contains a secret.

local redact = require "gitlab_pipelines.observe.redact"

local M = {}

local function shown(name, value, redactor)
  if name == "project" then return redact.project(value) end
  if type(value) == "string" then return redactor:text(value) end
  return type(value) == "number" and value or nil
end

--- Makes the span of a call.
---@param call table {op, args, attempts, response}
---@param began number
---@param ended number
---@param err table|nil
---@param redactor table
---@return table span
function M.span(call, began, ended, err, redactor)
  local op, args = call.op, call.args
  local body = type(args.body) == "table" and args.body or {}
  local attributes = { ["http.request.method"] = op.method }
  for name, attribute in pairs(op.span_attributes) do
    local value = args[name]
    if value == nil then value = body[name] end
    attributes[attribute] = value ~= nil and shown(name, value, redactor) or nil
  end
  local status = err and err.status or call.response and call.response.status
  return { name = op.span, began = began, ended = ended, attempts = call.attempts, status = status or nil,
    error = err and err.category .. "." .. err.kind or nil, attributes = attributes }
end

return M
