-- Archives that claim more than they hold, or cost more than they weigh. What is measured is work: bytes that
-- are unpacked, rows, turns of the loop.

local archives = require "gitlab_pipelines.api.artifacts.archive"
local store = require("gitlab_pipelines.store").archive

local folder

local function make(kind)
  local path = folder .. "/" .. kind .. ".zip"
  assert(os.execute(("/usr/bin/python3 spec/support/zip.py %s %s"):format(kind, path)))
  return path
end

-- A runtime whose clock goes on by a second in each turn.
local function runtime_of(cancelled_after)
  local self = { turns = 0 }
  function self.now() return self.turns end
  function self.pause()
    self.turns = self.turns + 1
    return self.turns ~= cancelled_after
  end
  return self
end

local function verify(path, bounds)
  local archive = assert(store.open(path))
  local work = assert(archive:verify(bounds or archives.bounds))
  local done, kind, message
  repeat done, kind, message = work:step(2 ^ 20) until done ~= false
  local unpacked = work:unpacked()
  work:close()
  archive:close()
  return done, kind, message, unpacked
end

describe("the bounds of an archive", function()
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
  end)

  teardown(function() os.execute("rm -r " .. folder) end)

  local refused = {
    { "overlap", "unsafe", "entries overlap" },
    { "quoted", "unsafe", "entries overlap" },
    { "wide-lie", "unsafe", "entries overlap" },
    { "into-directory", "unsafe", "an entry overlaps the directory" },
    { "wide-beyond", "damaged", "the directory is damaged" },
    { "count-lie", "damaged", "number of entries does not match" },
    { "ends-in-comment", "unsafe", "the directory holds another end" },
    { "end-in-directory", "unsafe", "the directory holds another end" },
    { "colliding", "unsafe", "names have the same hash value" },
    { "same-names", "unsafe", "names have the same hash value" },
    { "deep", "unsafe", "a name is too long" },
    { "long", "unsafe", "a name is too long" },
    { "huge-directory", "unsafe", "directory is too large" },
  }

  for _, row in ipairs(refused) do
    it("refuses, before anything is unpacked, an archive with this fault: " .. row[1], function()
      local path = make(row[1])
      local archive, kind, message = store.open(path)
      assert.is_nil(archive)
      assert.equal(row[2], kind)
      assert.matches(row[3], message, 1, true)
      os.remove(path)
    end)
  end

  it("opens what only looks like it", function()
    local done, _, _, unpacked = verify(make "touching")
    assert.is_truthy(done)
    assert.equal(890, unpacked)
    assert.is_truthy((verify(make "nested")))
    assert.is_truthy((verify(make "deepest")))
    assert.is_truthy((verify(make "good")))
    -- libzip would believe the other one of two ends.
    local archive = assert(store.open(make "two-ends"))
    assert.equal(1, archive:count())
    archive:close()
  end)

  it("refuses more entries than are asked for, and opens as many", function()
    local path = make "many"
    assert.same({ nil, "unsafe" }, { (function()
      local _, kind = store.open(path, 999)
      return nil, kind
    end)() })
    local archive = assert(store.open(path, 1000))
    assert.equal(1000, archive:count())
    archive:close()
    assert.is_false(pcall(store.open, path, 0))
    assert.is_false(pcall(store.open, path, 0 / 0))
  end)

  it("verifies nothing that is beyond the bounds of an extraction", function()
    for _, kind in ipairs { "bomb", "small-bombs" } do
      local done, why, message, unpacked = verify(make(kind))
      assert.is_nil(done)
      assert.equal("unsafe", why)
      assert.matches("suspiciously well", message, 1, true)
      assert.equal(0, unpacked)
    end
    local _, why, _, unpacked = verify(make "good", { bytes = 1000, entries = 100, ratio = 200 })
    assert.equal("unsafe", why)
    assert.equal(0, unpacked)
    local archive = assert(store.open(make "good"))
    _, why = archive:verify { bytes = 1e6, entries = 2, ratio = 200 }
    assert.equal("unsafe", why)
    archive:close()
    assert.is_truthy((verify(make "bomb", { bytes = 1e8, entries = 2, ratio = 2000 })))
  end)

  it("unpacks no more of an entry that lies about its length than it claims", function()
    local done, why, _, unpacked = verify(make "lying")
    assert.is_nil(done)
    assert.equal("damaged", why)
    assert.is_true(unpacked <= 99)
  end)

  it("gives a verification up at the deadline, or when it is cancelled", function()
    local path = make "bomb"
    local archive = assert(store.open(path))
    for _, case in ipairs { { 3, nil, "late", "deadline" }, { nil, 3, "stopped", "cancelled" } } do
      local deadline, cancelled, kind, words = case[1], case[2], case[3], case[4]
      local runtime = runtime_of(cancelled)
      local work = assert(archive:verify { bytes = 1e8, entries = 2, ratio = 2000 })
      local done, why, message = archives.work_off(runtime, work, deadline)
      assert.is_nil(done)
      assert.equal(kind, why)
      assert.matches(words, message, 1, true)
      assert.equal(3, runtime.turns)
    end
    archive:close()
    assert.equal("NetworkError.Timeout", archives.error_kind "late")
  end)

  it("lists in turns, until the deadline", function()
    local archive = assert(store.open(make "one-prefix"))
    local runtime = runtime_of()
    local rows = assert(archives.rows(archive, "", true, runtime))
    assert.equal(20090, #rows)
    assert.equal(20, runtime.turns)
    assert.equal("a/", rows[1].path)
    assert.equal("a", rows[1].name)
    local none, kind = archives.rows(archive, "", true, runtime_of(), 5)
    assert.is_nil(none)
    assert.equal("late", kind)
    assert.equal(1, #archives.rows(archive, "", false))
    assert.equal(1, #archives.rows(archive, "a/a", nil))
    archive:close()
  end)

  it("gives up a list that would be far longer than its archive", function()
    local archive = assert(store.open(make "many-folders"))
    local rows, kind = archives.rows(archive, "", true)
    assert.is_nil(rows)
    assert.equal("unsafe", kind)
    assert.equal(3000, #archives.rows(archive, "", false))
    archive:close()
  end)

  it("refuses a million entries before libzip sees them", function()
    local path = make "million"
    local archive, kind, message = store.open(path)
    assert.is_nil(archive)
    assert.equal("unsafe", kind)
    assert.matches("too many entries", message, 1, true)
    os.remove(path)
  end)
end)
