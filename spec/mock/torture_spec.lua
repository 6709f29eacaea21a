--- What only C can ask of the simulated GitLab: the failure of every allocation of its own, by a
--- program that is linked from the objects of this build.

local compile = require "spec.support.compile"

describe("the simulated GitLab in C", function()
  it("responds with 500 at worst whichever allocation fails, recovers, and leaks no block", function()
    local text = compile.run_mock("mock_torture", os.getenv "GP_FULL" == "1" and "1" or "5",
      "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup")
    local failures = tonumber(text:match "(%d+) allocations failed in turn")
    assert.is_true((failures or 0) > 100, text)
  end)
end)
