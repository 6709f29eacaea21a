-- A 2xx whose body is not what the operation promises: a read is sent again, what only sets something is
-- done and its result is read, a create is never sent again.

local api = require "support.api_client"
local double = require "support.transport_double"
local errors = require "gitlab_pipelines.errors"
local json = require "gitlab_pipelines.json"
local operations = require "gitlab_pipelines.operations"
local shape = require "gitlab_pipelines.client.shape"

local function text(body, status) return { status = status or 200, body = body, type = "application/json" } end

local function plain(words) return words end

local function count(transport, method)
  local found = 0
  for _, request in ipairs(transport.requests) do
    if request.method == method then found = found + 1 end
  end
  return found
end

-- A GitLab that answers writes with `written` and reads with `read`.
local function server(written, read)
  return double.new(function(request) return request.method == "GET" and read or written end)
end

local PIPELINE = { body = { id = 3, status = "canceled" } }
local JOB = { body = { id = 5, status = "canceled", name = "unit", stage = "test" } }

describe("what a response must hold", function()
  local function problem(operation, value) return shape.problem(operations.find(operation), value, plain) end

  it("is told with what came instead", function()
    for _, row in ipairs {
      { "pipelines.get", { id = "17", status = "x" }, 'expected id to be a positive integer, got "17"' },
      { "pipelines.get", { id = 1e26, status = "x" }, "expected id to be a positive integer, got 1e+26" },
      { "pipelines.get", { id = -1, status = "x" }, "expected id to be a positive integer, got -1" },
      { "pipelines.get", { id = 1.5, status = "x" }, "expected id to be a positive integer, got 1.5" },
      { "pipelines.create", {}, "expected id to be a positive integer, got null" },
      { "pipelines.get", { id = 1, status = 17 }, "expected status to be a string, got 17" },
      { "pipelines.get", { id = 1, status = { a = 1 } }, "expected status to be a string, got an object" },
      { "pipelines.get", { id = 1, status = "x", created_at = { 1 } },
        "expected created_at to be a string, got an array" },
      { "pipelines.list", { { id = 1, status = "x" }, 17 }, "expected [2] to be an object, got 17" },
      { "jobs.list", { { id = 1, status = "x", stage = "y" } }, "expected [1].name to be a string, got null" },
      { "jobs.list", { { id = 1, status = "x", stage = "y", name = "z", artifacts = { { size = -1 } } } },
        "expected [1].artifacts[1].size to be a non-negative integer, got -1" },
      { "jobs.get", { id = 1, status = "x", stage = "y", name = "z", pipeline = { 1 } },
        "expected pipeline to be an object, got an array" },
      { "jobs.get", { id = 1, status = "x", stage = "y", name = "z", pipeline = { id = true } },
        "expected pipeline.id to be a positive integer, got true" },
      { "variables.get", { key = "K", value = 12345 }, "expected value to be a string, got a number" },
    } do
      assert.equal(row[3], problem(row[1], row[2]))
    end
  end)

  it("leaves alone what nobody relies on", function()
    assert.is_nil(problem("pipelines.get",
      { id = 1, status = "a new one", detailed_status = 3, user = 7, coverage = {} }))
    assert.is_nil(problem("pipelines.list", json.array {}))
  end)

  it("is told on one short line without secrets", function()
    local transport = double.new(function()
      return text('{"id":"' .. api.TOKEN .. "\\n" .. ("x"):rep(9000) .. '","status":"x"}')
    end)
    local _, err = api.new(transport).pipelines:get(17, 3)
    assert.is_nil(tostring(err):find(api.TOKEN, 1, true))
    assert.is_nil(tostring(err):find "%c")
    assert.is_true(#tostring(err) < 200)
  end)

  it("is known for every operation with a JSON body", function()
    for _, op in ipairs(operations.all) do
      assert.equal(op.result == "object" or op.result == "list", op.shape ~= nil, op.name)
      for _, field in ipairs(op.shape or {}) do
        assert.is_truthy(shape.types[field.type], op.name .. " " .. field.name)
      end
    end
  end)
end)

describe("a response that cannot be read", function()
  local BAD = { "{}", "", "null", "[]", '{"id":3,"status":7}', '{"id":3', "<html>", "\239\187\191{}" }

  it("is asked for again by a read", function()
    for _, body in ipairs(BAD) do
      local transport = double.new { text(body), text(body), { body = { id = 3 } } }
      assert.equal(3, assert(api.new(transport).pipelines:get(17, 3)).id)
    end
    local transport = double.new(function() return text '{"id":"3","status":"x"}' end)
    local result, err = api.new(transport).pipelines:get(17, 3)
    assert.is_nil(result)
    assert.is_true(err:is "ServerError.InvalidResponse")
    assert.equal(3, #transport.requests)
  end)

  it("of a cancel is done: the pipeline or the job is read", function()
    for _, body in ipairs(BAD) do
      local transport = server(text(body), PIPELINE)
      local pipeline = assert(api.new(transport).pipelines:cancel(17, 3))
      assert.equal("canceled", pipeline.status)
      assert.equal(1, count(transport, "POST"))
      transport = server(text(body, 201), JOB)
      assert.equal("unit", assert(api.new(transport).jobs:cancel(17, 5)).name)
      assert.equal(1, count(transport, "POST"))
    end
    assert.equal(3, assert(api.new(server({ status = 204 }, PIPELINE)).pipelines:cancel(17, 3)).id)
  end)

  it("of whatever sets something gives the thing or the error of reading it, never true", function()
    local forbidden = { status = 403, body = { message = "403 Forbidden" } }
    local ids = { jobs = 5, artifacts = 5, triggers = 9, environments = 4 }
    for name, call in pairs {
      ["pipelines.cancel"] = function(gl) return gl.pipelines:cancel(17, 3) end,
      ["pipelines.rename"] = function(gl) return gl.pipelines:rename(17, 3, "x") end,
      ["jobs.cancel"] = function(gl) return gl.jobs:cancel(17, 5) end,
      ["jobs.erase"] = function(gl) return gl.jobs:erase(17, 5) end,
      ["artifacts.keep"] = function(gl) return gl.artifacts:keep(17, 5) end,
      ["triggers.update"] = function(gl) return gl.triggers:update(17, 9, { description = "x" }) end,
      ["variables.update"] = function(gl) return gl.variables:set(17, { key = "K", value = "v" }) end,
      ["environments.update"] = function(gl) return gl.environments:update(17, 4, { tier = "other" }) end,
      ["environments.stop"] = function(gl) return gl.environments:stop(17, 4) end,
    } do
      local transport = server(text "{}", forbidden)
      local result, err = call(api.new(transport))
      assert.is_nil(result, name)
      assert.is_true(err:is "AccessError.PermissionDenied", name)
      assert.is_truthy(err.message:find(name .. " succeeded", 1, true), err.message)
      assert.equal(1, #transport.requests - count(transport, "GET"), name)
      local id = ids[name:match "^%a+"] or 3
      result = assert(call(api.new(server(text "{}", { body = { id = id, name = "x", key = "K" } }))), name)
      assert.equal("table", type(result), name)
    end
  end)

  it("of a create is never sent again", function()
    for _, body in ipairs(BAD) do
      for _, row in ipairs {
        { function(gl) return gl.pipelines:create(17, { ref = "main" }) end },
        { function(gl) return gl.triggers:run(17, { ref = "main", token = "glptt-0123456789" }) end },
        { function(gl) return gl.triggers:create(17, { description = "x" }) end, '{"id":3,"status":7}' },
      } do
        -- A trigger token has no status.
        local transport = server(text(body == row[2] and "{}" or body, 201), { body = {} })
        local result, err = row[1](api.new(transport))
        assert.is_nil(result)
        assert.is_true(errors.is_error(err) and err:is "PipelineError.UnknownOutcome", tostring(err))
        assert.is_true(err.unknown_outcome)
        assert.equal(1, count(transport, "POST"))
      end
    end
  end)

  it("of a job's retry is looked up", function()
    local transport = double.new(function(request)
      if request.method == "POST" then return text("{}", 201) end
      if request.target:find "/jobs/5$" then
        return { body = { id = 5, name = "unit", status = "failed", pipeline = { id = 3 } } }
      end
      return { body = { { id = 5, name = "unit", status = "failed" }, { id = 6, name = "unit", status = "pending" } } }
    end)
    assert.equal(6, assert(api.new(transport).jobs:retry(17, 5)).id)
    assert.equal(1, count(transport, "POST"))
  end)
end)

describe("the type of a response", function()
  local HTML, JSON = "the response is an HTML page, not ", "the response is JSON, not "

  it("tells a page or an error of a server in between from what was requested", function()
    for _, row in ipairs {
      { "text/html", HTML .. "JSON", HTML .. "an archive", HTML .. "a log" },
      { "TEXT/HTML; charset=utf-8", HTML .. "JSON", HTML .. "an archive", HTML .. "a log" },
      { "application/xhtml+xml", HTML .. "JSON", HTML .. "an archive", HTML .. "a log" },
      { "application/json", nil, JSON .. "an archive", JSON .. "a log" },
      { "Application/JSON; charset=utf-8", nil, JSON .. "an archive", JSON .. "a log" },
      { "text/plain" }, { "application/zip" }, { "application/octet-stream" }, { "" }, { nil },
    } do
      for i, wanted in ipairs { "json", "archive", "log" } do
        assert.equal(row[i + 1], shape.wrong_type(row[1], wanted))
      end
      assert.is_nil(shape.wrong_type(row[1], nil), "a file may be of any type")
    end
  end)
end)
