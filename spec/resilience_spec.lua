-- The whole client in virtual time against the simulated GitLab with random faults: whatever
-- happens, windows hold, calls end in time, nothing is created twice, and all is well afterwards.
local client_of = require "gitlab_pipelines.client"
local json = require "gitlab_pipelines.json"
local mock = require "gitlab_pipelines.mock"
local operations = require "gitlab_pipelines.operations"
local most_within = require "support.most_within"
local seeds = require "support.seeds"
local virtual = require "gitlab_pipelines.runtime.virtual"

local HOME = "https://gitlab.example.com"

-- Archives lie in a store of their own: a download is two requests to two origins.
local jobs = { { name = "build", duration = 5, artifacts = { ["a.txt"] = "a" } }, { name = "test", duration = 90 } }
local WORLD = { object_storage = true, projects = { ["group/one"] = { id = 1, jobs = jobs },
  ["group/two"] = { id = 2, jobs = jobs } } }

local LIMITS = { per_second = 5, per_minute = 70, create_per_minute = 6, jobs_per_minute = 8 }

local function faults(random)
  local kinds = {
    { status = 429, headers = { ["Retry-After"] = tostring(random.int(1, 20)) } },
    { status = 429 },
    { status = 500 }, { status = 502 }, { status = 503 }, { status = 504 },
    { status = 503, headers = { ["Retry-After"] = tostring(random.int(1, 40)) } },
    { status = 502, apply = true }, { status = 500, apply = true },
    { status = 409, body = { message = "409 Conflict: Resource lock" }, apply = true },
    { status = 429, body = { message = "Upstream Gitaly has been exhausted. Try again later" },
      headers = { ["Content-Type"] = "application/json" }, apply = true },
    { status = 400, method = "POST",
      body = { message = { base = { "Too many pipelines created in the last minute. Try again later." } } } },
    { apply_then_drop = true }, { apply_late = random.int(1, 30) }, { drop = true }, { reset = true },
    { delay = random.int(1, 50) }, { truncate = true },
  }
  local rules = {}
  for i = 1, random.int(1, 4) do
    local rule = { probability = random.pick { 0.1, 0.3, 0.6, 1 } }
    for name, value in pairs(random.pick(kinds)) do rule[name] = value end
    rules[i] = rule
  end
  return rules
end

