local double = require "support.transport_double"
local errors = require "gitlab_pipelines.errors"
local api = require "support.api_client"
local watching = require "gitlab_pipelines.api.watching"

describe("what waits read", function()
  it("is one page of a list and what stands for the next", function()
    local transport = double.new { { body = { { id = 2 } }, headers = { ["X-Next-Page"] = "2" } },
      { body = { { id = 1 } }, headers = { ["X-Next-Page"] = "" } } }
    local source = watching.source(api.new(transport))
    local rows, next_page = source.list("a/b", { order_by = "updated_at", sort = "desc", per_page = 100,
      updated_after = "2026-01-01T00:00:00Z", source = "parent_pipeline" })
    assert.equal(2, rows[1].id)
    assert.equal("/api/v4/projects/a%2Fb/pipelines?order_by=updated_at&per_page=100"
      .. "&sort=desc&source=parent_pipeline&updated_after=2026-01-01T00%3A00%3A00Z",
      transport.requests[1].target)
    rows, next_page = source.list("a/b", { page = next_page })
    assert.equal(1, rows[1].id)
    assert.equal("/api/v4/projects/a%2Fb/pipelines?order_by=updated_at&page=2&per_page=100"
      .. "&sort=desc&source=parent_pipeline&updated_after=2026-01-01T00%3A00%3A00Z",
      transport.requests[2].target)
    assert.is_nil(next_page)
  end)

  it("is false when the server says that nothing changed", function()
    local transport = double.new(function(request)
      if request.headers["if-none-match"] == 'W/"1"' then return { status = 304 } end
      return { body = { id = 3, status = "running" }, headers = { ETag = 'W/"1"' } }
    end)
    local gl = api.new(transport)
    local source = watching.source(gl)
    local row, etag = source.get(17, 3)
    assert.equal("running", row.status)
    assert.equal('W/"1"', etag)
    assert.is_false(source.get(17, 3, etag))
    assert.is_false((source.job(17, 5, etag)))
    assert.equal("/api/v4/projects/17/jobs/5", transport.requests[3].target)
  end)

  it("is the error when it cannot be read", function()
    local source = watching.source(api.new(double.new(function()
      return { status = 404, body = { message = "404 Not found" } }
    end)))
    for _, read in ipairs { function() return source.get(17, 3) end, function() return source.job(17, 3) end,
      function() return source.list(17, {}) end, function() return source.jobs(17, 3, {}) end,
      function() return source.bridges(17, 3) end, function() return source.cancel(17, 3) end,
      function() return source.play(17, 3) end } do
      local value, err = read()
      assert.is_nil(value)
      assert.is_true(errors.is_error(err))
    end
  end)

  it("has the lowest priority", function()
    local gl = api.new(double.new(function() return { body = { id = 1 } } end))
    local priorities = {}
    local page = gl.client.page
    function gl.client:page(operation, args, opts)
      priorities[#priorities + 1] = opts.priority
      return page(self, operation, args, opts)
    end
    local source = watching.source(gl)
    source.get(17, 1)
    source.job(17, 1)
    source.list(17, {})
    source.jobs(17, 1, {})
    source.bridges(17, 1)
    assert.same({ "poll", "poll", "poll", "poll", "poll" }, priorities)
  end)
end)

describe("the answers to our own writes", function()
  it("reach the watcher, made for them if need be", function()
    local gl = api.new(double.new(function() return { status = 201, body = { id = 3, project_id = 17 } } end))
    gl.pipelines:create("a/b", { ref = "main" })
    gl.triggers:run(17, { ref = "main", token = "glptt-0123456789" })
    local remembered = gl.watcher.scheduler.recent.rows
    assert.equal(3, remembered["a/b pipeline 3"].row.id)
    assert.equal(3, remembered["17 pipeline 3"].row.id)
    assert.is_number(remembered["a/b pipeline 3"].seen_at)
    local told = {}
    rawset(gl, "watcher", {
      record_write = function(_, project, row, kind) told[#told + 1] = { project, kind, row.id } end,
      close = function() end,
    })
    gl.pipelines:cancel(17, 3)
    gl.pipelines:retry(17, 3)
    gl.pipelines:create(17, { ref = "main" })
    gl.jobs:play(17, 3)
    assert.same({ { 17, "pipeline", 3 }, { 17, "pipeline", 3 }, { 17, "pipeline", 3 }, { 17, "job", 3 } },
      told)
  end)
end)

describe("waiting", function()
  it("refuses a project or an id that cannot be one", function()
    local gl = api.new(double.new {})
    for _, group in ipairs { gl.pipelines, gl.jobs } do
      local row, err = group:wait("nowhere", 3)
      assert.is_nil(row)
      assert.is_true(err:is "InvalidProjectId")
      for _, id in ipairs { 0, "3", 1.5, {} } do
        local ok, message = pcall(function() group:wait(17, id) end)
        assert.is_false(ok)
        assert.truthy(message:find("'id'", 1, true))
      end
    end
    local results, err = gl:watch { { "nowhere", 3 } }
    assert.is_nil(results)
    assert.is_true(err:is "InvalidProjectId")
    assert.is_false(pcall(gl.watch, gl, 17))
  end)
end)
