local api = require "spec.support.api_client"
local double = require "spec.support.transport_double"

local LOG = "\27[0Ksection_start:1716381826:prepare\r\27[0KPreparing\nimage\n"
  .. "\27[0Ksection_start:1716381827:pull\r\27[0KPulling\nlayer\n\27[0Ksection_end:1716381828:pull\r\27[0K"
  .. "\27[0Ksection_end:1716381829:prepare\r\27[0K\27[31mError: one\27[0m\nthen\nError: two\nend"

local function client(text)
  local transport = double.new(function() return { body = text or LOG, type = "text/plain" } end)
  return api.new(transport), transport
end

local function log(opts)
  local text, err = (client()).jobs:log(17, 5, opts)
  assert.is_nil(err)
  return text
end

describe("jobs:log", function()
  it("shows plain text, one line each, by default", function()
    assert.equal("Preparing\nimage\nPulling\nlayer\nError: one\nthen\nError: two\nend\n", log())
  end)

  it("shows the log as GitLab sends it, with its colours, or as HTML", function()
    assert.equal(LOG, log { format = "raw" })
    assert.matches("\27%[0;31mError: one\27%[0m\n", log { format = "ansi" })
    assert.matches('<span style="color:#cd0000;">Error: one</span>\n', log { format = "html" })
  end)

  it("shows a part: from a line, so many lines, the last lines, a section with those inside it", function()
    assert.equal("then\nError: two\nend\n", log { from_line = 6 })
    assert.equal("image\nPulling\n", log { from_line = 2, lines = 2 })
    assert.equal("Error: two\nend\n", log { tail = 2 })
    assert.equal("", log { tail = 0 })
    assert.equal("end\n", log { tail = 1, format = "raw" })
    assert.equal("Preparing\nimage\nPulling\nlayer\n", log { section = "prepare" })
    assert.equal("layer\n", log { section = "pull", tail = 1 })
    assert.equal("", log { section = "no such" })
  end)

  it("keeps the last lines of a log of any length", function()
    local lines = {}
    for i = 1, 1000 do lines[i] = tostring(i) end
    for _, tail in ipairs { 1, 7, 999, 1000, 1001 } do
      local text = (client(table.concat(lines, "\n"))).jobs:log(17, 5, { tail = tail })
      assert.equal(math.min(tail, 1000), select(2, text:gsub("\n", "")))
      assert.matches("1000\n$", text)
    end
  end)

  it("says that a log was erased, and that one is not there yet", function()
    for erased_at, kind in pairs { ["2026-01-01T00:00:00.000Z"] = "LogsNotAvailable" } do
      local gl = api.new(double.new { { body = "", type = "text/plain" },
        { body = { id = 5, status = "success", erased_at = erased_at } } })
      local text, err = gl.jobs:log(17, 5)
      assert.is_nil(text)
      assert.equal(kind, err.kind)
    end
    local gl = api.new(double.new { { body = "", type = "text/plain" }, { body = { id = 5, status = "created" } } })
    assert.equal("", gl.jobs:log(17, 5, { format = "raw" }))
  end)

  it("raises for options that do not exist", function()
    local gl = (client())
    assert.error_matches(function() gl.jobs:log(17, 5, { format = "pdf" }) end, "format")
    assert.error_matches(function() gl.jobs:log(17, 5, { tails = 1 }) end, "unknown option 'tails'")
  end)
end)