-- Wraps the transport: what was sent when, and how it ended.
local function recorded(transport, rt, start)
  local log = {}
  local recorder = {}
  function recorder:perform(request) -- luacheck: ignore 212
    local entry = { at = rt:now(), operation = request.operation, effect = request.effect,
      client = request.max_bytes,
      exchange = request.exchange, project = request.url:match "/projects/(%d+)",
      at_store = request.url:find(HOME, 1, true) ~= 1, hop = request.hop }
    log[#log + 1] = entry
    local response, failure = transport:perform(request)
    entry.status = response and response.status or failure.outcome
    entry.body = response and response.body
    entry.line = ("%.6f %s %s %s"):format(entry.at - start, entry.operation,
      entry.at_store and "store" or entry.project, entry.status)
    return response, failure
  end
  return recorder, log
end

-- {operation, arguments} of a random call on pipelines 1 to 3, which exist.
local function any_call(random)
  local project = random.int(1, 2)
  local roll = random.unit()
  if roll < 0.35 then
    return operations.pipelines.create, { project = project, body = { ref = "main" } }
  elseif roll < 0.65 then
    return operations.pipelines.get, { project = 1, pipeline_id = random.int(1, 3) }
  elseif roll < 0.75 then
    return operations.jobs.list_project, { project = project, query = {} }
  elseif roll < 0.85 then
    return operations.pipelines.cancel, { project = 1, pipeline_id = random.int(1, 3) }
  elseif roll < 0.93 then
    return operations.artifacts.download, { project = 1, job_id = random.pick { 1, 3, 5 } }
  end
  return operations.pipelines.list, { project = project, query = {} }
end

local function http(transport, method, path, value)
  local status, body = transport:request(method, path, { body = value and json.encode(value) })
  assert(status < 300, ("%s %s: %d %s"):format(method, path, status, body))
  return body ~= "" and json.decode(body) or nil
end

local function run(seed)
  local random = seeds.new(seed)
  local rt = virtual.new { seed = seed }
  local start = rt:now()
  local transport = assert(mock.new { seed = seed, runtime = rt, token = "glpat-resilience",
    world = WORLD })
  local recorder, log = recorded(transport, rt, start)
  -- Two clients of one token: the windows are theirs together, the budget is each one's own. What
  -- they send is told apart by its bound on bodies.
  local function new(max_bytes)
    return assert(client_of.new { url = HOME, token = "glpat-resilience", transport = recorder,
      runtime = rt, limits = LIMITS, journal = nil, max_bytes = max_bytes })
  end
  local client, second = new(2 ^ 26), new(2 ^ 26 - 1)
  local calls = {}
  rt:run(function()
    for _ = 1, 3 do
      assert(client:call(operations.pipelines.create, { project = 1, body = { ref = "main" } }))
    end
    for _, rule in ipairs(faults(random)) do http(transport, "POST", "/_mock/faults", rule) end
    local tasks = {}
    for i = 1, random.int(20, 60) do
      local op, args = any_call(random)
      local call = { op = op, wait = random.unit() * 60, total = random.pick { 5, 20, 60, 120 } }
      calls[i] = call
      tasks[i] = rt:spawn(function()
        rt:sleep(call.wait)
        call.began = rt:now()
        local one = i % 2 == 0 and client or second
        call.result, call.err = one:call(op, args, { timeout = call.total })
        call.ended = rt:now()
      end)
    end
    for _, task in ipairs(tasks) do task:join() end
    http(transport, "DELETE", "/_mock/faults")
    -- Once faults have stopped and time has passed, everything works.
    rt:sleep(400)
    for _ = 1, 3 do
      assert(client:call(operations.pipelines.get, { project = 1, pipeline_id = 1 }))
    end
  end)
  local made = http(transport, "GET", "/_mock/pipelines?per_page=100")
  return { log = log, calls = calls, stats = client:stats(), made = #made }
end

local function check_windows(log)
  local all, creations, listed, store = {}, {}, {}, {}
  for _, entry in ipairs(log) do
    table.insert(entry.at_store and store or all, entry.at)
    if entry.operation == "jobs.list_project" then listed[#listed + 1] = entry.at end
    if entry.operation == "pipelines.create" then
      creations[entry.project] = creations[entry.project] or {}
      table.insert(creations[entry.project], entry.at)
    end
  end
  assert(most_within(all, 1) <= LIMITS.per_second, "per second")
  assert(most_within(all, 60) <= LIMITS.per_minute, "per minute")
  assert(most_within(store, 1) <= LIMITS.per_second, "per second at the store")
  assert(most_within(store, 60) <= LIMITS.per_minute, "per minute at the store")
  assert(most_within(listed, 60) <= LIMITS.jobs_per_minute, "jobs per minute")
  for _, times in pairs(creations) do
    assert(most_within(times, 60) <= LIMITS.create_per_minute, "creations per minute")
  end
end

-- Answers to a create after which it may be sent again: nothing has been done.
local function was_refused(entry)
  local body = entry.body or ""
  if entry.status == 429 then return not body:find "Gitaly" end
  return entry.status == 400 and body:find "Too many pipelines" ~= nil
end

-- What was sent again, and not because a 429 asked for it. (What happened at the store is not known
-- here: an attempt that was sent on there is left out.)
local function check_budget(log, client)
  local last, repeated = {}, {}
  for _, entry in ipairs(log) do
    if entry.client == client and not entry.at_store and not entry.hop then
      local before = last[entry.exchange]
      if before and before.status ~= 302 and before.status ~= 429 and not was_refused(before) then
        repeated[#repeated + 1] = entry.at
      end
      last[entry.exchange] = entry
    end
  end
  -- A fifth of what so narrow windows let through is less than the ten that are always allowed.
  local most = most_within(repeated, 9)
  assert(most <= 10, most .. " repetitions in 9 s")
  return most
end

local function check(outcome)
  check_windows(outcome.log)
  for _, client in ipairs { 2 ^ 26, 2 ^ 26 - 1 } do check_budget(outcome.log, client) end
  local sent = {}
  for _, entry in ipairs(outcome.log) do
    if entry.effect == "create" then
      assert(not sent[entry.exchange] or was_refused(sent[entry.exchange]),
        "a create was sent again after " .. tostring(sent[entry.exchange] and sent[entry.exchange].status))
      sent[entry.exchange] = entry
    end
  end
  local certain, doubtful = 3, 0
  for i, call in ipairs(outcome.calls) do
    assert(call.ended - call.began <= call.total + 1e-6, ("call %d took %.3f s of %d"):format(i,
      call.ended - call.began, call.total))
    if call.op.effect == "create" then
      if call.result then
        certain = certain + 1
      elseif call.err.unknown_outcome then
        doubtful = doubtful + 1
      end
    end
  end
  assert(outcome.made >= certain and outcome.made <= certain + doubtful,
    ("%d pipelines, %d certain and %d doubtful"):format(outcome.made, certain, doubtful))
  assert(outcome.stats.breaker.state == "closed", "the breaker is " .. outcome.stats.breaker.state)
  assert(outcome.stats.waiting == 0 and outcome.stats.in_flight == 0, "somebody is left in the queue")
end

local function trace(outcome)
  local lines = {}
  for i, entry in ipairs(outcome.log) do lines[i] = entry.line end
  for _, call in ipairs(outcome.calls) do lines[#lines + 1] = tostring(call.err) end
  return table.concat(lines, "\n")
end

describe("the whole client under faults", function()
  it("keeps its promises, and does the same again with the same seed", function()
    local downloaded = 0
    for seed in seeds.each(1000, 100) do
      seeds.named(seed, function()
        local outcome = run(seed)
        check(outcome)
        for _, call in ipairs(outcome.calls) do
          if call.op == operations.artifacts.download and call.result then downloaded = downloaded + 1 end
        end
        assert(trace(outcome) == trace(run(seed)), "the second run differs")
      end)
    end
    assert.is_true(downloaded > 0)
  end)
end)
