local double = require "support.transport_double"
local json = require "gitlab_pipelines.json"
local api = require "support.api_client"

local NO_ROUTE = { status = 404, body = { error = "404 Not Found" } }

-- A server of fixed answers by path (below /api/v4, without the query).
local function server(answers)
  return double.new(function(request)
    local path = request.target:match "^/api/v4([^?]*)"
    local answer = answers[path]
    if answer == nil then return { status = 404, body = { message = "404 Not found" } } end
    if type(answer.status) == "number" then return answer end
    return { body = answer, headers = { ["X-Next-Page"] = "" } }
  end)
end

local function names(list)
  local all = {}
  for i, one in ipairs(list) do all[i] = one.name end
  return all
end

local function count(transport, pattern)
  local n = 0
  for _, request in ipairs(transport.requests) do
    if request.target:find(pattern) then n = n + 1 end
  end
  return n
end

local function job(id, name, stage, status, more)
  local row = { id = id, name = name, stage = stage, status = status, allow_failure = false }
  for k, v in pairs(more or {}) do row[k] = v end
  return row
end

describe("stages", function()
  it("come in the order of their first attempts, with the newest attempt of each job", function()
    local transport = server {
      ["/projects/17/pipelines/3/jobs"] = {
        -- build was retried after everything else had been made
        job(109, "compile", "build", "success"), job(104, "deploy", "deploy", "manual"),
        job(103, "lint", "test", "failed", { allow_failure = true }),
        job(102, "unit", "test", "success"), job(101, "compile", "build", "failed"),
      },
      ["/projects/17/pipelines/3/trigger_jobs"] = { job(105, "child", "deploy", "success") },
    }
    local stages = assert(api.new(transport).pipelines:stages(17, 3))
    assert.same({ "build", "test", "deploy" }, names(stages))
    assert.same({ "compile" }, names(stages[1].jobs))
    assert.equal(109, stages[1].jobs[1].id)
    assert.equal("success", stages[1].status)
    assert.same({ "unit", "lint" }, names(stages[2].jobs))
    assert.equal("success", stages[2].status)
    assert.same({ "deploy", "child" }, names(stages[3].jobs))
    assert.equal("manual", stages[3].status)
    assert.truthy(transport.requests[1].target:find("include_retried=true", 1, true))
  end)
end)

describe("trigger jobs", function()
  it("are asked for by their older name where the newer route is missing, from then on", function()
    local transport = server {
      ["/projects/17/pipelines/3/trigger_jobs"] = NO_ROUTE,
      ["/projects/17/pipelines/3/bridges"] = { job(5, "b", "x", "success") },
    }
    local gl = api.new(transport)
    assert.same({ "b" }, names(assert(gl.pipelines:trigger_jobs(17, 3))))
    assert.same({ "b" }, names(assert(gl.pipelines:trigger_jobs(17, 3))))
    assert.equal(1, count(transport, "trigger_jobs"))
    assert.equal(2, count(transport, "bridges"))
  end)

  it("of a pipeline that does not exist are no missing route", function()
    local transport = server {}
    local gl = api.new(transport)
    local rows, err = gl.pipelines:trigger_jobs(17, 3)
    assert.is_nil(rows)
    assert.is_true(err:is "PipelineNotFound")
    gl.pipelines:trigger_jobs(17, 3)
    assert.equal(2, count(transport, "trigger_jobs"))
    assert.equal(0, count(transport, "bridges"))
  end)
end)

local function family()
  return {
    ["/projects/1/pipelines/10"] = { id = 10, project_id = 1, status = "failed" },
    ["/projects/1/pipelines/10/jobs"] = {
      job(100, "build", "build", "success", { finished_at = "2026-01-01T00:00:01.000Z" }),
      job(101, "lint", "build", "failed",
        { finished_at = "2026-01-01T00:00:00.000Z", allow_failure = true }),
      job(104, "late", "test", "failed", { finished_at = "2026-01-01T00:00:09.000Z" }),
    },
    ["/projects/1/pipelines/10/trigger_jobs"] = {
      job(103, "secret", "test", "success", { downstream_pipeline = { id = 30, project_id = 3 } }),
      job(102, "child", "test", "failed", { finished_at = "2026-01-01T00:00:08.000Z",
        downstream_pipeline = { id = 20, project_id = 2 } }),
      job(105, "waits", "test", "created"),
    },
    ["/projects/2/pipelines/20"] = { id = 20, project_id = 2, status = "failed" },
    ["/projects/2/pipelines/20/jobs"] = {
      job(201, "b", "x", "failed", { finished_at = "2026-01-01T00:00:06.000Z" }),
      job(200, "a", "x", "failed", { finished_at = "2026-01-01T00:00:05.000Z" }),
    },
    ["/projects/2/pipelines/20/trigger_jobs"] = json.array {},
  }
