--- The whole client (arguments, exchange, transport, decoding) beside plain libcurl and
--- python-gitlab. All read the same bytes from the same constant response, over reused connections,
--- warmed up; limits = false.

local PATH = "/api/v4/projects/11/pipelines/1"

return function(bench)
  local server = bench.serve { bench.folder .. "/constant_httpd", "bench/support/pipeline.http" }
  local many, few, python = bench.seconds * 6000, bench.seconds * 2500, bench.seconds * 250

  local function plain(total, in_flight)
    return function()
      return bench.load { bench.folder .. "/plain_curl", server.url .. PATH, total, in_flight,
        math.floor(total / 10), "PRIVATE-TOKEN: " .. bench.token, "Accept: application/json" }
    end
  end
  local function ours(total, in_flight)
    return function()
      return bench.load { "lua5.4", "bench/client_load.lua", server.url, total, in_flight,
        math.floor(total / 10) }
    end
  end

  local crowd = bench.by_turns { { "ours", ours(many, 32) }, { "curl", plain(many, 32) } }
  bench.row { what = "client, 32 in flight", unit = "req/s", ours = crowd.ours.rate,
    beside = "plain libcurl, socket_action", theirs = crowd.curl.rate, aim = 0.5 }
  bench.row { what = "client, 32 in flight: processor time", unit = "us/req", ours = crowd.ours.cpu_us,
    beside = "plain libcurl, socket_action", theirs = crowd.curl.cpu_us, aim = 0.5,
    less_is_better = true }

  local single = bench.by_turns { { "ours", ours(few, 1) }, { "curl", plain(few, 1) },
    { "python", function()
      return bench.load { "/usr/bin/python3", "bench/python_gitlab_load.py", server.url, python,
        math.floor(python / 10) }
    end } }
  bench.row { what = "client, one after another", unit = "req/s", ours = single.ours.rate,
    beside = "plain libcurl, socket_action", theirs = single.curl.rate }
  bench.row { what = "client, one after another", unit = "req/s", ours = single.ours.rate,
    beside = "python-gitlab", theirs = single.python.rate, aim = 12 }
  bench.row { what = "client, one after another: processor time", unit = "us/req",
    ours = single.ours.cpu_us, beside = "python-gitlab", theirs = single.python.cpu_us,
    less_is_better = true }
end
