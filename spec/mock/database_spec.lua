-- The database of a simulated GitLab: held by one of them at a time, open to other programs, locked
-- by them now and then; and files that cannot be one.
local clock = require("gitlab_pipelines.core").clock
local httpd = require "support.httpd"
local json = require "gitlab_pipelines.json"
local mock = require "gitlab_pipelines.mock"
local process = require "support.process"

local TOKEN = "spec-token-0123456789"

local folder

local function serve(db, extra)
  local server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db", db, extra },
    { MOCK_TOKEN = TOKEN })
  return server
end

-- What a command prints, and its exit code.
local function run(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1; echo \"exit $?\""))
  local text, code = pipe:read("*a"):match "^(.*)exit (%d+)\n$"
  pipe:close()
  return text, tonumber(code)
end

local function refused(db, as)
  return run(("%s %s bin/gitlab-pipelines mock serve --port 0 --db %s"):format(as or "", httpd.lua, db))
end

local function ask(server, path, more)
  local text = run(("curl -s -i -m 20 -H 'PRIVATE-TOKEN: %s' %s '%s%s'"):format(TOKEN, more or "", server.url, path))
  local head, body = text:match "^(.-)\r\n\r\n(.*)$"
  return tonumber(head:match "^HTTP/1.1 (%d+)"), body, head
end

-- Another program that holds the write lock until the result is called.
local function lock(db)
  local said = os.tmpname()
  local pipe = assert(io.popen(("exec /usr/bin/python3 -c \"import sqlite3, sys; c = sqlite3.connect(sys.argv[1], "
    .. "isolation_level=None); c.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read(); "
    .. "c.execute('ROLLBACK')\" %s >%s"):format(db, said), "w"))
  repeat
    local file = assert(io.open(said))
    local line = file:read "*l"
    file:close()
  until line == "locked"
  os.remove(said)
  return function() pipe:close() end
end

before_each(function()
  folder = run "mktemp -d":match "%S+"
  os.execute("chmod 755 " .. folder)
end)

after_each(function() os.execute("rm -rf " .. folder) end)

describe("a database that a simulated GitLab serves", function()
  it("is refused to a second one with the first one's pid and URL, by whatever path", function()
    local db = folder .. "/mock.db"
    local server = serve(db)
    finally(function() if not server.code then server:signal "KILL" end end)
    local why = ("process %d serves it at %s"):format(server.pid, server.url)
    os.execute(("ln -s mock.db %s/link.db; mkdir %s/sub; ln -s .. %s/sub/up"):format(folder, folder, folder))
    for _, name in ipairs { db, folder .. "/link.db", folder .. "/sub/up/mock.db", folder .. "/sub/../mock.db" } do
      assert.same({ ("gitlab-pipelines: cannot use the database %s: %s\n"):format(name, why), 6 }, { refused(name) })
    end
    assert.same({ ("gitlab-pipelines: cannot use the database mock.db: %s\n"):format(why), 6 },
      { run(("here=$PWD; cd %s && %s $here/bin/gitlab-pipelines mock serve --port 0 --db mock.db"):format(folder,
        httpd.lua)) })
    assert.same({ nil, ("mock.new: cannot use the database %s: %s"):format(db, why) }, { mock.new { db = db } })
    assert.same({ nil, ("mock.serve: cannot use the database %s: %s"):format(db, why) }, { mock.serve { db = db } })
    -- Nobody has disturbed it.
    assert.equal(201, (ask(server, "/projects/1/pipeline", "-d ref=main")))
    assert.equal(0, (server:stop()))
    server = serve(db)
    assert.equal(200, (ask(server, "/projects/1/pipelines/1")))
    server:stop()
  end)

  it("is free at once after its holder was killed or stopped", function()
    local db = folder .. "/mock.db"
    for _, signal in ipairs { "KILL", "TERM", "KILL" } do
      local server = serve(db)
      server:signal(signal)
      server:wait()
    end
    assert(mock.new { db = db }):close()
  end)

  it("is refused before anything is written to it, in one process too", function()
    local db = folder .. "/mock.db"
    local first = assert(mock.new { db = db })
    local _, message = mock.new { db = db }
    assert.truthy(message:match ": process %d+ holds it$")
    local text, code = refused(db)
    assert.equal(6, code)
    assert.truthy(text:match "^gitlab%-pipelines: [^\n]+: process %d+ holds it\n$")
    first:close()
    first = assert(mock.serve { db = db })
    _, message = mock.new { db = db }
    assert.truthy(message:find("serves it at " .. first.url, 1, true), message)
    first.stop()
    assert(mock.new { db = db }):close()
  end)

  it("is taken by exactly one of many that start at once", function()
    local db = folder .. "/mock.db"
    assert.is_true(process.together(6, [[
      local db, me = ...
      local mock = require "gitlab_pipelines.mock"
      local gl, why = mock.new { db = db }
      if gl then
        local file = io.open(db .. ".won", "a")
        file:write(me, "\n")
        file:close()
        -- It stays until all others have been refused.
        repeat
          local lost = io.open(db .. ".lost")
          local text = lost and lost:read "*a" or ""
          if lost then lost:close() end
        until #text == 5
        gl:close()
      elseif why:match "holds it$" then
        local file = io.open(db .. ".lost", "a")
        file:write "x"
        file:close()
      else
        error(why)
      end
    ]], db))
    local file = assert(io.open(db .. ".won"))
    local won = file:read "*a"
    file:close()
    assert.truthy(won:match "^%d\n$", won)
  end)

  it("can be opened with sqlite3 at the same time", function()
    local db = folder .. "/mock.db"
    local server = serve(db)
    finally(function() if not server.code then server:signal "KILL" end end)
    ask(server, "/projects/1/pipeline", "-d ref=main")
    assert.same({ "1|main|running\n", 0 }, { run(("sqlite3 %s 'SELECT id, ref, status FROM pipelines'"):format(db)) })
    assert.equal(200, (ask(server, "/projects/1/pipelines/1")))
    assert.equal(0, (server:stop()))
  end)

  it("is not needed by simulations in memory", function()
    local one, two = assert(mock.new { db = ":memory:" }), assert(mock.new { db = ":memory:" })
    one:close()
    two:close()
    assert.is_nil(io.open ":memory:")
  end)
end)

