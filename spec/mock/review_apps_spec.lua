-- Old review apps: which they are, and when they go.
local calls = require "support.mock_calls"

local DAY = 86400
local PATH = "/projects/5/environments"

local function stopped(gl, name)
  local _, made = gl:post(PATH, { name = name })
  assert.equal(200, (gl:post(PATH .. "/" .. made.id .. "/stop")))
end

local function names(list)
  local found = {}
  for i, row in ipairs(list) do found[i] = row.name end
  return found
end

local function delete(gl, query)
  local status, answer = gl:delete(PATH .. "/review_apps" .. (query or ""))
  assert.equal(200, status)
  assert.same({}, answer.unprocessable_entries)
  return names(answer.scheduled_entries), answer.scheduled_entries
end

describe("old review apps", function()
  local db, gl
  before_each(function()
    db = os.tmpname()
    gl = assert(calls.new { db = db })
    stopped(gl, "review/a")
    stopped(gl, "review/b")
    stopped(gl, "staging")
    gl:post(PATH, { name = "review/alive" })
    gl.at = 31 * DAY
    stopped(gl, "review/young")
  end)
  after_each(function()
    gl:close()
    for _, tail in ipairs { "", "-wal", "-shm" } do os.remove(db .. tail) end
  end)

  local function left() return names((select(2, gl:get(PATH)))) end

  it("are only listed unless dry_run is false", function()
    local found, rows = delete(gl)
    assert.same({ "review/a", "review/b" }, found)
    assert.same({ id = 1, name = "review/a", slug = "review-a", created_at = "2026-01-01T00:00:00.000Z",
      updated_at = "2026-01-01T00:00:00.000Z" }, rows[1])
    gl.at = 100 * DAY
    assert.equal(5, #left())
  end)

  it("are deleted a week later, across a restart too", function()
    assert.same({ "review/a", "review/b" }, delete(gl, "?dry_run=false"))
    assert.same({}, delete(gl, "?dry_run=false"))
    gl:close()
    gl = assert(calls.new { db = db })
    gl.at = 38 * DAY - 1
    assert.equal(5, #left())
    gl.at = 38 * DAY
    assert.same({ "staging", "review/alive", "review/young" }, left())
    assert.equal(404, (gl:get(PATH .. "/1")))
  end)

  it("are limited by count and by age", function()
    assert.same({ "review/a" }, delete(gl, "?limit=1"))
    assert.same({ "review/a", "review/b", "review/young" }, delete(gl, "?before=2026-03-01T00:00:00Z"))
    for _, limit in ipairs { "0", "1001" } do
      local status, answer = gl:delete(PATH .. "/review_apps?limit=" .. limit)
      assert.same({ 400, { error = "limit does not have a valid value" } }, { status, answer })
    end
    assert.equal(400, (gl:delete(PATH .. "/review_apps?before=soon")))
  end)
end)
