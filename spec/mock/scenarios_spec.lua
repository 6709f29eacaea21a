local calls = require "support.mock_calls"

describe("the simulated GitLab's scenarios", function()
  local gl
  before_each(function() gl = assert(calls.new()) end)
  after_each(function() gl:close() end)

  -- A pipeline made by the trigger endpoint with these fields.
  local function trigger(fields)
    fields.ref, fields.token = fields.ref or "main", calls.token
    local status, pipeline = gl:post("/projects/7/trigger/pipeline", fields)
    assert.equal(201, status)
    return pipeline.id, pipeline
  end

  local function status_at(id, at)
    gl.at = at
    local _, pipeline = gl:get("/projects/7/pipelines/" .. ("%d"):format(id))
    return pipeline.status, pipeline
  end

  it("shows the presets: 0 never, 1 to 99 after as many seconds, 100, 200, 500", function()
    local status, list = gl:get "/_mock/scenarios"
    assert.equal(200, status)
    assert.equal(103, #list)
    local after = {}
    for _, row in ipairs(list) do after[row.scenario_id] = row end
    assert.equal(1, after[0].never_complete)
    assert.is_nil(after[0].terminal_after_seconds)
    for id = 1, 99 do assert.equal(id, after[id].terminal_after_seconds) end
    assert.equal(60, after[100].terminal_after_seconds)
    assert.equal(120, after[200].terminal_after_seconds)
    assert.equal(300, after[500].terminal_after_seconds)
  end)

  it("are running from the start and end exactly when their time has passed", function()
    local id, made = trigger { scenario_id = 5 }
    assert.equal("running", made.status)
    assert.equal("running", (status_at(id, 4.999)))
    local status, pipeline = status_at(id, 5)
    assert.equal("success", status)
    assert.equal("2026-01-01T00:00:05.000Z", pipeline.finished_at)
    assert.equal("2026-01-01T00:00:05.000Z", pipeline.updated_at)
    assert.equal(5, pipeline.duration)
  end)

  it("stay running by default", function()
    assert.equal("running", (status_at(trigger {}, 1e7)))
  end)

  it("treat null as absent, for clients that send every field", function()
    local status, made = gl:post("/projects/7/trigger/pipeline", '{"ref":"main","scenario_id":null,'
      .. '"terminal_after_seconds":null,"terminal_status":null,"never_complete":null}')
    assert.equal(201, status)
    assert.equal("running", (status_at(made.id, 1e6)))
    assert.equal(400, (gl:post("/projects/7/trigger/pipeline", { ref = "main", scenario_id = -1 })))
  end)

  it("are overridden by the pipeline's own time or status, each by itself", function()
    assert.equal("success", (status_at(trigger { scenario_id = 50, terminal_after_seconds = 3 }, 3)))
    gl.at = 10
    local id = trigger { scenario_id = 20, terminal_status = "failed" }
    assert.equal("running", (status_at(id, 29.9)))
    assert.equal("failed", (status_at(id, 30)))
  end)

  it("apply a status without a time at once", function()
    local _, made = trigger { terminal_status = "canceled" }
    assert.equal("canceled", made.status)
  end)

  it("never complete when either side says so", function()
    assert.equal("running", (status_at(trigger { scenario_id = 0, terminal_after_seconds = 1 }, 9e6)))
    assert.equal("running", (status_at(trigger { scenario_id = 1, never_complete = true }, 1.8e7)))
  end)

  it("can be selected by variables, on both endpoints", function()
    local _, made = gl:post("/projects/7/pipeline", { ref = "main", variables = {
      { key = "MOCK_TERMINAL_AFTER_SECONDS", value = "4" },
      { key = "MOCK_TERMINAL_STATUS", value = "skipped" } } })
    assert.equal("running", made.status)
    assert.equal("skipped", (status_at(made.id, 4)))
    gl.at = 10
    assert.equal("success", (status_at(trigger { variables = { MOCK_SCENARIO_ID = "2" } }, 12)))
  end)

  it("must exist", function()
    local status, body = gl:post("/projects/7/trigger/pipeline",
      { ref = "main", token = calls.token, scenario_id = 777 })
    assert.equal(400, status)
    assert.same({ error = "scenario_id does not have a valid value" }, body)
  end)

  it("lay out jobs whose composed status is the pipeline's", function()
    for _, terminal in ipairs { "success", "failed", "canceled", "skipped" } do
      local id = trigger { terminal_after_seconds = 6, terminal_status = terminal }
      local start = gl.at
      for step = 0, 7 do
        local status = status_at(id, start + step)
        local _, jobs = gl:get(("/projects/7/pipelines/%d/jobs"):format(id))
        local seen = {}
        for _, job in ipairs(jobs) do seen[job.status] = true end
        assert.equal(3, #jobs)
        if step < 6 then
          assert.is_true(seen.running)
          assert.equal("running", status)
        else
          assert.is_true(seen[terminal])
          assert.is_nil(seen.running)
          assert.equal(terminal, status)
        end
      end
    end
  end)

  it("can be created, changed and deleted, except presets and those in use", function()
    local status, row = gl:post("/_mock/scenarios",
      { name = "slow failure", terminal_after_seconds = 40, terminal_status = "failed" })
    assert.equal(201, status)
    local path = ("/_mock/scenarios/%d"):format(row.scenario_id)
    assert.equal(40, select(2, gl:get(path)).terminal_after_seconds)
    local id = trigger { scenario_id = row.scenario_id }
    assert.equal(409, (gl:delete(path)))
    assert.equal(200, (gl:put(path, { name = "fast failure", terminal_after_seconds = 4,
      terminal_status = "failed" })))
    assert.equal("failed", (status_at(id, 4)))
    assert.equal(204, (gl:delete(("/_mock/pipelines/%d"):format(id))))
    assert.equal(204, (gl:delete(path)))
    assert.equal(404, (gl:get(path)))
    assert.equal(409, (gl:put("/_mock/scenarios/1", { name = "x" })))
    assert.equal(409, (gl:delete "/_mock/scenarios/1"))
  end)

  it("are deleted all at once, or those that match the filters", function()
    local keep, gone = trigger { ref = "main" }, trigger { ref = "next" }
    local function left()
      local ids = {}
      for i, row in ipairs(select(2, gl:get "/_mock/pipelines")) do ids[i] = row.id end
      return ids
    end
    assert.equal(204, (gl:delete "/_mock/pipelines?ref=next&status=running"))
    assert.same({ keep }, left())
    assert.equal(400, (gl:delete "/_mock/pipelines?status=odd"))
    assert.equal(404, (gl:get(("/_mock/pipelines/%d"):format(gone))))
    assert.equal(204, (gl:delete "/_mock/pipelines"))
    assert.same({}, left())
  end)

  it("follow /_mock/pipelines, where a held status wins", function()
    local id = trigger { scenario_id = 30 }
    local path = ("/_mock/pipelines/%d"):format(id)
    gl.at = 10
    assert.equal(200, (gl:patch(path, { terminal_after_seconds = 12 })))
    assert.equal("running", (status_at(id, 11.9)))
    assert.equal("success", (status_at(id, 12)))
    gl:patch(path, { never_complete = true })
    assert.equal("running", (status_at(id, 13)))
    local _, row = gl:patch(path, { status = "manual" })
    assert.equal("manual", row.status)
    assert.equal("2026-01-01T00:00:13.000Z", row.updated_at)
    assert.equal("manual", (status_at(id, 1e6)))
  end)

  it("end with an action: the pipeline is an ordinary one from then on", function()
    local id = trigger { scenario_id = 9 }
    gl.at = 4
    local status, pipeline = gl:post(("/projects/7/pipelines/%d/cancel"):format(id))
    assert.equal(200, status)
    assert.equal("canceled", pipeline.status)
    assert.equal("canceled", (status_at(id, 100)))
    status, pipeline = gl:post(("/projects/7/pipelines/%d/retry"):format(id))
    assert.equal(201, status)
    assert.equal("running", pipeline.status)
    assert.equal("success", (status_at(id, 200)))
  end)

  it("resume after a restart", function()
    gl:close()
    local db = os.tmpname()
    os.remove(db)
    gl = assert(calls.new { db = db })
    local failing = trigger { terminal_after_seconds = 9, terminal_status = "failed" }
    local never = trigger { scenario_id = 3, never_complete = true }
    gl.at = 4
    local held = trigger { scenario_id = 5 }
    gl:patch(("/_mock/pipelines/%d"):format(held), { status = "pending" })
    local before = select(2, gl:raw("GET", "/projects/7/jobs?per_page=100"))
    gl:close()
    gl = assert(calls.new { db = db })
    gl.at = 4
    assert.equal(before, (select(2, gl:raw("GET", "/projects/7/jobs?per_page=100"))))
    assert.equal("running", (status_at(failing, 8.9)))
    assert.equal("failed", (status_at(failing, 9)))
    assert.equal("running", (status_at(never, 1e6)))
    assert.equal("pending", (status_at(held, 1e6)))
    assert.equal(4, (trigger {}))
    for _, tail in ipairs { "", "-wal", "-shm" } do os.remove(db .. tail) end
  end)
end)