describe("a database that another program has locked", function()
  it("delays no read, and a write only for a while", function()
    local db = folder .. "/mock.db"
    local core = assert(mock.open { db = db, token = TOKEN })
    local held = assert(mock.serve_start(core, { port = 0 }))
    local address, port = held:url():match "^http://(.-):(%d+)$"
    address = { host = address, port = tonumber(port) }
    local function pump(now, done)
      local give_up, count = clock.now() + 10, 0
      while not done(count) do
        assert(clock.now() < give_up, "nothing happened")
        clock.poll({ { held:pollfd(), "r" } }, math.min(held:timeout(now) or 5, 0.05))
        count = count + held:pump(64, now)
      end
    end
    local T = 1767225600
    local function request(method, target)
      return httpd.talk(address, { httpd.step.send(("%s %s HTTP/1.1\r\nHost: a\r\nPRIVATE-TOKEN: %s\r\n"
        .. "Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"ref\":\"main\"}"):format(method, target,
        TOKEN)),
        httpd.step.answers(1), httpd.step.keep })
    end
    local function answer(wait) return httpd.answers((select(2, wait())))[1].status end
    local unlock = lock(db)
    local write = request("POST", "/projects/1/pipeline")
    pump(T, function() return (held:timeout(T) or 0) > 0 and held:timeout(T) < 0.1 end)
    for _ = 1, 3 do
      local read = request("GET", "/version")
      pump(T, function(count) return count == 1 end)
      assert.equal(200, answer(read))
    end
    unlock()
    pump(T + 0.5, function(count) return count == 1 end)
    assert.equal(201, answer(write))
    held:close()
    core:close()
  end)

  it("loses nothing that the clock brings in the meantime, events and deliveries included", function()
    local T = 1767225600
    local function live(db, between)
      local gl = assert(mock.new { db = db, seed = 5 })
      local said = {}
      local function ask_at(after, method, target, body)
        local status, answer = gl:request(method, target, { now = T + after, body = body })
        said[#said + 1] = ("%d %s %s %d %s"):format(after, method, target, status, answer)
        assert.is_true(status < 300, said[#said])
      end
      ask_at(0, "POST", "/_mock/hooks", '{"url":"http://receiver.test/"}')
      for after = 1, 4 do
        ask_at(0, "POST", "/projects/1/pipeline", ('{"ref":"main","variables":[{"key":"MOCK_TERMINAL_AFTER_SECONDS",'
          .. '"value":"%d"}]}'):format(after * 3))
      end
      local finish = between(db)
      for after = 1, 8 do
        ask_at(after, "GET", "/projects/1/pipelines")
        ask_at(after, "GET", "/projects/1/pipelines/2/jobs")
        ask_at(after, "GET", "/_mock/hooks")
      end
      finish()
      ask_at(9, "GET", "/projects/1/pipelines")
      ask_at(10, "POST", "/projects/1/pipelines/4/cancel")
      for _, again in ipairs { false, true } do
        if again then
          gl:close()
          gl = assert(mock.new { db = db, seed = 5 })
        end
        ask_at(20, "GET", "/projects/1/pipelines")
        ask_at(20, "GET", "/projects/1/jobs")
        ask_at(20, "GET", "/_mock/hooks")
        ask_at(20, "GET", "/_mock/hooks/1/deliveries")
      end
      gl:close()
      return said
    end
    local plain = live(folder .. "/plain.db", function() return function() end end)
    assert.same(plain, live(folder .. "/locked.db", lock))
    assert.truthy(plain[#plain]:find("pipeline", 1, true)) -- there were deliveries
  end)

  it("responds to writes with 503 and Retry-After, reports it once, and recovers by itself", function()
    local db = folder .. "/mock.db"
    local server = serve(db)
    finally(function() if not server.code then server:signal "KILL" end end)
    assert.equal(201, (ask(server, "/projects/1/pipeline", "-d ref=before")))
    local unlock = lock(db)
    for _ = 1, 2 do
      local status, body, head = ask(server, "/projects/1/pipeline", "-d ref=refused")
      assert.equal(503, status)
      assert.truthy(json.decode(body).message:match "^503 ")
      assert.truthy(head:match "\r\nRetry%-After: 1")
      assert.truthy(head:match "\r\nX%-Request%-Id: %w+")
    end
    -- A project that nobody has named before would get an id now, which must last.
    assert.equal(503, (ask(server, "/projects/never%2Fseen")))
    assert.equal(200, (ask(server, "/projects/1/pipelines/1")))
    unlock()
    assert.equal(201, (ask(server, "/projects/1/pipeline", "-d ref=after")))
    local _, list = ask(server, "/projects/1/pipelines")
    local refs = {}
    for i, row in ipairs(json.decode(list)) do refs[i] = row.ref end
    assert.same({ "after", "before" }, refs)
    assert.same({ 0, "simulated GitLab: another process has locked its database: writes are answered with 503\n"
      .. "simulated GitLab: writes are accepted again\n" }, { server:stop() })
  end)

  it("does the same for a mock in this process", function()
    local gl = assert(mock.new { db = folder .. "/mock.db" })
    local unlock = lock(folder .. "/mock.db")
    local status, body = gl:request("POST", "/projects/1/pipeline", { body = '{"ref":"main"}' })
    assert.same({ 503, "503 " }, { status, json.decode(body).message:sub(1, 4) })
    assert.equal(200, (gl:request("GET", "/version")))
    unlock()
    assert.equal(201, (gl:request("POST", "/projects/1/pipeline", { body = '{"ref":"main"}' })))
    assert.equal(1, #json.decode((select(2, gl:request("GET", "/projects/1/pipelines")))))
    gl:close()
  end)
end)

describe("the file of a simulated GitLab", function()
  it("says by which version its tables were made", function()
    assert(mock.new { db = folder .. "/mock.db" }):close()
    assert.equal("1\n", run("sqlite3 " .. folder .. "/mock.db 'PRAGMA user_version'"))
  end)
end)

describe("mock serve ends with 6 and one line when its database", function()
  local cases = {
    { "is a directory", "mkdir $db", "it is a directory" },
    { "is a device", "ln -s /dev/null $db", "not a regular file" },
    { "is not a database", "seq 1000 >$db", "file is not a database" },
    { "is in a folder that does not exist", "ln -s /nowhere/at/all.db $db", "No such file or directory" },
    { "was made by a newer version", "sqlite3 $db 'PRAGMA user_version = 99'",
      "made by a newer version of gitlab-pipelines" },
    { "is another program's", "sqlite3 $db 'PRAGMA application_id = 99'", "it belongs to another program" },
    { "has two names", "touch $db; ln $db $db.too", "it has a second name (a hard link)" },
    { "has a log that cannot be opened",
      "sqlite3 $db 'PRAGMA journal_mode = WAL; CREATE TABLE a(b)'; mkdir $db-wal", "" },
    { "has tables of other columns", "sqlite3 $db 'CREATE TABLE pipelines(a)'", "" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local db = folder .. "/mock.db"
      run("db=" .. db .. "; " .. case[2])
      local text, code = refused(db)
      assert.equal(6, code, text)
      local prefix = "gitlab-pipelines: cannot use the database " .. db .. ": "
      assert.equal(prefix, text:sub(1, #prefix))
      assert.truthy(text:find(case[3], 1, true), text)
      assert.equal(1, select(2, text:gsub("\n", "")))
    end)
  end

  -- A user other than root, whom permissions bind.
  local function as_nobody(setup, why)
    local db = folder .. "/mock.db"
    run("db=" .. db .. "; " .. setup)
    local text, code = refused(db, "setpriv --reuid 65534 --regid 65534 --clear-groups --")
    -- Where coverage is measured, this user may not write the counts.
    text = text:gsub("profiling:[^\n]*\n", "")
    assert.equal(6, code, text)
    assert.truthy(text:match "^gitlab%-pipelines: cannot use the database [^\n]+\n$", text)
    assert.truthy(text:find(why, 1, true), text)
  end

  local root = run "id -u" == "0\n"
  local only = root and it or pending
  only("or its folder may not be written", function()
    as_nobody("chmod 755 $(dirname $db)", "Permission denied")
    as_nobody("sqlite3 $db 'CREATE TABLE a(b)'; chmod 444 $db", "Permission denied")
    as_nobody("chmod 666 $db", "Permission denied") -- a journal could not be made beside it
  end)
end)
