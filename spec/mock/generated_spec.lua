-- Requests made from the contract itself, valid and invalid by the dice: no answer is a 5xx, none
-- breaks the contract, and what the contract forbids is refused.
local calls = require "support.mock_calls"
local contract = require "support.contract"
local json = require "gitlab_pipelines.json"
local random = require "support.random"

local SEEDS = os.getenv "GP_SEED" and { tonumber(os.getenv "GP_SEED") } or { 1, 2, 3 }
local REQUESTS = 1500

local WORLD = "spec/support/mock_world.lua"

local strings = { "main", "x", "", " ", "acme/lib", "a'b\"c\\d", "<b>&amp;</b>", "é漢🦊", "%2F..%00",
  ("long "):rep(60), "../../etc/passwd", "null", "0", "-1", "true", "[]", "a[b]=c", "\t\n", "v1.0.0",
  "compile", "env", "production", "KEY", "gp1-x" }
local times = { "2026-01-01T00:00:00Z", "2025-06-30T12:00:00+02:00", "2030-01-01", "2020-02-29T00:00:00.123Z" }

local Maker = {}
Maker.__index = Maker

local function pick(self, list) return list[self.dice(1, #list)] end

local function chance(self, percent) return self.dice(1, 100) <= percent end

-- Something of the schema's type; `self.wrong` is set when it is not.
local valid, invalid

function valid(self, schema)
  if schema["$ref"] then schema = self.contract:resolve(schema["$ref"]) end
  if schema.anyOf then return valid(self, pick(self, schema.anyOf)) end
  local kind = schema.type
  if type(kind) == "table" then kind = kind[1] end
  if schema.enum then
    local choice = pick(self, schema.enum)
    return choice ~= contract.null and choice or nil
  end
  if schema.format then return pick(self, times) end
  if kind == "integer" then return chance(self, 70) and self.dice(0, 30) or self.dice(-5, 100000) end
  if kind == "number" then return self.dice(0, 1000) / 8 end
  if kind == "boolean" then return chance(self, 50) end
  if kind == "array" then
    local list = {}
    for i = 1, self.dice(0, 3) do list[i] = valid(self, schema.items or {}) end
    return json.array(list)
  end
  if kind == "object" then
    local object = {}
    local names = {}
    for name in pairs(schema.properties or {}) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      if chance(self, 60) then object[name] = valid(self, schema.properties[name]) end
    end
    if type(schema.additionalProperties) == "table" then
      for _ = 1, self.dice(0, 3) do
        object[pick(self, strings)] = valid(self, schema.additionalProperties)
      end
    end
    return object
  end
  return pick(self, strings)
end

-- What the schema forbids; nil when nothing can be said to be forbidden.
function invalid(self, schema, in_json)
  local kind = schema.type
  if schema.enum then return "nonsense" end
  if schema.format then return pick(self, { "yesterday", "2026-13-01T00:00:00Z", "x" }) end
  if kind == "integer" then return pick(self, { "abc", "1.5", "1e3", "99999999999999999999" }) end
  if kind == "number" then return pick(self, { "abc", "--1", "1,5" }) end
  if kind == "boolean" then return pick(self, { "maybe", "2", "tru" }) end
  if kind == "object" and schema["$ref"] == nil then return "text" end
  if kind == "array" and schema.items and schema.items.enum then return json.array { "nonsense" } end
  if kind == "string" and in_json then return { a = 1 } end
end

local function value_for(self, schema, in_json)
  if chance(self, 8) then
    local bad = invalid(self, schema, in_json)
    if bad ~= nil then
      self.wrong = true
      return bad
    end
  end
  return valid(self, schema)
end

local function percent(text)
  return (tostring(text):gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function text_of(value)
  if type(value) == "number" and value % 1 == 0 then return ("%d"):format(value) end
  return tostring(value)
end

-- name=value pairs as forms and queries have them.
local function add_pairs(out, name, value)
  if type(value) == "table" then
    local names = {}
    for key in pairs(value) do names[#names + 1] = key end
    table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
    for _, key in ipairs(names) do
      local inner = type(key) == "number" and "[]" or "[" .. key .. "]"
      if name:sub(-2) == "[]" and inner == "[]" then inner = "" end
      add_pairs(out, name .. inner, value[key])
    end
  else
    out[#out + 1] = percent(name) .. "=" .. percent(text_of(value))
  end
end

-- Ids that exist more often than not.
local function path_value(self, parameter)
  if parameter.schema.type == "integer" then
    if chance(self, 5) then
      self.wrong = true
      return "abc"
    end
    return chance(self, 85) and self.dice(1, 12) or self.dice(13, 5000)
  end
  if parameter.name == "id" then return pick(self, { "11", "11", "acme/lib", "12", "nobody/x", "0" }) end
  if parameter.name == "path" then return pick(self, { "build.env", "x/y", "..", "a%b" }) end
  if parameter.name == "ref" then return pick(self, { "main", "feature/x", "v1" }) end
  if parameter.name == "key" then return pick(self, { "KEY", "env", "x" }) end
  return pick(self, strings)
end

local function make_target(self, operation)
  local path, query = operation.path, {}
  for _, parameter in ipairs(operation.spec.parameters or {}) do
    if parameter["in"] == "path" then
      local value = path_value(self, parameter)
      path = path:gsub("{" .. parameter.name .. "}", function() return percent(text_of(value)) end)
    elseif parameter.required or chance(self, 25) then
      if parameter.required and chance(self, 10) then
        self.wrong = true
      else
        add_pairs(query, parameter.name, value_for(self, parameter.schema))
      end
    end
  end
  if #query > 0 then path = path .. "?" .. table.concat(query, "&") end
  return (chance(self, 50) and "/api/v4" or "") .. path
end

-- Bodies that would change what is asked of the rest, and what stands in their place.
local special = {}
function special.mock_faults_create() return { path = "/nowhere/*", status = 502 } end
function special.mock_world_load(self) return self.world end
special.mock_world_replace = special.mock_world_load
function special.mock_snapshot_load(self) return chance(self, 50) and self.snapshot or nil end
special.mock_snapshot_replace = special.mock_snapshot_load

local function make_fields(self, schema, in_json)
  local fields, required, names = {}, {}, {}
  for _, name in ipairs(schema.required or {}) do required[name] = true end
  for name in pairs(schema.properties or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    if required[name] and chance(self, 6) then
      self.wrong = true
    elseif required[name] or chance(self, 40) then
      fields[name] = value_for(self, schema.properties[name], in_json)
      -- A time that goes far ahead would let every other test of time be in the past.
      if name == "advance" and type(fields[name]) == "number" then fields[name] = self.dice(0, 90) end
    end
  end
  return fields
end

local function make_body(self, operation)
  local body = operation.spec.requestBody
  if not body then return nil end
  local in_json = chance(self, 60) or not body.content["application/x-www-form-urlencoded"]
  local schema = body.content["application/json"].schema
  local given = special[operation.id] and special[operation.id](self)
  if in_json and chance(self, 4) then
    self.wrong = body.required
    return pick(self, { "{", "[1,", "nul", "\255\254", "{\"a\":}" }), "application/json"
  end
  if given then return json.encode(given), "application/json" end
  if schema["$ref"] then return json.encode(valid(self, schema)), "application/json" end
  local fields = make_fields(self, schema, in_json)
  if in_json then return json.encode(fields), "application/json" end
  local list, names = {}, {}
  for name in pairs(fields) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do add_pairs(list, name, fields[name]) end
  return table.concat(list, "&"), "application/x-www-form-urlencoded"
end

local function prepare(seed)
  local simulated = assert(calls.new { seed = seed, world = WORLD })
  local _, text = simulated:raw("GET", "/openapi.json", { token = false })
  local self = setmetatable({ dice = random.new(seed), contract = contract.new(text),
    simulated = simulated, answered = {} }, Maker)
  local _, world = simulated:get "/_mock/world"
  self.world = world
  for _ = 1, 4 do assert.equal(201, (simulated:post("/projects/11/pipeline", { ref = "main" }))) end
  simulated:post("/projects/11/variables", { key = "KEY", value = "value" })
  simulated:post("/projects/11/triggers", { description = "spec" })
  simulated:post("/_mock/hooks", { url = "http://127.0.0.1:9/" })
  simulated.at = simulated.at + 1
  local _, snapshot = simulated:get "/_mock/snapshot"
  self.snapshot = snapshot
  return self
end

-- One request; nil, or what is wrong with its answer.
local function one(self)
  local operation = pick(self, self.contract.operations)
  if operation.id == "mock_reset" and not chance(self, 10) then return end
  self.wrong = false
  local target = make_target(self, operation)
  local body, kind = make_body(self, operation)
  self.simulated.at = self.simulated.at + self.dice(0, 4) / 4
  local status, answer, headers = self.simulated:raw(operation.method, target,
    { body = body or "", headers = { kind and { "Content-Type", kind } or nil } })
  local problem = self.contract:judge(operation, status, answer, headers)
  if not problem and self.wrong and status < 300 then problem = "taken though the contract forbids it" end
  self.answered[operation.id] = (self.answered[operation.id] or 0) + 1
  if problem then
    return ("%s %s %s\n%s\n-> %d %s\n%s"):format(operation.id, operation.method, target, body or "",
      status, answer:sub(1, 300), problem)
  end
end

describe("requests made from the contract", function()
  for _, seed in ipairs(SEEDS) do
    it(("are answered as it says, seed %d"):format(seed), function()
      local self = prepare(seed)
      local problems = {}
      for _ = 1, REQUESTS do
        local problem = one(self)
        if problem and #problems < 5 then problems[#problems + 1] = problem end
      end
      assert.equal("", table.concat(problems, "\n\n"), "seed " .. seed)
      for _, operation in ipairs(self.contract.operations) do
        if operation.id ~= "mock_reset" then
          assert.truthy(self.answered[operation.id], operation.id .. " was never asked; seed " .. seed)
        end
      end
      self.simulated:close()
    end)
  end
end)
