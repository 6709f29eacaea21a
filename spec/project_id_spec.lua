-- Which values name a project: one rule, held against two independent witnesses, the simulated GitLab
-- and the rules as one would write them down.

local api = require "support.api_client"
local calls = require "support.mock_calls"
local core = require "gitlab_pipelines.core"
local double = require "support.transport_double"
local flow = require "gitlab_pipelines.flow.load"
local operations = require "gitlab_pipelines.operations"
local project_id = require "gitlab_pipelines.project_id"
local seeds = require "support.seeds"

local PIECES = { "a", "group", "App", "x1", "0", "17", "_", "-", ".", "..", "...", "a.b", ".git", "a.", "-a", "a-",
  "", " ", "a b", "\t", "\n", "\0", "\127", "%2f", "%2F", "%", "#", "?", "é", "\195", "a_b-c.d", "+", "*", "@",
  ":", "\\", "~", "group/project-3", ("x"):rep(60), ("y"):rep(252), ("z"):rep(253) }
local NUMBERS = { "0", "1", "007", "00", "-1", "+1", "1.5", "1e3", "0x10", "9999999999", "999999999999999",
  "9007199254740992", " 1", "1 ", "99999999999999999", "100000000000000000000000000000" }

-- A name as people and programs get them wrong, or right.
local function generated(random)
  if random.chance(0.1) then return random.pick(NUMBERS) end
  local text = random.chance(0.05) and "/" or ""
  for i = 1, random.int(1, 4) do
    if i > 1 then text = text .. (random.chance(0.05) and "//" or "/") end
    text = text .. (random.chance(0.5) and "a.b" or random.pick(PIECES))
    if random.chance(0.1) then text = text .. random.pick(PIECES) end
  end
  return random.chance(0.05) and text .. "/" or text
end

-- Each rule as a sentence; nil, or the one that is broken.
local function broken_rule(text)
  if text:match "^%d+$" then
    local digits = text:gsub("^0+", "")
    if digits == "" then return "numbers begin at 1" end
    local beyond = #digits > 16 or #digits == 16 and digits >= "9007199254740992"
    return beyond and "numbers are below 2^53" or nil
  end
  local pieces = 0
  for piece in (text .. "/"):gmatch "([^/]*)/" do
    pieces = pieces + 1
    if piece == "" then return "no piece is empty" end
    if piece:sub(1, 1) == "-" then return "no piece begins with -" end
    if piece:sub(-1) == "." then return "no piece ends with ." end
    for i = 1, #piece do
      local byte = piece:byte(i)
      local letter = byte >= 65 and byte <= 90 or byte >= 97 and byte <= 122
      if not letter and not (byte >= 48 and byte <= 57) and byte ~= 95 and byte ~= 45 and byte ~= 46 then
        return "pieces are of letters, digits, _, - and ."
      end
    end
  end
  if pieces < 2 then return "a full path has a group and a name" end
  if #text > 255 then return "a path has at most 255 bytes" end
end

local function everywhere(value)
  local found = { of = project_id.of(value) ~= nil }
  found.types = operations.types.project.is(value)
  local gl = api.new(double.new(function(request)
    local id = request.target:match "/projects/(%d+)$" or "17"
    return { body = ('{"id":%s,"status":"success"}'):format(id) }
  end))
  local row, err = gl.projects:get(value)
  found.api = row ~= nil
  assert.is_true(found.api or err:is "ConfigurationError.InvalidProjectId", tostring(err))
  row, err = gl.client:call(operations.pipelines.latest, { project = value, query = {} })
  found.client = row ~= nil
  assert.is_true(found.client or err:is "ConfigurationError.InvalidProjectId", tostring(err))
  return found
end

describe("a project", function()
  it("is what GitLab takes for one: the simulation and the written rules agree on every name", function()
    local simulated = calls.new {}
    local fits, fails = 0, 0
    for seed in seeds.each(20000, 3000) do
      local name = generated(seeds.new(seed))
      local rule = broken_rule(name)
      local ours = project_id.of(name)
      local where = ("seed %d: %q: %s"):format(seed, name, rule or "fits")
      assert.equal(rule == nil, ours ~= nil, where)
      local path = core.uri.expand("/projects/:project", { project = name })
      -- A name without a group is a project of the simulation, of no GitLab.
      if path and rule ~= "a full path has a group and a name" then
        assert.equal(rule == nil, simulated:get(path) == 200, where)
      end
      if rule then fails = fails + 1 else fits = fits + 1 end
    end
    simulated:close()
    assert.is_true(os.getenv "GP_SEED" ~= nil or fits > 200 and fails > 200, fits .. " " .. fails)
  end)

  it("is the same to the API, the client, the operations and the loader of flows", function()
    local values = { "g/a", "17", "007", 17, 17.0, 2 ^ 53 - 1, 2 ^ 53, 2 ^ 60, 0, -1, 1.5, 1 / 0, 0 / 0, "", "app",
      "a../b", "a/..b", "a/b..", "a/../b", " group/app", "group/app ", "group/%2fapp", "/g/a", "g/a/", "g//a", "g/a\n",
      "g\0/a", "g/-a", "9007199254740991", "9007199254740992", ("g/"):rep(127) .. "a", ("g/"):rep(127) .. "ab", true,
      {}, print }
    for seed in seeds.each(2000, 200) do values[#values + 1] = generated(seeds.new(seed)) end
    for _, value in ipairs(values) do
      local ours = everywhere(value)
      assert.same({ of = ours.of, types = ours.of, api = ours.of, client = ours.of }, ours, tostring(value))
      if type(value) == "string" then
        local loaded, err = flow.script(("a = pipeline { project = %q, ref = 'm' }"):format(value), "f.lua", {})
        assert.equal(ours.of, loaded ~= nil, ("%q: %s"):format(value, tostring(err)))
      end
    end
  end)

  it("is a number as it is written in an address", function()
    assert.equal(17, project_id.of "17")
    assert.equal(7, project_id.of "007")
    assert.equal("17", ("%s"):format(tostring(project_id.of(17.0))))
    assert.equal("9007199254740991", ("%.0f"):format(project_id.of "9007199254740991"))
    assert.equal("17/18", project_id.of "17/18")
  end)
end)
