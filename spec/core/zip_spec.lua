local archive = require("gitlab_pipelines.store").archive

-- `count` bytes of a number, lowest first.
local function le(value, count)
  local bytes = {}
  for i = 1, count do
    bytes[i] = string.char(value % 256)
    value = math.floor(value / 256)
  end
  return table.concat(bytes)
end

local function end_record(fields)
  return "PK\5\6" .. le(0, 4) .. le(fields.count or 0, 2) .. le(fields.count or 0, 2) .. le(fields.size, 4)
    .. le(fields.offset, 4) .. le(#(fields.comment or ""), 2) .. (fields.comment or "")
end

local function zip64(size, offset, at, change)
  local record = "PK\6\6" .. le(44, 8) .. le(0, 28) .. le(size, 8) .. le(offset, 8)
  local locator = "PK\6\7" .. le(0, 4) .. le(at, 8) .. le(1, 4)
  if change then record, locator = change(record, locator) end
  return record .. locator
end

local HUGE = 2 ^ 32 - 1

describe("core/zip", function()
  it("finds the directory that the end record tells", function()
    local tail = end_record { size = 30, offset = 100 }
    assert.same({ 100, 30 }, { archive.locate(tail, 130 + #tail) })
    tail = end_record { size = 30, offset = 100, comment = "PK\5\6 a comment that looks like it" }
    assert.same({ 100, 30 }, { archive.locate(tail, 130 + #tail) })
  end)

  it("refuses a directory that would lie behind the record, or over it", function()
    local tail = end_record { size = 30, offset = 101 }
    assert.is_nil(archive.locate(tail, 130 + #tail))
    tail = end_record { size = 31, offset = 100 }
    assert.is_nil(archive.locate(tail, 130 + #tail))
  end)

  it("refuses more bytes than there are, and fewer than a record has", function()
    local tail = end_record { size = 0, offset = 0 }
    assert.same({ 0, 0 }, { archive.locate(tail, #tail) })
    assert.is_nil(archive.locate(tail, #tail - 1))
    assert.is_nil(archive.locate(tail:sub(1, 21), 21))
    assert.is_nil(archive.locate(tail, 0 / 0))
    assert.is_nil(archive.locate(tail, -1))
  end)

  it("follows the records of ZIP64 for what does not fit", function()
    local start = 6e9
    for _, fields in ipairs { { size = HUGE, offset = 1 }, { size = 1, offset = HUGE },
      { size = 1, offset = 1, count = 65535 } } do
      local tail = zip64(1e6, 5e9, start) .. end_record(fields)
      local offset, size = archive.locate(tail, start + #tail)
      assert.equal(5e9, offset)
      assert.equal(1e6, size)
    end
  end)

  it("refuses records of ZIP64 that are missing, cut off or point nowhere", function()
    local start, last = 6e9, end_record { size = HUGE, offset = HUGE }
    local function refuses(tail, total)
      assert.is_nil(archive.locate(tail, total or start + #tail))
    end
    refuses(last)
    refuses(("x"):rep(40) .. last)
    refuses(zip64(1e6, 5e9, start - 1) .. last)
    refuses(zip64(1e6, 5e9, start + 1) .. last)
    refuses(zip64(1e6, 5e9, start + 1e6) .. last)
    refuses(zip64(1e6, 5e9, start, function(record, locator) return "XX" .. record:sub(3), locator end) .. last)
    refuses(zip64(1e6, 5e9, start, function(record, locator) return record, "XX" .. locator:sub(3) end) .. last)
    refuses(zip64(1e6, 7e9, start) .. last)
  end)
end)
