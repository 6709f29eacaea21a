-- Exactly one pipeline among real processes that are killed and stopped, over `mock serve`. The
-- server's own table is the judge. No time is waited for: see support/once_child.lua.
local httpd = require "support.httpd"
local json = require "gitlab_pipelines.json"
local process = require "support.process"
local request = require "gitlab_pipelines.once.request"
local seeds = require "support.seeds"

local TOKEN = "spec-token-0123456789"

local points = { "intent", "in flight", "answered", "sent", "known", "refused", "look 1", "look 3" }

local outcomes = {
  { "ok", {} },
  { "answer lost", { apply_then_drop = true } },
  { "request lost", { drop = true } },
  { "carried out late", { apply_late = 100 } },
  { "500 after saving", { status = 500, apply = true } },
  { "500 before saving", { status = 500 } },
  { "502", { status = 502 } },
  { "truncated", { truncate = 20 } },
  { "garbage after saving", { garbage = true, apply = true } },
  { "refused", { status = 400, body = { message = { base = { "Reference not found" } } } } },
}

local server, folder, remove
local project = 100

local function ask(words)
  local pipe = assert(io.popen(("curl -s -H 'PRIVATE-TOKEN: %s' -H 'Content-Type: application/json' %s")
    :format(TOKEN, words)))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local function post(path, body)
  return ask(("-d %s '%s%s'"):format(httpd.quote(json.encode(body)), server.url, path))
end

local function fault(rule)
  rule.method, rule.path = "POST", ("/projects/%d/pipeline"):format(project)
  post("/_mock/faults", rule)
end

local function command(options)
  local shifted = options.shift and ("faketime -f %s "):format(options.shift) or ""
  return ("env MOCK_TOKEN=%s SIGNAL=%s %s%s spec/support/once_child.lua %s %s %d %s '%s' %d %s"):format(
    TOKEN, options.signal or "KILL", shifted, httpd.lua, server.url, options.journal or folder .. "once.db",
    project, options.key or "key", options.point or "none", options.timeout or 1000,
    options.clock or "linked")
end

local function run(script)
  local pipe = assert(io.popen("timeout 60 bash -c " .. httpd.quote(script) .. " 2>/dev/null"))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

-- What a run gave: the id, or nil and its line.
local function id_of(text)
  return tonumber(text:match "id (%d+)"), text
end

