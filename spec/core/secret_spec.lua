local core = require "gitlab_pipelines.core"

local secret = core.secret

describe("secret", function()
  local text = "glpat-0123456789abcdef"

  it("shows itself to nobody", function()
    local s = secret.new(text)
    assert.equal("[secret]", tostring(s))
    assert.equal("[secret]", ("%s"):format(tostring(s)))
    assert.is_nil(tostring(s):find("0x", 1, true))
    assert.is_false(pcall(function() return "x" .. s end))
    assert.is_false(pcall(function() for _ in pairs(s) do error "shown" end end))
    assert.is_nil(s.data)
    assert.equal("gitlab_pipelines.secret", getmetatable(s))
  end)

  it("reveals itself when asked", function()
    local s = secret.new(text)
    assert.equal(text, s:reveal())
    assert.equal(#text, s:length())
    local odd = "\0\1\255 binary \0"
    assert.equal(odd, secret.new(odd):reveal())
  end)

  it("compares with texts", function()
    local s = secret.new(text)
    assert.is_true(s:equals(text))
    for i = 1, #text do
      assert.is_false(s:equals(text:sub(1, i - 1) .. "~" .. text:sub(i + 1)))
      assert.is_false(s:equals(text:sub(1, i - 1)))
    end
    assert.is_false(s:equals(text .. "x"))
    assert.is_false(s:equals "")
  end)

  it("is gone when closed", function()
    local s = secret.new(text)
    s:close()
    s:close()
    assert.equal("[secret]", tostring(s))
    assert.equal(0, s:length())
    assert.is_false(s:equals(text))
    assert.is_false(s:equals "")
    assert.is_false(pcall(s.reveal, s))
  end)

  it("refuses text that cannot be told from other text", function()
    assert.is_false(pcall(secret.new, "1234567"))
    assert.is_true(pcall(secret.new, "12345678"))
    assert.equal(3, secret.new("abc", { short = true }):length())
    assert.is_false(pcall(secret.new, "abc", { short = false }))
    assert.is_false(pcall(secret.new, "", { short = true }))
    assert.is_false(pcall(secret.new))
    assert.is_false(pcall(secret.new, {}))
  end)

  it("knows its own kind", function()
    assert.is_true(secret.is(secret.new(text)))
    for _, other in ipairs { 1, "x", {}, print, io.stdout, false } do
      assert.is_false(secret.is(other))
    end
    assert.is_false(secret.is(nil))
    assert.is_false(pcall(secret.new(text).reveal, io.stdout))
  end)
end)
