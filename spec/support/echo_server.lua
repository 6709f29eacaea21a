-- Serves the echo until SIGTERM. usage: LUA echo_server.lua [NAME=VALUE]...
local mock = require "gitlab_pipelines.mock"

local options = {}
for _, word in ipairs(arg) do
  local name, value = word:match "^([%w_]+)=(.*)$"
  options[name] = tonumber(value) or value
end
local grace = options.grace
options.grace = nil
local server = assert(mock.echo_start(options))
print("stopped by " .. mock.serve_forever(server,
  { grace = grace, ready = "echo on " .. server:url() .. "\n" }))
server:close()
