local store = require "gitlab_pipelines.store"

local BOUNDS = { bytes = 2 ^ 30, entries = 10000, ratio = 100 }

local folder

local function sh(command)
  local pipe = io.popen(command)
  local output = pipe:read "*a"
  pipe:close()
  return output
end

local function make(kind)
  local path = folder .. "/" .. kind .. ".zip"
  assert.equal("", sh(("/usr/bin/python3 spec/support/zip.py %s %s 2>&1"):format(kind, path)))
  return path
end

local function open(kind)
  return assert(store.archive.open(make(kind)))
end

local function contents(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

describe("io/archive", function()
  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert.equal("", sh("mkdir -p " .. folder .. "/out 2>&1"))
  end)

  after_each(function() sh("rm -rf " .. folder) end)

  it("lists what the directory says", function()
    local archive = open "good"
    assert.equal(5, archive:count())
    local entry = archive:entry(3)
    assert.equal("dist/run.sh", entry.name)
    assert.equal("file", entry.kind)
    assert.equal(10, entry.size)
    assert.equal(493, entry.mode)
    assert.equal("folder", archive:entry(2).kind)
    assert.equal(1, archive:find "build.env")
    assert.is_nil(archive:find "no such")
  end)

  it("reads entries whole and verified, within a bound", function()
    local archive = open "good"
    assert.equal("BUILD_ID=42\n", archive:read(1, 100))
    assert.equal("", archive:read(5, 0))
    assert.equal(256 * 400, #archive:read(4, 2 ^ 20))
    local text, kind = archive:read(4, 1000)
    assert.is_nil(text)
    assert.equal("unsafe", kind)
  end)

  it("saves one entry into a file", function()
    assert.equal(12, open("good"):save(1, folder .. "/saved"))
    assert.equal("BUILD_ID=42\n", contents(folder .. "/saved"))
    local size, kind = open("good"):save(1, folder .. "/none/saved")
    assert.is_nil(size)
    assert.equal("system", kind)
  end)

  it("says when the disk is full", function()
    local size, kind, message = open("good"):save(4, "/dev/full")
    assert.is_nil(size)
    assert.equal("system", kind)
    assert.matches("No space left", message)
  end)

  it("extracts files and folders, with the right to run them", function()
    local tally = assert(open("good"):extract(folder .. "/out", BOUNDS))
    assert.same({ files = 4, folders = 1, bytes = 12 + 10 + 256 * 400 }, tally)
    assert.equal("BUILD_ID=42\n", contents(folder .. "/out/build.env"))
    assert.equal(256 * 400, #contents(folder .. "/out/dist/deep/er/data.bin"))
    assert.matches("^%-rwx", sh("ls -l " .. folder .. "/out/dist/run.sh"))
    assert.matches("^%-rw%-", sh("ls -l " .. folder .. "/out/build.env"))
    assert.equal("", sh("find " .. folder .. "/out -name '.gp-*'"))
  end)

  it("replaces what it extracted before", function()
    local archive = open "good"
    assert(archive:extract(folder .. "/out", BOUNDS))
    sh("echo changed >" .. folder .. "/out/build.env")
    assert(archive:extract(folder .. "/out", BOUNDS))
    assert.equal("BUILD_ID=42\n", contents(folder .. "/out/build.env"))
  end)

  for kind, reason in pairs {
    parent = "out of the folder", ["inner-parent"] = "out of the folder", absolute = "absolute",
    drive = "drive letter", backslash = "out of the folder", link = "is a link", device = "is a device",
    bomb = "suspiciously well", ["through-file"] = "through what is no folder",
  } do
    it("refuses to extract: " .. kind, function()
      local tally, category, message = open(kind):extract(folder .. "/out", BOUNDS)
      assert.is_nil(tally)
      assert.equal("unsafe", category)
      assert.matches(reason, message)
      if kind ~= "through-file" then assert.equal("", sh("ls " .. folder .. "/out")) end
      assert.is_nil(contents(folder .. "/outside"))
    end)
  end

  it("does not follow a link that stands in the folder", function()
    sh(("mkdir %s/away; ln -s %s/away %s/out/planted"):format(folder, folder, folder))
    local tally, kind = open("through-link"):extract(folder .. "/out", BOUNDS)
    assert.is_nil(tally)
    assert.equal("unsafe", kind)
    assert.equal("", sh("ls " .. folder .. "/away"))
  end)

  it("holds the bounds on bytes and entries", function()
    local many = open "many"
    assert.equal("unsafe", (select(2, many:extract(folder .. "/out", { bytes = 2 ^ 30, entries = 999, ratio = 100 }))))
    assert.equal("unsafe", (select(2, many:extract(folder .. "/out", { bytes = 1000, entries = 1000, ratio = 100 }))))
    assert.equal("", sh("ls " .. folder .. "/out"))
    assert.equal(1000, many:extract(folder .. "/out", { bytes = 2 ^ 20, entries = 1000, ratio = 100 }).files)
  end)

  it("finds damage while reading, and leaves no damaged file", function()
    local archive = open "damaged"
    assert.equal("damaged", (select(2, archive:read(4, 2 ^ 20))))
    local tally, kind = archive:extract(folder .. "/out", BOUNDS)
    assert.is_nil(tally)
    assert.equal("damaged", kind)
    assert.is_nil(contents(folder .. "/out/dist/deep/er/data.bin"))
    assert.equal("", sh("find " .. folder .. "/out -name '.gp-*'"))
  end)

  it("knows encrypted entries and lies about length", function()
    assert.equal("damaged", (select(2, open("encrypted"):extract(folder .. "/out", BOUNDS))))
    assert.equal("damaged", (select(2, open("encrypted"):read(1, 100))))
    assert.equal("damaged", (select(2, open("lying"):read(1, 100))))
  end)

  it("opens nothing that is no whole archive", function()
    local archive, kind = store.archive.open(make "truncated")
    assert.is_nil(archive)
    assert.equal("damaged", kind)
    archive, kind = store.archive.open(folder .. "/missing.zip")
    assert.is_nil(archive)
    assert.equal("missing", kind)
  end)

  it("reads the directory from the end of an archive alone", function()
    for _, name in ipairs { "good", "many", "empty-archive" } do
      local bytes = contents(make(name))
      local tail = bytes:sub(-store.archive.TAIL)
      local offset, size = store.archive.locate(tail, #bytes)
      assert.is_truthy(offset, name)
      local archive = assert(store.archive.open_tail(bytes:sub(offset + 1), #bytes))
      local whole = assert(store.archive.open(folder .. "/" .. name .. ".zip"))
      assert.equal(whole:count(), archive:count())
      for i = 1, archive:count() do assert.same(whole:entry(i), archive:entry(i)) end
      assert.is_true(size <= #bytes - offset)
      if archive:count() > 0 then
        assert.equal("missing", (select(2, archive:read(1, 100))))
      end
    end
  end)

  it("locates nothing in bytes that end no archive", function()
    local bytes = contents(make "good")
    for _, tail in ipairs { "", "PK\5\6", bytes:sub(1, -2), bytes:sub(-40) .. "x", ("x"):rep(100) } do
      assert.is_nil(store.archive.locate(tail, #bytes))
    end
    assert.is_nil(store.archive.locate(bytes, #bytes - 1))
  end)

  it("raises for an entry that is not there and for a closed archive", function()
    local archive = open "good"
    assert.has_error(function() archive:entry(6) end)
    assert.has_error(function() archive:entry(0) end)
    archive:close()
    archive:close()
    assert.has_error(function() archive:count() end, "the archive is closed")
  end)
end)
