local heap = require "gitlab_pipelines.runtime.heap"
local random = require "gitlab_pipelines.runtime.random"

describe("the timers' heap", function()
  it("gives entries by time, and those of one instant in the order of their registration", function()
    local timers = heap.new()
    for i, at in ipairs { 3, 1, 2, 1, 3, 1 } do timers:add({ at = at, name = i }) end
    local names = {}
    while timers:first() do
      names[#names + 1] = timers:first().name
      timers:remove(timers:first())
    end
    assert.are.same({ 2, 4, 6, 3, 1, 5 }, names)
  end)

  it("leaves an entry alone that is not in, or not any more", function()
    local timers = heap.new()
    local entry = { at = 1 }
    timers:remove(entry)
    timers:add(entry)
    timers:remove(entry)
    timers:remove(entry)
    assert.is_nil(timers:first())
    assert.are.equal(0, timers.size)
  end)

  it("agrees with sorting under random additions and removals", function()
    for seed = 1, 50 do
      local number = random.new(seed)
      local timers, list = heap.new(), {}
      for i = 1, 200 do
        if number() < 0.6 or #list == 0 then
          local entry = { at = math.floor(number() * 20), i = i }
          timers:add(entry)
          list[#list + 1] = entry
        else
          timers:remove(table.remove(list, 1 + math.floor(number() * #list)))
        end
      end
      table.sort(list, function(a, b) return a.at < b.at or (a.at == b.at and a.i < b.i) end)
      for position, entry in ipairs(list) do
        assert.are.equal(entry, timers:first(), "seed " .. seed .. " position " .. position)
        timers:remove(entry)
      end
      assert.is_nil(timers:first())
    end
  end)
end)

describe("seeded random numbers", function()
  it("are the same on every Lua", function()
    local number = random.new(7)
    local text = {}
    for i = 1, 4 do text[i] = ("%.9f"):format(number()) end
    assert.are.same({ "0.489841679", "0.244281011", "0.108306699", "0.042882362" }, text)
  end)

  it("fill 0 <= x < 1 evenly, for neighbouring seeds too", function()
    for seed = 0, 20 do
      local number, buckets = random.new(seed), {}
      for i = 1, 10 do buckets[i] = 0 end
      for _ = 1, 5000 do
        local x = number()
        assert.is_true(x >= 0 and x < 1)
        local bucket = math.floor(x * 10) + 1
        buckets[bucket] = buckets[bucket] + 1
      end
      for i = 1, 10 do assert.is_true(math.abs(buckets[i] - 500) < 120, "seed " .. seed) end
    end
    assert.is_true(math.abs(random.new(1)() - random.new(2)()) > 1e-4)
  end)
end)
