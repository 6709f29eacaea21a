local errors = require "gitlab_pipelines.errors"
local follow = require "gitlab_pipelines.watch.follow"
local scheduler = require "gitlab_pipelines.watch.scheduler"
local seeds = require "spec.support.seeds"
local virtual = require "gitlab_pipelines.runtime.virtual"

-- A job whose log is a function of time, and a count of what was read.
local function world(job)
  local rt = virtual.new { seed = 1 }
  local start = rt:now()
  local self = { rt = rt, bytes = 0, passes = 0, chunk = job.chunk or 1000, faults = {} }
  function self.elapsed() return rt:now() - start end
  local source = {}
  function source.log(_, _, sink)
    self.passes = self.passes + 1
    local fault = self.faults[self.passes]
    local text = job.log(self.elapsed())
    rt:pause(0.01)
    for at = 1, #text, self.chunk do
      if fault and at > (fault.after or 0) then return nil, errors.new(fault.name) end
      local piece = text:sub(at, at + self.chunk - 1)
      self.bytes = self.bytes + #piece
      sink(piece)
    end
    if fault then return nil, errors.new(fault.name) end
    return true
  end
  function source.job()
    return { id = 7, status = job.status(self.elapsed()), started_at = job.started_at,
      erased_at = job.erased_at and job.erased_at(self.elapsed()) }
  end
  self.follower = follow.new(source, rt)
  function self.follow(opts)
    local lines, restarts = {}, {}
    opts = opts or {}
    opts.on_line = opts.on_line or function(line) lines[#lines + 1] = line.text end
    opts.on_restart = function(reason)
      restarts[#restarts + 1] = reason
      lines[#lines + 1] = "-- " .. reason
    end
    local got, verdict, code = self.follower:job("g/p", 7, opts)
    return { job = got, verdict = verdict, code = code, lines = lines, restarts = restarts }
  end
  return self
end

local function numbered(count)
  local lines = {}
  for i = 1, count do lines[i] = ("line %06d"):format(i) end
  return count > 0 and table.concat(lines, "\n") .. "\n" or ""
end

local function running_until(seconds, final)
  return function(t) return t < seconds and "running" or final or "success" end
end

local function assert_lines(count, lines)
  assert.equal(count, #lines)
  for i = 1, count do assert.equal(("line %06d"):format(i), lines[i]) end
end

describe("watch/follow", function()
  it("gives each line once, in order, while the log grows", function()
    local w = world { log = function(t) return numbered(math.floor(math.min(t, 60) * 10)) end,
      status = running_until(60) }
    local result = w.follow()
    assert_lines(600, result.lines)
    assert.equal("success", result.verdict)
    assert.equal(7, result.job.id)
    assert.same({}, result.restarts)
  end)

  it("gives a line that has no end only when the log has ended", function()
    local w = world { log = function(t) return t < 10 and "half" or "half done" end, status = running_until(20) }
    assert.same({ "half done" }, w.follow().lines)
  end)

  it("tells the exit code that the last line tells", function()
    local w = world { log = function() return "x\nERROR: Job failed: exit code 3\n" end,
      status = running_until(5, "failed") }
    local result = w.follow()
    assert.equal("failed", result.verdict)
    assert.equal(3, result.code)
  end)

  it("waits for a log that is not there yet", function()
    local w = world { log = function(t) return t < 30 and "" or "late\n" end,
      status = function(t) return t < 20 and "pending" or t < 40 and "running" or "success" end }
    assert.same({ "late" }, w.follow().lines)
  end)

  it("reads on after the end until the length stands still", function()
    -- The last lines come to the server, one every two seconds, until long after the end.
    local w = world { log = function(t) return numbered(t < 10 and 5 or math.min(12, 5 + math.floor((t - 10) / 2))) end,
      status = running_until(11) }
    assert_lines(12, w.follow().lines)
  end)

  it("waits while a log is moved to the archive, and gives nothing twice", function()
    local w = world { log = function(t) return t > 20 and t < 26 and "" or numbered(10) end,
      status = running_until(20) }
    local result = w.follow()
    assert_lines(10, result.lines)
    assert.same({}, result.restarts)
  end)

  it("says that a log was erased when the job says so", function()
    local w = world { log = function(t) return t < 20 and numbered(10) or "" end, status = running_until(20),
      erased_at = function(t) return t >= 20 and "2026-01-01T00:00:20.000Z" or nil end }
    local result = w.follow()
    assert.is_nil(result.job)
    assert.is_true(result.verdict:is "JobError.LogsNotAvailable")
    assert_lines(10, result.lines)
  end)

  it("begins again, and says so, when the log is another: shorter, or longer with other content", function()
    local shorter = world { log = function(t) return numbered(t < 20 and 10 or 3) end, status = running_until(40) }
    local result = shorter.follow()
    assert.same({ "shorter" }, result.restarts)
    assert.equal(10 + 1 + 3, #result.lines)
    local other = world { log = function(t) return t < 20 and numbered(10) or "other\n" .. numbered(20) end,
      status = running_until(40) }
    result = other.follow()
    assert.same({ "changed" }, result.restarts)
    assert.equal("other", result.lines[12])
    assert.equal(10 + 1 + 21, #result.lines)
  end)

  it("ends with every line of the last log, whatever became of those before", function()
    -- A life: at each moment another text; the job ends at `over`, the log a little later.
    local function draw(random)
      local at, text, generation, moments = 0, "", 1, {}
      local over = random.int(5, 400)
      local function add(count)
        local lines = {}
        for i = 1, count do lines[i] = ("log %d at %g line %d\n"):format(generation, at, i) end
        text = text .. table.concat(lines)
      end
      while at < over do
        local act = random.int(1, 12)
        if act == 1 then
          generation, text = generation + 1, ""
          add(random.int(1, 400))
        elseif act == 2 then
          text = text:sub(1, random.int(0, #text))
        elseif act == 3 then
          moments[#moments + 1] = { at = at, text = "" }
          at = at + random.int(1, 5)
        else
          add(random.int(0, 300))
        end
        moments[#moments + 1] = { at = at, text = text }
        at = at + random.int(1, 60)
      end
      at = over + random.unit() * 2
      add(random.int(0, 5))
      if random.chance(0.5) then text = text .. "without end" end
      moments[#moments + 1] = { at = at, text = text }
      if random.chance(0.3) then
        -- It is moved to the archive, or away from where it was kept, and comes back.
        moments[#moments + 1] = { at = at + 0.5, text = "" }
        moments[#moments + 1] = { at = at + 5.5, text = text }
      end
      return moments, over, text
    end
    for seed in seeds.each(3000, 100) do
      seeds.named(seed, function()
        local random = seeds.new(seed)
        local moments, over, last = draw(random)
        local function log(t)
          local text = ""
          for _, moment in ipairs(moments) do
            if moment.at > t then break end
            text = moment.text
          end
          return text
        end
        local w = world { chunk = random.int(7, 3000), started_at = "2026-01-01T00:00:00Z",
          status = running_until(over), log = log }
        for pass = 1, 60 do
          -- Never more in a row than are borne.
          if pass % 5 > 0 and random.chance(0.15) then
            w.faults[pass] = { name = "NetworkError.ConnectionFailed", after = random.int(0, 20000) }
          end
        end
        local result = w.follow()
        assert(result.verdict == "success", tostring(result.verdict))
        local shown = {}
        for _, line in ipairs(result.lines) do
          if line:match "^%-%- " then shown = {} else shown[#shown + 1] = line end
        end
        local expected, got = last:gsub("\n$", ""), table.concat(shown, "\n")
        assert(got == expected, ("%d bytes of %d were shown"):format(#got, #expected))
      end)
    end
  end)

  it("notices a change of one byte at the very end of what it has seen", function()
    local w = world { log = function(t) return t < 20 and "a\nb\n" or "a\nc\nd\n" end, status = running_until(40) }
    assert.same({ "a", "b", "-- changed", "a", "c", "d" }, w.follow().lines)
  end)

  it("survives reads that break off in the middle", function()
    local w = world { log = function(t) return numbered(math.floor(math.min(t, 60) * 10)) end, chunk = 37,
      status = running_until(60) }
    for pass = 2, 30, 2 do w.faults[pass] = { name = "NetworkError.ConnectionFailed", after = 50 * pass } end
    assert_lines(600, w.follow().lines)
  end)

  it("gives up after five failed reads in a row, and at once where asking again is no use", function()
    local w = world { log = function() return "" end, status = running_until(1000) }
    for pass = 3, 20 do w.faults[pass] = { name = "ServerError.InternalError" } end
    assert.is_true(w.follow().verdict:is "ServerError.InternalError")
    assert.equal(8, w.passes)
    w = world { log = function() return "" end, status = running_until(1000) }
    w.faults[1] = { name = "AccessError.PermissionDenied" }
    assert.is_true(w.follow().verdict:is "AccessError.PermissionDenied")
    assert.equal(1, w.passes)
  end)

  it("bears an outage of half a minute, in which neither the job nor its log can be read", function()
    local away = function(t) return t > 20 and t < 50 end
    local w = world { log = function(t) return numbered(math.floor(math.min(t, 60) * 10)) end,
      status = running_until(60) }
    local source, elapsed = w.follower.source, w.elapsed
    for _, name in ipairs { "log", "job" } do
      local read = source[name]
      source[name] = function(...)
        if away(elapsed()) then return nil, errors.new "ServerError.ServiceUnavailable" end
        return read(...)
      end
    end
    assert_lines(600, w.follow().lines)
  end)

  it("does not give up while each look that breaks off brings it further", function()
    local w = world { log = function(t) return numbered(math.floor(math.min(t, 60) * 10)) end, chunk = 37,
      status = running_until(60) }
    for pass = 2, 15 do w.faults[pass] = { name = "NetworkError.ConnectionFailed", after = 150 * pass } end
    assert_lines(600, w.follow().lines)
  end)

  it("starts at the line that was asked for", function()
    local w = world { log = function() return numbered(10) end, status = running_until(5) }
    assert.same({ "line 000009", "line 000010" }, w.follow { from = 9 }.lines)
  end)

  it("ends at a manual job that nobody started", function()
    local w = world { log = function() return "" end, status = function() return "manual" end }
    assert.equal("blocked", w.follow().verdict)
  end)

  it("ends at the deadline, and leaves nothing behind", function()
    local w = world { log = function() return numbered(3) end, status = running_until(1e6) }
    local result = w.follow { deadline = w.rt:now() + 100 }
    assert.is_true(result.verdict:is "WaitError.TimedOut")
    assert.equal(3, #result.lines)
    local passes = w.passes
    w.rt:run(function() w.rt:sleep(100) end)
    assert.equal(passes, w.passes)
  end)

  it("ends when its task is cancelled", function()
    local w = world { log = function() return numbered(3) end, status = running_until(1e6) }
    w.rt:run(function()
      local result
      local task = w.rt:spawn(function() result = w.follow() end)
      w.rt:sleep(10)
      task:cancel()
      task:join()
      assert.is_true(result.verdict:is "TaskError.Cancelled")
      local passes = w.passes
      w.rt:sleep(100)
      assert.equal(passes, w.passes)
    end)
  end)

  it("reads once for all followers of a job, wherever they join", function()
    local w = world { log = function(t) return numbered(math.floor(math.min(t, 60) * 10)) end,
      status = running_until(60) }
    local alone = world { log = function(t) return numbered(math.floor(math.min(t, 60) * 10)) end,
      status = running_until(60) }
    alone.follow()
    w.rt:run(function()
      local tasks = {}
      for i = 1, 20 do
        tasks[i] = w.rt:spawn(function()
          w.rt:sleep(i * 2.7)
          return w.follow().lines
        end)
      end
      for _, task in ipairs(tasks) do assert_lines(600, (task:join())) end
    end)
    assert.is_true(w.passes <= alone.passes + 20, w.passes .. " looks")
  end)

  it("lets a callback's error end that follower alone", function()
    local w = world { log = function(t) return numbered(math.floor(math.min(t, 20))) end, status = running_until(20) }
    w.rt:run(function()
      local good = w.rt:spawn(function() return w.follow().lines end)
      local bad = w.rt:spawn(function() return w.follow { on_line = function() error("mine", 0) end } end)
      local _, err = bad:join()
      assert.equal("mine", err)
      assert_lines(20, (good:join()))
    end)
  end)

  it("reads a log of 20 MB that grows for 20 minutes with under a fifth of the bytes of a look every 3 s", function()
    local line = ("x"):rep(1023) .. "\n"
    local whole = line:rep(20480)
    local w = world { chunk = 65536, status = running_until(1200),
      log = function(t) return whole:sub(1, math.floor(math.min(t / 1200, 1) * #whole)) end }
    local count = 0
    w.follow { on_line = function() count = count + 1 end }
    assert.equal(20480, count)
    local naive = 0
    for t = 0, 1200, 3 do naive = naive + t / 1200 * #whole end
    assert.is_true(w.bytes < naive / 5, ("%.2f of the naive bytes"):format(w.bytes / naive))
  end)

  it("grows its interval with the log, within bounds", function()
    assert.equal(2, follow.interval(0))
    assert.equal(2, follow.interval(2 ^ 20))
    assert.equal(10, follow.interval(5 * 2 ^ 20))
    assert.equal(30, follow.interval(2 ^ 30))
  end)
end)

describe("watch/follow of a pipeline", function()
  local function pipeline_world(jobs, ends)
    local rt = virtual.new { seed = 1 }
    local start = rt:now()
    local function t() return rt:now() - start end
    local function row(job)
      local status = t() < job.from and "created" or t() < job.to and "running" or job.final or "success"
      return { id = job.id, name = job.name, status = status, started_at = t() >= job.from and "then" or nil }
    end
    local source = {}
    function source.bridges() return {} end
    function source.jobs()
      local rows = {}
      for _, job in ipairs(jobs) do rows[#rows + 1] = row(job) end
      return rows
    end
    function source.job(_, id)
      for _, job in ipairs(jobs) do
        if job.id == id then return row(job) end
      end
    end
    function source.get() return { id = 1, status = t() < ends and "running" or "failed" } end
    function source.log(_, id, sink)
      for _, job in ipairs(jobs) do
        if job.id == id and job.err then return nil, errors.new(job.err) end
        if job.id == id then sink(("%s\n"):format(job.name):rep(math.floor(math.min(t(), job.to) - job.from))) end
      end
      return true
    end
    return rt, follow.new(source, rt, scheduler.new(source, rt))
  end

  it("gives the lines of every job with its job, also of those that start later", function()
    local rt, follower = pipeline_world({ { id = 1, name = "build", from = 0, to = 10 },
      { id = 2, name = "test", from = 10, to = 20, final = "failed" }, { id = 3, name = "never", from = 1e9,
        to = 1e9 } }, 21)
    local counts = {}
    local pipeline, verdict = follower:pipeline("g/p", 1, {
      on_line = function(line)
        assert.equal(line.job.name, line.text)
        counts[line.text] = (counts[line.text] or 0) + 1
      end,
      deadline = rt:now() + 1000,
    })
    assert.equal(1, pipeline.id)
    assert.equal("failed", verdict)
    assert.same({ build = 10, test = 10 }, counts)
  end)

  it("polls the pipelines of a project with one list, however many are followed", function()
    local rt = virtual.new { seed = 1 }
    local start, counts = rt:now(), { get = 0, list = 0, jobs = 0 }
    local function row(id)
      return { id = id, project_id = 1, source = "api", updated_at = "2026-01-01T00:00:00Z",
        status = rt:now() - start < 600 and "running" or "success" }
    end
    local source = {}
    function source.list()
      counts.list = counts.list + 1
      local rows = {}
      for id = 1, 20 do rows[id] = row(id) end
      return rows
    end
    function source.get(_, id)
      counts.get = counts.get + 1
      return row(id)
    end
    function source.jobs(_, id)
      counts.jobs = counts.jobs + 1
      return { { id = id, name = "build", status = row(id).status } }
    end
    local follower = follow.new(source, rt, scheduler.new(source, rt))
    local tasks = {}
    rt:run(function()
      for id = 1, 20 do
        tasks[id] = rt:spawn(function()
          return follower:pipeline("g/p", id, { on_line = function() end, deadline = rt:now() + 1000 })
        end)
      end
      for id = 1, 20 do
        local pipeline, verdict = tasks[id]:join()
        assert.same({ id, "success" }, { pipeline.id, verdict })
      end
    end)
    -- Five seconds apart, less the jitter; each is read alone when it is unseen and at its end.
    local polls = 600 / 4.25 + 10
    assert.is_true(counts.list <= polls, counts.list)
    assert.is_true(counts.jobs <= 20 * polls, counts.jobs)
    assert.is_true(counts.get <= 20 * 5, counts.get)
  end)

  it("returns the error of a job whose log cannot be read", function()
    local rt, follower = pipeline_world({ { id = 1, name = "a", from = 0, to = 10,
      err = "AccessError.PermissionDenied" } }, 20)
    local pipeline, err = follower:pipeline("g/p", 1, { on_line = function() end, deadline = rt:now() + 1000 })
    assert.is_nil(pipeline)
    assert.is_true(err:is "AccessError.PermissionDenied")
  end)

  it("ends at the deadline", function()
    local rt, follower = pipeline_world({ { id = 1, name = "a", from = 0, to = 1e9 } }, 1e9)
    local pipeline, err = follower:pipeline("g/p", 1, { on_line = function() end, deadline = rt:now() + 50 })
    assert.is_nil(pipeline)
    assert.is_true(err:is "WaitError.TimedOut")
  end)
end)
