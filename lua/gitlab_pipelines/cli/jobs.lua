--- `gitlab-pipelines jobs [PIPELINE]`: the jobs of a pipeline, else of the project.

local list = require "gitlab_pipelines.cli.list"
local output = require "gitlab_pipelines.cli.output"
local shared = require "gitlab_pipelines.cli.shared"

local M = {}

function M.define(parser)
  local command = parser:command("jobs", "List the jobs of a pipeline, or of a whole project.")
  shared.project(command)
  command:argument("pipeline", "the pipeline's id (default: all pipelines)"):args "?":convert(shared.id_of)
  command:option("--scope", "only jobs with this status"):count "*"
  command:flag("--retried", "include earlier attempts of retried jobs")
  command:option("-n --limit", "how many at most"):convert(shared.whole_number):default "100"
  return command
end

function M.run(ctx, args)
  local project, gl = ctx:project(), ctx:client()
  local filters = { limit = args.limit }
  if #args.scope > 0 then filters.scope = args.scope end
  local rows
  if args.pipeline then
    filters.include_retried = args.retried or nil
    rows = ctx:check(gl.jobs:list(project, args.pipeline, filters))
  else
    rows = ctx:check(gl.jobs:list_project(project, filters))
  end
  if ctx.args.json then
    for _, row in ipairs(rows) do ctx:json(row) end
    return 0
  end
  local cells = {}
  for i, row in ipairs(rows) do
    cells[i] = { tostring(row.id), row.status, output.plain(row.stage or ""), output.plain(row.name),
      output.duration(row.duration), output.plain(row.web_url or "") }
  end
  list.print(ctx, { "ID", "STATUS", "STAGE", "NAME", "DURATION", "LINK" }, cells)
  return 0
end

return M
