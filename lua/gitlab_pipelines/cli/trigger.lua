--- `gitlab-pipelines trigger`: one pipeline, by the API or with a trigger token.

local exit = require "gitlab_pipelines.cli.exit"
local output = require "gitlab_pipelines.cli.output"
local shared = require "gitlab_pipelines.cli.shared"

local M = {}

function M.define(parser)
  local command = parser:command("trigger", "Create a pipeline, and wait for it with --wait.")
  shared.project(command)
  command:option("-r --ref", "branch or tag (default: the project's default branch)"):argname "<ref>"
  shared.values(command)
  command:option("--trigger-token", "use the trigger endpoint with this named secret")
    :argname "<name>"
  command:option("--once", "create at most one pipeline for this key"):argname "<key>"
  command:flag("--wait", "wait until it is finished; the exit code follows it")
  shared.wait_options(command)
  command:flag("--cancel-on-interrupt", "cancel the pipeline on Ctrl-C")
  return command
end

-- The ref that was asked for, else the project's default branch.
local function ref_of(ctx, gl, project, ref)
  if ref then return ref end
  local row = ctx:check(gl.projects:get(project))
  if not row.default_branch then ctx:stop("project " .. project .. " has no default branch: name a ref with -r") end
  return row.default_branch
end

function M.run(ctx, args)
  local project = ctx:project()
  local gl = ctx:client()
  local fields = {
    variables = shared.variables(ctx, args.variable),
    inputs = shared.inputs(ctx, args.input),
    once = args.once,
  }
  shared.seconds(ctx, "--timeout", args.timeout)
  fields.ref = ref_of(ctx, gl, project, args.ref)
  local pipeline
  if args.trigger_token then
    local gitlab = require "gitlab_pipelines"
    fields.token = gitlab.secret.named(args.trigger_token)
    pipeline = ctx:check(gl.triggers:run(project, fields))
  else
    pipeline = ctx:check(gl.pipelines:create(project, fields))
  end
  if ctx.args.json and not args.wait then
    ctx:json(pipeline)
  elseif not ctx.args.json then
    ctx:say("pipeline %d  %s  %s", pipeline.id, output.status(pipeline.status, ctx.color),
      output.plain(pipeline.web_url or ""))
  end
  if not args.wait then return exit.success end
  return shared.wait(ctx, args, gl, project, pipeline.id, not ctx.args.json and pipeline.status or nil)
end

return M
