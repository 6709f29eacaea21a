-- An archive of 1 GiB on loopback, to a file: ours, with progress and verification, beside curl -o.

local SIZE = 2 ^ 30

return function(bench)
  local server = bench.serve { "/usr/bin/python3", "bench/artifact_server.py", ("%d"):format(SIZE) }
  local target = bench.folder .. "/artifact.bin"
  local path = server.url .. "/api/v4/projects/1/jobs/1/artifacts"

  local function ours()
    os.remove(target)
    local result = bench.load { "lua5.4", "bench/artifact_load.lua", server.url, target }
    assert(result.bytes == SIZE)
    result.rate = SIZE / 2 ^ 20 / result.seconds
    return result
  end

  local function curl()
    os.remove(target)
    local text = bench.capture { "bash", "-c", ("TIMEFORMAT='%%U %%S'; { time curl -s -o %s -H 'PRIVATE-TOKEN: %s'"
      .. " -w '%%{time_total} ' %s; } 2>&1"):format(bench.quote(target), bench.token, path) }
    local seconds, user, system = text:match "([%d.]+)%s+([%d.]+)%s+([%d.]+)"
    return { rate = SIZE / 2 ^ 20 / assert(tonumber(seconds), text), cpu = user + system }
  end

  local results = bench.by_turns { { "ours", ours }, { "curl", curl } }
  os.remove(target)
  bench.row { what = "artifact of 1 GiB to a file", unit = "MiB/s", ours = results.ours.rate,
    beside = "curl -o", theirs = results.curl.rate, aim = 0.9 }
  bench.row { what = "artifact of 1 GiB: processor time", unit = "s", ours = results.ours.cpu,
    beside = "curl -o", theirs = results.curl.cpu, aim = 0.9, less_is_better = true }
  bench.row { what = "artifact of 1 GiB: memory at its peak", unit = "MiB", ours = results.ours.peak / 1024,
    beside = "the bound of 15 MiB", theirs = 15, aim = 1, less_is_better = true }
end
