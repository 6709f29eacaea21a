local errors = require "gitlab_pipelines.errors"
local operations = require "gitlab_pipelines.operations"

local function each(check)
  for _, operation in ipairs(operations.all) do check(operation, operation.name) end
end

describe("operations", function()
  it("are found by their names, and by no other", function()
    each(function(operation, name) assert.equal(operation, operations.find(name)) end)
    for _, name in ipairs { "", "pipelines", "pipelines.", "pipelines.explode", "all.1", "types.id",
      "pipelines.get.id" } do
      assert.is_nil(operations.find(name), name)
    end
  end)

  it("have a name and an endpoint each of their own", function()
    local seen = {}
    each(function(operation, name)
      local endpoint = operation.method .. " " .. operation.path
      assert.is_nil(seen[name])
      assert.is_nil(seen[endpoint], endpoint)
      seen[name], seen[endpoint] = true, true
    end)
  end)

  it("take just the parameters that stand in their path", function()
    each(function(operation, name)
      local in_path = {}
      for word in operation.path:gmatch ":([%w_]+)" do in_path[word] = true end
      for _, p in ipairs(operation.params) do
        assert.is_truthy(operations.types[p.type], name .. " " .. p.type)
        assert.is_string(p.help)
        if p.where == "path" then
          assert.is_true(in_path[p.name], name .. " " .. p.name)
          assert.is_true(p.required)
          in_path[p.name] = nil
        end
        if p.where == "body" then assert.is_true(operation.method == "POST" or operation.method == "PUT") end
      end
      assert.is_nil(next(in_path), name)
    end)
  end)

  it("have an effect, a class and errors that exist", function()
    local classes = { cancel = true, create = true, read = true, poll = true }
    each(function(operation, name)
      assert.is_true(classes[operation.class], name)
      assert.equal(operation.method == "GET", operation.effect == "read", name)
      if operation.method == "PUT" or operation.method == "DELETE" then
        assert.equal("set", operation.effect, name)
      end
      assert.is_true(errors.exists(operation.not_found), name)
      for _, refusal in ipairs(operation.refusals) do assert.is_true(errors.exists(refusal.kind), name) end
      assert.is_true(#operation.success > 0)
      assert.equal(operation.result == "list" and operation.name ~= "pipelines.variables",
        operation.paging ~= nil, name)
    end)
  end)

  it("may repeat what GitLab's state makes harmless, and nothing that makes something new", function()
    local creates = {}
    each(function(operation, name)
      if operation.effect == "create" then creates[#creates + 1] = name end
    end)
    table.sort(creates)
    assert.same({ "environments.create", "jobs.play", "jobs.retry", "pipelines.create",
      "pipelines.retry", "triggers.create", "triggers.run", "variables.create" }, creates)
  end)

  it("succeed with the code that GitLab documents", function()
    local other_than_200 = {
      ["pipelines.create"] = 201, ["pipelines.retry"] = 201, ["pipelines.delete"] = 204,
      ["jobs.cancel"] = 201, ["jobs.retry"] = 201, ["jobs.erase"] = 201, ["artifacts.delete"] = 204,
      ["triggers.run"] = 201, ["triggers.create"] = 201, ["triggers.delete"] = 204,
      ["variables.create"] = 201, ["variables.delete"] = 204, ["environments.create"] = 201,
      ["environments.delete"] = 204,
    }
    each(function(operation, name)
      assert.equal(other_than_200[name] or 200, operation.success[1], name)
      assert.equal(operation.success[1] == 204, operation.result == "none", name)
    end)
  end)

  it("stand in the limiter's line where they belong, and in the windows that GitLab has", function()
    local cancels, creations, lists = {}, {}, {}
    each(function(operation, name)
      if operation.class == "cancel" then cancels[#cancels + 1] = name end
      if operation.window == "creation" then creations[#creations + 1] = name end
      if operation.window == "project_jobs" then lists[#lists + 1] = name end
      assert.equal(operation.method == "GET", operation.class == "read", name)
    end)
    assert.same({ "pipelines.cancel", "jobs.cancel" }, cancels)
    assert.same({ "pipelines.create", "triggers.run" }, creations)
    assert.same({ "jobs.list_project" }, lists)
  end)

  it("need `api` to write and `read_api` to read", function()
    each(function(operation, name)
      if operation.auth ~= "none" and operation.group ~= "token" then
        assert.equal(operation.method == "GET" and "read_api" or "api", operation.scope, name)
      end
    end)
  end)

  it("never put a secret into an address", function()
    each(function(operation, name)
      for _, p in ipairs(operation.params) do
        if p.secret or p.sensitive then assert.equal("body", p.where, name .. " " .. p.name) end
      end
    end)
  end)
end)

describe("arguments", function()
  local op = operations.jobs.list

  it("become what the client takes, the query in one order", function()
    local args = operations.arguments(op, { project = "a/b", pipeline_id = 3.0, per_page = 100,
      scope = { "success", "failed" }, include_retried = false })
    assert.same({ project = "a/b", pipeline_id = 3, query = { { "include_retried", "false" },
      { "per_page", "100" }, { "scope[]", "success" }, { "scope[]", "failed" } } }, args)
    assert.equal("3", ("%d"):format(args.pipeline_id))
  end)

  it("are not changed", function()
    local given = { project = 17, pipeline_id = 3, scope = { "failed" } }
    operations.arguments(op, given)
    assert.same({ project = 17, pipeline_id = 3, scope = { "failed" } }, given)
  end)

  it("show the first of several mistakes, always the same", function()
    for _ = 1, 20 do
      local args, message = operations.arguments(op, { project = 17, zebra = 1, apple = 1, pipeline_id = "x" })
      assert.is_nil(args)
      assert.truthy(message:find("unknown argument 'apple'", 1, true), message)
    end
    local _, message = operations.arguments(op, { project = 17, pipeline_id = 0, scope = 1 })
    assert.equal("jobs.list: 'pipeline_id' must be a positive integer, not 0", message)
    _, message = operations.arguments(op, { project = 17 })
    assert.equal("jobs.list: 'pipeline_id' is required", message)
  end)

  it("show no secret", function()
    local _, message = operations.arguments(operations.variables.create,
      { project = 17, key = "K", value = 12345678 })
    assert.equal("variables.create: 'value' must be a string or a secret, not number", message)
    _, message = operations.arguments(operations.triggers.run, { project = 17, ref = "x", token = 12345678 })
    assert.is_nil(message:find("12345678", 1, true))
  end)
end)

describe("times", function()
  it("are sent in UTC", function()
    assert.equal("2026-01-01T00:00:00Z", operations.time(1767225600))
    assert.equal("2026-01-01T00:00:00.250Z", operations.time(1767225600.25))
    assert.equal("2026-01-01T00:00:01Z", operations.time(1767225600.9999))
  end)
end)
