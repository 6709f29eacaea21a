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

-- To its end, in slices of that many bytes.
local function work_off(work, kind, message, limit)
  if not work then return nil, kind, message end
  local done, slices = false, 0
  while done == false do
    done, kind, message = work:step(limit or 5000)
    slices = slices + 1
    assert(slices < 1e5)
  end
  work:close()
  return done, kind, message, slices
end

local function extract(archive, target, bounds, limit)
  local work, kind, message = archive:extract(target, bounds)
  return work_off(work, kind, message, limit)
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
    local tally = assert(extract(open("good"), folder .. "/out", BOUNDS))
    assert.same({ files = 4, folders = 1, bytes = 12 + 10 + 256 * 400 }, tally)
    assert.equal("BUILD_ID=42\n", contents(folder .. "/out/build.env"))
    assert.equal(256 * 400, #contents(folder .. "/out/dist/deep/er/data.bin"))
    assert.matches("^%-rwx", sh("ls -l " .. folder .. "/out/dist/run.sh"))
    assert.matches("^%-rw%-", sh("ls -l " .. folder .. "/out/build.env"))
    assert.equal("", sh("find " .. folder .. "/out -name '.gp-*'"))
  end)

  it("replaces what it extracted before", function()
    local archive = open "good"
    assert(extract(archive, folder .. "/out", BOUNDS))
    sh("echo changed >" .. folder .. "/out/build.env")
    assert(extract(archive, folder .. "/out", BOUNDS))
    assert.equal("BUILD_ID=42\n", contents(folder .. "/out/build.env"))
  end)

  for kind, reason in pairs {
    parent = "out of the folder", ["inner-parent"] = "out of the folder", absolute = "absolute",
    drive = "drive letter", backslash = "out of the folder", link = "is a link", device = "is a device",
    bomb = "suspiciously well", ["small-bombs"] = "all is packed suspiciously well", share = "absolute",
    ["through-file"] = "parent of a name is not a folder",
  } do
    it("refuses to extract: " .. kind, function()
      local tally, category, message = extract(open(kind), folder .. "/out", BOUNDS)
      assert.is_nil(tally)
      assert.equal("unsafe", category)
      assert.matches(reason, message)
      if kind ~= "through-file" then assert.equal("", sh("ls " .. folder .. "/out")) end
      assert.is_nil(contents(folder .. "/outside"))
    end)
  end

  it("does not follow a link that stands in the folder", function()
    sh(("mkdir %s/away; ln -s %s/away %s/out/planted"):format(folder, folder, folder))
    local tally, kind = extract(open("through-link"), folder .. "/out", BOUNDS)
    assert.is_nil(tally)
    assert.equal("unsafe", kind)
    assert.equal("", sh("ls " .. folder .. "/away"))
  end)

  it("works in slices, as many as are asked for, and never more than a little at once", function()
    for _, limit in ipairs { 1, 5000, 40000, 1e18 } do
      local tally, _, _, slices = extract(open "good", folder .. "/out", BOUNDS, limit)
      assert.same({ files = 4, folders = 1, bytes = 12 + 10 + 256 * 400 }, tally)
      assert.equal(256 * 400, #contents(folder .. "/out/dist/deep/er/data.bin"))
      if limit == 1e18 then assert.equal(1, slices) else assert.is_true(slices > 3) end
      assert.equal("", sh("find " .. folder .. "/out -name '.gp-*'"))
      sh("rm -rf " .. folder .. "/out/*")
    end
    local _, _, _, slices = extract(open "many", folder .. "/out", BOUNDS, 2 ^ 20)
    -- A thousand files: looked at, written, found room for, moved, and the folders aside removed.
    assert.is_true(slices >= 3 * 1000 * 16384 / 2 ^ 20)
    local good = open "good"
    local all, _, _, readings = work_off(good:verify(BOUNDS), nil, nil, 20000)
    assert.is_truthy(all)
    assert.is_true(readings >= 3)
  end)

  it("can be given up until files are moved to their places; then it is brought to its end", function()
    local seen = { gone = 0, whole = 0 }
    for steps = 0, 400 do
      local archive = open "good"
      local work = assert(archive:extract(folder .. "/out", BOUNDS))
      local done, kind = false, nil
      for _ = 1, steps do
        done, kind = work:step(1)
        if done ~= false then break end
        -- Nothing half written is ever seen under its own name.
        local data = contents(folder .. "/out/dist/deep/er/data.bin")
        assert.is_true(data == nil or #data == 256 * 400)
      end
      local over = done ~= false
      while done == false do
        work:give_up()
        done, kind = work:step(1)
      end
      work:close()
      local left = sh("ls -A " .. folder .. "/out")
      if done then
        seen.whole = seen.whole + 1
        assert.equal("build.env\ndist\nempty\n", left)
        assert.equal(256 * 400, #contents(folder .. "/out/dist/deep/er/data.bin"))
      else
        seen.gone = seen.gone + 1
        assert.equal("stopped", kind)
        assert.equal("", left)
      end
      sh("rm -rf " .. folder .. "/out/*")
      if over then break end
    end
    assert.is_true(seen.gone > 3 and seen.whole > 3)
  end)

  it("leaves nothing behind when it is closed or forgotten in between", function()
    for _, leave in ipairs {
      function(work) work:close() end,
      function(work, archive) archive:close() work:close() end,
      function() end,
    } do
      do
        local archive = open "good"
        local work = assert(archive:extract(folder .. "/out", BOUNDS))
        for _ = 1, 9 do assert.is_false((work:step(1))) end
        assert.matches("%.gp%-extract", sh("ls -A " .. folder .. "/out"))
        leave(work, archive)
      end
      collectgarbage()
      collectgarbage()
      assert.equal("", sh("ls -A " .. folder .. "/out"))
    end
    local archive = open "good"
    local work = archive:verify(BOUNDS)
    archive:close()
    assert.has_error(function() work:step(1) end, "the archive is closed")
    work:close()
    work:close()
    assert.has_error(function() work:step(1) end, "the work is over")
  end)

  it("holds the bounds on bytes and entries", function()
    local many = open "many"
    assert.equal("unsafe", (select(2, extract(many, folder .. "/out", { bytes = 2 ^ 30, entries = 999, ratio = 100 }))))
    assert.equal("unsafe", (select(2, extract(many, folder .. "/out", { bytes = 1000, entries = 1000, ratio = 100 }))))
    assert.equal("", sh("ls " .. folder .. "/out"))
    assert.equal(1000, extract(many, folder .. "/out", { bytes = 2 ^ 20, entries = 1000, ratio = 100 }).files)
  end)

  it("finds damage while reading, and leaves no damaged file", function()
    local archive = open "damaged"
    assert.equal("damaged", (select(2, archive:read(4, 2 ^ 20))))
    assert.equal("damaged", (select(2, work_off(archive:verify(BOUNDS)))))
    local tally, kind = extract(archive, folder .. "/out", BOUNDS)
    assert.is_nil(tally)
    assert.equal("damaged", kind)
    assert.is_nil(contents(folder .. "/out/dist/deep/er/data.bin"))
    assert.equal("", sh("find " .. folder .. "/out -name '.gp-*'"))
  end)

  it("knows encrypted entries and lies about length", function()
    assert.equal("damaged", (select(2, extract(open("encrypted"), folder .. "/out", BOUNDS))))
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
