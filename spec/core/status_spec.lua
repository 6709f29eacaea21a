local naive = require "support.naive_status"
local status = require "gitlab_pipelines.core".status

local unpack = table.unpack or unpack

local statuses = { "created", "waiting_for_resource", "preparing", "waiting_for_callback",
  "pending", "running", "success", "failed", "canceling", "canceled", "skipped", "manual",
  "scheduled" }

local function describe_jobs(jobs, has_needs)
  local parts = {}
  for i, job in ipairs(jobs) do parts[i] = job.status .. (job.allow_failure and "?" or "") end
  return table.concat(parts, " + ") .. (has_needs and " (needs)" or "")
end

describe("status", function()
  it("is composed by GitLab's rules for every set of up to three jobs", function()
    -- Every status with and without allow_failure makes every symbol.
    local kinds = {}
    for _, name in ipairs(statuses) do
      kinds[#kinds + 1] = { status = name, allow_failure = false }
      kinds[#kinds + 1] = { status = name, allow_failure = true }
    end
    local sets = 0
    local function try(jobs)
      for _, has_needs in ipairs { false, true } do
        sets = sets + 1
        local expected = naive.compose(jobs, has_needs)
        local got = status.compose(jobs, has_needs)
        if got ~= expected then
          error(("%s: expected %s, got %s"):format(describe_jobs(jobs, has_needs), expected, got))
        end
      end
    end
    try {}
    for i = 1, #kinds do
      try { kinds[i] }
      for j = i, #kinds do
        try { kinds[i], kinds[j] }
        for k = j, #kinds do
          try { kinds[i], kinds[j], kinds[k] }
        end
      end
    end
    assert.equal(2 * (1 + 26 + 351 + 3276), sets)
  end)

  -- Stated outright, so that a mistake shared by both witnesses shows.
  local stated = {
    { "running", "failed", "running" },
    { "running", "failed", "created" },
    { "manual", "failed", "manual" },
    { "scheduled", "failed", "scheduled" },
    { "failed", "failed", "canceled" },
    { "failed", "failed", "skipped" },
    { "success", "success", "manual?" },
    { "skipped", "manual?" },
    { "success", "failed?" },
    { "success", "canceled?" },
    { "canceled", "canceled", "success" },
    { "running", "canceled", "created" },
    { "pending", "created", "skipped" },
    { "running", "success", "created" },
    { "running", "canceling", "running" },
    { "running", "canceling", "created" },
    { "manual", "canceling", "manual" },
    { "canceling", "canceling", "success" },
    { "canceling", "canceling", "failed" },
    { "canceling", "canceling", "canceled" },
    { "preparing", "preparing", "failed?" },
    { "preparing", "preparing", "success" },
    { "waiting_for_resource", "waiting_for_resource", "waiting_for_callback" },
    { "waiting_for_callback", "waiting_for_callback", "manual" },
  }
  for _, row in ipairs(stated) do
    local jobs = {}
    for i = 2, #row do
      local name, optional = row[i]:match "^([%a_]+)(%??)$"
      jobs[i - 1] = { status = name, allow_failure = optional == "?" }
    end
    it(("of %s is %s"):format(describe_jobs(jobs), row[1]), function()
      assert.equal(row[1], status.compose(jobs))
    end)
  end

  it("of no job at all is success", function()
    assert.equal("success", status.compose {})
    assert.equal("success", status.compose({}, true))
  end)

  it("skips what needs a skipped or an untouched optional job", function()
    assert.equal("skipped", status.compose({ { status = "success" }, { status = "skipped" } }, true))
    assert.equal("skipped", status.compose(
      { { status = "running" }, { status = "manual", allow_failure = true } }, true))
  end)

  it("takes a status that nobody knows for one that is not finished", function()
    assert.equal("running", status.compose { { status = "success" }, { status = "levitating" } })
    assert.equal("running", status.compose { { status = "failed" }, {} })
    assert.is_false(status.is_finished "levitating")
    assert.is_false(status.is_active "levitating")
    assert.is_false(status.is_blocked "levitating")
    assert.is_false(status.is_alive "levitating")
    assert.equal("unknown", status.kind "levitating")
    assert.equal("unknown", status.kind(nil))
    assert.equal("unknown", status.kind "warned")
    assert.equal("unknown", status.kind "ignored")
  end)

  -- The reference's table of statuses, row by row, in its words.
  local reference = [[
    | `created` | made, jobs not yet evaluated | alive |
    | `waiting_for_resource` | resource group busy | active |
    | `preparing` | prerequisites being set up | active |
    | `waiting_for_callback` | external service must call back | active |
    | `pending` | queued for a runner | active |
    | `running` | at least one job runs | active |
    | `success` / `failed` / `canceled` / `skipped` | final | complete |
    | `canceling` | cancel requested, `after_script` still running | alive, not cancelable |
    | `manual` | blocked on a manual job | blocked; stops here until someone acts |
    | `scheduled` | delayed job waits | blocked, cancelable |
  ]]

  it("has in the reference's table the kind that it has here, and no status is missing", function()
    local known = {}
    for names, word in reference:gmatch "| (`[^|]+) |[^|]+| (%a+)" do
      local kind = word == "complete" and "finished" or word
      for name in names:gmatch "`([%a_]+)`" do
        known[#known + 1] = name
        assert.equal(kind, status.kind(name), name)
        assert.equal(kind == "finished", status.is_finished(name), name)
        assert.equal(kind == "active", status.is_active(name), name)
        assert.equal(kind == "blocked", status.is_blocked(name), name)
        assert.equal(kind == "active" or kind == "alive", status.is_alive(name), name)
      end
    end
    local all = { unpack(status.all) }
    table.sort(all)
    table.sort(known)
    assert.same(known, all)
    assert.same(statuses, status.all)
  end)

  it("knows what deployments say", function()
    assert.equal("blocked", status.kind "blocked")
    assert.is_true(status.is_blocked "blocked")
    assert.is_true(status.is_alive "approved")
    assert.is_false(status.is_finished "rejected")
  end)

  it("refuses what is no list of jobs", function()
    assert.has_error(function() status.compose "x" end)
    assert.has_error(function() status.compose { "success" } end)
  end)
end)
