-- Waiting through the whole client, in virtual time.

local api = require "support.api_client"
local core = require "gitlab_pipelines.core"
local double = require "support.transport_double"
local virtual = require "gitlab_pipelines.runtime.virtual"

-- A server whose pipelines go through `course`: {{after, status}, ...}, seconds from now on.
local function server(runtime, course)
  local started = runtime:now()
  local function status_now()
    local status, at = nil, 0
    for _, step in ipairs(course) do
      if runtime:now() - started >= step[1] then at, status = step[1], step[2] end
    end
    return status, started + at
  end
  return double.new(function(request)
    local status, since = status_now()
    if request.method == "POST" then
      return { status = 201, body = { id = 3, project_id = 17, status = "created",
        updated_at = core.time.iso(started) } }
    end
    if request.target:find "/jobs%?" or request.target:find "trigger_jobs" then return { body = "[]" } end
    if not status then return { status = 404, body = { message = "404 Not found" } } end
    local function row(id)
      return { id = id, project_id = 17, status = status, name = "build", stage = "build",
        updated_at = core.time.iso(since) }
    end
    if request.target:find "/pipelines%?" then
      return { body = request.target:find "parent_pipeline" and "[]" or { row(4), row(3) } }
    end
    local etag = 'W/"' .. status .. '"'
    if request.headers["if-none-match"] == etag then return { status = 304 } end
    return { body = row(tonumber(request.target:match "/(%d+)$")), headers = { ETag = etag } }
  end)
end

describe("waiting", function()
  it("ends with the pipeline and its verdict, and told every change", function()
    local runtime = virtual.new()
    local transport = server(runtime, { { 0, "pending" }, { 30, "running" }, { 100, "success" } })
    local gl = api.new(transport, { runtime = runtime })
    local changes, started = {}, runtime:now()
    local pipeline, verdict = gl.pipelines:wait(17, 3, { on_change = function(p, old)
      changes[#changes + 1] = (old or "") .. ">" .. p.status
    end })
    assert.equal("success", verdict)
    assert.equal(3, pipeline.id)
    assert.same({ "pending>running", "running>success" }, { changes[#changes - 1], changes[#changes] })
    local waited = runtime:now() - started
    assert.is_true(waited >= 100 and waited <= 135, tostring(waited))
  end)

  it("asks with the ETag of the last answer", function()
    local runtime = virtual.new()
    local transport = server(runtime, { { 0, "running" }, { 60, "failed" } })
    local _, verdict = api.new(transport, { runtime = runtime }).pipelines:wait(17, 3)
    assert.equal("failed", verdict)
    local conditional = 0
    for _, request in ipairs(transport.requests) do
      if request.headers["if-none-match"] then conditional = conditional + 1 end
    end
    assert.is_true(conditional >= 2)
  end)

  it("takes a pipeline of our own that does not show yet for one that will", function()
    local runtime = virtual.new()
    local transport = server(runtime, { { 40, "running" }, { 60, "success" } })
    local gl = api.new(transport, { runtime = runtime })
    local made = assert(gl.pipelines:create(17, { ref = "main" }))
    local _, verdict = gl.pipelines:wait(17, made.id)
    assert.equal("success", verdict)
  end)

  it("ends with an error at the deadline", function()
    local runtime = virtual.new()
    local gl = api.new(server(runtime, { { 0, "running" } }), { runtime = runtime })
    local started = runtime:now()
    local pipeline, err = gl.pipelines:wait(17, 3, { timeout = "10m" })
    assert.is_nil(pipeline)
    assert.is_true(err:is "WaitError.TimedOut")
    assert.equal(600, math.floor(runtime:now() - started + 0.5))
  end)

  it("is for jobs too", function()
    local runtime = virtual.new()
    local gl = api.new(server(runtime, { { 0, "pending" }, { 20, "running" }, { 50, "failed" } }),
      { runtime = runtime })
    local job, verdict = gl.jobs:wait(17, 5)
    assert.equal("failed", verdict)
    assert.equal(5, job.id)
  end)

  it("is for several pipelines at once", function()
    local runtime = virtual.new()
    local gl = api.new(server(runtime, { { 0, "running" }, { 50, "success" } }), { runtime = runtime })
    local results = assert(gl:watch { { 17, 3 }, { 17, 4 } })
    assert.equal("success", results[1].verdict)
    assert.equal(4, results[2].pipeline.id)
  end)

  it("ends when the client is closed", function()
    local runtime = virtual.new()
    local gl = api.new(server(runtime, { { 0, "running" } }), { runtime = runtime })
    runtime:run(function()
      local task = runtime:spawn(function() return gl.pipelines:wait(17, 3) end)
      runtime:sleep(10)
      gl:close()
      local pipeline, err = task:join()
      assert.is_nil(pipeline)
      assert.is_true(err:is "TaskError.Cancelled")
    end)
  end)
end)
