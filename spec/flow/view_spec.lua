local double = require "support.flow_double"
local flow = require "gitlab_pipelines.flow"
local report = require "gitlab_pipelines.flow.report"
local view = require "gitlab_pipelines.flow.view"

local SCRIPT = [[
name = "release"
lib = pipeline { project = "p/lib" }
api = pipeline { project = "p/api", needs = { lib } }
web = pipeline { project = "p/web", needs = { lib } }
smoke = each { over = { "eu", "us" }, needs = { web, api }, make = function(r)
  return pipeline { project = "p/smoke", variables = { R = r } } end }
last = call { needs = { smoke }, run = function() print "hello <b>" end }
]]

local function world(fail)
  return { ["p/lib"] = { duration = 2 }, ["p/api"] = { duration = 3 },
    ["p/web"] = { duration = 3, status = fail and "failed" or "success",
      jobs = fail and { { name = "browser", status = "failed", failure_reason = "script_failure",
        log = "first\n\27[31msecond <script>\27[0m\nERROR: Job failed: exit code 1\n" } } or nil },
    ["p/smoke"] = { duration = 2 } }
end

local function start(fail, opts)
  local gl, rt = double.new(world(fail))
  return assert(assert(flow.from_string(SCRIPT, "f.lua")):start { client = gl,
    on_event = opts and opts.on_event }), rt
end

-- Runs until so many virtual seconds have passed.
local function advance(run, rt, seconds)
  rt:run(function() rt:sleep(seconds) end)
  return run
end

