local machine = require "gitlab_pipelines.once.machine"
local once_world = require "support.once_world"

local SETTLE = { finish = once_world.FINISH, visible = once_world.VISIBLE }

-- How many histories there are, and how many of them make a key two pipelines.
local function walk(settle, depth)
  local histories, duplicates, first = 0, 0, nil
  once_world.walk(settle, depth, function(world, ended, what, plans, options)
    histories = histories + 1
    if #world.pipelines > 1 then
      duplicates = duplicates + 1
      first = first or ("%d sends, dead after %s"):format(#plans, tostring(options.dies_after))
    elseif ended == "done" then
      assert.equal(1, #world.pipelines)
      assert.equal(1, what.id)
      assert.equal("known", world.journal.state)
    else
      assert.equal("absent", what.reason)
      assert.equal(0, #world.pipelines)
      assert.is_nil(world.journal.state)
    end
  end)
  return histories, duplicates, first
end

describe("the once machine, in every history of two processes and up to three sends", function()
  it("never makes a second pipeline with settle at the sum of the assumptions", function()
    local histories, duplicates, first = walk(SETTLE, 3)
    assert.is_true(histories > 1000, "only " .. histories .. " histories")
    assert.equal(0, duplicates, first)
  end)

  it("makes one a step below the sum, so that the enumeration bites", function()
    local _, duplicates = walk({ finish = once_world.FINISH - once_world.STEP,
      visible = once_world.VISIBLE }, 2)
    assert.is_true(duplicates > 0)
    _, duplicates = walk({ finish = once_world.FINISH,
      visible = once_world.VISIBLE - once_world.STEP }, 2)
    assert.is_true(duplicates > 0)
  end)
end)

-- One machine by hand ---------------------------------------------------------------------------

local function new(options)
  local given = { deadline = 330, settle = SETTLE, alone = true, carried = true }
  for name, value in pairs(options or {}) do given[name] = value end
  return machine.new(given.now or 0, given)
end

local function look(fields)
  local given = { found = {}, candidates = {}, no_other_open = true }
  for name, value in pairs(fields or {}) do given[name] = value end
  return given
end

-- The actions up to the next wait or the end, each told that it is done; looks see `seen`.
local function follow(m, now, seen)
  local names = {}
  while true do
    local action, argument = m:next(now)
    names[#names + 1] = action == "known" and "known " .. argument
      or action == "cancel" and "cancel " .. argument or action
    if action == "wait" or action == "send" or action == "done" or action == "fail" then
      return names, argument
    end
    if action == "look" then
      if seen == nil then return names end
      m:looked(now, now, seen)
    else
      m:did()
    end
  end
end

local function in_doubt(options, outcome)
  local m = new(options)
  follow(m, 0, look())
  m:sent(0, outcome or { doubt = true })
  return m
end

-- The times of all looks up to the end, and the end.
local function looks_of(m, now, seen)
  local times = {}
  while true do
    local action, argument = m:next(now)
    if action == "wait" then
      now = argument
    elseif action == "look" then
      times[#times + 1] = now
      m:looked(now, now, type(seen) == "function" and seen(now) or seen)
    elseif action == "refused" then
      m:did()
    else
      return times, action, argument, now
    end
  end
end

describe("the once machine", function()
  it("writes its intent before it sends, and the pipeline when it knows it", function()
    local m = new()
    assert.same({ "intent", "send" }, follow(m, 0))
    m:sent(1, { made = 7 })
    local names, result = follow(m, 1)
    assert.same({ "known 7", "done" }, names)
    assert.same({ id = 7 }, result)
  end)

  it("gives a pipeline that is known already", function()
    local names, result = follow(new { state = "known", pipeline = 9 }, 0)
    assert.same({ "done" }, names)
    assert.same({ id = 9, adopted = true }, result)
  end)

  it("looks before and after where others may have the key", function()
    local m = new { alone = false }
    assert.same({ "look", "intent", "send" }, follow(m, 0, look()))
    m:sent(1, { made = 7 })
    local names, result = follow(m, 1, look { found = { 7 } })
    assert.same({ "known 7", "look", "done" }, names)
    assert.same({ id = 7, duplicates = {} }, result)
  end)

  it("adopts what the look before has found, without sending", function()
    local names, result = follow(new { alone = false }, 0, look { found = { 5, 3, 5 } })
    assert.same({ "look", "intent", "known 3", "done" }, names)
    assert.same({ id = 3, adopted = true, duplicates = { 5 } }, result)
  end)

  it("keeps the lowest and cancels its own where two have sent", function()
    local m = new { alone = false }
    follow(m, 0, look())
    m:sent(1, { made = 7 })
    local names, result = follow(m, 1, look { found = { 7, 6, 8 } })
    assert.same({ "known 7", "look", "known 6", "cancel 7", "done" }, names)
    assert.same({ id = 6, adopted = true, duplicates = { 7, 8 }, cancelled_own = 7 }, result)
    m = new { alone = false }
    follow(m, 0, look())
    m:sent(1, { made = 7 })
    names, result = follow(m, 1, look { found = { 9 } })
    assert.same({ "known 7", "look", "done" }, names)
    assert.same({ id = 7, duplicates = { 9 } }, result)
  end)

  it("does not mind a look after it that fails", function()
    local m = new { alone = false }
    follow(m, 0, look())
    m:sent(1, { made = 7 })
    local names, result = follow(m, 1, { failed = "no", found = {}, candidates = {} })
    assert.same({ "known 7", "look", "done" }, names)
    assert.equal(7, result.id)
  end)

  it("does not send where the look before could not be had, unless it never can be", function()
    local names, failure = follow(new { alone = false }, 0,
      { failed = "why", found = {}, candidates = {} })
    assert.same({ "look", "fail" }, names)
    assert.same({ "unasked", "why" }, { failure.reason, failure.error })
    names = follow(new { alone = false }, 0,
      { failed = "why", final = true, found = {}, candidates = {} })
    assert.same({ "look", "intent", "send" }, names)
  end)

  it("looks at 0, 2, 5, 10, 20, 40 and so on, at settle, and once more 5 s later", function()
    local times, action, _, now = looks_of(in_doubt(), 0, look())
    assert.same({ 0, 2, 5, 10, 20, 40, 80, 160, 210, 215 }, times)
    assert.same({ "send", 215 }, { action, now })
    times = looks_of(in_doubt { deadline = 2000, settle = { finish = 1000, visible = 100 } }, 0, look())
    assert.same({ 0, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1100, 1105 }, times)
  end)

  it("waits for visibility alone after an answer of GitLab itself", function()
    local times = looks_of(in_doubt(nil, { doubt = true, answered = true }), 0, look())
    assert.same({ 0, 2, 5, 10, 20, 40, 60, 65 }, times)
  end)

  it("begins the doubt at a restart, or goes on with one of its own", function()
    local times = looks_of(new { state = "intent", now = 1000, deadline = 2000 }, 1000, look())
    assert.same({ 1000, 1002, 1005 }, { times[1], times[2], times[3] })
    assert.equal(1215, times[#times])
    times = looks_of(new { state = "intent", now = 1000, deadline = 2000, doubt_from = 970,
      settle_time = 60 }, 1000, look())
    assert.same({ 1000, 1010, 1030, 1035 }, times)
  end)

  it("adopts at first sight, the lowest of several", function()
    local times, action, argument = looks_of(in_doubt(), 0, function(now)
      return look { found = now >= 10 and { 9, 8 } or {} }
    end)
    assert.same({ 0, 2, 5, 10 }, times)
    assert.same({ "known", 8 }, { action, argument })
  end)

  it("asks again 2 s after a look that failed, which counts for nothing", function()
    local times, action = looks_of(in_doubt(), 0, function(now)
      if now == 210 or now == 5 then return { failed = "x", found = {}, candidates = {} } end
      return look()
    end)
    assert.same({ 0, 2, 5, 7, 10, 20, 40, 80, 160, 210, 212, 217 }, times)
    assert.equal("send", action)
  end)

  it("counts a look by when it began, not by when it ended", function()
    local m = in_doubt()
    m:looked(209, 211, look())
    assert.same({ "look" }, { m:next(211) })
    m:looked(211, 214, look())
    assert.same({ "wait", 216 }, { m:next(214) })
    m:looked(215.5, 216, look())
    assert.equal("look", (m:next(216)))
    m:looked(216, 216, look())
    assert.equal("send", (m:next(216)))
  end)

  it("gives up where the pipelines can never be read", function()
    local m = in_doubt()
    m:looked(0, 0, { failed = "403", final = true, found = {}, candidates = {} })
    local action, failure = m:next(0)
    assert.same({ "fail", "unreadable", "403", 210 },
      { action, failure.reason, failure.error, failure.settles_at })
  end)

  it("gives up where there are too many", function()
    local m = in_doubt()
    m:looked(0, 0, look { too_many = true, candidates = { 1 } })
    local action, failure = m:next(0)
    assert.same({ "fail", "too_many", { 1 } }, { action, failure.reason, failure.candidates })
  end)

  it("leaves the intent open when the deadline comes first", function()
    local times, action, failure, now = looks_of(in_doubt { deadline = 100 }, 0, look())
    assert.same({ 0, 2, 5, 10, 20, 40, 80 }, times)
    assert.same({ "fail", "deadline", 210, 100 },
      { action, failure.reason, failure.settles_at, now })
  end)

  it("looks a last time when a look is due at the deadline", function()
    local times, action = looks_of(in_doubt { deadline = 80 }, 0, look())
    assert.same({ 0, 2, 5, 10, 20, 40, 80 }, times)
    assert.equal("fail", action)
  end)

  it("sends three times at most, and frees the key when nothing was made", function()
    local m = in_doubt { deadline = 10000 }
    local now = 0
    for _ = 2, 3 do
      local _, action
      _, action, _, now = looks_of(m, now, look())
      assert.equal("send", action)
      m:sent(now, { doubt = true })
    end
    local _, action, failure = looks_of(m, now, look())
    assert.same({ "fail", "absent" }, { action, failure.reason })
    assert.is_nil(failure.settles_at)
  end)

  it("sends no second time where it must not", function()
    local m = in_doubt { sends = 1 }
    assert.same("look", (m:next(0)))
    m:looked(0, 0, look())
    local names
    m:looked(210, 210, look())
    m:looked(215, 215, look())
    names = follow(m, 215)
    assert.same({ "refused", "fail" }, names)
  end)

  it("never sends again what GitLab said it had made", function()
    local _, action, failure = looks_of(
      in_doubt(nil, { doubt = true, answered = true, unseen = true }), 0, look())
    assert.same({ "fail", "unseen" }, { action, failure.reason })
    _, action, failure = looks_of(new { state = "intent", unseen = true }, 0, look())
    assert.same({ "fail", "unseen" }, { action, failure.reason })
  end)

  it("frees the key on a refusal", function()
    local m = new()
    follow(m, 0)
    m:sent(1, { refused = "400 no" })
    assert.same({ "refused", "400 no" }, { m:next(1) })
    m:did()
    local action, failure = m:next(1)
    assert.same({ "fail", "refused" }, { action, failure.reason })
  end)

  it("sends without its variable where a project takes none, if the caller gave none", function()
    local m = new { alone = false, may_drop = true }
    follow(m, 0, look())
    m:sent(1, { refused = "400", forbidden = true })
    assert.same({ "refused", "forbidden", "intent", "send" }, follow(m, 1))
    assert.is_false(m.carried)
    m:sent(2, { made = 4 })
    assert.same({ "known 4", "done" }, follow(m, 2))
    m = new { may_drop = false }
    follow(m, 0)
    m:sent(1, { refused = "400", forbidden = true })
    assert.same({ "refused", "fail" }, follow(m, 1))
    m = new { may_drop = true, carried = false }
    follow(m, 0, look())
    m:sent(1, { refused = "400", forbidden = true })
    assert.same({ "refused", "fail" }, follow(m, 1))
  end)

  it("looks before sending without a variable, to know what was there", function()
    assert.same({ "look", "intent", "send" }, follow(new { carried = false }, 0, look()))
  end)

  it("leaves it to a person where it cannot be told", function()
    local times, action, failure = looks_of(in_doubt(), 0, look { candidates = { 4, 5 } })
    assert.same({ 210, 215 }, { times[#times - 1], times[#times] })
    assert.same({ "fail", "candidates", { 4, 5 } },
      { action, failure.reason, failure.candidates })
  end)

  it("does not send while one candidate is left, also when it came between the two looks", function()
    local _, action = looks_of(in_doubt(), 0, function(now)
      return look { candidates = now >= 215 and { 4 } or {} }
    end)
    assert.equal("fail", action)
    local times
    times, action = looks_of(in_doubt(), 0, function(now)
      return look { candidates = now <= 210 and { 4 } or {} }
    end)
    assert.same({ 210, 215, 220 }, { times[#times - 2], times[#times - 1], times[#times] })
    assert.equal("send", action)
  end)

  it("adopts a single candidate when told to, and no other intent is open", function()
    local function with(fields, adopt)
      local _, action, argument = looks_of(in_doubt { adopt = adopt or "single" }, 0, look(fields))
      return { action, type(argument) == "table" and argument.reason or argument }
    end
    assert.same({ "known", 4 }, with { candidates = { 4 } })
    assert.same({ "fail", "candidates" }, with { candidates = { 4, 5 } })
    assert.same({ "fail", "candidates" }, with { candidates = { 4 }, no_other_open = false })
  end)

  it("takes the pipeline that a person chose", function()
    local names, result = follow(new { state = "intent", adopt = 12 }, 0)
    assert.same({ "known 12", "done" }, names)
    assert.same({ id = 12, adopted = true, duplicates = {} }, result)
    assert.same({ "intent", "known 12", "done" }, (follow(new { adopt = 12 }, 0)))
  end)

  it("sends again when a person says so, unless it is found after all", function()
    assert.same({ "look", "send" },
      (follow(new { state = "intent", send_again = true }, 0, look { candidates = { 4 } })))
    assert.same({ "look", "known 4", "done" },
      (follow(new { state = "intent", send_again = true }, 0, look { found = { 4 } })))
    assert.same({ "intent", "send" }, (follow(new { send_again = true }, 0)))
  end)

  it("ends at once when cancelled before anything was sent", function()
    local m = new { alone = false }
    m:cancel()
    local names, failure = follow(m, 0)
    assert.same({ "fail" }, names)
    assert.same({ "cancelled", true }, { failure.reason, failure.cancelled })
    m = new()
    assert.equal("intent", (m:next(0)))
    m:did()
    m:cancel()
    assert.same({ "refused", "fail" }, (follow(m, 0)))
  end)

  it("leaves an older doubt open when cancelled before it sends again", function()
    local m = new { state = "intent", send_again = true }
    m:looked(0, 0, look())
    m:cancel()
    assert.same({ "fail" }, (follow(m, 0)))
    m = new { state = "intent", send_again = true }
    m:cancel()
    assert.equal("look", (m:next(0)))
  end)

  it("settles first when cancelled in doubt, then cancels what it found", function()
    local m = in_doubt(nil, { doubt = true, cancelled = true })
    local _, action = looks_of(m, 0, look())
    assert.equal("fail", action)
    m = in_doubt()
    m:cancel()
    local times
    times, action = looks_of(m, 0, function(now) return look { found = now >= 2 and { 6 } or {} } end)
    assert.same({ { 0, 2 }, "known" }, { times, action })
    local names, failure = follow(m, 2)
    assert.same({ "known 6", "cancel 6", "fail" }, names)
    assert.same({ "cancelled", 6 }, { failure.reason, failure.id })
  end)

  it("cancels what it has just made when cancelled in the look after it", function()
    local m = new { alone = false }
    follow(m, 0, look())
    m:sent(1, { made = 7 })
    m:cancel()
    local names, failure = follow(m, 1, look { found = { 7 } })
    assert.same({ "known 7", "look", "cancel 7", "fail" }, names)
    assert.same({ "cancelled", 7 }, { failure.reason, failure.id })
    assert.is_nil(failure.settles_at)
  end)

  it("frees the key when cancelled and nothing was made", function()
    local m = in_doubt()
    m:cancel()
    local _, action, failure, now = looks_of(m, 0, look())
    assert.same({ "fail", "cancelled", 215 }, { action, failure.reason, now })
    assert.is_nil(failure.id)
  end)
end)
