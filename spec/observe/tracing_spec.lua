local client_of = require "gitlab_pipelines.client"
local core = require "gitlab_pipelines.core"
local double = require "support.transport_double"
local operations = require "gitlab_pipelines.operations"
local redact = require "gitlab_pipelines.observe.redact"
local virtual = require "gitlab_pipelines.runtime.virtual"

local TOKEN = "glpat-0123456789abcdefghij"

local function traced(answers, tracer, log)
  local spans, rt = {}, virtual.new()
  local c = assert(client_of.new { url = "https://gitlab.example.com", token = TOKEN, runtime = rt,
    transport = double.new(answers), log = log,
    tracer = tracer or function(span) spans[#spans + 1] = span end })
  return c, spans, rt
end

describe("a tracer", function()
  it("is given a span of each call, when it is over", function()
    local c, spans, rt = traced { { status = 502 }, { body = { id = 3 } }, { status = 404, body = "{}" } }
    local start = rt:now()
    rt:run(function()
      assert(c:call(operations.pipelines.get, { project = 17, pipeline_id = 3 }))
      assert.is_nil((c:call(operations.jobs.get, { project = "acme/app", job_id = 5 })))
    end)
    assert.equals(2, #spans)
    local first = spans[1]
    assert.is_true(first.ended > start + 0.4)
    assert.same({ name = "gitlab.pipelines.get", began = start, ended = first.ended, attempts = 2,
      status = 200, attributes = { ["http.request.method"] = "GET",
      ["cicd.pipeline.run.id"] = 3, ["gitlab.project"] = redact.project(17) } }, first)
    assert.same({ name = "gitlab.jobs.get", began = first.ended, ended = first.ended, attempts = 1,
      status = 404, error = "AccessError.JobNotFound", attributes = { ["http.request.method"] = "GET",
      ["cicd.pipeline.task.run.id"] = 5, ["gitlab.project"] = redact.project "acme/app" } }, spans[2])
  end)

  it("learns of calls that sent nothing, and no secret", function()
    local c, spans, rt = traced { { failure = { outcome = "permanent", code = "tls" } } }
    rt:run(function()
      assert.is_nil((c:call(operations.triggers.run, { project = 17, body = {
        token = core.secret.new "glptt-0123456789abcdef", ref = "a-" .. TOKEN } })))
    end)
    local span = spans[#spans]
    assert.equals("NetworkError.TlsFailed", span.error)
    assert.is_nil(span.status)
    assert.is_string(span.attributes["vcs.ref.head.name"])
    for _, value in pairs(span.attributes) do
      assert.is_nil(tostring(value):find("0123456789abcdef", 1, true))
    end
  end)

  it("that fails is told in the log, and the call goes on", function()
    local said = {}
    local c, _, rt = traced({ { body = { id = 3 } } }, function() error("no collector", 0) end,
      function(level, message) said[#said + 1] = level .. ": " .. message end)
    rt:run(function()
      assert.equals(3, assert(c:call(operations.pipelines.get, { project = 17, pipeline_id = 3 })).id)
    end)
    assert.same({ "warn: the tracer failed: no collector" }, said)
  end)
end)
