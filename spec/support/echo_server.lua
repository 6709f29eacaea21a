-- Serves the echo until a signal ends it. usage: LUA echo_server.lua [NAME=VALUE]...
package.path = "spec/?.lua;" .. package.path
local rt = require("gitlab_pipelines.runtime").native
local serve = require "gitlab_pipelines.runtime.serve"

local options = {}
for _, word in ipairs(arg) do
  local name, value = word:match "^([%w_]+)=(.*)$"
  options[name] = tonumber(value) or value
end
local grace = options.grace
options.grace = nil
local server = assert(require("support.echo").open(options))
print("stopped by " .. serve.run(rt, server, { grace = grace, ready = "echo on " .. server:url() .. "\n" }))
server:close()
