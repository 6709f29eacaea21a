-- Wrong input for each parameter of each method: one clear error that names it, nothing sent.

local double = require "support.transport_double"
local json = require "gitlab_pipelines.json"
local operations = require "gitlab_pipelines.operations"
local api = require "support.api_client"
local plain_calls = require "support.plain_calls"

local function set(gl, project, given) return gl.variables:set(project, given) end

-- operation -> a call of its method with named values, and values that would be right: where the method
-- takes them otherwise than the operation's row says.
local methods = {
  { "artifacts.latest", function(gl, project, given)
      local rest = {}
      for name, value in pairs(given) do
        if name ~= "ref" and name ~= "job_name" then rest[name] = value end
      end
      return gl.artifacts:latest(project, given.ref, given.job_name, nil, rest)
    end, { ref = "main", job_name = "build" } },
  { "variables.create", set, { key = "K", value = "v" } },
  { "variables.update", set, { key = "K", value = "v" },
    -- `set` takes them from what it sends first, and knows the scope by its own name.
    without = { filter_scope = true }, required = { value = true } },
  { "pipelines.trigger_jobs", function(gl, project, given)
      return gl.pipelines:trigger_jobs(project, given.pipeline_id)
    end, { pipeline_id = 3 },
    without = { scope = true, page = true, per_page = true } },
  { "pipelines.bridges", function(gl, project, given)
      gl.memory.no_trigger_jobs = true
      return gl.pipelines:trigger_jobs(project, given.pipeline_id)
    end, { pipeline_id = 3 }, without = { scope = true, page = true, per_page = true } },
  { "artifacts.tree", function(gl, project, given)
      return gl.artifacts:browse(project, given.job_id, given.path)
    end, { job_id = 5 }, without = { recursive = true, page = true, per_page = true } },
}

-- Operations that no method passes anything of the caller's to.
local inner = {
  ["token.self"] = true, ["token.oauth"] = true, ["token.job"] = true, ["server.version"] = true,
  ["server.user"] = true, ["artifacts.latest_file"] = true,
}

