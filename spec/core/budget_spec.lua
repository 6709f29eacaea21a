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
  assert(x:next(now, 0) == "send")
  local verdict, reason = x:feed(now, 0, "ok", status or 502, nil, nil, nil, nil, nil, "text/plain", "")
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
      x:next(START + i * 0.01, 0)
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
            x:next(now, 0)
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
