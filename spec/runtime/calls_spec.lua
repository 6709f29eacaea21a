-- A real client's call works wherever it stands: over libcurl with a simulated GitLab that is served
-- by the same loop, and in virtual time over the simulated GitLab itself.
local gitlab = require "gitlab_pipelines"
local places = require "support.places"

local function over_the_wire()
  local rt = gitlab.runtime.native
  local server = assert(gitlab.mock.serve { runtime = rt })
  local gl = assert(gitlab.new { url = server.url, token = server.token, runtime = rt, limits = false })
  return gl, rt, function()
    gl:close()
    server.stop()
    -- A transport lets go of the loop at the turn that finds it idle.
    rt:sleep(0)
    assert(#rt.pollables == 0, "something is still attached to the loop")
  end
end

local function in_virtual_time()
  local rt = gitlab.runtime.virtual.new()
  local transport = assert(gitlab.mock.new { runtime = rt })
  local gl = assert(gitlab.new { url = "http://127.0.0.1", token = transport.token,
    transport = transport, runtime = rt, limits = false })
  return gl, rt, function() gl:close() end
end

for name, open in pairs { ["over the wire"] = over_the_wire, ["in virtual time"] = in_virtual_time } do
  describe("a client's call " .. name, function()
    local gl, rt, close, pipelines
    before_each(function()
      gl, rt, close = open()
      pipelines = {}
      for i = 1, 5 do pipelines[i] = assert(gl.pipelines:create(7, { ref = "main" })) end
    end)
    after_each(function() close() end)

    -- Twice the place among the pipelines: what support/places expects of a call.
    local function call(i)
      local pipeline = assert(gl.pipelines:get(7, pipelines[i].id))
      return (pipeline.id - pipelines[1].id + 1) * 2
    end

    for _, place in ipairs(places) do
      it("works from " .. place[1] .. ", outside run and inside", function()
        assert.are.equal(place[3], place[2](call))
        local others = 0
        local result = rt:run(function()
          for i = 1, 3 do
            rt:spawn(function()
              local value = call(i)
              others = others + value
            end)
          end
          return place[2](call)
        end)
        assert.are.equal(place[3], result)
        assert.are.equal(12, others)
      end)
    end

    it("pages lazily from a for-in loop, inside run and outside", function()
      local function count()
        local seen = 0
        for _ in gl.pipelines:each(7, { per_page = 2 }) do seen = seen + 1 end
        return seen
      end
      assert.are.equal(5, count())
      assert.are.equal(5, rt:run(count))
    end)

    it("is withdrawn when its task is cancelled, and the client goes on", function()
      rt:run(function()
        local task = rt:spawn(function() return gl.pipelines:get(7, pipelines[1].id) end)
        task:cancel()
        local result, err = task:join()
        assert.is_nil(result)
        assert.is_true(err:is "TaskError.Cancelled")
        assert.are.equal(2, call(1))
      end)
    end)
  end)
end

describe("a client's call over the wire", function()
  it("that is cancelled while it is under way leaves the engine usable", function()
    local gl, rt, close = over_the_wire()
    local pipeline = assert(gl.pipelines:create(7, { ref = "main" }))
    rt:run(function()
      for turns = 0, 12 do
        local task = rt:spawn(function() return gl.pipelines:get(7, pipeline.id) end)
        for _ = 1, turns do rt:sleep(0) end
        task:cancel()
        local result, err = task:join()
        assert.is_true(result ~= nil or err:is "TaskError.Cancelled", tostring(err))
      end
      assert.are.equal(pipeline.id, assert(gl.pipelines:get(7, pipeline.id)).id)
    end)
    close()
  end)
end)
