-- The commands `run`, `plan` and `runs` as processes of their own, against `mock serve`.

local httpd = require "support.httpd"
local json = require "gitlab_pipelines.json"
local process = require "support.process"

local TOKEN = "spec-token-0123456789"

local WORLD = [[projects = {
  ["p/quick"] = { id = 1, queued = 0, jobs = { { name = "job", stage = "test", duration = 0.2 } } },
  ["p/long"] = { id = 3, queued = 0, jobs = { { name = "job", stage = "test", duration = 10000 } } },
  ["p/broken"] = { id = 2, queued = 0, jobs = { { name = "unit", stage = "test", duration = 0.2,
    status = "failed", failure_reason = "script_failure", log = "one\ntwo\n" } } },
}]]

local FLOW = [[name = "small"
first = pipeline { project = "p/quick", variables = { STEP = "first" } }
ok = approval { needs = { first }, message = "go on?" }
last = pipeline { project = "p/quick", variables = { STEP = "last", ID = first.id }, needs = { ok } }
]]

describe("the command", function()
  local server, script, db, remove

  local function write(path, text)
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
  end

  before_each(function()
    db, remove = process.file "runs.db"
    script = db:gsub("runs.db$", "small.lua")
    local world = db:gsub("runs.db$", "world.lua")
    write(script, FLOW)
    write(world, WORLD)
    server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db",
      ":memory:", "--world", world }, { MOCK_TOKEN = TOKEN })
  end)
  after_each(function()
    server:stop()
    remove()
  end)

  local function line(words)
    return ("XDG_STATE_HOME=%s GITLAB_TOKEN=%s GITLAB_URL=%s USER=kim %s bin/gitlab-pipelines %s"):format(
      db:match "^(.*)/", TOKEN, server.url, httpd.lua, words)
  end

  local function run(words)
    local pipe = assert(io.popen(line(words) .. " 2>&1 </dev/null; echo \"exit $?\""))
    local text, code = pipe:read("*a"):match "^(.*)exit (%d+)\n$"
    pipe:close()
    return text, tonumber(code)
  end

  local function pipelines()
    local pipe = assert(io.popen(("curl -s -H 'PRIVATE-TOKEN: %s' %s/_mock/pipelines"):format(TOKEN,
      server.url)))
    local rows = json.decode(pipe:read "*a")
    pipe:close()
    local steps = {}
    for _, row in ipairs(rows) do
      for _, variable in ipairs(json.decode(row.variables_json or "[]")) do
        if variable.key == "STEP" then steps[#steps + 1] = variable.value end
      end
    end
    table.sort(steps)
    return table.concat(steps, " ")
  end

  it("ends with 5 where only an approval is missing; approved, the run goes on", function()
    local text, code = run("run " .. script)
    assert.equal(5, code)
    assert.matches("ok: blocked, go on%?", text)
    local id = text:match "run (%x+) is not over"
    text, code = run "runs list"
    assert.equal(0, code)
    assert.matches(id:sub(1, 12) .. " +running +small", text)
    text = run("runs show " .. id:sub(1, 8))
    assert.matches("\nfirst +success", text)
    assert.matches("\nok +known", text)
    assert.same({ "no approval 'first' waits in run " .. id, 1 },
      { run("runs approve " .. id .. " first"):match "^gitlab%-pipelines: (.-)\n", 1 })
    text, code = run("runs approve " .. id)
    assert.same({ "approved ok\n", 0 }, { text, code })
    text, code = run("run " .. script .. " --resume")
    assert.matches("small succeeded", text)
    assert.equal(0, code)
    assert.equal("first last", pipelines())
    assert.matches("success", (run("runs show " .. id)))
    text, code = run("run " .. script .. " --resume " .. id)
    assert.equal(6, code)
    assert.matches("has ended: success", text)
  end)

  it("goes on after kill -9 and makes nothing twice", function()
    write(script, FLOW:gsub("ok = approval.-\n", ""):gsub("ok", "first"))
    local pipe = assert(io.popen("echo $$; exec env " .. line("run " .. script)))
    local pid = pipe:read "*l"
    repeat local shown = pipe:read "*l" until not shown or shown:find("first: created", 1, true)
    os.execute("kill -9 " .. pid)
    pipe:close()
    assert.equal("first", pipelines())
    local text, code = run("run " .. script .. " --resume")
    assert.equal(0, code)
    assert.matches("last: success", text)
    assert.equal("first last", pipelines())
  end)

  it("cancels a run that no process holds", function()
    local id = run("run " .. script):match "run (%x+) is not over"
    local text, code = run("runs cancel " .. id)
    assert.same({ ("run %s canceled\n"):format(id), 0 }, { text, code })
    assert.matches("canceled", (run("runs show " .. id)))
    text, code = run("runs cancel " .. id)
    assert.same({ ("run %s has ended: canceled\n"):format(id), 0 }, { text, code })
  end)

  it("cancels what a killed process has left in doubt", function()
    local function ask(words, target)
      local pipe = assert(io.popen(("curl -s -H 'PRIVATE-TOKEN: %s' -H 'Content-Type: application/json' %s %s%s")
        :format(TOKEN, words, server.url, target)))
      local text = pipe:read "*a"
      pipe:close()
      return text
    end
    write(script, [[name = "small"
      a = pipeline { project = "p/long", variables = { STEP = "a" } }
      b = pipeline { project = "p/long", needs = { a } }]])
    -- It is made, and its answer takes longer than the process lives.
    ask([[-d '{"method":"POST","path":"/projects/*/pipeline","delay":60}']], "/_mock/faults")
    local pipe = assert(io.popen("echo $$; exec env " .. line("run " .. script)))
    local pid = pipe:read "*l"
    repeat until ask("", "/_mock/requests?method=POST"):find("/pipeline", 1, true)
    os.execute("kill -9 " .. pid)
    pipe:close()
    local text, code = run "runs list"
    assert.equal(0, code)
    local id = text:match "\n(%x+) +running"
    text, code = run("runs cancel " .. id)
    assert.same({ 0, "canceled" }, { code, text:match "^run %x+ (%a+)\n$" }, text)
    assert.equal("a", pipelines())
    assert.matches('"status":"canceled"', ask("", "/projects/p%2Flong/pipelines"))
    assert.matches("\na +canceled", (run("runs show " .. id)))
  end)

  describe("that gets a signal", function()
    before_each(function() write(script, [[a = pipeline { project = "p/long", variables = { STEP = "a" } }]]) end)

    -- Starts a run, waits for this line, and gives a function that waits for the end: what was said, and
    -- the exit code. `before`: words before the command.
    local function begin(wanted, before)
      local pipe = assert(io.popen(("sh -c 'echo $$; exec env %s%s' 2>&1 </dev/null; echo \"exit $?\""):format(
        before or "", line("run " .. script))))
      local pid = pipe:read "*l"
      local seen = {}
      repeat
        local text = pipe:read "*l"
        seen[#seen + 1] = text
        assert.is_string(text, table.concat(seen, "\n"))
      until text:find(wanted, 1, true)
      return function(name) os.execute(("kill -%s %s"):format(name, pid)) end, function()
        local text, code = pipe:read("*a"):match "^(.*)exit (%d+)\n$"
        pipe:close()
        return text, tonumber(code)
      end
    end

    local function ask(words, target)
      local pipe = assert(io.popen(("curl -s -H 'PRIVATE-TOKEN: %s' -H 'Content-Type: application/json' %s '%s%s'")
        :format(TOKEN, words, server.url, target)))
      local text = pipe:read "*a"
      pipe:close()
      return text
    end

    local function status() return (ask("", "/projects/3/pipelines/1"):match '"status":"(%a+)"') end

    for _, name in ipairs { "TERM", "HUP" } do
      it(("leaves the run as it stands after SIG%s, and says what runs and how to go on"):format(name), function()
        local signal, wait = begin "a: created"
        signal(name)
        local text, code = wait()
        assert.equal(143, code, text)
        assert.is_true(({ created = true, pending = true, running = true })[status()])
        local cancel = text:match "a: left running .-; cancel it with: gitlab%-pipelines ([^\n]+)"
        local id, resume = text:match "run (%x+) is not over; resume it with: gitlab%-pipelines ([^\n]+)"
        assert.equal(("run %s --resume %s"):format(script, id), resume)
        text, code = run(cancel)
        assert.equal(0, code, text)
        assert.equal("canceled", status())
        text, code = run(resume)
        assert.equal(3, code, text)
        assert.matches("a: canceled", text)
      end)
    end

    it("ends though a function of the script does not, and a creation has no response yet", function()
      write(script, [[b = pipeline { project = "p/long" }
        a = call { run = function(_, gl)
          while true do pcall(function() gl.projects:get("p/quick") end) end end }]])
      ask([[-d '{"method":"POST","path":"/projects/*/pipeline","delay":60}']], "/_mock/faults")
      local signal, wait = begin("a: running", "timeout --preserve-status -k 5 40 env ")
      signal "TERM"
      local text, code = wait()
      assert.equal(143, code, text)
      assert.matches("b: whether GitLab makes the pipeline is not known yet", text, 1, true)
    end)

    it("goes on after a hangup that nohup ignores", function()
      local signal, wait = begin("a: created", "nohup env ")
      signal "HUP"
      -- It still polls: the pipeline's end, which comes now, is the run's.
      ask("-X PATCH -d '{\"status\":\"success\"}'", "/_mock/pipelines/1")
      local text, code = wait()
      assert.equal(0, code, text)
    end)

    it("cancels after SIGINT, and leaves the run after another one", function()
      local signal, wait = begin "a: created"
      signal "INT"
      local text, code = wait()
      assert.equal(130, code, text)
      assert.equal("canceled", status())
      ask([[-d '{"method":"POST","path":"/projects/*/pipelines/*/cancel","delay":60}']], "/_mock/faults")
      signal, wait = begin "a: created"
      signal "INT"
      local requests
      for _ = 1, 500 do
        requests = ask("", "/_mock/requests?method=POST&path=/cancel")
        if requests:find("pipelines/2/cancel", 1, true) then break end
      end
      assert.matches("pipelines/2/cancel", requests, 1, true)
      signal "INT"
      text, code = wait()
      assert.equal(130, code, text)
      assert.matches("finish it with: gitlab%-pipelines runs cancel ", text)
    end)
  end)

  it("ends with 1, the job and its log when a step fails, and writes a report", function()
    write(script, [[bad = pipeline { project = "p/broken" }]])
    local report = db:gsub("runs.db$", "report.html")
    local text, code = run("run " .. script .. " --report " .. report)
    assert.equal(1, code)
    assert.matches("bad failed: job 'unit' failed %(script_failure%)", text)
    assert.matches("two\n", text)
    local file = assert(io.open(report))
    assert.matches("^<!doctype html>", file:read "*a")
    file:close()
  end)

  it("ends with 6 when everything succeeded but the report cannot be written", function()
    write(script, [[a = call { run = function() end }]])
    local text, code = run("run " .. script .. " --report /dev/full")
    assert.equal(6, code)
    assert.matches("small succeeded\ngitlab%-pipelines: cannot write %-%-report /dev/full: No space left", text)
    write(script, [[a = call { run = function() error "no" end }]])
    text, code = run("run " .. script .. " --report /dev/full")
    assert.equal(1, code)
    assert.matches("cannot write %-%-report /dev/full", text)
  end)

  it("ends with 2 and the line for a script with a mistake", function()
    write(script, "a = pipeline { projekt = 'x' }")
    for _, command in ipairs { "run", "plan" } do
      local text, code = run(command .. " " .. script)
      assert.equal(2, code)
      assert.matches("small.lua:1: pipeline has no option 'projekt'; did you mean 'project'%?", text)
    end
    assert.equal("", pipelines())
  end)

  it("writes one event a line with --json, and nothing else", function()
    write(script, [[print "loading"
      a = pipeline { project = "p/quick" }]])
    local text, code = run("run " .. script .. " --json")
    assert.equal(0, code)
    local last
    for event in text:gmatch "[^\n]+" do last = assert(json.decode(event), event) end
    assert.same({ "run", "success" }, { last.type, last.status })
  end)
end)
