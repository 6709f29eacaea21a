-- The command as people type it, against a simulated GitLab of its own.

local command = require "spec.support.command"
local json = require "gitlab_pipelines.json"

local place

local function run(...) return place:run(...) end

-- One line on stderr, as promised for every failure.
local function one_line(text)
  return select(2, text:gsub("\n", "")) == 1 and text:match "^gitlab%-pipelines: " ~= nil
end

local function each_json(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = assert(json.decode(line)) end
  return list
end

describe("the command", function()
  setup(function()
    place = command.open { projects = {
      ["acme/app"] = { id = 21, queued = 0, refs = { "main", "next" }, jobs = {
        { name = "build", stage = "build", duration = 0.2, log = "\27[32mgreen\27[0m\nError: one\nthen\n" },
        { name = "unit", stage = "test", duration = 0.2,
          variants = { { when = { variable = { FAIL = "1" } }, status = "failed", failure_reason = "script_failure",
            log = "assertion broke\n" } } },
      } },
      ["acme/manual"] = { id = 22, queued = 0, jobs = {
        { name = "ask", stage = "deploy", duration = 0.2, manual = true, allow_failure = false } } },
    } }
  end)

  -- One that failed and one that succeeded, for whoever reads them.
  local failed, succeeded
  setup(function()
    failed = tostring(each_json((run("trigger", "-p", "acme/app", "-r", "main", "-v", "FAIL=1", "--json")))[1].id)
    local events = each_json((run("trigger", "-p", "acme/app", "-r", "main", "--wait", "--json")))
    succeeded = tostring(events[#events].id)
  end)

  teardown(function() place:close() end)

  it("triggers, waits, and ends as the pipeline did", function()
    local out, code, err = run("trigger", "-p", "21", "-r", "next", "--wait")
    assert.equal(0, code, err)
    assert.matches("pipeline %d+  success", out)
    out, code = run("wait", "-p", "acme/app", failed, "--json")
    assert.equal(1, code)
    assert.equal("failed", each_json(out)[1].status)
  end)

  it("takes the default branch when no ref is named", function()
    local out = run("trigger", "-p", "acme/app", "--json")
    assert.equal("main", each_json(out)[1].ref)
  end)

  it("says that a manual job blocks, plays it when asked to, and gives up at the time limit", function()
    local _, code = run("trigger", "-p", "acme/manual", "-r", "main", "--wait")
    assert.equal(5, code)
    _, code = run("trigger", "-p", "acme/manual", "-r", "main", "--wait", "--on-manual", "play")
    assert.equal(0, code)
    local _, late, err = run("trigger", "-p", "acme/manual", "-r", "main", "--wait", "--on-manual", "ignore",
      "--timeout", "1s")
    assert.equal(4, late)
    assert.matches("WaitError.TimedOut", err)
  end)

  it("lists pipelines and jobs, as a table and as JSON", function()
    local out, code = run("list", "-p", "acme/app", "-n", "1")
    assert.equal(0, code)
    assert.matches("^ID +STATUS +REF", out)
    local rows = each_json((run("list", "-p", "acme/app", "-n", "2", "--json")))
    assert.equal(2, #rows)
    assert.matches("build", (run("jobs", "-p", "acme/app", tostring(rows[1].id))))
    assert.equal(1, #each_json((run("jobs", "-p", "acme/app", "-n", "1", "--json"))))
  end)

  it("shows a pipeline as a tree, with what made it fail", function()
    local out = run("show", "-p", "acme/app", failed)
    assert.matches("└─ test  failed", out)
    assert.matches("unit failed first: script_failure", out)
    assert.matches("  | assertion broke", out)
    assert.equal("unit", each_json((run("show", "-p", "acme/app", failed, "--json")))[1].first_failure.name)
  end)

  it("prints, searches, cuts, saves and follows logs", function()
    local jobs = each_json((run("jobs", "-p", "acme/app", succeeded, "--json")))
    local job
    for _, row in ipairs(jobs) do job = row.name == "build" and tostring(row.id) or job end
    assert.matches("\ngreen\nError: one\nthen\n", (run("logs", "-p", "acme/app", job)))
    assert.matches("\27%[0;32mgreen\27%[0m", (run("logs", "-p", "acme/app", job, "--format", "ansi")))
    local hits, code = run("logs", "-p", "acme/app", job, "--search", "^Error", "-C", "1")
    assert.equal(0, code)
    assert.matches("%d+%-green\n%d+:Error: one\n%d+%-then\n$", hits)
    assert.equal(1, select(2, run("logs", "-p", "acme/app", job, "--search", "nowhere")))
    assert.equal(2, select(2, (run("logs", "-p", "acme/app", job, "--tail", "2")):gsub("\n", "")))
    local file = place.folder .. "/saved.log"
    assert.equal(0, select(2, run("logs", "-p", "acme/app", job, "-o", file)))
    assert.is_truthy(io.open(file))
    local followed, ended, note = run("logs", "-p", "acme/app", job, "-f")
    assert.equal(0, ended)
    assert.matches("then\n", followed)
    assert.matches("job " .. job .. "  success", note)
    assert.matches("%[unit%] ", (run("logs", "-p", "acme/app", succeeded, "-f", "--pipeline")))
  end)

  it("answers wrong use with one line and 2", function()
    for _, words in ipairs {
      { "list" }, { "list", "-p", "nope" }, { "wait", "-p", "acme/app", "x" }, { "trigger", "-p", "acme/app",
        "-v", "A" },
      { "trigger", "-p", "acme/app", "--input", "A:={" }, { "logs", "-p", "acme/app", "1", "--search", "(" },
      { "logs", "-p", "acme/app", "1", "--pipeline" }, { "wait", "-p", "acme/app", "1", "--timeout", "soon" },
      { "nonsense" }, { "run", "/nowhere.lua" }, { "list", "-p", "acme/app", "--url", "ftp://x" },
      { "list", "-p", "acme/app", "--token-file", "/nowhere" }, { "trigger", "-p", "acme/app", "-v", "1A=x" },
    } do
      local out, code, err = run((table.unpack or unpack)(words))
      local shown = table.concat(words, " ") .. ": " .. err
      assert.equal(2, code, shown)
      assert.equal("", out, shown)
      assert.is_true(one_line(err), shown)
    end
  end)

  it("answers GitLab's refusals with one line and 6", function()
    local _, code, err = run("show", "-p", "acme/app", "99999")
    assert.equal(6, code)
    assert.is_true(one_line(err))
    assert.matches("AccessError.PipelineNotFound: 404", err)
    _, code, err = run("trigger", "-p", "acme/app", "-r", "no-such-branch")
    assert.equal(6, code)
    assert.matches("PipelineError.InvalidRef", err)
    _, code, err = run("list", "-p", "acme/app", { GITLAB_TOKEN = "glpat-wrong-token-12345" })
    assert.equal(6, code)
    assert.matches("AuthenticationError", err)
    assert.not_matches("wrong%-token", err)
  end)

  it("says that no token was given", function()
    local _, code, err = run("list", "-p", "acme/app", { GITLAB_TOKEN = false })
    assert.equal(6, code)
    assert.matches("no token was given", err)
  end)

  it("helps without arguments, with --help, and completes", function()
    local out, code = run()
    assert.equal(0, code)
    assert.matches("gitlab%-pipelines run", out)
    assert.matches("Usage:", (run "--help"))
    assert.matches("%-%-wait", (run("trigger", "--help")))
    assert.matches("complete", (run("completion", "bash")))
    assert.matches("^%d+%.%d+%.%d+\n$", (run "version"))
  end)
end)
