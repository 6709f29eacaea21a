-- A restart changes nothing: the same calls at the same times give the same bytes, headers and
-- faults, whether the simulated GitLab was closed and opened between any two of them or not; and so
-- does a snapshot that is restored after something else was done.
local calls = require "support.mock_calls"
local lives = require "support.mock_lives"

local LIVES = os.getenv "GP_FULL" == "1" and 400 or 15
local STEPS = 40
local LIMITED = "glpat-limited-0123456789"

-- Everything that is remembered between two calls: lag, limits, rules that count, requests that
-- are put off, tokens that run out, webhooks, numbers.
local function world(pick)
  local made = lives.random_world(pick)
  if pick(2) == 1 then made.lag = pick(8) / 2 end
  made.throttle = { limit = 12 + pick(20), period = 5, creations = 1 + pick(4), jobs = 3 + pick(5) }
  made.tokens = { { token = LIMITED, calls = pick(9) } }
  made.faults = {
    { method = "POST", path = "/projects/*/pipeline", apply_late = pick(6) / 2, every = 2, times = 4 },
    { path = "/projects/*/jobs/*", status = 503, probability = 0.3, headers = { ["Retry-After"] = "2" } },
    { method = "GET", path = "/projects/*/pipelines*", lag = pick(6), every = 3, after = 1 },
    { path = "/version", delay = { median = 1, sigma = 1 }, action = "truncate", bytes = 3, times = 3 },
    { path = "/user", throttle = { limit = 2, period = 4 } },
  }
  made.projects["acme/free"] = { id = 7 }
  return made
end

-- A name for a database, in memory where there is such a folder: a file is made lasting at each end.
local function new_db()
  local name = os.tmpname()
  os.remove(name)
  local in_memory = "/dev/shm/" .. name:match "[^/]*$"
  local file = io.open(in_memory, "w")
  if not file then return name end
  file:close()
  os.remove(in_memory)
  return in_memory
end

local acts = {
  { "POST", "/projects/%d/pipeline", '{"ref":"main"}' },
  { "POST", "/projects/7/pipeline", '{"ref":"main","variables":[{"key":"MOCK_TERMINAL_AFTER_SECONDS","value":"9"}]}' },
  { "POST", "/projects/%d/pipelines/%d/cancel", "{}" },
  { "POST", "/projects/%d/pipelines/%d/retry", "{}" },
  { "POST", "/projects/%d/jobs/%d/play", "{}" },
  { "POST", "/projects/%d/jobs/%d/retry", "{}" },
  { "DELETE", "/projects/%d/pipelines/%d" },
  { "POST", "/projects/%d/triggers", '{"description":"t"}' },
  { "DELETE", "/projects/%d/triggers/%d" },
  { "POST", "/projects/%d/variables", '{"key":"K","value":"v"}' },
  { "DELETE", "/projects/%d/variables/K" },
  { "POST", "/projects/%d/environments", '{"name":"review/y"}' },
  { "POST", "/_mock/scenarios", '{"name":"s","terminal_after_seconds":3}' },
  { "DELETE", "/_mock/scenarios/1000" },
  { "POST", "/_mock/faults", '{"path":"/projects/*/variables","status":500,"times":1}' },
  { "DELETE", "/_mock/faults/6" },
  { "PATCH", "/_mock/pipelines/%d", '{"terminal_after_seconds":4,"terminal_status":"failed"}' },
  { "POST", "/_mock/clock", '{"advance":1.5}' },
  { "PUT", "/projects/%d/pipelines/%d/metadata", '{"name":"renamed"}' },
  { "POST", "/projects/%d/jobs/%d/erase", "{}" },
  { "POST", "/projects/%d/jobs/%d/artifacts/keep", "{}" },
  { "DELETE", "/projects/%d/artifacts" },
  { "POST", "/projects/%d/environments/%d/stop", "{}" },
  { "DELETE", "/projects/%d/environments/review_apps?dry_run=false&before=2099-01-01T00:00:00Z" },
  { "POST", "/projects/%d/deployments", '{"environment":"review/y","ref":"main","sha":"'
    .. ("a"):rep(40) .. '","tag":false,"status":"running"}' },
  { "PUT", "/projects/%d", '{"ci_pipeline_variables_minimum_override_role":"maintainer"}' },
  { "POST", "/projects/%d/hooks", '{"url":"http://receiver.test/p","pipeline_events":true,"job_events":true}' },
  { "DELETE", "/projects/%d/hooks/%d" },
  { "GET", "/version" }, { "GET", "/user" }, { "GET", "/user" },
}

