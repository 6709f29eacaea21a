local gitlab = require "gitlab_pipelines"

describe("the face", function()
  it("loads its parts when they are used", function()
    local loaded = {}
    for name in pairs(package.loaded) do loaded[name] = true end
    package.loaded["gitlab_pipelines"] = nil
    local fresh = require "gitlab_pipelines"
    for name in pairs(package.loaded) do
      if name:find "^gitlab_pipelines" then assert.is_true(loaded[name], name) end
    end
    package.loaded["gitlab_pipelines"] = gitlab
    assert.is_nil(rawget(fresh, "errors"))
    assert.equal(require "gitlab_pipelines.errors", fresh.errors)
  end)

  it("knows statuses", function()
    assert.is_true(gitlab.status.is_finished "success")
    assert.is_true(gitlab.status.is_active "running")
    assert.is_true(gitlab.status.is_blocked "manual")
    assert.is_false(gitlab.status.is_finished "quantum")
  end)

  it("makes arrays, nulls and secrets", function()
    local json = require "gitlab_pipelines.json"
    assert.equal("[]", json.encode(gitlab.array {}))
    assert.equal('[null]', json.encode { gitlab.null })
    assert.equal("[secret]", tostring(gitlab.secret.new "glpat-0123456789"))
    assert.equal("[secret X]", tostring(gitlab.secret.named "X"))
    assert.is_true(gitlab.secret.is_named(gitlab.secret.named "X"))
    assert.is_true(gitlab.secret.is(gitlab.secret.new "glpat-0123456789"))
  end)

  it("runs tasks", function()
    local order = {}
    local result = gitlab.run(function()
      local task = gitlab.spawn(function(n)
        order[#order + 1] = "task"
        return n + 1
      end, 1)
      order[#order + 1] = "main"
      gitlab.sleep(0)
      return task:join()
    end)
    assert.equal(2, result)
    assert.same({ "main", "task" }, order)
    assert.same({ 1, 2, n = 2 }, gitlab.all { function() return 1 end, function() return 2 end })
    assert.is_number(gitlab.now())
  end)

  it("uses the loop that is being driven", function()
    local runtime = gitlab.runtime.virtual.new()
    runtime:run(function()
      local before = gitlab.now()
      gitlab.sleep "1h"
      assert.equal(3600, gitlab.now() - before)
    end)
  end)

  it("raises what is wrong with a client's options at the line that gave them", function()
    for _, given in ipairs { { tokn = "x" }, { timeout = { connect = "soon" } },
      { retry = { settle = { finish = "soon" } } }, { transport = "wget" }, { tracer = 5 },
      { log = "/nonexistent/log" }, { user_agent = "a\r\nX-Header: b" } } do
      local ok, message = pcall(function() return (gitlab.new(given)) end)
      assert.is_false(ok, message)
      assert.matches("^spec/init_spec.lua:%d+: gitlab.new: ", message)
    end
  end)

  it("raises what is wrong with a log parser's options at the line that gave them", function()
    for _, given in ipairs { { fromat = "text" }, { format = "pdf" }, { section = 1 }, "text" } do
      local ok, message = pcall(function() return (gitlab.joblog.parser(given)) end)
      assert.is_false(ok, message)
      assert.matches("^spec/init_spec.lua:%d+: joblog.parser: ", message)
    end
    assert.same({ 1, "x" }, { (function(line) return line.number, line.text end)(
      gitlab.joblog.parser():feed("x\n")[1]) })
  end)

  it("has nothing by other names", function()
    assert.is_nil(gitlab.nothing)
  end)
end)
