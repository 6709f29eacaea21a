-- Every method of the client against a GitLab whose responses are wrong: the result, or nil and an
-- error of a known kind; never a Lua error, never without end. The long run is every seed (GP_FULL=1).

local errors = require "gitlab_pipelines.errors"
local gitlab = require "gitlab_pipelines"
local hostile = require "support.hostile_gitlab"
local operations = require "gitlab_pipelines.operations"
local plain_calls = require "support.plain_calls"
local seeds = require "support.seeds"

local MOST = 600
local WAIT = { timeout = 120, on_manual = "ignore" }

local function drain(iterator)
  local count = 0
  for _ in iterator do count = count + 1 end
  return count
end

local function nothing() end

local folder

local function scratch(name) return folder .. "/" .. name end

-- Every method, with the ids of what is there.
local calls = {
  { "projects.get", function(gl) return gl.projects:get(11) end },
  { "projects.get by path", function(gl) return gl.projects:get "acme/lib" end },
  { "projects.resolve", function(gl) return gl.projects:resolve "acme/lib" end },
  { "pipelines.list", function(gl) return gl.pipelines:list(11) end },
  { "pipelines.list in small pages", function(gl) return gl.pipelines:list(11, { per_page = 1 }) end },
  { "pipelines.list from", function(gl, ids) return gl.pipelines:list(11, { from = ids.failed }) end },
  { "pipelines.each", function(gl) return drain(gl.pipelines:each(11, { per_page = 1 })) end },
  { "pipelines.get", function(gl, ids) return gl.pipelines:get(11, ids.done) end },
  { "pipelines.latest", function(gl) return gl.pipelines:latest(11, "main") end },
  { "pipelines.create", function(gl) return gl.pipelines:create(11, { ref = "main", variables = { A = "1" } }) end },
  { "pipelines.create once", function(gl)
    return gl.pipelines:create(11, { ref = "main", once = "key" }, { timeout = 400 })
  end },
  { "pipelines.create once by path", function(gl)
    return gl.pipelines:create("acme/lib", { ref = "main", once = "key", adopt = "single" }, { timeout = 400 })
  end },
  { "pipelines.cancel", function(gl, ids) return gl.pipelines:cancel(11, ids.done) end },
  { "pipelines.retry", function(gl, ids) return gl.pipelines:retry(11, ids.failed) end },
  { "pipelines.delete", function(gl) return gl.pipelines:delete(11, 999) end },
  { "pipelines.variables", function(gl, ids) return gl.pipelines:variables(11, ids.done) end },
  { "pipelines.rename", function(gl, ids) return gl.pipelines:rename(11, ids.done, "x") end },
  { "pipelines.test_report", function(gl, ids) return gl.pipelines:test_report(11, ids.done) end },
  { "pipelines.test_report_summary", function(gl, ids) return gl.pipelines:test_report_summary(11, ids.done) end },
  { "pipelines.trigger_jobs", function(gl, ids) return gl.pipelines:trigger_jobs(12, ids.top) end },
  { "pipelines.stages", function(gl, ids) return gl.pipelines:stages(11, ids.done) end },
  { "pipelines.downstream", function(gl, ids) return gl.pipelines:downstream(12, ids.top) end },
  { "pipelines.tree", function(gl, ids) return gl.pipelines:tree(12, ids.top) end },
  { "pipelines.tree of a failed one", function(gl, ids) return gl.pipelines:tree(11, ids.failed) end },
  { "pipelines.wait", function(gl, ids) return gl.pipelines:wait(11, ids.done, WAIT) end },
  { "pipelines.wait with its tree", function(gl, ids)
    return gl.pipelines:wait(12, ids.top, { timeout = 120, downstream = true, on_manual = "play", on_change = nothing })
  end },
  { "pipelines.wait for a new one", function(gl)
    local pipeline, err = gl.pipelines:create(11, { ref = "main" })
    if not pipeline then return nil, err end
    return gl.pipelines:wait(11, pipeline.id,
      { timeout = 120, on_manual = "play", cancel_on_timeout = true, full = true })
  end },
  { "watch", function(gl, ids)
    return gl:watch({ { 11, ids.done }, { 11, ids.failed }, { 12, ids.top }, { "acme/lib", ids.done } }, WAIT)
  end },
  { "watch new ones", function(gl)
    local list = {}
    for i = 1, 6 do
      local pipeline = gl.pipelines:create(11, { ref = "main" })
      list[i] = { 11, pipeline and pipeline.id or i }
    end
    return gl:watch(list, { timeout = 120, on_manual = { "deploy" }, downstream = true })
  end },
  { "jobs.list", function(gl, ids) return gl.jobs:list(11, ids.done) end },
  { "jobs.each", function(gl, ids) return drain(gl.jobs:each(11, ids.done, { per_page = 1 })) end },
  { "jobs.list_project", function(gl) return gl.jobs:list_project(11, { per_page = 2 }) end },
  { "jobs.each_project", function(gl) return drain(gl.jobs:each_project(11)) end },
  { "jobs.get", function(gl, ids) return gl.jobs:get(11, ids.unit) end },
  { "jobs.retry", function(gl, ids) return gl.jobs:retry(11, ids.failed_unit) end },
  { "jobs.cancel", function(gl, ids) return gl.jobs:cancel(11, ids.unit) end },
  { "jobs.play", function(gl, ids) return gl.jobs:play(11, ids.failed_deploy or ids.deploy) end },
  { "jobs.erase", function(gl, ids) return gl.jobs:erase(11, ids.failed_compile) end },
  { "jobs.wait", function(gl, ids) return gl.jobs:wait(11, ids.unit, { timeout = 120 }) end },
  { "jobs.log", function(gl, ids) return gl.jobs:log(11, ids.unit) end },
  { "jobs.log raw", function(gl, ids) return gl.jobs:log(11, ids.unit, { format = "raw" }) end },
  { "jobs.save_log", function(gl, ids) return gl.jobs:save_log(11, ids.unit, scratch "log") end },
  { "jobs.search_log", function(gl, ids) return gl.jobs:search_log(11, ids.unit, "ok") end },
  { "jobs.follow", function(gl, ids) return gl.jobs:follow(11, ids.unit, { on_line = nothing, timeout = 120 }) end },
  { "jobs.follow a pipeline", function(gl, ids)
    return gl.jobs:follow(11, ids.done, { on_line = nothing, pipeline = true, timeout = 120 })
  end },
  { "artifacts.download", function(gl, ids) return gl.artifacts:download(11, ids.compile) end },
  { "artifacts.download to a file", function(gl, ids)
    return gl.artifacts:download(11, ids.compile, scratch "a.zip")
  end },
  { "artifacts.file", function(gl, ids) return gl.artifacts:file(11, ids.compile, "build.env") end },
  { "artifacts.browse", function(gl, ids) return gl.artifacts:browse(11, ids.compile) end },
  { "artifacts.browse without a tree", function(gl, ids)
    gl.memory.no_artifacts_tree = true
    return gl.artifacts:browse(11, ids.compile)
  end },
  { "artifacts.extract", function(gl, ids) return gl.artifacts:extract(11, ids.compile, scratch "out") end },
  { "artifacts.latest", function(gl) return gl.artifacts:latest(11, "main", "compile") end },
  { "artifacts.keep", function(gl, ids) return gl.artifacts:keep(11, ids.compile) end },
  { "artifacts.delete", function(gl, ids) return gl.artifacts:delete(11, ids.failed_compile) end },
  { "triggers.run", function(gl) return gl.triggers:run(11, { token = "glptt-lib-0123", ref = "main" }) end },
  { "triggers.run once", function(gl)
    return gl.triggers:run(11, { token = "glptt-lib-0123", ref = "main", once = "k" }, { timeout = 400 })
  end },
  { "triggers.list", function(gl) return gl.triggers:list(11) end },
  { "triggers.get", function(gl, ids) return gl.triggers:get(11, ids.trigger) end },
  { "triggers.create", function(gl) return gl.triggers:create(11, { description = "y" }) end },
  { "triggers.update", function(gl, ids) return gl.triggers:update(11, ids.trigger, { description = "z" }) end },
  { "triggers.delete", function(gl) return gl.triggers:delete(11, 999) end },
  { "variables.list", function(gl) return gl.variables:list(11) end },
  { "variables.get", function(gl) return gl.variables:get(11, "KEY") end },
  { "variables.set", function(gl) return gl.variables:set(11, { key = "KEY", value = "other" }) end },
  { "variables.set a new one", function(gl) return gl.variables:set(11, { key = "NEW", value = "other" }) end },
  { "variables.delete", function(gl) return gl.variables:delete(11, "NONE") end },
  { "environments.list", function(gl) return gl.environments:list(11) end },
  { "environments.each", function(gl) return drain(gl.environments:each(11)) end },
  { "environments.get", function(gl, ids) return gl.environments:get(11, ids.environment) end },
  { "environments.create", function(gl) return gl.environments:create(11, { name = "staging" }) end },
  { "environments.update", function(gl, ids)
    return gl.environments:update(11, ids.environment, { tier = "other" })
  end },
  { "environments.stop", function(gl, ids) return gl.environments:stop(11, ids.environment) end },
  { "environments.delete", function(gl) return gl.environments:delete(11, 999) end },
  { "deployments.list", function(gl) return gl.deployments:list(11) end },
  { "deployments.each", function(gl) return drain(gl.deployments:each(11)) end },
  { "deployments.get", function(gl, ids) return gl.deployments:get(11, ids.deployment) end },
  { "token.info", function(gl) return gl.token:info() end },
  { "token.allows", function(gl)
    local allowed, err = gl.token:allows "pipelines.create"
    return allowed, errors.is_error(err) and err or allowed == nil and errors.new "ServerError.InvalidResponse" or nil
  end },
  { "token.info as a bearer", function(gl) return gl.token:info() end, { auth = "bearer" } },
  { "token.info of a job", function(gl) return gl.token:info() end, { auth = "job" } },
  { "calls with scopes checked", function(gl) return gl.pipelines:list(11) end, { check_scopes = true } },
  { "a flow", function(gl)
    local flow = assert(gitlab.flow.from_string([[
      lib = pipeline { project = "acme/lib", ref = "main", dotenv = "build.env", timeout = "2m" }
      top = pipeline { project = "acme/top", variables = { ID = lib.id, B = lib.dotenv.BUILD_ID }, retry = 1,
        timeout = "2m" }
      deploy = play { pipeline = lib, job = "deploy", timeout = "2m" }
    ]], "hostile.lua"))
    local run, err = flow:start { client = gl, journal = ":memory:" }
    if not run then return nil, err end
    local ok, why = run:wait()
    if ok then return true end
    return nil, why
  end },
}

