--- The simulated GitLab beside a constant answer of the same bytes from libmicrohttpd alone: how much
--- of the server's speed is left when there is a GitLab behind it.

local READ = "/api/v4/projects/11/pipelines/1"

-- Asks once with curl and returns the whole answer.
local function ask(bench, url, ...)
  local text = bench.capture { "curl", "-s", "-i", "-H", "PRIVATE-TOKEN: " .. bench.token, url, ... }
  assert(text:match "^HTTP/1.1 20", text)
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

return function(bench)
  local gitlab = bench.serve { "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db",
    bench.folder .. "/mock.db" }
  local trigger = gitlab.url .. "/api/v4/projects/11/trigger/pipeline"
  local created = ask(bench, trigger, "-d", "ref=main&terminal_after_seconds=0&terminal_status=success")
  local read = ask(bench, gitlab.url .. READ)

  local headers = { "PRIVATE-TOKEN: " .. bench.token }
  local post = write(bench.folder .. "/trigger.lua", [[
    wrk.method = "POST"
    wrk.body = '{"ref":"main","terminal_after_seconds":0}'
    wrk.headers["Content-Type"] = "application/json"]])
  local function load(server, path, script)
    return function() return bench.wrk(server, path, { headers = headers, script = script }) end
  end

  local constant = bench.serve { bench.folder .. "/constant_httpd", write(bench.folder .. "/read.http", read) }
  local reads = bench.by_turns { { "ours", load(gitlab, READ) }, { "constant", load(constant, READ) } }
  bench.row { what = "mock: pipeline read, 32 connections", unit = "req/s", ours = reads.ours.rate,
    beside = "constant answer, libmicrohttpd", theirs = reads.constant.rate, aim = 0.6 }
  bench.row { what = "mock: pipeline read: processor time", unit = "us/req", ours = reads.ours.cpu_us,
    beside = "constant answer, libmicrohttpd", theirs = reads.constant.cpu_us, less_is_better = true }
  bench.row { what = "mock: pipeline read: 99 of 100 within", unit = "ms", ours = reads.ours.p99 * 1e3,
    beside = "constant answer, libmicrohttpd", theirs = reads.constant.p99 * 1e3, less_is_better = true }

  local answer = bench.serve { bench.folder .. "/constant_httpd",
    write(bench.folder .. "/created.http", created) }
  local path = "/api/v4/projects/11/trigger/pipeline"
  local triggers = bench.by_turns { { "ours", load(gitlab, path, post) },
    { "constant", load(answer, path, post) } }
  bench.row { what = "mock: trigger, written to disk", unit = "req/s", ours = triggers.ours.rate,
    beside = "constant answer, libmicrohttpd", theirs = triggers.constant.rate }
  bench.row { what = "mock: trigger: 99 of 100 within", unit = "ms", ours = triggers.ours.p99 * 1e3,
    beside = "constant answer, libmicrohttpd", theirs = triggers.constant.p99 * 1e3, less_is_better = true }
end
