-- Windows that processes share: by a program of processes that die and stop at any store
-- (spec/c/shared_limits.c), and by clients.
local client_of = require "gitlab_pipelines.client"
local compile = require "support.compile"
local core = require "gitlab_pipelines.core"
local double = require "support.transport_double"
local exchanges = require "support.exchanges"
local operations = require "gitlab_pipelines.operations"
local process = require "support.process"
local seeds = require "support.seeds"
local virtual = require "gitlab_pipelines.runtime.virtual"

local FULL = os.getenv "GP_FULL" == "1"
local START = 1767225600

local quote = compile.quote

local function run(command)
  local pipe = assert(io.popen("unset LD_PRELOAD; " .. command .. " 2>&1; echo status=$?"))
  local text = pipe:read "*a"
  pipe:close()
  return text:gsub("status=%d+%s*$", ""), tonumber(text:match "status=(%d+)%s*$")
end

-- The program, made anew with the sanitizers. Where coverage is measured, what needs no death goes
-- through one that is linked to the instrumented objects.
local programs = {}
local function program(mode)
  local folder = os.getenv "BUILD" or "build"
  local instrumented = (mode == "unit" or mode == "open") and io.open(folder .. "/obj/core/buf.gcno")
  local name, flags = "shared_limits", "-fsanitize=address,undefined -fno-sanitize-recover=undefined "
    .. "-include spec/c/shared_limits_stores.h csrc/core/shared_windows.c csrc/core/limiter.c "
    .. "csrc/core/network_file_system.c "
    .. "csrc/io/shared_limits.c csrc/io/boot.c"
  if instrumented then
    instrumented:close()
    name = "shared_limits_covered"
    flags = ("--coverage '%s/obj/io/shared_limits.o' '%s/obj/io/boot.o' '%s/obj/libgpcore.a'"):format(folder,
      folder, folder)
  end
  if programs[name] then return programs[name] end
  local path = quote(compile.folder() .. "/" .. name)
  local text, status = run(([[mkdir -p %s && ${CC:-cc} -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra \
    -Icsrc -o %s spec/c/shared_limits.c %s \
    -Wl,--wrap=clock_gettime,--wrap=posix_fallocate,--wrap=fstatfs,--wrap=getpid -lm]]):format(
    quote(compile.folder()), path, flags))
  assert.equals(0, status, text)
  programs[name] = path
  return path
end

