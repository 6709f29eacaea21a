-- What a project says about pipeline variables, and pipelines across projects.
local calls = require "support.mock_calls"

local refused = { message = { base = { "Insufficient permissions to set pipeline variables" } } }

local function world()
  return { tokens = { { token = "glpat-maintainer-01", role = "maintainer" }, { token = "glpat-developer-01",
    role = "developer", user = "dev" } }, users = { { username = "dev", name = "Dev" } },
    projects = { ["acme/app"] = { id = 5 }, ["acme/lib"] = { id = 6 } } }
end

describe("PUT /projects/:id", function()
  it("sets who can pass variables, across a restart too", function()
    local db = os.tmpname()
    local gl = assert(calls.new { world = world(), db = db })
    local body = { ref = "main", variables = { { key = "A", value = "1" } } }
    local developer, maintainer = { token = "glpat-developer-01" }, { token = "glpat-maintainer-01" }
    local json = { { "Content-Type", "application/json" } }
    developer.headers, maintainer.headers = json, json
    assert.equal(201, (gl:post("/projects/5/pipeline", body, developer)))
    local status, project = gl:put("/projects/5", { ci_pipeline_variables_minimum_override_role = "maintainer" },
      maintainer)
    assert.same({ 200, "maintainer", true }, { status, project.ci_pipeline_variables_minimum_override_role,
      project.restrict_user_defined_variables })
    status, body.answer = gl:post("/projects/5/pipeline", body, developer)
    assert.same({ 400, refused }, { status, body.answer })
    body.answer = nil
    assert.equal(201, (gl:post("/projects/5/pipeline", body, maintainer)))
    gl:put("/projects/5", { ci_pipeline_variables_minimum_override_role = "no_one_allowed" })
    gl:close()
    gl = assert(calls.new { world = world(), db = db })
    assert.equal(400, (gl:post("/projects/5/pipeline", body)))
    assert.equal(201, (gl:post("/projects/5/pipeline", { ref = "main" })))
    assert.equal(201, (gl:post("/projects/6/pipeline", body)))
    gl:put("/projects/5", { restrict_user_defined_variables = false })
    assert.equal(201, (gl:post("/projects/5/pipeline", body)))
    gl:close()
    for _, tail in ipairs { "", "-wal", "-shm" } do os.remove(db .. tail) end
  end)

  it("is for maintainers; only owners can set `owner`", function()
    local gl = assert(calls.new { world = world() })
    local function put(token, role)
      return (gl:put("/projects/5", { ci_pipeline_variables_minimum_override_role = role },
        { token = token, headers = { { "Content-Type", "application/json" } } }))
    end
    assert.equal(403, put("glpat-developer-01", "developer"))
    assert.equal(403, put("glpat-maintainer-01", "owner"))
    assert.equal(200, put(nil, "owner"))
    assert.equal(403, put("glpat-maintainer-01", "developer"))
    assert.equal(400, put(nil, "guest"))
    assert.equal(400, (gl:put("/projects/5", {})))
    gl:close()
  end)
end)

describe("GET /pipelines", function()
  it("lists the caller's pipelines of every project, newest first, by keyset only", function()
    local gl = assert(calls.new { world = world() })
    local json = { { "Content-Type", "application/json" } }
    for i = 1, 9 do
      local token = i % 3 == 0 and "glpat-developer-01" or nil
      gl:post(("/projects/%d/pipeline"):format(5 + i % 2), { ref = "main" }, { token = token, headers = json })
    end
    local target, seen = "/pipelines?per_page=2", {}
    while target do
      local status, rows, headers = gl:get(target)
      assert.equal(200, status)
      assert.is_nil(headers["x-total"])
      for _, row in ipairs(rows) do seen[#seen + 1] = row.id end
      target = headers.link and headers.link:match '(/api/v4/pipelines[^>]*)>; rel="next"'
    end
    assert.same({ 8, 7, 5, 4, 2, 1 }, seen)
    local _, own = gl:get("/pipelines", { token = "glpat-developer-01" })
    assert.same({ 9, 6, 3 }, { own[1].id, own[2].id, own[3].id })
    assert.same({}, (select(2, gl:get "/pipelines?source=trigger")))
    assert.equal(400, (gl:get "/pipelines?cursor=x"))
    gl:close()
  end)
end)

describe("a world", function()
  it("can be loaded over HTTP; existing pipelines keep their world", function()
    local gl = assert(calls.new { world = world() })
    gl:post("/projects/5/pipeline", { ref = "main" })
    local status, told = gl:post("/_mock/world",
      { projects = { ["acme/app"] = { id = 5, jobs = { { name = "fresh" } } } } })
    assert.equal(201, status)
    assert.equal("fresh", told.projects["acme/app"].jobs[1].name)
    assert.equal(404, (gl:get "/projects/6"))
    gl:post("/projects/5/pipeline", { ref = "main" })
    local _, jobs = gl:get "/projects/5/pipelines/2/jobs"
    assert.equal("fresh", jobs[1].name)
    _, jobs = gl:get "/projects/5/pipelines/1/jobs"
    assert.equal(3, #jobs)
    status, told = gl:put("/_mock/world", { projects = { ["acme/app"] = { jobs = { { nam = "x" } } } } })
    assert.equal(400, status)
    assert.truthy(told.error:find("projects.acme/app.jobs[1]: unknown field 'nam'", 1, true))
    assert.equal("fresh", select(2, gl:get "/_mock/world").projects["acme/app"].jobs[1].name)
    gl:close()
  end)
end)

describe("without a world", function()
  it("every project exists whose name could be one", function()
    local gl = assert(calls.new())
    for _, id in ipairs { "5", "app", "acme%2Fapp", "a.b%2F_c%2Fd-e" } do
      assert.equal(200, (gl:get("/projects/" .. id)), id)
    end
    for _, id in ipairs { "0", "-1", "-5%2Fx", "..%2Fx", "a%2F..", "a%2F.%2Fb", "a%2F%2Fb", "%2Fa", "a%2F",
      "a%20b", "9999999999999999999" } do
      local status, body = gl:get("/projects/" .. id)
      assert.same({ 404, { message = "404 Project Not Found" } }, { status, body }, id)
    end
    gl:close()
  end)
end)

describe("GET /projects", function()
  it("searches the name or the path", function()
    local gl = assert(calls.new { world = world() })
    local function found(query)
      local _, list = gl:get("/projects?" .. query)
      local paths = {}
      for i, project in ipairs(list) do paths[i] = project.path_with_namespace end
      table.sort(paths)
      return table.concat(paths, " ")
    end
    assert.equal("acme/app acme/lib", found "")
    assert.equal("acme/lib", found "search=LI")
    assert.equal("", found "search=acme")
    assert.equal("acme/app acme/lib", found "search=acme&search_namespaces=true")
    assert.equal("acme/app acme/lib", found "search=")
    gl:close()
  end)
end)
