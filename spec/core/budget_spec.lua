local core = require "gitlab_pipelines.core"
local exchanges = require "support.exchanges"
local seeds = require "support.seeds"

local START = 1767225600

local function exchange(policy)
  return exchanges.new(policy, { effect = "read", class = "read" })
end

-- One call whose first attempt fails: was it allowed to repeat?
local function try(policy, now, status)
  local x = exchange(policy)
  assert(x:next(now) == "send")
  local verdict, reason = x:feed(now, 0, "ok", status or 502, { type = "text/plain", body = "" })
  return verdict == "wait", reason
end

describe("the retry budget", function()
  it("always allows ten repetitions in ten seconds", function()
    local policy = core.policy.new { limits = false }
    for _ = 1, 10 do assert.is_true(try(policy, START)) end
    local allowed, reason = try(policy, START)
    assert.is_false(allowed)
    assert.equals("budget", reason)
    assert.equals(1, policy:stats(START).budget_denied)
    assert.equals(0, policy:stats(START).budget_left)
    assert.is_true(try(policy, START + 10.2))
  end)

  it("allows a fifth of what is sent", function()
    local policy = core.policy.new { limits = false }
    for i = 1, 200 do
      local x = exchange(policy)
      x:next(START + i * 0.01)
      x:feed(START + i * 0.01, 0, "ok", 200)
    end
    local allowed = 0
    for _ = 1, 100 do
      if try(policy, START + 3) then allowed = allowed + 1 end
    end
    -- Of 200 calls 40, and of the 100 that fail now another 20.
    assert.equals(60, allowed)
  end)

  it("counts no repetition after a 429", function()
    local policy = core.policy.new { limits = false }
    for _ = 1, 30 do assert.is_true(try(policy, START, 429)) end
    for _ = 1, 10 do assert.is_true(try(policy, START)) end
    assert.is_false((try(policy, START)))
    assert.is_true((try(policy, START, 429)))
  end)

  -- Many calls that fail over a long time, whose repetitions all fall due at one moment.
  local function bunch(count, policy)
    local due, calls = START + 60, {}
    for i = 1, count do
      local at = START + 1.1 * i
      calls[i] = exchange(policy)
      calls[i]:next(at)
      local verdict, till = calls[i]:feed(at, 0, "ok", 503, { retry_after = tostring(due - at) })
      assert.same({ "wait", due }, { verdict, math.floor(till + 0.5) })
    end
    return due, calls
  end

  it("is of what is sent: repetitions that were decided on long before have to fit in", function()
    local policy = core.policy.new { limits = { per_second = 100 } }
    local due, calls = bunch(30, policy)
    local sent, ended = 0, 0
    for _, x in ipairs(calls) do
      local verdict, reason, retry_after = x:next(due)
      if verdict == "send" then sent = sent + 1 else
        assert.same({ "done", "budget" }, { verdict, reason })
        assert.is_true(retry_after > 26)
        ended = ended + 1
      end
    end
    assert.same({ 10, 20 }, { sent, ended })
    local stats = policy:stats(due)
    assert.same({ 20, 10, 10 }, { stats.budget_denied, stats.retries, stats.windows.second.used })
    -- What a 429 asked for costs nothing, also afterwards.
    local x = exchange(policy)
    x:next(due)
    local _, till = x:feed(due, 0, "ok", 429, { type = "text/plain", body = "" })
    assert.same({ "send" }, { x:next(till) })
  end)

  it("moves with a repetition to the moment at which it goes", function()
    local policy = core.policy.new { limits = false }
    local x = exchange(policy)
    x:next(START)
    local _, till = x:feed(START, 0, "ok", 503, { retry_after = "5" })
    assert.equals(9, policy:stats(START).budget_left)
    assert.same({ "send" }, { x:next(till) })
    assert.equals(9, policy:stats(till).budget_left)
    -- Ten seconds after the answer it still counts, ten seconds after it was sent no more.
    assert.equals(9, policy:stats(START + 11).budget_left)
    assert.equals(10, policy:stats(till + 10.2).budget_left)
  end)

  it("can be made larger, smaller, or nothing but the ten", function()
    local policy = core.policy.new { limits = false, retry = { budget = 1 } }
    for _ = 1, 50 do assert.is_true(try(policy, START)) end
    policy = core.policy.new { limits = false, retry = { budget = 0 } }
    for _ = 1, 10 do assert.is_true(try(policy, START)) end
    assert.is_false((try(policy, START)))
  end)

  it("is never exceeded in random traffic, and never denied without need", function()
    for seed in seeds.each(500, 40) do
      seeds.named(seed, function()
        local random = seeds.new(seed)
        local share = random.pick { 0, 0.1, 0.2, 0.5 }
        local policy = core.policy.new { limits = false, retry = { budget = share } }
        local calls, retries, now = {}, {}, START + random.unit()
        local function within(list, seconds, by)
          local count = 0
          for i = #list, 1, -1 do
            if list[i] <= by - seconds then break end
            count = count + 1
          end
          return count
        end
        for _ = 1, 600 do
          now = now + random.unit() * random.pick { 0.01, 0.1, 0.1, 2 }
          if random.chance(0.01) then now = now + 15 end
          calls[#calls + 1] = now
          if random.chance(0.6) then
            local x = exchange(policy)
            x:next(now)
            x:feed(now, 0, "ok", 200)
          else
            local allowed = try(policy, now)
            if allowed then
              retries[#retries + 1] = now
              assert(within(retries, 10, now) <= math.max(10, share * within(calls, 10, now)), "exceeded")
            else
              -- A slice of a tenth of a second either way is the counting's own.
              assert(within(retries, 10.1, now) + 1
                > math.max(10, math.floor(share * within(calls, 9.8, now))), "denied without need")
            end
          end
        end
      end)
    end
  end)
end)
