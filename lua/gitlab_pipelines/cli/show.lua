--- `gitlab-pipelines show ID`: a pipeline with its stages and jobs.

local output = require "gitlab_pipelines.cli.output"
local shared = require "gitlab_pipelines.cli.shared"

local M = {}

function M.define(parser)
  local command = parser:command("show", "Show a pipeline with its stages and jobs.")
  shared.project(command)
  shared.id(command, "pipeline", "the pipeline's id")
  return command
end

local function paint(ctx, status) return output.status(status, ctx.color) end

local function print_stages(ctx, stages)
  for _, stage in ipairs(stages) do
    ctx:say("  %s  %s", output.plain(stage.name), paint(ctx, stage.status))
    for _, job in ipairs(stage.jobs) do
      local reason = job.failure_reason and "  " .. output.plain(job.failure_reason) or ""
      ctx:say("    %d  %s  %s  %s%s", job.id, output.plain(job.name), paint(ctx, job.status),
        output.duration(job.duration), reason)
    end
  end
end

function M.run(ctx, args)
  local project, gl = ctx:project(), ctx:client()
  local pipeline = ctx:check(gl.pipelines:get(project, args.pipeline))
  local stages = ctx:check(gl.pipelines:stages(project, args.pipeline))
  if ctx.args.json then
    pipeline.stages = stages
    ctx:json(pipeline)
    return 0
  end
  ctx:say("pipeline %d  %s  %s  %s", pipeline.id, paint(ctx, pipeline.status),
    output.plain(pipeline.ref), output.duration(pipeline.duration))
  ctx:say("  %s", output.plain(pipeline.web_url or ""))
  print_stages(ctx, stages)
  return 0
end

return M