describe("a frame", function()
  it("shows each step below the last of its needs, with times and links", function()
    local gl, rt = double.new(world())
    local run = assert(assert(flow.from_string(SCRIPT, "f.lua")):start { client = gl })
    local lines
    rt:run(function()
      rt:sleep(5.2)
      lines = view.frame(run, 80, rt:now(), {})
      run:wait()
    end)
    assert.same({
      "release  runs  5.2s",
      "✔ lib              2.0s https://gitlab.test/p/lib/-/pipelines/101",
      "├─ ✔ api           3.0s https://gitlab.test/p/api/-/pipelines/102",
      "└─ ✔ web           3.0s https://gitlab.test/p/web/-/pipelines/103",
      "   └─ ⠹ smoke      0.2s 0 of 2",
      "      ├─ ⠹ eu      0.2s running  https://gitlab.test/p/smoke/-/pipelines/104",
      "      ├─ ⠹ us      0.2s running  https://gitlab.test/p/smoke/-/pipelines/105",
      "      └─ · last         waits for smoke",
    }, lines)
    assert.equal("release  succeeded  7.0s", view.frame(run, 80, rt:now(), {})[1])
  end)

  it("is ASCII where the terminal is", function()
    local run, rt = start(true)
    rt:run(function() run:wait() end)
    local lines = view.frame(run, 60, rt:now(), { unicode = false })
    for _, line in ipairs(lines) do assert.is_nil(line:find "[\128-\255]") end
    assert.equal("`- x web           3.0s job 'browser' failed (script_fail...", lines[4])
    assert.equal("   `- - smoke           web failed", lines[5])
  end)

  it("is never wider than the terminal, in any width, at any time", function()
    for _, fail in ipairs { false, true } do
      local gl, rt = double.new(world(fail))
      local run = assert(assert(flow.from_string(SCRIPT, "f.lua")):start { client = gl })
      rt:run(function()
        while not run.ended do
          for columns = 20, 140, 7 do
            for _, unicode in ipairs { true, false } do
              for _, line in ipairs(view.frame(run, columns, rt:now(), { unicode = unicode })) do
                assert(view.width(line) <= columns,
                  ("%d columns: %d in %q"):format(columns, view.width(line), line))
              end
            end
          end
          rt:sleep(0.7)
        end
      end)
    end
  end)

  it("has color only when asked for, and the same text with it", function()
    local run, rt = start(true)
    rt:run(function() run:wait() end)
    local plain = table.concat(view.frame(run, 100, rt:now(), {}), "\n")
    local colored = table.concat(view.frame(run, 100, rt:now(), { color = true }), "\n")
    assert.is_nil(plain:find("\27", 1, true))
    assert.is_truthy(colored:find("\27[31;1m✖ web", 1, true))
    assert.equal(plain, (colored:gsub("\27%[[%d;]*m", ""):gsub(" +\n", "\n")))
  end)

  it("gives way from the top when the terminal is too low", function()
    local run, rt = start()
    advance(run, rt, 6)
    local lines = view.frame(run, 80, rt:now(), { height = 5 })
    assert.equal(5, #lines)
    assert.equal("… 4 lines", lines[2])
    assert.matches("last", lines[5])
  end)

  it("counts columns, not bytes", function()
    assert.equal(5, view.width "naïve")
    assert.equal(4, view.width "日本")
    assert.equal("na…", view.cut("naïve", 3))
    assert.equal("日…", view.cut("日本語", 4))
    assert.equal("abc", view.cut("abc", 3))
  end)

  it("tells times as people do", function()
    assert.same({ "0.0s", "59.9s", "1m00s", "1m05s", "1h00m", "26h03m" },
      { view.elapsed(0), view.elapsed(59.94), view.elapsed(59.96), view.elapsed(65),
        view.elapsed(3600), view.elapsed(26 * 3600 + 180) })
  end)
end)

-- What a terminal shows after these bytes: lines, cursor moves up, clears to the end.
local function terminal()
  local screen = { row = 1, column = 1, [1] = "" }
  function screen.feed(bytes)
    local at = 1
    while at <= #bytes do
      local up, after = bytes:match("^\27%[(%d+)A()", at)
      if up then
        screen.row = screen.row - tonumber(up)
        assert(screen.row >= 1, "the cursor left the screen")
        at = after
      elseif bytes:find("^\27%[K", at) then
        screen[screen.row] = screen[screen.row]:sub(1, screen.column - 1)
        at = at + 3
      elseif bytes:find("^\27%[J", at) then
        for row = screen.row, #screen do screen[row] = row == screen.row
          and screen[row]:sub(1, screen.column - 1) or nil end
        at = at + 3
      else
        local char = bytes:sub(at, at)
        if char == "\n" then
          screen.row, screen.column = screen.row + 1, 1
          screen[screen.row] = screen[screen.row] or ""
        elseif char == "\r" then
          screen.column = 1
        else
          local line = screen[screen.row]
          screen[screen.row] = line:sub(1, screen.column - 1) .. char
            .. line:sub(screen.column + 1)
          screen.column = screen.column + 1
        end
        at = at + 1
      end
    end
  end
  function screen.text()
    local lines = {}
    for i = 1, #screen do lines[i] = (screen[i]:gsub("%s+$", "")) end
    while lines[#lines] == "" do lines[#lines] = nil end
    return lines
  end
  return screen
end

describe("the live view", function()
  it("leaves the last frame on the screen, with what was printed above it", function()
    local run, rt = start()
    local screen, writes = terminal(), 0
    local shown = view.attach(run, { mode = "live", size = function() return 90, 24 end,
      write = function(text)
        writes = writes + 1
        screen.feed(text)
      end })
    rt:run(function()
      run:wait()
      shown:finish()
    end)
    local lines = screen.text()
    assert.equal("hello <b>", lines[1])
    local frame = view.frame(run, 89, rt:now(), {})
    for i, line in ipairs(frame) do assert.equal(line, lines[i + 1]) end
    assert.equal(#frame + 1, #lines)
    assert.is_true(writes > 30)
  end)

  it("leaves nothing behind when the terminal becomes narrower or wider", function()
    local run, rt = start()
    local columns, bytes = 90, {}
    local shown = view.attach(run, { mode = "live", size = function() return columns, 24 end,
      write = function(text) bytes[#bytes + 1] = text end })
    rt:run(function()
      rt:sleep(2.5)
      local before = #bytes
      columns = 60
      rt:sleep(0.1)
      -- Three of the five lines were wider than 60 columns and take two rows now.
      local wide = 0
      for _, line in ipairs(view.frame(run, 89, rt:now(), {})) do
        if view.width(line) > 60 then wide = wide + 1 end
      end
      local up = bytes[before + 1]:match "^\27%[(%d+)A\r\27%[J"
      assert.equal(#view.frame(run, 59, rt:now(), {}) + wide, tonumber(up))
      run:wait()
      shown:finish()
    end)
  end)

  it("writes nothing while nothing changes", function()
    local gl, rt = double.new {}
    local run = assert(assert(flow.from_string "ok = approval {}"):start { client = gl })
    local writes = 0
    view.attach(run, { mode = "live", write = function() writes = writes + 1 end, interval = 0.01 })
    rt:run(function()
      rt:sleep(0.015)
      local before = writes
      rt:sleep(0.03)
      assert.equal(before, writes)
      run:approve "ok"
      run:wait()
    end)
  end)

  it("shows the failing job and the end of its log", function()
    local run, rt = start(true)
    local screen = terminal()
    local shown = view.attach(run, { mode = "live", write = screen.feed })
    rt:run(function()
      run:wait()
      shown:finish()
    end)
    local text = table.concat(screen.text(), "\n")
    assert.matches("web failed: job 'browser' failed %(script_failure%)\n  https://gitlab.test/jobs/"
      .. "%d+\n  │ first\n  │ second <script>\n  │ ERROR: Job failed: exit code 1$", text)
  end)
end)

describe("elsewhere", function()
  it("a line is written for each change", function()
    local lines = {}
    local run, rt = start(true)
    local shown = view.attach(run, { mode = "lines", write = function(text)
      lines[#lines + 1] = text
    end })
    rt:run(function() run:wait() end)
    shown:finish()
    local text = table.concat(lines)
    assert.matches("^%[   0.0s%] release runs\n%[   0.0s%] lib: running  https", text)
    assert.matches("%[   2.0s%] lib: success after 2.0s  https", text)
    assert.matches("%[   5.0s%] smoke: skipped, web failed\n", text)
    assert.matches("release failed: web: job 'browser' failed %(script_failure%)\n", text)
    assert.matches("│ first\n", text)
    local _, times = text:gsub("lib: success", "")
    assert.equal(1, times)
  end)

  it("or one event a line, as JSON", function()
    local json = require "gitlab_pipelines.json"
    local run, rt = start()
    local events = {}
    view.attach(run, { mode = "json", write = function(text)
      assert.equal("\n", text:sub(-1))
      events[#events + 1] = assert(json.decode(text))
    end })
    rt:run(function() run:wait() end)
    assert.equal("run", events[1].type)
    assert.equal(run.id, events[1].run)
    assert.same({ "run", "success" }, { events[#events].type, events[#events].status })
    for i, event in ipairs(events) do assert.equal(i, event.seq) end
  end)
end)

describe("the report", function()
  it("is one HTML file in which nothing that a server sent is markup", function()
    local run, rt = start(true)
    rt:run(function() run:wait() end)
    local html = report.html(run)
    assert.matches("^<!doctype html>", html)
    assert.is_truthy(html:find("second &lt;script&gt;", 1, true))
    assert.is_nil(html:find("<script", 1, true))
    assert.is_nil(html:find("src=", 1, true))
    assert.is_truthy(html:find('<a href="https://gitlab.test/p/lib/-/pipelines/101">#101</a>', 1, true))
    assert.is_truthy(html:find("web failed", 1, true))
    for _, tag in ipairs { "table", "tr", "td", "section", "pre", "div", "body" } do
      local _, opened = html:gsub("<" .. tag .. "[ >]", "")
      local _, closed = html:gsub("</" .. tag .. ">", "")
      assert.equal(opened, closed)
    end
  end)

  it("shows no secret that a server sent back, and nothing that turns or ends what is beside it", function()
    local run, rt = start(true)
    rt:run(function() run:wait() end)
    run.redactor:add "tok&en/0123"
    local failure = run.states.web.failure
    failure.web_url = 'https://h/tok&en/0123"><script>'
    failure.reason = "\226\128\174tok&en/0123\194\155"
    failure.log = { "tok&en/0123 \226\129\166</pre><script>" }
    run.states.web.web_url = "https://h/tok%26en%2F0123"
    run.states.web.status = 'failed"><script>'
    local html = report.html(run)
    assert.is_nil(html:find("0123", 1, true))
    assert.is_nil(html:find("<script", 1, true))
    local tricks = { "\226\128\174", "\194\155", "\226\129\166" }
    for _, trick in ipairs(tricks) do assert.is_nil(html:find(trick, 1, true)) end
    run.states.web.status = "failed"
    for _, width in ipairs { 30, 60, 100, 300 } do
      local text = table.concat(view.frame(run, width, rt:now(), {}), "\n")
        .. table.concat(view.failures(run, width, {}), "\n")
      assert.is_nil(text:find("0123", 1, true))
      assert.is_nil(text:find("en/0", 1, true))
      for _, trick in ipairs(tricks) do assert.is_nil(text:find(trick, 1, true)) end
    end
  end)

  it("makes no link of what is no web address", function()
    local run, rt = start(true)
    rt:run(function() run:wait() end)
    run.states.web.failure.web_url = "javascript:alert(1)"
    assert.is_nil(report.html(run):find("javascript:", 1, true))
  end)
end)
