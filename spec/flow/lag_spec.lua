-- A flow under replicas that lag ends as the same flow without: same statuses, same outputs, and the
-- same pipelines in the simulated GitLab's own table.

local gitlab = require "gitlab_pipelines"
local json = require "gitlab_pipelines.json"
local lag_flow = require "support.lag_flow"
local random_numbers = require "gitlab_pipelines.runtime.random"

local SEED = tonumber(os.getenv "SEED") or 23
local FLOWS = tonumber(os.getenv "ROUNDS") or os.getenv "GP_FULL" == "1" and 200 or 20
local TOKEN = "simulated-token"

local function open(world, seed)
  local rt = gitlab.runtime.virtual.new { seed = 1 }
  local server = assert(gitlab.mock.new { world = world, token = TOKEN, runtime = rt,
    seed = seed })
  local gl = assert(gitlab.new { transport = server, runtime = rt, token = TOKEN,
    url = "http://127.0.0.1", limits = false, journal = ":memory:" })
  return gl, rt, server
end

local function post(server, target, body)
  local status, answer = server:request("POST", target, { body = json.encode(body) })
  assert(status < 300, answer)
end

-- All pages of a list of the simulated GitLab.
local function pages_of(server)
  return function(target)
    local rows, page = {}, 1
    repeat
      local status, body = server:request("GET", ("%s?per_page=100&page=%d"):format(target, page))
      assert(status == 200, body)
      local list = json.decode(body)
      for _, row in ipairs(list) do rows[#rows + 1] = row end
      page = page + 1
    until #list < 100
    return rows
  end
end

-- Runs the flow's text; how it ended, the run, and how long it took.
local function play(text, world, opts)
  opts = opts or {}
  local gl, rt, server = open(world, opts.seed)
  for _, rule in ipairs(opts.rules or {}) do post(server, "/_mock/faults", rule) end
  local made = assert(gitlab.flow.from_string(text, "lag.lua"))
  local run
  rt:run(function()
    run = assert(made:start { client = gl })
    if opts.during then rt:spawn(function() opts.during(run, gl, rt, server) end) end
    run:wait()
  end)
  local result = lag_flow.result(run, pages_of(server))
  gl:close()
  return result, run
end

describe("flows under replicas that lag", function()
  it(("end as without lag (%d flows from seed %d)"):format(FLOWS, SEED), function()
    local different = {}
    for round = 1, FLOWS do
      local seed = SEED * 100000 + round
      local made = lag_flow.flow(random_numbers.new(seed))
      local wanted = play(made.text, made.world, { seed = seed })
      local found = play(made.text, made.world,
        { seed = seed, rules = lag_flow.lags(random_numbers.new(seed + 50000)) })
      if found ~= wanted then
        different[#different + 1] = ("SEED=%d round %d\n%s\nwithout lag: %s\nwith lag: %s"):format(
          SEED, round, made.text, wanted, found)
      end
    end
    assert(#different == 0, ("%d of %d flows ended otherwise; the first:\n%s"):format(#different, FLOWS,
      different[1]))
  end)
end)
