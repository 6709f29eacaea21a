local core = require "gitlab_pipelines.core"
local exchanges = require "support.exchanges"
local seeds = require "support.seeds"

local START = 1767225600

local function exchange(options, policy)
  options = options or {}
  options.effect, options.class = options.effect or "read", "read"
  return exchanges.new(policy or core.policy.new { limits = false, retry = options.retry or { budget = 1 } },
    options)
end

-- An answer as the arguments of feed: {outcome, status, headers..., body, flag}.
local function feed(x, now, random, answer)
  return x:feed(now, random, answer.outcome or "ok", answer.status or 0, answer)
end

local limiters = { status = 429, type = "text/plain; charset=utf-8", body = "Retry later\n" }
local applications = { status = 429, type = "application/json",
  body = '{"message":{"error":"This endpoint has been requested too many times. Try again later."}}' }
local storage = { status = 429, type = "application/json",
  body = '{"message":"Upstream Gitaly has been exhausted. Try again later"}' }
local creation = { status = 400, type = "application/json",
  body = '{"message":{"base":["Too many pipelines created in the last minute. Try again later."]}}' }
local lock = { status = 409, type = "application/json", body = '{"message":"409 Conflict: Resource lock"}' }

describe("the retry table", function()
  -- What the guarantee's first table says, column by column.
  local again, doubt, found, fails, done = { "wait" }, { "done", "reconcile" }, { "done", "look_up" },
    { "done", "failed" }, { "done", "ok" }
  local rows = {
    { "never sent", { outcome = "never_sent" }, again, again, again },
    { "a limiter's 429 in plain text", limiters, again, again, again },
    { "a limiter's 429 with its sentence", applications, again, again, again },
    { "GitLab's creation limit", creation, again, again, again },
    { "another 429", storage, again, again, doubt },
    { "a 429 with an empty body", { status = 429, type = "application/json" }, again, again, doubt },
    { "409 Resource lock", lock, again, again, doubt },
    { "500", { status = 500 }, again, again, doubt },
    { "501", { status = 501 }, again, again, doubt },
    { "502", { status = 502 }, again, again, doubt },
    { "503", { status = 503 }, again, again, doubt },
    { "503 with Retry-After", { status = 503, retry_after = "1" }, again, again, doubt },
    { "504", { status = 504 }, again, again, doubt },
    { "599", { status = 599 }, again, again, doubt },
    { "no answer", { outcome = "unknown" }, again, again, doubt },
    { "an unreadable answer", { outcome = "unreadable", status = 200 }, again, done, found },
    { "401 and another token", { status = 401, flag = "fresh_token" }, again, again, again },
    { "401", { status = 401 }, fails, fails, fails },
    { "a certificate that is wrong", { outcome = "permanent" }, fails, fails, fails },
    { "a redirect", { status = 302 }, fails, fails, fails },
    { "400", { status = 400, body = '{"message":"400 Bad request"}' }, fails, fails, fails },
    { "403", { status = 403 }, fails, fails, fails },
    { "404", { status = 404 }, fails, fails, fails },
    { "another 409", { status = 409, body = '{"message":"409 Conflict"}' }, fails, fails, fails },
    { "422", { status = 422 }, fails, fails, fails },
    { "a cancelled call", { outcome = "cancelled" }, { "done", "cancelled" }, { "done", "cancelled" },
      { "done", "cancelled" } },
    { "200", { status = 200 }, done, done, done },
    { "204", { status = 204 }, done, done, done },
    { "304", { status = 304 }, done, done, done },
  }
  for _, row in ipairs(rows) do
    it("says for " .. row[1] .. " what becomes of a read, a set and a create", function()
      for column, effect in ipairs { "read", "set", "create" } do
        local x = exchange { effect = effect }
        assert.equals("send", (x:next(START)))
        local verdict, reason = feed(x, START, 0.5, row[2])
        local expected = row[2 + column]
        assert.equals(expected[1], verdict, effect)
        if expected[2] then assert.equals(expected[2], reason, effect) end
        -- What is over stays over.
        if verdict == "done" then
          assert.same({ verdict, reason }, { (x:next(START + 99)), (select(2, x:next(START + 99))) })
          assert.equals(reason, (select(2, feed(x, START + 99, 0, { status = 200 }))))
        end
      end
    end)
  end

  -- Attempts in all when every one ends like this, and the longest and shortest delays.
  local counts = {
    { "429", limiters, 5, { 2, 4, 8, 16 } },
    { "the creation limit", creation, 5, { 2, 4, 8, 16 } },
    { "503", { status = 503 }, 3, { 2, 4 } },
    { "500", { status = 500 }, 3, { 1, 2 } },
    { "502", { status = 502 }, 3, { 1, 2 } },
    { "504", { status = 504 }, 3, { 1, 2 } },
    { "a lost answer", { outcome = "unknown" }, 3, { 1, 1 } },
    { "an unreadable answer", { outcome = "unreadable", status = 200 }, 3, { 1, 1 } },
    { "never sent", { outcome = "never_sent" }, 3, { 1, 2 } },
    { "409 Resource lock", lock, 3, { 1, 2 } },
    { "a refused token", { status = 401, flag = "fresh_token" }, 2, { 0 } },
  }
  for _, row in ipairs(counts) do
    it(("makes %d attempts of %s, with its delays"):format(row[3], row[1]), function()
      for _, random in ipairs { 0, 0.5, 0.999999 } do
        local x, now = exchange(), START
        for attempt = 1, row[3] do
          assert.equals("send", (x:next(now)))
          local verdict, detail = feed(x, now, random, row[2])
          if attempt == row[3] then
            assert.same({ "done", "exhausted" }, { verdict, detail })
          else
            assert.equals("wait", verdict)
            local longest = row[4][attempt]
            assert.is_true(math.abs(detail - now - longest / 2 * (1 + random)) < 1e-6,
              ("attempt %d: %.6f s"):format(attempt, detail - now))
            now = detail
          end
        end
        assert.equals(row[3], x:attempts())
      end
    end)
  end

  it("counts each row by itself, and five attempts in all", function()
    local x, now = exchange(), START
    local verdict, detail
    for _, answer in ipairs { { status = 502 }, { status = 503 }, { outcome = "unknown" }, { status = 502 } } do
      assert.equals("send", (x:next(now)))
      verdict, detail = feed(x, now, 0, answer)
      assert.equals("wait", verdict)
      now = detail
    end
    assert.equals("send", (x:next(now)))
    assert.same({ "done", "exhausted" }, { (feed(x, now, 0, { status = 503 })),
      (select(2, feed(x, now, 0, { status = 503 }))) })
    assert.equals(5, x:attempts())
    -- Three of one row are the end, whatever was between.
    x, now = exchange(), START
    for _, answer in ipairs { { status = 502 }, { status = 503 }, { status = 500 } } do
      x:next(now)
      verdict, detail = feed(x, now, 0, answer)
      now = detail
    end
    assert.equals("wait", verdict)
    x:next(now)
    assert.same({ "done", "exhausted" }, { feed(x, now, 0, { status = 504 }) })
  end)

  it("counts a 409 with what was never sent, and a 500 not", function()
    for _, last in ipairs { { { status = 409, body = '{"message":"409 Conflict: Resource lock"}' }, "done" },
      { { status = 500 }, "wait" } } do
      local x, now = exchange(), START
      local verdict, detail
      for _, answer in ipairs { { outcome = "never_sent" }, { outcome = "never_sent" }, last[1] } do
        x:next(now)
        verdict, detail = feed(x, now, 0, answer)
        now = detail
      end
      assert.equals(last[2], verdict)
    end
  end)

  it("is not doubtful before something was", function()
    local x = exchange { effect = "set" }
    x:next(START)
    local _, now = feed(x, START, 0, limiters)
    assert.is_false(x:doubtful())
    x:next(now)
    feed(x, now, 0, { status = 502 })
    assert.is_true(x:doubtful())
  end)

  it("waits within closed-form bounds, over 10,000 draws", function()
    for seed in seeds.each(1, 1) do
      seeds.named(seed, function()
        local random = seeds.new(seed + 41)
        local sum = 0
        for _ = 1, 10000 do
          local x = exchange()
          x:next(START)
          local drawn = random.unit()
          local asked = random.chance(0.5) and random.int(1, 300) or nil
          local _, till = feed(x, START, drawn, { status = 503, retry_after = asked and tostring(asked) })
          local delay = till - START
          if asked then
            assert(delay >= asked and delay < asked + math.min(asked / 2, 5) + 1e-6, delay)
          else
            assert(delay >= 1 - 1e-6 and delay < 2 + 1e-6, delay)
            sum = sum + (delay - 1.5)
          end
        end
        -- The mean of about 5,000 draws, uniform on a second, is within 5 of its deviations.
        assert(math.abs(sum / 5000) < 0.021, sum)
      end)
    end
  end)
end)

