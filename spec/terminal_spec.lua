local screen = require "gitlab_pipelines.terminal"

describe("screen", function()
  it("lets nothing through that a terminal would obey", function()
    assert.equal("a?[31mb?", screen.plain "a\27[31mb\n")
    assert.equal("?]0;title?", screen.plain "\27]0;title\7")
    assert.equal("????? ?", screen.plain "\0\8\r\n\9 \127")
    -- As two bytes of UTF-8 and as one byte they begin an escape too.
    assert.equal("?31m ?31m", screen.plain "\194\15531m \15531m")
    assert.equal("main?niam?", screen.plain "main\226\128\174niam\226\129\166")
    assert.equal("naïve 日本 🚀", screen.plain "naïve 日本 🚀")
    assert.equal("17", screen.plain(17))
  end)

  it("takes for no character what is none", function()
    for _, bytes in ipairs { "\255", "\195", "\192\128", "\224\128\128", "\237\160\128", "\240\128\128\128",
      "\244\144\128\128", "\245\128\128\128", "\226\130", "\240\159\154" } do
      assert.equal("x" .. ("?"):rep(#bytes) .. "y", screen.plain("x" .. bytes .. "y"))
      assert.equal(#bytes, screen.width(bytes))
    end
  end)

  it("leaves lines, tabs and colours of a log, and no other escape", function()
    local log = "one\27[0;1;38;5;208mred\27[0m\ttab\nand ünicode\27[m"
    assert.equal(log, screen.harmless(log))
    assert.equal("?[2J?[1;1H?]0;x??7?c?[?25l?", screen.harmless "\27[2J\27[1;1H\27]0;x\7\0277\27c\27[?25l\27")
    assert.equal("a?b?c??", screen.harmless "a\rb\8c\194\155\155")
  end)

  it("shows whatever turns, ends or hides text, however it is written", function()
    local tricks = { "\194\128", "\194\133", "\194\155", "\194\159", "\216\156", "\226\128\142", "\226\128\143",
      "\226\128\168", "\226\128\169", "\226\128\170", "\226\128\174", "\226\129\166", "\226\129\169", "\226\129\175" }
    for _, trick in ipairs(tricks) do
      assert.equal("a?b", screen.plain("a" .. trick .. "b"))
      assert.equal("a?b", screen.harmless("a" .. trick .. "b"))
      assert.equal("a?b", screen.harmless("a" .. trick .. "b", true))
      assert.matches("^a\\u%x%x%x%xb$", screen.json("a" .. trick .. "b"))
    end
    for byte = 0x80, 0x9F do
      assert.equal("a?b", screen.harmless("a" .. string.char(byte) .. "b", true))
      assert.equal("a??b", screen.harmless("a\192" .. string.char(byte) .. "b"))
      assert.is_nil(screen.harmless("a\192" .. string.char(byte) .. "b", true):find "[\128-\159]")
      assert.is_nil(screen.harmless("a\224\130" .. string.char(byte) .. "b", true):find "[\128-\159]")
    end
    for _, control in ipairs { "\8", "\127", "\r", "\0", "\12" } do
      assert.equal("a?b", screen.plain("a" .. control .. "b"))
      assert.equal("a?b", screen.harmless("a" .. control .. "b", true))
    end
    assert.equal("?P1$q?\\?_x?\\?^y?\\", screen.harmless "\27P1$q\27\\\27_x\27\\\27^y\27\\")
    assert.equal('"\\u007f"', screen.json '"\127"')
    -- Joiners make one letter or one picture of several.
    local coder = "\240\159\145\169\226\128\141\240\159\146\187"
    assert.equal(coder, screen.plain(coder))
  end)

  it("keeps bytes of another encoding where no terminal is", function()
    assert.equal("na\239ve \228\246\252", screen.harmless("na\239ve \228\246\252", true))
    assert.equal("na?ve ???", screen.harmless "na\239ve \228\246\252")
  end)

  it("makes JSON that every reader takes and no terminal obeys", function()
    assert.equal('"na\195\175ve \\u009b31m \239\191\18931m \\u202e"',
      screen.json '"na\195\175ve \194\15531m \15531m \226\128\174"')
    assert.equal('{"a":1}', screen.json '{"a":1}')
  end)

  it("counts the columns of characters: none, one or two", function()
    assert.equal(3, screen.width "abc")
    assert.equal(5, screen.width "naïve")
    assert.equal(4, screen.width "日本")
    assert.equal(2, screen.width "🚀")
    assert.equal(1, screen.width "e\204\129")
    assert.equal(4, screen.width "한글")
    assert.equal(0, screen.width "")
  end)

  it("cuts to so many columns, and never within a character", function()
    assert.equal("abc", screen.cut("abc", 3))
    assert.equal("na…", screen.cut("naïve", 3))
    assert.equal("日…", screen.cut("日本語", 4))
    assert.equal("…", screen.cut("日本語", 2))
    assert.equal("日本...", screen.cut("日本語日本語", 8, "..."))
    assert.equal("..", screen.cut("abcdef", 2, "..."))
    for columns = 1, 12 do
      assert.is_true(screen.width(screen.cut("e\204\129日x本🚀yz한", columns)) <= columns)
    end
  end)
end)
