--- `gitlab-pipelines completion bash|zsh|fish`: what a shell wants to read for completion.

local M = {}

function M.define(parser)
  local command = parser:command("completion", "Print the completion script for a shell.")
  command:argument("shell", "the shell"):choices { "bash", "zsh", "fish" }
end

function M.run(_, args)
  local parser = require("gitlab_pipelines.cli").parser()
  io.stdout:write(parser["get_" .. args.shell .. "_complete"](parser, "gitlab-pipelines"))
  return 0
end

return M
