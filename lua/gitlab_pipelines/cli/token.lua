--- `gitlab-pipelines token`: what the token is and what it may do.

local M = {}

function M.define(parser)
  return parser:command("token", "Say what kind of token is used, its scopes and when it ends.")
end

function M.run(ctx)
  local info = ctx:check(ctx:client().token:info())
  if ctx.args.json then
    ctx:json(info)
    return 0
  end
  ctx:print("kind     %s", info.kind)
  ctx:print("scopes   %s", table.concat(info.scopes or {}, " "))
  ctx:print("expires  %s", info.expires_at or "never")
  return 0
end

return M
