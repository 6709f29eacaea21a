local options = require "gitlab_pipelines.options"

local descriptor = {
  name = { type = "string", required = true },
  count = { type = "integer", off = true },
  wait = { type = "duration" },
  mode = { type = "string", one_of = { "a", "b" } },
  token = { type = "string", secret = true, check = function(v) return #v < 3 and "is too short" or nil end },
}

describe("options", function()
  it("are returned when they are right", function()
    local given = { name = "x", count = false, wait = "1h30m", mode = "a", token = "abc" }
    assert.equal(given, options.check("f", descriptor, given))
    assert.same({}, options.check("f", { a = { type = "string" } }, nil))
  end)

  it("raise at the line of whoever called, naming what is wrong", function()
    local function called(given) options.check("f", descriptor, given) end
    local cases = {
      { { name = "x", cuont = 1 }, "f: unknown option 'cuont' (known: count, mode, name, token, wait)" },
      { {}, "f: option 'name' is required" },
      { { name = 1 }, "f: option 'name' must be a string, not number" },
      { { name = "x", count = 1.5 }, "f: option 'count' must be an integer or false, not 1.5" },
      { { name = "x", wait = -1 }, "f: option 'wait' must be a duration, not -1" },
      { { name = "x", wait = "soon" }, "f: option 'wait' must be a duration, not \"soon\"" },
      { { name = "x", mode = "c" }, "f: option 'mode' must be one of a, b, not c" },
      { { name = "x", token = "ab" }, "f: option 'token' is too short" },
      { "x", "f: options must be a table, not string" },
    }
    for _, case in ipairs(cases) do
      local ok, message = pcall(function() called(case[1]) end)
      assert.is_false(ok)
      assert.truthy(message:find(case[2], 1, true), message)
      assert.truthy(message:find "^spec/options_spec.lua:%d+: ", message)
    end
  end)

  it("tell the same one of several mistakes every time", function()
    for _ = 1, 20 do
      assert.truthy(options.problem("f", descriptor, { z = 1, y = 1, x = 1 }):find("'x'", 1, true))
      assert.truthy(options.problem("f", descriptor, { wait = true, count = "x", mode = 1 })
        :find("'count'", 1, true))
    end
  end)

  it("take seconds as a number or as text", function()
    for text, seconds in pairs { ["90s"] = 90, ["30m"] = 1800, ["1h30m"] = 5400, ["1.5h"] = 5400,
      ["2d"] = 172800, ["12"] = 12, ["0"] = 0 } do
      assert.equal(seconds, options.seconds(text))
    end
    assert.equal(0.5, options.seconds(0.5))
    for _, wrong in ipairs { "", "soon", "-1s", "1x", "h", -1, 0 / 0, true } do
      assert.is_nil(options.seconds(wrong))
    end
  end)
end)
