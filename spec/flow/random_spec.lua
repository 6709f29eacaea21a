local core = require "gitlab_pipelines.core"
local double = require "support.flow_double"
local flow = require "gitlab_pipelines.flow"
local random_flow = require "support.flow_random"
local random_numbers = require "gitlab_pipelines.runtime.random"

local SEED = tonumber(os.getenv "SEED") or 7
local ROUNDS = tonumber(os.getenv "ROUNDS") or 400

-- Runs one random flow against the double; the run and the double's record of it.
local function play(made, seed)
  local world = {}
  for _, step in ipairs(made.steps) do
    local attempts = {}
    world["p/" .. step.name] = {
      duration = function(fields)
        return random_flow.duration(made, step.name, fields.variables.ITEM)
      end,
      status_of = function(fields)
        local item = fields.variables.ITEM or ""
        attempts[item] = (attempts[item] or 0) + 1
        return random_flow.fails(made, step.name, fields.variables.ITEM, attempts[item])
          and "failed" or "success"
      end,
    }
  end
  local gl, rt = double.new(world, { seed = seed })
  local loaded = assert(flow.from_string(made.text, "random.lua"))
  local run = assert(loaded:start { client = gl })
  rt:run(function() return run:wait() end)
  local record, cancels = {}, {}
  for _, request in ipairs(gl.asked "cancel") do cancels[request.id] = request.at end
  for _, request in ipairs(gl.asked "create") do
    local pipeline = gl.pipelines_by_id[request.id]
    record[#record + 1] = { step = request.variables.STEP, item = request.variables.ITEM,
      created_at = request.at, status = pipeline.canceled and "canceled" or pipeline.status,
      ended_at = pipeline.canceled and cancels[request.id] or pipeline.ends_at, key = request.once }
  end
  return run, record
end

describe("random flows", function()
  it(("keep every need and run every step once (%d flows from seed %d)"):format(ROUNDS, SEED),
    function()
      local made_steps = 0
      for round = 1, ROUNDS do
        local seed = SEED * 100000 + round
        local made = random_flow.flow(random_numbers.new(seed))
        local where = ("\nSEED=%d round %d\n%s"):format(SEED, round, made.text)
        local ok, run, record = pcall(play, made, seed)
        if not ok then error(tostring(run) .. where, 0) end
        local complaint = random_flow.judge(made, record)
        if complaint then error(complaint .. where, 0) end
        local keys = {}
        for _, row in ipairs(record) do
          if keys[row.key] then error("a key was used twice" .. where, 0) end
          keys[row.key] = true
        end
        for _, step in ipairs(run:each_step()) do
          if not core.status.is_finished(step.status) then
            error(step.path .. " has not ended" .. where, 0)
          end
        end
        made_steps = made_steps + #record
      end
      -- A generator that makes nothing would prove nothing.
      assert.is_true(made_steps > ROUNDS * 2)
    end)

  it("give the same events twice for one seed", function()
    for round = 1, 20 do
      local seed = SEED * 1000 + round
      local function events()
        local made = random_flow.flow(random_numbers.new(seed))
        local run = play(made, seed)
        local json = require "gitlab_pipelines.json"
        local lines = {}
        for i, event in ipairs(run.log) do lines[i] = json.encode(event) end
        return table.concat(lines, "\n")
      end
      assert.equal(events(), events())
    end
  end)

  it("are judged by a judge that bites", function()
    local made = { steps = {}, by_name = {}, on_failure = "continue" }
    for i, needs in ipairs { {}, { "s1" } } do
      local step = { name = "s" .. i, needs = needs, when = "success", retry = 0,
        fails = { ["s" .. i .. "/"] = 0 }, durations = {} }
      made.steps[i], made.by_name[step.name] = step, step
    end
    local function row(step, from, to, status)
      return { step = step, created_at = from, ended_at = to, status = status or "success" }
    end
    assert.is_nil(random_flow.judge(made, { row("s1", 0, 2), row("s2", 2, 3) }))
    assert.equal("s2 began before s1 had ended",
      random_flow.judge(made, { row("s1", 0, 2), row("s2", 1, 3) }))
    assert.equal("s2 did not run", random_flow.judge(made, { row("s1", 0, 2) }))
    assert.equal("s1 was made too often",
      random_flow.judge(made, { row("s1", 0, 2), row("s1", 2, 3), row("s2", 5, 6) }))
    made.by_name.s1.fails["s1/"] = 1
    assert.equal("s2 ran, and should not have",
      random_flow.judge(made, { row("s1", 0, 2, "failed"), row("s2", 2, 3) }))
    made.by_name.s1.fails["s1/"] = 0
    made.concurrency = 1
    made.by_name.s2.needs = {}
    assert.equal("more ran at once than the flow allows",
      random_flow.judge(made, { row("s1", 0, 2), row("s2", 1, 3) }))
  end)
end)