describe("a log that cannot be read", function()
  local function answering(answers)
    local transport = double.new(answers)
    return api.new(transport), transport
  end

  it("is read once more from its first byte when it breaks off, and each line is given once", function()
    local function broken(after) return { body = LOG, type = "text/plain", breaks_after = after } end
    local gl, transport = answering { broken(60), broken(100), { body = LOG, type = "text/plain" } }
    assert.equal("Preparing\nimage\nPulling\nlayer\nError: one\nthen\nError: two\nend\n", gl.jobs:log(17, 5))
    assert.equal(3, #transport.requests)
    gl = answering { broken(100), { body = LOG, type = "text/plain" } }
    local hits = gl.jobs:search_log(17, 5, "l", { before = 1 })
    assert.same({ 3, 4 }, { hits[1].number, hits[2].number })
  end)

  it("is not read for ever, and once only when nothing is to be repeated", function()
    local gl, transport = answering(function() return { body = LOG, type = "text/plain", breaks_after = 50 } end)
    local text, err = gl.jobs:log(17, 5)
    assert.is_nil(text)
    assert.equal("ConnectionFailed", err.kind)
    assert.equal(3, #transport.requests)
    gl.jobs:log(17, 5, { retry = false })
    assert.equal(4, #transport.requests)
    gl.jobs:log(17, 5, { timeout = 0.5 })
    assert.equal(5, #transport.requests)
  end)

  it("is not the HTML page or the JSON of a server in between", function()
    for _, other in ipairs { { body = "<html>sign in</html>", type = "text/html; charset=utf-8" },
      { body = '{"error":"sign in"}', type = "application/json" } } do
      local gl = answering(function() return other end)
      for _, format in ipairs { "text", "raw" } do
        local text, err = gl.jobs:log(17, 5, { format = format })
        assert.is_nil(text)
        assert.equal("InvalidResponse", err.kind)
        assert.matches("not a log", err.message)
      end
    end
  end)

  it("is not available where it may not be read, and where a trigger job has none", function()
    local gl = answering(function(request)
      if request.target:find "trigger_jobs" then return { body = { { id = 5, name = "child" } } } end
      if request.target:find "/5" then return { status = 404, body = { message = "404 Not found" } } end
      return { status = 403, body = { message = "403 Forbidden" } }
    end)
    local _, err = gl.jobs:log(17, 7)
    assert.equal("LogsNotAvailable", err.kind)
    assert.equal(403, err.status)
    local follow = { on_line = function() end }
    assert.equal("JobNotFound", select(2, gl.jobs:log(17, 5)).kind)
    assert(gl.pipelines:trigger_jobs(17, 3))
    local file = os.tmpname()
    for _, answer in ipairs { { gl.jobs:log(17, 5) }, { gl.jobs:log(17, 5, { format = "raw" }) },
      { gl.jobs:search_log(17, 5, "x") }, { gl.jobs:save_log(17, 5, file) }, { gl.jobs:follow(17, 5, follow) } } do
      assert.is_nil(answer[1])
      assert.equal("LogsNotAvailable", answer[2].kind)
      assert.matches("trigger job", answer[2].message)
    end
    os.remove(file)
  end)

  it("leaves the file as it was when it was erased", function()
    local path = os.tmpname()
    local file = io.open(path, "wb")
    file:write "before"
    file:close()
    local gl = answering { { body = "", type = "text/plain" },
      { body = { id = 5, status = "success", erased_at = "2026-01-01T00:00:00.000Z" } } }
    local saved, err = gl.jobs:save_log(17, 5, path)
    assert.is_nil(saved)
    assert.equal("LogsNotAvailable", err.kind)
    file = io.open(path, "rb")
    assert.equal("before", file:read "*a")
    file:close()
    os.remove(path)
  end)

  it("gives its lines one by one to whoever has no room for all, each once", function()
    local gl = answering { { body = LOG, type = "text/plain", breaks_after = 100 },
      { body = LOG, type = "text/plain", breaks_after = 130 }, { body = LOG, type = "text/plain" } }
    local lines = {}
    assert(require("gitlab_pipelines.api.logs").each(gl.jobs, 17, 5, { from_line = 2, format = "html" },
      function(line) lines[#lines + 1] = line.text end))
    assert.same({ "image", "Pulling", "layer", '<span style="color:#cd0000;">Error: one</span>', "then",
      "Error: two", "end" }, lines)
  end)

  it("is bounded in memory", function()
    local body = ("x"):rep(99) .. "\n"
    local gl = api.new(double.new(function() return { body = body:rep(20), type = "text/plain" } end),
      { max_bytes = 1000 })
    local text, err = gl.jobs:log(17, 5)
    assert.is_nil(text)
    assert.equal("BodyTooLarge", err.kind)
    assert.equal(1000, #gl.jobs:log(17, 5, { tail = 10 }))
    assert.equal(1000, #gl.jobs:log(17, 5, { lines = 10 }))
    assert.is_nil((gl.jobs:log(17, 5, { tail = 11 })))
  end)
end)

describe("jobs:save_log", function()
  it("puts the log into a file", function()
    local path = os.tmpname()
    local saved = assert((client()).jobs:save_log(17, 5, path))
    assert.equal(path, saved.file)
    assert.equal(#LOG, saved.bytes)
    local file = io.open(path, "rb")
    assert.equal(LOG, file:read "*a")
    file:close()
    os.remove(path)
  end)

  it("takes no name that a folder, a device or a pipe has", function()
    local folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder .. " && mkfifo " .. folder .. "/pipe && ln -s pipe " .. folder .. "/link")
    for _, name in ipairs { folder, folder .. "/pipe", folder .. "/link", "/dev/null" } do
      for _, save in ipairs { function(gl) return gl.jobs:save_log(17, 5, name) end,
        function(gl) return gl.artifacts:download(17, 5, name) end } do
        local gl, transport = client()
        local saved, err = save(gl)
        assert.is_nil(saved)
        assert.matches("no ordinary file", err.message)
        assert.equal(0, #transport.requests)
      end
    end
    os.execute("rm -r " .. folder)
  end)

  it("returns an error where the file cannot be put in its place, and leaves nothing behind", function()
    local folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    local target = folder .. "/log"
    local gl = api.new(double.new(function()
      os.execute("mkdir " .. target)
      return { body = LOG }
    end))
    local saved, err = gl.jobs:save_log(17, 5, target)
    assert.is_nil(saved)
    assert.matches("cannot write .*/log: ", err.message)
    local pipe = io.popen("ls " .. folder)
    assert.equal("log\n", pipe:read "*a")
    pipe:close()
    os.execute("rm -r " .. folder)
  end)

  it("raises without a file's name", function()
    local gl = (client())
    assert.error_matches(function() gl.jobs:save_log(17, 5) end, "file")
  end)
end)

describe("jobs:search_log", function()
  local function search(pattern, opts) return assert((client()).jobs:search_log(17, 5, pattern, opts)) end

  it("finds lines with their number, section and neighbours", function()
    local hits = search("^Error", { before = 1, after = 2 })
    assert.equal(2, #hits)
    assert.equal(5, hits[1].number)
    assert.equal("Error: one", hits[1].text)
    assert.same({ "layer" }, hits[1].before)
    assert.same({ "then", "Error: two" }, hits[1].after)
    assert.same({ "then" }, hits[2].before)
    assert.same({ "end" }, hits[2].after)
    assert.equal("pull", search("layer")[1].section)
    local text = require("gitlab_pipelines.json").encode(search("layer")[1])
    assert.matches('"after":[]', text, 1, true)
    assert.matches('"before":[]', text, 1, true)
  end)

  it("takes a pattern as plain text when asked to, and stops at a limit", function()
    assert.equal(0, #search("Error.", { plain = true }))
    assert.equal(1, #search("Error", { limit = 1, context = 1 }))
    assert.same({ "then" }, search("Error", { limit = 1, context = 1 })[1].after)
    assert.equal(1, #search("Pulling", { section = "pull" }))
    assert.equal(0, #search("Error", { section = "pull" }))
  end)

  it("asks for no more of the log than is wanted", function()
    local taken = 0
    local gl = api.new(double.new(function(request)
      local sink = request.raw.sink
      request.raw.sink = function(chunk, ...)
        taken = taken + #chunk
        return sink(chunk, ...)
      end
      return { body = ("line\n"):rep(1000), type = "text/plain" }
    end))
    assert.equal(3, #gl.jobs:search_log(17, 5, "line", { limit = 3, after = 1 }))
    assert.equal("line\nline\n", gl.jobs:log(17, 5, { from_line = 2, lines = 2 }))
    assert.is_true(taken < 100)
  end)

  it("gives as many lines around a hit as are asked for", function()
    local lines = {}
    for i = 1, 20000 do lines[i] = "x" .. i end
    local hits = (client(table.concat(lines, "\n"))).jobs:search_log(17, 5, "x20000", { context = 30000 })
    assert.equal(19999, #hits[1].before)
  end)

  it("raises for what is no pattern", function()
    local gl = (client())
    assert.error_matches(function() gl.jobs:search_log(17, 5, "(") end, "pattern")
    assert.error_matches(function() gl.jobs:search_log(17, 5, 7) end, "pattern")
    -- A mistake that shows only where its beginning fits.
    local ok, message = pcall(function() gl.jobs:search_log(17, 5, "Pulling(") end)
    assert.is_false(ok)
    assert.matches("^spec/api/logs_spec.lua:%d+: jobs.search_log: 'pattern' is no Lua pattern", message)
  end)

  it("raises for numbers that count nothing", function()
    local gl = (client())
    assert.error_matches(function() gl.jobs:search_log(17, 5, "x", { before = -1 }) end, "before")
    assert.error_matches(function() gl.jobs:search_log(17, 5, "x", { limit = 0 }) end, "limit")
    assert.error_matches(function() gl.jobs:log(17, 5, { lines = -1 }) end, "lines")
    assert.error_matches(function() gl.jobs:log(17, 5, { from_line = 0 }) end, "from_line")
    assert.error_matches(function() gl.jobs:follow(17, 5, { on_line = print, from = 0 }) end, "from")
  end)
end)

describe("jobs:follow", function()
  it("follows a job over the client until it ends", function()
    local round = 0
    local transport = double.new(function(request)
      if request.target:find "/trace" then return { body = round > 2 and LOG or LOG:sub(1, 100),
        type = "text/plain" } end
      round = round + 1
      return { body = { id = 5, status = round > 2 and "failed" or "running" } }
    end)
    local lines = {}
    local job, verdict = api.new(transport).jobs:follow(17, 5,
      { on_line = function(line) lines[#lines + 1] = line.plain end })
    assert.equal(5, job.id)
    assert.equal("failed", verdict)
    assert.same({ "Preparing", "image", "Pulling", "layer", "Error: one", "then", "Error: two", "end" }, lines)
  end)

  it("raises without on_line, and for what is no id", function()
    local gl = (client())
    assert.error_matches(function() gl.jobs:follow(17, 5) end, "on_line")
    assert.error_matches(function() gl.jobs:follow(17, "x", { on_line = print }) end, "id")
  end)

  it("returns an error for what is no project", function()
    local _, err = (client()).jobs:follow("nope", 5, { on_line = print })
    assert.equal("InvalidProjectId", err.kind)
  end)
end)
