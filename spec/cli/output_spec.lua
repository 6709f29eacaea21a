local output = require "gitlab_pipelines.cli.output"

describe("cli/output", function()
  it("writes durations as people read them", function()
    assert.equal("", output.duration(nil))
    assert.equal("4.2s", output.duration(4.2))
    assert.equal("3m 07s", output.duration(187))
    assert.equal("1h 02m", output.duration(3725))
  end)

  it("lays a table out in columns as wide as their widest cell", function()
    local lines = output.table({ "ID", "STATUS" }, { { "1", "success" }, { "23456", "failed" } }, {})
    assert.same({ "ID     STATUS", "1      success", "23456  failed" }, lines)
  end)

  it("makes a table fit by cutting its widest columns", function()
    local lines = output.table({ "ID", "NAME" }, { { "1", ("x"):rep(50) } }, { width = 20 })
    for _, line in ipairs(lines) do assert.is_true(output.width_of(line) <= 20, line) end
    assert.matches("…$", lines[2])
  end)

  it("leaves the last columns out where a line has no room for all", function()
    local header = { "ID", "STATUS", "REF", "SHA", "LINK" }
    local rows = { { "1", "success", ("日"):rep(20), ("s"):rep(8), "https://gitlab.example.com/1" } }
    for width = 7, 120 do
      for _, line in ipairs(output.table(header, rows, { width = width })) do
        assert.is_true(output.width_of(line) <= width, width .. ": " .. line)
      end
    end
    assert.same({ "ID  STATUS   REF             SHA       LINK",
      "1   success  日日日日日日…   ssssssss  https://gitla…" }, output.table(header, rows, { width = 53 }))
    assert.matches("^ID  STATUS   REF +SHA$", output.table(header, rows, { width = 44 })[1])
    assert.matches("^ID  STATUS   REF$", output.table(header, rows, { width = 30 })[1])
  end)

  it("lets no cell of a server's write into the terminal or into another line", function()
    local lines = output.table({ "ID", "STATUS" }, { { "1", "a\27[2J\nb\194\155" } }, { width = 40 })
    assert.same({ "ID  STATUS", "1   a?[2J?b?" }, lines)
  end)

  it("counts characters, not bytes", function()
    assert.equal(3, output.width_of "äöü")
    assert.equal("ä…", output.cut("äöü", 2))
  end)

  it("paints after padding, so that colours move no column", function()
    local lines = output.table({ "A", "B" }, { { "x", "y" }, { "long", "z" } },
      { paint = function(_, text) return "<" .. text .. ">" end })
    assert.equal("<x>     <y>", lines[2])
    assert.equal("<long>  <z>", lines[3])
  end)

  it("lets no control character of a server through to the terminal", function()
    assert.equal("a?[31mb?", output.plain "a\27[31mb\n")
  end)

  it("colours a status only when asked to", function()
    assert.equal("failed", output.status("failed", false))
    assert.equal("\27[31mfailed\27[0m", output.status("failed", true))
    assert.equal("quantum", output.status("quantum", true))
  end)
end)
