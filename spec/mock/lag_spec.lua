-- Replicas that lag: what a read after a write may miss, and may show as it was.
local calls = require "support.mock_calls"

local slow = { id = 5, created = 0, queued = 1, jobs = { { name = "a", duration = 30 },
  { name = "b", stage = "z", duration = 30 } } }

local function open(lag, jobs)
  local project = { id = 5, created = 0, queued = 1, jobs = jobs or slow.jobs }
  return assert(calls.new { world = { lag = lag, projects = { ["acme/app"] = project } } })
end

local function status_of(gl) return select(2, gl:get "/projects/5/pipelines/1").status end

local function statuses(gl, query)
  local found = {}
  for i, job in ipairs((select(2, gl:get("/projects/5/pipelines/1/jobs" .. (query or ""))))) do
    found[i] = job.name .. " " .. job.status
  end
  return table.concat(found, ", ")
end

describe("a lagging replica", function()
  it("shows the earlier state in every read alike", function()
    local fresh, old = open(nil), open(30)
    for _, gl in ipairs { fresh, old } do gl:post("/projects/5/pipeline", { ref = "main" }) end
    for at = 30, 60 do
      fresh.at, old.at = at - 30, at
      for _, target in ipairs { "/projects/5/pipelines/1", "/projects/5/pipelines",
        "/projects/5/pipelines?status=running", "/projects/5/pipelines/latest", "/projects/5/pipelines/1/jobs",
        "/projects/5/pipelines/1/jobs?scope[]=pending" } do
        local _, now = fresh:get(target)
        local _, then_ = old:get(target)
        -- How long an unfinished job has been at it is counted to the present.
        for _, list in ipairs { now, then_ } do
          for _, job in ipairs(list) do job.duration, job.queued_duration = nil, nil end
        end
        assert.same(now, then_, target .. " at " .. at)
      end
    end
    fresh:close()
    old:close()
  end)

  it("hides new rows from lists and from reads by id, which give a 404", function()
    local gl = open(30)
    assert.equal(201, (gl:post("/projects/5/pipeline", { ref = "main" })))
    gl.at = 29.9
    for _, target in ipairs { "/projects/5/pipelines/1", "/projects/5/jobs/1", "/projects/5/pipelines/1/jobs" } do
      assert.equal(404, (gl:get(target)), target)
    end
    assert.same({}, (select(2, gl:get "/projects/5/pipelines")))
    assert.same({}, (select(2, gl:get "/projects/5/jobs")))
    assert.equal(403, (gl:get "/projects/5/pipelines/latest"))
    gl.at = 30
    assert.equal(200, (gl:get "/projects/5/pipelines/1"))
    gl:close()
  end)

  it("shows a cancelled pipeline with its former status; the response to the write is current", function()
    local gl = open(20)
    gl:post("/projects/5/pipeline", { ref = "main" })
    gl.at = 25
    assert.equal("canceled", select(2, gl:post "/projects/5/pipelines/1/cancel").status)
    assert.equal("a running", statuses(gl, "?scope[]=running"))
    assert.equal("running", status_of(gl))
    assert.equal("b created, a running", statuses(gl))
    gl.at = 45
    assert.equal("canceled", status_of(gl))
    gl:close()
  end)

  it("shows a retried job as the newest until its successor is seen", function()
    local gl = open(20, { { name = "a", status = "failed", duration = 1 } })
    gl:post("/projects/5/pipeline", { ref = "main" })
    gl.at = 30
    local status, job = gl:post "/projects/5/jobs/1/retry"
    assert.same({ 201, 2 }, { status, job.id })
    assert.equal("a failed", statuses(gl))
    assert.equal(404, (gl:get "/projects/5/jobs/2"))
    assert.equal("failed", status_of(gl))
    gl.at = 50
    assert.equal("a pending", statuses(gl))
    gl:close()
  end)

  it("lags only for the requests that a rule names, and only as often as it says", function()
    local gl = open(nil)
    gl:post("/_mock/faults", { path = "/projects/*/pipelines", lag = 30, times = 1 })
    gl:post("/projects/5/pipeline", { ref = "main" })
    assert.equal(200, (gl:get "/projects/5/pipelines/1"))
    assert.same({}, (select(2, gl:get "/projects/5/pipelines")))
    assert.equal(1, #select(2, gl:get "/projects/5/pipelines"))
    gl:close()
  end)

  it("shows files, trigger jobs, variables and logs as they were", function()
    local jobs = { { name = "a", duration = 10, artifacts = { ["x.env"] = "X=1\n" }, log = "1\n2\n3\n4\n" },
      { name = "down", trigger = { project = "acme/app" } } }
    local gl = open(20, jobs)
    gl:post("/projects/5/pipeline", { ref = "main", variables = { { key = "A", value = "b" } } })
    gl.at = 19
    for _, target in ipairs { "/projects/5/jobs/1", "/projects/5/jobs/1/trace", "/projects/5/jobs/1/artifacts",
      "/projects/5/pipelines/1/bridges", "/projects/5/pipelines/1/variables" } do
      assert.equal(404, (gl:get(target)), target)
    end
    -- It has ended, and is shown while it ran.
    gl.at = 27
    assert.equal(1, #select(2, gl:get "/projects/5/pipelines/1/variables"))
    assert.equal("running", select(2, gl:get "/projects/5/jobs/1").status)
    assert.is_nil(select(2, gl:get "/projects/5/jobs/1").artifacts_file)
    for _, target in ipairs { "artifacts", "artifacts/x.env", "artifacts/tree" } do
      assert.equal(404, (gl:get("/projects/5/jobs/1/" .. target)), target)
    end
    local log = select(2, gl:get "/projects/5/jobs/1/trace")
    assert.truthy(log:find("\n2\n", 1, true))
    assert.is_nil(log:find("\n4\n", 1, true))
    gl.at = 60
    assert.equal("X=1\n", (select(2, gl:get "/projects/5/jobs/1/artifacts/x.env")))
    assert.truthy(select(2, gl:get "/projects/5/jobs/1/trace"):find("Job succeeded", 1, true))
    assert.is_table(select(2, gl:get "/projects/5/pipelines/1/bridges")[1].downstream_pipeline)
    gl:close()
  end)

  it("lags only for pipelines and jobs: everything else is up to date", function()
    local gl = open(30)
    gl:post("/projects/5/variables", { key = "A", value = "1" })
    gl:post("/projects/5/environments", { name = "review/x" })
    assert.equal(200, (gl:get "/projects/5/variables/A"))
    assert.equal(1, #select(2, gl:get "/projects/5/environments"))
    gl:close()
  end)

  it("knows the state before the rule was created", function()
    local gl = open(nil)
    gl:post("/projects/5/pipeline", { ref = "main" })
    gl.at = 2
    gl:post("/_mock/faults", { lag = 1000 })
    gl.at = 3
    gl:post "/projects/5/pipelines/1/cancel"
    gl.at = 1002
    assert.equal("running", status_of(gl))
    gl:delete "/_mock/faults"
    assert.equal("canceled", status_of(gl))
    gl:close()
  end)
end)