describe("the server's time", function()
  local DATE = "Thu, 01 Jan 2026 00:00:00 GMT"

  -- Seconds until the next attempt without what is added; or the reason why there is none.
  local function delay(answer, now)
    local x = exchange()
    now = now or START
    x:next(now)
    local verdict, detail, retry_after = feed(x, now, 0, answer)
    if verdict == "wait" then return detail - now end
    return detail, retry_after
  end

  local function throttled(fields)
    local answer = { status = 429, type = "text/plain", body = "Retry later" }
    for name, value in pairs(fields) do answer[name] = value end
    return answer
  end

  it("is a number of seconds", function()
    assert.equals(7, delay(throttled { retry_after = "7" }))
    assert.equals(7, delay(throttled { retry_after = " 7 " }))
    assert.equals(7, delay { status = 500, retry_after = "7" })
    assert.equals(1.5, delay { status = 503, retry_after = "1.5" })
  end)

  it("is a date, read by the answer's own clock", function()
    local later = "Thu, 01 Jan 2026 00:00:30 GMT"
    assert.equals(30, delay(throttled { retry_after = later, date = DATE }))
    -- Our clock is an hour off: it does not matter.
    assert.equals(30, delay(throttled { retry_after = later, date = DATE }, START + 3600))
    assert.equals(20, delay(throttled { retry_after = later }, START + 10))
    assert.equals(30, delay(throttled { retry_after = "Thursday, 01-Jan-26 00:00:30 GMT", date = DATE }))
  end)

  it("is RateLimit-Reset where there is no Retry-After, and only for a 429", function()
    local reset = tostring(START + 25)
    assert.equals(25, delay(throttled { reset = reset, date = DATE }))
    assert.equals(25, delay(throttled { reset = reset, date = DATE, remaining = "0" }, START + 999))
    assert.equals(4, delay(throttled { reset = reset, date = DATE, retry_after = "4" }))
    assert.equals(0.5, delay { status = 502, reset = reset, date = DATE })
    -- Where something is left, the refusal was another limit's.
    assert.equals(1, delay(throttled { reset = reset, date = DATE, remaining = "100" }))
  end)

  it("is none when it is absent, nonsense, or past", function()
    for _, fields in ipairs { {}, { retry_after = "" }, { retry_after = "soon" }, { retry_after = "-5" },
      { retry_after = "5 minutes" }, { retry_after = "nan" }, { retry_after = "inf" }, { retry_after = "0x10" },
      { retry_after = "1e999" }, { retry_after = "0" }, { retry_after = DATE, date = DATE },
      { retry_after = "Wed, 31 Dec 2025 00:00:00 GMT", date = DATE },
      { retry_after = "Fri, 99 Foo 2026 00:00:00 GMT" }, { reset = "soon", date = DATE },
      { reset = tostring(START - 5), date = DATE }, { reset = "30", date = DATE },
      { reset = "1767225660000", date = DATE }, { reset = tostring(START + 86401), date = DATE },
      { reset = tostring(START), date = DATE } } do
      assert.equals(1, delay(throttled(fields)))
    end
    -- A date that is none leaves our clock.
    assert.equals(25, delay(throttled { reset = tostring(START + 25), date = "today" }))
  end)

  it("is obeyed up to 300 s; a longer one fails at once and says so", function()
    assert.equals(300, delay(throttled { retry_after = "300" }))
    assert.same({ "too_long", 301 }, { delay(throttled { retry_after = "301" }) })
    assert.same({ "too_long", 86400 }, { delay(throttled { retry_after = "86400" }) })
    local x = exchange { retry = { max_wait = 1000, budget = 1 } }
    x:next(START)
    assert.equals(START + 900, (select(2, feed(x, START, 0, throttled { retry_after = "900" }))))
  end)

  it("adds at most half of itself, and at most 5 s", function()
    for asked, most in pairs { ["2"] = 1, ["10"] = 5, ["60"] = 5, ["300"] = 5 } do
      local x = exchange()
      x:next(START)
      local _, till = feed(x, START, 0.999999, throttled { retry_after = asked })
      assert.is_true(math.abs(till - START - tonumber(asked) - most) < 1e-4)
    end
  end)
end)

