local freshness = require "gitlab_pipelines.watch.freshness"
local random_numbers = require "gitlab_pipelines.runtime.random"

local SEED = tonumber(os.getenv "SEED") or 5
local ROUNDS = os.getenv "GP_FULL" == "1" and 100000 or 5000

describe("what is held of a pipeline", function()
  local function row(state, second)
    return { status = state, updated_at = ("2026-01-01T00:00:%06.3fZ"):format(second) }
  end
  local function hold(state, second)
    return { row = row(state, second), stamp = freshness.stamp(row(state, second)) }
  end

  it("is replaced by a later row and by no older one", function()
    assert.are.equal("new", freshness.compare(nil, row("running", 1)))
    assert.are.equal("new", freshness.compare(hold("running", 1), row("success", 1.001)))
    assert.are.equal("new", freshness.compare(hold("failed", 1), row("running", 2)))
    assert.are.equal("older", freshness.compare(hold("running", 2), row("pending", 1.999)))
    assert.are.equal("same", freshness.compare(hold("running", 2), row("running", 2)))
  end)

  it("compares moments, not texts", function()
    assert.are.equal("new", freshness.compare(hold("running", 1),
      { status = "success", updated_at = "2026-01-01T02:00:02.000+02:00" }))
    assert.are.equal("older", freshness.compare(hold("running", 3),
      { status = "success", updated_at = "2026-01-01T02:00:02+02:00" }))
  end)

  it("is doubted by an equally old and different row; read alone, an end stays an end", function()
    assert.are.equal("doubtful", freshness.compare(hold("pending", 1), row("running", 1)))
    assert.are.equal("new", freshness.compare(hold("pending", 1), row("running", 1), true))
    assert.are.equal("older", freshness.compare(hold("success", 1), row("running", 1), true))
  end)

  it("of a job never goes back to an earlier part of its life", function()
    local function how(before, after)
      return freshness.compare_jobs({ status = before }, { status = after })
    end
    assert.are.equal("older", how("running", "pending"))
    assert.are.equal("older", how("success", "running"))
    assert.are.equal("new", how("pending", "running"))
    assert.are.equal("new", how("manual", "pending"))
    assert.are.equal("older", how("pending", "manual"))
    assert.are.equal("older", how("running", "scheduled"))
    assert.are.equal("new", how("scheduled", "manual"))
    assert.are.equal("new", how("skipped", "created"))
    assert.are.equal("new", how("running", "sublimating"))
    assert.are.equal("same", how("running", "running"))
    assert.are.equal("new", freshness.compare_jobs(nil, { status = "created" }))
  end)
end)

describe("jobs fit their pipeline", function()
  local function fits(status, ...)
    local rows = {}
    for i, job in ipairs { ... } do
      local state, soft = job:match "^(%S+)(.*)$"
      rows[i] = { id = i, name = "j" .. i, status = state, allow_failure = soft ~= "" }
    end
    return freshness.jobs_fit({ status = status }, rows)
  end

  it("where they make up its status by GitLab's rules", function()
    assert.is_true(fits("success", "success", "manual soft", "failed soft"))
    assert.is_false(fits("success", "success", "running"))
    assert.is_false(fits("success", "failed"))
    assert.is_false(fits("failed", "success", "success"))
    assert.is_true(fits("failed", "success", "failed", "skipped"))
    assert.is_true(fits("manual", "success", "manual", "created"))
    assert.is_false(fits("manual", "success", "created", "created"))
    assert.is_false(fits("canceled", "success", "running"))
  end)

  it("by the newest attempt of each", function()
    local rows = { { id = 9, name = "a", status = "success" }, { id = 2, name = "b", status = "success" },
      { id = 1, name = "a", status = "failed" } }
    assert.is_true(freshness.jobs_fit({ status = "success" }, rows))
    assert.same({ 9, 2 }, { freshness.newest_attempts(rows)[1].id, freshness.newest_attempts(rows)[2].id })
  end)

  it("always, while it moves; and never, where there is none", function()
    assert.is_true(fits("running", "created"))
    assert.is_true(fits("gestating"))
    assert.is_false(fits "success")
    assert.is_true(freshness.jobs_fit({ status = "failed", yaml_errors = "no stages" }, {}))
  end)
end)

describe("what a read tells", function()
  it("is not yet to be believed within 120 s of what implies more", function()
    local seen = freshness.seen(1000)
    assert.same({ "not yet", 1120 }, { freshness.judge(seen, 1119.9, nil) })
    assert.same({ "not yet", 1120 }, { freshness.judge(seen, 1119.9, {}, false) })
    assert.equal("value", freshness.judge(seen, 1119.9, {}, true))
    assert.equal("value", freshness.judge(seen, 1120, {}, false))
  end)

  it("is gone by two 404s 5 s apart after that, and by none before one that showed it", function()
    local seen = freshness.seen(1000)
    assert.same({ "not yet", 1127 }, { freshness.judge(seen, 1122, nil) })
    assert.equal("not yet", freshness.judge(seen, 1126.9, nil))
    assert.equal("value", freshness.judge(seen, 1126.95, {}))
    assert.equal("not yet", freshness.judge(seen, 1127, nil))
    assert.equal("gone", freshness.judge(seen, 1132, nil))
  end)

  it("is gone by two 404s 5 s apart where nothing implies it", function()
    local seen = {}
    assert.same({ "not yet", 15 }, { freshness.judge(seen, 10, nil) })
    assert.equal("gone", freshness.judge(seen, 15, nil))
  end)

  -- A thing that changes and may be deleted, read from replicas that lag for up to a minute, by
  -- somebody who has seen its newest state.
  local function life(random)
    local seen_at = 1000 + random() * 100
    local changed_at = seen_at - random() * 60
    local deleted_at = random() < 0.5 and seen_at + random() * 400 or math.huge
    local function read(at)
      if at >= deleted_at then return nil end
      if at < changed_at then return random() < 0.5 and "old" or nil end
      return "new"
    end
    return seen_at, deleted_at, read
  end

  it(("never moves back, and finds what was deleted (%d lives from seed %d)"):format(ROUNDS, SEED),
    function()
      for round = 1, ROUNDS do
        local where = ("SEED=%d round %d"):format(SEED, round)
        local random = random_numbers.new(SEED * 1000000 + round)
        local seen_at, deleted_at, read = life(random)
        local seen, now, missing_from = freshness.seen(seen_at), seen_at, nil
        local decision
        repeat
          now = now + 0.5 + random() * 20
          local lag = random() < 0.5 and random() * 60 or 0
          local value = read(now - lag)
          decision = freshness.judge(seen, now, value, value == "new")
          if value ~= nil then
            missing_from = nil
          elseif now >= seen_at + freshness.WINDOW then
            missing_from = missing_from or now
          end
          if decision == "value" then
            assert(value == "new", where .. ": older data was believed")
          elseif decision == "gone" then
            assert(now >= deleted_at, where .. ": it was there still")
            assert(missing_from and now - missing_from >= freshness.CONFIRM, where .. ": too early")
          end
        until decision == "gone" or now > 2000
        if deleted_at < 1500 then
          assert(decision == "gone", where .. ": its deletion was not found")
        else
          assert(decision ~= "gone", where .. ": it was not deleted")
        end
      end
    end)
end)
