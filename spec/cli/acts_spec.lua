-- The commands that act on pipelines, jobs and environments, and the one that shows the token: as
-- people type them, against a simulated GitLab.

local command = require "spec.support.command"
local json = require "gitlab_pipelines.json"

local WORLD = {
  projects = {
    ["acme/app"] = { id = 21, created = 0, queued = 0, trigger_tokens = { "glptt-of-the-world" }, jobs = {
      { name = "build", stage = "build", duration = 0.05 },
      { name = "unit", stage = "test", duration = 0.05,
        variants = { { when = { variable = { FAIL = "1" } }, status = "failed", failure_reason = "script_failure" } } },
      { name = "ship it", stage = "deploy", duration = 0.05, manual = true,
        environment = { name = "production", url = "https://app.test" } },
    } },
    ["acme/long"] = { id = 22, created = 0, queued = 0, jobs = { { name = "wait", duration = 1e6 } } },
  },
  tokens = {
    { token = "glpat-reads-only", scopes = { "read_api" }, user = "reader", expires_at = "2099-12-31" },
    { token = "glcbt-of-a-job", kind = "job", job_id = 1 },
  },
}

describe("the command", function()
  local place

  local function run(...) return place:run(...) end

  -- The JSON lines of a run that went well.
  local function values(...)
    local out, code, err = run(...)
    assert.equal(0, code, err)
    local list = {}
    for line in out:gmatch "[^\n]+" do list[#list + 1] = assert(json.decode(line)) end
    return list
  end

  -- A run that is refused: one line on stderr, nothing on stdout.
  local function check_refused(wanted, pattern, ...)
    local out, code, err = run(...)
    assert.equal(wanted, code, err)
    assert.equal("", out)
    assert.matches("^gitlab%-pipelines: [^\n]*" .. pattern .. "[^\n]*\n$", err)
  end

  local function job_named(pipeline, name, ...)
    for _, job in ipairs(values("jobs", "-p", "acme/app", pipeline, "--json", ...)) do
      if job.name == name then return job end
    end
  end

  local pipeline

  setup(function()
    place = command.open(WORLD)
    -- The job that the job token belongs to: number 1.
    run("trigger", "-p", "acme/long", "-r", "main")
    local events = {}
    local out = run("trigger", "-p", "acme/app", "-r", "main", "-v", "FAIL=1", "--wait", "--json")
    for line in out:gmatch "[^\n]+" do events[#events + 1] = json.decode(line) end
    pipeline = tostring(events[#events].id)
  end)
  teardown(function() place:close() end)

  it("jobs: lists those of a pipeline, or of the project, by status", function()
    local out = run("jobs", "-p", "acme/app", pipeline)
    assert.matches("ID +STATUS +STAGE +NAME", out)
    assert.matches("failed +test +unit", out)
    assert.equal("script_failure", job_named(pipeline, "unit").failure_reason)
    assert.is_true(json.is_array(job_named(pipeline, "unit").tag_list))
    assert.equal(1, #values("jobs", "-p", "21", "--json", "--scope", "failed", "-n", "1"))
    check_refused(2, "is not an id", "jobs", "-p", "acme/app", "x")
    check_refused(6, "PipelineNotFound", "jobs", "-p", "acme/app", "999999")
    check_refused(6, "scope", "jobs", "-p", "acme/app", "--scope", "fine")
  end)

  it("retry: a job has a successor, a pipeline runs again", function()
    local unit = job_named(pipeline, "unit")
    local made = values("retry", "-p", "acme/app", "--job", unit.id, "--json")[1]
    assert.is_true(made.id > unit.id)
    check_refused(6, "JobNotRetryable", "retry", "-p", "acme/app", "--job", unit.id)
    assert.is_not_nil(job_named(pipeline, "unit", "--retried"))
    run("wait", "-p", "acme/app", pipeline)
    local out, code = run("retry", "-p", "acme/app", pipeline)
    assert.equal(0, code)
    assert.matches("^pipeline " .. pipeline .. "  %a+  http", out)
    assert.equal(tonumber(pipeline), values("retry", "-p", "acme/app", pipeline, "--json")[1].id)
    check_refused(2, "is not an id", "retry", "-p", "acme/app", "0")
    check_refused(6, "JobNotFound", "retry", "-p", "acme/app", "--job", "999999")
  end)

  it("play: starts a manual job with variables", function()
    local made = values("trigger", "-p", "acme/app", "-r", "main", "--json")[1]
    run("wait", "-p", "acme/app", made.id)
    local ship = job_named(made.id, "ship it")
    local played = values("play", "-p", "acme/app", ship.id, "-v", "REGION=eu", "--json")[1]
    assert.equal(ship.id, played.id)
    check_refused(6, "JobNotPlayable", "play", "-p", "acme/app", job_named(made.id, "build").id)
    check_refused(2, "KEY=VALUE", "play", "-p", "acme/app", ship.id, "-v", "REGION")
    check_refused(2, "InvalidVariable", "play", "-p", "acme/app", ship.id, "-v", "1A=x")
    check_refused(2, "not JSON", "play", "-p", "acme/app", ship.id, "--input", "n:=x")
  end)

  it("cancel: a job's end by force is for jobs", function()
    local made = values("trigger", "-p", "acme/app", "-r", "main", "--json")[1]
    assert.equal(made.id, values("cancel", "-p", "acme/app", made.id, "--json")[1].id)
    check_refused(2, "%-%-force", "cancel", "-p", "acme/app", made.id, "--force")
  end)

  it("environments: are listed and stopped", function()
    local made = values("trigger", "-p", "acme/app", "-r", "main", "--json")[1]
    run("wait", "-p", "acme/app", made.id)
    run("play", "-p", "acme/app", job_named(made.id, "ship it").id)
    local out = run("environments", "-p", "acme/app")
    assert.matches("available +production", out)
    local production = values("environments", "-p", "acme/app", "--json", "--search", "prod")[1]
    assert.equal("production", production.name)
    check_refused(6, "3 characters", "environments", "-p", "acme/app", "--search", "ab")
    check_refused(2, "%-%-states", "environments", "-p", "acme/app", "--states", "gone")
    check_refused(2, "%-%-force", "environments", "-p", "acme/app", "--force")
    check_refused(2, "is not an id", "environments", "-p", "acme/app", "--stop", "x")
    check_refused(6, "EnvironmentNotFound", "environments", "-p", "acme/app", "--stop", "999999")
    assert.equal("stopped", values("environments", "-p", "acme/app", "--stop", production.id, "--json")[1].state)
    assert.equal(0, #values("environments", "-p", "acme/app", "--json", "--states", "available"))
  end)

  it("delete: asks first, and a pipeline is gone afterwards", function()
    local made = values("trigger", "-p", "acme/app", "-r", "main", "--json")[1]
    check_refused(2, "%-%-yes", "delete", "-p", "acme/app", made.id)
    assert.same({ true }, values("delete", "-p", "acme/app", made.id, "--yes", "--json"))
    check_refused(6, "PipelineNotFound", "show", "-p", "acme/app", made.id)
    check_refused(6, "PipelineNotFound", "delete", "-p", "acme/app", made.id, "--yes")
  end)

  it("token: says kind, scopes, user and end, and never the token", function()
    local file = os.tmpname()
    local function with(token, ...)
      local handle = assert(io.open(file, "w"))
      handle:write(token, "\n")
      handle:close()
      return run("token", "--token-file", file, ...)
    end
    local out, code = with "glpat-reads-only"
    assert.equal(0, code)
    assert.equal("kind     private\nuser     reader\nscopes   read_api\nexpires  2099-12-31\n", out)
    out = with("glpat-reads-only", "--json", "--verbose")
    local info = assert(json.decode(out))
    assert.same({ "read_api" }, info.scopes)
    assert.equal("2099-12-31", info.expires_at)
    local _, _, err = with("glpat-reads-only", "--verbose")
    assert.matches("token.self", err)
    assert.is_nil((out .. err):find("glpat-", 1, true))

    out, code = with "glcbt-of-a-job"
    assert.equal(0, code)
    assert.equal("kind     job\nuser     root\nexpires  with job 1\n", out)
    _, code, err = with "glpat-unknown-here"
    assert.equal(6, code)
    assert.matches("InvalidToken", err)
    assert.is_nil(err:find("glpat-unknown", 1, true))
    _, code, err = with "short"
    assert.equal(2, code)
    assert.matches("8 characters", err)
    assert.is_nil(err:find("short\n", 1, true))
    os.remove(file)
  end)

  it("trigger: with a trigger token by its name, from the environment or a file that is the owner's alone", function()
    local file = os.tmpname()
    local handle = assert(io.open(file, "w"))
    handle:write("# tokens\nDEPLOY=glptt-of-the-world\n")
    handle:close()
    local words = { "trigger", "-p", "acme/app", "-r", "main", "--trigger-token", "DEPLOY", "--json" }
    local function with(...)
      local all = {}
      for _, word in ipairs(words) do all[#all + 1] = word end
      for _, word in ipairs { ... } do all[#all + 1] = word end
      return (table.unpack or unpack)(all)
    end
    os.execute("chmod 600 " .. file)
    assert.equal("trigger", values(with("--secrets-file", file))[1].source)
    os.execute("chmod 644 " .. file)
    check_refused(2, "InvalidCredentials", with("--secrets-file", file))
    check_refused(2, "DEPLOY", with())
    check_refused(2, "InvalidCredentials", with("--secrets-file", file .. "-missing"))
    assert.equal("trigger", values(with { GITLAB_PIPELINES_SECRET_DEPLOY = "glptt-of-the-world" })[1].source)
    local _, code, err = run(with { GITLAB_PIPELINES_SECRET_DEPLOY = "glptt-of-another-world" })
    assert.equal(6, code)
    assert.matches("triggers.run acme/app", err)
    assert.is_nil(err:find("glptt-of-another", 1, true))
    os.remove(file)
  end)

  it("asks for a project where none is named", function()
    for _, words in ipairs { { "jobs" }, { "retry", "1" }, { "delete", "1", "--yes" }, { "play", "1" },
      { "environments" } } do
      check_refused(2, "which project", (table.unpack or unpack)(words))
    end
  end)
end)
