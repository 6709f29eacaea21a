--- The echo server (spec/c/echo_service.c) in this process, so that a spec owns its time.

local compile = require "support.compile"
local server = require "gitlab_pipelines.server"

local M = {}

local service

--- Opens it with the options of server.open.
---@param options table|nil
---@return userdata|nil server
---@return string|nil message
function M.open(options)
  service = service or compile.module("echo_service", true)
  return server.open(service, options)
end

--- The same; the second value is where to connect.
---@param options table|nil
---@return userdata server
---@return { host: string, port: number } address
function M.start(options)
  local held = assert(M.open(options))
  local host, port = held:url():match "^http://(.-):(%d+)$"
  return held, { host = host, port = tonumber(port) }
end

return M
