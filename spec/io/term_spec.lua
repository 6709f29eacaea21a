local term = require("gitlab_pipelines.core").term

local function file_with_mode(mode)
  local path = os.tmpname()
  os.execute("chmod " .. mode .. " " .. path)
  return path
end

describe("io/term", function()
  it("knows that a file is no terminal", function()
    assert.is_false(term.isatty(99))
    assert.is_nil(term.size(99))
  end)

  it("lets secrets stand only in a file that its owner alone may read", function()
    for mode, fit in pairs { ["600"] = true, ["400"] = true, ["640"] = false, ["604"] = false } do
      local path = file_with_mode(mode)
      local ok, reason = term.private(path)
      os.remove(path)
      assert.equal(fit or nil, ok)
      if not fit then assert.matches("chmod 600", reason) end
    end
  end)

  it("refuses a folder, and says why a missing file cannot be looked at", function()
    local _, folder = term.private("/")
    assert.matches("regular file", folder)
    local _, missing = term.private("/nonexistent/file")
    assert.matches("No such file", missing)
  end)
end)
