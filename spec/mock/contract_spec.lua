-- Every operation of the contract, carried out, with every answer held against the contract and
-- against GitLab's own schemas, in every state of a pipeline with jobs of every kind.
--
-- The schemas are read from the folder that GITLAB_SCHEMAS names, else from
-- ../shared/reference/gitlab-schemas; where there is none that part says so.
local calls = require "support.mock_calls"
local contract = require "support.contract"
local json = require "gitlab_pipelines.json"

local WORLD = "spec/support/contract_world.lua"
local P = "/projects/21"

-- Which schema of GitLab's holds for which schema of ours.
local gitlab = {
  Pipeline = "public_api/v4/pipeline/detail.json", PipelineRow = "public_api/v4/pipeline/basic.json",
  Job = "public_api/v4/job.json", Project = "public_api/v4/project.json",
  Environment = "public_api/v4/environment.json", Deployment = "public_api/v4/deployment.json",
  User = "public_api/v4/user/basic.json", TestReport = "entities/test_case.json",
}

local Walk = {}
Walk.__index = Walk

local function start()
  local simulated = assert(calls.new { world = WORLD, allow_reset = true })
  local _, text = simulated:raw("GET", "/openapi.json", { token = false })
  return setmetatable({ simulated = simulated, contract = contract.new(text), done = {}, kept = {} }, Walk)
end

-- The operation that a request stands for: the template with the fewest names that fits.
local function find(self, method, path)
  local best, best_names
  for _, operation in ipairs(self.contract.operations) do
    if operation.method == method then
      local pattern = operation.path:gsub("[%-%.%+]", "%%%0")
      local many = pattern:gsub("{path}$", "(.+)"):gsub("{ref}", "(.+)")
      local names = select(2, operation.path:gsub("{", ""))
      if path:match("^" .. many:gsub("{[^}]+}", "[^/]+") .. "$") and (not best or names < best_names) then
        best, best_names = operation, names
      end
    end
  end
  return assert(best, method .. " " .. path)
end

