-- `trigger --once` against `mock serve`, as processes.
local httpd = require "support.httpd"
local json = require "gitlab_pipelines.json"
local process = require "support.process"

local state, remove

local TOKEN = "spec-token-0123456789"

local server

local function serve()
  server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db",
    ":memory:" }, { MOCK_TOKEN = TOKEN })
  return server
end

-- Runs `trigger` with these words; what it printed and its exit code.
local function trigger(words)
  local pipe = assert(io.popen(("XDG_STATE_HOME=%s GITLAB_URL=%s GITLAB_TOKEN=%s %s bin/gitlab-pipelines "
    .. "trigger -p 11 -r main %s 2>&1; echo \"exit $?\""):format(state, server and server.url
    or "http://127.0.0.1:1", TOKEN, httpd.lua, words)))
  local text, code = pipe:read("*a"):match "^(.*)exit (%d+)\n$"
  pipe:close()
  return text, tonumber(code)
end

local function ask(path, body)
  local pipe = assert(io.popen(("curl -s -H 'PRIVATE-TOKEN: %s' -H 'Content-Type: application/json' %s '%s%s'")
    :format(TOKEN, body and "-d " .. httpd.quote(body) or "", server.url, path)))
  local text = pipe:read "*a"
  pipe:close()
  return json.decode(text)
end

describe("trigger --once", function()
  before_each(function() state, remove = process.file "" end)
  after_each(function()
    if server then server:stop() end
    server = nil
    remove()
  end)

  it("makes one pipeline for a key, however often it runs", function()
    serve()
    local first, code = trigger("--once release-1")
    assert.equal(0, code, first)
    local id = first:match "^pipeline (%d+)"
    local second
    second, code = trigger("--once release-1")
    assert.same({ 0, id }, { code, second:match "^pipeline (%d+)" })
    assert.matches("made before", second)
    local shown = json.decode((trigger("--once release-1 --json")))
    assert.same({ tonumber(id), true }, { shown.id, shown.adopted })
    assert.equal(1, #ask("/_mock/pipelines"))
    first, code = trigger("--once release-1 -v A=1")
    assert.equal(6, code)
    assert.matches("KeyReused", first)
  end)

  it("finds the pipeline whose answer was lost", function()
    serve()
    ask("/_mock/faults",
      [[{"method": "POST", "path": "/projects/*/pipeline", "times": 1, "apply_then_drop": true}]])
    local text, code = trigger("--once k")
    assert.equal(0, code, text)
    assert.matches("made before", text)
    assert.equal(1, #ask("/_mock/pipelines"))
  end)

  it("takes a person's choice", function()
    serve()
    local id = ask("/projects/11/pipeline", [[{"ref": "main"}]]).id
    local text, code = trigger("--once k --adopt " .. id)
    assert.equal(0, code, text)
    assert.equal(tostring(id), text:match "^pipeline (%d+)")
    text, code = trigger("--once other --adopt " .. id)
    assert.equal(6, code)
    assert.matches("belongs to another key", text)
    text, code = trigger("--once third --send-again")
    assert.equal(0, code, text)
  end)

  it("tells wrong usage before it asks anybody", function()
    for _, words in ipairs { "--adopt 3", "--send-again", "--once k --adopt x", "--once ''",
      "--once k --adopt 3 --send-again" } do
      local text, code = trigger(words)
      assert.equal(2, code, text)
      assert.matches("^gitlab%-pipelines: [^\n]*%-%-[^\n]*\n$", text)
    end
  end)

  it("tells the key to a person who does not wait", function()
    serve()
    ask("/_mock/faults",
      [[{"method": "POST", "path": "/projects/*/pipeline", "times": 1, "drop": true}]])
    local script = ([[
      XDG_STATE_HOME=%s GITLAB_URL=%s GITLAB_TOKEN=%s %s bin/gitlab-pipelines trigger -p 11 -r main \
        --once "my key" >%sout 2>&1 & pid=$!
      for i in $(seq 500); do curl -s -H 'PRIVATE-TOKEN: %s' '%s/_mock/requests?method=POST' \
        | grep -q pipeline && break; done
      kill -INT $pid
      for i in $(seq 100000); do grep -q 'Ctrl-C again' %sout && break; done
      kill -INT $pid
      wait $pid; echo "exit $?"]]):format(state, server.url, TOKEN, httpd.lua, state, TOKEN, server.url,
        state)
    local pipe = assert(io.popen("bash -c " .. httpd.quote("set -m\n" .. script) .. " 2>/dev/null"))
    assert.equal("exit 130", pipe:read("*a"):match "exit %d+")
    pipe:close()
    local file = assert(io.open(state .. "out"))
    assert.matches("key 'my key' is left as it is", file:read "*a")
    file:close()
    assert.equal(0, #ask("/_mock/pipelines"))
  end)
end)

describe("trigger --wait --cancel-on-interrupt", function()
  before_each(function() state, remove = process.file "" end)
  after_each(function()
    if server then server:stop() end
    server = nil
    remove()
  end)

  it("leaves no pipeline running that was being made when the signal came", function()
    serve()
    ask("/_mock/faults", [[{"method": "POST", "path": "/projects/*/pipeline", "delay": 0.5}]])
    local script = ([[
      XDG_STATE_HOME=%s GITLAB_URL=%s GITLAB_TOKEN=%s %s bin/gitlab-pipelines trigger -p 11 -r main \
        --wait --cancel-on-interrupt >%sout 2>&1 & pid=$!
      for i in $(seq 500); do curl -s -H 'PRIVATE-TOKEN: %s' '%s/_mock/requests?method=POST' \
        | grep -q pipeline && break; done
      kill -INT $pid
      wait $pid; echo "exit $?"]]):format(state, server.url, TOKEN, httpd.lua, state, TOKEN, server.url)
    local pipe = assert(io.popen("bash -c " .. httpd.quote("set -m\n" .. script) .. " 2>/dev/null"))
    assert.equal("exit 130", pipe:read("*a"):match "exit %d+")
    pipe:close()
    local made = ask("/_mock/pipelines")
    assert.equal(1, #made)
    assert.equal("canceled", made[1].status)
  end)
end)