-- The pipelines of this project that hold the key, and how many are not cancelled.
local function table_of(key)
  ask(("-X DELETE %s/_mock/faults"):format(server.url))
  post("/_mock/clock", { advance = 600 })
  local ids, alive = {}, {}
  for _, row in ipairs(json.decode(ask(("'%s/projects/%d/pipelines?per_page=100'"):format(server.url,
    project)))) do
    local rows = json.decode(ask(("'%s/projects/%d/pipelines/%d/variables'"):format(server.url, project,
      row.id)))
    if request.mark_of(rows) == request.mark(key or "key") then
      ids[#ids + 1] = row.id
      if row.status ~= "canceled" then alive[#alive + 1] = row.id end
    end
  end
  return ids, alive
end

describe("once, as processes,", function()
  before_each(function()
    if not server then
      server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db",
        ":memory:" }, { MOCK_TOKEN = TOKEN })
    end
    folder, remove = process.file ""
    project = project + 1
  end)
  after_each(function() remove() end)
  teardown(function()
    if server then server:stop() end
    server = nil
  end)

  -- Dies there, then another goes on until it has a pipeline. `shift()` tells how far the clocks of
  -- the next process are off.
  local function case(point, outcome, lag, shift)
    project = project + 1
    shift = shift or function() end
    local name = ("%s, killed at %s, lag %d"):format(outcome[1], point, lag)
    local journal = ("%s%d.db"):format(folder, project)
    ask(("-X DELETE %s/_mock/faults"):format(server.url))
    local rule = { times = 1 }
    for field, value in pairs(outcome[2]) do rule[field] = value end
    if point == "in flight" then rule.delay = 30 end
    if next(outcome[2]) or rule.delay then fault(rule) end
    if lag > 0 then post("/_mock/faults", { lag = lag }) end
    run(command { point = point, journal = journal, shift = shift() })
    local id, text
    for _ = 1, 3 do
      id, text = id_of(run(command { journal = journal, shift = shift() }))
      if id then break end
    end
    assert(id, name .. ": " .. text)
    local ids = table_of()
    assert(#ids == 1 and ids[1] == id, ("%s: the server has %d: %s, we %d"):format(name, #ids,
      table.concat(ids, " "), id))
    return journal, id
  end

  it("makes one pipeline at every crash point and network outcome", function()
    local cases, full = {}, os.getenv "GP_FULL" == "1"
    for _, point in ipairs(points) do
      for _, outcome in ipairs(outcomes) do
        for _, lag in ipairs { 0, 59 } do cases[#cases + 1] = { point, outcome, lag } end
      end
    end
    -- A sample that goes round all points and outcomes, another one in every day's run of CI.
    local start = tonumber(os.getenv "GP_SEED" or "") or 1
    local step = full and 1 or 19
    for i = full and 1 or (start - 1) % step + 1, #cases, step do
      case(cases[i][1], cases[i][2], cases[i][3])
    end
  end)

  -- libfaketime and AddressSanitizer cannot both be loaded first.
  local shifted = (os.getenv "BUILD" or ""):find "asan" and function() end or it
  shifted("makes one among processes whose clocks are days and years apart", function()
    local shifts = { "+40d", "-40d", "+10y", "-10y", "+31d", "-1d" }
    local full = os.getenv "GP_FULL" == "1"
    for seed in seeds.each(60, 2) do
      seeds.named(seed, function()
        local random = seeds.new(seed)
        local function shift()
          return random.chance(0.8) and random.pick(shifts) or nil
        end
        local journal, id = case(random.pick(points), random.pick(outcomes), random.pick { 0, 59 }, shift)
        -- Finished, it is anybody's, whatever their clocks say.
        for i = 1, full and #shifts or 2 do
          local again = run(command { journal = journal, shift = shifts[(seed + i) % #shifts + 1] })
          assert(again == ("id %d true\n"):format(id), ("%d, but %s: %s"):format(id, shifts[(seed + i)
            % #shifts + 1], again))
        end
        assert.same({ id }, (table_of()))
      end)
    end
  end)

  it("makes one when a process is stopped before it sends, and goes on after another has tried",
    function()
      local script = ([[
        %s >%sfirst & p=$!
        for i in $(seq 100000); do
          read -r _ _ state _ </proc/$p/stat
          [ "$state" = T ] && break
        done
        %s
        kill -CONT $p; wait $p; cat %sfirst
        %s]]):format(command { point = "intent", signal = "STOP", clock = "native" }, folder,
        command { timeout = 20 }, folder, command {})
      local second, first, third = run(script):match "^(.-)\n(.-)\n(.-)\n$"
      assert.matches("^err PipelineError.UnknownOutcome.*in use by process %d+", second)
      local id = id_of(first)
      assert.equal(("id %d false"):format(id), first)
      assert.equal(("id %d true"):format(id), third)
      assert.same({ id }, (table_of()))
    end)

  it("two with one journal and one key get the same one", function()
    for round = 1, 3 do
      project = project + 1
      local text = run(("%s >%sa & %s >%sb & wait; cat %sa %sb"):format(command { clock = "native" }, folder,
        command { clock = "native" }, folder, folder, folder))
      local a, b = text:match "^id (%d+) %a+\nid (%d+) %a+\n$"
      assert.is_truthy(a, ("round %d: %s"):format(round, text))
      assert.equal(a, b)
      assert.same({ tonumber(a) }, (table_of()))
    end
  end)

  it("two with two journals keep the lowest", function()
    -- Both have looked before either sends.
    post("/_mock/faults", { method = "GET", path = ("/projects/%d/pipelines"):format(project), delay = 0.3 })
    local text = run(("%s >%sa & %s >%sb & wait; cat %sa %sb"):format(
      command { clock = "native", journal = folder .. "1.db" }, folder,
      command { clock = "native", journal = folder .. "2.db" }, folder, folder, folder))
    local a, b = text:match "^id (%d+) %a+\nid (%d+) %a+\n$"
    assert.is_truthy(a, text)
    assert.equal(a, b)
    local _, alive = table_of()
    assert.same({ tonumber(a) }, alive)
  end)
end)
