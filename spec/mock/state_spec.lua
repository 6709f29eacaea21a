local calls = require "support.mock_calls"
local json = require "gitlab_pipelines.json"

-- Small numbers by a generator that is the same on every Lua.
local function generator(seed)
  local state = seed
  return function(n)
    state = (state * 16807) % 2147483647
    return state % n + 1
  end
end

-- A random world of one project: stages, kinds and outcomes of jobs.
local function random_world(pick)
  local jobs = {}
  for i = 1, pick(6) do
    local job = { name = "job" .. i, stage = "stage" .. pick(3), duration = pick(4) / 2 }
    local kind = pick(8)
    if kind == 1 then job.manual = true
    elseif kind == 2 then job.manual, job.allow_failure = true, false
    elseif kind == 3 then job.when, job.start_in = "delayed", pick(3)
    elseif kind == 4 then job.when = "on_failure"
    elseif kind == 5 then job.when = "always" end
    if pick(4) == 1 then job.status = "failed" end
    if pick(6) == 1 then job.allow_failure = true end
    if pick(4) == 1 then job.cancel = 1 end
    if i > 1 and pick(4) == 1 then job.needs = { "job" .. pick(i - 1) } end
    if pick(5) == 1 then job.variants = { { when = { attempt = 2 }, status = "success" } } end
    jobs[i] = job
  end
  return { projects = { ["acme/app"] = { id = 5, created = 0.25, queued = 0.25, jobs = jobs } } }
end

-- From GitLab's documentation: where a job may be seen next, with any number of steps in between
-- unseen. What is final leaves only by a retry, which is another job; skipped ones come back.
local moves = {}
for from, list in pairs {
  created = "created pending running success failed canceling canceled skipped manual scheduled",
  pending = "pending running success failed canceling canceled",
  running = "running success failed canceling canceled",
  scheduled = "scheduled pending running success failed canceling canceled",
  manual = "manual pending running success failed canceling canceled",
  canceling = "canceling canceled",
  success = "success", failed = "failed", canceled = "canceled",
  skipped = "skipped created pending running success failed canceling canceled manual scheduled",
} do
  moves[from] = {}
  for to in list:gmatch "%a+" do moves[from][to] = true end
end

-- The composite by GitLab's rules, written from their text.
local function composed(jobs)
  local set, any = {}, false
  for _, job in ipairs(jobs) do
    local symbol = job.status
    if job.allow_failure and (symbol == "failed" or symbol == "canceled") then symbol = "warned" end
    if job.allow_failure and symbol == "manual" then symbol = "ignored" end
    set[symbol], any = true, true
  end
  local function only(text)
    for symbol in pairs(set) do
      if not (" " .. text .. " "):find(" " .. symbol .. " ", 1, true) then return false end
    end
    return any
  end
  if not any then return "success" end
  if only "skipped ignored" then return "skipped" end
  if only "success skipped warned ignored" then return "success" end
  if only "created warned ignored" then return "created" end
  if only "canceled success skipped warned ignored" then return "canceled" end
  if only "pending created skipped warned ignored" then return "pending" end
  if set.running or set.pending then return "running" end
  if set.manual then return "manual" end
  if set.scheduled then return "scheduled" end
  if set.created then return "running" end
  if set.canceling then return "canceling" end
  return "failed"
end

