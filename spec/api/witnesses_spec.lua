-- The client's operations and the simulated GitLab's routes are written by different hands from the
-- same documentation. Here they are held against each other.

local operations = require "gitlab_pipelines.operations"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

-- The tables of csrc/mock/routes.c: "METHOD /path/:/x" -> {job_token, paged, success, params}.
local function routes_of(text)
  for name, body in text:gmatch "#define ([%u_]+_FIELDS) \\\n(.-[^\\])\n" do
    text = text:gsub("\n    " .. name .. ",", function() return "\n" .. body .. "," end)
      :gsub("{" .. name .. ",", function() return "{" .. body .. "," end)
  end
  local tables = { NULL = {} }
  for name, body in text:gmatch "static const gp_param ([%w_]+)%[%] = {(.-)};" do
    local params = {}
    for param, where, kind, flags in body:gmatch '{"([%w_%[%]]+)", \'(%a)\', (GP_%u+), ([^,]+),' do
      params[param] = { where = where, kind = kind, required = flags:find "GP_REQUIRED" ~= nil }
    end
    tables[name] = params
  end
  local routes = {}
  for method, path, flags, success, params in
    text:gmatch '\n    {"(%u+)", ([^,]+), ([%w_ |]+), (%d+), [%w_]+, ([%w_]+),' do
    local whole = path:gsub('ID%s*', '"/projects/:id"'):gsub('"', ""):gsub("%s+", "")
    local shape = whole:gsub("[:*][%w_]+", ":")
    routes[method .. " " .. shape] = {
      job_token = (" " .. flags .. " "):find "[ |]JT[ |]" ~= nil, paged = flags:find "GP_PAGED" ~= nil,
      success = tonumber(success), params = assert(tables[params], params),
    }
  end
  return routes
end

local kinds = {
  string = "GP_STRING", value = "GP_STRING", key = "GP_STRING", secret = "GP_STRING", integer = "GP_INTEGER",
  boolean = "GP_BOOLEAN", time = "GP_TIME", strings = "GP_STRINGS", inputs = "GP_HASH",
  variable_list = "GP_ARRAY", job_variable_list = "GP_ARRAY", variable_map = "GP_HASH",
}

-- What one side does not look at.
local unspoken = { page = true, per_page = true, cursor = true }

local text = read "csrc/mock/routes.c"
local routes = routes_of(text)

describe("the simulated GitLab's routes", function()
  for _, operation in ipairs(operations.all) do
    it("know " .. operation.name .. " as the client does", function()
      local shape = operation.method .. " " .. operation.path:gsub(":[%w_]+", ":")
      local route = routes[shape]
      assert.is_truthy(route, "no route for " .. shape)
      assert.equal(route.success, operation.success[1])
      assert.equal(operation.paging ~= nil, route.paged, "paging")
      if operation.auth == "client" then assert.equal(operation.job_token, route.job_token, "job token") end
      for _, p in ipairs(operation.params) do
        local wire = p.wire or p.name
        if p.where ~= "path" and p.where ~= "header" and not unspoken[wire] then
          local hash = wire:match "^(.-)%["
          local known = route.params[hash or wire]
          assert.is_truthy(known, "no parameter " .. wire)
          assert.equal(p.where:sub(1, 1), known.where, wire)
          assert.equal(hash and "GP_HASH" or kinds[p.type], known.kind, wire)
          if p.type ~= "secret" then assert.equal(p.required or false, known.required, wire) end
        end
      end
    end)
  end

  it("are all of them read by this spec", function()
    local count, seen = 0, 0
    for _ in text:gmatch '\n    {"%u+", ' do count = count + 1 end
    for _ in pairs(routes) do seen = seen + 1 end
    assert.is_true(seen > 60)
    assert.equal(count, seen)
  end)
end)
