-- Trees of pipelines through the whole client against the simulated GitLab, in virtual time: children
-- and other projects' pipelines, replicas that lag, and what made the whole fail.
local gitlab = require "gitlab_pipelines"

-- A parent with a child, whose trigger job starts another project's pipeline, whose trigger job starts
-- a third one's, which fails; `strategy` of all trigger jobs.
local function world(strategy, lag)
  return { lag = lag, projects = {
    ["g/top"] = { id = 5, jobs = {
      { name = "excused", stage = "a", duration = 1, status = "failed", allow_failure = true },
      { name = "flaky", stage = "a", duration = 2, retry = 1,
        variants = { { when = { attempt = 1 }, status = "failed" } } },
      { name = "kid", stage = "b", trigger = { strategy = strategy, child = { jobs = {
        { name = "one", stage = "x", duration = 5 },
        { name = "next", stage = "y", trigger = { project = "g/mid", strategy = strategy } } } } } },
      { name = "later", stage = "b", duration = 50, status = "failed" },
    } },
    ["g/mid"] = { id = 6, jobs = {
      { name = "m", stage = "x", duration = 5 },
      { name = "last", stage = "x", trigger = { project = "g/leaf", strategy = strategy } } } },
    ["g/leaf"] = { id = 7, jobs = {
      { name = "cause", stage = "x", duration = 5, status = "failed", log = "first words\nlast words\n" },
      { name = "fine", stage = "x", duration = 3 } } },
  } }
end

local function open(strategy, lag)
  local rt = gitlab.runtime.virtual.new()
  local transport = assert(gitlab.mock.new { runtime = rt, world = world(strategy, lag) })
  return assert(gitlab.new { url = "http://127.0.0.1", token = transport.token, transport = transport,
    runtime = rt }), rt
end

describe("a tree of pipelines of the simulated GitLab", function()
  it("is waited for to its last leaf, also while no replica knows it yet", function()
    for _, strategy in ipairs { "depend", "mirror" } do
      for _, lag in ipairs { 0, 10, 100 } do
        local gl = open(strategy, lag > 0 and lag or nil)
        local pipeline = assert(gl.pipelines:create(5, { ref = "main" }))
        local row, verdict = gl.pipelines:wait(5, pipeline.id, { downstream = true, on_manual = "play" })
        assert.is_table(row, lag .. ": " .. tostring(verdict))
        assert.equal("failed", verdict)
      end
    end
  end)

  it("names what failed first, however deep, with the last words of its log", function()
    local gl, rt = open "depend"
    local pipeline = assert(gl.pipelines:create(5, { ref = "main" }))
    assert(gl.pipelines:wait(5, pipeline.id, { downstream = true }))
    rt:sleep(60)
    local cause = gl.pipelines:tree(5, pipeline.id).first_failure
    assert.equal("cause", cause.name)
    assert.equal(7, cause.project_id)
    assert.matches("last words\nERROR: Job failed: exit code 1\n$", cause.log)
  end)

  it("blames no pipeline below that nobody waited for", function()
    local gl, rt = open(nil)
    local pipeline = assert(gl.pipelines:create(5, { ref = "main" }))
    assert(gl.pipelines:wait(5, pipeline.id))
    rt:sleep(60)
    assert.equal("later", gl.pipelines:tree(5, pipeline.id).first_failure.name)
  end)
end)
