--- `gitlab-pipelines run FLOW`: runs a flow, shows it, and ends with its exit code.

local exit = require "gitlab_pipelines.cli.exit"
local flows = require "gitlab_pipelines.cli.flows"
local output = require "gitlab_pipelines.cli.output"

local M = {}

function M.define(parser)
  local command = parser:command("run", "Run a flow: pipelines over several projects.")
  flows.script(command)
  command:option("--journal", "remember the run in this file (default: runs.db in the state folder)")
    :argname "<file>"
  command:option("--resume", "go on with an unfinished run of this script, the newest one or this one")
    :argname "<id>":args "?"
  command:flag("--accept-changes", "with --resume: the script may have changed")
  command:option("--drop", "with --resume: give up this step, which the script no longer has")
    :argname "<step>":count "*"
  command:option("--simulate", "run in virtual time against the simulated GitLab, with this world")
    :argname "<world>":args "?"
  command:option("--report", "write what happened to this file, as one HTML page"):argname "<file>"
  command:option("--output", "where a call may write files (default: ./gitlab-pipelines-output)")
    :argname "<dir>"
  command:flag("--yes", "answer the command's own questions; approvals it never answers")
  return command
end

-- What Ctrl-C means: on a terminal it asks once; again, or where nobody can be asked, it cancels
-- what the run started; once more, it leaves everything as it stands.
local function on_signal(ctx, args, run, state)
  return function()
    state.signals = state.signals + 1
    if ctx.interactive and not args.yes and state.signals == 1 then
      run:emit { type = "print", text = "interrupted: press Ctrl-C again to cancel what this run started" }
    elseif not state.cancelled then
      state.cancelled = true
      run:cancel "interrupted"
    else
      run:abandon()
      state.left:wake()
    end
  end
end

local function start(ctx, args, gl)
  local gitlab = require "gitlab_pipelines"
  local path = args.journal or ctx:check(require("gitlab_pipelines.journal").default_path "runs.db")
  local options = { client = gl, inputs = flows.inputs(ctx, args), env = flows.env(args),
    output = args.output, allow_host = args.allow_host or nil }
  if not args.simulate then options.journal = path end
  if args.resume then
    options.id, options.file = args.resume[1], args.flow
    options.accept_changes = args.accept_changes or nil
    options.drop = #args.drop > 0 and args.drop or nil
    return ctx:check(gitlab.flow.resume(options))
  end
  local flow = ctx:check(gitlab.flow.load(args.flow))
  return ctx:check(flow:start(options))
end

-- A report that can not be written is said before anything is made, not after it.
local function check_report(ctx, path)
  if not path then return end
  local file, message = io.open(path, "ab")
  if not file then ctx:stop("can not write --report " .. message) end
  file:close()
end

local function view(ctx, args, run)
  local term = require("gitlab_pipelines.core").term
  local live = ctx.terminal and not args.json and not args.quiet and not args.simulate
  return require("gitlab_pipelines.flow.view").attach(run, {
    mode = args.json and "json" or live and "live" or "lines",
    write = function(text)
      if args.quiet and not args.json then return end
      io.stdout:write(output.clean(text))
      io.stdout:flush()
    end,
    size = function() return term.size(1) end,
    color = ctx.color, unicode = flows.unicode(),
  })
end

-- Waits for the end: of the run, of what people can not go on with, or of our patience.
local function finish(ctx, args, run)
  local rt = run.rt
  local state = { signals = 0, left = rt:waiter() }
  rt:trap(on_signal(ctx, args, run, state))
  local waiting = rt:spawn(function()
    run:wait { until_blocked = not ctx.interactive }
    state.left:wake()
  end)
  state.left:wait()
  waiting:cancel()
  rt:untrap()
  if not run.ended then run:abandon() end
  return state.signals > 0 and run.status ~= "success" and exit.interrupted or run:exit_code()
end

function M.run(ctx, args)
  check_report(ctx, args.report)
  local gl = flows.client(ctx, args)
  return gl.runtime:run(function()
    local run = start(ctx, args, gl)
    local shown = view(ctx, args, run)
    local code = finish(ctx, args, run)
    shown.finish(shown)
    if args.report then
      local ok, message = require("gitlab_pipelines.flow.report").write(run, args.report)
      if not ok then ctx:stop(("can not write --report %s: %s"):format(args.report, message)) end
    end
    if not run.ended and not args.quiet then
      local journal = args.journal and " --journal " .. args.journal or ""
      -- Who gave up a cancel has seen enough of it: what is left to do, another process does.
      local words = run.cancelling and "runs cancel " .. run.id .. journal
        or ("run %s --resume %s%s"):format(args.flow, run.id, journal)
      io.stderr:write(("gitlab-pipelines: run %s is not over; %s with: gitlab-pipelines %s\n"):format(run.id,
        run.cancelling and "finish it" or "go on", words))
    end
    return code
  end)
end

return M
