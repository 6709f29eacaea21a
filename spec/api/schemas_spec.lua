-- What GitLab sends comes through unchanged, but for integers and nulls: instances made at random
-- from GitLab's own schemas where those are at hand ($GITLAB_SCHEMAS), and answers written by hand.

local api = require "support.api_client"
local double = require "support.transport_double"
local json = require "gitlab_pipelines.json"
local random = require "support.random"
local schemas = require "support.schemas"

local math_type = rawget(math, "type") or function() return "number" end

-- Where two values differ, as text; nil where they do not.
local function difference(expected, given, place)
  if type(expected) ~= type(given) then
    return ("%s: %s, not %s"):format(place, type(given), type(expected))
  end
  if type(expected) == "number" and math_type(expected) ~= math_type(given) then
    return ("%s: %s, not %s"):format(place, math_type(given), math_type(expected))
  end
  if type(expected) ~= "table" then
    return expected ~= given and ("%s: %s, not %s"):format(place, tostring(given), tostring(expected)) or nil
  end
  if next(expected) == nil and json.is_array(expected) ~= json.is_array(given) then
    return place .. ": [] is not {}"
  end
  for key, value in pairs(expected) do
    local found = difference(value, given[key], place .. "." .. tostring(key))
    if found then return found end
  end
  for key in pairs(given) do
    if expected[key] == nil then return ("%s.%s: is too much"):format(place, tostring(key)) end
  end
end

-- {schema, how it is asked for, given the id of the random instance, wrapped for the wire, unwrapped from
-- the result}
local function same(value) return value end
local function in_list(text) return "[" .. text .. "]" end
local function first(rows) return rows[1] end
local cases = {
  { "public_api/v4/project.json", function(gl, id) return gl.projects:get(id) end },
  { "public_api/v4/pipeline/detail.json", function(gl, id) return gl.pipelines:get(17, id) end },
  { "public_api/v4/pipeline/detail.json", function(gl) return gl.pipelines:create(17, { ref = "main" }) end },
  { "public_api/v4/pipeline/detail.json", function(gl, id) return gl.pipelines:cancel(17, id) end },
  { "public_api/v4/pipeline/basic.json", function(gl) return gl.pipelines:list(17) end, in_list, first },
  { "public_api/v4/job.json", function(gl, id) return gl.jobs:get(17, id) end },
  { "public_api/v4/job.json", function(gl) return gl.jobs:list(17, 3) end, in_list, first },
  { "public_api/v4/job.json", function(gl) return gl.jobs:list_project(17) end, in_list, first },
  { "public_api/v4/job.json", function(gl) return gl.jobs:play(17, 5) end },
  { "public_api/v4/job.json", function(gl) return gl.pipelines:trigger_jobs(17, 3) end, in_list, first },
  { "public_api/v4/environment.json", function(gl, id) return gl.environments:get(17, id) end },
  { "public_api/v4/environment.json", function(gl) return gl.environments:list(17) end, in_list, first },
  { "public_api/v4/basic_environment.json", function(gl, id) return gl.environments:stop(17, id) end },
  { "public_api/v4/deployment.json", function(gl, id) return gl.deployments:get(17, id) end },
  { "public_api/v4/deployment.json", function(gl) return gl.deployments:list(17) end, in_list, first },
  { "entities/test_case.json", function(gl) return gl.pipelines:test_report(17, 3) end,
    function(text) return '{"test_suites":[{"test_cases":[' .. text .. "]}]}" end,
    function(report) return report.test_suites[1].test_cases[1] end },
}

local ROUNDS = 25

local function check(text, expected, call, unwrap, note)
  local gl = api.new(double.new(function() return { body = text, type = "application/json" } end))
  local result, err = call(gl, expected.id)
  assert.is_nil(err, note .. tostring(err))
  local found = difference(expected, unwrap(result), "result")
  assert.is_nil(found, note .. tostring(found) .. "\n" .. text)
end

local folder = schemas.folder()

describe("an answer of GitLab's", function()
  if folder then
    for number, case in ipairs(cases) do
      it(("as %s says comes through unchanged (%d)"):format(case[1], number), function()
        local seed = random.seed()
        local source = schemas.new(folder, random.new(seed))
        for _ = 1, ROUNDS do
          local text, expected = source:instance(case[1])
          check((case[3] or same)(text), expected, case[2], case[4] or same, ("SEED=%d: "):format(seed))
        end
      end)
    end

    it("is made of every property that its schema has", function()
      local seed = random.seed()
      local source, seen = schemas.new(folder, random.new(seed)), {}
      for _ = 1, 300 do
        local _, job = source:instance "public_api/v4/job.json"
        for name in pairs(job) do seen[name] = true end
      end
      for name in pairs(source:read("public_api/v4/job.json").properties) do
        assert.is_true(seen[name], ("SEED=%d: %s"):format(seed, name))
      end
    end)
  else
    io.stderr:write("GitLab's schemas are not at hand (set GITLAB_SCHEMAS to their folder): "
      .. "only answers written by hand are checked\n")
  end

  local null = json.null
  local written = {
    { [[{"id":7,"status":"failed","stage":"test","name":"unit",
        "coverage":98.0,"duration":0.5,"tag":false,"failure_reason":"new_reason",
        "user":null,"commit":{"parent_ids":[],"trailers":{}},"tag_list":[],"artifacts":[{"size":1000,
        "file_type":"trace","file_format":null}],"runner":null,"archived":false}]],
      { id = 7, status = "failed", stage = "test", name = "unit",
        coverage = 98, duration = 0.5, tag = false, failure_reason = "new_reason",
        commit = { parent_ids = json.array {}, trailers = {} }, tag_list = json.array {},
        artifacts = { { size = 1000, file_type = "trace" } }, archived = false },
      function(gl) return gl.jobs:get(17, 7) end },
    { [[{"id":123456789012345,"status":"created",
        "iid":9007199254740991,"before_sha":"0000000000000000000000000000000000000000",
        "yaml_errors":null,"coverage":"98.50","detailed_status":{"has_details":true,"illustration":null}}]],
      { id = 123456789012345, status = "created", iid = 9007199254740991,
        before_sha = "0000000000000000000000000000000000000000", coverage = "98.50",
        detailed_status = { has_details = true } },
      function(gl) return gl.pipelines:get(17, 123456789012345) end },
    { [[[{"key":"A","value":null,"hidden":true,"masked":true,"raw":true,"environment_scope":"*"}]
      ]], { { key = "A", hidden = true, masked = true, raw = true, environment_scope = "*" } },
      function(gl) return gl.variables:list(17) end },
    { [[{"total":{"time":1.25,"suite_error":null},"test_suites":[{"build_ids":[1,null,2]}]}]],
      { total = { time = 1.25 }, test_suites = { { build_ids = { 1, null, 2 } } } },
      function(gl) return gl.pipelines:test_report_summary(17, 7) end },
    { [[{"id":1,"user":{"username":"a"},"deployable":null,"environment":{"slug":"x-1"}}]],
      { id = 1, user = { username = "a" }, environment = { slug = "x-1" } },
      function(gl) return gl.deployments:get(17, 1) end },
  }
  for number, case in ipairs(written) do
    it(("that is written here comes through unchanged (%d)"):format(number), function()
      check(case[1], case[2], case[3], same, "")
    end)
  end
end)
