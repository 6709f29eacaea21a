local httpd = require "support.httpd"
local json = require "gitlab_pipelines.json"

local TOKEN = "spec-token-0123456789"

local function serve(words, environment)
  environment = environment or { MOCK_TOKEN = TOKEN }
  local command = { httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0" }
  for _, word in ipairs(words or { "--db", ":memory:" }) do command[#command + 1] = word end
  return httpd.start(command, environment)
end

-- Runs it where it is expected to fail; what it printed and its exit code.
local function refused(words)
  local pipe = assert(io.popen(("MOCK_TOKEN=%s %s bin/gitlab-pipelines mock serve %s 2>&1; echo \"exit $?\"")
    :format(TOKEN, httpd.lua, words)))
  local text, code = pipe:read("*a"):match "^(.*)exit (%d+)\n$"
  pipe:close()
  return text, tonumber(code)
end

local function ask(server, path, more, token)
  local pipe = assert(io.popen(("curl -s -w '\\n%%{http_code}' -H 'PRIVATE-TOKEN: %s' %s '%s%s'"):format(
    token or TOKEN, more or "", server.url, path)))
  local body, status = pipe:read("*a"):match "^(.*)\n(%d+)$"
  pipe:close()
  return tonumber(status), json.decode(body)
end

describe("mock serve", function()
  it("prints one line with its URL, serves, and ends cleanly on SIGTERM, SIGINT and SIGHUP", function()
    for _, signal in ipairs { "TERM", "INT", "HUP" } do
      local server = serve()
      assert.truthy(server.first_line:match "^simulated GitLab on http://127%.0%.0%.1:%d+$")
      assert.equal(200, (ask(server, "/api/v4/version")))
      server:signal(signal)
      assert.same({ 0, "" }, { server:wait() })
    end
  end)

  it("goes on under nohup when its terminal is closed, and when nobody reads what it prints", function()
    local command = "trap '' HUP; exec %s bin/gitlab-pipelines mock serve --port 0 --db :memory:"
    local server = httpd.start({ "sh", "-c", command:format(httpd.lua) }, { MOCK_TOKEN = TOKEN })
    server:signal "HUP"
    server:signal "PIPE"
    assert.equal(200, (ask(server, "/api/v4/version")))
    assert.same({ 0, "" }, { server:stop() })
  end)

  it("lets writes in flight end when it is stopped: what it acknowledged is there, what is there was acknowledged",
    function()
      local db = os.tmpname()
      local server = serve { "--db", db }
      finally(function() if not server.code then server:signal "KILL" end end)
      local pipe = assert(io.popen(("/usr/bin/python3 spec/support/writers.py %s %s 100000 2>&1"):format(server.url,
        TOKEN)))
      -- They are at it.
      repeat local _, rows = ask(server, "/projects/1/pipelines?per_page=100") until #rows > 50
      assert.same({ 0, "" }, { server:stop() })
      local told = pipe:read "*a"
      pipe:close()
      server = serve { "--db", db }
      local count = 0
      for id, ref in told:gmatch "created (%d+) (%S+)" do
        count = count + 1
        if count % 50 == 1 then
          local status, pipeline = ask(server, "/projects/1/pipelines/" .. id)
          assert.same({ 200, ref }, { status, pipeline.ref })
        end
      end
      assert.is_true(count > 0, told)
      local made = 0
      repeat
        local _, page = ask(server, ("/projects/1/pipelines?per_page=100&page=%d"):format(1 + made / 100))
        made = made + #page
      until #page < 100
      assert.equal(count, made)
      server:stop()
      for _, suffix in ipairs { "", "-wal", "-shm", "-lock" } do os.remove(db .. suffix) end
    end)

  it("answers what is hardly HTTP with a status, and the next client as ever", function()
    local server = serve()
    local head = "Host: a\r\nPRIVATE-TOKEN: " .. TOKEN .. "\r\n"
    local get = "GET /version HTTP/1.1\r\n" .. head .. "\r\n"
    for wanted, request in pairs {
      ["400 length"] = "POST /projects/1/pipeline HTTP/1.1\r\n" .. head .. "Content-Length: x\r\n\r\n",
      ["400 both"] = "POST /projects/1/pipeline HTTP/1.1\r\n" .. head
        .. "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      ["413 long"] = "POST /projects/1/pipeline HTTP/1.1\r\n" .. head .. "Content-Length: 99999999999999\r\n\r\n",
      ["431 head"] = "GET /version HTTP/1.1\r\n" .. head .. "X: " .. ("x"):rep(20000) .. "\r\n\r\n",
      ["405 method"] = "BREW /version HTTP/1.1\r\n" .. head .. "\r\n",
      ["400 star"] = "OPTIONS * HTTP/1.1\r\n" .. head .. "\r\n",
      ["400 authority"] = "CONNECT a:80 HTTP/1.1\r\n" .. head .. "\r\n",
      ["200 absolute"] = "GET http://elsewhere/version HTTP/1.1\r\n" .. head .. "\r\n",
      ["200 plain"] = get,
    } do
      local _, received = httpd.raw(server, { httpd.step.send(request), httpd.step.answers(1), httpd.step.keep })
      local answer = httpd.answers(received)[1]
      assert.truthy(answer, wanted .. ": " .. received)
      local status = tonumber(wanted:match "%d+")
      assert.is_true(answer.status == status or status == 400 and answer.status >= 400 and answer.status < 500,
        wanted .. ": " .. received)
    end
    for _, garbage in ipairs { "\0\1\2\r\n\r\n", "GET\r\n\r\n", "\22\3\1\2\0\1\0\1\252\3\3",
      "GET /version HTTP/9.9\r\n\r\n" } do
      httpd.raw(server, { httpd.step.send(garbage), httpd.step.abort })
      assert.equal(200, (ask(server, "/api/v4/version")))
    end
    local _, received = httpd.raw(server, { httpd.step.times(20, get), httpd.step.answers(20), httpd.step.keep })
    local answers = httpd.answers(received)
    assert.equal(20, #answers)
    for _, answer in ipairs(answers) do assert.equal(200, answer.status) end
    assert.same({ 0, "" }, { server:stop() })
  end)

  it("serves each path with and without /api/v4, and keeps %2F", function()
    local server = serve()
    for _, prefix in ipairs { "", "/api/v4" } do
      local status, project = ask(server, prefix .. "/projects/group%2Fsub%2Fapp")
      assert.same({ 200, "group/sub/app" }, { status, project.path_with_namespace })
    end
    server:stop()
  end)

  it("wants the token of MOCK_TOKEN, or MOCK_SUPER_SECRET", function()
    local server = serve()
    assert.equal(401, (ask(server, "/api/v4/version", "", "MOCK_SUPER_SECRET")))
    server:stop()
    server = serve(nil, { MOCK_TOKEN = "" })
    assert.equal(200, (ask(server, "/api/v4/version", "", "MOCK_SUPER_SECRET")))
    server:stop()
  end)

  it("resets only where MOCK_ALLOW_RESET is 1", function()
    for value, expected in pairs { ["0"] = 403, ["1"] = 204 } do
      local server = serve(nil, { MOCK_TOKEN = TOKEN, MOCK_ALLOW_RESET = value })
      local status = ask(server, "/_mock/reset", "-X POST")
      assert.is_true(status == expected or (expected == 204 and status == 200), tostring(status))
      server:stop()
    end
  end)

  it("holds its clock when asked to", function()
    local server = serve { "--db", ":memory:", "--clock", "virtual", "--seed", "7" }
    local _, created = ask(server, "/projects/1/trigger/pipeline",
      "-d ref=main -d terminal_after_seconds=3600")
    local path = "/projects/1/pipelines/" .. created.id
    assert.equal("running", select(2, ask(server, path)).status)
    ask(server, "/_mock/clock", "-d '{\"advance\": 3600}' -H 'Content-Type: application/json'")
    assert.equal("success", select(2, ask(server, path)).status)
    server:stop()
  end)

  it("plays a world and says where a world is wrong", function()
    local server = serve { "--db", ":memory:", "--world", "spec/support/python_gitlab_world.lua" }
    assert.same({ 200, 404 }, { (ask(server, "/projects/11")), (ask(server, "/projects/99")) })
    server:stop()
    local path = os.tmpname()
    local file = io.open(path, "w")
    file:write "projects = {\n  oops"
    file:close()
    local text, code = refused("--port 0 --db :memory: --world " .. path)
    os.remove(path)
    assert.equal(2, code)
    assert.truthy(text:match "^gitlab%-pipelines: [^\n]*:2: [^\n]*\n$", text)
  end)

  it("loses nothing that it acknowledged when it is killed", function()
    local db = os.tmpname()
    local acknowledged = {}
    for round = 1, 3 do
      local server = serve { "--db", db }
      for _, id in ipairs(acknowledged) do
        local status, pipeline = ask(server, "/projects/1/pipelines/" .. id)
        assert.same({ 200, id }, { status, pipeline.id })
      end
      for _ = 1, 5 do
        local status, pipeline = ask(server, "/projects/1/trigger/pipeline", "-d ref=round-" .. round)
        assert.equal(201, status)
        acknowledged[#acknowledged + 1] = pipeline.id
      end
      server:signal "KILL"
      assert.equal(137, (server:wait()))
    end
    assert.equal(15, #acknowledged)
    for _, suffix in ipairs { "", "-wal", "-shm", "-journal", "-lock" } do os.remove(db .. suffix) end
  end)

  it("ends with 6 and one line when it cannot listen", function()
    local server = serve()
    local text, code = refused("--db :memory: --port " .. server.port)
    assert.equal(6, code)
    assert.equal(("gitlab-pipelines: cannot listen on 127.0.0.1 port %d: Address already in use\n")
      :format(server.port), text)
    server:stop()
  end)

  it("ends with 2 on wrong usage", function()
    for _, words in ipairs { "--port x", "--port=-1", "--port 70000", "--clock slow", "--seed 1.5",
      "--world /nowhere.lua --port 0" } do
      local text, code = refused(words)
      assert.equal(2, code, words .. ": " .. text)
      assert.truthy(text:match "^gitlab%-pipelines: [^\n]+\n$", text)
    end
  end)
end)
