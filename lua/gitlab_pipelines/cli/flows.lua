--- What `run` and `plan` share: the script, its inputs, and a client, real or simulated.

local M = {}

--- Adds the script, -i, --allow-host.
function M.script(command)
  command:argument("flow", "the flow script")
  command:option("-i --input", "an input of the flow"):argname "<NAME=VALUE>":count "*"
  M.environment(command)
  command:flag("--allow-host", "trust the script: os, io, require, load, the whole client, no budgets")
end

--- Adds --env.
function M.environment(command)
  command:option("--env", "let the script read this variable of the environment"):argname "<NAME>"
    :count "*"
end

--- { NAME = value } of --env; what is not set is left out.
function M.env(args)
  local values = {}
  for _, name in ipairs(args.env or {}) do values[name] = os.getenv(name) end
  return values
end

--- { NAME = value } of -i; what is a number or a boolean is for the script's declaration to say.
function M.inputs(ctx, args)
  local values = {}
  for _, text in ipairs(args.input) do
    local name, value = text:match "^([%w_]+)=(.*)$"
    if not name then ctx:stop("-i wants NAME=VALUE, not '" .. text .. "'") end
    values[name] = value
  end
  return values
end

-- The world to simulate with: the one named, else the one beside the script.
local function world_of(ctx, args)
  if args.simulate[1] then return args.simulate[1] end
  local beside = args.flow:gsub("%.lua$", "") .. "-world.lua"
  local file = io.open(beside)
  if not file then
    ctx:stop("--simulate needs a world: name one, or write " .. beside)
  end
  file:close()
  return beside
end

--- The client: of GitLab, or with --simulate of the simulated one in virtual time.
function M.client(ctx, args)
  if not args.simulate then return ctx:client() end
  local gitlab = require "gitlab_pipelines"
  local token = "simulated-token"
  local runtime = gitlab.runtime.virtual.new { seed = 1 }
  local transport, reason = gitlab.mock.new { world = world_of(ctx, args), token = token }
  if not transport then ctx:stop(tostring(reason)) end
  return ctx:client { transport = transport, runtime = runtime, token = token,
    url = "http://127.0.0.1", limits = false }
end

--- Does the terminal show UTF-8, as far as the environment tells?
function M.unicode()
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = os.getenv(name)
    if value and value ~= "" then return value:lower():find "utf%-?8" ~= nil end
  end
  return true
end

return M
