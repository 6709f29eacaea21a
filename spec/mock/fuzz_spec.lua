local calls = require "support.mock_calls"
local json = require "gitlab_pipelines.json"
local operations = require "gitlab_pipelines.operations"

-- Small numbers by a generator that is the same on every Lua.
local function generator(seed)
  local state = seed
  return function(n)
    state = (state * 16807) % 2147483647
    return state % n + 1
  end
end

local control = {
  { "GET", "/_mock/scenarios" }, { "POST", "/_mock/scenarios" }, { "GET", "/_mock/scenarios/5" },
  { "PUT", "/_mock/scenarios/1000" }, { "DELETE", "/_mock/scenarios/1000" }, { "GET", "/_mock/pipelines" },
  { "PATCH", "/_mock/pipelines/1" }, { "PATCH", "/_mock/pipelines/2" }, { "DELETE", "/_mock/pipelines/3" },
  { "POST", "/_mock/clock" }, { "GET", "/_mock/requests" }, { "GET", "/_mock/world" }, { "GET", "/projects" },
  { "GET", "/metadata" }, { "POST", "/projects/11/deployments" }, { "PUT", "/projects/11/deployments/1" },
  { "DELETE", "/projects/11/deployments/1" }, { "DELETE", "/projects/11/artifacts" },
}

local values = { "1", "2", "-1", "0", "main", "", "x", "success", "running", "failed", "true", "false", "1.5",
  "99999999999999999999", "2026-01-01T00:00:00Z", "not a time", "production", "A", "\195\164", "%00", "%", "a b", "id",
  "desc", "asc", "keyset", "depend", "12345678", "../x", "*" }
local names = { "ref", "status", "scope", "page", "per_page", "order_by", "sort", "source", "name", "description",
  "key", "value", "variable_type", "masked", "raw", "environment_scope", "terminal_after_seconds", "never_complete",
  "terminal_status", "scenario_id", "advance", "set", "mode", "job", "path", "recursive", "pagination", "force", "tier",
  "external_url", "environment", "sha", "tag", "updated_after", "created_before", "search", "states", "expires_at",
  "token", "before", "include_retried", "job_variables_attributes", "filter", "masked_and_hidden", "id_after" }

local function random_value(pick, depth)
  local kind = pick(10)
  if kind <= 5 or depth > 2 then return values[pick(#values)] end
  if kind == 6 then return pick(200) - 100 end
  if kind == 7 then return pick(2) == 1 end
  if kind == 8 then return json.null end
  local made = kind == 9 and json.array {} or {}
  for i = 1, pick(3) do made[kind == 9 and i or names[pick(#names)]] = random_value(pick, depth + 1) end
  return made
end

local function random_call(pick)
  local method, target
  if pick(4) == 1 then
    local row = control[pick(#control)]
    method, target = row[1], row[2]
  else
    local op = operations.all[pick(#operations.all)]
    method = op.method
    target = op.path:gsub(":([%a_]+)", function(name)
      if name == "project" then return pick(8) == 1 and "99" or "11" end
      if name:match "_id$" then return tostring(pick(6)) end
      return (values[pick(#values)]:gsub("[^%w]", "x"))
    end)
  end
  local query = {}
  for i = 1, pick(4) - 1 do
    local name, value = names[pick(#names)], values[pick(#values)]:gsub(" ", "+")
    query[i] = name .. (pick(5) == 1 and "[]=" or "=") .. value
  end
  if #query > 0 then target = target .. "?" .. table.concat(query, "&") end
  local body
  if method ~= "GET" and pick(6) > 1 then
    local object = { ref = pick(4) > 1 and "main" or nil, token = calls.token }
    for _ = 1, pick(4) do object[names[pick(#names)]] = random_value(pick, 0) end
    body = json.encode(object)
  end
  return method, target, body
end

describe("a random request", function()
  it("never gives a 5xx, a body that is not JSON, or a status without its shape", function()
    for seed = 1, 40 do
      local pick = generator(seed * 104729)
      local gl = assert(calls.new { world = seed % 2 == 0 and "spec/support/mock_world.lua" or nil, seed = seed })
      for step = 1, 250 do
        gl.at = gl.at + pick(10) / 10
        local method, target, body = random_call(pick)
        local status, text, headers = gl:raw(method, target, { body = body })
        local where = ("seed %d step %d: %s %s %s -> %d %s"):format(seed, step, method, target, tostring(body),
          status, text:sub(1, 300))
        assert.is_true(status < 500, where)
        if (headers["content-type"] or ""):find("json", 1, true) then
          local value = json.decode(text)
          assert.equal("table", type(value), where)
          if status >= 400 then assert.is_true((value.message or value.error) ~= nil, where) end
        end
        if status == 204 or status == 304 then assert.equal("", text, where) end
      end
      gl:close()
    end
  end)
end)
