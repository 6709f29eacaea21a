-- GitLab's own JSON schemas over the answers of the simulated GitLab, in every status. The schemas are
-- not part of this repository: they are read from GITLAB_SCHEMAS, or from beside the checkout.
local calls = require "support.mock_calls"
local json = require "gitlab_pipelines.json"
local lives = require "support.mock_lives"

local folder = os.getenv "GITLAB_SCHEMAS" or "../shared/reference/gitlab-schemas"

local function there(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local statuses = { "created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running",
  "success", "failed", "canceling", "canceled", "skipped", "manual", "scheduled" }

local world = { projects = {
  ["acme/app"] = { id = 5, created = 0, queued = 0.5, name = "run of $WHO", downstream = { "acme/lib" }, jobs = {
    { name = "compile", stage = "build", duration = 1, coverage = 87.5, tags = { "linux" },
      artifacts = { ["build.env"] = "A=1\n", ["deep/er/file"] = "x" } },
    { name = "unit", stage = "test", duration = 1, tests = { { name = "adds", classname = "Sum", time = 0.5 },
      { name = "fails", status = "failed", output = "no" }, { name = "waits", status = "skipped" } } },
    { name = "odd", stage = "test", duration = 1, status = "failed", allow_failure = true },
    { name = "deploy", stage = "deploy", duration = 1, manual = true,
      environment = { name = "production", url = "https://app.example.com" } },
    { name = "halt", stage = "deploy", duration = 1, manual = true,
      environment = { name = "production", action = "stop" } } } },
  ["acme/lib"] = { id = 6, description = "a library", jobs = { { name = "a", duration = 1 } } },
} }

-- What each endpoint's answer holds, and the schema for it.
local detail = { { "public_api/v4/pipeline/detail.json", "" }, { "status/ci_detailed_status.json", "detailed_status" },
  { "public_api/v4/user/basic.json", "user" } }
local job = { { "public_api/v4/job.json", "" } }
local job_list = { { "public_api/v4/job.json", "[]" }, { "public_api/v4/commit/basic.json", "[].commit" },
  { "public_api/v4/artifact.json", "[].artifacts[]" }, { "public_api/v4/artifact_file.json", "[].artifacts_file" },
  { "public_api/v4/runner.json", "[].runner" }, { "public_api/v4/runner_manager.json", "[].runner_manager" } }
local bridges = { { "public_api/v4/pipeline/basic.json", "[].pipeline" },
  { "public_api/v4/pipeline/basic.json", "[].downstream_pipeline" }, { "public_api/v4/user/basic.json", "[].user" } }

-- Answers as lines for the validator, each once.
local Found = {}
Found.__index = Found

function Found:add(schemas, text)
  for _, entry in ipairs(schemas) do
    local line = entry[1] .. "\t" .. entry[2] .. "\t" .. text
    if not self.seen[line] then
      self.seen[line] = true
      self.lines[#self.lines + 1] = line
    end
  end
end

-- Asks, adds the answer, and gives it decoded.
function Found:read(gl, schemas, target)
  local status, text = gl:raw("GET", target)
  assert.equal(200, status, target .. " " .. text)
  self:add(schemas, text)
  return json.decode(text)
end

-- Every endpoint that GitLab has a schema for, as it answers now.
function Found:read_all(gl)
  for _, project in ipairs { 5, 6 } do
    local base = "/projects/" .. project
    self:read(gl, { { "public_api/v4/project.json", "" } }, base)
    self:read(gl, job_list, base .. "/jobs?per_page=100")
    local rows = self:read(gl, { { "public_api/v4/pipelines.json", "" } }, base .. "/pipelines?per_page=100")
    for _, row in ipairs(rows) do
      local own = base .. "/pipelines/" .. row.id
      self:read(gl, detail, own)
      self:read(gl, bridges, own .. "/trigger_jobs")
      self:read(gl, { { "entities/test_case.json", "test_suites[].test_cases[]" } }, own .. "/test_report")
      for _, one in ipairs(self:read(gl, job_list, own .. "/jobs?include_retried=true")) do
        self:read(gl, job, base .. "/jobs/" .. one.id)
      end
    end
    local environments = { { "public_api/v4/environments.json", "" }, { "public_api/v4/basic_environments.json", "" } }
    for _, one in ipairs(self:read(gl, environments, base .. "/environments")) do
      self:read(gl, { { "public_api/v4/environment.json", "" } }, base .. "/environments/" .. one.id)
    end
    for _, one in ipairs(self:read(gl, { { "public_api/v4/deployment.json", "[]" } }, base .. "/deployments")) do
      self:read(gl, { { "public_api/v4/deployment.json", "" } }, base .. "/deployments/" .. one.id)
    end
  end
end

-- The answer of a write.
function Found:write(gl, schemas, target, body)
  local status, text = gl:raw("POST", target, { body = body and json.encode(body) or "{}" })
  assert.is_true(status == 200 or status == 201, target .. " " .. text)
  self:add(schemas, text)
end

-- A pipeline through its life, with what can be done to it.
local function life(found)
  local gl = assert(calls.new { world = world })
  found:write(gl, detail, "/projects/5/pipeline", { ref = "main", variables = { { key = "WHO", value = "me" } } })
  for at = 0, 8 do
    gl.at = at / 2
    found:read_all(gl)
  end
  local by_name = {}
  for _, one in ipairs((select(2, gl:get "/projects/5/pipelines/1/jobs"))) do by_name[one.name] = one.id end
  local function of(name, what) return ("/projects/5/jobs/%d/%s"):format(by_name[name], what) end
  found:write(gl, job, of("deploy", "play"))
  found:read_all(gl)
  gl.at = 20
  found:read_all(gl)
  found:write(gl, job, of("compile", "artifacts/keep"))
  found:write(gl, job, of("unit", "retry"))
  found:write(gl, job, of("halt", "play"))
  found:write(gl, job, of("odd", "erase"))
  found:write(gl, job, of("compile", "cancel"))
  found:read_all(gl)
  gl.at = 40
  found:read_all(gl)
  found:write(gl, { { "public_api/v4/environment.json", "" } }, "/projects/5/environments",
    { name = "review/x", tier = "development", external_url = "https://x.example.com" })
  found:write(gl, { { "public_api/v4/deployment.json", "" } }, "/projects/5/deployments",
    { environment = "review/x", sha = ("a"):rep(40), ref = "main", tag = false, status = "success" })
  found:write(gl, detail, "/projects/5/pipelines/1/retry")
  found:write(gl, detail, "/projects/5/pipelines/1/cancel")
  found:read_all(gl)
  gl:close()
end

-- Pipelines without a world, and held at each status.
local function held(found)
  local gl = assert(calls.new())
  for i, status in ipairs(statuses) do
    found:write(gl, detail, "/projects/5/trigger/pipeline", { ref = "main", token = calls.token })
    gl:patch("/_mock/pipelines/" .. i, { status = status })
    found:read_all(gl)
  end
  for _, ends in ipairs { "success", "failed", "canceled", "skipped" } do
    found:write(gl, detail, "/projects/6/trigger/pipeline", { ref = "main", token = calls.token,
      terminal_status = ends, terminal_after_seconds = 4 })
  end
  for at = 0, 5 do
    gl.at = at
    found:read_all(gl)
  end
  gl:close()
end

-- Random lives: every status by every way.
local function random(found)
  for seed = 1, os.getenv "GP_FULL" == "1" and 200 or 10 do
    for line in lives.live(seed, 12):gmatch "[^\n]+" do
      local target, text = line:match "^%S+ GET (%S+) 200 (.*)$"
      if target and target:find "/jobs%?" then found:add(job_list, text)
      elseif target and target:find "/trigger_jobs" then found:add(bridges, text)
      elseif target and target:find "/pipelines/%d+$" then found:add(detail, text) end
    end
  end
end

describe("GitLab's own schemas", function()
  it("hold for every response that they describe, in every status", function()
    if not there(folder .. "/public_api/v4/job.json") then
      print("GitLab's schemas are not at " .. folder .. " (set GITLAB_SCHEMAS): nothing was held against them")
      return
    end
    local found = setmetatable({ lines = {}, seen = {} }, Found)
    life(found)
    held(found)
    random(found)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(table.concat(found.lines, "\n"), "\n")
    file:close()
    local pipe = assert(io.popen(("/usr/bin/python3 -W ignore spec/support/gitlab_schemas.py '%s' <%s 2>&1 "
      .. "| sort | uniq -c"):format(folder, path)))
    local told = pipe:read "*a"
    pipe:close()
    os.remove(path)
    local count = tonumber(told:match "^%s*1 (%d+) answers\n$")
    assert.is_true((count or 0) > 500, told)
  end)
end)
