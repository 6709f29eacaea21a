local core = require "gitlab_pipelines.core"
local exchanges = require "support.exchanges"
local seeds = require "support.seeds"

local START = 1767225600

-- The breaker is driven through exchanges: without limits, every attempt of a call its own.
local policy = core.policy.new { limits = false, retry = false }

local function exchange(breaker, options)
  options = options or {}
  return exchanges.new(policy, { effect = options.effect or "read", class = options.class or "read",
    deadline = options.deadline }, breaker)
end

-- One call that ends at once with that answer.
local function call(breaker, now, status, retry_after)
  local x = exchange(breaker)
  assert(x:next(now) == "send", "not sent")
  if status == 0 then return x:feed(now, 0, "unknown") end
  return x:feed(now, 0, "ok", status, { retry_after = retry_after })
end

describe("the circuit breaker", function()
  it("opens after five failures from at least two calls", function()
    local breaker = core.policy.breaker {}
    for _ = 1, 4 do call(breaker, START, 502) end
    assert.equals("closed", (breaker:state(START)))
    call(breaker, START, 504)
    local state, left = breaker:state(START)
    assert.equals("open", state)
    assert.equals(30, left)
    assert.equals("half_open", (breaker:state(START + 30)))
    assert.equals(1, breaker:stats(START).opened)
  end)

  it("does not open for one call that fails again and again", function()
    local retrying = core.policy.new { limits = false }
    local breaker = core.policy.breaker { failures = 3 }
    local x = exchanges.new(retrying, { effect = "read", class = "read" }, breaker)
    local now = START
    for _ = 1, 3 do
      assert.equals("send", (x:next(now)))
      x:feed(now, 0, "ok", 502)
      now = now + 10
    end
    assert.equals("closed", (breaker:state(now)))
    call(breaker, now, 502)
    assert.equals("open", (breaker:state(now)))
  end)

  it("begins to count again after a success", function()
    local breaker = core.policy.breaker {}
    for _ = 1, 4 do call(breaker, START, 503) end
    call(breaker, START, 200)
    for _ = 1, 4 do call(breaker, START, 0) end
    assert.equals("closed", (breaker:state(START)))
  end)

  it("is not opened by one project that always answers 500, nor by refusals", function()
    local breaker = core.policy.breaker {}
    for _, status in ipairs { 500, 500, 500, 429, 404, 403, 401, 400, 409, 500, 500 } do
      call(breaker, START, status)
    end
    assert.equals("closed", (breaker:state(START)))
    -- They do not end a row of failures either.
    for _ = 1, 4 do call(breaker, START, 502) end
    call(breaker, START, 500)
    call(breaker, START, 502)
    assert.equals("open", (breaker:state(START)))
  end)

  it("is not opened by certificates, cancelled calls, or our own deadline", function()
    local breaker = core.policy.breaker { failures = 1 }
    for _ = 1, 3 do
      for _, outcome in ipairs { "permanent", "cancelled", "unreadable" } do
        local x = exchange(breaker)
        x:next(START)
        x:feed(START, 0, outcome)
      end
      local x = exchange(breaker, { deadline = START + 1 })
      x:next(START)
      x:feed(START + 1, 0, "unknown")
      local forgotten = exchange(breaker)
      forgotten:next(START)
      forgotten:close(START)
    end
    assert.equals("closed", (breaker:state(START)))
  end)

  it("is not opened by an artifact store that is down", function()
    local breaker = core.policy.breaker { failures = 1 }
    for _ = 1, 5 do
      local x = exchange(breaker)
      x:next(START)
      x:feed(START, 0, "ok", 503, { flag = "foreign" })
    end
    assert.equals("closed", (breaker:state(START)))
  end)

  it("stays open for as long as a 503 asks, within the bound", function()
    local breaker = core.policy.breaker { failures = 2 }
    call(breaker, START, 503, "70")
    call(breaker, START, 503, "70")
    assert.same({ "open", 70 }, { breaker:state(START) })
    breaker = core.policy.breaker { failures = 2 }
    call(breaker, START, 503)
    call(breaker, START, 503, "86400")
    assert.same({ "open", 300 }, { breaker:state(START) })
    breaker = core.policy.breaker { failures = 2 }
    call(breaker, START, 502)
    call(breaker, START, 502, "70")
    assert.same({ "open", 30 }, { breaker:state(START) })
  end)

  -- An open breaker whose time has just run out.
  local function half_open(options)
    options = options or {}
    options.failures = 2
    local breaker = core.policy.breaker(options)
    call(breaker, START, 502)
    call(breaker, START, 502)
    return breaker, START + 30
  end

  it("waits while it is open, or fails at once when the deadline comes first", function()
    local breaker = half_open()
    assert.same({ "wait", START + 30 }, { exchange(breaker, { deadline = START + 60 }):next(START) })
    assert.same({ "done", "circuit_open", 30 },
      { exchange(breaker, { deadline = START + 10 }):next(START) })
  end)

  it("lets one probe at a time through, and closes after two that succeed", function()
    local breaker, now = half_open()
    local probe, other = exchange(breaker), exchange(breaker)
    assert.equals("send", (probe:next(now)))
    assert.same({ "wait", now + 30 }, { other:next(now) })
    probe:feed(now + 1, 0, "ok", 404)
    assert.is_true(probe:wakes())
    assert.equals("half_open", (breaker:state(now + 1)))
    assert.equals("send", (other:next(now + 1)))
    other:feed(now + 2, 0, "ok", 200)
    assert.equals("closed", (breaker:state(now + 2)))
    assert.is_true(other:wakes())
    assert.is_false(other:wakes())
  end)

  it("opens again when a probe fails", function()
    local breaker, now = half_open()
    call(breaker, now, 200)
    call(breaker, now, 502)
    assert.same({ "open", 30 }, { breaker:state(now) })
    assert.equals(2, breaker:stats(now).opened)
  end)

  it("never probes with a create, nor with what is no cancel", function()
    local breaker, now = half_open()
    assert.equals("probe", (exchange(breaker, { effect = "create", class = "create" }):next(now)))
    assert.equals("probe", (exchange(breaker, { effect = "set", class = "create" }):next(now)))
    local cancel = exchange(breaker, { effect = "set", class = "cancel" })
    assert.equals("send", (cancel:next(now)))
    -- While a probe is under way there is nothing to probe.
    assert.equals("wait", (exchange(breaker, { effect = "create", class = "create" }):next(now)))
  end)

  it("frees the slot of a probe that never reports, and ignores its late success", function()
    local breaker, now = half_open { probe_timeout = 20 }
    local stuck, second = exchange(breaker), exchange(breaker)
    stuck:next(now)
    assert.same({ "wait", now + 20 }, { second:next(now + 1) })
    assert.equals("send", (second:next(now + 20)))
    stuck:feed(now + 21, 0, "ok", 200)
    assert.equals("half_open", (breaker:state(now + 21)))
    second:feed(now + 22, 0, "ok", 200)
    call(breaker, now + 22, 200)
    assert.equals("closed", (breaker:state(now + 22)))
  end)

  it("opens again when a probe times out, before or after its slot is free", function()
    for _, first in ipairs { "report", "slot" } do
      local breaker, now = half_open { probe_timeout = 20 }
      local probe, second = exchange(breaker), exchange(breaker)
      probe:next(now)
      if first == "slot" then assert.equals("send", (second:next(now + 20))) end
      probe:feed(now + 20, 0, "unknown")
      assert.same({ "open", 30 }, { breaker:state(now + 20) }, first)
      if first == "report" then
        assert.same({ "wait", now + 50 }, { second:next(now + 20) })
      else
        -- It began before the breaker opened again.
        second:feed(now + 21, 0, "ok", 200)
        assert.same({ "open", 29 }, { breaker:state(now + 21) })
      end
    end
  end)

  it("frees the place of a probe that was cancelled", function()
    local breaker, now = half_open()
    local probe = exchange(breaker)
    probe:next(now)
    probe:close(now)
    assert.is_true(probe:wakes())
    assert.equals("send", (exchange(breaker):next(now)))
  end)

  it("waits for a probe no longer than the deadline", function()
    local breaker, now = half_open()
    local probe, other = exchange(breaker), exchange(breaker, { deadline = now + 5 })
    probe:next(now)
    assert.same({ "wait", now + 5 }, { other:next(now) })
    local verdict, reason = other:next(now + 5)
    assert.same({ "done", "circuit_open" }, { verdict, reason })
  end)

  it("drops a result that belongs to an earlier state", function()
    local breaker = core.policy.breaker { failures = 2, successes = 1 }
    local slow = exchange(breaker)
    slow:next(START)
    call(breaker, START, 502)
    call(breaker, START, 502)
    call(breaker, START + 30, 200)
    assert.equals("closed", (breaker:state(START + 30)))
    call(breaker, START + 30, 502)
    slow:feed(START + 31, 0, "ok", 502)
    assert.equals("closed", (breaker:state(START + 31)))
  end)

  -- Beside a transition table ------------------------------------------------------------------

  -- state x event -> what happens; written from the guarantee's text.
  local function new_model(config)
    return { state = "closed", row = {}, config = config, era = 0 }
  end

  local function enter(model, state)
    model.state, model.row, model.good, model.probe = state, {}, 0, nil
    model.era = model.era + 1
  end

  local function model_admits(model, now, harmless)
    if model.state == "closed" then return "send" end
    if model.state == "open" then
      if now < model.opens_until then return "wait", model.opens_until end
      enter(model, "half_open")
    end
    if model.probe and now < model.probe.till then return "wait", model.probe.till end
    return harmless and "send" or "probe"
  end

  local function model_sends(model, now)
    local ticket = { era = model.era }
    if model.state == "half_open" then
      ticket.till = now + model.config.probe_timeout
      model.probe = ticket
    end
    return ticket
  end

  local function opens(model, now, seconds)
    enter(model, "open")
    model.opens_until = now + (seconds or model.config.reset)
  end

  local transitions = {
    closed = {
      good = function(model) model.row = {} end,
      bad = function(model, now, ticket, seconds)
        table.insert(model.row, ticket.call)
        local calls = {}
        for _, id in ipairs(model.row) do calls[id] = true end
        local first = next(calls)
        if #model.row >= model.config.failures and next(calls, first) then opens(model, now, seconds) end
      end,
      answered = function() end, nothing = function() end,
    },
    half_open = {
      good = function(model)
        model.probe, model.good = nil, model.good + 1
        if model.good >= model.config.successes then enter(model, "closed") end
      end,
      bad = function(model, now, _, seconds) opens(model, now, seconds) end,
      nothing = function(model) model.probe = nil end,
    },
  }
  transitions.half_open.answered = transitions.half_open.good

  local function model_hears(model, now, ticket, event, seconds)
    if ticket.era ~= model.era then return end
    local superseded = model.state == "half_open" and model.probe ~= ticket
    if superseded and event ~= "bad" then return end
    transitions[model.state][event](model, now, ticket, seconds)
  end

  local answers = {
    { "good", "ok", 200 }, { "good", "ok", 204 }, { "answered", "ok", 404 }, { "answered", "ok", 500 },
    { "answered", "ok", 429 }, { "answered", "ok", 401 }, { "bad", "ok", 502 }, { "bad", "ok", 503 },
    { "bad", "ok", 504 }, { "bad", "unknown" }, { "bad", "never_sent" }, { "nothing", "cancelled" },
    { "nothing", "permanent" }, { "bad", "ok", 503, 45 }, { "good", "unknown", 200 },
    { "good", "ok", 503, nil, "foreign" },
  }

  local function run_sequence(seed)
    local random = seeds.new(seed)
    local config = { failures = random.int(1, 5), successes = random.int(1, 3),
      reset = random.int(1, 60), probe_timeout = random.int(1, 40) }
    local breaker, model = core.policy.breaker(config), new_model(config)
    local now, flying, calls, lost = START, {}, {}, {}
    -- Long storms and long calms, so that every state is seen.
    local storm = random.chance(0.5)
    local retrying = core.policy.new { limits = false, retry = { budget = 1 } }
    for step = 1, 120 do
      if random.chance(0.06) then storm = not storm end
      if random.chance(0.5) then now = now + random.unit() * random.pick { 1, 10, 50 } end
      if random.chance(0.55) then
        local effect = random.pick { "read", "read", "read", "create", "set" }
        local class = random.pick { "cancel", "read" }
        -- A call may be a new one, or one that was answered and tries again.
        local again = #calls > 0 and random.chance(0.3)
        local call_of = again and table.remove(calls, random.int(1, #calls))
          or { id = step, effect = effect, class = class,
            x = exchanges.new(retrying, { effect = effect, class = class }, breaker) }
        now = math.max(now, call_of.not_before or 0)
        local harmless = call_of.effect == "read" or call_of.effect == "set" and call_of.class == "cancel"
        local expected, till = model_admits(model, now, harmless)
        local verdict, detail = call_of.x:next(now)
        -- One that was to be tried again may find the budget used up by then: the breaker is not told.
        local too_late = again and expected == "send" and verdict == "done" and detail == "budget"
        assert(too_late or verdict == expected and (verdict ~= "wait" or detail == till),
          ("step %d: %s %s, the model says %s %s"):format(step, verdict, tostring(detail), expected,
            tostring(till)))
        if verdict == "send" then
          call_of.ticket = model_sends(model, now)
          call_of.ticket.call = call_of.id
          flying[#flying + 1] = call_of
        else
          -- Refused by the breaker: it reports nothing, and nothing is known of it.
          call_of.x:close(now)
        end
      elseif #flying > 0 then
        -- One of those under way ends; some never do.
        local ended = table.remove(flying, random.int(1, #flying))
        if random.chance(0.08) then
          -- Kept: collected garbage would report after all.
          lost[#lost + 1] = ended
        else
          local answer
          repeat answer = random.pick(answers) until (answer[1] == "bad") == (storm and random.chance(0.9))
            or random.chance(0.2)
          local outcome = answer[2]
          model_hears(model, now, ended.ticket, answer[1], answer[4])
          local verdict, until_time = ended.x:feed(now, 0, outcome, answer[3],
            { retry_after = answer[4] and tostring(answer[4]), flag = answer[5] })
          if verdict == "wait" then
            ended.not_before = until_time
            calls[#calls + 1] = ended
          end
        end
      end
      local state = breaker:state(now)
      local expected = model.state
      if expected == "open" and now >= model.opens_until then expected = "half_open" end
      assert(state == expected, ("step %d: %s, the model says %s"):format(step, state, expected))
    end
    -- Once faults stop it closes, whatever is stuck.
    local quiet = now + 1000
    for _ = 1, config.successes do
      local x = exchange(breaker)
      assert(x:next(quiet) == "send", "stuck")
      x:feed(quiet, 0, "ok", 200)
    end
    assert(breaker:state(quiet) == "closed", "does not close")
    for _, stuck in ipairs(lost) do stuck.x:close(quiet) end
  end

  it("follows a transition table through random events", function()
    for seed in seeds.each(20000, 400) do
      seeds.named(seed, function() run_sequence(seed) end)
    end
  end)
end)
