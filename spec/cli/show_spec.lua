local show = require "gitlab_pipelines.cli.show"
local output = require "gitlab_pipelines.cli.output"

local function job(id, name, status, fields)
  local row = { id = id, name = name, status = status }
  for key, value in pairs(fields or {}) do row[key] = value end
  return row
end

local child = {
  id = 2, status = "failed", ref = "main", web_url = "http://x/2", trigger_job = { id = 11 }, downstream = {},
  jobs = {}, stages = { { name = "test", status = "failed",
    jobs = { job(20, "unit", "failed", { duration = 1.5, failure_reason = "script_failure" }) } } },
}

local tree = {
  id = 1, status = "failed", ref = "main", duration = 62, web_url = "http://x/1", downstream = { child }, jobs = {},
  stages = {
    { name = "build", status = "success", jobs = { job(10, "compile", "success", { duration = 3 }) } },
    { name = "deploy", status = "failed", jobs = { job(11, "call", "failed"),
      job(12, "lint", "failed", { allow_failure = true }) } },
  },
}

describe("cli/show", function()
  it("draws stages, jobs, and downstream pipelines under the jobs that made them", function()
    assert.same({
      "pipeline 1  failed  main  1m 02s  http://x/1",
      "├─ build  success",
      "│  └─ 10  compile  success  3.0s",
      "└─ deploy  failed",
      "   ├─ 11  call  failed",
      "   │  └─ pipeline 2  failed  main  http://x/2",
      "   │     └─ test  failed",
      "   │        └─ 20  unit  failed  1.5s  script_failure",
      "   └─ 12  lint  failed  may fail",
    }, show.lines(tree, { unicode = true }))
  end)

  it("draws in ASCII where the terminal shows no more", function()
    assert.equal("|- build  success", show.lines(tree, { unicode = false })[2])
    local lines = show.lines(tree, { unicode = false, width = 24 })
    assert.is_nil(table.concat(lines):find "[\128-\255]")
    assert.matches("%.%.%.$", lines[1])
  end)

  it("fits the terminal, and colours the status after cutting", function()
    for _, line in ipairs(show.lines(tree, { unicode = true, width = 24 })) do
      assert.is_true(output.width_of(line) <= 24, line)
    end
    assert.equal("├─ build  \27[32msuccess\27[0m", show.lines(tree, { unicode = true, color = true })[2])
  end)

  it("lets no control character of a server through, and no percent sign", function()
    local lines = show.lines({ id = 1, status = "failed", downstream = {}, jobs = {}, stages = {
      { name = "a\27[2J", status = "failed", jobs = { job(1, "100%s\n", "failed") } } } }, { unicode = true })
    assert.equal("└─ a?[2J  failed", lines[2])
    assert.equal("   └─ 1  100%s?  failed", lines[3])
  end)

  it("says why a downstream pipeline cannot be read", function()
    local lines = show.lines({ id = 1, status = "failed", jobs = {}, stages = { { name = "s", status = "failed",
      jobs = { job(5, "call", "failed") } } }, downstream = { { id = 9, trigger_job = { id = 5 }, stages = {},
        jobs = {},
      downstream = {}, error = { message = "403 Forbidden" } } } }, { unicode = true })
    assert.matches("pipeline 9.*cannot be read: 403 Forbidden", lines[4])
  end)
end)
