--- The one redactor of logs, errors, spans, cassettes and journals.
--
-- A redactor knows the secrets of a client and takes them out of texts, however they are written:
-- as they stand, percent-, form-, JSON-, base64- or hex-encoded. Tokens of GitLab's kinds, headers
-- and parameters that carry credentials and userinfo in URLs go without being known. The matching
-- is C (csrc/core/redact.h).

local core = require "gitlab_pipelines.core"

local M = {}

--- What is shown in place of a secret.
M.shown = "[secret]"

local Redactor = {}
Redactor.__index = Redactor
Redactor.__name = "gitlab_pipelines.observe.redact"

--- A redactor that knows GitLab's token prefixes, headers and parameters, and no secret yet.
---@return table redactor
function M.new()
  return setmetatable({ matcher = core.redact.new() }, Redactor)
end

--- A redactor that knows only what is added, nothing by its looks: for data that must otherwise stay
--- exactly as they are.
---@return table redactor
function M.known()
  return setmetatable({ matcher = core.redact.new(true) }, Redactor)
end

--- Makes a secret known. May be called at any time; streams that are open see it too.
---@param secret userdata|string a core.secret, or its text
---@return table redactor itself
function Redactor:add(secret)
  self.matcher:add(secret)
  return self
end

--- Takes whatever begins with this text for a token (a site's own `token_prefix`).
---@param prefix string
---@return table redactor itself
function Redactor:add_prefix(prefix)
  self.matcher:add_prefix(prefix)
  return self
end

--- The text without secrets. Redacting twice changes nothing.
---@param text string
---@return string
function Redactor:text(text)
  return self.matcher:text(text)
end

--- For a text that comes in pieces: `feed(bytes)` returns what can be shown so far, `finish()` the
--- rest; joined they are the redacted whole, wherever it was cut.
---@return userdata stream with `feed`, `finish`, `close`
function Redactor:stream()
  return self.matcher:stream()
end

--- The value of one header without secrets.
---@param name string
---@param value any a string, or a core.secret
---@return string
function Redactor:header(name, value)
  if core.redact.is_secret_header(name) or core.secret.is(value) then return M.shown end
  return self.matcher:text(tostring(value))
end

--- A list of headers without secrets.
---@param list table[] array of {name, value}
---@return table[] a new list; the given one is not touched
function Redactor:headers(list)
  local clean = {}
  for i, header in ipairs(list) do
    clean[i] = { header[1], self:header(header[1], header[2]) }
  end
  return clean
end

--- A URL without userinfo, tokens in its query, and known secrets.
---@param url string
---@return string
function Redactor:url(url)
  return self.matcher:text(url)
end

--- A short digest that stands for a project in logs, metrics and spans: the same for the same id
--- or path, in every process.
---@param project string|number
---@return string for example "p-4x7k2m9q"
function M.project(project)
  if type(project) == "number" then project = ("%d"):format(project) end
  return "p-" .. core.digest.base32(core.digest.sha256_raw(project):sub(1, 5))
end

--- A path or URL of the API with the project's id or path as its digest.
---@param path string
---@return string
function M.project_path(path)
  return (path:gsub("(/projects/)([^/?#%s\"']+)", function(before, project)
    if project:match "^p%-%w+$" then return nil end
    return before .. M.project(core.uri.decode(project) or project)
  end))
end

return M
