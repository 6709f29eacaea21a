--- `gitlab-pipelines plan FLOW`: what a run would do, without doing it.

local exit = require "gitlab_pipelines.cli.exit"
local flows = require "gitlab_pipelines.cli.flows"
local output = require "gitlab_pipelines.cli.output"

local M = {}

function M.define(parser)
  local command = parser:command("plan", "Print the steps of a flow and what each would do; creates nothing.")
  flows.script(command)
  command:option("--format", "output format (default: tree)"):choices { "tree", "dot", "mermaid", "json" }
  command:option("--journal", "show how long each step took in the last run of this journal")
    :argname "<file>"
  return command
end

-- Seconds that each step took before; none without a journal.
local function times_of(ctx, args)
  local path = args.journal or ctx:check(require("gitlab_pipelines.once.journal").default_path "runs.db")
  local file = io.open(path)
  if not file then return nil end
  file:close()
  local records = ctx:check(require("gitlab_pipelines.flow.journal").open(path, true))
  local times = records:times(args.flow)
  records:close()
  return times
end

function M.run(ctx, args)
  local flow = ctx:check(require("gitlab_pipelines").flow.load(args.flow))
  local plan = ctx:check(flow:plan { inputs = flows.inputs(ctx, args), env = flows.env(args),
    allow_host = args.allow_host or nil })
  local format = args.format or (args.json and "json") or "tree"
  local text = require("gitlab_pipelines.flow.plan").render(plan, format,
    { times = times_of(ctx, args), unicode = flows.unicode() })
  if format == "json" then
    io.stdout:write((output.json(text)))
  else
    ctx:write(text)
  end
  if text:sub(-1) ~= "\n" then ctx:write "\n" end
  return exit.success
end

return M
