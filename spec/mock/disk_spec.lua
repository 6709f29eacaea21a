-- A simulation whose writes fail, each in turn; a served one whose disk is full; one that is killed
-- while it writes; one that is opened again: what was acknowledged is there, what was refused is not.
local calls = require "support.mock_calls"
local compile = require "spec.support.compile"
local httpd = require "support.httpd"
local json = require "gitlab_pipelines.json"

local TOKEN = "spec-token-0123456789"

-- `blocks`: no file grows beyond that many times 512 bytes, as on a full disk.
local function serve(db, blocks)
  local command = ("exec '%s' bin/gitlab-pipelines mock serve --port 0 --db '%s'"):format(httpd.lua, db)
  if blocks then command = ("trap '' XFSZ; ulimit -S -f %d; "):format(blocks) .. command end
  return httpd.start({ "sh", "-c", command }, { MOCK_TOKEN = TOKEN })
end

local function write(server, count, how)
  local pipe = assert(io.popen(("/usr/bin/python3 spec/support/writers.py %s %s %d %s 2>&1"):format(
    server.url, TOKEN, count, how)))
  local told = pipe:read "*a"
  pipe:close()
  return told
end

-- Every pipeline that the server knows, by id.
local function pipelines(server)
  local known, page = {}, 1
  repeat
    local pipe = assert(io.popen(("curl -s -H 'PRIVATE-TOKEN: %s' '%s/projects/1/pipelines?per_page=100&page=%d'")
      :format(TOKEN, server.url, page)))
    local rows = assert(json.decode(pipe:read "*a"))
    pipe:close()
    for _, row in ipairs(rows) do
      row.web_url = nil -- holds the port
      known[row.id] = row
    end
    page = page + 1
  until #rows < 100
  return known
end

-- What was acknowledged must be there; gives how much that was.
local function compare(told, known)
  local count, refs = 0, {}
  for id, ref in told:gmatch "created (%d+) (%S+)" do
    local row = known[tonumber(id)]
    assert.is_table(row, "pipeline " .. id .. " is lost")
    assert.equal(ref, row.ref)
    refs[ref] = true
    count = count + 1
  end
  for id in told:gmatch "canceled (%d+)" do
    assert.equal("canceled", known[tonumber(id)].status, "the cancel of " .. id .. " is lost")
    count = count + 1
  end
  return count, refs
end

local function clean(db)
  for _, tail in ipairs { "", "-wal", "-shm", "-journal", "-lock" } do os.remove(db .. tail) end
end

describe("a simulated GitLab whose disk is full", function()
  it("keeps exactly what it acknowledged, whichever write is the first to fail", function()
    local text = compile.run_mock("mock_disk", ("'%s' %d"):format(compile.folder(),
      os.getenv "GP_FULL" == "1" and 1 or 31))
    assert.is_true((tonumber(text:match "(%d+) writes failed in turn") or 0) > 100, text)
  end)

  it("refuses what it cannot store, keeps what it acknowledged, and recovers once there is space", function()
    local db = os.tmpname()
    local server = serve(db, 4000)
    finally(function() if not server.code then server:signal "KILL" end end)
    local told = write(server, 1000000, "--until-refused")
    assert.truthy(told:find("refused 507", 1, true), told:sub(-300))
    assert.is_nil(told:find "lost")
    -- Still there, and true to what it said: what was refused is not shown either.
    local known = pipelines(server)
    local count, refs = compare(told, known)
    assert.is_true(count > 50)
    for _, row in pairs(known) do assert.is_true(refs[row.ref], row.ref .. " was refused, and is there") end
    os.execute(("prlimit --pid %d --fsize=unlimited"):format(server.pid))
    told = write(server, 40, "")
    assert.is_nil(told:find "refused" or told:find "lost")
    local after = pipelines(server)
    assert.is_true(compare(told, after) >= 40)
    for id, row in pairs(known) do assert.same(row, after[id]) end
    server:signal "KILL"
    assert.same({ 137, "simulated GitLab: the disk of its database is full: writes are answered with 507\n"
      .. "simulated GitLab: writes are accepted again\n" }, { server:wait() })
    server = serve(db)
    assert.same(after, pipelines(server))
    server:stop()
    clean(db)
  end)
end)

describe("a simulated GitLab that is opened again", function()
  it("stores later changes of an earlier pipeline", function()
    local db = os.tmpname()
    local function again(target, wanted)
      local gl = assert(calls.new { db = db })
      if target then assert.equal(200, (gl:call(target[1], target[2], target[3] or {}))) end
      assert.equal(wanted, select(2, gl:get "/projects/7/pipelines/1").status)
      gl:close()
    end
    local gl = assert(calls.new { db = db })
    gl:post("/projects/7/pipeline", { ref = "main" })
    gl:close()
    again({ "POST", "/projects/7/pipelines/1/cancel" }, "canceled")
    again({ "PATCH", "/_mock/pipelines/1", { terminal_after_seconds = 0, terminal_status = "failed" } }, "failed")
    again({ "PATCH", "/_mock/pipelines/1", { status = "manual" } }, "manual")
    again(nil, "manual")
    clean(db)
  end)
end)

describe("a simulated GitLab that is killed while it writes", function()
  it("has lost nothing that it acknowledged, and kept no half of a request", function()
    local db = os.tmpname()
    local all = {}
    for round = 1, os.getenv "GP_FULL" == "1" and 60 or 4 do
      local server = serve(db)
      finally(function() if not server.code then server:signal "KILL" end end)
      all[#all + 1] = write(server, 30 * (1 + round % 8), "--kill " .. server.pid)
      assert.equal(137, (server:wait()))
      server = serve(db)
      local known = pipelines(server)
      for _, told in ipairs(all) do assert.is_true(compare(told, known) >= 20) end
      for id in pairs(known) do
        local pipe = assert(io.popen(("curl -s -H 'PRIVATE-TOKEN: %s' '%s/projects/1/pipelines/%d/jobs'"):format(
          TOKEN, server.url, id)))
        assert.equal(3, #assert(json.decode(pipe:read "*a")))
        pipe:close()
        if id > 12 then break end
      end
      server:stop()
    end
    local pipe = assert(io.popen("/usr/bin/python3 -c \"import sqlite3, sys; print(sqlite3.connect(sys.argv[1])"
      .. ".execute('PRAGMA integrity_check').fetchone()[0])\" " .. db))
    assert.equal("ok\n", pipe:read "*a")
    pipe:close()
    clean(db)
  end)
end)
