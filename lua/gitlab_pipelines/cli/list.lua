--- `gitlab-pipelines list`: the pipelines of a project, newest first.

local flows = require "gitlab_pipelines.cli.flows"
local output = require "gitlab_pipelines.cli.output"
local shared = require "gitlab_pipelines.cli.shared"

local M = {}

function M.define(parser)
  local command = parser:command("list", "List the pipelines of a project, newest first.")
  shared.project(command)
  command:option("--ref", "only pipelines of this branch or tag")
  command:option("--status", "only pipelines with this status")
  command:option("--source", "only pipelines from this source, such as push or schedule")
  command:option("-n --limit", "how many at most"):convert(shared.whole_number):default "20"
  return command
end

function M.run(ctx, args)
  local project = ctx:project()
  local rows = ctx:check(ctx:client().pipelines:list(project, {
    ref = args.ref, status = args.status, source = args.source, limit = args.limit,
  }))
  if ctx.args.json then
    for _, row in ipairs(rows) do ctx:json(row) end
    return 0
  end
  local cells = {}
  for i, row in ipairs(rows) do
    cells[i] = { tostring(row.id), row.status, output.plain(row.ref), output.plain(row.sha or ""):sub(1, 8),
      row.source or "", row.created_at or "", output.plain(row.web_url or "") }
  end
  M.print(ctx, { "ID", "STATUS", "REF", "SHA", "SOURCE", "CREATED", "LINK" }, cells)
  return 0
end

--- Prints a table whose second column is a status, as wide as the terminal.
function M.print(ctx, header, cells)
  local width = ctx.terminal and require("gitlab_pipelines.core").term.size(1) or nil
  local lines = output.table(header, cells, {
    width = width, more = output.more(flows.unicode()),
    paint = function(column, text)
      return column == 2 and output.status(text, ctx.color) or text
    end,
  })
  for _, line in ipairs(lines) do ctx:print(line) end
end

return M
