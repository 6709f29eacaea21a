local errors = require "gitlab_pipelines.errors"
local shared = require "gitlab_pipelines.cli.shared"

describe("cli/shared", function()
  it("says at once, before a wait, when nobody is there to be asked, and bears what may still appear", function()
    local ctx, answer = {}, nil
    function ctx:check(value, err) -- luacheck: ignore 212
      if value == nil then error(err, 0) end
    end
    local group = { get = function(_, project, id)
      assert.same({ "g/p", 7 }, { project, id })
      return (table.unpack or unpack)(answer, 1, 2)
    end }
    local function greet() return pcall(shared.greet, ctx, group, "g/p", 7) end
    answer = { { id = 7 } }
    assert.is_true((greet()))
    answer = { nil, errors.new("AccessError.PipelineNotFound", { message = "404 Not found" }) }
    assert.is_true((greet()))
    for _, name in ipairs { "NetworkError.ConnectionFailed", "AuthenticationError.InvalidToken",
      "ServerError.ServiceUnavailable" } do
      answer = { nil, errors.new(name, { message = "x" }) }
      local ok, err = greet()
      assert.is_false(ok)
      assert.equal(answer[2], err)
    end
  end)
end)
