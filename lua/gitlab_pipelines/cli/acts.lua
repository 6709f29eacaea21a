--- Subcommands that do one thing to a pipeline or a job and print what became of it.

local output = require "gitlab_pipelines.cli.output"
local shared = require "gitlab_pipelines.cli.shared"

local M = {}

--- A command module for one act.
---@param name string the subcommand
---@param help string
---@param spec {target: "pipeline"|"job"|nil, options: nil|fun(command), act: fun(gl, project, args, ctx)}
--- `target` nil: the pipeline's id, or with --job the job's
---@return table module
function M.command(name, help, spec)
  local command_module = {}

  function command_module.define(parser)
    local command = parser:command(name, help)
    shared.project(command)
    shared.id(command, "id", spec.target and "the " .. spec.target .. "'s id"
      or "the pipeline's id; with --job, the job's")
    if not spec.target then command:flag("--job", "ID is a job's id") end
    if spec.options then spec.options(command) end
    return command
  end

  function command_module.run(ctx, args)
    local project, gl = ctx:project(), ctx:client()
    local row = ctx:check(spec.act(gl, project, args, ctx))
    if ctx.args.json then
      ctx:json(row)
    elseif type(row) == "table" then
      local kind = (args.job or spec.target == "job") and "job" or "pipeline"
      ctx:say("%s %d  %s  %s", kind, row.id, output.status(row.status, ctx.color),
        output.plain(row.web_url or ""))
    else
      ctx:say("%s: done", name)
    end
    return 0
  end

  return command_module
end

return M
