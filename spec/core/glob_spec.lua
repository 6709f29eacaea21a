local pattern = require "gitlab_pipelines.core".pattern
local random = require "support.random"

describe("a shell-like pattern", function()
  -- The same as a pattern of Lua.
  local function translated(text)
    return "^" .. text:gsub("%W", function(byte)
      return byte == "*" and ".*" or byte == "?" and "." or "%" .. byte
    end) .. "$"
  end

  it("matches whole texts, with * for any bytes and ? for one", function()
    for _, row in ipairs { { "/projects/*/pipeline", "/projects/5/pipeline", true },
      { "/projects/*/pipeline", "/projects/5/pipelines", false }, { "*", "", true }, { "", "", true },
      { "", "a", false },
      { "?", "", false }, { "release/?.*", "release/1.2.3", true }, { "release/?.*", "release/12.3", false },
      { "*a*b", "aab b", true }, { "**", "x", true }, { "a.c", "abc", false } } do
      assert.equal(row[3], pattern.glob(row[1], row[2]), row[1] .. " and " .. row[2])
    end
  end)

  it("agrees with Lua about random ones", function()
    local seed = random.seed()
    local pick = random.new(seed)
    local function text(letters, most)
      local made = {}
      for i = 1, pick(0, most) do
        local at = pick(1, #letters)
        made[i] = letters:sub(at, at)
      end
      return table.concat(made)
    end
    for _ = 1, 5000 do
      local glob, subject = text("ab*?.", 6), text("ab.", 8)
      assert.equal(subject:find(translated(glob)) ~= nil, pattern.glob(glob, subject),
        ("seed %d: %q and %q"):format(seed, glob, subject))
    end
  end)
end)
