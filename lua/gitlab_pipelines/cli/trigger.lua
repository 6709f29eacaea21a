--- `gitlab-pipelines trigger`: one pipeline, by the API or with a trigger token.

local exit = require "gitlab_pipelines.cli.exit"
local output = require "gitlab_pipelines.cli.output"
local shared = require "gitlab_pipelines.cli.shared"

local M = {}

function M.define(parser)
  local command = parser:command("trigger", "Create a pipeline; with --wait, wait until it is finished.")
  shared.project(command)
  command:option("-r --ref", "branch or tag (default: the project's default branch)"):argname "<ref>"
  shared.values(command)
  command:option("--trigger-token", "create it with the trigger token of this name in --secrets-file")
    :argname "<name>"
  command:option("--once", "create at most one pipeline for this key; a later call returns the same one")
    :argname "<key>"
  command:option("--adopt", "with --once: this pipeline is the key's; 'single': the only candidate is")
    :argname "<id>"
  command:flag("--send-again", "with --once: the key created nothing; send its request again")
  command:flag("--wait", "wait until the pipeline is finished; its status decides the exit code")
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

-- The options that steer --once; wrong usage where they make no sense.
local function steering(ctx, args, fields)
  fields.once, fields.send_again = args.once, args.send_again or nil
  if args.once == "" then ctx:stop "--once wants a key" end
  if not args.once and (args.adopt or args.send_again) then
    ctx:stop((args.adopt and "--adopt" or "--send-again") .. " needs --once KEY")
  end
  if args.adopt and args.send_again then ctx:stop "--adopt and --send-again exclude each other" end
  if args.adopt and args.adopt ~= "single" and not args.adopt:match "^[1-9]%d*$" then
    ctx:stop("--adopt wants a pipeline's id or 'single', not '" .. args.adopt .. "'")
  end
  fields.adopt = tonumber(args.adopt) or args.adopt
end

local function create(args, gl, project, fields)
  if not args.trigger_token then return gl.pipelines:create(project, fields) end
  fields.token = require("gitlab_pipelines").secret.named(args.trigger_token)
  return gl.triggers:run(project, fields)
end

-- With a key, Ctrl-C asks what became of it before it is cancelled; who does not wait for that is
-- told the key, which the next call goes on with.
local function create_once(ctx, args, gl, project, fields)
  local pipeline, err
  local function tell(text) ctx:note("gitlab-pipelines: %s", text) end
  local _, why = ctx:interruptible(function() pipeline, err = create(args, gl, project, fields) end,
    function(count)
      if count == 1 then
        tell(("finding out whether there is a pipeline for key '%s', to cancel it; Ctrl-C again to "
          .. "leave it"):format(args.once))
        return true
      end
      tell(("key '%s' is left as it is; the same command resumes it"):format(args.once))
      os.exit(exit.interrupted)
    end)
  if pipeline and why == "interrupted" then
    -- The signal came when there was nothing left to find out.
    gl.pipelines:cancel(project, pipeline.id)
    ctx:stop(("interrupted; pipeline %d is canceled"):format(pipeline.id), exit.interrupted)
  end
  if not pipeline and err:is "PipelineError.UnknownOutcome"
    and (err.said_made or #(err.candidates or {}) > 0) then
    ctx:stop(tostring(err) .. ": --adopt ID or --send-again", exit.of_error(err))
  end
  return ctx:check(pipeline, err)
end

-- Who wants it cancelled on Ctrl-C wants no pipeline left that was being made at that moment.
local function create_cancellable(ctx, args, gl, project, fields)
  local interrupted = false
  local pipeline, err = ctx:interruptible(function() return create(args, gl, project, fields) end,
    function(count)
      interrupted = true
      if count > 1 then os.exit(exit.interrupted) end
      ctx:note "gitlab-pipelines: canceling the pipeline as soon as it is created; Ctrl-C again to leave it"
      return false
    end)
  ctx:check(pipeline, err)
  if not interrupted then return pipeline end
  ctx:check(gl.pipelines:cancel(project, pipeline.id))
  ctx:stop(("interrupted; pipeline %d is canceled"):format(pipeline.id), exit.interrupted)
end

local function show(ctx, pipeline)
  local note = pipeline.cancelled_own and ("  (made before; ours, %d, is canceled)"):format(
    pipeline.cancelled_own) or pipeline.adopted and "  (made before)" or ""
  ctx:say("pipeline %d  %s  %s%s", pipeline.id, output.status(pipeline.status, ctx.color),
    output.plain(pipeline.web_url or ""), note)
end

function M.run(ctx, args)
  local project = ctx:project()
  local fields = {
    variables = shared.variables(ctx, args.variable),
    inputs = shared.inputs(ctx, args.input),
  }
  steering(ctx, args, fields)
  shared.seconds(ctx, "--timeout", args.timeout)
  local gl = ctx:client()
  fields.ref = ref_of(ctx, gl, project, args.ref)
  local pipeline
  if args.once then
    pipeline = create_once(ctx, args, gl, project, fields)
  elseif args.wait and args.cancel_on_interrupt then
    pipeline = create_cancellable(ctx, args, gl, project, fields)
  else
    pipeline = ctx:check(create(args, gl, project, fields))
  end
  if ctx.args.json and not args.wait then
    ctx:json(pipeline)
  elseif not ctx.args.json then
    show(ctx, pipeline)
  end
  if not args.wait then return exit.success end
  return shared.wait(ctx, args, gl, project, pipeline.id, not ctx.args.json and pipeline.status or nil)
end

return M
