--- `gitlab-pipelines run FLOW`: runs a flow, shows it, and ends with its exit code.

local exit = require "gitlab_pipelines.cli.exit"
local flows = require "gitlab_pipelines.cli.flows"
local output = require "gitlab_pipelines.cli.output"

local M = {}

function M.define(parser)
  local command = parser:command("run", "Run a flow: pipelines in several projects, in order.")
  flows.script(command)
  command:option("--journal", "keep the run's journal in this file (default: runs.db in the state folder)")
    :argname "<file>"
  command:option("--resume", "resume an unfinished run of this script: this one, or the newest")
    :argname "<id>":args "?"
  command:flag("--accept-changes", "with --resume: accept a script that has changed")
  command:option("--drop", "with --resume: drop this unfinished step, which the script no longer has")
    :argname "<step>":count "*"
  command:option("--adopt", "with --resume: this step in doubt created pipeline ID")
    :argname "<STEP=ID>":count "*"
  command:option("--send-again", "with --resume: this step in doubt created nothing; send its request again")
    :argname "<step>":count "*"
  command:option("--simulate", "rehearse in virtual time against the simulated GitLab, with this world")
    :argname "<world>":args "?"
  command:option("--report", "write a report of the run to this file, as one HTML page"):argname "<file>"
  command:option("--output", "folder in which `call` steps may write (default: ./gitlab-pipelines-output)")
    :argname "<dir>"
  command:flag("--yes", "cancel on the first Ctrl-C without asking; approvals still wait")
  return command
end

-- Seconds that tasks have to end in after a run was left; then the process ends without them.
local LEAVE_WITHIN = 1

-- What a signal means. SIGTERM and SIGHUP leave the run as it stands. Ctrl-C on a terminal asks once;
-- again, or where nobody can be asked, it cancels what the run started; once more, it leaves it.
local function on_signal(ctx, args, run, state)
  local function leave(code)
    state.code = code
    run:abandon()
    state.left:wake()
  end
  return function(name)
    if name ~= "INT" then return leave(exit.terminated) end
    state.signals = state.signals + 1
    if ctx.interactive and not args.yes and state.signals == 1 then
      run:emit { type = "print", text = "interrupted: press Ctrl-C again to cancel what this run started" }
    elseif not state.code then
      state.code = exit.interrupted
      run:cancel "interrupted"
    else
      leave(exit.interrupted)
    end
  end
end

-- { STEP = id } of --adopt; a step may itself hold an equals sign.
local function adoptions(ctx, list)
  local steps = {}
  for _, text in ipairs(list) do
    local step, id = text:match "^(.+)=([1-9]%d*)$"
    if not step then ctx:stop("--adopt wants STEP=ID, not '" .. text .. "'") end
    if steps[step] and steps[step] ~= tonumber(id) then
      ctx:stop(("--adopt names two pipelines for %s"):format(step))
    end
    steps[step] = tonumber(id)
  end
  return steps
end

local resuming = { { "accept_changes", "--accept-changes" }, { "drop", "--drop" }, { "adopt", "--adopt" },
  { "send_again", "--send-again" } }

local function check_usage(ctx, args)
  if args.resume then
    if args.simulate then ctx:stop "--resume and --simulate exclude each other" end
    return
  end
  for _, option in ipairs(resuming) do
    local value = args[option[1]]
    if value and (type(value) ~= "table" or #value > 0) then ctx:stop(option[2] .. " needs --resume") end
  end
end

local function start(ctx, args, gl)
  local gitlab = require "gitlab_pipelines"
  local options = { client = gl, inputs = flows.inputs(ctx, args), env = flows.env(args),
    output = args.output, allow_host = args.allow_host or nil }
  if not args.simulate then
    options.journal = args.journal or ctx:check(require("gitlab_pipelines.once.journal").default_path "runs.db")
  end
  if args.resume then
    options.id, options.file = args.resume[1], args.flow
    options.accept_changes = args.accept_changes or nil
    options.drop, options.send_again = args.drop, args.send_again
    options.adopt = adoptions(ctx, args.adopt)
    return ctx:check(gitlab.flow.resume(options))
  end
  local flow = ctx:check(gitlab.flow.load(args.flow))
  return ctx:check(flow:start(options))
end

-- A report that cannot be written is said before anything is made, not after it.
local function check_report(ctx, path)
  if not path then return end
  local file, message = io.open(path, "ab")
  if not file then ctx:stop("cannot write --report " .. message) end
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

-- Waits for the end: of the run, of what people cannot go on with, or of our patience. Returns the
-- exit code, and the timer that ends the process where a task of the run does not end, if there is one.
local function finish(ctx, args, run)
  local rt = run.rt
  local state = { signals = 0, left = rt:waiter() }
  rt:trap(on_signal(ctx, args, run, state), { "INT", "TERM", "HUP" })
  local waiting = rt:spawn(function()
    run:wait { until_blocked = not ctx.interactive }
    state.left:wake()
  end)
  state.left:wait()
  waiting:cancel()
  rt:untrap()
  local code = state.code and run.status ~= "success" and state.code or run:exit_code()
  if run.ended then return code end
  run:abandon()
  -- A task that does not end by itself (a function of the script) keeps nobody waiting.
  return code, rt:after(LEAVE_WITHIN, function()
    io.stdout:flush()
    os.exit(code)
  end)
end

-- Writes the last lines and the report. What goes wrong in that is said, and changes the code of a run
-- that succeeded only.
local function conclude(args, run, shown, code)
  local problems = { run.listener_error and "the view: " .. run.listener_error:match "^[^\n]*" or nil }
  local ok, message = pcall(shown.finish, shown)
  if not ok then problems[#problems + 1] = "the view: " .. tostring(message) end
  if args.report then
    local written
    ok, written, message = pcall(require("gitlab_pipelines.flow.report").write, run, args.report)
    if not ok or not written then
      problems[#problems + 1] = ("cannot write --report %s: %s"):format(args.report,
        tostring(message or written))
    end
  end
  for _, problem in ipairs(problems) do io.stderr:write("gitlab-pipelines: ", problem, "\n") end
  return code == exit.success and #problems > 0 and exit.refused or code
end

function M.run(ctx, args)
  check_usage(ctx, args)
  check_report(ctx, args.report)
  local gl = flows.client(ctx, args)
  local code, leaving
  gl.runtime:run(function()
    local run = start(ctx, args, gl)
    local shown = view(ctx, args, run)
    code, leaving = finish(ctx, args, run)
    code = conclude(args, run, shown, code)
    flows.tell_left(args, run)
  end)
  if leaving then leaving:cancel() end
  return code
end

return M
