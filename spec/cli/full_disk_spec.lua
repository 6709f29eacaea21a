-- `run` on a file system that is full at a random moment, and signals meanwhile: a small tmpfs where we
-- may mount one, else a limit on the size of files. Whenever that is, the command ends, says what it left
-- running, and is resumed when there is room. The simulated GitLab's own table is the judge.

local httpd = require "support.httpd"
local json = require "gitlab_pipelines.json"
local process = require "support.process"
local seeds = require "support.seeds"

local TOKEN = "spec-token-0123456789"
local FULL = os.getenv "GP_FULL" == "1"

-- Two projects a trial: what is in doubt is looked for among the pipelines of its own alone.
local function world()
  local lines = { "projects = {" }
  for n = 1, 200 do
    lines[#lines + 1] = ([[ ["t%d/zero"] = { id = %d, queued = 0,
      jobs = { { name = "job", stage = "test", duration = 0 } } },
      ["t%d/long"] = { id = %d, queued = 0, jobs = { { name = "job", stage = "test", duration = 6 } } }, ]]):format(
      n, 2 * n, n, 2 * n + 1)
  end
  return table.concat(lines, "\n") .. "}\n"
end

-- Calls, which are quick, fill the journal; every pipeline that is made says whose it is.
local FLOW = [[inputs = { tag = {} }
first = call { run = function() return { text = ("x"):rep(3000) } end }
lib = pipeline { project = input.tag .. "/zero", needs = { first }, variables = { STEP = "lib", TAG = input.tag } }
fan = each { over = OVER, limit = 2, needs = { first }, make = function(region)
  return pipeline { project = input.tag .. "/zero", variables = { STEP = region, TAG = input.tag } } end }
rescue = pipeline { project = input.tag .. "/zero", needs = { lib }, when = "failure",
  variables = { STEP = "rescue", TAG = input.tag } }
tell = call { needs = { lib }, run = function(steps) return { text = steps.first.text .. steps.lib.id } end }
]]

local MORE = [[
last = pipeline { project = input.tag .. "/zero", needs = { tell, fan },
  variables = { STEP = "last", TAG = input.tag, T = lib.id } }
long = pipeline { project = input.tag .. "/long", needs = { first }, variables = { STEP = "long", TAG = input.tag } }
]]

local STEPS = FULL and { "ap", "eu", "last", "lib", "long", "us" } or { "eu", "lib", "us" }

-- Kilobytes that the whole run takes, and those that the journal takes before it.
local LEAST, MOST = 60, FULL and 330 or 280

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function shell(line)
  local ok = os.execute(line)
  return ok == true or ok == 0
end

