-- Scripts that hang, fill the memory or reach for the host (support/hostile_scripts.lua), each in a
-- process of its own: it ends within 2 s of its budget, stays under 96 MiB, and says in one line where.
-- A seeded sample; all of them with GP_FULL=1, one with GP_CASE=number.
local cases = require "support.hostile_scripts"
local process = require "support.process"
local random = require "support.random"

-- The budget of hostile_case.lua and 2 s; twice that, since other specs share the machine.
local SECONDS = 2 * (2 + 2)
-- AddressSanitizer keeps a shadow of all memory, and freed blocks for a while.
local MEBIBYTES = (os.getenv "BUILD" or ""):find "asan" and 4 * 96 or 96
local SAMPLE = 10

local CANARIES = { GITLAB_TOKEN = "glpat-CANARYCANARYCANARY1", CI_JOB_TOKEN = "CANARYJOBTOKEN",
  CI_REGISTRY_PASSWORD = "CANARYPASSWORD", HOST_SECRET = "CANARYHOST",
  CI_REPOSITORY_URL = "https://gitlab-ci-token:CANARYURL@host/a",
  GITLAB_PIPELINES_SECRET_X = "CANARYSECRET" }

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

-- A folder with links that lead out of `out`.
local function new_folder()
  local path, remove = process.file ""
  os.execute(("mkdir -p %sout %soutside; ln -s %soutside %sout/link; ln -s %soutside/ESCAPED %sout/file-link")
    :format(path, path, path, path, path, path))
  return path, remove
end

local function run(number)
  local folder, remove = new_folder()
  local environment = {}
  for name, value in pairs(CANARIES) do environment[#environment + 1] = name .. "=" .. value end
  local pipe = io.popen(("env %s %s spec/support/hostile_case.lua %d %s 2>&1"):format(
    table.concat(environment, " "), process.interpreter, number, folder:sub(1, -2)))
  local output = pipe:read "*a"
  pipe:close()
  local outside = exists(folder .. "outside/ESCAPED") or exists "ESCAPED" or exists "/tmp/ESCAPED"
  remove()
  return output, outside
end

local function fits(expected, ending)
  return ending == expected or expected == "ended" and ending ~= "fine"
end

local function check(number)
  local case = cases[number]
  local output, outside = run(number)
  local about = ("case %d (GP_CASE=%d), %s:\n%s"):format(number, number, case.name, output:sub(-2000))
  local ending, seconds, peak, message = output:match "RESULT\t(%a+)\t([%d.]+)\t([%d.]+)\t([^\n]*)\n$"
  assert(ending, about)
  assert(fits(case.ending, ending), "expected " .. case.ending .. ": " .. about)
  assert(tonumber(seconds) < SECONDS, "took too long: " .. about)
  assert(tonumber(peak) < MEBIBYTES, "took too much memory: " .. about)
  assert(not output:find("CANARY", 1, true), "a secret was read: " .. about)
  assert(not output:find("ESCAPED", 1, true), "it got out: " .. about)
  assert(not outside, "it wrote outside of its folder: " .. about)
  -- What stands in the wrong form in a world is named by its path.
  local place = case.where == "world" and "hostile%.lua:[%d ]" or "hostile%.lua:%d"
  assert(ending == "fine" or message:find(place), "no place: " .. about)
end

local function sample()
  local only = tonumber(os.getenv "GP_CASE" or "")
  if only then return { only } end
  local chosen = {}
  if os.getenv "GP_FULL" == "1" then
    for number = 1, #cases do chosen[number] = number end
    return chosen
  end
  local dice = random.new(random.seed())
  for _ = 1, SAMPLE do chosen[#chosen + 1] = dice(1, #cases) end
  return chosen
end

describe("a hostile script", function()
  it("is one of at least a hundred", function()
    assert.is_true(#cases >= 100)
  end)

  for _, number in ipairs(sample()) do
    it(("ends: %s (%d, %s)"):format(cases[number].name, number, cases[number].where), function()
      check(number)
    end)
  end
end)
