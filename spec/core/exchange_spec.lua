local core = require "gitlab_pipelines.core"
local exchanges = require "support.exchanges"

local START = 1767225600

local function exchange(policy, options, breaker)
  options = options or {}
  options.effect, options.class = options.effect or "read", options.class or "read"
  return exchanges.new(policy, options, breaker)
end

local function answer(x, now, status, fields)
  fields = fields or {}
  return x:feed(now, 0, fields.outcome or "ok", status, fields)
end

local too_many = { type = "application/json",
  body = '{"message":{"error":"This endpoint has been requested too many times. Try again later."}}' }

describe("an exchange", function()
  it("goes from send to done", function()
    local x = exchange(core.policy.new {}, {}, core.policy.breaker {})
    assert.same({ "send" }, { x:next(START) })
    assert.is_nil((x:sent_at()))
    x:sent(START + 0.25)
    assert.equals(START + 0.25, x:sent_at())
    assert.same({ "done", "ok" }, { answer(x, START + 1, 200) })
    x:sent(START + 2)
    assert.equals(START + 0.25, x:sent_at())
    assert.equals(1, x:attempts())
  end)

  it("refuses options that mean nothing", function()
    local policy = core.policy.new {}
    for _, options in ipairs { {}, { effect = "read" }, { effect = "write", class = "read" },
      { effect = "read", class = "urgent" }, { effect = "read", class = "read", deadline = "soon" } } do
      assert.has_error(function() exchanges.new(policy, options) end)
    end
    assert.has_error(function() exchanges.new({}, { effect = "read", class = "read" }) end)
    assert.has_error(function() exchanges.new(policy, { effect = "read", class = "read" }, policy) end)
    assert.has_error(function() exchange(policy):feed(START, 0, "lucky") end)
    assert.has_error(function() exchange(policy):next() end)
    assert.has_error(function() core.policy.new { retry = 5 } end)
  end)

  it("goes on after a redirect with places of its own, and as the same attempt", function()
    local policy = core.policy.new { limits = { per_second = 2, per_minute = 3 }, retry = { budget = 0 } }
    local breaker = core.policy.breaker { failures = 2 }
    local x = exchange(policy, { deadline = START + 30 }, breaker)
    x:moved(START, 302) -- nothing is under way
    assert.same({ "send" }, { x:next(START) })
    x:sent(START)
    x:moved(START + 0.1, 302)
    x:moved(START + 0.1, 302) -- once
    x:sent(START + 0.2) -- a late word of what is over
    assert.equals(1, policy:stats(START + 0.2).windows.minute.used)
    assert.same({ "send" }, { x:next(START + 0.2) })
    x:sent(START + 0.2)
    x:moved(START + 0.3, 307)
    local verdict, till = x:next(START + 0.3)
    assert.equals("wait", verdict)
    assert.is_true(till > START + 1 and till < START + 1.01)
    assert.same({ "send" }, { x:next(till) })
    x:sent(till)
    assert.equals(3, policy:stats(till).windows.minute.used)
    assert.equals(1, x:attempts())
    -- The minute is full: a fourth hop would pass the deadline.
    x:moved(till, 302)
    local over, reason, later = x:next(till)
    assert.same({ "done", "throttled" }, { over, reason })
    assert.is_true(later > 58 and later < 60)
    local stats = policy:stats(till)
    assert.same({ 1, 1, 0, 1, 0, 0 }, { stats.calls, stats.attempts, stats.retries, stats.throttled,
      stats.waiting, stats.in_flight })
    x:moved(till, 302)
    assert.equals("throttled", (select(2, x:next(till))))
  end)

  it("counts the attempt that follows one with a redirect, and asks the breaker for a hop", function()
    local policy, breaker = core.policy.new {}, core.policy.breaker { failures = 1 + 1, reset = 10 }
    local x = exchange(policy, {}, breaker)
    x:next(START)
    x:moved(START, 302)
    -- Meanwhile others find the server down.
    for _ = 1, 2 do
      local other = exchange(policy, {}, breaker)
      other:next(START)
      answer(other, START, 503)
    end
    assert.same({ "wait", START + 10 }, { x:next(START + 1) })
    assert.same({ "send" }, { x:next(START + 10) })
    local verdict = answer(x, START + 10, 500)
    assert.equals("wait", verdict)
    assert.equals(1, x:attempts())
    x:next(START + 20)
    assert.equals(2, x:attempts())
    assert.equals(1, policy:stats(START + 20).retries)
  end)

  it("reports a redirect to the breaker as an answer, once", function()
    local policy, breaker = core.policy.new {}, core.policy.breaker { failures = 2, successes = 2, reset = 10 }
    for _ = 1, 2 do
      local x = exchange(policy, {}, breaker)
      x:next(START)
      answer(x, START, 502)
    end
    local x = exchange(policy, {}, breaker)
    assert.same({ "send" }, { x:next(START + 10) })
    x:moved(START + 10, 302)
    answer(x, START + 11, 200, { flag = "foreign" })
    assert.equals("half_open", (breaker:state(START + 11)))
    x = exchange(policy, {}, breaker)
    x:next(START + 11)
    -- What is foreign is an answer here, told without a word of the redirect too.
    assert.same({ "done", "failed" }, { answer(x, START + 11, 404, { flag = "foreign" }) })
    assert.equals("closed", (breaker:state(START + 11)))
  end)

  it("learns nothing about its own windows from what is foreign, but heeds its time", function()
    local policy = core.policy.new {}
    local x = exchange(policy)
    x:next(START)
    x:moved(START, 302)
    local verdict, till = answer(x, START, 429, { flag = "foreign", retry_after = "20", remaining = "0",
      type = "text/plain", body = "Retry later" })
    assert.equals("wait", verdict)
    assert.is_true(till >= START + 20)
    local windows = policy:stats(START + 1).windows
    assert.same({ 0, 0 }, { windows.second.closed_for, windows.minute.closed_for })
    assert.same({ "send" }, { exchange(policy):next(START + 1) })
    -- GitLab's own word counts, in a redirect as in any answer.
    x = exchange(policy, { deadline = START + 30 })
    x:next(START + 1)
    x:moved(START + 1, 302, nil, nil, "0", "throttle")
    assert.equals("throttled", (select(2, x:next(START + 1))))
  end)

  it("can be closed at any time, and again", function()
    local policy = core.policy.new { limits = { per_second = 1 } }
    local flying, waiting, idle = exchange(policy), exchange(policy), exchange(policy)
    flying:next(START)
    waiting:next(START)
    for _ = 1, 2 do
      for _, x in ipairs { flying, waiting, idle } do x:close(START) end
    end
    for _, x in ipairs { flying, waiting, idle } do
      assert.same({ "done", "cancelled" }, { x:next(START + 9) })
      x:sent(START + 9)
    end
    local stats = policy:stats(START)
    assert.equals(0, stats.waiting)
    assert.equals(0, stats.in_flight)
  end)

  it("keeps its policy and breaker alive, and leaves the queue as garbage", function()
    local policy = core.policy.new { limits = { per_second = 1, per_minute = false } }
    do
      local breaker = core.policy.breaker { failures = 1 }
      local own = core.policy.new {}
      local x = exchange(own, {}, breaker)
      own:close()
      breaker:close()
      assert.equals("send", (x:next(START)))
      assert.equals("done", (answer(x, START, 200)))
      assert.has_error(function() own:stats(START) end)
      assert.has_error(function() breaker:state(START) end)
      local first, second = exchange(policy), exchange(policy)
      first:next(START)
      second:next(START)
      first, second = nil, nil -- luacheck: ignore 311
    end
    collectgarbage()
    collectgarbage()
    local stats = policy:stats(START)
    assert.equals(0, stats.waiting)
    assert.equals(0, stats.in_flight)
  end)

  it("leaves the queue when it is told how an attempt ended that never was", function()
    local policy = core.policy.new { limits = { per_second = 1 } }
    local first, second, third = exchange(policy), exchange(policy), exchange(policy)
    first:next(START)
    second:next(START)
    third:next(START)
    answer(second, START, 200)
    assert.is_true(second:wakes())
    assert.equals(1, policy:stats(START).waiting)
  end)

  it("goes to the limiter again for each repetition", function()
    local policy = core.policy.new { limits = { per_second = 1, per_minute = false } }
    local one, two = exchange(policy), exchange(policy)
    one:next(START)
    one:sent(START)
    local _, till = answer(one, START, 502)
    two:next(START + 1.1)
    two:sent(START + 1.1)
    assert.is_true(till < START + 1)
    local verdict, later = one:next(START + 1.2)
    assert.equals("wait", verdict)
    assert.is_true(later > START + 2.1)
  end)

  it("ends with the last answer when a repetition finds no place before the deadline", function()
    local policy = core.policy.new { limits = { per_second = 1, per_minute = 1 } }
    local one = exchange(policy, { deadline = START + 30 })
    one:next(START)
    answer(one, START, 502)
    local verdict, reason, retry_after = one:next(START + 1)
    assert.same({ "done", "deadline" }, { verdict, reason })
    assert.is_true(retry_after > 58)
  end)

  it("says how long nothing can go when it is throttled", function()
    local policy = core.policy.new { limits = { per_minute = 1 } }
    exchange(policy):next(START)
    local verdict, reason, retry_after = exchange(policy, { deadline = START + 10 }):next(START)
    assert.same({ "done", "throttled" }, { verdict, reason })
    assert.is_true(retry_after >= 60 and retry_after < 60.01)
    assert.equals(1, policy:stats(START).throttled)
  end)

  it("knows from those ahead that its own place comes too late", function()
    local policy = core.policy.new { limits = { per_second = 10, per_minute = 600 } }
    local kept, throttled = {}, 0
    for i = 1, 700 do
      kept[i] = exchange(policy, { deadline = START + 60 })
      local _, reason = kept[i]:next(START)
      if reason == "throttled" then throttled = throttled + 1 end
    end
    -- Ten a second, and the window of a minute begins again only after the 60 s.
    assert.equals(100, throttled)
  end)

  describe("after an application's 429", function()
    local function policy_and_jobs()
      local policy = core.policy.new {}
      return policy, exchange(policy, { lists_jobs = true })
    end

    it("closes the window of what was asked for, and no other", function()
      local policy, jobs = policy_and_jobs()
      jobs:next(START)
      too_many.retry_after = "9"
      answer(jobs, START, 429, too_many)
      assert.equals("send", (exchange(policy):next(START)))
      assert.same({ "wait", START + 9 }, { exchange(policy, { lists_jobs = true }):next(START) })
      local created = exchange(policy, { effect = "create", create_subject = "1 main" })
      created:next(START)
      answer(created, START, 429, too_many)
      assert.same({ "wait", START + 9 }, { exchange(policy, { create_subject = "1 main" }):next(START) })
      assert.equals("send", (exchange(policy, { create_subject = "2 main" }):next(START)))
    end)

    it("closes all windows when it is about none of ours", function()
      local policy = core.policy.new {}
      local x = exchange(policy)
      x:next(START)
      answer(x, START, 429, too_many)
      assert.same({ "wait", START + 9 }, { exchange(policy):next(START) })
    end)
  end)

  it("closes all windows after the middleware's 429, without a time for as long as it waits itself", function()
    for _, kind in ipairs { "text/plain", "Text/Plain; charset=utf-8" } do
      local policy = core.policy.new {}
      local x = exchange(policy, { lists_jobs = true })
      x:next(START)
      local _, till = answer(x, START, 429, { type = kind, body = "Retry later" })
      assert.equals(START + 1, till)
      assert.same({ "wait", START + 1 }, { exchange(policy):next(START) })
    end
  end)

  it("closes nothing after an overloaded storage's 429 that names no time", function()
    local policy = core.policy.new {}
    local x = exchange(policy, { effect = "create" })
    x:next(START)
    answer(x, START, 429, { type = "application/json", body = "{}" })
    assert.equals("send", (exchange(policy):next(START)))
  end)

  it("leaves all other 400s alone", function()
    local policy = core.policy.new { limits = { create_per_minute = 2 } }
    local x = exchange(policy, { effect = "create", create_subject = "1 main" })
    x:next(START)
    answer(x, START, 400, { body = '{"message":"400 Bad request"}' })
    assert.equals("send", (exchange(policy, { create_subject = "1 main" }):next(START)))
  end)

  describe("told what is left", function()
    -- How many of ten can go after such an answer, and when the next one can.
    local function allowed(fields, flying)
      local policy = core.policy.new { limits = { per_second = 100 } }
      local x = exchange(policy)
      x:next(START)
      for _ = 1, flying or 0 do exchange(policy):next(START) end
      answer(x, START, 200, fields)
      local kept, count = {}, 0
      for i = 1, 10 do
        kept[i] = exchange(policy)
        local verdict, till = kept[i]:next(START)
        if verdict == "wait" then return count, till - START end
        count = count + 1
      end
      return count
    end

    it("lets that much go, until the reset", function()
      local date = "Thu, 01 Jan 2026 00:00:00 GMT"
      local reset = tostring(START + 20)
      assert.same({ 3, 20 }, { allowed { remaining = "3", reset = reset, date = date } })
      assert.same({ 0, 20 }, { allowed { remaining = "0", reset = reset, date = date, name = "x" } })
      assert.same({ 4, 60 }, { allowed { remaining = "4" } })
      assert.same({ 10 }, { allowed { remaining = "2000", reset = reset, date = date } })
      assert.same({ 10 }, { allowed { remaining = "99999999999999" } })
    end)

    it("takes off what is under way, which the server has not counted", function()
      local flying = {}
      local policy = core.policy.new { limits = { per_second = 100 } }
      for i = 1, 3 do
        flying[i] = exchange(policy)
        flying[i]:next(START)
      end
      answer(flying[1], START, 200, { remaining = "3" })
      assert.equals("send", (exchange(policy):next(START)))
      assert.equals("wait", (exchange(policy):next(START)))
    end)

    it("ignores nonsense and windows that are over", function()
      for _, fields in ipairs { { remaining = "none" }, { remaining = "-1" }, { remaining = "" },
        { remaining = "1", reset = tostring(START - 1) }, { remaining = "1", reset = "x" },
        { remaining = "1 2" }, { remaining = "1e3" } } do
        assert.same({ 10 }, { allowed(fields) })
      end
    end)

    it("keeps the throttles apart by their names, and the strictest holds", function()
      local policy = core.policy.new { limits = { per_second = 100 } }
      local function told(now, name, remaining, seconds)
        local x = exchange(policy)
        assert.equals("send", (x:next(now)))
        answer(x, now, 200, { name = name, remaining = remaining, reset = tostring(now + seconds) })
      end
      told(START, "api", "50", 10)
      told(START, "files", "1", 30)
      assert.equals("send", (exchange(policy):next(START)))
      assert.same({ "wait", START + 30 }, { exchange(policy):next(START) })
    end)

    it("does not let a late word from the same window raise it again", function()
      local policy = core.policy.new { limits = { per_second = 100 } }
      local one, two = exchange(policy), exchange(policy)
      one:next(START)
      two:next(START)
      local reset = tostring(START + 30)
      answer(one, START, 200, { remaining = "1", reset = reset })
      answer(two, START, 200, { remaining = "40", reset = reset })
      assert.same({ "wait", START + 30 }, { exchange(policy):next(START) })
    end)

    it("forgets the throttle whose window ends first when there are too many", function()
      local policy = core.policy.new { limits = { per_second = 100 } }
      local kept = {}
      for i = 1, 6 do
        kept[i] = exchange(policy)
        kept[i]:next(START)
      end
      for i = 1, 5 do
        answer(kept[i], START, 200, { name = "throttle " .. i, remaining = "9", reset = tostring(START + i) })
      end
      answer(kept[6], START, 200, { name = "throttle 1", remaining = "0", reset = tostring(START + 2) })
      assert.same({ "wait", START + 2 }, { exchange(policy):next(START) })
    end)
  end)
end)