end

describe("a pipeline's tree", function()
  it("holds stages, jobs and downstreams of other projects", function()
    local tree = assert(api.new(server(family())).pipelines:tree(1, 10))
    assert.equal(10, tree.id)
    assert.same({ "build", "test" }, names(tree.stages))
    assert.equal(6, #tree.jobs)
    assert.equal(2, #tree.downstream)
    assert.equal(20, tree.downstream[1].id)
    assert.equal("child", tree.downstream[1].trigger_job.name)
    assert.same({ "x" }, names(tree.downstream[1].stages))
  end)

  it("keeps a downstream that may not be read, with the reason", function()
    local tree = assert(api.new(server(family())).pipelines:tree(1, 10))
    local hidden = tree.downstream[2]
    assert.equal(30, hidden.id)
    assert.is_true(hidden.error:is "PipelineNotFound")
    assert.same({}, hidden.jobs)
  end)

  it("is JSON as people expect it: empty lists are lists, and nothing leads back into itself", function()
    local answers = family()
    local tree = assert(api.new(server(answers)).pipelines:tree(1, 10))
    local text = json.encode(tree)
    local read = assert(json.decode(text))
    assert.equal("[]", json.encode(read.downstream[2].jobs))
    assert.equal("[]", json.encode(read.downstream[2].downstream))
    assert.equal("[]", json.encode(read.downstream[1].downstream))
    local below = assert(api.new(server(answers)).pipelines:downstream(1, 10))
    assert.is_truthy(json.encode(below))
  end)

  it("names the job that failed first on the way that made the whole fail", function()
    local tree = assert(api.new(server(family())).pipelines:tree(1, 10))
    assert.equal(200, tree.first_failure.id)
    local answers = family()
    answers["/projects/1/pipelines/10/trigger_jobs"] = json.array {}
    tree = assert(api.new(server(answers)).pipelines:tree(1, 10))
    assert.equal(104, tree.first_failure.id)
  end)

  it("knows which failed first also where the server tells a local time", function()
    local answers = family()
    answers["/projects/1/pipelines/10/trigger_jobs"] = json.array {}
    answers["/projects/1/pipelines/10/jobs"] = {
      job(102, "third", "test", "failed"),
      job(101, "second", "test", "failed", { finished_at = "2026-10-25T02:10:00.000+01:00" }),
      job(100, "first", "test", "failed", { finished_at = "2026-10-25T02:50:00.000+02:00" }),
    }
    assert.equal("first", assert(api.new(server(answers)).pipelines:tree(1, 10)).first_failure.name)
  end)

  it("has no first failure when nothing failed", function()
    local answers = family()
    answers["/projects/1/pipelines/10/jobs"] = { job(100, "build", "build", "success") }
    answers["/projects/1/pipelines/10/trigger_jobs"] = json.array {}
    assert.is_nil(assert(api.new(server(answers)).pipelines:tree(1, 10)).first_failure)
  end)

  it("ends where a downstream leads back", function()
    local answers = family()
    answers["/projects/2/pipelines/20/trigger_jobs"] = {
      job(202, "back", "x", "success", { downstream_pipeline = { id = 10, project_id = 1 } }) }
    local tree = assert(api.new(server(answers)).pipelines:tree(1, 10))
    assert.equal(10, tree.downstream[1].downstream[1].id)
    assert.same({}, tree.downstream[1].downstream[1].jobs)
  end)

  it("is an error when the pipeline itself cannot be read", function()
    local tree, err = api.new(server {}).pipelines:tree(1, 10)
    assert.is_nil(tree)
    assert.is_true(err:is "PipelineNotFound")
  end)

  it("lists the downstream pipelines with their trigger jobs", function()
    local list = assert(api.new(server(family())).pipelines:downstream(1, 10))
    assert.equal(2, #list)
    assert.equal(20, list[1].id)
    assert.equal("child", list[1].trigger_job.name)
  end)
end)