local looks = { "/projects/5/pipelines", "/projects/6/pipelines", "/projects/7/pipelines", "/projects/5/jobs",
  "/projects/7/jobs?per_page=50", "/projects/5/triggers", "/projects/5/variables", "/projects/5/environments",
  "/projects/5/deployments", "/_mock/faults", "/_mock/scenarios?per_page=3", "/_mock/pipelines", "/_mock/hooks",
  "/_mock/clock", "/projects/5/hooks",
  "/projects/5/environments/1", "/projects/5/pipelines/1/trigger_jobs", "/pipelines?per_page=5", "/projects/5",
  "/projects/5/jobs/2/trace", "/projects/7/pipelines/1", "/projects/5/jobs/1" }

local function told(status, headers, body, action, without)
  local lines = { tostring(status) }
  for _, header in ipairs(headers) do
    if not (without and (header[1] == "X-Request-Id" or header[1]:find "^RateLimit")) then
      lines[#lines + 1] = header[1] .. ": " .. header[2]
    end
  end
  if action then
    lines[#lines + 1] = ("%s %s %s %s"):format(action.kind, action.delay, action.bytes, action.interval)
  end
  lines[#lines + 1] = body
  return table.concat(lines, "\n")
end

-- One life; `options.between(gl)` is called before each step and gives the simulation to go on with.
local function live(seed, options)
  local pick = lives.generator(seed * 7919)
  local made = world(pick)
  local function open()
    return assert(calls.new { world = made, seed = seed, db = options.db, clock = seed % 4 == 0 and "virtual" or nil })
  end
  local gl, said = open(), {}
  local function ask(method, target, body, token)
    local status, headers, answer, action = gl.transport.core:request(calls.T + gl.at, method, target,
      { { "PRIVATE-TOKEN", token or calls.token }, { "Content-Type", "application/json" } }, body or "")
    said[#said + 1] = ("%d %g %s %s\n"):format(#said, gl.at, method, target)
      .. told(status, headers, answer, action, options.without)
  end
  local function webhooks()
    local hook = gl.transport.core:webhook_take(calls.T + gl.at)
    while hook do
      said[#said + 1] = ("%d %g webhook %d\n"):format(#said, gl.at, hook.id) .. told(0, hook.headers, hook.body)
      gl.transport.core:webhook_report(calls.T + gl.at, hook.id, hook.id % 5 == 0 and 500 or 200, "seen")
      hook = gl.transport.core:webhook_take(calls.T + gl.at)
    end
  end
  ask("POST", "/_mock/hooks", '{"url":"http://receiver.test/"}')
  ask("POST", "/projects/5/pipeline", '{"ref":"main"}')
  for _ = 1, STEPS do
    gl.at = gl.at + pick(8) / 4
    local act = acts[pick(#acts)]
    local own = act[2]:find "^/_mock/pipelines"
    local target = own and act[2]:format(pick(3)) or act[2]:format(pick(3) + 4, pick(4))
    local token = pick(4) == 1 and LIMITED or nil
    local look = looks[pick(#looks)]
    if options.between then gl = options.between(gl, open) end
    ask(act[1], target, act[3], token)
    ask("GET", look)
    webhooks()
  end
  gl:close()
  return said
end

-- Where two lives part.
local function same(expected, got, label)
  for i = 1, math.max(#expected, #got) do
    if expected[i] ~= got[i] then
      error(("%s, before:\n%s\n\nexpected:\n%s\n\ngot:\n%s"):format(label, tostring(expected[i - 1]):sub(1, 400),
        tostring(expected[i]), tostring(got[i])), 2)
    end
  end
end

-- Ends a simulation with its files as they are at this moment: nothing is added to them at the end.
local function kill(db, gl)
  os.execute(("cp %s %s.copy; cp %s-wal %s.copy-wal"):format(db, db, db, db))
  gl:close()
  os.execute(("rm -f %s-shm %s-wal; mv %s.copy %s; mv %s.copy-wal %s-wal"):format(db, db, db, db, db, db))
end

describe("a restart of the simulated GitLab", function()
  local function clean(db) for _, tail in ipairs { "", "-wal", "-shm" } do os.remove(db .. tail) end end

  it("changes no byte of any response, fault or webhook", function()
    local struck = 0
    for seed = 1, LIVES do
      local db = new_db()
      clean(db)
      local reopened = live(seed, { db = db, between = function(gl, open)
        gl:close()
        local fresh = open()
        fresh.at = gl.at
        return fresh
      end })
      clean(db)
      local plain = live(seed, {})
      for _, text in ipairs(plain) do
        if text:find("\n429\n", 1, true) or text:find("\n503\n", 1, true) then struck = struck + 1 end
      end
      same(plain, reopened, "seed " .. seed)
    end
    assert.is_true(struck > LIVES) -- else nothing was counted that could have been forgotten
  end)

  it("is the same after a kill, except for the windows of callers without a limit", function()
    for seed = 1, LIVES do
      local db, turn = new_db(), 0
      clean(db)
      local killed = live(seed, { db = db, without = true, between = function(gl, open)
        turn = turn + 1
        if turn % 4 ~= 0 then return gl end
        kill(db, gl)
        local fresh = open()
        fresh.at = gl.at
        return fresh
      end })
      clean(db)
      same(live(seed, { without = true }), killed, "seed " .. seed)
    end
  end)

  it("equals the restore of a snapshot, and what follows it", function()
    for seed = 1, LIVES do
      same(live(seed, { without = true }), live(seed, { without = true, between = function(gl)
        local _, snapshot = gl:raw("GET", "/_mock/snapshot")
        gl:post("/projects/5/pipelines/1/cancel")
        gl:post("/projects/7/pipeline", { ref = "elsewhere" })
        gl:get "/user"
        gl:post("/_mock/clock", { advance = seed % 7 })
        gl:delete "/_mock/faults"
        assert.equal(200, (gl:call("POST", "/_mock/snapshot", snapshot,
          { headers = { { "Content-Type", "application/json" } } })))
        return gl
      end }), "seed " .. seed)
    end
  end)

  it("keeps the list of requests, without a secret in the file", function()
    local db = new_db()
    clean(db)
    local gl = assert(calls.new { db = db })
    local secret = "glpat-nobody-knows-me"
    gl:get("/version?private_token=" .. secret)
    gl:get("/user", { token = secret })
    gl:form("/projects/7/trigger/pipeline", "ref=main&token=" .. secret)
    gl:post("/projects/7/pipeline", { ref = "main", variables = { { key = "\195\188", value = "a\"b" } }, x = 1.50 })
    local _, before = gl:raw("GET", "/_mock/requests")
    assert.truthy(before:find("redacted", 1, true))
    for _ = 1, 2 do
      gl:close()
      local pipe = assert(io.popen(("grep -c -e %s -e %s %s"):format(secret, calls.token, db)))
      assert.equal("0", pipe:read "*l")
      pipe:close()
      gl = assert(calls.new { db = db })
      assert.equal(before, (select(2, gl:raw("GET", "/_mock/requests"))))
    end
    assert.equal(1, #select(2, gl:get "/_mock/requests?path=trigger&method=post"))
    gl:get "/projects/7"
    local _, all = gl:get "/_mock/requests?after=4"
    assert.same({ 1, 5 }, { #all, all[1].number })
    gl:close()
    clean(db)
  end)

  it("finds nothing of a refused world, wherever its mistake is", function()
    for _, wrong in ipairs { { tokens = { { token = "glpat-wrong-kind-000", kind = "strange" } } },
      { faults = { { status = 503 }, { times = "x" } } } } do
      local db = new_db()
      wrong.projects = { ["acme/new"] = { id = 9 } }
      local gl = assert(calls.new { db = db, world = { projects = { ["acme/old"] = { id = 8 } } } })
      local _, before = gl:raw("GET", "/_mock/world")
      for _ = 1, 2 do
        assert.equal(400, (gl:post("/_mock/world", wrong)))
        assert.equal(before, (select(2, gl:raw("GET", "/_mock/world"))))
        assert.equal(200, (gl:get "/projects/8"))
        gl:close()
        local none, message = calls.new { db = db, world = wrong }
        assert.is_nil(none)
        assert.truthy(message:find "kind 'strange'" or message:find "times is invalid", message)
        gl = assert(calls.new { db = db })
        assert.equal(before, (select(2, gl:raw("GET", "/_mock/world"))))
        assert.same({ 200, 404 }, { (gl:get "/projects/8"), (gl:get "/projects/9") })
        assert.same({}, (select(2, gl:get "/_mock/faults")))
      end
      gl:close()
      clean(db)
    end
  end)

  it("keeps a delayed request beside one that is delayed after a kill", function()
    local db = new_db()
    local gl = assert(calls.new { db = db })
    gl:post("/_mock/faults", { method = "POST", path = "/projects/*/pipeline", apply_late = 30 })
    for turn = 1, 3 do
      gl:post("/projects/7/pipeline", { ref = "r" .. turn })
      kill(db, gl)
      gl = assert(calls.new { db = db })
      gl.at = turn
    end
    gl.at = 60
    local refs = {}
    for i, row in ipairs((select(2, gl:get "/_mock/pipelines"))) do refs[i] = row.ref end
    assert.same({ "r3", "r2", "r1" }, refs)
    gl:close()
    clean(db)
  end)

  it("keeps a scenario's jobs free of the world's definitions", function()
    for _, own in ipairs { true, false } do
      local db = new_db()
      local world_of = { projects = { ["acme/app"] = { id = 5, created = 0, jobs = {
        { name = "a", trigger = { child = { jobs = { { name = "y" } } } } },
        { name = "b", stage = "z", log = "of b\n" } } } } }
      local gl = assert(calls.new { db = db, world = world_of })
      gl:post("/projects/5/trigger/pipeline", { ref = "main", token = calls.token,
        terminal_after_seconds = own and 50 or nil })
      if not own then gl:patch("/_mock/pipelines/1", { terminal_after_seconds = 50 }) end
      gl:post "/projects/5/pipelines/1/cancel"
      gl:post "/projects/5/pipelines/1/retry"
      local function all()
        local text = {}
        for i, target in ipairs { "/_mock/pipelines", "/projects/5/jobs", "/projects/5/pipelines/1/trigger_jobs",
          "/projects/5/jobs/5/trace" } do text[i] = select(2, gl:raw("GET", target)) end
        return text
      end
      gl.at = 40
      local before = all()
      gl:close()
      gl = assert(calls.new { db = db })
      gl.at = 40
      assert.same(before, all())
      gl:close()
      clean(db)
    end
  end)

  it("does not reuse the ids of deleted rows", function()
    for path, body in pairs { ["/projects/5/triggers"] = { description = "d" }, ["/_mock/faults"] = { lag = 1 },
      ["/projects/5/environments"] = { name = "x" }, ["/_mock/hooks"] = { url = "http://receiver.test/" },
      ["/_mock/scenarios"] = { name = "s" } } do
      local db = new_db()
      clean(db)
      local ids = {}
      for i = 1, 2 do
        local gl = assert(calls.new { db = db })
        local status, made = gl:post(path, body)
        assert.equal(201, status)
        ids[i] = made.id or made.scenario_id
        if path:find "environments" then gl:post(path .. "/" .. ids[i] .. "/stop") end
        assert.truthy((gl:delete(path .. "/" .. ids[i])) < 300)
        gl:close()
      end
      clean(db)
      assert.equal(ids[1] + 1, ids[2], path)
    end
  end)

  it("gives no id twice, and keeps the time", function()
    local db = new_db()
    clean(db)
    local gl = assert(calls.new { db = db, clock = "virtual" })
    local _, _, first = gl:get "/_mock/clock"
    gl:close()
    gl = assert(calls.new { db = db, clock = "virtual" })
    gl.at = 500
    local _, clock, second = gl:get "/_mock/clock"
    assert.equal(calls.T, clock.epoch)
    assert.not_equal(first["x-request-id"], second["x-request-id"])
    gl:close()
    clean(db)
  end)
end)
