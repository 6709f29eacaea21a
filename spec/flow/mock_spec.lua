-- Flows through the whole client against the simulated GitLab, in virtual time. The judge of the
-- random ones reads nothing but the simulated GitLab's own record.

local gitlab = require "gitlab_pipelines"
local json = require "gitlab_pipelines.json"
local random_flow = require "support.flow_random"
local random_numbers = require "gitlab_pipelines.runtime.random"

local SEED = tonumber(os.getenv "SEED") or 11
local ROUNDS = tonumber(os.getenv "ROUNDS") or 1000
local TOKEN = "simulated-token"

local function client(world)
  local rt = gitlab.runtime.virtual.new { seed = 1 }
  local server = assert(gitlab.mock.new { world = world, token = TOKEN, runtime = rt })
  local gl = assert(gitlab.new { transport = server, runtime = rt, token = TOKEN,
    url = "http://127.0.0.1", limits = false, journal = ":memory:" })
  return gl, rt, server
end

local function ask(server, target)
  local status, body = server:request("GET", target)
  assert(status == 200, body)
  return json.decode(body)
end

-- Runs a script; the run, ok, err, and what is needed to look closer.
local function play(script, world, opts)
  opts = opts or {}
  local gl, rt, server = client(world)
  local made = assert(gitlab.flow.from_string(script, opts.file or "f.lua"))
  local run, ok, err
  rt:run(function()
    run = assert(made:start { client = gl, inputs = opts.inputs })
    if opts.during then rt:spawn(function() opts.during(run, gl, rt) end) end
    ok, err = run:wait(opts.wait)
  end)
  return { run = run, ok = ok, err = err, gl = gl, rt = rt, server = server }
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function statuses(run)
  local list = {}
  for _, step in ipairs(run:each_step()) do list[#list + 1] = step.path .. " " .. step.status end
  return table.concat(list, ", ")
end

describe("the release example", function()
  local script = read "examples/release.lua"

  it("releases: outputs travel, and the smoke tests run at once", function()
    local played = play(script, "examples/release-world.lua")
    assert.is_nil(played.err)
    assert.is_true(played.ok)
    local posts = {}
    for _, request in ipairs(ask(played.server, "/_mock/requests?limit=1000")) do
      if request.method == "POST" then posts[#posts + 1] = request end
    end
    assert.equal(6, #posts)
    assert.equal("/api/v4/projects/acme%2Flib/pipeline", posts[1].path)
    local given = {}
    for _, row in ipairs(posts[2].body.variables) do given[row.key] = row.value end
    assert.equal("42", given.BUILD_ID)
    assert.equal(played.run.steps.lib.sha, given.LIB_SHA)
    assert.equal(posts[4].at, posts[5].at)
    assert.equal(posts[4].at, posts[6].at)
    -- Each pipeline takes a second at least, the whole under fifteen.
    for _, row in ipairs(ask(played.server, "/_mock/pipelines")) do
      assert.equal("success", row.status)
    end
    assert.is_true(played.run.ended_at - played.run.started_at < 15)
  end)

  for _, what in ipairs { "api", "web", "smoke" } do
    it("shows the failing job and its log when " .. what .. " fails", function()
      local played = play(script, "examples/release-world.lua", { inputs = { fail = what } })
      assert.is_false(played.ok)
      local failed = played.run.steps[what]
      if what == "smoke" then failed = failed.us end
      assert.equal("failed", failed.status)
      assert.equal("script_failure", failed.failure.reason)
      assert.equal("ERROR: Job failed: exit code 1", failed.failure.log[#failed.failure.log])
      assert.equal("skipped", played.run.steps.notes.status)
      assert.equal(1, played.run:exit_code())
    end)
  end
end)

describe("against the simulated GitLab", function()
  local manual = { projects = { ["p/api"] = { id = 1, jobs = {
    { name = "build", stage = "build", duration = 2 },
    { name = "deploy", stage = "deploy", duration = 3, manual = true, allow_failure = false },
    { name = "check", stage = "verify", duration = 1 } } },
    ["p/mid"] = { id = 2, jobs = { { name = "mid", stage = "test", duration = 4 } } } } }

  it("a manual job that a later play names holds nothing up, and is played", function()
    local played = play([[
      api = pipeline { project = "p/api" }
      mid = pipeline { project = "p/mid", needs = { api } }
      deploy = play { pipeline = api, job = "deploy", needs = { mid } }]], manual)
    assert.is_nil(played.err)
    assert.equal("api success, mid success, deploy success", statuses(played.run))
    assert.equal("deploy", played.run.steps.deploy.outputs.name)
  end)

  it("a manual job that nobody names blocks the run, until somebody plays it", function()
    local script = [[api = pipeline { project = "p/api" }
      mid = pipeline { project = "p/mid", needs = { api } }]]
    local played = play(script, manual, { wait = { until_blocked = true }, during = function(run)
      for _ in run:events() do
        if run.status == "blocked" then return run:abandon() end
      end
    end })
    assert.equal(5, played.run:exit_code())
    played = play(script, manual, { during = function(run, gl, rt)
      rt:sleep(60)
      assert.equal("waits for the manual job deploy", run.steps.api.message)
      for _, job in ipairs(assert(gl.jobs:list("p/api", run.steps.api.id))) do
        if job.name == "deploy" then assert(gl.jobs:play("p/api", job.id)) end
      end
    end })
    assert.is_nil(played.err)
    assert.equal("api success, mid success", statuses(played.run))
  end)

  it("on_manual plays what it is told to", function()
    local played = play([[api = pipeline { project = "p/api", on_manual = { "deploy" } }]], manual)
    assert.is_nil(played.err)
    assert.is_true(played.ok)
  end)

  it("waits for a pipeline that somebody else makes later", function()
    -- The sha of a ref is the same in every simulated GitLab of one seed.
    local gl, rt = client(manual)
    local sha = rt:run(function() return assert(gl.pipelines:create("p/mid", { ref = "main" })).sha end)
    local played = play([[
      inputs = { sha = {} }
      theirs = wait_for { project = "p/mid", ref = "main", sha = input.sha }
      after = pipeline { project = "p/api", on_manual = "play", variables = { ID = theirs.id } }]],
      manual, { inputs = { sha = sha }, during = function(_, other, time)
        time:sleep(30)
        assert(other.pipelines:create("p/mid", { ref = "main" }))
      end })
    assert.is_nil(played.err)
    assert.equal(1, played.run.steps.theirs.id)
    assert.is_true(played.run.steps.theirs.ended_at - played.run.started_at > 30)
  end)

  it("cancels what it started, and ends when GitLab says so", function()
    local played = play([[a = pipeline { project = "p/mid" } b = pipeline { project = "p/api" }]],
      manual, { during = function(run, _, rt)
        rt:sleep(1)
        run:cancel()
      end })
    assert.equal("a canceled, b canceled", statuses(played.run))
    for _, row in ipairs(ask(played.server, "/_mock/pipelines")) do
      assert.equal("canceled", row.status)
    end
    assert.equal(3, played.run:exit_code())
  end)

  it("tells a project that is not there before anything is made", function()
    local gl, rt, server = client(manual)
    local run, err
    rt:run(function()
      run, err = assert(gitlab.flow.from_string([[a = pipeline { project = "p/mid" }
        b = pipeline { project = "p/none", needs = { a } }]], "f.lua")):start { client = gl }
    end)
    assert.is_nil(run)
    assert.matches("^f.lua:2: the default branch of p/none cannot be read", err.message)
    assert.same({}, ask(server, "/_mock/pipelines"))
  end)
end)

-- Seconds of a time such as "2026-01-01T00:00:06.386Z", within a month.
local function seconds(text)
  local day, hour, minute, second = text:match "^%d+%-%d+%-(%d+)T(%d+):(%d+):([%d.]+)Z$"
  return ((tonumber(day) * 24 + tonumber(hour)) * 60 + tonumber(minute)) * 60 + tonumber(second)
end

local function world_of(made)
  local projects = {}
  for i, step in ipairs(made.steps) do
    local job = { name = "job", stage = "test", duration = 1, variants = {} }
    for _, item in ipairs(step.items or { "" }) do
      local key = step.name .. "/" .. item
      local variant = { duration = step.durations[key],
        status = step.fails[key] > 0 and "failed" or "success",
        when = { variable = item ~= "" and { ITEM = item } or { STEP = step.name } } }
      job.variants[#job.variants + 1] = variant
    end
    projects["p/" .. step.name] = { id = i, jobs = { job }, queued = 0 }
  end
  return { projects = projects }
end

-- Creations as the simulated GitLab noted them, with how each pipeline ended.
local function record_of(server)
  local record, rows = {}, {}
  local page = 1
  repeat
    local list = ask(server, "/_mock/pipelines?per_page=100&page=" .. page)
    for _, row in ipairs(list) do rows[row.id] = row end
    page = page + 1
  until #list < 100
  for _, request in ipairs(ask(server, "/_mock/requests?limit=1000")) do
    if request.method == "POST" and request.path:find "/pipeline$" then
      local given = {}
      for _, variable in ipairs(request.body.variables) do given[variable.key] = variable.value end
      local row = rows[#record + 1]
      record[#record + 1] = { step = given.STEP, item = given.ITEM, status = row.status,
        created_at = seconds(request.at), ended_at = seconds(row.updated_at) }
    end
  end
  assert(#record == #rows, "the record of requests is not whole")
  return record
end

describe("random flows", function()
  it(("keep every need and run every step once, by the simulated GitLab's record (%d from seed %d)")
    :format(ROUNDS, SEED), function()
      local made_steps = 0
      for round = 1, ROUNDS do
        local made = random_flow.flow(random_numbers.new(SEED * 100000 + round))
        -- A world knows no attempts: what fails once fails again.
        for _, step in ipairs(made.steps) do
          for key, fails in pairs(step.fails) do step.fails[key] = fails > 0 and 9 or 0 end
        end
        local where = ("\nSEED=%d round %d\n%s"):format(SEED, round, made.text)
        local ok, played = pcall(play, made.text, world_of(made))
        if not ok then error(tostring(played) .. where, 0) end
        local record = record_of(played.server)
        local complaint = random_flow.judge(made, record)
        if complaint then error(complaint .. where, 0) end
        made_steps = made_steps + #record
        played.gl:close()
      end
      assert.is_true(made_steps > ROUNDS * 2)
    end)
end)
