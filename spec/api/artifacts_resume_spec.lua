-- What a broken download may go on with, as decisions alone.

local resume = require "gitlab_pipelines.api.artifacts.resume"
local seeds = require "spec.support.seeds"

local A, B = '"a1"', '"b2"'

local function judge(asked, status, etag, range, length)
  return resume.judge(asked, status, { etag = etag, content_range = range, content_length = length })
end

describe("api/resume", function()
  it("believes strong ETags only", function()
    assert.equal(A, resume.strong(A))
    assert.equal(A, resume.strong(" " .. A .. " "))
    for _, etag in ipairs { 'W/"a1"', "a1", '"a', '"a"b"', "", "*" } do
      assert.is_nil(resume.strong(etag), etag)
    end
    assert.is_nil(resume.strong(nil))
  end)

  it("reads a Content-Range, and nothing that only looks like one", function()
    assert.same({ 0, 0, 1 }, { resume.content_range "bytes 0-0/1" })
    assert.same({ 100, 199, 1000 }, { resume.content_range "bytes 100-199/1000" })
    for _, text in ipairs { "bytes 0-9/*", "bytes */10", "bytes 5-4/10", "bytes 0-10/10", "bytes=0-9/10",
      "items 0-9/10", "bytes 0-9/10, 3", "bytes -5/10", "bytes 0-99999999999999999/99999999999999999999", "" } do
      assert.is_nil(resume.content_range(text), text)
    end
    assert.is_nil(resume.content_range(nil))
    assert.is_nil(resume.length "12x")
    assert.equal(12, resume.length " 12 ")
  end)

  it("asks for the rest of what is known, else from the beginning", function()
    assert.equal(0, resume.offset(nil))
    assert.equal(0, resume.offset { size = 100 })
    assert.equal(0, resume.offset { size = 100, etag = 'W/"a1"' })
    assert.equal(0, resume.offset { size = 0, etag = A })
    assert.equal(100, resume.offset { size = 100, etag = A })
    assert.equal(99, resume.offset { size = 100, etag = A, total = 100 })
    assert.equal(0, resume.offset { size = 101, etag = A, total = 100 })
    assert.same({}, resume.headers(0, A))
    assert.same({ { "Range", "bytes=5-" }, { "If-Range", A } }, resume.headers(5, A))
  end)

  it("goes on only with the same strong ETag and a 206 of exactly the range asked for", function()
    local asked = { offset = 100, etag = A, total = 1000 }
    assert.equal("resumed", judge(asked, 206, A, "bytes 100-999/1000", "900").kind)
    assert.equal("resumed", judge({ offset = 100, etag = A }, 206, A, "bytes 100-999/1000").kind)
    for _, other in ipairs {
      { 206, B, "bytes 100-999/1000", "900" }, { 206, nil, "bytes 100-999/1000", "900" },
      { 206, "W/" .. A, "bytes 100-999/1000", "900" }, { 206, A, "bytes 99-999/1000", "901" },
      { 206, A, "bytes 101-999/1000", "899" }, { 206, A, "bytes 100-998/1000", "899" },
      { 206, A, "bytes 100-1000/1001", "901" }, { 206, A, "bytes 100-999/*", "900" },
      { 206, A, "bytes 100-999/1000", "899" }, { 206, A, nil, "900" },
    } do
      local verdict = judge(asked, other[1], other[2], other[3], other[4])
      assert.equal("refused", verdict.kind)
      assert.is_string(verdict.reason)
      assert.equal(other[2] == B, verdict.changed)
    end
    assert.equal("refused", judge({ offset = 0 }, 206, A, "bytes 0-999/1000", "1000").kind)
    assert.equal("refused", judge({ offset = 0 }, 204, A).kind)
  end)

  it("begins again with a 200, and knows whether it is another file", function()
    local verdict = judge({ offset = 100, etag = A, total = 1000 }, 200, A, nil, "1000")
    assert.same({ "begun", A, 1000, false }, { verdict.kind, verdict.etag, verdict.total, verdict.changed })
    verdict = judge({ offset = 100, etag = A }, 200, B, nil, nil)
    assert.same({ "begun", B, true }, { verdict.kind, verdict.etag, verdict.changed })
    assert.is_nil(verdict.total)
    assert.is_false(judge({ offset = 0 }, 200, B).changed)
    assert.is_false(judge({ offset = 100, etag = A }, 200, nil).changed)
  end)

  it("never mixes: of any answer it goes on only where the bytes fit", function()
    for seed in seeds.each(20000, 2000) do
      seeds.named(seed, function()
        local random = seeds.new(seed)
        local etags = { A, B, "W/" .. A, false }
        local asked = { offset = random.int(0, 3), etag = random.pick(etags) or nil,
          total = random.chance(0.5) and 4 or nil }
        local first, last, total = random.int(0, 4), random.int(0, 4), random.int(3, 5)
        local etag, length = random.pick(etags) or nil, random.int(0, 5)
        local status = random.chance(0.8) and 206 or 200
        local verdict = judge(asked, status, etag, ("bytes %d-%d/%d"):format(first, last, total),
          random.chance(0.7) and tostring(length) or nil)
        if verdict.kind == "resumed" then
          assert(status == 206 and asked.offset > 0 and first == asked.offset and last == total - 1)
          assert(etag == asked.etag and etag:sub(1, 1) == '"')
          assert(not asked.total or asked.total == total)
        elseif status == 206 then
          assert.equal("refused", verdict.kind)
        end
      end)
    end
  end)

  it("is bounded, whatever the attempts bring", function()
    for seed in seeds.each(2000, 300) do
      seeds.named(seed, function()
        local random = seeds.new(seed)
        local history, count, reached = resume.history(), 0, 0
        local generous = random.chance(0.3)
        repeat
          local brought = random.int(0, generous and 5 * 2 ^ 20 or 2 ^ 19)
          reached = random.chance(0.5) and reached + brought or brought
          count = count + 1
          local verdict, nth = resume.again(history, reached, brought, random.chance(0.05))
          if verdict == "again" then assert(nth >= 0 and (nth == 0) == (brought >= resume.TRIFLE)) end
        until verdict ~= "again"
        assert(count <= resume.ATTEMPTS)
      end)
    end
  end)

  it("goes on as long as attempts bring the file further", function()
    local history = resume.history()
    for i = 1, resume.ATTEMPTS - 1 do
      assert.equal("again", (resume.again(history, i * resume.LITTLE, resume.LITTLE)))
    end
    assert.is_nil(resume.again(history, 2 ^ 30, 2 ^ 30))
    history = resume.history()
    -- From the beginning each time, never further than before.
    for _ = 1, resume.IN_A_ROW do
      assert.equal("again", (resume.again(history, 2 ^ 21, 2 ^ 21)))
    end
    assert.is_nil(resume.again(history, 2 ^ 21, 2 ^ 21))
  end)

  it("says when the file keeps changing", function()
    local history = resume.history()
    assert.equal("again", (resume.again(history, 2 ^ 20, 2 ^ 20)))
    assert.equal("again", (resume.again(history, 2 ^ 20, 2 ^ 20, true)))
    assert.equal("again", (resume.again(history, 2 ^ 20, 2 ^ 20, true)))
    assert.equal("changed", (resume.again(history, 2 ^ 20, 2 ^ 20, true)))
  end)

  it("goes on at once after an attempt that brought something, else after a growing while", function()
    assert.equal(0, resume.delay(0, 0.5))
    for nth = 1, 10 do
      local most = math.min(2 ^ (nth - 1), 8)
      assert.equal(most / 2, resume.delay(nth, 0))
      assert.is_true(resume.delay(nth, 0.999) < most)
    end
  end)
end)
