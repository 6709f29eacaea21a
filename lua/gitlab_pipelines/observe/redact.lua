--- The redactor used for logs, errors, spans, cassettes and journals.
--
-- A redactor knows the secrets of a client and removes them from texts in any encoding: plain,
-- percent, form, JSON, base64 or hex. Tokens with GitLab's prefixes, headers and parameters that
-- carry credentials, and userinfo in URLs are removed even if they are not known. The matching is
-- done in C (csrc/core/redact.h).

local core = require "gitlab_pipelines.core"

local M = {}

--- The text shown in place of a secret.
M.shown = "[secret]"

local Redactor = {}
Redactor.__index = Redactor
Redactor.__name = "gitlab_pipelines.observe.redact"

--- Makes a redactor that knows GitLab's token prefixes, headers and parameters, but no secret yet.
---@return table redactor
function M.new()
  return setmetatable({ matcher = core.redact.new() }, Redactor)
end

--- Makes a redactor that removes only added secrets and detects none by pattern: for data that must
--- otherwise stay unchanged.
---@return table redactor
function M.known()
  return setmetatable({ matcher = core.redact.new(true) }, Redactor)
end

--- Adds a secret. May be called at any time; open streams use it too.
---@param secret userdata|string a core.secret, or its text
---@return table redactor itself
function Redactor:add(secret)
  self.matcher:add(secret)
  return self
end

--- Treats any word with this prefix as a token (a site's own `token_prefix`).
---@param prefix string
---@return table redactor itself
function Redactor:add_prefix(prefix)
  self.matcher:add_prefix(prefix)
  return self
end

--- Returns the text without secrets. Redacting twice changes nothing.
---@param text string
---@return string
function Redactor:text(text)
  return self.matcher:text(text)
end

--- Makes a stream for text in chunks: `feed(bytes)` returns the text that is safe to show so far,
--- `finish()` the rest. Their concatenation is the redacted text, independent of the chunks.
---@return userdata stream has `feed`, `finish`, `close`
function Redactor:stream()
  return self.matcher:stream()
end

--- Returns the value of one header without secrets.
---@param name string
---@param value any a string, or a core.secret
---@return string
function Redactor:header(name, value)
  if core.redact.is_secret_header(name) or core.secret.is(value) then return M.shown end
  return self.matcher:text(tostring(value))
end

--- Returns a list of headers without secrets.
---@param list table[] array of {name, value}
---@return table[] a new list; the given one is not modified
function Redactor:headers(list)
  local clean = {}
  for i, header in ipairs(list) do
    clean[i] = { header[1], self:header(header[1], header[2]) }
  end
  return clean
end

--- Returns a URL without userinfo, tokens in its query, and known secrets.
---@param url string
---@return string
function Redactor:url(url)
  return self.matcher:text(url)
end

--- Returns a short digest that identifies a project in logs, metrics and spans. It is the same for the
--- same id or path in every process.
---@param project string|number
---@return string for example "p-4x7k2m9q"
function M.project(project)
  if type(project) == "number" then project = ("%d"):format(project) end
  return "p-" .. core.digest.base32(core.digest.sha256_raw(project):sub(1, 5))
end

--- Replaces the project's id or path in an API path or URL with its digest.
---@param path string
---@return string
function M.project_path(path)
  return (path:gsub("(/projects/)([^/?#%s\"']+)", function(before, project)
    if project:match "^p%-%w+$" then return nil end
    return before .. M.project(core.uri.decode(project) or project)
  end))
end

return M