local named = {}
for _, row in ipairs(methods) do named[row[1]] = true end
for _, operation in ipairs(plain_calls.others(named)) do
  methods[#methods + 1] = { operation.name, plain_calls.call(operation), plain_calls.values(operation) }
end

-- Methods that use several operations, or one by another name: {method, a call, its id's name}.
local composed = {
  { "pipelines.each", function(gl, project) return gl.pipelines:each(project)() end, raises = true },
  { "pipelines.stages", function(gl, project, id) return gl.pipelines:stages(project, id) end, "pipeline_id" },
  { "pipelines.downstream", function(gl, project, id) return gl.pipelines:downstream(project, id) end,
    "pipeline_id" },
  { "pipelines.tree", function(gl, project, id) return gl.pipelines:tree(project, id) end, "pipeline_id" },
  { "pipelines.wait", function(gl, project, id) return gl.pipelines:wait(project, id) end, "id" },
  { "jobs.each", function(gl, project, id) return gl.jobs:each(project, id)() end, "pipeline_id", raises = true },
  { "jobs.each_project", function(gl, project) return gl.jobs:each_project(project)() end, raises = true },
  { "jobs.wait", function(gl, project, id) return gl.jobs:wait(project, id) end, "id" },
  { "jobs.save_log", function(gl, project, id) return gl.jobs:save_log(project, id, "log.txt") end, "job_id" },
  { "jobs.search_log", function(gl, project, id) return gl.jobs:search_log(project, id, "x") end, "job_id" },
  { "jobs.follow", function(gl, project, id) return gl.jobs:follow(project, id, { on_line = print }) end, "id" },
  { "artifacts.extract", function(gl, project, id) return gl.artifacts:extract(project, id, "dir") end, "job_id" },
  { "environments.each", function(gl, project) return gl.environments:each(project)() end, raises = true },
  { "deployments.each", function(gl, project) return gl.deployments:each(project)() end, raises = true },
  { "watch", function(gl, project, id) return gl:watch { { project, id } } end, "id" },
}

local wrong = {
  id = { 0, -1, 1.5, "3", true, {}, 2 ^ 60, 0 / 0 },
  key = { "", "a-b", 1, {}, ("x"):rep(256) },
  string = { 1, true, {} },
  integer = { "1", 1.5, {}, true },
  boolean = { "true", 1, {} },
  strings = { 1, true, { 1 }, { true } },
  time = { "yesterday", true, {}, -1, 0 / 0 },
  secret = { 12345678, true, {}, json.null, io.stdout },
  value = { 1, true, {}, json.null },
  inputs = { "x", 1, true, { "positional" } },
  variable_list = { "x", 1, true }, variable_map = { "x", 1, true }, job_variable_list = { "x", 1 },
}

local function with(values, name, value)
  local copy = {}
  for k, v in pairs(values) do copy[k] = v end
  copy[name] = value
  return copy
end

local impossible = { "", "app", "/a/b", "a/b/", "a//b", "a/../b", "a%2Fb", "a%2Fb/c", "a/b\n", 0, -1, 1.5,
  2 ^ 60, true, {} }

local function check_raises(call, operation, name, given, value)
  local transport = double.new {}
  local gl = api.new(transport)
  local ok, message = pcall(call, gl, 17, given)
  local what = ("%s, %s = %s"):format(operation, name, tostring(value))
  assert.is_false(ok, what)
  assert.is_string(message, what)
  assert.is_truthy(message:find("'" .. name .. "'", 1, true), what .. ": " .. message)
  assert.is_truthy(message:find("^spec/api/wrong_input_spec.lua:%d+: "), what .. ": " .. message)
  assert.equal(0, #transport.requests)
end

describe("wrong input", function()
  for _, row in ipairs(methods) do
    local operation, call, right = operations.find(row[1]), row[2], row[3]
    it("of " .. operation.name .. " is named and nothing is sent", function()
      for _, p in ipairs(operation.params) do
        if p.name ~= "project" and not (row.without and row.without[p.name]) then
          for _, value in ipairs(wrong[p.type] or {}) do
            check_raises(call, operation.name, p.name, with(right, p.name, value), value)
          end
          if p.one_of then
            check_raises(call, operation.name, p.name, with(right, p.name, "nonsense"), "nonsense")
          end
          if p.required or row.required and row.required[p.name] then
            check_raises(call, operation.name, p.name, with(right, p.name, nil), nil)
          end
        end
      end
    end)

    it("of " .. operation.name .. ": a project that cannot be one", function()
      for _, project in ipairs(impossible) do
        local transport = double.new {}
        local result, err = call(api.new(transport), project, right)
        assert.is_nil(result)
        assert.is_true(err:is "ConfigurationError.InvalidProjectId")
        assert.equal(0, #transport.requests)
      end
    end)
  end

  it("is looked for in every operation", function()
    local looked_at = {}
    for _, row in ipairs(methods) do looked_at[row[1]] = true end
    for _, operation in ipairs(operations.all) do
      assert.is_true(looked_at[operation.name] or inner[operation.name], operation.name)
    end
  end)

  for _, row in ipairs(composed) do
    local name, call, id_name = row[1], row[2], row[3]
    it("of " .. name .. ": a project or an id that cannot be one", function()
      for _, project in ipairs(impossible) do
        local transport = double.new {}
        local gl = api.new(transport)
        local ok, result, err = pcall(call, gl, project, 3)
        if row.raises then
          assert.is_false(ok)
          err = result
        else
          assert.is_true(ok, tostring(result))
          assert.is_nil(result)
        end
        assert.is_true(err:is "ConfigurationError.InvalidProjectId")
        assert.equal(0, #transport.requests)
      end
      for _, id in ipairs(id_name and wrong.id or {}) do
        local transport = double.new {}
        local ok, message = pcall(call, api.new(transport), 17, id)
        assert.is_false(ok, name .. " " .. tostring(id))
        assert.is_string(message)
        assert.is_truthy(message:find("'" .. id_name .. "'", 1, true), message)
        assert.is_truthy(message:find("^spec/api/wrong_input_spec.lua:%d+: "), message)
        assert.equal(0, #transport.requests)
      end
    end)
  end

  it("names the arguments that exist when one does not", function()
    local ok, message = pcall(function()
      api.new(double.new {}).pipelines:create(17, { ref = "main", branch = "x" })
    end)
    assert.is_false(ok)
    assert.is_truthy(message:find("unknown argument 'branch'", 1, true))
    assert.is_truthy(message:find("inputs, journal, once, priority, ref", 1, true))
  end)

  it("never shows a token", function()
    local ok, message = pcall(function()
      api.new(double.new {}).triggers:run(17, { ref = 3, token = "glptt-0123456789" })
    end)
    assert.is_false(ok)
    assert.is_nil(message:find("glptt", 1, true))
    local _, err = api.new(double.new {}).triggers:run(17, { ref = "x", token = "hunter2" })
    assert.is_true(err:is "InvalidCredentials")
    assert.is_nil(tostring(err):find("hunter2", 1, true))
  end)

  it("among options: a wrong timeout, priority, limit", function()
    local transport = double.new {}
    local gl = api.new(transport)
    for _, opts in ipairs { { timeout = "soon" }, { timeout = -1 }, { priority = "high" }, { retry = 3 },
      { retries = 1 } } do
      local name = next(opts)
      local ok, message = pcall(function() gl.jobs:get(17, 5, opts) end)
      assert.is_false(ok)
      assert.is_truthy(message:find("'" .. name .. "'", 1, true), message)
    end
    for _, limit in ipairs { -1, "5", 1.5 } do
      local ok, message = pcall(function() gl.pipelines:list(17, { limit = limit }) end)
      assert.is_false(ok)
      assert.is_truthy(message:find("'limit'", 1, true), message)
    end
    assert.is_false(pcall(function() gl.jobs:get(17, 5, "fast") end))
    assert.equal(0, #transport.requests)
  end)
end)

describe("variables", function()
  local bad = {
    { "name", { ["1A"] = "x" } }, { "name", { ["A-B"] = "x" } }, { "name", { [""] = "x" } },
    { "name", { ["A\n"] = "x" } }, { "name", { { key = "é", value = "x" } } },
    { "name", { { value = "x" } } }, { "name", { { key = 1, value = "x" } } },
    { "string", { A = 1 } }, { "string", { A = true } }, { "string", { A = {} } },
    { "string", { { key = "A" } } }, { "string", { { key = "A", value = 1 } } },
    { "variable_type", { { key = "A", value = "x", variable_type = "files" } } },
    { "twice", { { key = "A", value = "1" }, { key = "A", value = "2" } } },
    { "field", { { key = "A", value = "1", masked = true } } },
    { "not a string", { "A=1" } }, { "both", { { key = "A", value = "1" }, B = "2" } },
  }

  it("are checked before anything is sent, on each endpoint", function()
    for _, case in ipairs(bad) do
      local transport = double.new {}
      local gl = api.new(transport)
      for _, call in ipairs {
        function(v) return gl.pipelines:create(17, { ref = "main", variables = v }) end,
        function(v)
          return gl.triggers:run(17, { ref = "main", token = "glptt-0123456789", variables = v })
        end,
        function(v) return gl.jobs:play(17, 5, { variables = v }) end,
      } do
        local result, err = call(case[2])
        assert.is_nil(result)
        assert.is_true(err:is "PipelineError.InvalidVariable")
        assert.is_truthy(err.message:find(case[1], 1, true), err.message)
      end
      assert.equal(0, #transport.requests)
    end
  end)

  it("of type file are refused where the endpoint cannot carry them", function()
    local gl = api.new(double.new {})
    local file = { { key = "A", value = "x", variable_type = "file" } }
    local _, err = gl.triggers:run(17, { ref = "main", token = "glptt-0123456789", variables = file })
    assert.is_true(err:is "InvalidVariable")
    _, err = gl.jobs:play(17, 5, { variables = file })
    assert.is_true(err:is "InvalidVariable")
  end)

  it("do not show their values in errors", function()
    local _, err = api.new(double.new {}).pipelines:create(17, { ref = "x", variables = {
      { key = "A", value = "hunter2hunter2" }, { key = "A", value = "hunter2hunter2" } } })
    assert.is_nil(tostring(err):find("hunter2", 1, true))
  end)
end)

describe("inputs", function()
  it("that cannot be sent raise and name the input", function()
    local gl = api.new(double.new {})
    for _, case in ipairs { { { empty = {} }, "empty" }, { { fn = print }, "fn" } } do
      local ok, message = pcall(function() gl.pipelines:create(17, { ref = "x", inputs = case[1] }) end)
      assert.is_false(ok)
      assert.is_truthy(message:find("'" .. case[2] .. "'", 1, true), message)
    end
  end)
end)
