-- Many waits through the whole client against the simulated GitLab, in virtual time: pipelines that
-- end at their own times, replicas that lag, strangers' pipelines in between. Waited for in one
-- watch, and each by a task of its own. WAITS=10000 (or GP_FULL=1) asks for the whole scale.
local gitlab = require "gitlab_pipelines"

local WAITS = tonumber(os.getenv "WAITS") or os.getenv "GP_FULL" == "1" and 10000 or 1000
local PROJECTS = 100
-- What the strangers of all projects together begin in a minute; each changes once more by itself.
local FOREIGN = 250
-- Kilobytes a wait, of Lua's memory.
local MOST = 5
local FINAL = { "success", "failed", "canceled", "skipped" }
local PLACE = { created = 1, pending = 2, running = 3, success = 4, failed = 4, canceled = 4, skipped = 4 }

local function kilobytes()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end

describe(WAITS .. " waits through the whole client", function()
  local rt, transport, gl, ids, awaited, asked, moved_back

  -- The pipeline's number as the answer tells it: nothing else of it is kept.
  local function make(project, seconds, final)
    local status, body = transport:request("POST", ("/projects/%d/pipeline"):format(project), { body =
      ('{"ref":"main","variables":[{"key":"MOCK_TERMINAL_AFTER_SECONDS","value":"%d"},'
      .. '{"key":"MOCK_TERMINAL_STATUS","value":"%s"}]}'):format(seconds, final) })
    assert(status == 201, body)
    return tonumber(body:match '"id":(%d+)')
  end

  -- Every request of the client with its moment, by project and kind.
  local function count_requests()
    local perform = transport.perform
    transport.perform = function(self, request)
      local project, rest = request.url:match "/projects/(%d+)/pipelines(.*)"
      local id, page = rest:match "^/(%d+)$", rest:match "[?&]page=(%d+)"
      table.insert(asked, { at = rt:now(), project = tonumber(project), id = tonumber(id),
        page = not id and tonumber(page or 1) or nil })
      return perform(self, request)
    end
  end

  before_each(function()
    rt = gitlab.runtime.virtual.new { seed = 8 }
    transport = assert(gitlab.mock.new { runtime = rt })
    gl = assert(gitlab.new { url = "http://127.0.0.1", token = transport.token,
      transport = transport, runtime = rt, limits = false })
    local status, body = transport:request("POST", "/_mock/faults", { body = '{"lag": 40}' })
    assert.is_true(status < 300, body)
    ids, awaited, asked, moved_back = {}, {}, {}, {}
    for i = 1, WAITS do
      local project, final, after = 1 + i % PROJECTS, FINAL[1 + i % #FINAL], 60 + i * 7 % 600
      local id = make(project, after, final)
      ids[i] = id
      awaited[id] = { project = project, final = final, place = 0, ends = rt:now() + after }
    end
    -- Until every replica shows them.
    rt:sleep(41)
    -- What one project needs once is no wait's.
    assert.is_nil((gl.pipelines:wait(1, ids[PROJECTS], { timeout = 1 })))
    count_requests()
  end)

  local function on_change(row)
    local wait = awaited[row.id]
    local place = PLACE[row.status]
    if place <= wait.place then moved_back[#moved_back + 1] = row.id .. " " .. row.status end
    wait.place = place
  end

  local function ended(id, verdict)
    awaited[id].verdict, awaited[id].ended = verdict, rt:now()
  end

  -- Lets time pass with strangers in it; what a wait takes in between, in kilobytes.
  local function pass(before)
    local most = 0
    for minute = 1, 14 do
      for _ = 1, FOREIGN do
        make(1 + math.floor(rt:random() * PROJECTS), 30, "success")
        rt:sleep(60 / FOREIGN)
      end
      if minute == 1 then most = (kilobytes() - before) / WAITS end
    end
    return most
  end

  local function judge(most)
    assert.are.same({}, moved_back)
    for i = 1, WAITS do
      local wait = awaited[ids[i]]
      assert.are.equal(wait.final, wait.verdict)
      -- The lag, two intervals of 30 s and what jitter and reading take; unseen: 5 minutes.
      assert.is_true(wait.ended - wait.ends < 420, ids[i] .. " was reported late")
    end
    assert.is_true(most > 0.3 and most < MOST, ("%.2f KB a wait"):format(most))
  end

  -- Who is awaited in the project, that long after.
  local function open_in(project, at)
    local count = 0
    for _, id in ipairs(ids) do
      local wait = awaited[id]
      if wait.project == project and wait.ended > at then count = count + 1 end
    end
    return count
  end

  -- A list a project and interval, one page more for each hundred that changed; alone: who was not
  -- shown for five minutes, and the last of a project, for whom a list would cost as much.
  local function judge_requests()
    local looked, alone = {}, {}
    for _, request in ipairs(asked) do
      if request.page == 1 then
        local last = looked[request.project]
        assert.is_true(not last or request.at - last >= 1.99, "two looks within an interval")
        looked[request.project] = request.at
      elseif request.page then
        -- The first look goes on until everybody is found; later only as much is new as ended.
        assert.is_true(request.page <= 1 + math.ceil((WAITS + 10 * FOREIGN) / PROJECTS / 100))
      else
        local last = alone[request.id]
        assert.is_true(not last or request.at - last >= 299 or open_in(request.project, request.at) < 2,
          "one read alone again and again")
        alone[request.id] = request.at
      end
    end
    assert.is_not_nil(next(looked))
  end

  it("each by a task of its own: all end as their pipelines do", function()
    rt:run(function()
      local before, opts = kilobytes(), { on_change = on_change, timeout = "1h" }
      for i = 1, WAITS do
        local id = ids[i]
        rt:spawn(function()
          local pipeline, verdict = gl.pipelines:wait(awaited[id].project, id, opts)
          assert.is_truthy(pipeline, tostring(verdict))
          assert.are.equal(verdict, pipeline.status)
          assert.is_string(pipeline.web_url)
          ended(id, verdict)
        end)
      end
      judge(pass(before))
    end)
    judge_requests()
    gl:close()
    assert.is_nil(rt:next_deadline())
  end)

  it("in one watch: all end as their pipelines do", function()
    rt:run(function()
      local list = {}
      for i = 1, WAITS do list[i] = { awaited[ids[i]].project, ids[i] } end
      local before = kilobytes()
      local task = rt:spawn(function()
        return gl:watch(list, { on_change = function(_, row)
          on_change(row)
          if PLACE[row.status] == 4 then ended(row.id, row.status) end
        end })
      end)
      local most = pass(before)
      local results = assert(task:join())
      assert.are.equal(WAITS, #results)
      for i, result in ipairs(results) do
        assert.are.equal(ids[i], result.id)
        assert.are.equal(awaited[result.id].final, result.verdict)
      end
      judge(most)
    end)
    judge_requests()
    gl:close()
    assert.is_nil(rt:next_deadline())
  end)
end)
