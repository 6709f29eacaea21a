--- `gitlab-pipelines token`: what the token is and what it may do.

local output = require "gitlab_pipelines.cli.output"

local M = {}

function M.define(parser)
  return parser:command("token", "Show the kind of the access token, its scopes and when it expires.")
end

function M.run(ctx)
  local info = ctx:check(ctx:client().token:info())
  if ctx.args.json then
    ctx:json(info)
    return 0
  end
  ctx:print("kind     %s", info.kind)
  ctx:print("user     %s", output.plain(info.user and (info.user.username or info.user.id) or "unknown"))
  if info.kind == "job" then
    ctx:print("expires  with job %d", info.job.id)
  else
    ctx:print("scopes   %s", table.concat(info.scopes or {}, " "))
    ctx:print("expires  %s", info.expires_at or "never")
  end
  return 0
end

return M