-- And of every operation that no row is named after.
local named = {}
for _, row in ipairs(calls) do named[row[1]] = true end
for _, operation in ipairs(plain_calls.others(named)) do
  local call, values = plain_calls.call(operation), plain_calls.values(operation)
  calls[#calls + 1] = { operation.name, function(gl) return call(gl, 11, values) end }
end

local function check(name, ok, result, err)
  if not ok then
    -- Iterators raise their error object.
    assert(errors.is_error(result), ("%s raised: %s"):format(name, tostring(result)))
    result, err = nil, result
  end
  if result ~= nil then return end
  assert(errors.is_error(err), ("%s: neither a result nor an error, but %s"):format(name, tostring(err)))
  assert(errors.exists(err.category .. "." .. err.kind), tostring(err))
  local text = tostring(err)
  assert(not text:find "%c", ("%s: control characters in %q"):format(name, text))
  assert(#text < 1200, name .. ": a message without bounds: " .. text:sub(1, 300))
  assert(not text:find "gitlab_pipelines/[%w_/]+%.lua:%d", name .. ": a Lua error: " .. text)
end

local function round(place, seed)
  local random = seeds.new(seed)
  local row = calls[(seed - 1) % #calls + 1]
  hostile.heal(place)
  local gl = hostile.client(place, row[3])
  local at = random.chance(0.7) and random.pick { 1, 1, 1, 2, 2, 3, 4, 5, 7, 10 } or nil
  hostile.spoil(place, random, at, MOST)
  check(row[1], pcall(row[2], gl, place.ids))
  hostile.heal(place)
  gl:close()
end

describe("wrong responses", function()
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir -p " .. folder)
  end)

  teardown(function() os.execute("rm -rf " .. folder) end)

  it("give every method a result or an error of a known kind, and an end", function()
    local place
    for seed in seeds.each(40000, 4 * #calls) do
      if not place or seed % 200 == 1 then
        if place then place.transport:close() end
        place = hostile.open()
      end
      seeds.named(seed, function() round(place, seed) end)
    end
    place.transport:close()
  end)

  it("are tried on every operation", function()
    local place, seen = hostile.open(), {}
    local gl = hostile.client(place)
    local perform = place.transport.perform
    place.transport.perform = function(self, request)
      seen[request.operation] = true
      return perform(self, request)
    end
    for _, row in ipairs(calls) do pcall(row[2], row[3] and hostile.client(place, row[3]) or gl, place.ids) end
    seen["pipelines.bridges"], seen["server.version"] = true, true -- of older servers; the breaker's
    seen["artifacts.latest_file"] = true -- no method of its own
    for _, operation in ipairs(operations.all) do assert.is_true(seen[operation.name], operation.name) end
  end)
end)
