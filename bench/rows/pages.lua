--- 10,000 jobs of one pipeline, 9.7 MB in 100 pages, beside python-gitlab: on loopback, and with
--- 50 ms before each page. Each measurement is a new process, so it includes the first request.

return function(bench)
  for _, delay in ipairs { 0, 0.05 } do
    local server = bench.serve { "/usr/bin/python3", "bench/pages_server.py", delay }
    local result = bench.by_turns {
      { "ours", function() return bench.load { "lua5.4", "bench/pages_load.lua", server.url } end },
      { "python", function()
        return bench.load { "/usr/bin/python3", "bench/python_gitlab_pages.py", server.url }
      end },
    }
    local where = delay == 0 and "" or (", %g ms a page"):format(delay * 1000)
    bench.row { what = "10,000 jobs through each" .. where, unit = "s", ours = result.ours.seconds,
      beside = "python-gitlab", theirs = result.python.seconds, aim = delay == 0 and 1 / 0.6 or 5,
      less_is_better = true }
    if delay == 0 then
      bench.row { what = "10,000 jobs through each: peak memory", unit = "MB",
        ours = result.ours.peak / 1024, beside = "python-gitlab", theirs = result.python.peak / 1024,
        less_is_better = true }
      bench.row { what = "10,000 jobs through each: peak memory", unit = "MB",
        ours = result.ours.peak / 1024, beside = "the bound", theirs = 20, aim = 1,
        less_is_better = true }
    end
    server.stop()
  end
end
