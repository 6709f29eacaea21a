-- Webhooks of the simulated GitLab: what is told, how it looks, and what becomes of it.
local calls = require "support.mock_calls"
local core = require "gitlab_pipelines.core"
local json = require "gitlab_pipelines.json"

local WORLD = "spec/support/mock_world.lua"
local TOKEN = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

local function start(hook, options)
  options = options or {}
  if options.world == nil then options.world = WORLD end
  local simulated = assert(calls.new { world = options.world or nil, seed = 3, url = "https://gitlab.test",
    db = options.db })
  hook = hook or {}
  hook.url = hook.url or "http://receiver.test/hook"
  local status, made = simulated:post("/_mock/hooks", hook)
  assert(status == 201, status)
  return simulated, made
end

-- Takes what is due at this time and answers it; the deliveries in their order.
local function receive(simulated, answer)
  local list = {}
  local now = { now = calls.T + simulated.at }
  local hook = simulated.transport:webhook(now)
  while hook do
    hook.at, hook.text, hook.event = simulated.at, hook.body, hook.headers:header "X-Gitlab-Event"
    hook.body = json.decode(hook.body)
    list[#list + 1] = hook
    local status = type(answer) == "function" and answer(hook) or answer or 200
    assert(simulated.transport:webhook_answered(hook.id, status, "seen", now))
    hook = simulated.transport:webhook(now)
  end
  return list
end

local function status_of(hook)
  local body = hook.body
  return body.object_attributes and body.object_attributes.status or body.build_status or body.status
end

-- What came until nothing more does, as "Pipeline Hook success" and so on.
local function words(list)
  local out = {}
  for i, hook in ipairs(list) do
    out[i] = ("%s %s%s"):format(hook.event:match "^%a+", hook.body.build_name and hook.body.build_name .. " "
      or "", status_of(hook))
  end
  return out
end

local function run(simulated, seconds)
  local list = {}
  for _ = 1, seconds * 20 do
    simulated.at = simulated.at + 0.05
    for _, hook in ipairs(receive(simulated)) do list[#list + 1] = hook end
  end
  return list
end

describe("the simulated GitLab's webhooks", function()
  it("report every change of a pipeline, its jobs and its deployment, in order", function()
    local simulated = start()
    local _, made = simulated:post("/projects/11/pipeline", { ref = "main" })
    local first = run(simulated, 1)
    assert.same({ "Job compile created", "Job unit created", "Job deploy created", "Job compile pending",
      "Pipeline pending", "Job compile running", "Pipeline running", "Job compile success", "Job unit pending",
      "Job unit running", "Job unit success", "Job deploy manual", "Pipeline success" }, words(first))
    local _, jobs = simulated:get("/projects/11/pipelines/" .. made.id .. "/jobs")
    assert.equal(200, (simulated:post("/projects/11/jobs/" .. jobs[1].id .. "/play")))
    assert.same({ "Job deploy pending", "Pipeline running", "Job deploy running", "Deployment running",
      "Job deploy success", "Deployment success", "Pipeline success" }, words(run(simulated, 1)))
    simulated:close()
  end)

  it("report a scenario's pipeline too, and a status that is set by hand", function()
    local simulated = start({ events = { "pipeline" } }, { world = false })
    local _, made = simulated:post("/projects/1/trigger/pipeline",
      { ref = "main", terminal_after_seconds = 30, terminal_status = "failed" })
    assert.same({ "Pipeline running" }, words(receive(simulated)))
    simulated.at = 31
    local ended = receive(simulated)
    assert.same({ "Pipeline failed" }, words(ended))
    assert.equal("2026-01-01 00:00:30 UTC", ended[1].body.object_attributes.finished_at)
    simulated:patch("/_mock/pipelines/" .. made.id, { status = "running" })
    assert.same({ "Pipeline running" }, words(receive(simulated)))
    simulated:close()
  end)

  it("show a job that is set back by hand as not started", function()
    local simulated = start({ events = { "job", "pipeline" } }, { world = false })
    local _, made = simulated:post("/projects/1/trigger/pipeline", { ref = "main", scenario_id = 3 })
    simulated.at = 8
    receive(simulated)
    for _, status in ipairs { "pending", "running", "canceling", "manual", "created", "success" } do
      simulated:patch("/_mock/pipelines/" .. made.id, { status = status })
      for _, hook in ipairs(receive(simulated)) do
        local job = hook.body
        if job.build_id then
          local what = status .. ": " .. job.build_name .. " " .. job.build_status
          local begun = job.build_status == "running" or job.build_status == "canceling"
            or job.build_status == "success"
          -- A canceled job may or may not have begun.
          if job.build_status ~= "canceled" then assert.equal(begun, job.build_started_at ~= nil, what) end
          assert.is_true(not job.build_queued_duration or job.build_queued_duration >= 0, what)
          assert.is_true(not job.build_duration or job.build_duration >= 0, what)
        else
          assert.equal("boolean", type(job.object_attributes.default_branch))
        end
      end
    end
    simulated:close()
  end)

  it("have GitLab's headers", function()
    local simulated = start { token = "hush-hush", signing_token = TOKEN, events = { "pipeline" } }
    simulated:post("/projects/11/pipeline", { ref = "main" })
    simulated.at = 2
    local hook = receive(simulated)[1]
    local function header(name) return hook.headers:header(name) end
    assert.equal("application/json", header "Content-Type")
    assert.matches("^GitLab/%d+%.%d+", header "User-Agent")
    assert.equal("Pipeline Hook", header "X-Gitlab-Event")
    assert.equal("hush-hush", header "X-Gitlab-Token")
    assert.equal("https://gitlab.test", header "X-Gitlab-Instance")
    assert.equal(header "Idempotency-Key", header "webhook-id")
    assert.equal(("%d"):format(calls.T + 2), header "webhook-timestamp")
    for _, name in ipairs { "X-Gitlab-Event-UUID", "X-Gitlab-Webhook-UUID", "webhook-id" } do
      assert.matches("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$",
        header(name))
    end
    assert.is_true(core.webhook.verify({ TOKEN }, header "webhook-id", header "webhook-timestamp", hook.text,
      header "webhook-signature"))
    simulated:close()
  end)

  it("omit fields that the simulated version lacks", function()
    for version, expected in pairs { ["17.3.9"] = { false, false }, ["17.4.0"] = { true, false },
      ["18.11.2"] = { true, false }, ["19.0.0"] = { true, true } } do
      local simulated = start({ signing_token = TOKEN, events = { "pipeline" } },
        { world = { version = version, projects = { ["a/b"] = { id = 1 } } } })
      simulated:post("/projects/1/pipeline", { ref = "main" })
      local headers = receive(simulated)[1].headers
      assert.same(expected, { headers:header "Idempotency-Key" ~= nil,
        headers:header "webhook-signature" ~= nil }, version)
      simulated:close()
    end
  end)

  it("have the fields of GitLab's own samples", function()
    local folder = os.getenv "GITLAB_WEBHOOK_SAMPLES" or "../shared/reference/webhook-samples"
    local function sample(name)
      local file = io.open(folder .. "/" .. name .. ".json")
      if not file then return nil end
      local text = file:read "*a"
      file:close()
      return require("support.contract").decode(text)
    end
    if not sample "job" then return assert.is_nil(sample "pipeline") end
    local null = require("support.contract").null
    -- Every field of the sample is there, and of the same kind unless one of them is null.
    local function compare(wanted, have, where, missing)
      if wanted == null or have == null then return end
      if type(wanted) ~= type(have) then
        missing[#missing + 1] = ("%s: %s, not %s"):format(where, type(have), type(wanted))
      elseif type(wanted) == "table" and #wanted > 0 then
        if have[1] ~= nil then compare(wanted[1], have[1], where .. "[1]", missing) end
      elseif type(wanted) == "table" then
        for name, value in pairs(wanted) do
          if have[name] == nil then
            missing[#missing + 1] = where .. "." .. name
          else
            compare(value, have[name], where .. "." .. name, missing)
          end
        end
      end
    end
    local simulated = start(nil, { world = { projects = {
      ["acme/up"] = { id = 1, jobs = { { name = "start", stage = "test", trigger = { project = "acme/down" } } } },
      ["acme/down"] = { id = 2, jobs = { { name = "deploy", stage = "deploy", duration = 1, tags = { "x" },
        artifacts = { a = "b" }, environment = { name = "staging", url = "https://s.example.com" } } } } } } })
    simulated:post("/projects/1/pipeline", { ref = "main", variables = { { key = "A", value = "b" } } })
    local last, missing = {}, {}
    for _, hook in ipairs(run(simulated, 3)) do
      local about = hook.body.project.path_with_namespace
      last[hook.event .. about] = require("support.contract").decode(hook.text)
    end
    for name, title in pairs { pipeline = "Pipeline Hook", job = "Job Hook", deployment = "Deployment Hook" } do
      compare(sample(name), last[title .. "acme/down"], name, missing)
    end
    assert.same({}, missing)
    -- The variables are those of the pipeline above.
    assert.equal("b", last["Pipeline Hookacme/up"].object_attributes.variables[1].value)
    assert.is_nil(last["Pipeline Hookacme/up"].source_pipeline)
    assert.is_nil(last["Job Hookacme/up"], "GitLab sends no event of a trigger job")
    simulated:close()
  end)

  it("match the contract to the last field", function()
    local contract = require "support.contract"
    local simulated = start(nil, { world = "spec/support/contract_world.lua" })
    local _, text = simulated:raw("GET", "/openapi.json", { token = false })
    local document = contract.new(text)
    local schemas = { ["Pipeline Hook"] = "pipeline", ["Job Hook"] = "job", ["Deployment Hook"] = "deployment" }
    simulated:post("/projects/21/pipeline", { ref = "main" })
    local seen = {}
    for round = 1, 2 do
      for _, hook in ipairs(run(simulated, 12)) do
        local post = document.document.webhooks[schemas[hook.event]].post
        assert.is_nil(document:check(post.requestBody.content["application/json"].schema,
          contract.decode(hook.text)))
        seen[hook.event] = (seen[hook.event] or 0) + 1
      end
      if round == 1 then
        local _, jobs = simulated:get "/projects/21/jobs?scope[]=manual&per_page=100"
        for _, job in ipairs(jobs) do simulated:post("/projects/21/jobs/" .. job.id .. "/play") end
      end
    end
    assert.truthy(seen["Pipeline Hook"] > 5 and seen["Job Hook"] > 20 and seen["Deployment Hook"] > 1)
    simulated:close()
  end)

  it("go only to targets of the project, with the selected events", function()
    local simulated = start({ project = "acme/a", events = { "job" } }, { world = false })
    assert.equal(201, (simulated:post("/_mock/hooks", { url = "http://x.test/", project = "nobody/else" })))
    simulated:post("/projects/acme%2Fa/trigger/pipeline", { ref = "main", terminal_after_seconds = 0 })
    simulated:post("/projects/acme%2Fb/trigger/pipeline", { ref = "main", terminal_after_seconds = 0 })
    local list = receive(simulated)
    assert.truthy(#list > 0)
    for _, hook in ipairs(list) do
      assert.same({ "Job Hook", "acme/a", "http://receiver.test/hook" },
        { hook.event, hook.body.project.path_with_namespace, hook.url })
    end
    simulated:close()
  end)

  it("are retried with the same key and a new timestamp, then given up", function()
    local simulated, hook = start({ events = { "pipeline" }, retries = 2 }, { world = false })
    simulated:post("/projects/1/trigger/pipeline", { ref = "main" })
    local tries = {}
    for _ = 1, 100 do
      for _, try in ipairs(receive(simulated, 500)) do tries[#tries + 1] = try end
      simulated.at = simulated.at + 1
    end
    assert.equal(3, #tries)
    assert.same({ 0, 10, 70 }, { tries[1].at, tries[2].at, tries[3].at })
    for _, try in ipairs(tries) do
      assert.equal(tries[1].headers:header "webhook-id", try.headers:header "webhook-id")
      assert.equal(("%d"):format(calls.T + try.at), try.headers:header "webhook-timestamp")
      assert.equal(tries[1].text, try.text)
    end
    assert.not_equal(tries[1].headers:header "X-Gitlab-Webhook-UUID",
      tries[2].headers:header "X-Gitlab-Webhook-UUID")
    local _, shown = simulated:get("/_mock/hooks/" .. hook.id)
    assert.same({ "failed", 3, 500, "seen" }, { shown.deliveries[1].state, shown.deliveries[1].attempts,
      shown.deliveries[1].status, shown.deliveries[1].answer })
    simulated:close()
  end)

  it("disable a target after four failures in a row, longer each time, and permanently after forty", function()
    local simulated, hook = start({ events = { "pipeline" }, retries = 0 }, { world = false })
    local function happen() simulated:post("/projects/1/trigger/pipeline", { ref = "main" }) end
    local function state()
      local _, shown = simulated:get("/_mock/hooks/" .. hook.id)
      return shown.alert_status, shown.failures
    end
    for _ = 1, 3 do
      happen()
      receive(simulated, 500)
    end
    assert.same({ "executable", 3 }, { state() })
    happen()
    receive(simulated, 0)
    assert.same({ "temporarily_disabled", 4 }, { state() })
    happen()
    assert.same({}, receive(simulated, 500))
    simulated.at = simulated.at + 60
    happen()
    assert.equal(1, #receive(simulated, 404))
    simulated.at = simulated.at + 119
    happen()
    assert.same({}, receive(simulated, 500))
    for _ = 6, 40 do
      simulated.at = simulated.at + 86400
      happen()
      receive(simulated, 500)
    end
    assert.same({ "disabled", 40 }, { state() })
    simulated.at = simulated.at + 86400 * 30
    happen()
    assert.same({}, receive(simulated))
    assert.equal(201, (simulated:post("/_mock/hooks/" .. hook.id .. "/test")))
    assert.equal(1, #receive(simulated, 302))
    assert.same({ "executable", 0 }, { state() })
    simulated:close()
  end)

  it("can come twice, late, in the wrong order or wrongly signed", function()
    local simulated, hook = start({ events = { "pipeline" }, duplicate = 1, token = "hush-hush",
      signing_token = TOKEN }, { world = false })
    local path = "/_mock/hooks/" .. hook.id
    local function happen() simulated:post("/projects/1/trigger/pipeline", { ref = "main" }) end
    happen()
    local twice = receive(simulated)
    assert.equal(2, #twice)
    assert.equal(twice[1].headers:header "webhook-id", twice[2].headers:header "webhook-id")
    simulated:put(path, { duplicate = 0, delay = 20 })
    happen()
    simulated.at = 19.9
    assert.same({}, receive(simulated))
    simulated.at = 20
    assert.equal(1, #receive(simulated))
    simulated:put(path, { delay = 0, reorder = true })
    happen()
    assert.same({}, receive(simulated))
    happen()
    local order = receive(simulated)
    assert.equal(2, #order)
    assert.truthy(order[1].body.object_attributes.id > order[2].body.object_attributes.id)
    happen()
    simulated.at = simulated.at + 5
    assert.equal(1, #receive(simulated), "what nothing overtakes goes all the same")
    simulated:put(path, { reorder = false, wrong_signature = true })
    happen()
    local wrong = receive(simulated)[1]
    assert.is_false(core.webhook.verify({ TOKEN }, wrong.headers:header "webhook-id",
      wrong.headers:header "webhook-timestamp", wrong.text, wrong.headers:header "webhook-signature"))
    assert.not_equal("hush-hush", wrong.headers:header "X-Gitlab-Token")
    simulated:close()
  end)

  it("show no secret, and resend with the same key", function()
    local simulated, hook = start({ events = { "pipeline" }, token = "hush-hush", signing_token = TOKEN },
      { world = false })
    simulated:post("/projects/1/trigger/pipeline", { ref = "main" })
    local first = receive(simulated)[1]
    local _, text = simulated:raw("GET", "/_mock/hooks")
    assert.is_nil(text:find("hush-hush", 1, true))
    assert.is_nil(text:find(TOKEN, 1, true))
    assert.truthy(text:find('"X-Gitlab-Token":"[redacted]"', 1, true))
    simulated.at = 50
    assert.equal(201, (simulated:post(("/_mock/hooks/%d/deliveries/%d/resend"):format(hook.id, first.id))))
    local again = receive(simulated)[1]
    assert.equal(first.headers:header "webhook-id", again.headers:header "webhook-id")
    assert.equal(("%d"):format(calls.T + 50), again.headers:header "webhook-timestamp")
    simulated:close()
  end)

  it("survive a restart: targets, waiting deliveries, and those being sent", function()
    local name = os.tmpname()
    os.remove(name)
    local simulated = start({ events = { "pipeline" }, token = "hush-hush" }, { world = false, db = name })
    simulated:post("/projects/1/trigger/pipeline", { ref = "main" })
    local taken = simulated.transport:webhook { now = calls.T }
    assert.truthy(taken)
    simulated:close()
    simulated = assert(calls.new { db = name, url = "https://gitlab.test", seed = 3 })
    local again = receive(simulated)
    assert.equal(1, #again)
    assert.equal(taken.headers:header "webhook-id", again[1].headers:header "webhook-id")
    assert.equal(taken.body, again[1].text)
    simulated:close()
    for _, suffix in ipairs { "", "-wal", "-shm" } do os.remove(name .. suffix) end
  end)

  it("are the same bytes for the same seed", function()
    local function record()
      local simulated = start { signing_token = TOKEN }
      simulated:post("/projects/11/pipeline", { ref = "main" })
      local out = {}
      for _, hook in ipairs(run(simulated, 1)) do
        for name, value in hook.headers:each_header() do out[#out + 1] = name .. ": " .. value end
        out[#out + 1] = hook.text
      end
      simulated:close()
      return table.concat(out, "\n")
    end
    assert.equal(record(), record())
  end)

  it("refuse invalid targets", function()
    local simulated = start()
    for _, bad in ipairs { {}, { url = "ftp://x" }, { url = "http://x/\ny" },
      { url = "http://x/", signing_token = "x" },
      { url = "http://x/", events = { "push" } }, { url = "http://x/", delay = -1 },
      { url = "http://x/", token = "a\r\nb" }, { url = "http://x/", retries = 99 },
      { url = "http://x/", events = json.array {} } } do
      assert.equal(400, (simulated:post("/_mock/hooks", bad)), json.encode(bad))
    end
    assert.equal(404, (simulated:post("/_mock/hooks", { url = "http://x/", project = "no/such" })))
    local _, list = simulated:get "/_mock/hooks"
    assert.equal(1, #list)
    simulated:close()
  end)
end)