local function keep(self, operation, text)
  local response = operation.spec.responses["200"] or operation.spec.responses["201"]
  local content = response and response.content and response.content["application/json"]
  local schema = content and content.schema
  local path = schema and schema.type == "array" and "[]" or ""
  if path == "[]" then schema = schema.items end
  local name = schema and schema["$ref"] and schema["$ref"]:match "[^/]+$"
  if name == "AnyJob" and not text:find('"downstream_pipeline"', 1, true) then name = "Job" end
  if name == "TestReport" then path = "test_suites[].test_cases[]" end
  if gitlab[name] then self.kept[#self.kept + 1] = ("%s\t%s\t%s"):format(gitlab[name], path, text) end
end

-- Asks; the answer has the status and keeps the contract. The decoded body comes back.
function Walk:ask(expected, method, target, body, options)
  options = options or {}
  if body then
    options.body = json.encode(body)
    options.headers = { { "Content-Type", "application/json" } }
  end
  local operation = find(self, method, target:match "^[^?]*")
  local status, text, headers = self.simulated:raw(method, target, options)
  local what = ("%s %s at %g s"):format(method, target, self.simulated.at)
  assert(status == expected, ("%s: %d %s"):format(what, status, text:sub(1, 300)))
  local problem = self.contract:judge(operation, status, text, headers)
  assert(not problem, ("%s: %s"):format(what, problem or ""))
  if status < 300 then
    self.done[operation.id] = true
    keep(self, operation, text)
  end
  if (headers["content-type"] or ""):find("json", 1, true) and text ~= "" then return json.decode(text) end
  return text
end

-- Everything that can be read of a pipeline now.
local function look(self, pipeline)
  local at = P .. "/pipelines/" .. pipeline.id
  self:ask(200, "GET", at)
  self:ask(200, "GET", at .. "/variables")
  self:ask(200, "GET", at .. "/test_report")
  self:ask(200, "GET", at .. "/test_report_summary")
  local bridges = self:ask(200, "GET", at .. "/trigger_jobs")
  self:ask(200, "GET", at .. "/bridges?include_retried=true")
  local jobs = self:ask(200, "GET", at .. "/jobs?per_page=100&include_retried=true")
  for _, job in ipairs(jobs) do
    self:ask(200, "GET", P .. "/jobs/" .. job.id)
    self:ask(200, "GET", P .. "/jobs/" .. job.id .. "/trace")
  end
  self:ask(200, "GET", P .. "/pipelines?per_page=100")
  self:ask(200, "GET", P .. "/jobs?per_page=100")
  for _, environment in ipairs(self:ask(200, "GET", P .. "/environments")) do
    self:ask(200, "GET", P .. "/environments/" .. environment.id)
  end
  for _, deployment in ipairs(self:ask(200, "GET", P .. "/deployments")) do
    self:ask(200, "GET", P .. "/deployments/" .. deployment.id)
  end
  return jobs, bridges
end

local function named(jobs, name)
  for i = #jobs, 1, -1 do
    if jobs[i].name == name then return jobs[i] end
  end
end

-- Statuses that were seen of pipelines and jobs.
local function note(seen, rows)
  for _, row in ipairs(rows) do seen[row.status] = true end
end

local function live(self, seen)
  self:ask(201, "POST", "/_mock/hooks", { url = "http://127.0.0.1:9/", events = { "pipeline" } })
  local pipeline = self:ask(201, "POST", P .. "/pipeline",
    { ref = "main", variables = { { key = "WHO", value = "spec" } } })
  local jobs, bridges
  for _ = 1, 24 do
    jobs, bridges = look(self, pipeline)
    note(seen, jobs)
    note(seen, bridges)
    self.simulated.at = self.simulated.at + 0.5
  end
  self:ask(200, "POST", P .. "/jobs/" .. named(jobs, "deploy").id .. "/play",
    { job_variables_attributes = { { key = "A", value = "b" } } })
  for _ = 1, 6 do
    jobs = look(self, pipeline)
    note(seen, jobs)
    self.simulated.at = self.simulated.at + 0.5
  end
  return pipeline, jobs
end

local function artifacts(self, jobs)
  local at = P .. "/jobs/" .. named(jobs, "compile").id .. "/artifacts"
  self:ask(200, "GET", at)
  self:ask(206, "GET", at, nil, { headers = { { "Range", "bytes=0-3" } } })
  self:ask(416, "GET", at, nil, { headers = { { "Range", "bytes=999999-" } } })
  self:ask(200, "GET", at .. "/tree?recursive=true")
  self:ask(200, "GET", at .. "/build.env")
  self:ask(404, "GET", at .. "/nothing")
  self:ask(200, "POST", at .. "/keep")
  self:ask(200, "GET", P .. "/jobs/artifacts/main/raw/build.env?job=compile")
  self:ask(200, "GET", P .. "/jobs/artifacts/main/download?job=compile")
  self:ask(204, "DELETE", at)
  self:ask(202, "DELETE", P .. "/artifacts")
end

local function steer(self, pipeline, jobs, seen)
  self:ask(201, "POST", P .. "/jobs/" .. named(jobs, "unit").id .. "/retry", {})
  self:ask(201, "POST", P .. "/jobs/" .. named(jobs, "unit").id .. "/erase")
  self:ask(400, "POST", P .. "/jobs/" .. named(jobs, "lint").id .. "/play", {})
  self:ask(200, "GET", P .. "/pipelines/latest?ref=main")
  self:ask(200, "PUT", P .. "/pipelines/" .. pipeline.id .. "/metadata", { name = "renamed" })
  local second = self:ask(201, "POST", P .. "/trigger/pipeline",
    { ref = "v1", token = "glptt-contract", variables = { FAIL = "unit" } }, { token = false })
  self:ask(201, "POST", P .. "/ref/main/trigger/pipeline", { token = "glptt-contract" }, { token = false })
  self.simulated.at = self.simulated.at + 4.5
  local running = look(self, second)
  note(seen, running)
  self:ask(201, "POST", P .. "/jobs/" .. named(running, "slow").id .. "/cancel", {})
  note(seen, look(self, second))
  self:ask(200, "POST", P .. "/pipelines/" .. second.id .. "/cancel")
  self.simulated.at = self.simulated.at + 3
  note(seen, look(self, second))
  self:ask(201, "POST", P .. "/pipelines/" .. second.id .. "/retry")
  note(seen, look(self, second))
  self:ask(204, "DELETE", P .. "/pipelines/" .. second.id)
  self:ask(404, "GET", P .. "/pipelines/" .. second.id)
end

-- Pipelines that are held at each status, for the states that no world comes by.
local function hold(self, seen)
  for _, status in ipairs { "created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending",
    "running", "success", "failed", "canceling", "canceled", "skipped", "manual", "scheduled" } do
    local held = self:ask(201, "POST", P .. "/trigger/pipeline", { ref = "main", scenario_id = 0 })
    self:ask(200, "PATCH", "/_mock/pipelines/" .. held.id, { status = status })
    note(seen, { self:ask(200, "GET", P .. "/pipelines/" .. held.id) })
    look(self, held)
  end
end

local function rows(self)
  self:ask(200, "PUT", P, { restrict_user_defined_variables = false })
  self:ask(200, "GET", "/pipelines?per_page=1")
  local trigger = self:ask(201, "POST", P .. "/triggers", { description = "spec" })
  self:ask(200, "GET", P .. "/triggers")
  self:ask(200, "GET", P .. "/triggers/" .. trigger.id)
  self:ask(200, "PUT", P .. "/triggers/" .. trigger.id, { description = "other" })
  self:ask(204, "DELETE", P .. "/triggers/" .. trigger.id)
  self:ask(201, "POST", P .. "/variables", { key = "NEW", value = "v", masked = false })
  self:ask(200, "GET", P .. "/variables")
  self:ask(200, "GET", P .. "/variables/NEW")
  self:ask(200, "PUT", P .. "/variables/NEW", { value = "w" })
  self:ask(204, "DELETE", P .. "/variables/NEW")
  local environment = self:ask(201, "POST", P .. "/environments", { name = "review/x" })
  self:ask(200, "PUT", P .. "/environments/" .. environment.id, { external_url = "https://x.example.com" })
  local deployment = self:ask(201, "POST", P .. "/deployments", { environment = "review/x", ref = "main",
    sha = ("a"):rep(40), tag = false, status = "running" })
  self:ask(200, "GET", P .. "/deployments/" .. deployment.id)
  self:ask(200, "PUT", P .. "/deployments/" .. deployment.id, { status = "success" })
  self:ask(200, "GET", P .. "/deployments/" .. deployment.id .. "/merge_requests")
  self:ask(400, "DELETE", P .. "/deployments/" .. deployment.id)
  local second = self:ask(201, "POST", P .. "/deployments", { environment = "review/x", ref = "main",
    sha = ("b"):rep(40), tag = false, status = "failed" })
  self:ask(204, "DELETE", P .. "/deployments/" .. second.id)
  self:ask(200, "POST", P .. "/environments/" .. environment.id .. "/stop", {})
  self:ask(204, "DELETE", P .. "/environments/" .. environment.id)
  self:ask(200, "POST", P .. "/environments/stop_stale", { before = "2025-12-01T00:00:00Z" })
  environment = self:ask(201, "POST", P .. "/environments", { name = "review/old" })
  self:ask(200, "POST", P .. "/environments/" .. environment.id .. "/stop", {})
  self:ask(200, "DELETE", P .. "/environments/review_apps?before=2099-01-01T00:00:00Z")
end

local function server(self)
  for _, path in ipairs { P, "/projects", "/version", "/metadata", "/user", "/personal_access_tokens/self",
    "/oauth/token/info", "/openapi.json", "/docs", "/redoc", "/_mock" } do
    self:ask(200, "GET", path)
  end
  local fresh = self:ask(200, "POST", "/personal_access_tokens/self/rotate", nil,
    { token = "glpat-of-a-developer" })
  self:ask(401, "GET", "/user", nil, { token = "glpat-of-a-developer" })
  self:ask(204, "DELETE", "/personal_access_tokens/self", nil, { token = fresh.token })
  self:ask(401, "GET", "/user", nil, { token = false })
end

local function control(self)
  local scenario = self:ask(201, "POST", "/_mock/scenarios", { name = "x", terminal_after_seconds = 5 })
  local at = "/_mock/scenarios/" .. scenario.scenario_id
  self:ask(200, "GET", "/_mock/scenarios?per_page=100")
  self:ask(200, "GET", at)
  self:ask(200, "PUT", at, { name = "y", never_complete = true })
  self:ask(204, "DELETE", at)
  self:ask(409, "DELETE", "/_mock/scenarios/0")
  self:ask(200, "GET", "/_mock/pipelines?per_page=100")
  self:ask(200, "GET", "/_mock/clock")
  self:ask(200, "POST", "/_mock/clock", { advance = 1 })
  self:ask(200, "GET", "/_mock/requests")
  self:ask(204, "DELETE", "/_mock/requests")
  local fault = self:ask(201, "POST", "/_mock/faults", { path = "/nowhere", status = 502 })
  self:ask(200, "GET", "/_mock/faults")
  self:ask(204, "DELETE", "/_mock/faults/" .. fault.id)
  self:ask(204, "DELETE", "/_mock/faults")
  local world = self:ask(200, "GET", "/_mock/world")
  self:ask(201, "POST", "/_mock/world", world)
  self:ask(200, "PUT", "/_mock/world", world)
end

local function hooks(self)
  local hook = self:ask(200, "GET", "/_mock/hooks")[1]
  local at = "/_mock/hooks/" .. hook.id
  self:ask(200, "GET", at)
  self:ask(200, "PUT", at, { delay = 1 })
  self:ask(201, "POST", at .. "/test", { event = "job" })
  local delivery = self:ask(200, "GET", at .. "/deliveries?per_page=100")[1]
  self:ask(201, "POST", at .. "/deliveries/" .. delivery.id .. "/resend")
  self:ask(204, "DELETE", at)
  self:ask(204, "DELETE", "/_mock/hooks")
end

local function project_hooks(self)
  local at = P .. "/hooks"
  local made = self:ask(201, "POST", at, { url = "http://127.0.0.1:9/", pipeline_events = true, token = "hush" })
  self:ask(200, "GET", at)
  at = at .. "/" .. made.id
  self:ask(200, "GET", at)
  self:ask(200, "PUT", at, { job_events = true })
  self:ask(201, "POST", at .. "/test/pipeline_events")
  local now = { now = calls.T + self.simulated.at }
  local sent = self.simulated.transport:webhook(now)
  self.simulated.transport:webhook_answered(sent.id, 200, "seen", now)
  local event = self:ask(200, "GET", at .. "/events")[1]
  self:ask(201, "POST", at .. "/events/" .. event.id .. "/resend")
  self:ask(204, "DELETE", at)
end

local function finish(self, pipeline)
  self:ask(200, "GET", "/_mock/pipelines/" .. pipeline.id)
  local snapshot = self:ask(200, "GET", "/_mock/snapshot")
  self:ask(200, "POST", "/_mock/snapshot", snapshot)
  self:ask(200, "PUT", "/_mock/snapshot", snapshot)
  self:ask(204, "DELETE", "/_mock/pipelines/" .. pipeline.id)
  self:ask(204, "DELETE", "/_mock/pipelines")
  self:ask(200, "POST", "/_mock/reset")
end

-- What cannot succeed here: no job token, and the files of the pages may not have been fetched.
local elsewhere = { tokens_job = true, tokens_agents = true, contract_docs_file = true, contract_redoc_file = true }

local function schema_folder()
  local folder = os.getenv "GITLAB_SCHEMAS" or "../shared/reference/gitlab-schemas"
  local file = io.open(folder .. "/public_api/v4/job.json")
  if file then file:close() end
  return file and folder
end

describe("the contract", function()
  local walk, seen

  setup(function()
    walk, seen = start(), {}
    local pipeline, jobs = live(walk, seen)
    artifacts(walk, jobs)
    steer(walk, pipeline, jobs, seen)
    hold(walk, seen)
    rows(walk)
    server(walk)
    control(walk)
    hooks(walk)
    project_hooks(walk)
    finish(walk, pipeline)
  end)

  teardown(function() walk.simulated:close() end)

  it("holds for every response of every operation", function()
    local missing = {}
    for _, operation in ipairs(walk.contract.operations) do
      if not walk.done[operation.id] and not elsewhere[operation.id] then
        missing[#missing + 1] = operation.id
      end
    end
    assert.same({}, missing)
  end)

  it("is checked with pipelines and jobs in every status", function()
    local missing = {}
    for _, status in ipairs { "created", "waiting_for_resource", "preparing", "waiting_for_callback",
      "pending", "running", "success", "failed", "canceling", "canceled", "skipped", "manual",
      "scheduled" } do
      if not seen[status] then missing[#missing + 1] = status end
    end
    assert.same({}, missing)
  end)

  local folder = schema_folder()
  if not folder then
    it("is not checked against GitLab's own schemas: set GITLAB_SCHEMAS to their folder", function()
      assert.is_nil(folder)
    end)
    return
  end

  it("agrees with GitLab's own schemas, in every state", function()
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(table.concat(walk.kept, "\n"), "\n")
    file:close()
    local pipe = assert(io.popen(("/usr/bin/python3 -W ignore spec/support/gitlab_schemas.py %s <%s 2>&1"):format(
      folder, name)))
    local told = pipe:read "*a"
    pipe:close()
    os.remove(name)
    assert.matches("^%d%d%d+ answers\n$", told)
    local held = {}
    for _, line in ipairs(walk.kept) do held[line:match "^[^\t]+"] = true end
    for name_of_ours, schema in pairs(gitlab) do assert.truthy(held[schema], name_of_ours) end
  end)

  it("gives each operation a unique operationId, a described tag, a summary and a description", function()
    local ids, tags = {}, {}
    for _, tag in ipairs(walk.contract.document.tags) do tags[tag.name] = #tag.description > 0 end
    for _, operation in ipairs(walk.contract.operations) do
      assert.is_nil(ids[operation.id], operation.id)
      ids[operation.id] = true
      assert.is_true(tags[operation.spec.tags[1]], operation.id)
      assert.truthy(#operation.spec.summary > 0, operation.id)
      assert.truthy(#(operation.spec.description or "") > 0, operation.id)
    end
  end)

  it("shows an example for every body that can be tried out as it stands", function()
    -- What has to be made ready first: a manual job, a scenario of one's own, a kept snapshot.
    local not_at_once = { jobs_play = 400, mock_scenarios_update = 409 }
    local unshown = { mock_snapshot_load = true, mock_snapshot_replace = true }
    local gl, tried = assert(calls.new()), 0
    assert.equal(201, (gl:post("/projects/1/pipeline", { ref = "main" })))
    -- A world comes last: it does away with what every project is without one.
    local order = {}
    for _, last in ipairs { false, true } do
      for _, operation in ipairs(walk.contract.operations) do
        if (operation.path:find("^/_mock") ~= nil) == last then order[#order + 1] = operation end
      end
    end
    for _, operation in ipairs(order) do
      local body = operation.spec.requestBody and operation.spec.requestBody.content["application/json"]
      local path = operation.path
      for _, parameter in ipairs(operation.spec.parameters) do
        if parameter["in"] == "path" and parameter.name ~= "file" then
          assert.is_not_nil(parameter.example, operation.id .. ": " .. parameter.name)
          path = path:gsub("{" .. parameter.name .. "}", (tostring(parameter.example):gsub("%.0$", "")))
        end
      end
      if body and not unshown[operation.id] then
        assert.is_table(body.example, operation.id)
        assert.is_nil(walk.contract:check(body.schema, body.example), operation.id)
        local status, answer = gl:call(operation.method, path, json.encode(body.example))
        assert.equal(not_at_once[operation.id] or 200, status < 300 and 200 or status,
          operation.id .. ": " .. json.encode(answer))
        tried = tried + 1
      end
    end
    assert.truthy(tried > 25)
    gl:close()
  end)

  it("describes every field of every schema and resolves every reference", function()
    for name, schema in pairs(walk.contract.document.components.schemas) do
      assert.truthy(schema.description, name)
      for field, property in pairs(schema.properties or {}) do
        assert.truthy(property.description and #property.description > 0, name .. "." .. field)
      end
    end
    local _, text = walk.simulated:raw("GET", "/openapi.json", { token = false })
    for ref in text:gmatch '"%$ref":"(#[^"]+)"' do
      assert.truthy(walk.contract:resolve(ref), ref)
    end
  end)
end)
