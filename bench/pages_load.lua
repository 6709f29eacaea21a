-- Reads all jobs of one pipeline through `each`.
-- usage: LUA pages_load.lua URL
-- prints: requests=ROWS seconds=S cpu=C peak=KiB (resident)
local gitlab = require "gitlab_pipelines"

local gl = assert(gitlab.new { url = arg[1], token = os.getenv "MOCK_TOKEN", limits = false, proxy = false })
local start, start_cpu = gitlab.now(), os.clock()
local rows = 0
for job in gl.jobs:each(17, 3) do
  assert(job.id and job.status)
  rows = rows + 1
end
assert(rows == 10000)
local seconds, cpu = gitlab.now() - start, os.clock() - start_cpu
local peak = 0
for line in io.lines "/proc/self/status" do peak = tonumber(line:match "^VmHWM:%s+(%d+)") or peak end
print(("requests=%d seconds=%.6f cpu=%.6f peak=%d"):format(rows, seconds, cpu, peak))
gl:close()
