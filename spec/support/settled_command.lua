-- The command, for which a request that nobody knows of is settled after 2 s instead of 210.
local gitlab = require "gitlab_pipelines"
local new = gitlab.new
function gitlab.new(options)
  options.retry = { settle = { finish = 1, visible = 1 } }
  return new(options)
end
os.exit(require("gitlab_pipelines.cli").main(arg), true)
