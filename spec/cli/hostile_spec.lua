-- Every command against a GitLab whose responses are wrong: an exit code of the table and one line for
-- an error, never a Lua error, nothing that a terminal would obey, and an end. In this process and in
-- virtual time; the long run is every seed (GP_FULL=1).

local cli = require "gitlab_pipelines.cli"
local core = require "gitlab_pipelines.core"
local gitlab = require "gitlab_pipelines"
local hostile = require "support.hostile_gitlab"
local seeds = require "support.seeds"

local MOST = 600
local FLOW = [[
lib = pipeline { project = "acme/lib", ref = "main", dotenv = "build.env", timeout = "2m" }
deploy = play { pipeline = lib, job = "deploy", timeout = "2m" }
]]

local folder

-- Words of a command line; @NAME stands for an id, %NAME for a file of the scratch folder.
local commands = {
  "list -p acme/lib", "list -p 11 --json", "list -p 11 -n 1", "show -p 12 @top",
  "show -p 11 @failed", "show -p 12 @top --json",
  "jobs -p 11 @done", "jobs -p 11", "jobs -p 11 --json", "trigger -p acme/lib -r main", "trigger -p acme/lib",
  "trigger -p 11 -r main --wait --timeout 2m", "trigger -p 11 -r main --once key", "trigger -p 11 -r main --json",
  "wait -p 11 @done --timeout 2m", "wait -p 11 @failed --timeout 2m --json",
  "cancel -p 11 @done", "cancel -p 11 --job @unit",
  "retry -p 11 @failed", "retry -p 11 --job @failed_unit", "delete -p 11 999 --yes", "play -p 11 @deploy",
  "logs -p 11 @unit", "logs -p 11 @unit --follow", "logs -p 11 @unit --json", "artifacts list -p 11 @compile",
  "artifacts list -p 11 --ref main --job-name compile", "artifacts get -p 11 @compile %a.zip",
  "artifacts get -p 11 @compile %build.env --path build.env", "artifacts extract -p 11 @compile %out",
  "environments -p 11", "environments -p 11 --json", "environments -p 11 --stop @environment", "token", "token --json",
  "run %flow.lua --journal :memory: --yes", "run %flow.lua --journal :memory: --json",
}

local CODES = { [0] = true, true, true, true, true, true, true }

local function words_of(line, ids)
  local words = {}
  for word in line:gmatch "%S+" do
    word = word:gsub("^@([%w_]+)$", function(name) return ("%d"):format(ids[name]) end)
    words[#words + 1] = word:gsub("^%%", folder .. "/")
  end
  return words
end

local function collector()
  local pieces = {}
  local file = {}
  function file.write(self, ...)
    for i = 1, select("#", ...) do pieces[#pieces + 1] = tostring((select(i, ...))) end
    return self
  end
  function file.flush() return true end
  function file.setvbuf() return true end
  function file.text() return table.concat(pieces) end
  return file
end

-- Runs a command line in this process: the exit code, and what it wrote to both streams.
local function run(place, words, on_terminal)
  local new, isatty, out, err = gitlab.new, core.term.isatty, io.stdout, io.stderr
  local stdout, stderr = collector(), collector()
  gitlab.new = function() return hostile.client(place) end
  core.term.isatty = function(fd) return fd == 1 and on_terminal or false end
  io.stdout, io.stderr = stdout, stderr -- luacheck: ignore 122
  local ok, code = pcall(cli.main, words)
  gitlab.new, core.term.isatty = new, isatty
  io.stdout, io.stderr = out, err -- luacheck: ignore 122
  return ok, code, stdout.text(), stderr.text()
end

local function round(place, seed)
  local random = seeds.new(seed)
  local line = commands[(seed - 1) % #commands + 1]
  hostile.heal(place)
  local words = words_of(line, place.ids)
  hostile.spoil(place, random, random.chance(0.7) and random.pick { 1, 1, 1, 2, 2, 3, 4, 5, 7 } or nil, MOST)
  -- The live view of a run moves the cursor.
  local on_terminal = random.chance(0.5) and not line:find "^run "
  local ok, code, stdout, stderr = run(place, words, on_terminal)
  assert(ok, ("%s raised: %s"):format(line, tostring(code)))
  assert(CODES[code], ("%s: exit code %s"):format(line, tostring(code)))
  local problem = ("%s: exit code %d: %s"):format(line, code, stderr:sub(1, 600))
  assert(not stderr:find "%.lua:%d+: " or stderr:find("flow.lua:", 1, true), problem)
  assert(not stderr:find "[%z\1-\8\11-\31]", problem)
  local shown = stdout:gsub("\27%[[%d;]*m", "")
  assert(not on_terminal or not shown:find "[%z\1-\8\11-\31]", ("%s: %q"):format(problem, shown:sub(1, 400)))
  assert(stdout .. stderr ~= "" or code == 0, problem)
end

describe("wrong responses to the command", function()
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir -p " .. folder)
    local file = assert(io.open(folder .. "/flow.lua", "w"))
    file:write(FLOW)
    file:close()
  end)

  teardown(function() os.execute("rm -rf " .. folder) end)

  it("leave every command with right ones to its work", function()
    local place = hostile.open()
    for _, line in ipairs(commands) do
      local ok, code, _, stderr = run(place, words_of(line, place.ids))
      assert(ok, ("%s raised: %s"):format(line, tostring(code)))
      assert(CODES[code] and code ~= 2, ("%s: exit code %d: %s"):format(line, code, stderr))
    end
    place.transport:close()
  end)

  it("give every command an exit code, one line and an end", function()
    local place
    for seed in seeds.each(8000, 4 * #commands) do
      if not place or seed % 200 == 1 then
        if place then place.transport:close() end
        place = hostile.open()
      end
      seeds.named(seed, function() round(place, seed) end)
    end
    place.transport:close()
  end)
end)
