--- `gitlab-pipelines wait ID`: until a pipeline is finished; the exit code follows it.

local shared = require "gitlab_pipelines.cli.shared"

local M = {}

function M.define(parser)
  local command = parser:command("wait", "Wait until a pipeline is finished; its status decides the exit code.")
  shared.project(command)
  shared.id(command, "pipeline", "the pipeline's id")
  shared.wait_options(command)
  command:flag("--cancel-on-interrupt", "cancel the pipeline on Ctrl-C")
  return command
end

function M.run(ctx, args)
  shared.seconds(ctx, "--timeout", args.timeout)
  local project, gl = ctx:project(), ctx:client()
  shared.greet(ctx, gl.pipelines, project, args.pipeline)
  return shared.wait(ctx, args, gl, project, args.pipeline)
end

return M
