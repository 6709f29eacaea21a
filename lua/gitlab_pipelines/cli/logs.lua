--- `gitlab-pipelines logs JOB`: a job's log.

local shared = require "gitlab_pipelines.cli.shared"

local M = {}

function M.define(parser)
  local command = parser:command("logs", "Print a job's log.")
  shared.project(command)
  shared.id(command, "job", "the job's id")
  return command
end

function M.run(ctx, args)
  local text = ctx:check(ctx:client().jobs:log(ctx:project(), args.job))
  if ctx.args.json then
    ctx:json { job = args.job, log = text }
    return 0
  end
  io.stdout:write(text)
  if text ~= "" and text:sub(-1) ~= "\n" then io.stdout:write "\n" end
  return 0
end

return M
