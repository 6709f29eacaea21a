local calls = require "support.mock_calls"
local lives = require "support.mock_lives"

-- 500 random lives, or 10,000 where GP_FULL=1 asks for all.
local LIVES = os.getenv "GP_FULL" == "1" and 10000 or 500
local STEPS = 12

-- From GitLab's documentation: where a job may be seen next, with any number of steps in between
-- unseen. What is final leaves only by a retry, which is another job; skipped ones come back.
local queue = "waiting_for_resource preparing waiting_for_callback pending"
local ends = "running success failed canceling canceled"
local moves = {}
for from, list in pairs {
  created = "created skipped manual scheduled " .. queue .. " " .. ends,
  waiting_for_resource = queue .. " " .. ends,
  preparing = "preparing waiting_for_callback pending " .. ends,
  waiting_for_callback = "waiting_for_callback pending " .. ends,
  pending = "pending " .. ends,
  running = ends,
  scheduled = "scheduled " .. queue .. " " .. ends,
  manual = "manual " .. queue .. " " .. ends,
  canceling = "canceling canceled",
  success = "success", failed = "failed", canceled = "canceled",
  skipped = "created skipped manual scheduled " .. queue .. " " .. ends,
} do
  moves[from] = {}
  for to in list:gmatch "[%a_]+" do moves[from][to] = true end
end

local final = { success = true, failed = true, canceled = true, skipped = true }

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
  if only "preparing warned ignored" then return "preparing" end
  if only "canceled success skipped warned ignored" then return "canceled" end
  if only "pending created skipped warned ignored" then return "pending" end
  if set.running or set.pending then return "running" end
  for _, status in ipairs { "waiting_for_resource", "waiting_for_callback", "manual", "scheduled",
    "preparing" } do
    if set[status] then return status end
  end
  if set.created then return "running" end
  if set.canceling then return "canceling" end
  return "failed"
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

-- The newest attempt of each job; they come newest first.
local function newest(jobs, bridges)
  local known, list = {}, {}
  for _, all in ipairs { jobs, bridges } do
    for _, job in ipairs(all) do
      if not known[job.name] then
        known[job.name] = true
        list[#list + 1] = job
      end
    end
  end
  return list
end

-- Looks at everything that is shown of a life.
local function watcher()
  local seen, running = {}, {}
  local function complain(life, ...)
    error(("seed %d: "):format(life.seed) .. (...):format(select(2, ...)) .. "\n"
      .. table.concat(life.said, "\n", math.max(1, #life.said - 3)), 0)
  end
  local function look_at(job, life)
    local before = seen[job.id]
    if before and not moves[before][job.status] then
      complain(life, "job %d went from %s to %s", job.id, before, job.status)
    end
    seen[job.id] = job.status
    if (job.status == "failed") ~= (job.failure_reason ~= nil) then
      complain(life, "job %d is %s with reason %s", job.id, job.status, tostring(job.failure_reason))
    end
    if job.finished_at and job.started_at and job.finished_at < job.started_at then
      complain(life, "job %d ended before it began", job.id)
    end
    if job.status == "running" and not (job.started_at and job.runner) then
      complain(life, "job %d runs nowhere", job.id)
    end
  end
  return function(pipeline, jobs, bridges, life)
    for _, job in ipairs(jobs) do look_at(job, life) end
    local status = composed(newest(jobs, bridges))
    if status ~= pipeline.status then
      complain(life, "pipeline %d is %s, its jobs make %s", pipeline.id, pipeline.status, status)
    end
    if final[pipeline.status] ~= (pipeline.finished_at and true) then
      complain(life, "pipeline %d: %s, finished at %s", pipeline.id, pipeline.status,
        tostring(pipeline.finished_at))
    end
    for _, bridge in ipairs(bridges) do
      local made = bridge.downstream_pipeline
      if made and running[bridge.id] and running[bridge.id] ~= made.id then
        complain(life, "trigger job %d made two pipelines", bridge.id)
      end
      if made then running[bridge.id] = made.id end
    end
  end
end

describe("the state of the simulated GitLab", function()
  it("only moves as GitLab's machine allows; the same seed and calls give the same bytes, restored or not",
    function()
      for seed = 1, LIVES do
        local first = lives.live(seed, STEPS, { check = watcher() })
        same(first, lives.live(seed, STEPS, { rewind = true }), "seed " .. seed)
      end
    end)

  it("survives being closed and opened in between", function()
    for seed = 1, math.floor(LIVES / 20) do
      local db = os.tmpname()
      local function clean() for _, tail in ipairs { "", "-wal", "-shm" } do os.remove(db .. tail) end end
      clean()
      local reopened = lives.live(seed, 15, { db = db, reopen = true })
      clean()
      same(lives.live(seed, 15), reopened, "seed " .. seed)
    end
  end)

  it("does not depend on the times of reads", function()
    local function all(seed, looks)
      local gl = assert(calls.new { world = lives.random_world(lives.generator(seed)) })
      gl:post("/projects/5/pipeline", { ref = "main" })
      for at = 1, 20 do
        gl.at = at
        if looks and at < 20 then gl:get "/projects/5/pipelines/1" end
      end
      local text = {}
      for _, target in ipairs { "/projects/5/jobs", "/projects/6/jobs", "/_mock/pipelines" } do
        text[#text + 1] = select(2, gl:raw("GET", target))
      end
      gl:close()
      return table.concat(text, "\n")
    end
    for seed = 1, 50 do same(all(seed, false), all(seed, true), "seed " .. seed) end
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
