--- `gitlab-pipelines version`

local M = {}

function M.define(parser)
  return parser:command("version", "Print the version."):summary "Print the version."
end

function M.run(ctx)
  local version = require("gitlab_pipelines")._VERSION
  if ctx.args.json then ctx:json { version = version, lua = _VERSION } else print(version) end
  return 0
end

return M
