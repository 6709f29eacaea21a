-- Clients of other people against the served simulation.
local interpreter = os.getenv "GP_LUA" or "lua5.4"

local function run(command)
  local pipe = assert(io.popen(("timeout 60 %s '%s' spec/support/mock_serve.lua spec/support/mock_world.lua 2>&1")
    :format(command, interpreter)))
  local output = pipe:read "*a"
  pipe:close()
  return output
end

describe("python-gitlab", function()
  it("works through pipelines, jobs, triggers, variables, environments, artifacts and webhooks unchanged", function()
    assert.equal("ok\n", run "/usr/bin/python3 spec/support/python_gitlab.py")
  end)
end)

describe("Ruby's gitlab", function()
  it("works through pipelines, jobs, triggers, variables, environments, artifacts and webhooks unchanged", function()
    assert.equal("ok\n", run "/usr/bin/ruby -W0 spec/support/gitlab_gem.rb")
  end)
end)
