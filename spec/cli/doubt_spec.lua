-- A run with a step in doubt, as its user meets it: the last lines are commands that can be typed. The
-- developer's token cannot read the variables of what another's trigger token made.

local httpd = require "support.httpd"
local json = require "gitlab_pipelines.json"
local process = require "support.process"

local TOKEN, DEVELOPER, TRIGGER = "spec-token-0123456789", "glpat-developer-0001", "glptt-trigger-000001"

local WORLD = ([[projects = { ["p/app"] = { id = 1, queued = 0, default_branch = "main", trigger_tokens = { %q },
  jobs = { { name = "job", stage = "test", duration = 0 } } } }
tokens = { { token = %q, name = "dev", user = "dev", scopes = { "api" }, role = "developer" } }
]]):format(TRIGGER, DEVELOPER)

local FLOW = [[name = "doubtful"
smoke = each { over = { "eu west" }, make = function(region)
  return pipeline { project = "p/app", ref = "main", trigger_token = secret "T", variables = { R = region } } end }
last = pipeline { project = "p/app", ref = "main", trigger_token = secret "T", needs = { smoke } }
]]

describe("the command, with a step in doubt,", function()
  local server, folder, remove

  before_each(function()
    local path
    path, remove = process.file "flow.lua"
    folder = path:match "^(.*)/"
    for name, text in pairs { ["flow.lua"] = FLOW, ["world.lua"] = WORLD } do
      local file = assert(io.open(folder .. "/" .. name, "w"))
      file:write(text)
      file:close()
    end
    server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db",
      ":memory:", "--world", folder .. "/world.lua" }, { MOCK_TOKEN = TOKEN })
  end)
  after_each(function()
    server:stop()
    remove()
  end)

  local function run(words)
    local pipe = assert(io.popen(("XDG_STATE_HOME=%s GITLAB_TOKEN=%s GITLAB_PIPELINES_SECRET_T=%s GITLAB_URL=%s "
      .. "%s spec/support/settled_command.lua %s 2>&1 </dev/null; echo \"exit $?\""):format(folder, DEVELOPER,
        TRIGGER, server.url, httpd.lua, words)))
    local text, code = pipe:read("*a"):match "^(.*)exit (%d+)\n$"
    pipe:close()
    return text, tonumber(code)
  end

  local function ask(words, target)
    local pipe = assert(io.popen(("curl -s -H 'PRIVATE-TOKEN: %s' -H 'Content-Type: application/json' %s '%s%s'")
      :format(TOKEN, words, server.url, target)))
    local text = pipe:read "*a"
    pipe:close()
    return text
  end

  local function count()
    return #assert(json.decode(ask("", "/_mock/pipelines?per_page=100")))
  end

  -- The answer to the first creation is lost. What the command then said.
  local function in_doubt()
    ask([[-d '{"method":"POST","path":"/projects/*/*pipeline","apply_then_drop":true,"times":1}']], "/_mock/faults")
    local text, code = run("run " .. folder .. "/flow.lua")
    assert.equal(6, code, text)
    assert.equal(1, count())
    return text
  end

  -- The command that stands behind some words of what was said, as it stands there.
  local function command(text, words)
    local found = text:match(words:gsub("%p", "%%%0") .. "gitlab%-pipelines ([^\n]+)")
    assert.is_string(found, text)
    return found
  end

  it("ends with 6 and the candidates; the command that adopts one finishes the run", function()
    local text = in_doubt()
    assert.matches("smoke/eu west is in doubt: whether there is a pipeline", text, 1, true)
    text = run(command(text, "  if it is pipeline 1: "))
    assert.matches("smoke/eu west: success", text, 1, true)
    assert.matches("doubtful succeeded", text, 1, true)
    assert.equal(2, count())
  end)

  it("makes it when the command that sends it again is typed", function()
    local text, code = run(command(in_doubt(), "  if nothing was made: "))
    assert.equal(0, code, text)
    assert.equal(3, count())
  end)

  it("is in doubt still when the run is just resumed, and `runs show` says why", function()
    local text = in_doubt()
    local id = text:match "run (%x+) is not over"
    local again, code = run(command(text, "resume it with: "))
    assert.equal(6, code)
    assert.matches("  if it is pipeline 1: ", again, 1, true)
    assert.equal(1, count())
    assert.matches("smoke/eu west +unknown .*it may be one of these pipelines: 1", (run("runs show " .. id)))
    -- Cancelled, it waits for the decision too.
    text, code = run("runs cancel " .. id)
    assert.equal(6, code)
    assert.matches("smoke/eu west is in doubt", text, 1, true)
  end)

  it("refuses a decision that cannot be meant, with the usage's code", function()
    local resume = command(in_doubt(), "resume it with: ")
    for _, case in ipairs {
      { "--adopt none=1", 2, "there is no step 'none'" },
      { "--adopt last=1", 2, "step 'last' is not in doubt: it has not begun" },
      { "--adopt last", 2, "--adopt wants STEP=ID, not 'last'" },
      { "--adopt last=0", 2, "--adopt wants STEP=ID, not 'last=0'" },
      { "--adopt 'smoke.eu west=1' --adopt 'smoke.eu west=2'", 2, "--adopt names two pipelines for smoke.eu west" },
      { "--adopt 'smoke.eu west=1' --send-again 'smoke.eu west'", 2, "cannot both adopt a pipeline and be sent again" },
      { "--adopt 'smoke.eu west=77'", 6, "adopt smoke.eu west=77: 404 Not found" },
      { "--send-again smoke", 2, "step 'smoke' is not in doubt" },
    } do
      local text, code = run(resume .. " " .. case[1])
      assert.matches(case[3], text, 1, true)
      assert.equal(case[2], code, text)
    end
    for _, words in ipairs { "--adopt a=1", "--send-again a", "--drop a", "--accept-changes" } do
      local text, code = run("run " .. folder .. "/flow.lua " .. words)
      assert.same({ 2, words:match "^%S+" .. " needs --resume" }, { code, text:match "^gitlab%-pipelines: (.-)\n" })
    end
    assert.equal(1, count())
  end)
end)
