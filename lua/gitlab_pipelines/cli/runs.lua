--- `gitlab-pipelines runs list|show|cancel|approve`: runs of flows, as their journal knows them.

local exit = require "gitlab_pipelines.cli.exit"
local flows = require "gitlab_pipelines.cli.flows"
local list = require "gitlab_pipelines.cli.list"
local output = require "gitlab_pipelines.cli.output"

local M = {}

function M.define(parser)
  local command = parser:command("runs", "List and show runs of flows, approve their steps, or cancel them.")
  command:argument("action", "what to do")
    :choices { "list", "show", "cancel", "approve" }
  command:argument("id", "the run's id, or the beginning of it"):args "?"
  command:argument("step", "with approve: the waiting step (default: the first)"):args "?"
  command:option("--journal", "read this journal (default: runs.db in the state folder)"):argname "<file>"
  command:option("-i --input", "with cancel: give a secret input of the run again"):argname "<NAME=VALUE>":count "*"
  require("gitlab_pipelines.cli.flows").environment(command)
  command:flag("--reject", "with approve: reject the step")
  command:flag("--accept-changes", "with cancel: accept a script that has changed")
  return command
end

local function time_of(seconds)
  return os.date("%Y-%m-%d %H:%M", math.floor(seconds))
end

local function show_list(ctx, records)
  local rows = ctx:check(records:runs())
  if ctx.args.json then
    for _, row in ipairs(rows) do ctx:json(row) end
    return exit.success
  end
  local cells = {}
  for i, row in ipairs(rows) do
    cells[i] = { row.id:sub(1, 12), row.status, output.plain(row.name or ""), time_of(row.created_at),
      row.ended_at and output.duration(row.ended_at - row.created_at) or "",
      output.plain(row.reason or "") }
  end
  list.print(ctx, { "ID", "STATUS", "NAME", "BEGAN", "TOOK", "WHY" }, cells)
  return exit.success
end

-- Where a step stands: how it ended, else how far it came.
local function standing(step)
  return step.phase == "done" and step.status or step.phase
end

local function show_run(ctx, row)
  if ctx.args.json then
    row.script, row.secrets, row.salt = nil, nil, nil
    ctx:json(row)
    return exit.success
  end
  ctx:say("run %s  %s  %s%s", row.id, output.plain(row.name or ""), row.status,
    row.reason and "  " .. output.plain(row.reason) or "")
  local cells = {}
  for i, step in ipairs(row.steps) do
    cells[i] = { output.plain(step.path), standing(step), step.started_at and step.ended_at
      and output.duration(step.ended_at - step.started_at) or "",
      output.plain(step.web_url or step.reason or "") }
  end
  list.print(ctx, { "STEP", "STATUS", "TOOK", "WHERE" }, cells)
  return exit.success
end

local function approve(ctx, records, row)
  local args = ctx.args
  local step = args.step
  for _, known in ipairs(row.steps) do
    if known.kind == "approval" and known.phase ~= "done" and (not step or known.path == step) then
      local by = os.getenv "USER" or os.getenv "GITLAB_USER_LOGIN"
      ctx:check(records:answer(row.id, known.path, args.reject and "rejected" or "approved", by,
        os.time()))
      ctx:say("%s %s", args.reject and "refused" or "approved", known.path)
      return exit.success
    end
  end
  ctx:stop(step and ("no approval '%s' waits in run %s"):format(step, row.id)
    or "no approval waits in run " .. row.id, exit.failed)
end

-- A run that a process holds is told; one that nobody holds is taken up and canceled here.
local function cancel(ctx, records, row)
  if row.ended_at then
    ctx:say("run %s has ended: %s", row.id, row.status)
    return exit.success
  end
  local name = "run:" .. row.id
  if not records.store:hold(name) then
    ctx:check(records:answer(row.id, "", "cancel", os.getenv "USER", os.time()))
    ctx:say("told process %d to cancel run %s", row.pid or 0, row.id)
    return exit.success
  end
  records.store:release(name)
  local gl = ctx:client()
  return gl.runtime:run(function()
    local run = ctx:check(require("gitlab_pipelines").flow.resume { client = gl, id = row.id,
      journal = records.store, accept_changes = ctx.args.accept_changes or nil,
      inputs = flows.inputs(ctx, ctx.args), env = flows.env(ctx.args) })
    run:cancel "canceled from the command line"
    run:wait()
    if not run.ended then
      flows.tell_left(ctx.args, run)
      return run:exit_code()
    end
    ctx:say("run %s %s", row.id, run.status)
    return run.status == "canceled" and exit.success or run:exit_code()
  end)
end

function M.run(ctx, args)
  local path = args.journal or ctx:check(require("gitlab_pipelines.once.journal").default_path "runs.db")
  local records = ctx:check(require("gitlab_pipelines.flow.journal").open(path, true))
  if args.action == "list" then return show_list(ctx, records) end
  if not args.id then ctx:stop("which run? name it by the beginning of its id") end
  local row = ctx:check(records:run(args.id))
  if args.action == "show" then return show_run(ctx, row) end
  if args.action == "approve" then return approve(ctx, records, row) end
  return cancel(ctx, records, row)
end

return M
