local graph = require "gitlab_pipelines.flow.graph"

local function nodes(text)
  local list = {}
  for name, needs in text:gmatch "(%w+):([%w,]*)" do
    local node = { name = name, needs = {}, when = "success" }
    for need in needs:gmatch "%w+" do node.needs[#node.needs + 1] = need end
    list[#list + 1] = node
  end
  return list
end

describe("a graph", function()
  it("orders steps after their needs, and otherwise as they stand", function()
    local built = assert(graph.build(nodes "d:b,c b:a c:a a: e:"))
    assert.same({ "a", "e", "b", "c", "d" }, built.order)
    assert.same({ { "a", "e" }, { "b", "c" }, { "d" } }, built.levels)
    assert.same({ a = 1, e = 1, b = 2, c = 2, d = 3 }, built.depth)
    assert.same({ "b", "c" }, built.dependents.a)
  end)

  it("counts a need that is named twice once", function()
    assert.same({ "a", "b" }, assert(graph.build(nodes "b:a,a a:")).order)
  end)

  it("finds cycles, whatever leads to them", function()
    local built, err = graph.build(nodes "x: a:x,c b:a c:b d:c")
    assert.is_nil(built)
    assert.is_true(err:is "FlowError.Cycle")
    assert.same({ "a", "c", "b", "a" }, err.cycle)
    assert.equal("the steps' needs form a cycle: a needs c needs b needs a", err.message)
    built, err = graph.build(nodes "d:c a:b b:a c:a")
    assert.is_nil(built)
    assert.equal("the steps' needs form a cycle: a needs b needs a", err.message)
    built, err = graph.build(nodes "a:a")
    assert.is_nil(built)
    assert.equal("the steps' needs form a cycle: a needs a", err.message)
  end)

  it("names the step that is not there, and the nearest", function()
    local _, err = graph.build(nodes "lib: api:lob")
    assert.is_true(err:is "FlowError.UnknownStep")
    assert.equal("'api' needs 'lob', which is not a step; did you mean 'lib'?", err.message)
  end)

  it("knows every step before one", function()
    local built = assert(graph.build(nodes "a: b:a c:b d:"))
    assert.same({ a = true, b = true }, graph.ancestors(built, "c"))
  end)

  -- Any graph without cycles is ordered; any with one is refused: against a walk of its own.
  it("agrees with a naive walk on random graphs", function()
    local seed = tonumber(os.getenv "SEED") or 20261121
    local state = seed
    local function random(n)
      state = (state * 16807) % 2147483647
      return state % n + 1
    end
    for round = 1, 500 do
      local list = {}
      local count = random(9)
      for i = 1, count do list[i] = { name = "s" .. i, needs = {}, when = "success" } end
      for _ = 1, random(12) do
        local from = list[random(count)]
        from.needs[#from.needs + 1] = "s" .. random(count)
      end
      -- Reachability, naively: does a step reach itself?
      local reach = {}
      for i = 1, count do
        reach[i] = {}
        for _, need in ipairs(list[i].needs) do reach[i][tonumber(need:sub(2))] = true end
      end
      for k = 1, count do
        for i = 1, count do
          for j = 1, count do
            if reach[i][k] and reach[k][j] then reach[i][j] = true end
          end
        end
      end
      local cyclic = false
      for i = 1, count do cyclic = cyclic or reach[i][i] end
      local where = ("seed %d round %d"):format(seed, round)
      local built, err = graph.build(list)
      if cyclic then
        assert(not built and err:is "Cycle", where)
        for i = 1, #err.cycle - 1 do
          local found = false
          for _, need in ipairs(list[tonumber(err.cycle[i]:sub(2))].needs) do
            found = found or need == err.cycle[i + 1]
          end
          assert(found, where)
        end
      else
        assert(built and #built.order == count, where)
        local position = {}
        for i, name in ipairs(built.order) do position[name] = i end
        for _, node in ipairs(list) do
          for _, need in ipairs(node.needs) do
            assert(position[need] < position[node.name], where)
          end
        end
      end
    end
  end)
end)

describe("the decision about a step", function()
  local good = { status = "success" }
  local bad = { status = "failed" }
  local allowed = { status = "failed", allow_failure = true }
  local canceled = { status = "canceled" }
  local because = { status = "skipped", because = "failure" }
  local absent = { status = "skipped", because = "when" }
  local running = { status = "running" }
  local blocked = { status = "blocked" }
  local planned = { status = "planned" }

  -- when, states of its needs, what stopped the flow -> decision, reason, because
  local rows = {
    { "success", {}, nil, "run" },
    { "success", { good, allowed }, nil, "run" },
    { "success", { good, bad }, nil, "skip", "n2 failed", "failure" },
    { "success", { canceled }, nil, "skip", "n1 was canceled", "failure" },
    { "success", { because }, nil, "skip", "n1 was skipped", "failure" },
    { "success", { absent, bad }, nil, "skip", "n2 failed", "failure" },
    { "success", { absent }, nil, "skip", "n1 was skipped", "when" },
    { "success", { bad, running }, nil, "wait" },
    { "success", { blocked }, nil, "wait" },
    { "success", { planned }, "x", "wait" },
    { "success", { good }, "x", "skip", "x failed, and the flow stops then", "failure" },
    { "success", {}, "x", "skip", "x failed, and the flow stops then", "failure" },
    { "failure", { good, allowed }, nil, "skip", "nothing that it needs failed", "when" },
    { "failure", { good, bad }, nil, "run" },
    { "failure", { because }, "x", "run" },
    { "failure", { absent }, nil, "skip", "nothing that it needs failed", "when" },
    { "failure", { bad, running }, nil, "wait" },
    { "always", { bad, absent, canceled }, "x", "run" },
    { "always", { running }, nil, "wait" },
    { function() end, { bad }, "x", "ask" },
    { function() end, { running }, nil, "wait" },
  }
  for i, row in ipairs(rows) do
    it(("%d: %s with %d needs is %s"):format(i, tostring(type(row[1]) == "string" and row[1]
        or "a function"), #row[2], row[4]), function()
      local node, states = { when = row[1], needs = {} }, {}
      for n, state in ipairs(row[2]) do
        node.needs[n] = "n" .. n
        states["n" .. n] = state
      end
      assert.same({ row[4], row[5], row[6] }, { graph.decide(node, states, row[3]) })
    end)
  end
end)
