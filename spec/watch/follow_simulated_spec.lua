-- Logs followed over the whole client, against the simulated GitLab, in virtual time.

local gitlab = require "gitlab_pipelines"

local function numbered(count)
  local lines = {}
  for i = 1, count do lines[i] = ("step %04d"):format(i) end
  return table.concat(lines, "\n") .. "\n"
end

local function open()
  local rt = gitlab.runtime.virtual.new()
  local transport = assert(gitlab.mock.new { runtime = rt, world = { projects = {
    ["g/app"] = { id = 5, jobs = {
      { name = "build", stage = "build", duration = 120, log = numbered(500) },
      { name = "unit", stage = "test", duration = 60, log = numbered(40), status = "failed",
        failure_reason = "script_failure" },
      { name = "lint", stage = "test", duration = 30, log = numbered(7) },
    } },
  } } })
  return assert(gitlab.new { url = "http://127.0.0.1", token = transport.token, transport = transport,
    runtime = rt }), rt
end

-- Counts the numbered lines; each must come once and in order.
local function counter()
  local self = { count = 0 }
  function self.take(line)
    local number = line.plain:match "^step (%d+)$"
    if not number then return end
    self.count = self.count + 1
    assert.equal(self.count, tonumber(number))
  end
  return self
end

local function job_named(gl, pipeline, name)
  for job in gl.jobs:each(5, pipeline.id) do
    if job.name == name then return job end
  end
end

describe("following the simulated GitLab's logs", function()
  it("gives every line of a job once, and its verdict", function()
    local gl = open()
    local pipeline = assert(gl.pipelines:create(5, { ref = "main" }))
    local lines = counter()
    local job, verdict = gl.jobs:follow(5, job_named(gl, pipeline, "build").id, { on_line = lines.take })
    assert.equal("success", verdict)
    assert.equal("build", job.name)
    assert.equal(500, lines.count)
  end)

  it("gives the lines of every job of a pipeline, and the pipeline's verdict", function()
    local gl = open()
    local pipeline = assert(gl.pipelines:create(5, { ref = "main" }))
    local by_job = {}
    local row, verdict = gl.jobs:follow(5, pipeline.id, { pipeline = true, on_line = function(line)
      local name = line.job.name
      by_job[name] = by_job[name] or counter()
      by_job[name].take(line)
    end })
    assert.equal("failed", verdict)
    assert.equal(pipeline.id, row.id)
    local counts = {}
    for name, lines in pairs(by_job) do counts[name] = lines.count end
    assert.same({ build = 500, unit = 40, lint = 7 }, counts)
  end)

  it("goes on with the old job's log when it is retried meanwhile", function()
    local gl, rt = open()
    local pipeline = assert(gl.pipelines:create(5, { ref = "main" }))
    assert(gl.pipelines:wait(5, pipeline.id))
    local unit = job_named(gl, pipeline, "unit")
    local lines = counter()
    rt:run(function()
      local following = rt:spawn(function()
        return gl.jobs:follow(5, unit.id, { on_line = lines.take })
      end)
      assert(gl.jobs:retry(5, unit.id))
      local job, verdict, code = following:join()
      assert.equal(unit.id, job.id)
      assert.equal("failed", verdict)
      assert.equal(1, code)
    end)
    assert.equal(40, lines.count)
  end)

  it("begins at the line that was asked for, in the log of every job", function()
    local gl = open()
    local pipeline = assert(gl.pipelines:create(5, { ref = "main" }))
    local first, count = {}, 0
    gl.jobs:follow(5, pipeline.id, { pipeline = true, from = 5, on_line = function(line)
      if not first[line.job.name] then count = count + 1 end
      first[line.job.name] = first[line.job.name] or line.number
    end })
    assert.equal(3, count)
    for name, number in pairs(first) do assert.equal(5, number, name) end
  end)

  it("ends with LogsNotAvailable when the log is erased", function()
    local gl, rt = open()
    local pipeline = assert(gl.pipelines:create(5, { ref = "main" }))
    assert(gl.pipelines:wait(5, pipeline.id))
    local build = job_named(gl, pipeline, "build")
    rt:run(function()
      assert(gl.jobs:erase(5, build.id))
      local job, err = gl.jobs:follow(5, build.id, { on_line = function() end })
      assert.is_nil(job)
      assert.equal("LogsNotAvailable", err.kind)
    end)
  end)
end)
