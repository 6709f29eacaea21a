local logs = require "gitlab_pipelines.cli.logs"

local function hit(number, text, before, after)
  return { number = number, text = text, before = before or {}, after = after or {} }
end

describe("cli/logs", function()
  it("shows hits without anything between them when nothing around them is asked for", function()
    assert.same({ "3:a", "9:b" }, logs.around { hit(3, "a"), hit(9, "b") })
    assert.same({}, logs.around {})
  end)

  it("shows each line once, and a break only where lines are left out", function()
    assert.same({ "2-y", "3:a", "4-x", "--", "8-p", "9:b", "10-q" },
      logs.around { hit(3, "a", { "y" }, { "x" }), hit(9, "b", { "p" }, { "q" }) })
    -- What stands around them overlaps, or they follow each other.
    assert.same({ "2-y", "3:a", "4-x", "5:b", "6-z" },
      logs.around { hit(3, "a", { "y" }, { "x", "b" }), hit(5, "b", { "a", "x" }, { "z" }) })
    assert.same({ "1:a", "2:b", "3:c", "4-d" },
      logs.around { hit(1, "a", {}, { "b" }), hit(2, "b", { "a" }, { "c" }), hit(3, "c", { "b" }, { "d" }) })
    assert.same({ "3:a", "4-x", "5-y", "6:b" }, logs.around { hit(3, "a", {}, { "x" }), hit(6, "b", { "y" }) })
  end)
end)
