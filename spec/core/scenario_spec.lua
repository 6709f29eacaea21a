local naive = require "support.naive_scenario"
local scenario = require "gitlab_pipelines.core".scenario

-- A Lua table cannot list nil: "none" stands for it.
local function or_nil(value)
  if value ~= "none" then return value end
end

local function rows(times, statuses, nevers)
  local list = { "none" }
  for _, after in ipairs(times) do
    for _, terminal in ipairs(statuses) do
      for _, never in ipairs(nevers) do
        list[#list + 1] = {
          terminal_after_seconds = or_nil(after),
          terminal_status = or_nil(terminal),
          never_complete = or_nil(never),
        }
      end
    end
  end
  return list
end

local function show(row)
  if type(row) ~= "table" then return "none" end
  return ("{after=%s status=%s never=%s}"):format(tostring(row.terminal_after_seconds),
    tostring(row.terminal_status), tostring(row.never_complete))
end

describe("scenario", function()
  it("shows what its description says, for every scenario, override and elapsed time", function()
    local scenarios = rows({ "none", 0, 1, 60 }, { "none", "success", "failed" }, { "none", true })
    local overrides = rows({ "none", 0, 5, 120 }, { "none", "canceled" }, { false, true })
    local triples = 0
    for _, row in ipairs(scenarios) do
      for _, override in ipairs(overrides) do
        for _, elapsed in ipairs { 0, 0.5, 1, 4.9, 5, 59.999, 60, 61, 119, 120, 1e9 } do
          -- Also at today's distance from the epoch, where a double has few digits to spare.
          for _, created_at in ipairs { 0, 1767225600.085 } do
            triples = triples + 1
            local expected = naive.status(or_nil(row), or_nil(override), elapsed)
            local got = scenario.status(or_nil(row), or_nil(override), created_at,
              created_at + elapsed)
            if got ~= expected then
              error(("%s %s at %s: expected %s, got %s"):format(show(row), show(override), elapsed,
                expected, got))
            end
          end
        end
      end
    end
    assert.is_true(triples > 900)
  end)

  it("agrees with the time at which it says that it ends", function()
    assert.is_nil(scenario.ends(nil, nil, 100))
    assert.is_nil(scenario.ends({ never_complete = 1 }, { terminal_status = "failed" }, 100))
    assert.same({ "failed", 160 },
      { scenario.ends({ terminal_after_seconds = 60 }, { terminal_status = "failed" }, 100) })
    assert.same({ "canceled", 100 }, { scenario.ends(nil, { terminal_status = "canceled" }, 100) })
    assert.same({ "success", 105 },
      { scenario.ends({ terminal_after_seconds = 60, terminal_status = "success" },
        { terminal_after_seconds = 5 }, 100) })
  end)

  it("counts sums of many short advances as the whole", function()
    local row, now = { terminal_after_seconds = 60 }, 1767225600.085
    for _ = 1, 600 do now = now + 0.1 end
    assert.equal("success", scenario.status(row, nil, 1767225600.085, now))
  end)

  it("takes the flags of a database for what they mean", function()
    assert.equal("running", scenario.status({ never_complete = 1, terminal_after_seconds = 1 },
      nil, 0, 10))
    assert.equal("success", scenario.status({ never_complete = 0, terminal_after_seconds = 1 },
      nil, 0, 10))
  end)

  it("is running before its creation, whatever the clock did", function()
    assert.equal("running", scenario.status(nil, { terminal_status = "failed" }, 100, 50))
  end)

  it("refuses a status that does not exist", function()
    assert.has_error(function()
      scenario.status({ terminal_status = "done" }, nil, 0, 0)
    end, "no such status: 'done'")
    assert.has_error(function()
      scenario.status({ terminal_after_seconds = "soon" }, nil, 0, 0)
    end)
  end)
end)
