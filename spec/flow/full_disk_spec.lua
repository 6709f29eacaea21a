-- A run whose journal cannot be written any more: it ends at once, says what it left running, and is
-- resumed when there is room. The simulated GitLab's own table is the judge.

local gitlab = require "gitlab_pipelines"
local journals = require "gitlab_pipelines.once.journal"
local once_mock = require "support.once_mock"
local process = require "support.process"

local FLOW = [[
lib = pipeline { project = "acme/app", ref = "main" }
smoke = each { over = { "eu", "us", "ap" }, limit = 2, needs = { lib }, make = function(region)
  return pipeline { project = "acme/app", ref = region } end }
rescue = pipeline { project = "acme/app", ref = "rescue", needs = { lib }, when = "failure" }
ok = approval { needs = { lib } }
tell = call { needs = { ok }, run = function(steps) return { id = steps.lib.id } end }
deploy = play { pipeline = lib, job = "deploy", needs = { tell } }
last = pipeline { project = "acme/app", ref = "main", variables = { ID = tell.id }, needs = { smoke, deploy } }
]]

local MADE = { "lib", "smoke/eu", "smoke/us", "smoke/ap", "last" }

local function world()
  return once_mock.open { project = { jobs = {
    { name = "build", stage = "build", duration = 5 },
    { name = "deploy", stage = "deploy", duration = 5, manual = true },
  } } }
end

-- Whatever waits is approved.
local function approve(rt, run)
  rt:spawn(function()
    while not run.ended and not run.abandoned do
      run:approve("ok", "kim")
      rt:sleep(1)
    end
  end)
end

-- A journal whose statements fail from the n-th of those that `matches` on, or the n-th alone.
local function failing(path, n, matches, alone)
  local journal = assert(journals.open(path))
  local real, count = journal.handle, 0
  journal.handle = setmetatable({ query = function(_, sql, ...)
    if matches(sql) then
      count = count + 1
      if count == n or count > n and not alone then return nil, "journal: database or disk is full" end
    end
    return real:query(sql, ...)
  end }, { __index = function(_, name)
    return function(_, ...) return real[name](real, ...) end
  end })
  return journal, function() return count >= n end
end

local function is_write(sql) return not sql:find "^%s*SELECT" and not sql:find "^ROLLBACK" end
local function is_any(sql) return not sql:find "^ROLLBACK" end

local variants = {
  { name = "no write succeeds any more", matches = is_write },
  { name = "one write fails", matches = is_write, alone = true },
  { name = "nothing can be read or written any more", matches = is_any },
}

describe("a run whose journal fails", function()
  local db, remove
  before_each(function() db, remove = process.file "runs.db" end)
  after_each(function() remove() end)

  local script = assert(gitlab.flow.from_string(FLOW, "full.lua"))

  local function check_made(env, run, complete)
    local count = 0
    for _, path in ipairs(MADE) do
      local made = #env:made_for(("%s/%s/1"):format(run.id, path))
      assert.is_true(made == 1 or made == 0 and not complete, path .. " was made " .. made .. " times")
      count = count + made
    end
    assert.equal(count, #env:pipelines())
  end

  -- Runs until the n-th statement fails; true when that was reached. `cancel_at`: seconds.
  local function life(variant, n, cancel_at)
    for _, tail in ipairs { "", "-wal", "-shm", "-lock" } do os.remove(db .. tail) end
    local env = world()
    local rt = env.rt
    local journal, reached = failing(db, n, variant.matches, variant.alone)
    local run, ok, err
    local gl = env:client()
    rt:run(function()
      run, err = script:start { client = gl, journal = journal }
      if not run then return end
      approve(rt, run)
      if cancel_at then
        rt:spawn(function()
          rt:sleep(cancel_at)
          run:cancel "enough"
        end)
      end
      ok, err = run:wait()
    end)
    gl:close()
    journal:close()
    if not reached() then
      assert.equal(cancel_at and run.status == "canceled" and "canceled" or "success", run.status)
      return false
    end
    if not run then
      assert.is_true(err:is "FlowError.JournalUnusable")
      return true
    end
    if not run.ended then
      assert.is_false(ok)
      assert.is_true(err:is "FlowError.JournalUnusable", tostring(err))
      assert.same({ "unfinished", 6 }, { run.status, run:exit_code() })
      for _, left in ipairs(run:left_running()) do assert.is_string(left.path) end
    end
    local ended = run.ended
    gl = env:client()
    rt:run(function()
      if ended then return end
      run = assert(gitlab.flow.resume { client = gl, journal = db, flow = script })
      approve(rt, run)
      run:wait()
    end)
    gl:close()
    assert.is_true(run.ended, tostring(run:error()))
    local complete = run.status == "success"
    assert.is_true(complete or cancel_at and run.status == "canceled", run.status .. ": " .. tostring(run:error()))
    check_made(env, run, complete)
    return true
  end

  for _, variant in ipairs(variants) do
    for _, cancel_at in ipairs { false, 8, 20 } do
      it(("ends at once and is resumed: %s%s"):format(variant.name, cancel_at
        and (", canceled after %d s"):format(cancel_at) or ""), function()
        -- A sample takes every few statements, from another one on each time.
        local step = os.getenv "GP_FULL" == "1" and 1 or 5
        local n, last = 1 + #variant.name % step, 0
        while n < 1000 do
          local ok, reached = pcall(life, variant, n, cancel_at or nil)
          if not ok then error(("statement %d: %s"):format(n, tostring(reached)), 0) end
          if not reached then break end
          n, last = n + step, n
        end
        assert.is_true(last > (cancel_at and 12 or 25), "only " .. last .. " statements")
      end)
    end
  end
end)
