--- The simulated GitLab, from Lua.
--
--   local transport = mock.new { world = "world.lua", runtime = rt }   -- in this process
--   local server = mock.serve { port = 0, world = "world.lua" }        -- for anybody
--   print(server.url); server.stop()
--
-- The simulation itself is C (csrc/mock); this file loads worlds and gives it a way in.

local options = require "gitlab_pipelines.options"
local simulation = require "gitlab_pipelines.simulation"

local M = {}

-- What reads worlds, loaded with the first one.
local function worlds() return require "gitlab_pipelines.mock.world" end

-- The folder above the one that this file stands in: lua/gitlab_pipelines/mock/init.lua -> lua's.
local function home()
  local source = debug.getinfo(1, "S").source
  local folder = source:match "^@(.*)gitlab_pipelines[/\\]mock[/\\]init%.lua$"
  return folder and (folder == "" and "./" or folder)
end

--- The folder with the files of the pages /docs and /redoc: $GITLAB_PIPELINES_DOCS_ASSETS, the
--- checkout's build/docs-assets, or share/gitlab-pipelines/docs-assets of an installation.
---@return string|nil folder nil: they were not fetched
function M.docs_assets()
  local named, base = os.getenv "GITLAB_PIPELINES_DOCS_ASSETS", home()
  local candidates = { named }
  if base and not named then
    candidates = { base .. "../build/docs-assets", base .. "../../gitlab-pipelines/docs-assets" }
  end
  for _, folder in ipairs(candidates) do
    local file = io.open(folder .. "/swagger-ui-bundle.js", "rb")
      or io.open(folder .. "/redoc.standalone.js", "rb")
    if file then
      file:close()
      return folder
    end
  end
  return nil
end

--- The simulation itself, as simulation.so has it, which is told where the files of its pages are.
---@param given table
---@return userdata|nil core
---@return string|nil message
---@return "database"|"world"|nil culprit
function M.open(given)
  local filled = { assets = M.docs_assets() }
  for name, value in pairs(given) do filled[name] = value end
  return simulation.open(filled)
end

--- Serves an open simulated GitLab; its links start with the server's address from then on.
---@param core userdata of `open`
---@param given table|nil `host`, `port`
---@return userdata|nil server of server.open
---@return string|nil message
function M.serve_start(core, given)
  local server, message = require("gitlab_pipelines.server").open(core:service(), given)
  if not server then return nil, message end
  local noted, problem = core:note_url(server:url())
  if not noted then
    server:close()
    return nil, problem
  end
  core:set_url(server:url())
  return server
end

--- The token that is taken when none is named.
M.default_token = "MOCK_SUPER_SECRET"

local known = {
  world = { type = "string|table" }, db = { type = "string" }, seed = { type = "integer" },
  token = { type = "string" }, allow_reset = { type = "boolean" },
  clock = { type = "string", one_of = { "real", "virtual" } }, url = { type = "string" },
  max_body = { type = "integer" }, runtime = { type = "table" },
}

local known_server = { host = { type = "string" }, port = { type = "integer" } }
for name, rule in pairs(known) do known_server[name] = rule end

local function open(where, given)
  local world_json
  if given.world then
    local message
    world_json, message = worlds().load(given.world)
    if not world_json then return nil, message end
  end
  local token = given.token or os.getenv "MOCK_TOKEN" or M.default_token
  local allow_reset = given.allow_reset
  if allow_reset == nil then allow_reset = os.getenv "MOCK_ALLOW_RESET" == "1" end
  local core, message, culprit = M.open {
    db = given.db, token = token, url = given.url, seed = given.seed, allow_reset = allow_reset,
    clock = given.clock, max_body = given.max_body, world_json = world_json,
  }
  if not core then
    if culprit == "world" and type(given.world) == "string" then
      message = worlds().locate(given.world, message)
    end
    return nil, where .. ": " .. message
  end
  return core, token
end

--- Opens a simulated GitLab in this process.
---@param given table|nil `world` (file name or table), `db` (file; default: memory), `seed`,
--- `token`, `allow_reset`, `clock` ("real": the runtime's, or "virtual": held), `url`, `runtime`,
--- `max_body`
---@return table|nil transport for gitlab.new{transport = ...}, with `:request` for tests
---@return string|nil message
function M.new(given)
  given = options.check("mock.new", known, given)
  local core, token = open("mock.new", given)
  if not core then return nil, token end
  local transport = require("gitlab_pipelines.mock.transport").new {
    core = core, runtime = given.runtime,
  }
  transport.token = token
  return transport
end

--- Serves a simulated GitLab on this process's loop: it answers while the runtime runs.
---@param given table|nil as `mock.new`, and `host` (127.0.0.1), `port` (a free one)
---@return table|nil server `url`, `stop()`, `token`
---@return string|nil message
function M.serve(given)
  given = options.check("mock.serve", known_server, given)
  local core, token = open("mock.serve", given)
  if not core then return nil, token end
  local server, message = M.serve_start(core, { host = given.host, port = given.port or 0 })
  if not server then
    core:close()
    return nil, "mock.serve: " .. message
  end
  local rt = given.runtime or require("gitlab_pipelines.runtime").default()
  local url = server:url()
  if given.url then core:set_url(given.url) end
  rt:attach(server)
  local outbox = require("gitlab_pipelines.mock.webhooks").start { core = core, runtime = rt }
  local handle = { url = url, token = token, server = server, core = core }
  function handle.stop()
    if not handle.server then return end
    outbox:close()
    rt:detach(server)
    server:close()
    core:close()
    handle.server, handle.core = nil, nil
  end
  return handle
end

return M
