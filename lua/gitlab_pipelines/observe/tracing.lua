--- Spans: what a tracer is told of each call to GitLab, when it is over.
--
--   gitlab.new { tracer = function(span) ... end }
--   span.name         "gitlab.pipelines.get"
--   span.began, span.ended   seconds since 1970, on the runtime's clock; waiting for a place included
--   span.attempts     requests that were sent for it, redirects not counted
--   span.status       of the last answer; nil: none came
--   span.error        "AccessError.PipelineNotFound"; nil: it worked
--   span.attributes   by name: the request's method, and of what it is about; a project is a digest
--
-- What a call does besides (to find out a project's number, to look for what is in doubt) are calls and
-- spans of their own. No span holds a secret.

local redact = require "gitlab_pipelines.observe.redact"

local M = {}

local function shown(name, value, redactor)
  if name == "project" then return redact.project(value) end
  if type(value) == "string" then return redactor:text(value) end
  return type(value) == "number" and value or nil
end

--- The span of a call.
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
