-- Webhooks of a simulated GitLab that is served: sent over the network, answers reported.
local curl = require "gitlab_pipelines.transport.curl"
local echo_server = require "support.echo"
local httpd = require "support.httpd"
local json = require "gitlab_pipelines.json"
local mock = require "gitlab_pipelines.mock"
local runtime = require "gitlab_pipelines.runtime"

local TOKEN = "spec-token-0123456789"

-- Asks the served simulation; status and decoded body.
local function ask(client, url, method, path, body)
  local response, failure = client:perform { method = method, url = url .. path, operation = "spec",
    effect = "set", headers = { { "PRIVATE-TOKEN", TOKEN }, { "Content-Type", "application/json" } },
    body = body and json.encode(body), timeout = { connect = 5, request = 20 } }
  assert(response, failure and failure.message)
  return response.status, response.body ~= "" and json.decode(response.body) or nil
end

-- The deliveries of the only target once `done` holds for all of them.
local function deliveries(client, url, count)
  for _ = 1, 2000 do
    local _, hooks = ask(client, url, "GET", "/_mock/hooks")
    local list, over = hooks[1].deliveries, 0
    for _, d in ipairs(list) do
      if d.state ~= "waiting" and d.state ~= "sending" then over = over + 1 end
    end
    if #list >= count and over == #list then return list end
  end
  error "the deliveries did not come to an end"
end

local function headers_of(delivery)
  local echo = assert(json.decode(delivery.answer))
  local found = {}
  for _, pair in ipairs(echo.headers) do found[pair[1]:lower()] = pair[2] end
  return found, echo
end

describe("transport.outbox", function()
  it("sends the deliveries of mock.serve, and reports the results", function()
    local rt = runtime.native
    local receiver = assert(echo_server.open())
    local server = assert(mock.serve { token = TOKEN, runtime = rt })
    local client = curl.new { runtime = rt, proxy = false }
    rt:attach(receiver)
    rt:run(function()
      assert.equal(201, (ask(client, server.url, "POST", "/_mock/hooks",
        { url = receiver:url() .. "/hook?a=1", token = "hush-hush", events = { "pipeline" } })))
      assert.equal(201, (ask(client, server.url, "POST", "/projects/1/trigger/pipeline",
        { ref = "main", terminal_after_seconds = 0 })))
      local list = deliveries(client, server.url, 1)
      assert.same({ "delivered", 200, 1 }, { list[1].state, list[1].status, list[1].attempts })
      local headers, echo = headers_of(list[1])
      assert.same({ "POST", "/hook?a=1" }, { echo.method, echo.target })
      assert.equal("hush-hush", headers["x-gitlab-token"])
      assert.equal("Pipeline Hook", headers["x-gitlab-event"])
      assert.matches("^GitLab/", headers["user-agent"])
      assert.equal(list[1].webhook_id, headers["webhook-id"])
    end)
    server.stop()
    rt:detach(receiver)
    receiver:close()
    client:close()
  end)

  it("reports an unreachable receiver as a failure, and retries", function()
    local rt = runtime.native
    local gone = assert(echo_server.open())
    local url = gone:url()
    gone:close()
    local server = assert(mock.serve { token = TOKEN, runtime = rt, clock = "virtual" })
    local client = curl.new { runtime = rt, proxy = false }
    rt:run(function()
      ask(client, server.url, "POST", "/_mock/hooks", { url = url, events = { "pipeline" }, retries = 1 })
      ask(client, server.url, "POST", "/projects/1/trigger/pipeline", { ref = "main" })
      local list
      for _ = 1, 2000 do
        local _, hooks = ask(client, server.url, "GET", "/_mock/hooks")
        list = hooks[1].deliveries
        if list[1] and list[1].answered_at then break end
      end
      assert.same({ "waiting", 1 }, { list[1].state, list[1].attempts })
      assert.is_nil(list[1].status)
      assert.truthy(#list[1].answer > 0)
      ask(client, server.url, "POST", "/_mock/clock", { advance = 10 })
      list = deliveries(client, server.url, 1)
      assert.same({ "failed", 2 }, { list[1].state, list[1].attempts })
    end)
    server.stop()
    client:close()
  end)

  it("works under mock serve, which still tolerates a closed pipe and ends cleanly on a hangup", function()
    local receiver = httpd.echo()
    local server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db",
      ":memory:" }, { MOCK_TOKEN = TOKEN })
    local rt = runtime.native
    local client = curl.new { runtime = rt, proxy = false }
    rt:run(function()
      ask(client, server.url, "POST", "/_mock/hooks", { url = receiver.url .. "/x", events = { "pipeline", "job" },
        signing_token = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" })
      ask(client, server.url, "POST", "/projects/1/trigger/pipeline", { ref = "main" })
      ask(client, server.url, "POST", "/_mock/clock", { advance = 60 })
      local list = deliveries(client, server.url, 3)
      for _, delivery in ipairs(list) do
        assert.same({ "delivered", 200 }, { delivery.state, delivery.status })
        local headers = headers_of(delivery)
        assert.matches("^v1,", headers["webhook-signature"])
      end
    end)
    server:signal "PIPE"
    rt:run(function() assert.equal(200, (ask(client, server.url, "GET", "/version"))) end)
    client:close()
    server:signal "HUP"
    assert.same({ 0, "" }, { server:wait() })
    receiver:stop()
  end)
end)
