-- A simulated GitLab that serves until its stdin ends: for clients in other languages.
-- usage: LUA spec/support/mock_serve.lua [WORLD] [virtual]
local mock = require "gitlab_pipelines.mock"
local world = arg[1] and arg[1] ~= "-" and assert(require("gitlab_pipelines.mock.world").load(arg[1])) or nil
local core = assert(mock.open { world_json = world, allow_reset = true, clock = arg[2] })
local server = assert(mock.serve_start(core, { port = 0 }))
require("gitlab_pipelines.runtime.serve").run(require("gitlab_pipelines.runtime").native, server,
  { ready = server:url() .. "\n", grace = 1 })
