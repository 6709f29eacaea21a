--- `gitlab-pipelines mock serve`: the simulated GitLab as a server. Prints one line with its URL when
--- it is ready, and serves until a signal ends it.

local exit = require "gitlab_pipelines.cli.exit"

local M = {}

local function whole_number(text)
  local number = tonumber(text)
  if not number or number % 1 ~= 0 or number < 0 then
    return nil, "'" .. text .. "' is not a whole number"
  end
  return math.floor(number)
end

function M.define(parser)
  local group = parser:command("mock", "Run a simulated GitLab to develop and test against.")
    :command_target "action"
  group:require_command(true)
  local command = group:command("serve", "Serve the simulated GitLab over HTTP until SIGTERM or Ctrl-C.")
    :epilog("Environment: MOCK_TOKEN is the token that clients must send (default: MOCK_SUPER_SECRET). "
      .. "MOCK_ALLOW_RESET=1 allows POST /_mock/reset, which discards everything.")
  command:option("--port", "port to listen on; 0: any free port"):argname "<n>":default "8080"
    :convert(whole_number)
  command:option("--host", "address to listen on"):argname "<address>":default "127.0.0.1"
  command:option("--db", "SQLite file for the state; :memory: keeps nothing"):argname "<file>"
    :default "mock.db"
  command:option("--world", "file that says how projects behave: Lua data, or JSON"):argname "<file>"
  command:option("--seed", "seed for everything random"):argname "<n>":convert(whole_number)
  command:option("--clock", "virtual: time moves only by POST /_mock/clock")
    :choices { "real", "virtual" }:default "real"
  return group
end

-- The options of mock.open: what was typed and what the environment says.
local function options_of(ctx, args)
  local options = {
    db = args.db ~= ":memory:" and args.db or nil, seed = args.seed, clock = args.clock,
    token = os.getenv "MOCK_TOKEN",
    allow_reset = os.getenv "MOCK_ALLOW_RESET" == "1",
  }
  if options.token == "" then options.token = nil end
  if args.world then
    local world, reason = require("gitlab_pipelines.mock.world").load(args.world)
    if not world then ctx:stop(reason) end
    options.world_json = world
  end
  return options
end

function M.run(ctx, args)
  if args.port > 65535 then ctx:stop "--port is at most 65535" end
  local mock = require "gitlab_pipelines.mock"
  local simulated, reason, culprit = mock.open(options_of(ctx, args))
  if culprit == "database" then ctx:stop(reason, exit.refused) end
  if not simulated then
    ctx:stop(require("gitlab_pipelines.mock.world").locate(args.world, reason))
  end
  local server, problem = mock.serve_start(simulated, { host = args.host, port = args.port })
  if not server then
    simulated:close()
    ctx:stop(problem, exit.refused)
  end
  local rt = require("gitlab_pipelines.runtime").native
  local outbox = require("gitlab_pipelines.mock.webhooks").start { core = simulated, runtime = rt }
  require("gitlab_pipelines.runtime.serve").run(rt, server,
    { ready = "simulated GitLab on " .. server:url() .. "\n" })
  outbox:close()
  server:close()
  simulated:close()
  return exit.success
end

return M
