local core = require "gitlab_pipelines.core"
local json = require "gitlab_pipelines.json"
local mock = require "gitlab_pipelines.mock"
local virtual = require "gitlab_pipelines.runtime.virtual"

describe("the in-process transport", function()
  local rt, transport
  before_each(function()
    rt = virtual.new { seed = 1 }
    transport = assert(mock.new { runtime = rt, allow_reset = true })
  end)
  after_each(function() transport:close() end)

  local token = core.secret.new "MOCK_SUPER_SECRET"

  local function ask(method, path, options)
    options = options or {}
    local request = { method = method, url = "https://gitlab.test/sub/api/v4" .. path,
      headers = { { "PRIVATE-TOKEN", token }, { "Content-Type", "application/json" } },
      body = options.body and json.encode(options.body), effect = options.effect or "read",
      timeout = options.timeout or {}, deadline = options.deadline, sink = options.sink,
      max_bytes = options.max_bytes, runtime = rt }
    return transport:perform(request)
  end

  local function fault(rule)
    local response = assert(ask("POST", "/_mock/faults", { body = rule }))
    assert.equal(201, response.status)
  end

  local function pipelines()
    return #json.decode(assert(ask("GET", "/_mock/pipelines")).body)
  end

  local function create()
    return ask("POST", "/projects/7/pipeline", { body = { ref = "main" }, effect = "create" })
  end

  it("responds with status, headers in any case and body, and links to the requested address", function()
    local response = assert(create())
    assert.equal(201, response.status)
    assert.equal("application/json", response:header "content-type")
    assert.truthy(response.headers:header "X-Request-Id")
    assert.equal("https://gitlab.test/sub/group/project-7/-/pipelines/1", json.decode(response.body).web_url)
    assert.is_false(response.reused)
  end)

  it("waits on the runtime's clock for a delay, and gives up in time", function()
    fault { path = "/version", delay = 5 }
    local before = rt:now()
    rt:run(function() assert.equal(200, assert(ask("GET", "/version")).status) end)
    assert.equal(5, rt:now() - before)
    before = rt:now()
    rt:run(function()
      local none, failure = ask("GET", "/version", { timeout = { request = 2 } })
      assert.is_nil(none)
      assert.same({ "unknown", "timeout" }, { failure.outcome, failure.code })
    end)
    assert.equal(2, rt:now() - before)
  end)

  it("turns faults into the errors that libcurl would report", function()
    for _, case in ipairs {
      { { reset = true }, "unknown", "reset", 0 },
      { { apply_then_drop = true }, "unknown", "reset", 1 },
      { { action = "truncate", bytes = 10 }, "unreadable", "reset", 1 },
      { { status = 502, apply = true }, 502, nil, 1 },
      { { status = 503, headers = { ["Retry-After"] = "7" } }, 503, nil, 0 },
      { { garbage = true }, "unknown", "protocol", 0 },
      { { action = "wrong_length", bytes = 100000 }, "unreadable", "reset", 1 },
    } do
      assert(ask("DELETE", "/_mock/pipelines"))
      assert(ask("DELETE", "/_mock/faults"))
      case[1].method, case[1].path = "POST", "/projects/*/pipeline"
      fault(case[1])
      local response, failure = create()
      if type(case[2]) == "number" then
        assert.equal(case[2], response.status)
      else
        assert.same({ case[2], case[3] }, { failure.outcome, failure.code })
      end
      assert.equal(case[4], pipelines())
    end
  end)

  it("strikes after n requests, every n-th, and at most n times", function()
    fault { path = "/version", status = 500, after = 2, every = 2, times = 2 }
    local seen = {}
    for i = 1, 9 do seen[i] = assert(ask("GET", "/version")).status end
    assert.same({ 200, 200, 200, 500, 200, 500, 200, 200, 200 }, seen)
  end)

  it("carries a request out later", function()
    fault { method = "POST", path = "/projects/*/pipeline", apply_late = 30 }
    local _, failure = create()
    assert.equal("unknown", failure.outcome)
    assert(ask("DELETE", "/_mock/faults"))
    assert.equal(0, pipelines())
    rt:run(function() rt:sleep(30) end)
    assert.equal(1, pipelines())
  end)

  it("throttles with Retry-After", function()
    fault { path = "/version", throttle = { limit = 2, period = 60 } }
    local seen, last = {}, nil
    for i = 1, 3 do
      last = assert(ask("GET", "/version"))
      seen[i] = last.status
    end
    assert.same({ 200, 200, 429 }, seen)
    assert.equal("60", last:header "Retry-After")
    assert.equal("Retry later", last.body)
    rt:run(function() rt:sleep(60) end)
    assert.equal(200, assert(ask("GET", "/version")).status)
  end)

  it("hides new rows from reads while replicas lag", function()
    fault { lag = 5 }
    assert(create())
    assert.equal(404, assert(ask("GET", "/projects/7/pipelines/1")).status)
    assert.equal("[]", assert(ask("GET", "/projects/7/pipelines")).body)
    rt:run(function() rt:sleep(5) end)
    assert.equal(200, assert(ask("GET", "/projects/7/pipelines/1")).status)
  end)

  it("gives a body to a sink, and bounds one in memory", function()
    assert(create())
    local pieces = {}
    local response = assert(ask("GET", "/projects/7/jobs/1/trace", { sink = function(chunk)
      pieces[#pieces + 1] = chunk
      return true
    end }))
    assert.is_nil(response.body)
    assert.equal(response.bytes, #table.concat(pieces))
    local none, failure = ask("GET", "/projects/7", { max_bytes = 10 })
    assert.is_nil(none)
    assert.equal("too_large", failure.code)
    none, failure = ask("GET", "/projects/7/jobs/1/trace", { sink = function() return nil, "full" end })
    assert.is_nil(none)
    assert.same({ "sink", "full" }, { failure.code, failure.message })
  end)

  it("remembers the requests, without the token", function()
    assert(create())
    local body = assert(ask("GET", "/_mock/requests")).body
    assert.is_nil(body:find("MOCK_SUPER_SECRET", 1, true))
    local list = json.decode(body)
    assert.equal(1, #list)
    assert.same({ "POST", "/api/v4/projects/7/pipeline", 201, { ref = "main" }, "[redacted]" },
      { list[1].method, list[1].path, list[1].status, list[1].body, list[1].headers["PRIVATE-TOKEN"] })
  end)
end)
