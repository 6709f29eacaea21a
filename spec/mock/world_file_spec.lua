local json = require "gitlab_pipelines.json"
local world = require "gitlab_pipelines.mock.world"

describe("a world file", function()
  it("is the globals of a Lua file, as JSON", function()
    assert.equal('{"projects":{"acme/lib":{"id":11,"jobs":[{"duration":0.5,"name":"unit"}]}},"seed":3}',
      world.parse([[
        projects = { ["acme/lib"] = { id = 10 + 1, jobs = { { name = "unit", duration = 0.5 } } } }
        seed = 3]], "w"))
  end)

  it("can be JSON, which is used unchanged", function()
    local text = ' {"projects": {"a/b": {"id": 1}}}'
    assert.equal(text, world.parse(text, "w"))
  end)

  it("is read from disk", function()
    local path = os.tmpname()
    local file = io.open(path, "w")
    file:write "projects = {}"
    file:close()
    assert.same({ projects = {} }, json.decode(world.load(path)))
    os.remove(path)
    local none, message = world.load(path)
    assert.is_nil(none)
    assert.truthy(message:match "^cannot read the world: .*No such file")
    none, message = world.load "/"
    assert.is_nil(none)
    assert.truthy(message:match "^cannot read the world: ")
  end)

  it("is refused with the problem and its place", function()
    for text, expected in pairs {
      ["projects = {"] = "^w:1: ",
      ["\nprojects = os.getenv 'HOME'"] = "^w:2: ",
      ["f = function() end"] = "^w: a world is data only: ",
      ["projects = { 1, x = 2 }"] = "^w: a world is data only: ",
      ["{ bad"] = "^w: ",
      ["\27Lua"] = "^w:1: attempt to load",
    } do
      local none, message = world.parse(text, "w")
      assert.is_nil(none, text)
      assert.truthy(message:match(expected), message)
    end
  end)
end)
