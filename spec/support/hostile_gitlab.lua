-- A simulated GitLab that has run some pipelines, and whose responses are changed on their way from a
-- chosen moment on (support/mutate.lua). Everything in virtual time.

local gitlab = require "gitlab_pipelines"
local mutate = require "support.mutate"

local M = {}

-- Kept here: the specs of the command put a function of their own in its place.
local new_client = gitlab.new

M.TOKEN = "glpat-hostile-0123456789"

local function world()
  return { projects = {
    ["acme/lib"] = { id = 11, default_branch = "main", trigger_tokens = { "glptt-lib-0123" }, queued = 0.5, jobs = {
      { name = "compile", stage = "build", duration = 2, artifacts = { ["build.env"] = "BUILD_ID=42\n" } },
      { name = "unit", stage = "test", duration = 3, log = "ok 1\nok 2\n", retry = 0,
        variants = { { when = { variable = { FAIL = "unit" } }, status = "failed",
          failure_reason = "script_failure" } } },
      { name = "deploy", stage = "deploy", duration = 1, manual = true, environment = "production" } } },
    ["acme/top"] = { id = 12, default_branch = "main", jobs = { { name = "make", stage = "build", duration = 1 },
      { name = "child", stage = "call", trigger = { project = "acme/lib", ref = "main", strategy = "depend" } } } },
  } }
end

-- What stands before the simulation: passes requests on and changes what comes back.
local Between = {}
Between.__index = function(_, name) return Between[name] end

function Between:request(...)
  self.count = self.count + 1
  if self.count > self.most then error("more than " .. self.most .. " requests", 0) end
  local status, headers, body, action = self.inner:request(...)
  if self.plan and self.plan(self.count) then
    status, headers, body = mutate.response(self.random, status, headers, body)
  end
  return status, headers, body, action
end

function Between:close() self.inner:close() end
function Between:set_url(url) self.inner:set_url(url) end

--- A GitLab with a finished, a failed, a waiting and a running pipeline. `place.ids` names what there is.
function M.open()
  local rt = gitlab.runtime.virtual.new { seed = 1 }
  local transport = assert(gitlab.mock.new { world = world(), token = M.TOKEN, runtime = rt })
  local place = { rt = rt, transport = transport, ids = {} }
  local between = setmetatable({ inner = transport.core, count = 0, most = math.huge }, Between)
  transport.core, place.between = between, between
  local gl = M.client(place)
  local ids = place.ids
  local done = assert(gl.pipelines:create(11, { ref = "main", variables = { A = "1" } }))
  local failed = assert(gl.pipelines:create(11, { ref = "main", variables = { FAIL = "unit" } }))
  local top = assert(gl.pipelines:create(12, { ref = "main" }))
  rt:sleep(60)
  for _, job in ipairs(assert(gl.jobs:list(11, done.id))) do ids[job.name] = job.id end
  for _, job in ipairs(assert(gl.jobs:list(11, failed.id))) do ids["failed_" .. job.name] = job.id end
  assert(gl.jobs:play(11, ids.deploy))
  rt:sleep(60)
  ids.done, ids.failed, ids.top = done.id, failed.id, top.id
  ids.environment = assert(gl.environments:list(11))[1].id
  ids.deployment = assert(gl.deployments:list(11))[1].id
  ids.trigger = assert(gl.triggers:create(11, { description = "x" })).id
  assert(gl.variables:set(11, { key = "KEY", value = "a value" }))
  gl:close()
  return place
end

function M.client(place, more)
  local given = { url = "http://127.0.0.1", token = M.TOKEN, transport = place.transport, runtime = place.rt,
    limits = false, breaker = false, journal = ":memory:", timeout = { total = 60 } }
  for name, value in pairs(more or {}) do given[name] = value end
  return assert(new_client(given))
end

--- From now on responses are changed: all, or the one at this place, counted from 1. At most `most`
--- requests may come.
function M.spoil(place, random, at, most)
  local between = place.between
  between.count, between.random, between.most = 0, random, most
  between.plan = function(count) return not at or count == at end
end

--- From now on responses are right again.
function M.heal(place)
  place.between.plan, place.between.most, place.between.count = nil, math.huge, 0
end

return M
