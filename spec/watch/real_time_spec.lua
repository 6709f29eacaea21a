-- Many waits in real time, against the simulated GitLab as a server, judged by its own record of
-- what it was asked. GP_FULL=1: 1,000 waits.

local gitlab = require "gitlab_pipelines"
local httpd = require "spec.support.httpd"
local json = require "gitlab_pipelines.json"

local PROJECTS = 10
local EACH = os.getenv "GP_FULL" and 100 or 20
local TOKEN = "real-time-token"

local function world()
  local projects = {}
  for i = 1, PROJECTS do
    projects["many/p" .. i] = { id = i, queued = 0, jobs = {
      { name = "short", stage = "test", duration = 3,
        variants = { { when = { variable = { FAIL = "1" } }, status = "failed",
          failure_reason = "script_failure" } } },
    } }
  end
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(json.encode { projects = projects })
  file:close()
  return path
end

local function client(url, options)
  options.url, options.token, options.proxy = url, TOKEN, false
  return assert(gitlab.new(options))
end

describe("waits in real time", function()
  it("report every end and ask no more than one list a project and interval", function()
    local path = world()
    local server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db",
      ":memory:",
      "--world", path }, { MOCK_TOKEN = TOKEN })
    local maker = client(server.url, { limits = false })
    local waiting, expected = {}, {}
    gitlab.run(function()
      local makers = {}
      for project = 1, PROJECTS do
        makers[project] = function()
          for i = 1, EACH do
            local fails = i % 7 == 0
            local made = assert(maker.pipelines:create(project, { ref = "main",
              variables = fails and { FAIL = "1" } or nil }))
            waiting[#waiting + 1] = { project, made.id }
            expected[made.id] = fails and "failed" or "success"
          end
          return true
        end
      end
      assert(gitlab.all(makers))
    end)
    maker:close()

    local watcher = client(server.url, {})
    local started = gitlab.now()
    local results = assert(watcher:watch(waiting))
    local elapsed = gitlab.now() - started
    local requests = watcher:stats().requests
    watcher:close()
    server:stop()
    os.remove(path)

    assert.equal(PROJECTS * EACH, #results)
    for _, result in ipairs(results) do
      assert.is_nil(result.err)
      assert.equal(expected[result.id], result.verdict)
    end
    -- The shortest interval is 2 s. A few rows may have to be read alone.
    local intervals = math.ceil(elapsed / 2) + 1
    local most = PROJECTS * intervals + EACH
    assert.is_true(requests <= most, ("%d requests in %.1f s, at most %d"):format(requests, elapsed, most))
  end)
end)