describe("a deadline", function()
  it("is never passed: without time for another attempt it is over now", function()
    local x = exchange { deadline = START + 10 }
    x:next(START)
    assert.same({ "done", "deadline", 11 }, { feed(x, START, 0, { status = 503, retry_after = "11" }) })
    x = exchange { deadline = START + 10.5 }
    x:next(START)
    assert.same({ "wait", START + 10 }, { feed(x, START, 0, { status = 503, retry_after = "10" }) })
    assert.equals("send", (x:next(START + 10)))
  end)

  it("leaves time for an attempt: what could begin only when it is over is not waited for", function()
    local x = exchange { deadline = START + 10 }
    x:next(START)
    assert.same({ "done", "deadline", 10 }, { feed(x, START, 0, { status = 503, retry_after = "10" }) })
    -- The same in front of the windows and of a breaker.
    local policy = core.policy.new { limits = { per_second = 1 } }
    x = exchanges.new(policy, { effect = "read", class = "read" })
    x:next(START)
    feed(x, START, 0, { status = 429, retry_after = "20" })
    for seconds, expected in pairs { [20] = "throttled", [20.5] = "wait" } do
      local late = exchanges.new(policy, { effect = "read", class = "read", deadline = START + seconds })
      local verdict, reason = late:next(START)
      assert.equals(expected, verdict == "done" and reason or verdict)
      late:close(START)
    end
    local breaker = core.policy.breaker { failures = 2, reset = 30 }
    local none = core.policy.new { limits = false, retry = false }
    for _ = 1, 2 do
      local down = exchanges.new(none, { effect = "read", class = "read" }, breaker)
      down:next(START)
      feed(down, START, 0, { status = 502 })
    end
    for seconds, expected in pairs { [30] = "circuit_open", [30.5] = "wait" } do
      local late = exchanges.new(none, { effect = "read", class = "read", deadline = START + seconds },
        breaker)
      local verdict, reason = late:next(START)
      assert.equals(expected, verdict == "done" and reason or verdict)
    end
  end)

  it("that is over before the first attempt sends nothing", function()
    local x = exchange { deadline = START }
    assert.same({ "done", "deadline" }, { x:next(START + 1) })
    assert.equals(0, x:attempts())
  end)

  it("does not hurry what is asked too early", function()
    local x = exchange()
    x:next(START)
    local _, till = feed(x, START, 0, { status = 503 })
    assert.same({ "wait", till }, { x:next(START + 0.1) })
    assert.equals("send", (x:next(till)))
    assert.equals("send", (x:next(till)), "asked twice, sent once")
    assert.equals(2, x:attempts())
  end)
end)

describe("retry = false", function()
  it("repeats nothing, but still tells a doubt from a failure", function()
    local off = core.policy.new { limits = false, retry = false }
    for _, case in ipairs { { "read", { status = 502 }, "off" }, { "create", { status = 502 }, "reconcile" },
      { "create", { outcome = "never_sent" }, "off" }, { "set", { status = 404 }, "failed" } } do
      local x = exchange({ effect = case[1] }, off)
      x:next(START)
      assert.same({ "done", case[3] }, { feed(x, START, 0, case[2]) })
      x = exchange { effect = case[1], no_retry = true }
      x:next(START)
      assert.same({ "done", case[3] }, { feed(x, START, 0, case[2]) })
    end
  end)
end)
