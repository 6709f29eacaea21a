-- A whole client over a transport double, in virtual time and without limits: what a spec of the
-- API sees is what a server would see.

local M = {}

M.URL = "https://gitlab.test"
M.TOKEN = "glpat-0123456789abcdef"
M.JOB_TOKEN = "glcbt-0123456789abcdef"

--- A gl object over a transport.
---@param transport table
---@param fields table|nil auth, runtime, check_scopes, secrets, and other options of gitlab.new
function M.new(transport, fields)
  local options = {
    url = M.URL, token = M.TOKEN, transport = transport, limits = false, breaker = false,
    runtime = require("gitlab_pipelines.runtime.virtual").new(),
  }
  for name, value in pairs(fields or {}) do options[name] = value end
  if options.auth == "job" then options.token = M.JOB_TOKEN end
  return assert(require("gitlab_pipelines").new(options))
end

return M
