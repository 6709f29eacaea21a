--- The command: finds the subcommand's file, lets it define its arguments, runs it, and turns
--- every outcome into one line and an exit code.

local argparse = require "argparse"
local context = require "gitlab_pipelines.cli.context"
local exit = require "gitlab_pipelines.cli.exit"
local output = require "gitlab_pipelines.cli.output"

local M = {}

--- The subcommands, in the order of the help page. Each is cli/<file>.lua with
--- `define(parser)`, which adds its command, and `run(context, args) -> exit code`.
M.commands = {
  "run", "plan", "runs", "trigger", "wait", "list", "show", "jobs", "logs", "cancel", "retry", "play",
  "delete", "artifacts", "environments", "token", "mock", "completion", "version",
}

local page = [[
gitlab-pipelines triggers and watches GitLab CI pipelines, and coordinates them across projects.

  gitlab-pipelines run release.lua -i version=2.4.0     run a flow over several projects
  gitlab-pipelines plan release.lua -i version=2.4.0    show what that would do
  gitlab-pipelines trigger -p group/app -r main --wait  create one pipeline and wait for it
  gitlab-pipelines logs -p group/app 1234               print a job's log
  gitlab-pipelines mock serve                           serve a simulated GitLab to try it on

GITLAB_URL (or --url) says which GitLab, GITLAB_TOKEN (or --token-file) the access token.
All commands: gitlab-pipelines --help. One command: gitlab-pipelines COMMAND --help.
]]

-- Options that every command takes.
local function common(parser)
  parser:option("--url", "GitLab's URL (else GITLAB_URL, CI_SERVER_URL, https://gitlab.com)")
    :argname "<url>"
  parser:option("--token-file", "file that holds the token (else GITLAB_TOKEN, CI_JOB_TOKEN)")
    :argname "<file>"
  parser:option("--secrets-file", "file with trigger tokens, one NAME=value per line, mode 0600")
    :argname "<file>"
  parser:flag("--json", "print results as JSON, one value per line")
  parser:flag("-q --quiet", "print less: no progress and no confirmations")
  parser:flag("--verbose", "log each request to stderr")
  parser:flag("--no-color", "print no colors (also: NO_COLOR, TERM=dumb)")
end

--- Builds the parser: whole, as completion and the man page are made from it, or with one command
--- only, so that running it loads no other.
---@param only string|nil name of the command
---@return table parser
function M.parser(only)
  local parser = argparse("gitlab-pipelines", "Triggers and watches GitLab CI pipelines, and coordinates"
    .. " them across projects.")
  parser:command_target "command"
  parser:require_command(true)
  local names = M.commands
  for _, name in ipairs(M.commands) do
    if name == only then names = { only } end
  end
  for _, name in ipairs(names) do
    local command = require("gitlab_pipelines.cli." .. name).define(parser)
    if command then common(command) end
  end
  return parser
end

local function fail(message, code)
  io.stderr:write("gitlab-pipelines: ", output.harmless(message), "\n")
  return code
end

-- Runs the command's file; its errors become a line and a code.
local function run(args)
  local ctx = context.new(args)
  local command = require("gitlab_pipelines.cli." .. args.command)
  local ok, code = xpcall(command.run, function(reason)
    if context.is_stop(reason) then return reason end
    return debug.traceback(tostring(reason), 2)
  end, ctx, args)
  ctx:close()
  if ok then return code end
  if context.is_stop(code) then return fail(code.message, code.code) end
  if os.getenv "GP_TRACEBACK" then io.stderr:write(output.harmless(tostring(code)), "\n") end
  return fail(tostring(code):match "^[^\n]*", exit.usage)
end

--- Runs one command line.
---@param argv table the arguments, without the program's name
---@return integer code
function M.main(argv)
  if #argv == 0 then
    io.stdout:write(page)
    return exit.success
  end
  local parser = M.parser(argv[1])
  local ok, args = parser:pparse(argv)
  if not ok then
    return fail(args .. " (see gitlab-pipelines --help)", exit.usage)
  end
  return run(args)
end

return M