local function tool(environment, mode, ...)
  local words = { environment, program(mode), mode }
  for i = 1, select("#", ...) do words[#words + 1] = quote(tostring((select(i, ...)))) end
  return run(table.concat(words, " "))
end

local function write(path, text, mode)
  local file = assert(io.open(path, mode or "wb"))
  file:write(text)
  file:close()
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

-- The judge: every request that was sent, by all of them; what a window allows, counted out.
local windows = {
  { name = "8 in 0.05 s", count = 8, length = 0.05, of = function() return "all" end },
  { name = "40 in 0.4 s", count = 40, length = 0.4, of = function() return "all" end },
  { name = "3 in 0.1 s of a subject", count = 3, length = 0.1,
    of = function(subject) return subject ~= 0 and subject or nil end },
}

-- Where more was sent than a window allows; nil: nowhere. And how much was sent.
local function judge(log)
  local times, sent = {}, 0
  for line in log:gmatch "[^\n]+" do
    local time, subject = line:match "^([%d.]+) (%d+)$"
    -- A process may be killed while it writes.
    if time then
      sent = sent + 1
      for i, window in ipairs(windows) do
        local key = window.of(tonumber(subject))
        if key then
          times[i] = times[i] or {}
          times[i][key] = times[i][key] or {}
          table.insert(times[i][key], tonumber(time))
        end
      end
    end
  end
  for i, window in ipairs(windows) do
    for key, list in pairs(times[i] or {}) do
      table.sort(list)
      for at = window.count + 1, #list do
        local span = list[at] - list[at - window.count]
        if span <= window.length then
          return ("%s (%s): one too many within %.6f s, at %.6f"):format(window.name, key, span,
            list[at]), sent
        end
      end
    end
  end
  return nil, sent
end

describe("windows that processes share", function()
  local file, remove
  before_each(function() file, remove = process.file "limits" end)
  after_each(function() remove() end)

  it("are never exceeded by processes that are killed and stopped anywhere", function()
    local processes, seconds = 3, 1.5
    if FULL then processes, seconds = 8, 10 end
    for seed in seeds.each(5, 1) do
      os.remove(file)
      os.remove(file .. ".log")
      seeds.named(seed, function()
        local text, status = tool("", "storm", file, file .. ".log", processes, seconds, seed)
        local excess, sent = judge(read(file .. ".log"))
        assert(status == 0, text)
        assert(not excess, (excess or "") .. "\n" .. text)
        -- Whoever dies takes places along, but the rest go on.
        assert(sent > seconds * 20, ("only %d were sent\n%s"):format(sent, text))
        assert(tonumber(text:match "ended (%d+)") >= 3, text)
      end)
    end
  end)

  it("are exceeded where each process has a file of its own, so the judge bites", function()
    local text, status = tool("", "storm", file, file .. ".log", 3, 0.8, 1, "apart")
    assert.equals(0, status, text)
    assert.is_truthy((judge(read(file .. ".log"))))
  end)

  it("outlive a death at each store, of a new file and of one in use", function()
    for _, kind in ipairs { "fresh", "kept" } do
      os.remove(file)
      os.remove(file .. ".log")
      local text, status = tool("", "steps", file, file .. ".log", kind)
      assert.equals(0, status, text)
      assert.is_true(tonumber(text:match "steps (%d+)") > 30, text)
      if kind == "kept" then assert.is_nil((judge(read(file .. ".log")))) end
    end
  end)

  it("are right in every corner of their block", function()
    local text, status = tool("", "unit", "all")
    assert.equals("fine\n", text)
    assert.equals(0, status)
  end)

  it("make who does not get the lock wait, 100 ms at most before it asks again", function()
    local text, status = tool("", "held", file)
    assert.equals(0, status, text)
    assert.equals("asked 20 longest 0.1000\n", text)
  end)

  it("do not take for their own what a dead process of the same number held", function()
    local text, status = tool("", "number", file)
    assert.equals("taken 7\nlater 8\n", text)
    assert.equals(0, status)
  end)

  it("are a child's own after fork; a file made for one that was removed counts as used", function()
    local text, status = tool("", "fork", file)
    assert.equals(0, status, text)
    assert.equals("taken 6\ntaken 7\nlater 001\n", text)
  end)

  it("refuse what is no file of theirs, with a word why", function()
    local function open(environment)
      local text = tool(environment or "", "open", file)
      return (text:gsub("\n$", ""):gsub(file:gsub("%p", "%%%0"), "FILE"))
    end
    assert.equals("fine", open())
    assert.equals("fine", open())
    local sound = read(file)
    assert.is_falsy(sound:find("host", 1, true))
    write(file, sound:sub(1, 100))
    assert.equals("FILE is damaged: remove it while no process uses it", open())
    write(file, sound:sub(1, -2))
    assert.equals("FILE is damaged: remove it while no process uses it", open())
    write(file, sound:sub(1, 40) .. "x" .. sound:sub(42))
    assert.equals("FILE is damaged: remove it while no process uses it", open())
    write(file, "#!/bin/sh\n")
    assert.equals("FILE is not a shared limits file", open())
    write(file, sound)
    tool("", "patch", file, "version")
    assert.equals("FILE was made by another version: choose another file", open())
    write(file, sound)
    tool("", "patch", file, "size")
    assert.equals("FILE is damaged: remove it while no process uses it", open())
    write(file, sound)
    run("chmod 400 " .. quote(file))
    assert.equals("FILE is read-only", open())
    run("chmod 644 " .. quote(file))
    assert.equals("FILE is open to other users: chmod 600", open())
    run("chmod 600 " .. quote(file))
    for magic, name in pairs { ["6969"] = "NFS", FF534D42 = "CIFS", ["1021997"] = "9P",
      ["65735546"] = "FUSE" } do
      assert.equals(("FILE lies on a network file system (%s): choose a local file"):format(name),
        open("FSTYPE=" .. magic))
    end
    assert.equals("fine", open "FSTYPE=1021994", "tmpfs")
    os.remove(file)
    assert.equals("FILE: No space left on device", open "NOSPACE=1")
    assert.equals("fine", open(), "once there is space again")
    run("rm " .. quote(file) .. " && mkdir " .. quote(file))
    assert.equals("FILE: Is a directory", open())
    run("rmdir " .. quote(file) .. " && mkfifo " .. quote(file))
    assert.equals("FILE is not a regular file", open())
  end)

  -- By policies, in virtual time ------------------------------------------------------------------

  local RULES = { per_second = 4, per_minute = 20, create_per_minute = 2, jobs_per_minute = 3 }

  local function policy(limits, now)
    local made = core.policy.new { limits = limits or RULES }
    local ok, why = made:share(file, now or START)
    if ok then made:share_as("https://gitlab.example.com", nil) end
    return ok and made or nil, why
  end

  local function exchange(of, options)
    options = options or {}
    options.effect, options.class = options.effect or "read", options.class or "read"
    return exchanges.new(of, options)
  end

  local function send(of, now, options)
    local x = exchange(of, options)
    local verdict, till = x:next(now)
    if verdict == "send" then
      x:sent(now)
      x:feed(now, 0, "ok", 200)
    end
    x:close(now)
    return verdict, till
  end

  it("count what every process has sent, and keep apart what concerns other subjects", function()
    local a, b = assert(policy()), assert(policy())
    for _ = 1, 2 do
      assert.equals("send", (send(a, START)))
      assert.equals("send", (send(b, START)))
    end
    local verdict, till = send(a, START + 0.5)
    assert.equals("wait", verdict)
    assert.is_true(till > START + 1 and till < START + 1.01)
    assert.equals(4, b:stats(START + 0.5).windows.second.shared_used)
    assert.equals(2, b:stats(START + 0.5).windows.second.used)
    assert.equals(0, b:stats(START + 1.1).windows.second.shared_used)
    -- Another token's windows are others.
    local other = assert(policy())
    other:share_as("https://gitlab.example.com", core.secret.new "glpat-0123456789")
    assert.equals("send", (send(other, START + 0.5)))
    -- So are another project's creations.
    for _ = 1, 2 do
      assert.equals("send", (send(a, START + 2, { class = "create", create_subject = "1 main" })))
    end
    assert.equals("wait", (send(b, START + 2, { class = "create", create_subject = "1 main" })))
    assert.equals("send", (send(b, START + 2, { class = "create", create_subject = "2 main" })))
  end)

  it("hold a place until it is sent, given back, or its owner gone", function()
    local limits = { per_second = 1, per_minute = false }
    local a, b = assert(policy(limits)), assert(policy(limits))
    local held = exchange(a)
    assert.equals("send", (held:next(START)))
    local verdict, till = send(b, START)
    assert.equals("wait", verdict)
    assert.is_true(till <= START + 0.3, "nobody would tell")
    assert.equals("wait", (send(b, START + 500)))
    held:sent(START + 600)
    held:feed(START + 600, 0, "ok", 200)
    assert.equals("wait", (send(b, START + 600.9)))
    assert.equals("send", (send(b, START + 601.1)))
    held = exchange(a)
    assert.equals("send", (held:next(START + 700)))
    held, a = nil, nil -- luacheck: ignore 311 331
    collectgarbage()
    collectgarbage()
    verdict, till = send(b, START + 700)
    assert.equals("wait", verdict)
    assert.is_true(till > START + 701, "it may have been sent just now")
    assert.equals("send", (send(b, START + 701.1)))
  end)

  it("close for all when the server says so, and let nothing leave a second time without a place", function()
    local limits = { per_second = 2, per_minute = false }
    local a, b = assert(policy(limits)), assert(policy(limits))
    local x = exchange(a, { no_retry = true })
    x:next(START)
    x:sent(START)
    x:sent(START + 0.5)
    x:feed(START + 0.5, 0, "ok", 200)
    local verdict, till = send(b, START + 0.5)
    assert.equals("wait", verdict)
    assert.is_true(till > START + 1)
    x = exchange(a, { no_retry = true })
    assert.equals("send", (x:next(START + 2)))
    x:sent(START + 2)
    x:feed(START + 2, 0, "ok", 429, { retry_after = "30", type = "text/plain", body = "Retry later" })
    verdict, till = send(b, START + 3)
    assert.equals("wait", verdict)
    assert.is_true(till > START + 31.9 and till < START + 32.1)
    assert.equals("send", (send(b, START + 32.1)))
    -- Again, while every place is held.
    local one, two = exchange(a), exchange(a)
    one:next(START + 40)
    two:next(START + 40)
    assert.is_true(one:sent(START + 40))
    assert.is_false(one:sent(START + 40.1))
    two:close(START + 40.1)
    assert.equals("send", (send(b, START + 41.05)))
    assert.is_true(one:sent(START + 41.15))
    assert.equals("wait", (send(b, START + 41.2)))
  end)

  it("go down for all to what the server says is left, by its throttle's name", function()
    local limits = { per_second = false, per_minute = 50 }
    local a, b, other = assert(policy(limits)), assert(policy(limits)), assert(policy(limits))
    other:share_as("https://gitlab.example.com", core.secret.new "glpat-0123456789")
    local function told(of, now, remaining, reset, name)
      local x = exchange(of)
      assert.equals("send", (x:next(now)))
      x:sent(now)
      x:feed(now + 0.1, 0, "ok", 200,
        { date = "Thu, 01 Jan 1970 00:00:00 GMT", reset = tostring(reset), remaining = remaining, name = name })
    end
    local function sent(of, now)
      local count = 0
      while count < 30 and send(of, now) == "send" do count = count + 1 end
      return count
    end
    -- One of the other process is under way: the server has not counted it.
    local flying = exchange(b)
    flying:next(START)
    told(a, START, "4", 20, "throttle_authenticated_api")
    assert.equals(3, sent(b, START + 1))
    assert.equals("wait", (send(a, START + 1)))
    local verdict, till = send(b, START + 1)
    assert.equals("wait", verdict)
    assert.is_true(till > START + 20 and till < START + 20.2)
    assert.equals(30, sent(other, START + 1))
    flying:close(START + 1)
    -- Two throttles: the narrower holds until its own time.
    told(a, START + 100, "5", 40, "one")
    told(b, START + 100, "9", 10, "two")
    assert.equals(4, sent(b, START + 101))
    told(a, START + 200, "2", 5, "two")
    assert.equals(2, sent(b, START + 201))
    assert.equals(30, sent(b, START + 206))
  end)

  it("start anew and count as used after another boot; not while somebody is in them", function()
    for _, what in ipairs { "boot", "clock", "rules", "mark" } do
      os.remove(file)
      do
        local a = assert(policy())
        assert.equals("send", (send(a, START)))
      end
      collectgarbage()
      collectgarbage()
      local _, status = tool("", "patch", file, what)
      assert.equals(0, status)
      local b = assert(policy())
      local verdict, till = send(b, START + 10)
      assert.equals("wait", verdict, what)
      -- It was made at START, when nobody knew what had been sent.
      assert.is_true(till > START + 60 and till < START + 60.1, what)
      assert.equals("send", (send(b, START + 61)), what)
      tool("", "patch", file, what)
      local _, why = policy()
      assert.is_truthy(why:find("in use by a process", 1, true), why)
      -- Who had it in use is told too.
      local x = exchange(b)
      verdict, why = x:next(START + 62)
      assert.equals("done", verdict)
      assert.equals("shared_limits", why)
      assert.is_truthy(b:shared_problem():find("damaged while it was in use", 1, true))
    end
  end)

  it("reckon in the machine's time, whatever a caller's clock shows", function()
    local limits = { per_second = 2, per_minute = false }
    local function real()
      local made = core.policy.new { limits = limits }
      assert(made:share(file))
      made:share_as("https://gitlab.example.com", nil)
      return made
    end
    local a, b = real(), real()
    assert.equals("send", (send(a, 5)))
    assert.equals("send", (send(b, core.clock.now())))
    local verdict, till = send(a, 5)
    assert.equals("wait", verdict)
    assert.is_true(till > 5 and till < 6.01)
    assert.equals(2, a:stats(5).windows.second.shared_used)
  end)

  it("let their file go when the client is closed", function()
    local rt = virtual.new()
    local one = assert(client_of.new { url = "https://gitlab.example.com", runtime = rt,
      token = "glpat-0123456789", transport = double.new {}, limits = { shared = file } })
    one:close()
    one:close()
    assert.equals(10, one:stats().windows.second.limit)
    -- Nobody is in it, so other limits may have it.
    assert(client_of.new { url = "https://gitlab.example.com", runtime = rt,
      token = "glpat-0123456789", transport = double.new {},
      limits = { shared = file, per_second = 3 } })
    -- What is under way keeps it.
    local busy = assert(policy { per_second = 3 })
    assert.equals(3, busy:stats(START).windows.second.shared_used, "made anew: it counts as used")
    local x, now = exchange(busy), START + 120
    assert.equals("send", (x:next(now)))
    busy:unshare()
    assert.equals(1, busy:stats(now).windows.second.shared_used)
    x:close(now)
    x = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    busy:unshare()
    assert.is_nil(busy:stats(now).windows.second.shared_used)
  end)

  it("are refused to who has other limits", function()
    local a = assert(policy())
    local b, why = policy { per_second = 5 }
    assert.is_nil(b)
    assert.is_truthy(why:find("in use by a process with other limits", 1, true))
    assert.equals("send", (send(a, START)))
    assert.has_error(function() a:share(file) end)
    b, why = policy { per_minute = 10000000 }
    assert.is_nil(b)
    assert.is_truthy(why:find("limits as high as these", 1, true))
  end)

  it("are not touched once their file has been cut short", function()
    local a = assert(policy())
    local x = exchange(a)
    assert.equals("send", (x:next(START)))
    write(file, "")
    x:sent(START)
    x:feed(START, 0, "ok", 200)
    assert.equals(0, a:stats(START).windows.second.shared_used)
    x = exchange(a)
    local verdict, why = x:next(START + 1)
    assert.equals("done", verdict)
    assert.equals("shared_limits", why)
  end)

  it("heal places and closings that lie days ahead", function()
    local limits = { per_second = 1, per_minute = false, create_per_minute = false,
      jobs_per_minute = false }
    local a = assert(policy(limits))
    assert.equals("send", (send(a, START + 1e6)))
    assert.equals("wait", (send(a, START + 1e6 + 0.1)))
    local b = assert(policy(limits, START))
    local verdict, till = send(b, START)
    assert.equals("wait", verdict)
    assert.is_true(till > START + 1 and till < START + 1.1)
    assert.equals("send", (send(b, till)))
  end)

  it("give a window to another subject when nothing in it matters any more", function()
    local limits = { per_second = false, per_minute = false, create_per_minute = 5000,
      jobs_per_minute = false }
    local a, b = assert(policy(limits)), assert(policy(limits))
    for i = 1, 16 do
      assert.equals("send", (send(i % 2 == 0 and a or b, START + i,
        { create_subject = "project " .. i })))
    end
    assert.equals("wait", (send(a, START + 20, { create_subject = "another" })))
    assert.equals("send", (send(a, START + 61.5, { create_subject = "another" })))
    assert.equals("send", (send(b, START + 61.5, { create_subject = "project 9" })))
  end)

  -- One schedule: three policies, random requests, all of them served in the end.
  local function schedule(seed)
    local random = seeds.new(seed)
    local limits = { per_second = random.int(1, 4), per_minute = random.int(3, 12),
      create_per_minute = random.int(1, 3), jobs_per_minute = false }
    local lengths = { per_second = 1, per_minute = 60, create_per_minute = 60 }
    local now, waiting, sent = START + random.unit(), {}, {}
    local policies = {}
    for i = 1, 3 do policies[i] = assert(policy(limits, now)) end
    for _ = 1, random.int(10, 30) do
      local subject = random.chance(0.4) and random.pick { "1 main", "2 main" } or nil
      waiting[#waiting + 1] = { at = now + random.unit() * random.pick { 1, 100 }, subject = subject,
        x = exchange(random.pick(policies), { create_subject = subject, no_retry = true,
          class = random.pick { "cancel", "create", "read", "poll" } }) }
    end
    local turns, total = 0, #waiting
    while #waiting > 0 do
      turns = turns + 1
      assert(turns < 20000, "does not end")
      table.sort(waiting, function(p, q) return p.at < q.at end)
      local one = table.remove(waiting, 1)
      now = math.max(now, one.at)
      if one.held then
        if one.held == "send" then
          one.x:sent(now)
          for rule in pairs(lengths) do
            local key = rule == "create_per_minute" and (one.subject and rule .. one.subject) or rule
            if rule ~= "create_per_minute" or one.subject then
              sent[key] = sent[key] or { rule = rule }
              table.insert(sent[key], now)
            end
          end
        end
        one.x:feed(now, 0, one.held == "send" and "ok" or "never_sent", one.held == "send" and 200 or 0)
      else
        local verdict, till = one.x:next(now)
        if verdict == "send" then
          one.held = random.chance(0.9) and "send" or "lost"
          one.at = now + random.unit() * 0.5
        else
          assert(verdict == "wait" and till > now, "told to ask again at once")
          one.at = till
        end
        waiting[#waiting + 1] = one
      end
    end
    for _, times in pairs(sent) do
      local count, length = limits[times.rule], lengths[times.rule]
      for at = count + 1, #times do
        assert(times[at] - times[at - count] > length, times.rule .. ": one too many")
      end
    end
    -- One after the other through the narrowest window, with what was held in between.
    local narrowest = math.min(limits.per_minute, limits.create_per_minute)
    assert(now < START + 200 + 62 * math.ceil(total / narrowest) , "served too late")
  end

  it("hold in random schedules, and everybody is served", function()
    for seed in seeds.each(1000, 30) do
      os.remove(file)
      seeds.named(seed, function() schedule(seed) end)
      collectgarbage()
    end
  end)

  -- By clients --------------------------------------------------------------------------------------

  local function client(rt, transport, token)
    return client_of.new { url = "https://gitlab.example.com", token = token or "glpat-0123456789",
      runtime = rt, transport = transport, limits = { shared = file } }
  end

  it("are those of clients that name the same file", function()
    local rt = virtual.new()
    local times = {}
    local transport = double.new(function()
      times[#times + 1] = rt:now()
      return { body = { id = 1 } }
    end)
    local clients = { assert(client(rt, transport)), assert(client(rt, transport)),
      assert(client(rt, transport, function() return "glpat-0123456789" end)) }
    rt:run(function()
      for i = 1, 45 do
        rt:spawn(function()
          assert(clients[i % 3 + 1]:call(operations.projects.get, { project = 1 }))
        end)
      end
    end)
    assert.equals(45, #times)
    for i = 11, 45 do assert.is_true(times[i] - times[i - 10] > 1) end
    assert.is_true(times[45] - times[1] < 5)
    assert.equals(45, clients[1]:stats().windows.minute.shared_used)
    assert.is_nil(read(file):find("gitlab.example", 1, true))
    assert.is_nil(read(file):find("0123456789", 1, true))
  end)

  it("are an error of the configuration when the file cannot be used", function()
    local rt = virtual.new()
    write(file, "something else")
    run("chmod 600 " .. quote(file))
    local made, err = client(rt, double.new {})
    assert.is_nil(made)
    assert.is_true(err:is "ConfigurationError.SharedLimitsUnusable")
    assert.equals("limits.shared: " .. file .. " is not a shared limits file", err.message)
    os.remove(file)
    local fine = assert(client(rt, double.new {}))
    write(file, "cut")
    local result
    rt:run(function() result, err = fine:call(operations.projects.get, { project = 1 }) end)
    assert.is_nil(result)
    assert.is_true(err:is "SharedLimitsUnusable")
    assert.equals(0, err.attempts)
    assert.is_truthy(err.message:find "damaged while it was in use")
    -- A token that cannot be had is the call's error, as it is without shared limits.
    os.remove(file)
    local tokenless = assert(client(rt, double.new {}, function() error "no" end))
    rt:run(function() result, err = tokenless:call(operations.projects.get, { project = 1 }) end)
    assert.is_nil(result)
    assert.is_true(err:is "InvalidCredentials")
  end)
end)
