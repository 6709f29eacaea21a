--- `gitlab-pipelines environments [STOP]`: the environments of a project.

local list = require "gitlab_pipelines.cli.list"
local output = require "gitlab_pipelines.cli.output"
local shared = require "gitlab_pipelines.cli.shared"

local M = {}

function M.define(parser)
  local command = parser:command("environments", "List the environments of a project, or stop one.")
  shared.project(command)
  command:option("--stop", "stop the environment with this id"):argname "<id>":convert(shared.id_of)
  command:flag("--force", "with --stop: do not run its on_stop job")
  command:option("--states", "only environments in this state")
    :choices { "available", "stopping", "stopped" }
  command:option("--search", "only environments whose name contains this text (at least 3 characters)")
  return command
end

function M.run(ctx, args)
  if args.force and not args.stop then ctx:stop "--force goes with --stop ID" end
  local project, gl = ctx:project(), ctx:client()
  local rows
  if args.stop then
    rows = { ctx:check(gl.environments:stop(project, args.stop, { force = args.force or nil })) }
  else
    rows = ctx:check(gl.environments:list(project, { states = args.states, search = args.search }))
  end
  if ctx.args.json then
    for _, row in ipairs(rows) do ctx:json(row) end
    return 0
  end
  local cells = {}
  for i, row in ipairs(rows) do
    cells[i] = { tostring(row.id), row.state or "", output.plain(row.name), row.tier or "",
      output.plain(row.external_url or "") }
  end
  list.print(ctx, { "ID", "STATE", "NAME", "TIER", "URL" }, cells)
  return 0
end

return M
