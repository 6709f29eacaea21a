local journal = require "gitlab_pipelines.once.journal"
local process = require "support.process"

describe("a journal", function()
  local path, remove, j
  before_each(function()
    path, remove = process.file "j.db"
    j = assert(journal.open(path))
  end)
  after_each(function()
    j:close()
    remove()
  end)

  local function intent(key, now, digest)
    return j:intent { key = key, scope = "host/1", digest = digest or "d", request = "{}",
      now = now or 100 }
  end

  local function mode(file)
    local pipe = io.popen("stat -c %a " .. file)
    local text = pipe:read "*l"
    pipe:close()
    return text
  end

  it("is for its owner alone, with everything beside it", function()
    intent "a"
    assert.equal("600", mode(path))
    assert.equal("600", mode(path .. "-wal"))
    assert.equal("600", mode(path .. "-lock"))
  end)

  it("closes a file that others could read", function()
    j:close()
    os.execute("chmod 644 " .. path)
    j = assert(journal.open(path))
    assert.equal("600", mode(path))
  end)

  it("leaves another's locks on its file alone when it is opened a second time here", function()
    intent "a"
    assert(journal.open(path)):close()
    -- Whoever is the last to close the file folds it into one; nobody else may, while we have it.
    assert(os.execute(("/usr/bin/python3 -c 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
      .. "c.execute(\"select * from intents\").fetchall(); c.close()' '%s'"):format(path)))
    assert.equal("600", mode(path .. "-wal"))
    assert.equal("intent", j:lookup("a").state)
  end)

  it("writes an intent once and gives back the one that is there", function()
    local row, created = intent("a", 100)
    assert.is_true(created)
    assert.same({ "intent", 100, "d", "{}" }, { row.state, row.created_at, row.digest, row.request })
    row, created = intent("a", 200, "other")
    assert.is_false(created)
    assert.equal("d", row.digest)
    assert.equal(100, row.created_at)
  end)

  it("frees a key that was refused, and none because a clock says that it is old", function()
    intent("a", 100)
    assert.is_true(j:refused("a", "400 no", 101))
    assert.equal("400 no", j:lookup("a").reason)
    local _, created = intent("a", 102)
    assert.is_true(created)
    intent("b", 100)
    j:known("b", 7, 100)
    for _, now in ipairs { 102 + 31 * 86400, 1e12, -1e12 } do
      _, created = intent("a", now)
      assert.is_false(created)
      _, created = intent("b", now)
      assert.is_false(created)
    end
  end)

  it("remembers that GitLab said it was made, until it is sent again or refused", function()
    intent "a"
    assert.is_true(j:said_made("a", 101))
    assert.equal(1, j:lookup("a").said_made)
    assert.is_true(j:resend("a", 102))
    assert.is_nil(j:lookup("a").said_made)
    assert.is_true(j:said_made("a", 103))
    assert.is_true(j:refused("a", "400 no", 104))
    assert.is_nil(j:lookup("a").said_made)
  end)

  it("brings a journal of the first version up to date, with its keys", function()
    local old, clean = process.file "old.db"
    assert(os.execute(("/usr/bin/python3 - '%s' <<'END'\n%s\nEND"):format(old, [[
import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.executescript("""
PRAGMA journal_mode = WAL;
CREATE TABLE intents (key TEXT PRIMARY KEY, scope TEXT NOT NULL, digest TEXT NOT NULL,
  request TEXT NOT NULL, state TEXT NOT NULL, pipeline INTEGER, created_at REAL NOT NULL, sent_at REAL,
  updated_at REAL NOT NULL, boot_id TEXT, reason TEXT);
CREATE INDEX intents_scope ON intents(scope, state);
CREATE UNIQUE INDEX intents_pipeline ON intents(scope, pipeline);
CREATE TABLE facts (scope TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (scope, name));
INSERT INTO intents VALUES ('open', 's', 'd', '{}', 'intent', NULL, 5, NULL, 5, 'b', NULL);
INSERT INTO intents VALUES ('known', 's', 'd', '{}', 'known', 17, 5, NULL, 5, 'b', NULL);
INSERT INTO facts VALUES ('s', 'variables_forbidden', '1700000000');
INSERT INTO facts VALUES ('s', 'project a', '11');
PRAGMA application_id = 1735420530; PRAGMA user_version = 1;
""")
c.close()]])))
    local together = process.together(3, [[assert(require "gitlab_pipelines.once.journal".open((...)))]], old)
    assert.is_true(together)
    local up = assert(journal.open(old))
    assert.same({ "intent", nil }, { up:lookup("open").state, up:lookup("open").finished })
    assert.same({ 17, 0 }, { up:lookup("known").pipeline, up:lookup("known").finished })
    assert.is_nil(up:fact("s", "variables_forbidden"))
    assert.equal("11", up:fact("s", "project a"))
    assert.is_true(up:said_made("open", 6))
    up:close()
    clean()
  end)

  it("refuses a database that is not a journal of this version or before, and leaves it as it is", function()
    local cases = {
      { "CREATE TABLE other (x)", "a database, but no journal of ours" },
      { "PRAGMA application_id = 99; CREATE TABLE other (x)", "a database, but no journal of ours" },
      { "PRAGMA application_id = 1735420530; PRAGMA user_version = 3; CREATE TABLE other (x)",
        "made by a newer version of gitlab-pipelines" },
    }
    for _, case in ipairs(cases) do
      local file, clean = process.file "foreign.db"
      local sqlite = "/usr/bin/python3 -c 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); %s' "
        .. file
      assert(os.execute(sqlite:format('c.executescript("' .. case[1] .. '")')))
      local opened, err = journal.open(file)
      assert.is_nil(opened)
      assert.is_true(err:is "JournalUnusable")
      assert.equal(file .. ": " .. case[2], err.message)
      local pipe = io.popen(sqlite:format('print(c.execute("SELECT group_concat(name) FROM sqlite_master")'
        .. ".fetchone()[0])"))
      assert.equal("other", pipe:read "*l")
      pipe:close()
      clean()
    end
  end)

  it("holds the deadline when tables are to be made while another process has the file", function()
    local new, clean = process.file "new.db"
    assert(os.execute(("/usr/bin/python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1])"
      .. ".execute(\"PRAGMA journal_mode = WAL\")' '%s'"):format(new)))
    process.while_locked(new, "BEGIN IMMEDIATE", function(pid)
      local opened, err = journal.open(new, { wait = 0.1 })
      assert.is_nil(opened)
      assert.equal(("%s: locked by process %d"):format(new, pid), err.message)
      assert.equal(pid, err.pid)
    end)
    assert(journal.open(new)):close()
    clean()
  end)

  local clock = require("gitlab_pipelines.core").clock

  -- How long `fn` took, by a clock.
  local function took(fn)
    local start = clock.now()
    fn()
    return clock.now() - start
  end

  it("waits for a locked file no longer than it may, and names the file and the process", function()
    intent "a"
    process.while_locked(path, "BEGIN IMMEDIATE", function(pid)
      local row, err
      for _, wait in ipairs { 0, 0.3 } do
        local seconds = took(function()
          row, err = j:within(function() return wait end):intent { key = "b", scope = "s", digest = "d",
            request = "{}", now = 1 }
        end)
        assert.is_nil(row)
        assert.is_true(err:is "JournalUnusable")
        assert.equal(("%s: locked by process %d"):format(path, pid), err.message)
        assert.equal(pid, err.pid)
        assert.is_true(seconds >= wait and seconds < wait + 2, tostring(seconds))
      end
      -- Reading, and opening a journal that is up to date, need no lock.
      assert.equal("intent", j:lookup("a").state)
      assert(journal.open(path, { wait = 0 })):close()
    end)
    assert.is_truthy(intent "b")
  end)

  it("holds the deadline when it is opened, too", function()
    local new, clean = process.file "new.db"
    process.while_locked(new, "BEGIN EXCLUSIVE", function(pid)
      local opened, err
      local seconds = took(function() opened, err = journal.open(new, { wait = 0.3 }) end)
      assert.is_nil(opened)
      assert.equal(("%s: locked by process %d"):format(new, pid), err.message)
      assert.equal(pid, err.pid)
      assert.is_true(seconds >= 0.3 and seconds < 3, tostring(seconds))
    end)
    assert(journal.open(new)):close()
    clean()
  end)

  it("says which process has it open and locked when that is this one", function()
    local other = assert(journal.open(path))
    other:query "BEGIN IMMEDIATE"
    local row, err = j:within(function() return 0 end):set_fact("s", "n", "v")
    assert.is_nil(row)
    assert.matches("in this process", err.message)
    other:query "ROLLBACK"
    other:close()
  end)

  it("tells which process holds a name", function()
    assert.is_nil(j:holder "run:1")
    assert.is_true(j:hold "run:1")
    local own = io.open("/proc/self/stat"):read "*n"
    assert.equal(own, j:holder "run:1")
    assert.is_nil(j:holder "run:2")
    local text = process.lua([[
      local j = assert(require "gitlab_pipelines.once.journal".open(...))
      print(j:holder "run:1")]], path)
    assert.equal(own, tonumber(text))
  end)

  it("gives a pipeline to one key of its scope", function()
    intent "a"
    intent "b"
    assert.is_true(j:known("a", 17, 101))
    assert.is_true(j:known("a", 17, 102))
    local ok, err, other = j:known("b", 17, 103)
    assert.is_nil(ok)
    assert.is_true(err:is "KeyReused")
    assert.equal("a", other)
    assert.equal("a", j:claimed("host/1", 17))
    assert.is_nil(j:claimed("host/2", 17))
    assert.equal(17, j:lookup("a").pipeline)
    assert.equal("17", tostring(j:lookup("a").pipeline))
    local open = j:open_intents "host/1"
    assert.equal(1, #open)
    assert.equal("b", open[1].key)
  end)

  it("says so when a key is not there", function()
    local ok, err = j:known("nope", 1, 1)
    assert.is_nil(ok)
    assert.is_true(err:is "JournalUnusable")
    assert.is_nil(j:lookup "nope")
    assert.is_false(j:sent("nope", 1))
  end)

  it("remembers when bytes may have left", function()
    intent("a", 100)
    assert.is_true(j:sent("a", 107.25))
    assert.equal(107.25, j:lookup("a").sent_at)
  end)

  it("remembers facts and forgets them", function()
    assert.is_nil(j:fact("host/1", "default_branch"))
    j:set_fact("host/1", "default_branch", "main")
    j:set_fact("host/1", "default_branch", "trunk")
    assert.equal("trunk", j:fact("host/1", "default_branch"))
    j:set_fact("host/1", "default_branch", nil)
    assert.is_nil(j:fact("host/1", "default_branch"))
  end)

  it("rolls a transaction back when it raises", function()
    assert.has_error(function()
      j:transaction(function()
        j:set_fact("s", "n", "v")
        error("oh", 0)
      end)
    end, "oh")
    assert.is_nil(j:fact("s", "n"))
    assert.equal("fine", (j:transaction(function() return "fine" end)))
  end)

  it("holds a name against itself and everybody else, until it is given back", function()
    assert.is_true(j:hold "run:1")
    local ok, err = j:hold "run:1"
    assert.is_nil(ok)
    assert.is_true(err:is "RunHeld")
    local other = assert(journal.open(path))
    assert.is_nil((other:hold "run:1"))
    assert.is_true(other:hold "run:2")
    j:release "run:1"
    assert.is_true(other:hold "run:1")
    other:close()
    assert.is_true(j:hold "run:1")
  end)

  it("holds a name for whoever comes by a symbolic link too, and refuses a file with two names", function()
    assert.is_true(j:hold "run:1")
    local folder = path:match "^(.*/)"
    assert(os.execute(("mkdir %slinks && ln -s %s %slinks/l.db"):format(folder, path, folder)))
    local linked = assert(journal.open(folder .. "links/l.db"))
    assert.is_nil((linked:hold "run:1"))
    assert.is_true(linked:hold "run:2")
    linked:close()
    assert(os.execute(("ln %s %slinks/h.db"):format(path, folder)))
    local opened, err = journal.open(folder .. "links/h.db")
    assert.is_nil(opened)
    assert.matches("hard link", err.message)
  end)

  it("holds a name in another process until that is killed", function()
    local text = process.lua(process.die .. [[
      local journal = require "gitlab_pipelines.once.journal"
      local j = assert(journal.open(...))
      assert(j:hold "run:1")
      print "held"
      die()]], path)
    assert.equal("held\n", text)
    assert.is_true(j:hold "run:1")
    text = process.lua([[
      local j = assert(require "gitlab_pipelines.once.journal".open(...))
      local ok, err = j:hold "run:1"
      print(ok, err.kind)]], path)
    assert.equal("nil\tRunHeld\n", text)
  end)

  it("keeps what was written before a kill -9, and nothing of a half transaction", function()
    local text = process.lua(process.die .. [[
      local j = assert(require "gitlab_pipelines.once.journal".open(...))
      j:intent { key = "k", scope = "s", digest = "d", request = "r", now = 1 }
      j:query "BEGIN IMMEDIATE"
      j:set_fact("s", "half", "1")
      print "ready"
      die()]], path)
    assert.equal("ready\n", text)
    assert.equal("intent", j:lookup("k").state)
    assert.is_nil(j:fact("s", "half"))
    assert.is_true(j:set_fact("s", "half", "2"))
  end)

  it("is used by several processes at once", function()
    assert.is_true(process.together(3, [[
      local path, me = ...
      local j = assert(require "gitlab_pipelines.once.journal".open(path))
      for i = 1, 50 do
        local _, created = assert(j:intent { key = "k" .. i, scope = "s", digest = me,
          request = "r", now = 1 })
        if created then assert(j:known("k" .. i, i, 2)) end
      end]], path))
    local rows = j:query "SELECT key, pipeline FROM intents WHERE state = 'known'"
    assert.equal(50, #rows)
  end)

  it("is made once when several processes open a new file at one moment", function()
    for _ = 1, 10 do
      local new, clean = process.file "new.db"
      local good = process.together(4, [[assert(require "gitlab_pipelines.once.journal".open((...)))]], new)
      clean()
      assert.is_true(good)
    end
  end)

  it("refuses files that are no journal", function()
    local other, clean = process.file "other.db"
    local file = io.open(other, "w")
    file:write(("not a database "):rep(100))
    file:close()
    local opened, err = journal.open(other)
    assert.is_nil(opened)
    assert.is_true(err:is "JournalUnusable")
    clean()
    assert.is_nil((journal.open "/proc/version"))
    assert.is_nil((journal.open "/nowhere/at/all.db"))
    assert.is_nil((journal.open(path:match "^(.*)/")))
  end)

  it("does without a file", function()
    local memory = assert(journal.open ":memory:")
    assert.is_true(memory:hold "a")
    assert.is_nil((memory:hold "a"))
    memory:intent { key = "k", scope = "s", digest = "d", request = "r", now = 1 }
    assert.equal("d", memory:lookup("k").digest)
    memory:close()
    memory:close()
    local rows, err = memory:query "SELECT 1"
    assert.is_nil(rows)
    assert.is_true(err:is "JournalUnusable")
  end)

  it("reports an error of SQL instead of raising", function()
    local rows, err = j:query "SELECT * FROM missing"
    assert.is_nil(rows)
    assert.matches("no such table", err.message)
  end)
end)
