local nearest = require "gitlab_pipelines.flow.nearest"

describe("the nearest name", function()
  local names = { "pipeline", "play", "project", "ref", "variables", "wait_for" }

  it("is one letter away: left out, put in, changed, swapped, or in another case", function()
    assert.equal("pipeline", nearest.name("pipelin", names))
    assert.equal("project", nearest.name("projectt", names))
    assert.equal("project", nearest.name("projekt", names))
    assert.equal("ref", nearest.name("rfe", names))
    assert.equal("wait_for", nearest.name("Wait_For", names))
  end)

  it("may be further away in a longer name, and is none when nothing is near", function()
    assert.equal("variables", nearest.name("varaibels", names))
    assert.is_nil(nearest.name("deploy", names))
    assert.is_nil(nearest.name("x", names))
  end)

  it("is the first by alphabet among equals, in whatever order they come", function()
    assert.equal("bat", nearest.name("xat", { "cat", "bat" }))
    assert.equal("bat", nearest.name("xat", { "bat", "cat" }))
  end)

  it("is a hint, or nothing", function()
    assert.equal("; did you mean 'ref'?", nearest.hint("reff", names))
    assert.equal("", nearest.hint("deploy", names))
  end)
end)
