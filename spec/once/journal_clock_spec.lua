-- The journal's own time, in virtual time: processes whose wall clocks jump and differ, reboots, and
-- namespaces. The naive model knows how many seconds have really passed.
local clock = require "gitlab_pipelines.once.journal_clock"
local journals = require "gitlab_pipelines.once.journal"
local seeds = require "support.seeds"

local DAY, YEAR = 86400, 365 * 86400
local KEEP = 30 * DAY

-- A machine: real time, the present boot, and the jumps of its clocks.
local Machine = {}
Machine.__index = Machine

local function new_machine()
  return setmetatable({ real = 0, boots = 1, booted = 0, wall = 1.7e9, shift = 0 }, Machine)
end

function Machine:reading()
  if self.blind then return nil end
  local up = self.real - self.booted
  return { boot = "boot " .. self.boots, namespace = self.namespace or "", initial = not self.namespace,
    by_clock = up + (self.clock_shift or 0), by_proc = up + (self.namespace_shift or 0),
    wall = self.wall + self.real + self.shift }
end

function Machine:reboot(off)
  self.real = self.real + off
  self.boots, self.booted, self.namespace, self.namespace_shift = self.boots + 1, self.real, nil, nil
end

local jumps = { 0, 0, 1, -1, 600, -600, DAY, -DAY, 40 * DAY, -40 * DAY, 10 * YEAR, -10 * YEAR }

-- What can happen between two uses of a journal.
local events = {
  function(machine, random) machine.real = machine.real + random.unit() * random.pick { 1, DAY, 20 * DAY } end,
  function(machine, random) machine.shift = random.pick(jumps) end,
  function(machine, random) machine:reboot(random.unit() * random.pick { 60, 10 * DAY }) end,
  -- A process whose library shifts its clocks, all of them.
  function(machine, random)
    machine.shift = random.pick(jumps)
    machine.clock_shift = random.chance(0.5) and machine.shift or nil
  end,
  -- A container in a time namespace: both clocks since boot are shifted.
  function(machine, random)
    machine.namespace = random.chance(0.6) and " ns " .. random.int(1, 3) or nil
    machine.namespace_shift = machine.namespace and #machine.namespace * 1000 + tonumber(
      machine.namespace:match "%d") * 40 * DAY or nil
    machine.clock_shift = machine.namespace_shift
  end,
  function(machine, random) machine.blind = random.chance(0.2) end,
}
for _ = 1, 6 do events[#events + 1] = events[1] end

local function open(machine)
  return assert(journals.open(":memory:", { boot = function() return machine:reading() end }))
end

local function intent(journal, key)
  return assert(journal:intent { key = key, scope = "h/1", digest = "d", request = "{}", now = 0 })
end

describe("the journal's own time", function()
  it("never runs faster than real time, whatever the wall clocks do", function()
    for seed in seeds.each(3000, 100) do
      seeds.named(seed, function()
        local random, machine = seeds.new(seed), new_machine()
        local journal = open(machine)
        intent(journal, "open")
        local finished, serial, before, real = {}, 0, assert(journal:time()), 0
        for step = 1, 60 do
          random.pick(events)(machine, random)
          if random.chance(0.5) then
            serial = serial + 1
            intent(journal, "key " .. serial)
            if random.chance(0.8) then
              assert(journal:known("key " .. serial, serial, 0))
              finished[serial] = machine.real
            end
            before, real = assert(journal:time()), machine.real
          end
          -- Since the last entry.
          local passed = assert(journal:time()) - before
          assert(passed >= 0 and passed <= machine.real - real + 1e-3,
            ("step %d: %.3f s of %.3f"):format(step, passed, machine.real - real))
          -- An open intent never expires; a finished one not before its time.
          for i = 1, serial do
            local young = not finished[i] or machine.real - finished[i] < KEEP
            assert(not young or journal:lookup("key " .. i), ("step %d: key %d of %s is forgotten")
              :format(step, i, finished[i] and machine.real - finished[i] or "an open intent"))
          end
          assert(journal:lookup "open", "step " .. step)
        end
        journal:close()
      end)
    end
  end)

  it("forgets a finished key when 30 days have passed on a machine that is on", function()
    for _, jump in ipairs(jumps) do
      local machine = new_machine()
      local journal = open(machine)
      intent(journal, "a")
      assert(journal:known("a", 1, 0))
      for _ = 1, 29 do
        machine.real = machine.real + DAY
        machine.shift = jump
        intent(journal, "other")
      end
      assert.is_truthy(journal:lookup "a")
      machine.real = machine.real + DAY + 1
      assert.is_nil(journal:lookup "a")
      local _, created = intent(journal, "a")
      assert.is_true(created)
      journal:close()
    end
  end)

  it("counts from a boot to the first look in it, but not while the machine is off", function()
    local rows = { { boot = "a", namespace = "", turn = 1, time = 100, by_clock = 50, by_proc = 50,
      wall = 1000 } }
    local function at(by_clock, by_proc, wall, fields)
      local reading = { boot = "b", namespace = "", initial = true, by_clock = by_clock,
        by_proc = by_proc, wall = wall }
      for name, value in pairs(fields or {}) do reading[name] = value end
      return (clock.time(rows, reading))
    end
    assert.equal(130, at(30, 30, 5000))
    assert.equal(110, at(30, 10, 5000))
    assert.equal(105, at(30, 30, 1005))
    assert.equal(100, at(30, 30, 500))
    assert.equal(100, at(30, 30, 5000, { initial = false }))
    -- Another namespace of the same boot.
    assert.equal(100, at(90, 90, 5000, { boot = "a", namespace = "n" }))
    assert.equal(100, (clock.time(rows, clock.UNKNOWN)))
    assert.equal(0, (clock.time({}, clock.UNKNOWN)))
  end)

  it("takes the lesser of two clocks, and counts from the last look of anybody", function()
    local rows = { { boot = "a", namespace = "", turn = 3, time = 100, by_clock = 50, by_proc = 40,
      wall = 0 } }
    local function at(by_clock, by_proc)
      return (clock.time(rows, { boot = "a", namespace = "", initial = true, by_clock = by_clock,
        by_proc = by_proc, wall = 9 }))
    end
    assert.equal(110, at(60, 60))
    assert.equal(135, at(90, 75))
    assert.equal(100, at(0, 75))
    rows[2] = { boot = "b", namespace = "", turn = 4, time = 130, by_clock = 1, by_proc = 1, wall = 0 }
    assert.equal(130, at(9000, 9000))
  end)

  it("keeps a bounded number of boots", function()
    local machine = new_machine()
    local journal = open(machine)
    for i = 1, 3 * clock.BOOTS do
      intent(journal, "key " .. i)
      machine:reboot(1)
      machine.real = machine.real + 10
    end
    local rows = journal:query "SELECT count(*) AS n FROM boots"
    assert.is_true(rows[1].n <= clock.BOOTS)
    journal:close()
  end)
end)
