-- Reads one pipeline repeatedly through the whole client.
-- usage: LUA client_load.lua URL TOTAL IN_FLIGHT WARM_UP
-- prints: requests=N seconds=S cpu=C memory=KiB (cpu: seconds of this process, user and system)
local gitlab = require "gitlab_pipelines"

local url, total, in_flight, warm_up = arg[1], tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4])
local gl = assert(gitlab.new { url = url, token = os.getenv "MOCK_TOKEN", limits = false,
  proxy = false })

local function read(count)
  for _ = 1, count do
    local pipeline = assert(gl.pipelines:get(11, 1))
    assert(pipeline.id == 1 and pipeline.status)
  end
end

local function run(count)
  if in_flight == 1 then return read(count) end
  gitlab.run(function()
    local tasks = {}
    for i = 1, in_flight do tasks[i] = gitlab.spawn(read, math.floor(count / in_flight)) end
    for i = 1, in_flight do
      local ok, err = tasks[i]:join()
      assert(err == nil, ok or err)
    end
  end)
end

run(warm_up)
local start, start_cpu = gitlab.now(), os.clock()
run(total)
print(("requests=%d seconds=%.6f cpu=%.6f memory=%d"):format(
  math.floor(total / in_flight) * in_flight, gitlab.now() - start, os.clock() - start_cpu,
  math.floor(collectgarbage "count")))
gl:close()
