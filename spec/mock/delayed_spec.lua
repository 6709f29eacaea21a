-- Requests that a fault has put off.
local calls = require "support.mock_calls"

describe("a request that is carried out late", function()
  it("is carried out at its own time, even if the clock is moved far beyond it", function()
    local gl = assert(calls.new { world = { projects = { ["acme/app"] = { id = 5,
      jobs = { { name = "a", duration = 100000 } } } } } })
    gl:post("/_mock/faults", { method = "POST", path = "/projects/*/pipeline", apply_late = 100, times = 1 })
    gl:post("/projects/5/pipeline", { ref = "main" })
    gl.at = 10
    assert.same({}, (select(2, gl:get "/projects/5/pipelines")))
    assert.equal(calls.T + 510, select(2, gl:post("/_mock/clock", { advance = 500 })).epoch)
    local _, rows = gl:get "/projects/5/pipelines"
    assert.same({ 1, "2026-01-01T00:01:40.000Z" }, { #rows, rows[1].created_at })
    assert.equal(calls.T + 510, select(2, gl:get "/_mock/clock").epoch)
    gl:close()
  end)
end)
