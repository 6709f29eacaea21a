-- Runs the files of bench/rows and prints one table: what, ours, beside what, theirs, ratio, aim.
-- A rows file returns `function(bench) ... end` that calls bench.row(...) for each measurement; see
-- bench/support/bench.lua for its argument. Started by bench/run.sh.
local bench = require "bench.support.bench"

local names = {}
for _, name in ipairs(arg) do names[#names + 1] = name end
if #names == 0 then
  local list = assert(io.popen "ls bench/rows/*.lua")
  for path in list:lines() do names[#names + 1] = path:match "([^/]+)%.lua$" end
  list:close()
end

bench.heading()
local failed = false
for _, name in ipairs(names) do
  local ok, reason = xpcall(require("bench.rows." .. name), debug.traceback, bench)
  if not ok then
    failed = true
    io.stderr:write("bench: ", name, ": ", tostring(reason), "\n")
  end
  bench.cleanup()
end
os.exit(failed and 1 or 0, true)
