--- The object that `gitlab.new` gives: groups of methods over one client.

local project_id = require "gitlab_pipelines.project_id"
local resource = require "gitlab_pipelines.api.resource"
local secrets = require "gitlab_pipelines.api.secrets"
local watching = require "gitlab_pipelines.api.watching"

local M = {}

-- Each group is a module of the same name, loaded when first used.
local groups = {
  projects = true, pipelines = true, jobs = true, artifacts = true, triggers = true,
  variables = true, environments = true, deployments = true, token = true,
}

local Gitlab = {}

local metatable = {
  __name = "gitlab_pipelines.client",
  __index = function(gl, name)
    local method = Gitlab[name]
    if method then return method end
    if not groups[name] then return nil end
    local group = require("gitlab_pipelines.api." .. name).new(gl)
    rawset(gl, name, group)
    return group
  end,
  __tostring = function(gl)
    return "gitlab_pipelines client of " .. tostring(rawget(gl, "url") or "?")
  end,
}

--- Closes connections and files. A second time does nothing.
function Gitlab:close()
  if self.closed then return end
  self.closed = true
  local watcher = rawget(self, "watcher")
  if watcher then watcher:close() end
  self.client:close()
end

metatable.__gc = Gitlab.close
metatable.__close = Gitlab.close

--- Follows several pipelines until all are finished, blocked or stuck.
---@param list table[] {{project, id}, ...}
---@param opts table|nil on_change(project, pipeline, old_status), and the options of pipelines.wait
---@return table[]|nil results in order, each {project, id, pipeline, verdict} or {project, id, err}
---@return table|nil err
function Gitlab:watch(list, opts)
  if type(list) ~= "table" then
    resource.blame("gl.watch: a list of {project, id} is expected, not " .. type(list))
  end
  for _, pair in ipairs(list) do
    local _, err = project_id.check(type(pair) == "table" and pair[1], "watch")
    if err then return nil, err end
    resource.check_id("gl.watch", "id", pair[2])
  end
  return watching.of(self):watch(list, opts)
end

--- What the client did so far: requests, retries, windows, breakers.
---@return table
function Gitlab:stats() return self.client:stats() end

--- The same in the text format of Prometheus.
---@return string
function Gitlab:metrics() return self.client:metrics() end

--- Makes the groups over a client.
---@param client table see client.lua
---@param given table|nil {secrets = table|function, secrets_file = path}
---@return table gl
function M.new(client, given)
  given = given or {}
  local gl = setmetatable({
    client = client,
    url = client.url,
    runtime = client.runtime,
    secrets = secrets.new(given.secrets, given.secrets_file),
    -- What was learned about the server: which routes it lacks.
    memory = {},
    closed = false,
  }, metatable)
  -- Whoever still uses the client, a call or an iterator, keeps all of it from being collected.
  client.owner = gl
  return gl
end

return M
