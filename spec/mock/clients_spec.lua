-- Clients of other people against the served simulation.
describe("python-gitlab", function()
  it("works through pipelines, jobs, triggers, variables and environments unchanged", function()
    local interpreter = arg and arg[-1] or "lua5.4"
    local command = ("timeout 60 /usr/bin/python3 spec/support/python_gitlab.py %s %s %s 2>&1")
      :format(interpreter, "spec/support/mock_serve.lua", "spec/support/mock_world.lua")
    local pipe = assert(io.popen(command))
    local output = pipe:read "*a"
    pipe:close()
    assert.equal("ok\n", output)
  end)
end)