describe("a run on a disk that is full", function()
  local server, folder, remove, mounts

  setup(function()
    local path
    path, remove = process.file "flow.lua"
    folder = path:match "^(.*)/"
    write(path, FLOW:gsub("OVER", FULL and '{ "eu", "us", "ap" }' or '{ "eu", "us" }') .. (FULL and MORE or ""))
    write(folder .. "/world.lua", world())
    server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db",
      ":memory:", "--world", folder .. "/world.lua" }, { MOCK_TOKEN = TOKEN })
    mounts = shell(("mkdir %s/m && mount -t tmpfs -o size=64k tmpfs %s/m 2>/dev/null && umount %s/m"):format(
      folder, folder, folder))
  end)
  teardown(function()
    if server then server:stop() end
    shell(("for m in %s/*/disk; do mountpoint -q $m && umount $m; done"):format(folder))
    remove()
  end)

  -- One trial in a shell of its own: a life on the full disk, what GitLab has then, and a life with room.
  -- `term`: seconds until SIGTERM; who has not ended 5 s later is killed, and has failed.
  local function trial(n, kilobytes, term)
    local own = ("%s/%d"):format(folder, n)
    local command = ("%s spec/support/settled_command.lua run %s/flow.lua -i tag=t%d --journal %s/disk/runs.db"):format(
      httpd.lua, folder, n, own)
    local first = ("timeout --preserve-status -k 5 -s TERM %g %s </dev/null >%s/first 2>&1"):format(
      term or 120, command, own)
    if not mounts then first = ("( trap '' XFSZ; ulimit -f %d; %s )"):format(kilobytes * 2, first) end
    local again = ("timeout --preserve-status -k 5 120 %s </dev/null >%s/second 2>&1"):format(command, own)
    local lines = {
      "export XDG_STATE_HOME=" .. own, "export GITLAB_TOKEN=" .. TOKEN, "export GITLAB_URL=" .. server.url,
      ("mkdir -p %s/disk"):format(own),
      mounts and ("mount -t tmpfs -o size=%dk tmpfs %s/disk"):format(kilobytes, own) or "",
      first, ('echo "exit $?" >>%s/first'):format(own),
      ("curl -s -H 'PRIVATE-TOKEN: %s' '%s/_mock/pipelines?status=running&per_page=100' >%s/between"):format(
        TOKEN, server.url, own),
      mounts and ("mount -o remount,size=8m %s/disk"):format(own) or "",
      (again:gsub(" </dev/null", " --resume%0", 1)),
      ('code=$?; if grep -q "no unfinished run" %s/second; then %s; code=$?; fi'):format(own, again),
      ('echo "exit $code" >>%s/second'):format(own),
      mounts and ("umount %s/disk"):format(own) or "",
    }
    write(own .. ".sh", table.concat(lines, "\n") .. "\n")
    return ("sh %s.sh & "):format(own)
  end

  -- Pipelines of a trial by step: {[step] = ids}, and {[id] = status}.
  local function made(rows, n)
    local steps, status = {}, {}
    for _, row in ipairs(rows) do
      local of = {}
      for _, variable in ipairs(json.decode(row.variables_json or "[]")) do of[variable.key] = variable.value end
      if of.TAG == "t" .. n then
        steps[#steps + 1] = of.STEP
        status[#status + 1] = { id = row.id, step = of.STEP, status = row.status }
      end
    end
    table.sort(steps)
    return steps, status
  end

  local function judge(all, n, term)
    local own = ("%s/%d/"):format(folder, n)
    local first, second = read(own .. "first"), read(own .. "second")
    local code = tonumber(first:match "exit (%d+)\n$")
    local broken = first:find("JournalUnusable", 1, true) ~= nil
    assert(code == 0 or code == 6 and broken or term and code == 143, "the first life: " .. first)
    assert(second:find "exit 0\n$" or code == 0 and second:find("flow succeeded", 1, true), "the second life: "
      .. second .. "\nafter the first: " .. first)
    -- What ran when it was left, and is running still, was named.
    local _, status = made(assert(json.decode(read(own .. "between"))), n)
    for _, row in ipairs(status) do
      if row.status == "running" and code ~= 0 and first:find("is not over", 1, true) then
        assert(first:find((" %d\n"):format(row.id), 1, true)
          or first:find(row.step .. ": whether GitLab makes the pipeline is not known yet", 1, true),
          ("pipeline %d of %s is running and was not named: %s"):format(row.id, row.step, first))
      end
    end
    assert.same(STEPS, (made(all, n)))
    return code
  end

  -- Every pipeline that was made, of all trials.
  local function table_of_gitlab()
    local all, page = {}, 1
    local rows
    repeat
      local pipe = assert(io.popen(("curl -s -H 'PRIVATE-TOKEN: %s' '%s/_mock/pipelines?per_page=100&page=%d'"):format(
        TOKEN, server.url, page)))
      rows, page = assert(json.decode(pipe:read "*a")), page + 1
      pipe:close()
      for _, row in ipairs(rows) do all[#all + 1] = row end
    until #rows < 100
    return all
  end

  it("ends at once, with 6, and is resumed when there is room; SIGTERM ends it at any time", function()
    local at_once = FULL and 16 or 8
    local trials, codes = {}, {}
    for seed in seeds.each(200, 8) do
      local random = seeds.new(seed)
      trials[#trials + 1] = { n = seed, kilobytes = math.floor(random.int(LEAST, MOST) / 4) * 4,
        term = random.chance(0.3) and random.unit() * 8 or nil }
    end
    for from = 1, #trials, at_once do
      local lines = {}
      for i = from, math.min(#trials, from + at_once - 1) do
        local one = trials[i]
        lines[#lines + 1] = trial(one.n, one.kilobytes, one.term)
      end
      shell(table.concat(lines) .. "wait")
    end
    local rows = table_of_gitlab()
    for _, one in ipairs(trials) do
      seeds.named(one.n, function()
        local code = judge(rows, one.n, one.term)
        codes["exit " .. code] = (codes["exit " .. code] or 0) + 1
      end)
    end
    -- Otherwise the disk was not full.
    assert.is_true((codes["exit 6"] or 0) > #trials / 4, json.encode(codes))
    if FULL then print(("full disk: exit codes %s"):format(json.encode(codes))) end
  end)
end)
