local core = require "gitlab_pipelines.core"
local exchanges = require "support.exchanges"
local seeds = require "support.seeds"

local START = 1767225600
local MARGIN = 1e-6
local AGED = 30

-- The model: the guarantee's text, naively. It keeps every request with the time at which it was
-- sent (or that it is held), and looks at all of them each time.

local rule_names = { "second", "minute", "create", "jobs" }

local function new_model(rules)
  return { rules = rules, taken = {}, queue = {}, drained = {}, quotas = {}, in_flight = 0 }
end

-- The windows that concern a request, by name.
local function windows_of(model, request)
  local list = {}
  for _, name in ipairs(rule_names) do
    local rule = model.rules[name]
    local subject = name == "create" and request.create_subject or name == "jobs" and request.lists_jobs
      or (name == "second" or name == "minute")
    if rule and subject then
      list[#list + 1] = { rule = rule, key = name .. tostring(name == "create" and subject or "") }
    end
  end
  return list
end

-- The earliest moment, not before now, at which the request has room everywhere, if nothing else
-- happens; math.huge while that hangs on a request that is held.
local function room_at(model, request, now)
  local earliest = now
  for _, window in ipairs(windows_of(model, request)) do
    local stamps, held = {}, 0
    for _, place in ipairs(model.taken) do
      if place.keys[window.key] then
        if not place.sent then
          held = held + 1
        elseif place.sent + window.rule.length + MARGIN > now then
          stamps[#stamps + 1] = place.sent
        end
      end
    end
    table.sort(stamps)
    local over = #stamps + held - window.rule.count + 1
    if over > #stamps then return math.huge end
    if over > 0 then earliest = math.max(earliest, stamps[over] + window.rule.length + MARGIN) end
    earliest = math.max(earliest, model.drained[window.key] or 0)
  end
  for _, quota in pairs(model.quotas) do
    if quota.left <= 0 and quota.till > now then earliest = math.max(earliest, quota.till) end
  end
  return earliest
end

-- The queue in order: the aged by arrival, then by class and arrival.
local classes = { cancel = 1, create = 2, read = 3, poll = 4 }
local function ordered(model, now)
  local list = {}
  for _, request in ipairs(model.queue) do list[#list + 1] = request end
  table.sort(list, function(a, b)
    local a_aged, b_aged = now >= a.since + AGED, now >= b.since + AGED
    if a_aged ~= b_aged then return a_aged end
    if not a_aged and a.class ~= b.class then return classes[a.class] < classes[b.class] end
    return a.number < b.number
  end)
  return list
end

local function remove(list, value)
  for i, one in ipairs(list) do
    if one == value then return table.remove(list, i) end
  end
end

-- Admits everybody who can go now; the requests admitted.
local function model_serve(model, now)
  local admitted = {}
  for _, request in ipairs(ordered(model, now)) do
    if room_at(model, request, now) <= now then
      remove(model.queue, request)
      local place = { keys = {} }
      for _, window in ipairs(windows_of(model, request)) do place.keys[window.key] = true end
      request.place = place
      model.taken[#model.taken + 1] = place
      for _, quota in pairs(model.quotas) do quota.left = quota.left - 1 end
      model.in_flight = model.in_flight + 1
      admitted[request] = true
    end
  end
  return admitted
end

local function quota_said(model, name, left, now, till)
  left = math.max(0, left - model.in_flight)
  local quota = model.quotas[name]
  if quota and quota.till > now and till < quota.till + 1 then
    quota.left = math.min(math.max(0, quota.left), left)
  else
    model.quotas[name] = { left = left, till = till }
  end
end

-- The world: both, driven by one list of events as callers would: each asks when it was told to,
-- or when it is woken.

local function new_world(random)
  local function count(most) return random.chance(0.8) and random.int(1, most) or false end
  local limits = { per_second = count(4), per_minute = count(9), create_per_minute = count(3),
    jobs_per_minute = count(3) }
  local function rule(n, length) return n and { count = n, length = length } end
  return {
    random = random, now = START + random.unit(), number = 0, events = {}, event_number = 0,
    policy = core.policy.new { limits = limits },
    model = new_model { second = rule(limits.per_second, 1), minute = rule(limits.per_minute, 60),
      create = rule(limits.create_per_minute, 60), jobs = rule(limits.jobs_per_minute, 60) },
    sent = {}, waiting = {},
  }
end

local function at(world, time, fn)
  world.event_number = world.event_number + 1
  world.events[#world.events + 1] = { time = time, tie = world.random.unit(), fn = fn }
end

local function http_date(seconds) return core.time.http(seconds) end

local ask

local function wake_all(world)
  for _, request in ipairs(world.waiting) do
    request.turn = request.turn + 1
    local turn = request.turn
    at(world, world.now, function() ask(world, request, turn) end)
  end
end

-- What the server answers, fed to both.
local function finish(world, request)
  local random, now, model = world.random, world.now, world.model
  request.done = true
  if not request.place.sent then request.place.sent = now end
  model.in_flight = model.in_flight - 1
  local roll = random.unit()
  if roll < 0.06 then
    local seconds = random.int(1, 90)
    request.x:feed(now, random.unit(), "ok", 429,
      { retry_after = tostring(seconds), type = "text/plain", body = "Retry later" })
    for _, name in ipairs { "second", "minute" } do
      model.drained[name] = math.max(model.drained[name] or 0, now + seconds)
    end
  elseif roll < 0.1 and request.create_subject then
    request.x:feed(now, random.unit(), "ok", 400,
      { type = "application/json", body = "Too many pipelines created in the last minute" })
    local key = "create" .. request.create_subject
    model.drained[key] = math.max(model.drained[key] or 0, now + 60)
  elseif roll < 0.16 then
    local left, name, seconds = random.int(0, 6), random.pick { "a", "b" }, random.int(1, 40)
    local date = math.floor(now)
    request.x:feed(now, random.unit(), "ok", 200,
      { date = http_date(date), reset = tostring(date + seconds), remaining = tostring(left), name = name })
    quota_said(model, name, left, now, now + seconds)
  else
    request.x:feed(now, random.unit(), "ok", 200)
  end
  if request.x:wakes() then wake_all(world) end
end

local function admitted(world, request)
  remove(world.waiting, request)
  world.admitted_now[request] = true
  local random = world.random
  -- Held until a connection is ready; some never get one.
  if random.chance(0.9) then
    at(world, world.now + random.unit() * 0.8, function()
      if request.done then return end
      request.x:sent(world.now)
      request.place.sent = world.now
      world.sent[#world.sent + 1] = { time = world.now, keys = request.place.keys }
    end)
  end
  at(world, world.now + 0.8 + random.unit(), function() finish(world, request) end)
end

function ask(world, request, turn)
  if request.turn ~= turn or request.gone then return end
  local verdict, till = request.x:next(world.now)
  if verdict == "send" then return admitted(world, request) end
  assert(verdict == "wait" and till > world.now, "told to ask again at once")
  at(world, till, function() ask(world, request, turn) end)
end

local function arrive(world)
  local random = world.random
  world.number = world.number + 1
  local request = { number = world.number, since = world.now, turn = 1,
    class = random.pick { "cancel", "create", "read", "poll", "poll" },
    create_subject = random.chance(0.4) and random.pick { "1 main", "2 main", "1 dev" } or nil,
    lists_jobs = random.chance(0.2) }
  request.x = exchanges.new(world.policy, { effect = "read", class = request.class, no_retry = true,
    create_subject = request.create_subject, lists_jobs = request.lists_jobs })
  world.model.queue[#world.model.queue + 1] = request
  world.waiting[#world.waiting + 1] = request
  ask(world, request, 1)
  if random.chance(0.15) then
    at(world, world.now + random.unit() * 70, function()
      if request.place or request.gone then return end
      request.gone = true
      remove(world.waiting, request)
      remove(world.model.queue, request)
      request.x:close(world.now)
      if request.x:wakes() then wake_all(world) end
    end)
  end
end

local function next_event(world)
  local best
  for i, event in ipairs(world.events) do
    local other = best and world.events[best]
    if not best or event.time < other.time or event.time == other.time and event.tie < other.tie then
      best = i
    end
  end
  return best and world.events[best], best
end

-- Everything that happens at one instant, then both must agree on who may go.
local function instant(world)
  local event = next_event(world)
  local now = event.time
  for _, request in ipairs(world.model.queue) do
    local possible = room_at(world.model, request, world.now)
    assert(possible >= now, ("request %d could have gone %.9f s earlier"):format(request.number,
      now - possible))
  end
  world.now = now
  world.admitted_now = {}
  local expected = {}
  while true do
    local position
    event, position = next_event(world)
    if not event or event.time > now then break end
    table.remove(world.events, position)
    event.fn()
    for request in pairs(model_serve(world.model, now)) do expected[request] = true end
  end
  for request in pairs(world.admitted_now) do
    assert(expected[request], ("request %d went, the model says no"):format(request.number))
  end
  for request in pairs(expected) do
    assert(world.admitted_now[request], ("request %d should have gone"):format(request.number))
  end
end

-- In any interval of a window's length, both ends counted in, at most its count.
local function check_windows(world)
  local limits = {}
  for name, rule in pairs(world.model.rules) do
    if rule then limits[name] = rule end
  end
  local by_key = {}
  for _, sent in ipairs(world.sent) do
    for key in pairs(sent.keys) do
      by_key[key] = by_key[key] or {}
      table.insert(by_key[key], sent.time)
    end
  end
  for key, times in pairs(by_key) do
    local rule = limits[key:match "^%l+"]
    table.sort(times)
    for i = rule.count + 1, #times do
      local span = times[i] - times[i - rule.count]
      assert(span > rule.length, ("%s: %d requests within %.9f s"):format(key, rule.count + 1, span))
    end
  end
end

local function run_schedule(seed)
  local random = seeds.new(seed)
  local world = new_world(random)
  local time = world.now
  for _ = 1, random.int(5, 28) do
    if random.chance(0.5) then time = time + random.unit() * random.pick { 0.2, 3, 40 } end
    at(world, time, function() arrive(world) end)
  end
  local steps = 0
  while #world.events > 0 do
    instant(world)
    steps = steps + 1
    assert(steps < 5000, "does not end")
  end
  assert(#world.waiting == 0, "somebody waits for ever")
  check_windows(world)
end

describe("the limiter", function()
  it("does in random schedules what a brute-force model says", function()
    for seed in seeds.each(10000, 250) do
      seeds.named(seed, function() run_schedule(seed) end)
    end
  end)

  local function exchange(policy, options)
    options = options or {}
    options.effect, options.class = options.effect or "read", options.class or "read"
    return exchanges.new(policy, options)
  end

  it("counts a place from when its bytes left, not from when it was given", function()
    local policy = core.policy.new { limits = { per_second = 1 } }
    local one, two = exchange(policy), exchange(policy)
    assert.equals("send", (one:next(START)))
    local verdict, till = two:next(START)
    assert.equals("wait", verdict)
    one:sent(START + 0.9)
    verdict, till = two:next(till)
    assert.equals("wait", verdict)
    assert.is_true(till > START + 1.9 and till < START + 1.9001)
    assert.equals("send", (two:next(till)))
  end)

  it("counts in another policy's windows once it has joined it, which it may before its first call", function()
    local first = core.policy.new { limits = { per_second = 1 } }
    local second, third = core.policy.new { limits = { per_second = 1 } }, core.policy.new { limits = {} }
    assert.is_true(second:join(first))
    assert.equals("send", (exchange(first):next(START)))
    assert.equals("wait", (exchange(second):next(START)))
    assert.equals("send", (exchange(third):next(START)))
    assert.is_false(third:join(first))
    assert.equals(1, third:stats(START).windows.second.used)
    assert.has_error(function() core.policy.new({ limits = false }):join(first) end)
    assert.has_error(function() core.policy.new({ limits = {} }):join(core.policy.new { limits = false }) end)
  end)

  it("counts an attempt that never left from its end", function()
    local policy = core.policy.new { limits = { per_second = 1 } }
    local one, two = exchange(policy), exchange(policy)
    one:next(START)
    one:feed(START + 5, 0, "never_sent")
    local _, till = two:next(START + 5)
    assert.is_true(till > START + 6)
  end)

  it("lets bytes leave a second time only where there is another place", function()
    local policy = core.policy.new { limits = { per_second = 2, per_minute = false } }
    local one = exchange(policy)
    one:next(START)
    assert.is_true(one:sent(START))
    assert.is_true(one:sent(START + 0.1))
    assert.equals(START + 0.1, one:sent_at())
    assert.is_false(one:sent(START + 0.2))
    assert.equals(START + 0.1, one:sent_at())
    local stats = policy:stats(START + 0.3)
    assert.same({ 2, 1, 0 }, { stats.windows.second.used, stats.in_flight, stats.waiting })
    local verdict, till = exchange(policy):next(START + 0.3)
    assert.equals("wait", verdict)
    assert.is_true(till > START + 1 and till < START + 1.01)
    one:feed(START + 0.4, 0, "ok", 200)
    assert.equals(0, policy:stats(START + 0.4).in_flight)
    assert.is_true(one:sent(START + 0.5)) -- of what is over, nothing is counted
    assert.equals(2, policy:stats(START + 0.5).windows.second.used)
    assert.equals(0, policy:stats(START + 1.2).windows.second.used)
  end)

  it("lets none leave again while the other places are held, or the server said that none is left",
    function()
    local policy = core.policy.new { limits = { per_second = 2, per_minute = false } }
    local one, two, three = exchange(policy), exchange(policy), exchange(policy)
    one:next(START)
    two:next(START)
    one:sent(START + 0.1)
    assert.is_false(one:sent(START + 0.2))
    two:sent(START + 0.4)
    local verdict, till = three:next(START + 0.4)
    assert.equals("wait", verdict)
    assert.is_true(till > START + 1.1 and till < START + 1.1001)
    policy = core.policy.new {}
    one, two = exchange(policy), exchange(policy)
    one:next(START)
    one:sent(START)
    two:next(START)
    two:feed(START, 0, "ok", 200, { remaining = "1", name = "throttle" }) -- one is under way
    assert.is_false(one:sent(START + 1))
    assert.is_true(one:sent(START + 61))
  end)

  it("finds another place for what has to be sent again, as the same attempt", function()
    local policy = core.policy.new { limits = { per_second = 1 }, retry = { budget = 0 } }
    local breaker = core.policy.breaker { failures = 2 }
    local one = exchanges.new(policy, { effect = "set", class = "read" }, breaker)
    one:next(START)
    one:sent(START)
    assert.is_false(one:sent(START + 0.1))
    one:moved(START + 0.1, 0)
    assert.is_true(one:doubtful())
    local verdict, till = one:next(START + 0.1)
    assert.equals("wait", verdict)
    assert.same({ "send" }, { one:next(till) })
    assert.equals(1, one:attempts())
    assert.same({ "done", "ok" }, { one:feed(till, 0, "ok", 200) })
    assert.equals(0, breaker:stats(till).failures)
    assert.equals(0, policy:stats(till).retries)
  end)

  it("lets a request whose own subject is full hold up nobody else", function()
    local policy = core.policy.new { limits = { per_second = 10, create_per_minute = 1 } }
    local first, second, other = exchange(policy, { class = "create", create_subject = "1 main" }),
      exchange(policy, { class = "create", create_subject = "1 main" }),
      exchange(policy, { class = "create", create_subject = "2 main" })
    assert.equals("send", (first:next(START)))
    first:sent(START)
    local verdict, till = second:next(START)
    assert.equals("wait", verdict)
    assert.is_true(till > START + 60 and till < START + 60.001)
    assert.equals("send", (other:next(START)))
  end)

  it("makes who comes beyond the room for subjects wait until one is idle", function()
    -- So many creations a minute that there is room for 16 subjects only.
    local policy = core.policy.new { limits = { per_second = false, per_minute = false,
      create_per_minute = 5000 } }
    for i = 1, 16 do
      local x = exchange(policy, { create_subject = "project " .. i })
      assert.equals("send", (x:next(START)))
      x:sent(START + i)
      x:feed(START + i, 0, "ok", 201)
    end
    local held = exchange(policy, { create_subject = "project 1" })
    assert.equals("send", (held:next(START + 17)))
    local late = exchange(policy, { create_subject = "another" })
    local verdict, till = late:next(START + 20)
    assert.equals("wait", verdict)
    assert.is_true(till > START + 62 and till < START + 62.001, "project 1 is held, 2 falls idle first")
    assert.equals("send", (late:next(till)))
  end)

  it("forgets a place that the breaker made it give back", function()
    local policy = core.policy.new { limits = { per_second = 1, per_minute = false } }
    local breaker = core.policy.breaker { failures = 1 }
    local one = exchanges.new(policy, { effect = "read", class = "read" }, breaker)
    local two = exchanges.new(policy, { effect = "read", class = "read" }, breaker)
    local three = exchange(policy)
    assert.equals("send", (one:next(START)))
    one:sent(START)
    assert.equals("wait", (two:next(START)))
    assert.equals("wait", (three:next(START)))
    -- At this moment `three` asks: `two`, which is ahead, is given the place.
    assert.equals("wait", (three:next(START + 1.1)))
    local other = exchanges.new(policy, { effect = "read", class = "read" }, breaker)
    one:feed(START + 1.1, 0, "unknown")
    other:close(START + 1.1)
    local helper = core.policy.new { limits = false }
    local x = exchanges.new(helper, { effect = "read", class = "read", no_retry = true }, breaker)
    x:next(START + 1.1)
    x:feed(START + 1.1, 0, "unknown")
    assert.equals("open", (breaker:state(START + 1.1)))
    assert.equals("wait", (two:next(START + 1.1)))
    assert.is_true(two:wakes())
    assert.equals("send", (three:next(START + 1.1)))
  end)

  it("says in its statistics what it holds", function()
    local policy = core.policy.new { limits = { jobs_per_minute = false } }
    local x = exchange(policy)
    x:next(START)
    local stats = policy:stats(START)
    assert.equals(1, stats.windows.second.used)
    assert.equals(10, stats.windows.second.limit)
    assert.equals(600, stats.windows.minute.limit)
    assert.is_nil(stats.windows.jobs)
    assert.equals(1, stats.in_flight)
    x:sent(START)
    x:feed(START, 0, "ok", 429, { retry_after = "5", type = "text/plain", body = "Retry later" })
    assert.equals(5, policy:stats(START).windows.minute.closed_for)
    assert.equals(0, policy:stats(START + 1.1).windows.second.used)
    assert.is_nil(core.policy.new { limits = false }:stats(START).windows)
  end)

  it("refuses limits that cannot be kept", function()
    for _, count in ipairs { 0, -1, 1.5, 1e9, "ten" } do
      assert.has_error(function() core.policy.new { limits = { per_second = count } } end)
    end
  end)
end)
