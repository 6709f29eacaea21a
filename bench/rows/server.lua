--- The simulated GitLab beside a constant response of the same bytes from libmicrohttpd alone (how
--- much of the server's speed remains with a GitLab behind it), and beside the same two endpoints
--- as a small FastAPI application. Each server has one processor, the load the others.

local READ = "/api/v4/projects/11/pipelines/1"
local TRIGGER = "/api/v4/projects/11/trigger/pipeline"

local unpack_list = table.unpack or unpack -- luacheck: ignore 113

-- Sends one request with curl and returns the whole response.
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

local function exists(command)
  local ok = os.execute(command .. " >/dev/null 2>&1")
  return ok == true or ok == 0
end

-- A small FastAPI application over SQLite; nil where Debian's packages are not installed.
local function fastapi(bench)
  if not exists "/usr/bin/python3 -c 'import fastapi, uvicorn'" then return nil end
  return bench.serve { "/usr/bin/python3", "bench/fastapi_peer.py", bench.folder .. "/fastapi.db" }
end

-- One endpoint: the mock, the constant response of the same bytes, and FastAPI, in turn.
local function compare(bench, what, servers, load)
  local contestants = { { "ours", load(servers.mock) }, { "constant", load(servers.constant) } }
  if servers.fastapi then contestants[3] = { "fastapi", load(servers.fastapi) } end
  local results = bench.by_turns(contestants)
  local ours = results.ours
  for _, peer in ipairs {
    { results.constant, "constant answer, libmicrohttpd", servers.aim },
    { results.fastapi, "FastAPI and SQLite under uvicorn", 15 },
  } do
    local theirs, beside, aim = peer[1], peer[2], peer[3]
    if theirs then
      bench.row { what = what, unit = "req/s", ours = ours.rate, beside = beside,
        theirs = theirs.rate, aim = aim }
      bench.row { what = what .. ": server's time", unit = "us/req", ours = ours.cpu_us,
        beside = beside, theirs = theirs.cpu_us, less_is_better = true }
      bench.row { what = what .. ": 99 of 100 within", unit = "ms", ours = ours.p99 * 1e3,
        beside = beside, theirs = theirs.p99 * 1e3, less_is_better = true }
    end
  end
end

return function(bench)
  os.execute(("rm -f %s/mock.db* %s/fastapi.db*"):format(bench.quote(bench.folder), bench.quote(bench.folder)))
  local mock = bench.serve { "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db",
    bench.folder .. "/mock.db" }
  local peer = fastapi(bench)
  local json = { "-H", "Content-Type: application/json", "-d", '{"ref":"main","terminal_after_seconds":0}' }
  local created = ask(bench, mock.url .. TRIGGER, unpack_list(json))
  if peer then ask(bench, peer.url .. TRIGGER, unpack_list(json)) end
  local read = ask(bench, mock.url .. READ)
  local headers = { "PRIVATE-TOKEN: " .. bench.token }

  compare(bench, "mock: pipeline read, 32 connections", { mock = mock, fastapi = peer, aim = 0.6,
    constant = bench.serve { bench.folder .. "/constant_httpd", write(bench.folder .. "/read.http", read) } },
    function(server)
      return function() return bench.wrk(server, READ, { headers = headers }) end
    end)

  local post = write(bench.folder .. "/trigger.lua", [[
    wrk.method = "POST"
    wrk.body = '{"ref":"main","terminal_after_seconds":0}'
    wrk.headers["Content-Type"] = "application/json"]])
  compare(bench, "mock: trigger, 32 connections", { mock = mock, fastapi = peer,
    constant = bench.serve { bench.folder .. "/constant_httpd", write(bench.folder .. "/created.http", created) } },
    function(server)
      return function() return bench.wrk(server, TRIGGER, { headers = headers, script = post }) end
    end)
end
