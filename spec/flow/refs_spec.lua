local refs = require "gitlab_pipelines.flow.refs"

describe("references", function()
  local function new()
    local step = { name = "lib", kind = "pipeline" }
    local all = refs.new(function(message) error(message, 0) end)
    return all, all:step(step), step
  end

  it("say numbers as GitLab wants them", function()
    assert.equal("17", refs.text(17))
    assert.equal("17", refs.text(17.0))
    assert.equal("-3", refs.text(-3))
    assert.equal("123456789012345", refs.text(123456789012345))
    assert.equal("0.1", refs.text(0.1))
    assert.equal("98.75", refs.text(98.75))
    assert.equal(0.1 + 0.2, tonumber(refs.text(0.1 + 0.2)))
    assert.equal("true", refs.text(true))
  end)

  it("are described as they were written", function()
    local all, lib = new()
    assert.equal("lib.dotenv.BUILD_ID", all:describe(lib.dotenv.BUILD_ID))
    assert.equal('lib.job("deploy").web_url', all:describe(lib.job("deploy").web_url))
    assert.equal('lib.job("deploy").web_url', all:describe(lib:job("deploy").web_url))
    assert.equal('"v-<lib.id>-2"', all:describe("v-" .. lib.id .. "-" .. 2))
    assert.equal("lib.1.id", all:describe(lib[1].id))
  end)

  it("are filled in wherever they stand, in one order", function()
    local all, lib = new()
    local asked = {}
    local value = all:resolve({ z = lib.a, a = { "x", lib.b }, t = "<" .. lib.c .. ">", n = 5 },
      function(meaning)
        asked[#asked + 1] = meaning.path[1]
        return meaning.path[1] == "c" and 7.0 or meaning.path[1]:upper()
      end)
    assert.same({ z = "A", a = { "x", "B" }, t = "<7>", n = 5 }, value)
    assert.same({ "b", "c", "a" }, asked)
  end)

  it("keep what marks a table", function()
    local all = new()
    local mark = {}
    local given = setmetatable({ 1 }, mark)
    assert.equal(mark, getmetatable(all:resolve(given, print)))
  end)

  it("show no way in", function()
    local _, lib = new()
    assert.equal("reference", getmetatable(lib))
    assert.equal("userdata", type(lib))
    assert.has_error(function() return lib.id[{}] end,
      "a field of lib.id must be named by a string or a number, not by a table")
    assert.has_error(function() return ("x" .. lib.id).y end, '"x<lib.id>" has no fields')
    assert.has_error(function() return lib.id .. {} end, "a table cannot be joined with `..`")
    assert.has_error(function() return -lib.id end,
      "lib.id is known only when the flow runs: it cannot be negated here")
  end)
end)
