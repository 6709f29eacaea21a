local joblog = require("gitlab_pipelines.core").joblog
local json = require "gitlab_pipelines.json"

local ESC = "\27"

-- Lines and sections of a log fed in the given chunks.
local function parse(chunks, format)
  local parser = joblog.parser { format = format }
  local lines, sections = {}, {}
  local function take(more_lines, more_sections)
    for _, line in ipairs(more_lines) do lines[#lines + 1] = line end
    for _, section in ipairs(more_sections) do sections[#sections + 1] = section end
  end
  for _, chunk in ipairs(chunks) do take(assert(parser:feed(chunk))) end
  take(parser:finish())
  return lines, sections, parser:exit_code()
end

local function texts(lines)
  local list = {}
  for i, line in ipairs(lines) do list[i] = line.text end
  return list
end

local function plain(text) return texts((parse { text })) end

local stamped = table.concat {
  "2024-05-22T12:43:46.962646Z 00O first\n",
  "2024-05-22T12:43:47.000000Z 00O+ and more\n",
  "2024-05-22T12:43:47.500000Z 01E oops\n",
  "no prefix here\n",
  "2024-05-22T12:44:00.000001Z 00O last without end",
}

local corpus = {
  plain = "one\ntwo\n\nfour",
  crlf = "one\r\ntwo\r\n",
  progress = "10%\r50%\r100%\ndone\n",
  erase = "half" .. ESC .. "[2Kwhole\nab\r" .. ESC .. "[0Kcd\nkept" .. ESC .. "[0K\n",
  colours = ESC .. "[31mred" .. ESC .. "[0m plain " .. ESC .. "[1;38;5;208mbold orange\nstill" .. ESC
    .. "[m\n" .. ESC .. "[38;2;1;2;3mtrue" .. ESC .. "[0;0m\n",
  sections = ESC .. "[0Ksection_start:1560896352:outer[collapsed=true]\r" .. ESC .. "[0KOuter\n"
    .. "in\n" .. ESC .. "[0Ksection_start:1560896353:inner.one-2\r" .. ESC .. "[0KInner\ndeep\n"
    .. ESC .. "[0Ksection_end:1560896355:inner.one-2\r" .. ESC .. "[0Kback\n"
    .. ESC .. "[0Ksection_end:1560896360:outer\r" .. ESC .. "[0K"
    .. ESC .. "[0Ksection_start:1560896361:next\r" .. ESC .. "[0K\nbody\n"
    .. "text" .. ESC .. "[0Ksection_end:1560896362:next\r" .. ESC .. "[0K\n",
  stamped = stamped,
  stamped_sections = "2024-05-22T12:43:46.962646Z 00O " .. ESC .. "[0Ksection_start:1716381826:step_script\r"
    .. ESC .. "[0K" .. ESC .. "[0K" .. ESC .. "[36;1mExecuting" .. ESC .. "[0;m\n"
    .. "2024-05-22T12:43:46.962647Z 00O+\r\n2024-05-22T12:43:46.962648Z 00O x\n",
  bytes = "\255\254 not utf-8 \0 nul\n\195\n",
  odd_escapes = ESC .. "]0;title\7shown" .. ESC .. "]8;;http://x" .. ESC .. "\\link\n" .. ESC
    .. "(Bset\n" .. ESC .. "[12;5Hmoved\n" .. ESC .. "[31",
  lookalikes = "section_start:12:name\nsection_end:x:name\r\nsection_start:1:\rz\nsection_start:1:a[b\rq\n",
  edges = ESC .. "\n" .. ESC .. "[\n" .. ESC .. "]\n" .. ESC .. "]0;a" .. ESC .. "\n" .. ESC .. "]0;a" .. ESC
    .. "x\n" .. ESC .. "(\n" .. ESC .. " \n" .. ESC .. "[31" .. ESC .. "[32mx\n" .. ESC .. "[31ü\n"
    .. "section_start:12x:n\rq\nsection_start:1:n@\rq\nsection_end:\r\nsection_end:1\r\nsection_end:12345\r\n"
    .. "section_start:1\rq\nsection_start:1:n[]\rq\nsection_start:1:n]\rq\nsection_start:1:n[\rq\n",
  last = "work\n" .. ESC .. "[31;1mERROR: Job failed: exit code 17" .. ESC .. "[0;m\n",
}

describe("core/joblog", function()
  it("gives the same lines wherever the bytes are cut", function()
    for name, text in pairs(corpus) do
      local whole = json.encode { parse({ text }, "ansi") }
      for cut = 1, #text - 1 do
        local lines = json.encode { parse({ text:sub(1, cut), text:sub(cut + 1) }, "ansi") }
        assert.equal(whole, lines, name .. " cut at " .. cut)
      end
      local bytes = {}
      for i = 1, #text do bytes[i] = text:sub(i, i) end
      assert.equal(whole, json.encode { parse(bytes, "ansi") }, name .. " byte by byte")
    end
  end)

  it("takes lines as they are, the last one without an end too", function()
    assert.same({ "one", "two", "", "four" }, plain(corpus.plain))
    assert.same({ "one", "two" }, plain(corpus.crlf))
    assert.same({}, plain "")
  end)

  it("shows of a progress bar what a terminal would show last", function()
    assert.same({ "100%", "done" }, plain(corpus.progress))
  end)

  it("obeys the escapes that erase", function()
    assert.same({ "whole", "cd", "kept" }, plain(corpus.erase))
  end)

  it("takes every other escape out of the text", function()
    assert.same({ "shownlink", "set", "moved" }, plain(corpus.odd_escapes))
  end)

  it("does not take for a colour or an erasure what is a terminal's own", function()
    local text = ESC .. "[>4;2ma" .. ESC .. "[?1;31mb" .. ESC .. "[<2K" .. ESC .. "[=1Kc" .. ESC .. "[?Kd\n"
    assert.same({ "abcd" }, texts((parse({ text }, "ansi"))))
  end)

  it("makes no line of what shows nothing behind the last line's end", function()
    -- A runner ends the colour of its last words in the next line.
    assert.same({ "Job succeeded" }, plain(ESC .. "[32;1mJob succeeded\n" .. ESC .. "[0;m"))
    assert.same({ "x" }, plain("x\n10%\r" .. ESC .. "[K"))
    assert.same({ "oops" }, plain("2024-05-22T12:43:46.962646Z 00E oops\n2024-05-22T12:43:46.962646Z 00E "
      .. ESC .. "[0;m"))
    assert.same({ "a" }, plain("2024-05-22T12:43:46.962646Z 00E a\n2024-05-22T12:43:46.962646Z 00E+" .. ESC .. "[0;m"))
    assert.same({ "x", "" }, plain("x\n" .. ESC .. "[0;m\n"))
  end)

  it("passes on bytes that are no text", function()
    assert.same({ "\255\254 not utf-8 \0 nul", "\195" }, plain(corpus.bytes))
  end)

  it("reads timestamps and streams, and glues what was broken", function()
    local lines = parse { stamped }
    assert.same({ "first and more", "oops", "no prefix here", "last without end" }, texts(lines))
    assert.equal(1716381826.962646, lines[1].time)
    assert.equal("stdout", lines[1].stream)
    assert.equal("stderr", lines[2].stream)
    assert.is_nil(lines[3].time)
    assert.equal(1716381840.000001, lines[4].time)
  end)

  it("takes a prefix for text when the first line has none", function()
    local lines = parse { "start\n2024-05-22T12:43:46.962646Z 00O x\n" }
    assert.equal("2024-05-22T12:43:46.962646Z 00O x", lines[2].text)
  end)

  it("takes what only looks like a prefix for text", function()
    for _, text in ipairs {
      "2024-05-22 12:43:46.962646Z 00O x", "2024-05-22T12:43:46.962646Z 0gO x",
      "2024-05-22T12:43:46.962646Z g0O x", "2024-05-22T12:43:46.962646Z 00X x",
      "2024-05-22T12:43:46.962646Z 00O-x", "2024-05-22T12:43:46.96264xZ 00O x", "2024-05-22T12:43",
    } do
      assert.same({ text }, plain(text .. "\n"))
    end
  end)

  it("knows days before, at and after a leap day", function()
    for text, time in pairs {
      ["2024-02-29T00:00:00.000000Z 00O x"] = 1709164800, ["2000-03-01T00:00:00.000000Z ffE x"] = 951868800,
      ["1970-01-01T00:00:01.500000Z a0O x"] = 1.5,
    } do
      assert.equal(time, parse({ text })[1].time)
    end
  end)

  it("puts lines into the sections around them", function()
    local lines, sections = parse { corpus.sections }
    local seen = {}
    for i, line in ipairs(lines) do
      seen[i] = (line.section or "-") .. ":" .. line.text .. (line.header and ":header" or "")
    end
    assert.same({ "outer:Outer:header", "outer:in", "inner.one-2:Inner:header", "inner.one-2:deep",
      "outer:back", "next:body", "next:text" }, seen)
    assert.same({
      { event = "start", name = "outer", options = "collapsed=true", time = 1560896352 },
      { event = "start", name = "inner.one-2", time = 1560896353 },
      { event = "end", name = "inner.one-2", time = 1560896355, duration = 2, first_line = 3, last_line = 4 },
      { event = "end", name = "outer", options = "collapsed=true", time = 1560896360, duration = 8,
        first_line = 1, last_line = 5 },
      { event = "start", name = "next", time = 1560896361 },
      { event = "end", name = "next", time = 1560896362, duration = 1, first_line = 6, last_line = 7 },
    }, sections)
  end)

  it("takes what only looks like a marker for text", function()
    local lines, sections = parse { corpus.lookalikes }
    assert.same({}, sections)
    assert.same({ "section_start:12:name", "section_end:x:name", "z", "q" }, texts(lines))
  end)

  it("closes what an end leaves open inside, and passes over an end of nothing", function()
    local function mark(kind, name) return "section_" .. kind .. ":1:" .. name .. "\r" end
    local lines, sections = parse { mark("end", "x") .. mark("start", "a") .. mark("start", "b") .. "t\n"
      .. mark("end", "a") .. "after\n" .. mark("end", "b") }
    assert.equal("b", lines[1].section)
    assert.is_nil(lines[2].section)
    assert.equal(3, #sections)
  end)

  it("bounds the depth of sections and the length of their names", function()
    local deep = {}
    for i = 1, 40 do deep[i] = "section_start:1:s" .. i .. "\r" end
    local lines, sections = parse { table.concat(deep) .. "x\n" }
    assert.equal(32, #sections)
    assert.equal("s32", lines[1].section)
    local _, long = parse { "section_start:1:" .. ("n"):rep(500) .. "[" .. ("o"):rep(500) .. "]\r" }
    assert.equal(127, #long[1].name)
    assert.equal(127, #long[1].options)
  end)

  it("cuts a line at 1 MiB and says so, whatever pieces it comes in", function()
    local long = ("x"):rep(2 ^ 20 + 5)
    for _, chunks in ipairs { { long .. "\nnext\n" }, { long, "\nnext\n" }, { long:sub(1, 2 ^ 20), "yyy\nnext\n" } } do
      local lines = parse(chunks)
      assert.equal(2 ^ 20, #lines[1].text)
      assert.is_true(lines[1].truncated)
      assert.equal("next", lines[2].text)
      assert.is_nil(lines[2].truncated)
    end
    local glued = parse { "2024-05-22T12:43:46.962646Z 00O " .. long:sub(1, 2 ^ 20 - 10) .. "\n"
      .. "2024-05-22T12:43:46.962646Z 00O+" .. ("y"):rep(20) .. "\n" }
    assert.equal(2 ^ 20, #glued[1].text)
    assert.is_true(glued[1].truncated)
  end)

  it("tells the exit code that the last line tells", function()
    local function code(text) return (select(3, parse { text })) end
    assert.equal(17, code(corpus.last))
    assert.equal(0, code "x\nJob succeeded\n\n")
    assert.is_nil(code "Job succeeded\nmore\n")
    assert.equal(1, code "ERROR: Job failed: exit status 1\n")
    assert.equal(137, code("ERROR: Job failed: command terminated with exit code 137\n" .. ESC .. "[0;m"))
    assert.equal(3221225477, code "ERROR: Job failed: exit status 3221225477\n")
    assert.is_nil(code "ERROR: Job failed: exit code 12345678901\n")
    assert.is_nil(code "ERROR: Job failed: exit code \n")
    assert.is_nil(code "ERROR: Job failed: 7\n")
    assert.is_nil(code "ERROR: Job failed: no exit 7\n")
    assert.is_nil(code "ERROR: Job failed: \n")
    assert.is_nil(code "ERROR: Job failed (system failure): no image\n")
    assert.is_nil(code "")
  end)

  it("renders colours as ANSI with every run reset at its end", function()
    assert.same({
      ESC .. "[0;31mred" .. ESC .. "[0m plain " .. ESC .. "[0;1;38;5;208mbold orange" .. ESC .. "[0m",
      ESC .. "[0;1;38;5;208mstill" .. ESC .. "[0m",
      ESC .. "[0;38;2;1;2;3mtrue" .. ESC .. "[0m",
    }, texts((parse({ corpus.colours }, "ansi"))))
  end)

  it("renders every colour and attribute as HTML, and escapes the text", function()
    local function html(codes) return parse({ ESC .. "[" .. codes .. "m<&>\"'" }, "html")[1].text end
    local text = "&lt;&amp;&gt;&quot;&#39;"
    local function span(style) return '<span style="' .. style .. '">' .. text .. "</span>" end
    assert.equal(text, html "0")
    assert.equal(span "color:#cd0000;", html "31")
    assert.equal(span "color:#ff0000;", html "91")
    assert.equal(span "background:#00cd00;", html "42")
    assert.equal(span "background:#00ff00;", html "102")
    assert.equal(span "color:#ff8700;", html "38;5;208")
    assert.equal(span "color:#080808;", html "38;5;232")
    assert.equal(span "color:#0000ee;", html "38;5;4")
    assert.equal(span "background:#010203;", html "48;2;1;2;3")
    assert.equal(span "color:#000000;background:#e5e5e5;", html "7;40;37")
    assert.equal(span "font-weight:bold;opacity:.6;font-style:italic;text-decoration:underline;", html "1;2;3;4")
    assert.equal(span "visibility:hidden;text-decoration:line-through;", html "8;9")
    for _, codes in ipairs { "1;22", "2;22", "3;23", "4;24", "21;24", "7;27", "8;28", "9;29", "31;39", "41;49",
      "38;9", "38", "38;5", "48;2;1;2", "1;", "73", "4:0", "4;4:0", "38:5", "38:2:1:2", "48:9:1", "58;5;1",
      "58;2;1;3;4", "58:5:1", "58:2::1:3:4", "7:1" } do
      assert.equal(text, html(codes), codes)
    end
  end)

  it("takes numbers joined by colons for one: colours with and without a colour space, kinds of underline", function()
    local function ansi(codes) return parse({ ESC .. "[" .. codes .. "mx" }, "ansi")[1].text end
    local function run(codes) return ESC .. "[0;" .. codes .. "mx" .. ESC .. "[0m" end
    assert.equal(run "38;5;208", ansi "38:5:208")
    assert.equal(run "38;2;1;2;3", ansi "38:2:1:2:3")
    assert.equal(run "38;2;1;2;3", ansi "38:2::1:2:3")
    assert.equal(run "38;2;1;2;3", ansi "38:2:7:1:2:3:4:5")
    assert.equal(run "1;48;2;1;2;3", ansi "48:2::1:2:3;1")
    assert.equal(run "4", ansi "4:3")
    assert.equal(run "1;4;31", ansi "31;4:2;1")
    assert.equal(run "31", ansi "4;31;4:0")
    assert.equal(run "31", ansi "58;5;9;31")
  end)

  it("keeps at most 256 styled runs of a line, and all of its text", function()
    local pieces = {}
    for i = 1, 300 do pieces[i] = ESC .. "[3" .. i % 7 + 1 .. "mx" end
    local line = parse({ table.concat(pieces) }, "ansi")[1]
    assert.equal(("x"):rep(300), line.plain)
    local _, runs = line.text:gsub(ESC .. "%[0;", "")
    assert.equal(256, runs)
  end)

  it("bounds what an escape may say", function()
    assert.equal("x", parse({ ESC .. "[" .. ("1;"):rep(100) .. "999999999999mx" })[1].text)
    assert.equal(ESC .. "[0;38;2;255;255;255mx" .. ESC .. "[0m",
      parse({ ESC .. "[38;2;999;999;999mx" }, "ansi")[1].text)
  end)

  it("gives the line as it came in the format raw", function()
    local line = parse({ ESC .. "[31mred\r\n" }, "raw")[1]
    assert.equal(ESC .. "[31mred", line.text)
    assert.equal("red", line.plain)
  end)

  it("raises for a format that does not exist", function()
    assert.has_error(function() joblog.parser { format = "pdf" } end)
  end)
end)
