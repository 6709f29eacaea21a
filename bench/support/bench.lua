--- Support for the files of bench/rows: servers that are stopped afterwards, load programs, and the
--- table of results.

local M = {}

M.seconds = tonumber(os.getenv "BENCH_SECONDS" or "") or 2
M.rounds = tonumber(os.getenv "BENCH_ROUNDS" or "") or 3
M.folder = os.getenv "GP_BENCH" or "build/bench"
M.token = "bench-token-0123456789"

local running = {}

--- Quotes one word for the shell.
function M.quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function words(list)
  local quoted = {}
  for i, word in ipairs(list) do quoted[i] = M.quote(word) end
  return table.concat(quoted, " ")
end

-- With two processors or more, the server runs on the first and the load on the others, so that the
-- result does not depend on the scheduler.
local processors = tonumber((function()
  local pipe = assert(io.popen "nproc")
  local count = pipe:read "*l"
  pipe:close()
  return count
end)()) or 1
local server_cpu = processors > 1 and "taskset -c 0 " or ""
local load_cpu = processors > 1 and ("taskset -c 1-%d "):format(processors - 1) or ""

--- Starts a program that prints a line with its URL; it is stopped after the file's rows.
---@param command string[]
---@return table server {url, pid, stop = function}
function M.serve(command)
  local pipe = assert(io.popen(("MOCK_TOKEN=%s %s%s & echo \"pid $!\"; wait $!"):format(M.token,
    server_cpu, words(command))))
  local server = { pipe = pipe }
  while not (server.pid and server.url) do
    local line = assert(pipe:read "*l", "the server did not start: " .. words(command))
    if line:match "^pid " then server.pid = line:match "%d+" else server.url = line:match "http://[^%s/]+" end
  end
  function server.stop()
    if not server.pid then return end
    os.execute("kill " .. server.pid)
    server.pid = nil
    pipe:read "*a"
    pipe:close()
  end
  running[#running + 1] = server
  return server
end

--- Stops all started programs.
function M.cleanup()
  for _, server in ipairs(running) do server.stop() end
  running = {}
end

--- Runs a program to its end and returns what it printed.
---@param command string[]
---@return string
function M.capture(command)
  local pipe = assert(io.popen(("MOCK_TOKEN=%s %s%s"):format(M.token, load_cpu, words(command))))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

--- Runs a load program that prints name=value pairs.
---@return table numbers with `rate` (requests a second) and `cpu_us` (microseconds a request)
function M.load(command)
  local text = M.capture(command)
  local result = {}
  for name, value in text:gmatch "(%w+)=([%d.]+)" do result[name] = tonumber(value) end
  assert(result.requests and result.seconds, "no result from: " .. words(command) .. "\n" .. text)
  result.rate = result.requests / result.seconds
  result.cpu_us = result.cpu and result.cpu / result.requests * 1e6
  return result
end

local unit_seconds = { us = 1e-6, ms = 1e-3, s = 1, m = 60 }

-- Seconds of processor time that a process has used, from its 14th and 15th field.
local function cpu_of(server)
  local file = assert(io.open("/proc/" .. server.pid .. "/stat"))
  local text = file:read "*a"
  file:close()
  local fields = {}
  for field in text:match "%) (.*)$":gmatch "%S+" do fields[#fields + 1] = field end
  return (tonumber(fields[12]) + tonumber(fields[13])) / 100
end

--- Loads a server with wrk for M.seconds.
---@param server table
---@param path string
---@param opts table connections (32), headers, script (a wrk script)
---@return table rate, p99 (seconds), cpu_us (microseconds of the server's processor time a request)
function M.wrk(server, path, opts)
  local command = { "wrk", "-t1", "-c" .. (opts.connections or 32), "-d" .. M.seconds .. "s", "--latency" }
  for _, header in ipairs(opts.headers or {}) do
    command[#command + 1] = "-H"
    command[#command + 1] = header
  end
  if opts.script then
    command[#command + 1] = "-s"
    command[#command + 1] = opts.script
  end
  command[#command + 1] = server.url .. path
  local before = cpu_of(server)
  local text = M.capture(command)
  assert(not text:match "Non%-2xx" and not text:match "Socket errors", text)
  local number, unit = text:match "99%%%s+([%d.]+)(%a+)"
  return { rate = assert(tonumber(text:match "Requests/sec:%s+([%d.]+)"), text),
    p99 = tonumber(number) * unit_seconds[unit],
    cpu_us = (cpu_of(server) - before) / tonumber(text:match "(%d+) requests in") * 1e6 }
end

--- Measures several contestants in turn, M.rounds times, so that a busy moment of the machine affects
--- all of them; returns, for each name, the result with the median `rate`.
---@param contestants table[] array of {name, function returning a result with `rate`}
---@return table<string, table>
function M.by_turns(contestants)
  local results = {}
  for _ = 1, M.rounds do
    for _, contestant in ipairs(contestants) do
      local list = results[contestant[1]] or {}
      list[#list + 1] = contestant[2]()
      results[contestant[1]] = list
    end
  end
  local medians = {}
  for _, contestant in ipairs(contestants) do
    local list = results[contestant[1]]
    table.sort(list, function(a, b) return a.rate < b.rate end)
    medians[contestant[1]] = list[math.floor((#list + 1) / 2)]
  end
  return medians
end

local format = "%-53s %13s  %-32s %13s %6s %5s\n"

function M.heading()
  io.stdout:write(format:format("what", "ours", "beside what", "theirs", "ratio", "aim"))
end

local function quantity(value, unit)
  if not value then return "-" end
  local text = value >= 100 and ("%.0f"):format(value) or ("%.3g"):format(value)
  return text .. " " .. unit
end

--- Prints one row.
---@param row table what, ours, unit, beside, theirs, aim (the ratio wanted, or absent), and
--- `less_is_better` for times: the ratio is then theirs / ours, so that more is always better
function M.row(row)
  local ratio = row.theirs and (row.less_is_better and row.theirs / row.ours or row.ours / row.theirs)
  io.stdout:write(format:format(row.what, quantity(row.ours, row.unit), row.beside or "-",
    quantity(row.theirs, row.unit), ratio and ("%.2f"):format(ratio) or "-",
    row.aim and ("%.2g"):format(row.aim) or "-"))
  io.stdout:flush()
end

return M
