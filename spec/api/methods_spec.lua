local double = require "support.transport_double"
local json = require "gitlab_pipelines.json"
local api = require "support.api_client"

describe("variables:set", function()
  local TAKEN = { status = 400, body = { message = { key = { "(K) has already been taken" } } } }
  local MISSING = { status = 404, body = { message = "404 Variable Not Found" } }

  it("makes the variable where it is not there yet, raw or not said explicitly", function()
    local transport = double.new { MISSING, { status = 201, body = { key = "K" } } }
    local row = assert(api.new(transport).variables:set(17, { key = "K", value = "v",
      environment_scope = "prod", masked_and_hidden = true }))
    assert.equal("K", row.key)
    assert.equal("PUT", transport.requests[1].method)
    assert.equal('{"masked":true,"value":"v"}', transport.requests[1].body)
    assert.equal("POST", transport.requests[2].method)
    assert.equal("/api/v4/projects/17/variables", transport.requests[2].target)
    assert.equal([[{"environment_scope":"prod","key":"K","masked_and_hidden":true,"raw":false,]]
      .. [["value":"v"}]], transport.requests[2].body)
  end)

  it("changes it when somebody made it in between", function()
    local transport = double.new { MISSING, TAKEN, { body = { key = "K", value = "v" } } }
    assert.equal("v", assert(api.new(transport).variables:set(17, { key = "K", value = "v" })).value)
    assert.equal("PUT", transport.requests[3].method)
  end)

  it("takes a secret as the value, and shows it in no log", function()
    local lines = {}
    local transport = double.new { MISSING, { status = 400, body = { message = "no: hunter2hunter2" } } }
    local gl = api.new(transport, { log_level = "debug", log = function(_, message, fields)
      lines[#lines + 1] = message
      for name, value in pairs(fields) do lines[#lines + 1] = name .. "=" .. value end
    end })
    local _, err = gl.variables:set(17, { key = "K",
      value = require("gitlab_pipelines").secret.new "hunter2hunter2" })
    assert.equal('{"value":"hunter2hunter2"}', transport.requests[1].body)
    assert.is_nil(tostring(err):find("hunter2", 1, true))
    assert.is_true(#lines > 0)
    assert.is_nil(table.concat(lines, "\n"):find("hunter2", 1, true))
  end)

  it("does not try to change what could not be made for another reason", function()
    local refused = { status = 400, body = { message = { value = { "is invalid" } } } }
    local transport = double.new { MISSING, refused }
    local row, err = api.new(transport).variables:set(17, { key = "K", value = "v" })
    assert.is_nil(row)
    assert.equal(400, err.status)
    assert.equal(2, #transport.requests)
  end)

  it("returns any other refusal", function()
    local transport = double.new { { status = 403, body = { message = "403 Forbidden" } } }
    local row, err = api.new(transport).variables:set(17, { key = "K", value = "v" })
    assert.is_nil(row)
    assert.equal(403, err.status)
    assert.equal(1, #transport.requests)
  end)
end)

describe("artifacts", function()
  it("come as a string, to a function, or to a file that appears whole", function()
    local transport = double.new(function() return { body = "PK-archive-bytes" } end)
    local gl = api.new(transport)
    assert.equal("PK-archive-bytes", gl.artifacts:download(17, 5))

    local chunks = {}
    assert.truthy(gl.artifacts:download(17, 5, function(chunk)
      chunks[#chunks + 1] = chunk
      return true
    end))
    assert.equal("PK-archive-bytes", table.concat(chunks))

    local path = os.tmpname()
    local result = assert(gl.artifacts:file(17, 5, "a.txt", path))
    assert.equal(path, result.file)
    assert.equal(16, result.bytes)
    local file = assert(io.open(path))
    assert.equal("PK-archive-bytes", file:read "*a")
    file:close()
    os.remove(path)
    assert.equal(path .. ".part", transport.requests[3].sink.file)
  end)

  it("by ref are asked for by their job, with a job token too; by the ref where that may not be told", function()
    for _, refused in ipairs { false, true } do
      local transport = double.new(function(request)
        local path = request.target:match "^/api/v4/projects/17(/[^?]*)"
        if refused and path == "/pipelines" then return { status = 403, body = { message = "403 Forbidden" } } end
        if path == "/pipelines" then return { body = { { id = 3, project_id = 17, status = "success" } } } end
        if path == "/pipelines/3/jobs" then
          return { body = { { id = 5, name = "build", artifacts_file = { filename = "a.zip" } } } }
        end
        return { body = "PK" }
      end)
      assert(api.new(transport, { auth = "job" }).artifacts:latest(17, "main", "build", function() return true end))
      assert.equal(refused and "/api/v4/projects/17/jobs/artifacts/main/download?job=build"
        or "/api/v4/projects/17/jobs/5/artifacts", transport.requests[#transport.requests].target)
    end
  end)

  it("that are not there leave no file and do not touch the one that was", function()
    local transport = double.new { { status = 404, body = { message = "404 Not Found" } } }
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write "old"
    file:close()
    local result, err = api.new(transport).artifacts:download(17, 5, path)
    assert.is_nil(result)
    assert.is_true(err:is "ArtifactNotFound")
    file = assert(io.open(path))
    assert.equal("old", file:read "*a")
    file:close()
    os.remove(path)
    assert.is_nil(io.open(transport.requests[1].sink.file))
  end)

  it("refuse a target that is neither", function()
    local gl = api.new(double.new {})
    for _, target in ipairs { 1, true, {}, "" } do
      local ok, message = pcall(function() gl.artifacts:download(17, 5, target) end)
      assert.is_false(ok)
      assert.truthy(message:find("'target'", 1, true))
    end
  end)
end)

describe("results", function()
  it("are what GitLab sent, whatever is missing or new in it", function()
    local text = [[{"id":1,"status":"quantum","source":"tea","failure_reason":"aliens","new":{"a":[1,null]},]]
      .. [["finished_at":null,"big":123456789012345}]]
    local transport = double.new { { body = text, type = "application/json" } }
    local row = assert(api.new(transport).pipelines:get(17, 1))
    assert.same({ id = 1, status = "quantum", source = "tea", failure_reason = "aliens",
      new = { a = { 1, json.null } }, big = 123456789012345 }, row)
  end)

  it("are true where GitLab sends none", function()
    local gl = api.new(double.new(function() return { status = 204 } end))
    assert.is_true(gl.pipelines:delete(17, 1))
    assert.is_true(gl.environments:delete(17, 1))
  end)

  it("of an empty log are an empty text", function()
    assert.equal("", api.new(double.new { { body = "", type = "text/plain" }, { body = { id = 5 } } })
      .jobs:log(17, 5))
  end)
end)

describe("projects:resolve", function()
  it("asks once, and knows the project by its number from then on", function()
    local transport = double.new { { body = { id = 17, path_with_namespace = "a/b",
      default_branch = "trunk" } } }
    local gl = api.new(transport)
    local known = assert(gl.projects:resolve "a/b")
    assert.equal(17, known.id)
    assert.equal("trunk", gl.projects:resolve(17).default_branch)
    assert.equal("a/b", gl.projects:resolve("a/b").path)
    assert.equal(1, #transport.requests)
  end)
end)

describe("closing", function()
  it("ends what the client can do; a second time does nothing", function()
    local transport = double.new {}
    local gl = api.new(transport)
    gl:close()
    gl:close()
    local row, err = gl.projects:get(17)
    assert.is_nil(row)
    assert.is_true(err:is "TaskError.Cancelled")
    assert.equal(0, #transport.requests)
    -- It was handed in, so it is not ours to close.
    assert.is_false(transport.closed)
  end)

  it("waits for who still reads, when nobody holds the client any more", function()
    local transport = double.new(function(_, count)
      return { body = { { id = 10 - count } }, headers = { ["X-Next-Page"] = count < 5 and tostring(count + 1) or "" } }
    end)
    local iterator = api.new(transport).pipelines:each(17)
    local rows = 0
    for _ in iterator do
      rows = rows + 1
      collectgarbage()
      collectgarbage()
    end
    assert.equal(5, rows)
  end)
end)
