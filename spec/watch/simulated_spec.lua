-- Many waits through the whole client against the simulated GitLab, in virtual time: pipelines that
-- end at their own times, new rows that replicas show late, requests counted by the server.
local gitlab = require "gitlab_pipelines"

describe("waits through the whole client", function()
  it("all end as their pipelines do, for few requests, though replicas lag", function()
    local rt = gitlab.runtime.virtual.new { seed = 8 }
    local transport = assert(gitlab.mock.new { runtime = rt })
    local gl = assert(gitlab.new { url = "http://127.0.0.1", token = transport.token,
      transport = transport, runtime = rt, limits = false })
    local status, body = transport:request("POST", "/_mock/faults", { body = '{"lag": 40}' })
    assert.is_true(status < 300, body)
    local count, projects, waits = 300, 10, {}
    rt:run(function()
      for i = 1, count do
        local project, final = 1 + i % projects, i % 3 == 0 and "failed" or "success"
        local pipeline = assert(gl.pipelines:create(project, { ref = "main", variables = {
          MOCK_TERMINAL_AFTER_SECONDS = tostring(60 + i), MOCK_TERMINAL_STATUS = final } }))
        waits[i] = { project = project, id = pipeline.id, final = final }
      end
      local before = gl:stats().requests
      for _, wait in ipairs(waits) do
        rt:spawn(function()
          local pipeline, verdict = gl.pipelines:wait(wait.project, wait.id)
          assert.is_truthy(pipeline, tostring(verdict))
          assert.are.equal(wait.final, verdict)
          wait.ended = true
        end)
      end
      rt:sleep(700)
      local requests = gl:stats().requests - before
      -- A look every 2 s at most: far fewer than one request a wait and look.
      assert.is_true(requests < projects * 400, requests .. " requests")
      for _, wait in ipairs(waits) do assert.is_true(wait.ended) end
    end)
    gl:close()
    assert.is_nil(rt:next_deadline())
  end)
end)
