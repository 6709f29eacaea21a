-- GitLab's own endpoints for a project's webhooks, over the outbox that /_mock/hooks steers.
local calls = require "support.mock_calls"

local WORLD = "spec/support/mock_world.lua"
local SIGNING = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
local HOOKS = "/projects/11/hooks"

describe("/projects/:id/hooks", function()
  local gl
  before_each(function() gl = assert(calls.new { world = WORLD, url = "https://gitlab.test" }) end)
  after_each(function() gl:close() end)

  local function add(fields)
    fields = fields or {}
    fields.url = fields.url or "http://receiver.test/hook"
    local status, made = gl:post(HOOKS, fields)
    assert.equal(201, status)
    return made
  end

  -- What is due, each answered with the status; the kinds of event in their order.
  local function receive(answer, text)
    local now, kinds = { now = calls.T + gl.at }, {}
    local hook = gl.transport:webhook(now)
    while hook do
      kinds[#kinds + 1] = hook.headers:header "X-Gitlab-Event"
      gl.transport:webhook_answered(hook.id, answer or 200, text or "seen", now)
      hook = gl.transport:webhook(now)
    end
    return kinds
  end

  it("creates a webhook with GitLab's defaults, and never shows its secrets", function()
    local made = add { token = "hush-hush", signing_token = SIGNING, name = "mine", pipeline_events = true }
    assert.same({ "http://receiver.test/hook", 11, "mine", "executable", true, true, true, true, false, false },
      { made.url, made.project_id, made.name, made.alert_status, made.push_events, made.pipeline_events,
        made.enable_ssl_verification, made.token_present, made.job_events, made.issues_events })
    assert.is_true(made.signing_token_present)
    assert.is_nil(made.token)
    assert.is_nil(made.signing_token)
    local _, text = gl:raw("GET", HOOKS)
    assert.is_nil(text:find("hush", 1, true))
    assert.is_nil(text:find("whsec", 1, true))
  end)

  it("sends only the selected events, and only those of its project", function()
    add { deployment_events = true }
    add { url = "http://receiver.test/jobs", job_events = true, push_events = false }
    gl:post("/projects/11/pipeline", { ref = "main" })
    gl.at = 1
    local kinds = receive()
    assert.truthy(#kinds > 5)
    for _, kind in ipairs(kinds) do assert.equal("Job Hook", kind) end
  end)

  it("lists the project's own in pages, without those of every project", function()
    gl:post("/_mock/hooks", { url = "http://receiver.test/every" })
    gl:post("/_mock/hooks", { url = "http://receiver.test/this", project = "acme/lib" })
    add()
    local status, list, headers = gl:get(HOOKS .. "?per_page=1")
    assert.same({ 200, 1, "2", "http://receiver.test/this" },
      { status, #list, headers["x-total"], list[1].url })
    assert.same({ 200, "http://receiver.test/hook" }, (function()
      local found, hook = gl:get(HOOKS .. "/3")
      return { found, hook.url }
    end)())
    local missing, body = gl:get(HOOKS .. "/1")
    assert.same({ 404, { message = "404 Not found" } }, { missing, body })
  end)

  it("changes the given fields and keeps the rest, across a restart too", function()
    gl:close()
    local db = os.tmpname()
    gl = assert(calls.new { world = WORLD, db = db })
    local id = add { pipeline_events = true, description = "for the pager", push_events_branch_filter = "main" }.id
    local status, changed = gl:put(HOOKS .. "/" .. id, { job_events = true, push_events = false,
      enable_ssl_verification = false, url = "http://receiver.test/two" })
    assert.equal(200, status)
    gl:close()
    gl = assert(calls.new { world = WORLD, db = db })
    local _, kept = gl:get(HOOKS .. "/" .. id)
    assert.same(changed, kept)
    assert.same({ true, true, false, false, "for the pager", "http://receiver.test/two", "main" },
      { kept.pipeline_events, kept.job_events, kept.push_events, kept.enable_ssl_verification,
        kept.description, kept.url, kept.push_events_branch_filter })
    assert.equal(204, (gl:delete(HOOKS .. "/" .. id)))
    assert.equal(404, (gl:delete(HOOKS .. "/" .. id)))
    assert.same({ 404, 404 }, { (gl:put(HOOKS .. "/" .. id, { url = "http://x.test" })),
      (gl:get(HOOKS .. "/" .. id .. "/events")) })
    for _, tail in ipairs { "", "-wal", "-shm" } do os.remove(db .. tail) end
  end)

  it("refuses an invalid URL, as GitLab does, and callers below maintainer", function()
    for _, url in ipairs { "", "receiver.test", "ftp://receiver.test/", "http://receiver.test/a b" } do
      local status, body = gl:post(HOOKS, { url = url })
      assert.same({ 422, { error = "Invalid url given" } }, { status, body }, url)
    end
    local status, body = gl:post(HOOKS, {})
    assert.same({ 400, { error = "url is missing" } }, { status, body })
    status, body = gl:post(HOOKS, { url = "http://receiver.test", signing_token = "whsec_short" })
    assert.same({ 400, { message = { signing_token = { "is invalid" } } } }, { status, body })
    status, body = gl:post(HOOKS, { url = "http://receiver.test", token = "a\nb" })
    assert.same({ 400, { message = { token = { "is invalid" } } } }, { status, body })
    assert.equal(400, (gl:post(HOOKS, { url = "http://receiver.test", job_events = "perhaps" })))
    gl:close()
    gl = assert(calls.new { world = { tokens = { { token = "glpat-developer-1", role = "developer" } },
      projects = { ["acme/lib"] = { id = 11 } } } })
    assert.equal(403, (gl:get(HOOKS, { token = "glpat-developer-1" })))
  end)

  it("shows the results of its events, by status too", function()
    local id = add { pipeline_events = true, token = "hush-hush" }.id
    local events = HOOKS .. "/" .. id .. "/events"
    gl:post("/projects/11/pipeline", { ref = "main" })
    gl.at = 0.02
    receive(200, "thanks")
    gl.at = 1
    receive(503, "later")
    local status, list = gl:get(events)
    assert.equal(200, status)
    local newest, oldest = list[1], list[#list]
    assert.same({ "pipeline_hooks", "503", "later", "http://receiver.test/hook", "pipeline" },
      { newest.trigger, newest.response_status, newest.response_body, newest.url,
        newest.request_data.object_kind })
    assert.equal("Pipeline Hook", newest.request_headers["X-Gitlab-Event"])
    assert.equal("[redacted]", newest.request_headers["X-Gitlab-Token"])
    assert.same({ "200", "thanks" }, { oldest.response_status, oldest.response_body })
    local function count(query)
      local answer, found = gl:get(events .. "?status=" .. query)
      return answer == 200 and #found or answer
    end
    local good, bad = count "successful", count "server_failure"
    assert.equal(#list, good + bad)
    assert.truthy(good > 0 and bad > 0)
    assert.same({ good, bad, #list, 0, 400, 400 }, { count "200", count "503", count "200,server_failure",
      count "client_failure", count "some", count "20" })
    assert.same({ 200, 400, 400 }, { (gl:get(events .. "?per_page=20")), (gl:get(events .. "?per_page=21")),
      (gl:get(events .. "?per_page=0")) })
  end)

  it("reports events without a response", function()
    local id = add { pipeline_events = true }.id
    gl:post("/projects/11/pipeline", { ref = "main" })
    gl.at = 0.02
    local hook = gl.transport:webhook { now = calls.T + gl.at }
    gl.transport:webhook_answered(hook.id, 0, "connection refused", { now = calls.T + gl.at })
    local _, list = gl:get(HOOKS .. "/" .. id .. "/events")
    assert.same({ 1, "internal error", "connection refused" },
      { #list, list[1].response_status, list[1].response_body })
  end)

  it("resends an event, and sends a test of each kind once there is an object", function()
    local id = add { pipeline_events = true }.id
    local path = HOOKS .. "/" .. id
    local status, body = gl:post(path .. "/test/pipeline_events")
    assert.same({ 422, { message = "Ensure the project has CI pipelines." } }, { status, body })
    assert.equal(400, (gl:post(path .. "/test/rocket_events")))
    assert.equal(422, (gl:post(path .. "/test/push_events")))
    assert.equal(422, (gl:post(path .. "/test/deployment_events")))
    assert.equal(422, (gl:post(path .. "/test/job_events")))
    gl:post("/projects/11/pipeline", { ref = "main" })
    status, body = gl:post(path .. "/test/pipeline_events")
    assert.same({ 201, { message = "201 Created" } }, { status, body })
    assert.equal(201, (gl:post(path .. "/test/job_events")))
    assert.same({ "Pipeline Hook", "Job Hook" }, receive(500))
    local _, list = gl:get(path .. "/events")
    status, body = gl:post(path .. "/events/" .. list[1].id .. "/resend")
    assert.same({ 201, { response_status = 500 } }, { status, body })
    assert.same({ "Job Hook" }, receive(200))
    assert.equal(404, (gl:post(path .. "/events/99/resend")))
    assert.equal(404, (gl:post(HOOKS .. "/9/events/" .. list[1].id .. "/resend")))
    assert.equal(404, (gl:post(HOOKS .. "/9/test/pipeline_events")))
  end)
end)
