local verdict = require "gitlab_pipelines.watch.verdict"

local status = require("gitlab_pipelines.core").status

describe("the verdict of a status", function()
  local expected = { success = "success", failed = "failed", canceled = "canceled",
    skipped = "skipped", manual = "blocked" }

  it("is there for the finished ones and for manual, and for no other that GitLab has", function()
    assert.is_true(#status.all >= 13)
    for _, name in ipairs(status.all) do
      assert.are.equal(expected[name], verdict.of(name), name)
    end
  end)

  it("is missing for a status that nobody has heard of", function()
    assert.is_nil(verdict.of "sublimating")
    assert.is_nil(verdict.of(nil))
    assert.is_false(verdict.can_be_stuck "sublimating")
  end)

  it("can become stuck only where nobody works on the pipeline", function()
    local can = {}
    for _, name in ipairs(status.all) do
      if verdict.can_be_stuck(name) then can[#can + 1] = name end
    end
    table.sort(can)
    assert.are.same({ "created", "pending", "preparing", "waiting_for_callback",
      "waiting_for_resource" }, can)
    assert.is_true(verdict.can_be_stuck "waiting_for_something_new")
  end)

  it("takes a job that no runner took for stuck, unless it may fail", function()
    local function job(reason, more)
      local row = { status = "failed", failure_reason = reason }
      for name, value in pairs(more or {}) do row[name] = value end
      return verdict.stuck_job { { status = "success" }, row } == row
    end
    assert.is_true(job "stuck_or_timeout_failure")
    assert.is_true(job "stuck_pending_no_matching_runners")
    assert.is_true(job "no_matching_runner")
    assert.is_false(job "script_failure")
    assert.is_false(job(nil))
    assert.is_false(job("no_matching_runner", { allow_failure = true }))
    assert.is_false(job("no_matching_runner", { status = "pending" }))
  end)
end)

describe("the verdict of a tree", function()
  local function node(own, children, unsettled)
    return { verdict = own, children = children, unsettled = unsettled }
  end
  local function child(own, fields)
    local entry = { node = type(own) == "table" and own or node(own) }
    for name, value in pairs(fields or {}) do entry[name] = value end
    return entry
  end

  it("is the root's where all went well", function()
    assert.are.equal("success", verdict.tree(node("success", { child "success", child "skipped" })))
    assert.are.equal("skipped", verdict.tree(node("skipped")))
    assert.is_nil(verdict.tree(node(nil)))
  end)

  it("is open while one is, however deep, and while downstreams may still show up", function()
    assert.is_nil(verdict.tree(node("success", { child(node("success", { child(node(nil)) })) })))
    assert.is_nil(verdict.tree(node("success", {}, true)))
  end)

  it("is the worst of all, for whoever does not wait for its downstream too", function()
    assert.are.equal("failed", verdict.tree(node("success", { child "success", child "failed" })))
    assert.are.equal("failed", verdict.tree(node("success", { child "canceled", child "failed" })))
    assert.are.equal("canceled", verdict.tree(node("success", { child "canceled" })))
    assert.are.equal("stuck", verdict.tree(node("success", { child "stuck", child "blocked" })))
    assert.are.equal("blocked", verdict.tree(node("success", { child "failed", child "blocked" })))
  end)

  it("forgives below a trigger job that may fail", function()
    local grandchild = node("success", { child "failed" })
    assert.are.equal("success",
      verdict.tree(node("success", { child(grandchild, { allow_failure = true }) })))
    assert.are.equal("blocked", verdict.tree(node("success", { child("blocked", { allow_failure = true }) })))
  end)

  it("is blocked where a running pipeline only waits for a blocked one", function()
    local waiting = node(nil, { child("blocked", { open = true }) })
    assert.are.equal("blocked", verdict.tree(waiting))
    assert.are.equal("blocked", verdict.tree(node(nil, { child(waiting, { open = true }) })))
    assert.is_nil(verdict.tree(node(nil, { child("blocked", { open = false }) })))
    assert.is_nil(verdict.tree(node(nil, { child("success", { open = true }) })))
  end)
end)