-- One random life; returns every answer as one text. `check` looks at each state.
local function live(seed, steps, check, options)
  local pick = generator(seed)
  options = options or {}
  local world = random_world(pick)
  local gl = assert(calls.new { world = world, seed = seed, db = options.db })
  local said = {}
  local function ask(method, target, body)
    local status, text = gl:raw(method, target, { body = body })
    said[#said + 1] = ("%g %s %s %d %s"):format(gl.at, method, target, status, text)
    return status, text
  end
  ask("POST", "/projects/5/pipeline", '{"ref":"main"}')
  for step = 1, steps do
    gl.at = gl.at + pick(8) / 4
    if options.reopen and step % 5 == 0 then
      local at = gl.at
      gl:close()
      gl = assert(calls.new { world = world, seed = seed, db = options.db })
      gl.at = at
    end
    local _, text = ask("GET", "/projects/5/pipelines/1/jobs?per_page=100")
    local jobs = json.decode(text)
    local job = jobs[pick(math.max(#jobs, 1))]
    local action = pick(10)
    if action == 1 then ask("POST", "/projects/5/pipelines/1/cancel")
    elseif action == 2 then ask("POST", "/projects/5/pipelines/1/retry")
    elseif job and action == 3 then ask("POST", ("/projects/5/jobs/%d/retry"):format(job.id))
    elseif job and action == 4 then ask("POST", ("/projects/5/jobs/%d/cancel"):format(job.id))
    elseif job and action <= 6 then ask("POST", ("/projects/5/jobs/%d/play"):format(job.id))
    elseif job and action == 7 then ask("POST", ("/projects/5/jobs/%d/erase"):format(job.id)) end
    local _, shown = ask("GET", "/projects/5/pipelines/1")
    _, text = ask("GET", "/projects/5/pipelines/1/jobs?per_page=100&include_retried=true")
    if check then check(seed, json.decode(shown), json.decode(text), said) end
  end
  gl:close()
  return table.concat(said, "\n")
end

-- Compares two lives; the message shows only where they part.
local function same(expected, got, label)
  if expected == got then return end
  local at = 1
  while expected:byte(at) == got:byte(at) do at = at + 1 end
  local from = math.max(1, at - 400)
  error(("%s: the answers differ\n%s\n---\n%s"):format(label, expected:sub(from, at + 60),
    got:sub(from, at + 60)), 2)
end

local function newest(jobs)
  local by_name, list = {}, {}
  for _, job in ipairs(jobs) do -- newest id first
    if not by_name[job.name] then
      by_name[job.name] = true
      list[#list + 1] = job
    end
  end
  return list
end

describe("the state of the simulated GitLab", function()
  it("only moves as GitLab's machine allows, whatever is done to it", function()
    local seen
    local function check(seed, pipeline, jobs, said)
      local where = "seed " .. seed .. "\n" .. table.concat(said, "\n", math.max(1, #said - 3))
      for _, job in ipairs(jobs) do
        local before = seen[job.id]
        assert.is_true(before == nil or moves[before][job.status] == true,
          ("job %d went from %s to %s, "):format(job.id, tostring(before), job.status) .. where)
        seen[job.id] = job.status
        assert.equal(job.status == "failed", job.failure_reason ~= nil, where)
        if job.finished_at and job.started_at then
          assert.is_true(job.finished_at >= job.started_at, where)
        end
      end
      assert.equal(composed(newest(jobs)), pipeline.status, where)
      local final = ("success failed canceled skipped"):find(pipeline.status, 1, true) ~= nil
      assert.equal(final, pipeline.finished_at ~= nil, where)
    end
    for seed = 1, 250 do
      seen = {}
      live(seed * 7919, 20, check)
    end
  end)

  it("gives the same bytes for the same seed and calls", function()
    for seed = 1, 20 do same(live(seed, 12), live(seed, 12), "seed " .. seed) end
  end)

  it("survives being closed and opened in between", function()
    for seed = 1, 12 do
      local db = os.tmpname()
      local function clean() for _, tail in ipairs { "", "-wal", "-shm" } do os.remove(db .. tail) end end
      clean()
      local reopened = live(seed, 15, nil, { db = db, reopen = true })
      clean()
      same(live(seed, 15), reopened, "seed " .. seed)
    end
  end)

  it("does not depend on who looks when", function()
    local function final(looks)
      local gl = assert(calls.new { world = random_world(generator(99)) })
      gl:post("/projects/5/pipeline", { ref = "main" })
      for at = 1, 20 do
        gl.at = at
        if looks and at < 20 then gl:get "/projects/5/pipelines/1" end
      end
      local _, text = gl:raw("GET", "/projects/5/pipelines/1/jobs")
      gl:close()
      return text
    end
    same(final(false), final(true), "looking")
  end)

  it("can be saved and restored", function()
    local gl = assert(calls.new { world = random_world(generator(5)) })
    gl:post("/projects/5/pipeline", { ref = "main" })
    gl.at = 1
    local _, snapshot = gl:raw("GET", "/_mock/snapshot")
    local function later()
      gl:post("/projects/5/pipelines/1/cancel")
      gl:post("/projects/5/pipeline", { ref = "other" })
      gl:post("/_mock/clock", { advance = 3 })
      return (select(2, gl:raw("GET", "/projects/5/pipelines"))) .. select(2, gl:raw("GET", "/projects/5/jobs"))
    end
    local first = later()
    assert.equal(200, (gl:call("POST", "/_mock/snapshot", snapshot,
      { headers = { { "Content-Type", "application/json" } } })))
    same(first, later(), "snapshot")
    gl:close()
  end)

  it("is read from and written to the two public tables", function()
    local db = os.tmpname()
    os.remove(db)
    local gl = assert(calls.new { db = db })
    gl:post("/projects/7/trigger/pipeline", { ref = "main", token = calls.token, terminal_after_seconds = 4,
      variables = { A = "1" } })
    gl.at = 5
    gl:get "/projects/7/pipelines/1"
    local pipe = io.popen("sqlite3 " .. db .. " 'select id, project_id, ref, status, scenario_id, "
      .. "terminal_after_seconds, terminal_status, created_at, updated_at from pipelines' 2>/dev/null")
    local text = pipe:read "*a"
    pipe:close()
    gl:close()
    for _, tail in ipairs { "", "-wal", "-shm" } do os.remove(db .. tail) end
    -- The program may be missing; the library never is.
    if text ~= "" then
      assert.equal("1|7|main|success||4||2026-01-01T00:00:00.000Z|2026-01-01T00:00:04.000Z\n", text)
    end
  end)
end)
