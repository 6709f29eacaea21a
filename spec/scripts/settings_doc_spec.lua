-- docs/resilience.md has a row for every option of gitlab.new, with the default that holds.
local settings = require "gitlab_pipelines.client.settings"

local function text_of(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

-- The options that the check of `given` says it knows.
local function known(given)
  local ok, message = pcall(settings.check, given)
  assert(not ok)
  local list = assert(tostring(message):match "known[^:]*: *([%w_, ]+)", message)
  local names = {}
  for name in list:gmatch "[%w_]+" do names[#names + 1] = name end
  assert(#names > 0, message)
  return names
end

describe("the guide to resilience", function()
  local rows = {}
  for line in text_of "docs/resilience.md":gmatch "[^\n]+" do
    local names, default, off = line:match "^|([^|]+)|([^|]*)|[^|]*|([^|]*)|$"
    if names then
      for name in names:gmatch "`([%w_.]+)`" do rows[name] = { default = default, off = off } end
    end
  end

  it("names every option of a client, and how it is switched off", function()
    for _, name in ipairs(known { nonsense = true }) do
      if name ~= "timeout" then assert.is_truthy(rows[name], name) end
    end
    for _, section in ipairs { "timeout", "retry", "limits", "breaker" } do
      for _, name in ipairs(known { [section] = { nonsense = true } }) do
        local row = assert(rows[section .. "." .. name] or rows[section .. "." .. name .. ".finish"],
          section .. "." .. name)
        assert.is_truthy(row.off:find "%S", section .. "." .. name)
      end
    end
  end)

  it("tells the defaults that hold", function()
    local made = assert(settings.check { url = "https://gitlab.example.com" })
    made.retry.settle = nil
    for _, section in ipairs { "timeout", "retry", "limits", "breaker" } do
      for name, value in pairs(made[section]) do
        assert.equals(value, tonumber(rows[section .. "." .. name].default), section .. "." .. name)
      end
    end
    for name, value in pairs(made.settle) do
      assert.equals(value, tonumber(rows["retry.settle." .. name].default), name)
    end
  end)

  it("tells switches that work", function()
    for _, name in ipairs { "retry", "limits", "breaker", "proxy" } do
      assert.equals(false, assert(settings.check { [name] = false })[name])
    end
    for name, row in pairs(rows) do
      local rule = name:match "^limits%.(%w+_%w[%w_]*)$"
      if rule then
        assert.is_truthy(row.off:find("`false`", 1, true))
        assert.equals(false, assert(settings.check { limits = { [rule] = false } }).limits[rule])
      end
    end
  end)
end)
