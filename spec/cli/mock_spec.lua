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
  it("prints one line with its URL, serves, and ends cleanly on SIGTERM and SIGINT", function()
    for _, signal in ipairs { "TERM", "INT" } do
      local server = serve()
      assert.truthy(server.first_line:match "^simulated GitLab on http://127%.0%.0%.1:%d+$")
      assert.equal(200, (ask(server, "/api/v4/version")))
      server:signal(signal)
      assert.same({ 0, "" }, { server:wait() })
    end
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

  it("ends with 6 and one line when it can not listen", function()
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
