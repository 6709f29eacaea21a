-- Connections that end while requests are under way, over real TLS and HTTP/2: libcurl sends again
-- by itself what it may and what it may not, and whose response is whose must stay clear all the same.
-- GP_FULL=1: 20,000 calls over every way of ending; else a sample of a few.
local api = require "gitlab_pipelines"
local curl = require "gitlab_pipelines.transport.curl"
local runtime = require "gitlab_pipelines.runtime"
local seeds = require "support.seeds"
local turnover = require "support.turnover"

local FULL = os.getenv "GP_FULL" == "1"
local rt = runtime.native

local CALLS = FULL and 1250 or 150

-- How long a create with a key looks for its pipeline: enough to find it, or to leave it in doubt.
local ONCE_TIMEOUT = FULL and 60 or 0.3

local MODES = { "reload", "requests 1", "requests 5", "requests 20", "requests 50", "idle", "reset", "cut",
  "alternating", "alternating, reset", "goaway", "notify before", "notify after", "http/1.1", "plain", "tunnel",
  "nghttpx", "nghttpx, goaway" }
local SAMPLE = { ["requests 20"] = true, ["alternating, reset"] = true, ["notify after"] = true }

-- A transport that knows from each request what its response must say: counts those that do not, and
-- how often each create was handed to libcurl.
local function witness(inner)
  local seen = { attempts = {}, foreign = {} }
  local transport = { runtime = rt }
  function transport:perform(request) -- luacheck: ignore 212
    local ref = request.method == "POST" and request.body:match '"ref":"(r%d+)"'
    if ref then seen.attempts[ref] = (seen.attempts[ref] or 0) + 1 end
    local response, failure = inner:perform(request)
    local id = request.method == "GET" and request.url:match "/pipelines/(%d+)$"
    if response and (ref or id) and response.status < 300 then
      local right = ref and response.status == 201 and response.body:find(('"ref":"%s"'):format(ref), 1, true)
        or id and response.status == 200 and response.body:find(('"id":%s,'):format(id), 1, true)
      if not right then
        seen.foreign[#seen.foreign + 1] = ("%s %s: %d %s"):format(request.method, ref or id, response.status,
          (response.body or ""):sub(1, 80))
      end
    end
    return response, failure
  end
  return transport, seen
end

local function client_for(world)
  local inner = curl.new { runtime = rt, ca_file = world.ca, proxy = world.proxy or false }
  local transport, seen = witness(inner)
  local gl = assert(api.new { url = world.url, token = world.token, transport = transport, runtime = rt,
    limits = false, breaker = false, timeout = { request = 10 }, journal = world.folder .. "/once.db",
    retry = { budget = 1, settle = { finish = 0.5, visible = 0.1 } } })
  return gl, seen, inner
end

-- One after another until `left.calls` is used up: mostly reads, some creates, some of those `once`.
local function work(gl, random, ids, left, tally)
  while left.calls > 0 do
    left.calls = left.calls - 1
    local kind = random.unit()
    if kind < 0.75 then
      local id = random.pick(ids)
      local pipeline = gl.pipelines:get(11, id, { retry = false })
      if pipeline then tally.reads = tally.reads + 1 end
    else
      left.ref = left.ref + 1
      local ref = ("r%d"):format(left.ref)
      local once = kind > 0.9
      -- A project for each: the search for a lost one has few to look through.
      local project = 1000 + left.ref
      local made, err = gl.pipelines:create(project, { ref = ref, once = once and ref or nil },
        { timeout = once and ONCE_TIMEOUT or nil, retry = FULL })
      if made then
        tally.made[ref] = made.id
      else
        assert(once or err.unknown_outcome or err:is "NetworkError", tostring(err))
      end
      if once then tally.once[#tally.once + 1] = ref end
    end
  end
end

local function run(mode, seed)
  local world = turnover.start(mode, seed)
  local gl, seen, inner = client_for(world)
  local random = seeds.new(seed)
  local tally = { reads = 0, made = {}, once = {} }
  local ok, message = pcall(function()
    rt:run(function()
      local ids = world:prepare(40)
      local left, tasks = { calls = CALLS, ref = 0 }, {}
      for i = 1, 24 do tasks[i] = rt:spawn(work, gl, random, ids, left, tally) end
      for _, task in ipairs(tasks) do
        local _, err = task:join()
        assert(err == nil, tostring(err))
      end
    end)
    local counts, made = world:counts(), world:made()
    assert.same({}, seen.foreign, mode .. ": responses of other requests")
    for ref, times in pairs(counts.posts) do
      assert.is_true(times <= (seen.attempts[ref] or 0),
        ("%s: %s was sent %d times in %d attempts"):format(mode, ref, times, seen.attempts[ref] or 0))
    end
    for ref, times in pairs(made) do
      assert.is_true(times == 1, ("%s: %s was made %d times"):format(mode, ref, times))
    end
    for ref in pairs(tally.made) do
      assert.are.equal(1, made[ref], ("%s: %s was made according to its response"):format(mode, ref))
    end
    tally.in_flight = counts.in_flight
  end)
  gl:close()
  inner:close()
  world:stop()
  if not ok then error(message, 0) end
  return tally
end

describe("while connections end,", function()
  local in_flight, total = 0, 0

  for i, mode in ipairs(MODES) do
    if FULL or SAMPLE[mode] then
      it("each response is its own request's and each create is sent once: " .. mode, function()
        local seed = tonumber(os.getenv "GP_SEED" or "") or i
        seeds.named(seed, function()
          local tally = run(mode, seed)
          in_flight, total = in_flight + tally.in_flight, total + tally.reads
          if os.getenv "GP_VERBOSE" then
            print(("%-20s reads %d, once %d, ended in flight %d"):format(mode, tally.reads, #tally.once,
              tally.in_flight))
          end
        end)
      end)
    end
  end

  it("they really did end within requests, and most calls came through", function()
    assert.is_true(in_flight >= (FULL and 1000 or 20), in_flight .. " connections ended within a request")
    assert.is_true(total > 0)
  end)
end)