describe("a place that falls free", function()
  it("goes to who waits for it, not to who happens to ask first", function()
    local policy = core.policy.new { limits = { per_second = 1 } }
    local first, waits, late = exchange(policy), exchange(policy), exchange(policy)
    assert.equals("send", (first:next(START)))
    first:sent(START)
    answer(first, START, 200)
    assert.equals("wait", (waits:next(START)))
    assert.equals("wait", (late:next(START + 1.5)))
    assert.equals("send", (waits:next(START + 1.5)))
  end)
end)

describe("what the server says is left", function()
  -- A client that was told so of several throttles; when the next may go.
  local function after(told)
    local policy = core.policy.new {}
    local kept = {}
    for i = 1, #told do
      kept[i] = exchange(policy)
      kept[i]:next(START)
    end
    for i, one in ipairs(told) do
      answer(kept[i], START, 200, { name = one[1], remaining = tostring(one[2] + #told - i),
        reset = tostring(START + one[3]), date = "Thu, 01 Jan 2026 00:00:00 GMT" })
    end
    local verdict, at = exchange(policy):next(START)
    return verdict == "wait" and at - START or verdict
  end

  it("is kept for each throttle by its name", function()
    assert.equals(30, after { { "a", 0, 30 }, { "b", 5, 10 } })
    assert.equals(30, after { { "a", 5, 10 }, { "b", 0, 30 } })
  end)

  it("is forgotten first of the throttle whose window ends first", function()
    assert.equals(40, after { { "a", 0, 40 }, { "b", 0, 30 }, { "c", 0, 20 }, { "d", 0, 10 }, { "e", 9, 50 } })
  end)
end)

describe("the statistics of a policy", function()
  it("count the projects whose window holds something or is closed", function()
    local policy = core.policy.new {}
    local function subjects(now) return policy:stats(now).windows.create.subjects end
    local function create(subject)
      local x = exchange(policy, { effect = "create", class = "create", create_subject = subject })
      x:next(START)
      x:sent(START)
      return x
    end
    create "1 main"
    assert.equals(1, subjects(START))
    answer(create "2 main", START, 400, { body = '{"message":"Too many pipelines created in the last minute"}' })
    assert.equals(2, subjects(START))
    assert.equals(0, subjects(START + 200))
  end)

  it("count a window that is closed and empty", function()
    local policy = core.policy.new {}
    local x = exchange(policy, { effect = "create", class = "create", create_subject = "1 main",
      no_retry = true })
    x:next(START)
    x:sent(START)
    answer(x, START, 429, { type = "application/json", retry_after = "200", body = too_many.body })
    assert.equals(1, policy:stats(START + 100).windows.create.subjects)
    assert.equals(0, policy:stats(START + 100).windows.create.used)
  end)
end)
