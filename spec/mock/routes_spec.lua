-- Two witnesses of GitLab's endpoints, each written from the reference: the client's operations and
-- the simulated GitLab's routes.
local calls = require "support.mock_calls"
local operations = require "gitlab_pipelines.operations"

local samples = { project = "11", pipeline_id = "1", job_id = "1", trigger_id = "1", environment_id = "1",
  deployment_id = "1", key = "K", ref = "main", path = "build.env" }

describe("every operation of the client", function()
  it("has a route that gives the success that the client expects", function()
    local gl = assert(calls.new { world = "spec/support/mock_world.lua" })
    gl:post("/projects/11/pipeline", { ref = "main" })
    gl.at = 10
    local missing = {}
    for _, op in ipairs(operations.all) do
      local target = op.path:gsub("[:*]([%a_]+)", function(name) return samples[name] end)
      local status, text = gl:raw(op.method, target)
      if text == '{"error":"404 Not Found"}' or status == 405 then
        missing[#missing + 1] = op.name .. " " .. op.method .. " " .. target
      end
      assert.is_true(status < 500, op.name)
    end
    gl:close()
    assert.same({}, missing)
  end)

  it("refuses values outside of the choices that the client names", function()
    local gl = assert(calls.new())
    for _, op in ipairs(operations.all) do
      for _, p in ipairs(op.params) do
        if p.where == "query" and p.one_of then
          local target = op.path:gsub("[:*]([%a_]+)", function(name) return samples[name] end)
          gl:post("/projects/11/pipeline", { ref = "main" })
          local status = gl:raw(op.method, target .. "?" .. (p.wire or p.name) .. "=nonsense")
          assert.equal(400, status, op.name .. " " .. p.name)
        end
      end
    end
    gl:close()
  end)
end)

describe("lists", function()
  it("have pages with GitLab's headers, whose links lead from page to page", function()
    local gl = assert(calls.new { url = "https://gitlab.test/sub" })
    for _ = 1, 45 do gl:post("/projects/7/pipeline", { ref = "main" }) end
    local target, seen, pages = "/projects/7/pipelines?per_page=20&ref=main", {}, 0
    while target do
      local status, list, headers = gl:get(target)
      assert.equal(200, status)
      pages = pages + 1
      assert.equal(tostring(pages), headers["x-page"])
      assert.equal("20", headers["x-per-page"])
      assert.equal("45", headers["x-total"])
      assert.equal("3", headers["x-total-pages"])
      assert.equal(pages < 3 and tostring(pages + 1) or "", headers["x-next-page"])
      assert.equal(pages > 1 and tostring(pages - 1) or "", headers["x-prev-page"])
      for _, row in ipairs(list) do seen[#seen + 1] = row.id end
      local link = headers.link:match '<https://gitlab%.test/sub(/api/v4/[^>]*)>; rel="next"'
      target = link
    end
    assert.equal(3, pages)
    assert.equal(45, #seen)
    for i, id in ipairs(seen) do assert.equal(46 - i, id) end
    gl:close()
  end)

  it("of jobs can be walked by keyset, without totals", function()
    local gl = assert(calls.new())
    for _ = 1, 4 do gl:post("/projects/7/pipeline", { ref = "main" }) end
    local target, seen = "/projects/7/jobs?pagination=keyset&order_by=id&per_page=5", {}
    while target do
      local _, list, headers = gl:get(target)
      assert.is_nil(headers["x-total"])
      for _, row in ipairs(list) do seen[#seen + 1] = row.id end
      target = headers.link and headers.link:match '(/api/v4/[^>]*)>; rel="next"'
    end
    assert.same({ 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 }, seen)
    gl:close()
  end)

  it("of jobs have one order with keyset paging, and a maximum offset, as in GitLab", function()
    local gl = assert(calls.new())
    gl:post("/projects/7/pipeline", { ref = "main" })
    local status, refused = gl:get "/projects/7/jobs?pagination=keyset&sort=asc"
    assert.same({ 405, { error = "Keyset pagination is not yet available for this type of request" } },
      { status, refused })
    assert.equal(200, (gl:get "/projects/7/jobs?page=500&per_page=100"))
    status, refused = gl:get "/projects/7/jobs?page=501&per_page=100"
    assert.same({ 405, { error = "Offset pagination has a maximum allowed offset of 50000 for requests that "
      .. "return objects of type Ci::Build. Remaining records can be retrieved using keyset pagination." } },
      { status, refused })
    assert.equal(405, (gl:get "/projects?page=2501"))
    assert.equal(200, (gl:get "/projects/7/pipelines?page=501&per_page=100"))
    gl:close()
  end)

  it("of pipelines ignore an empty filter", function()
    local gl = assert(calls.new())
    gl:post("/projects/7/pipeline", { ref = "main" })
    for _, name in ipairs { "ref", "sha", "username", "name" } do
      local _, list = gl:get("/projects/7/pipelines?" .. name .. "=")
      assert.equal(1, #list)
      _, list = gl:get("/projects/7/pipelines?" .. name .. "=other")
      assert.equal(0, #list)
    end
    gl:close()
  end)

  it("have links without the caller's token", function()
    local gl = assert(calls.new())
    for _, name in ipairs { "private_token", "access_token", "job_token" } do
      local _, _, headers = gl:get(("/projects/7/pipelines?%s=%s&ref=main"):format(name, calls.token))
      assert.is_nil(headers.link:find(calls.token, 1, true))
      assert.truthy(headers.link:find("ref=main", 1, true))
    end
    gl:close()
  end)

  it("respond with 304 to a matching ETag", function()
    local gl = assert(calls.new())
    gl:post("/projects/7/pipeline", { ref = "main" })
    local _, _, headers = gl:get "/projects/7/pipelines"
    local known = { headers = { { "If-None-Match", headers.etag } } }
    local status, text = gl:raw("GET", "/projects/7/pipelines", known)
    assert.same({ 304, "" }, { status, text })
    gl:post("/projects/7/pipelines/1/cancel")
    assert.equal(200, (gl:raw("GET", "/projects/7/pipelines", known)))
    gl:close()
  end)
end)

describe("a request's body", function()
  it("can be JSON, a form or multipart, with nested names", function()
    local gl = assert(calls.new())
    local boundary = "----x"
    local function part(name, value)
      return ('--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'):format(boundary, name, value)
    end
    local bodies = {
      { "application/json", '{"ref":"main","variables":{"A":"1","B":"x y"},"token":"MOCK_SUPER_SECRET"}' },
      { "application/x-www-form-urlencoded",
        "ref=main&variables[A]=1&variables%5BB%5D=x+y&token=MOCK_SUPER_SECRET" },
      { "multipart/form-data; boundary=" .. boundary, part("ref", "main") .. part("variables[A]", "1")
        .. part("variables[B]", "x y") .. part("token", "MOCK_SUPER_SECRET") .. "--" .. boundary .. "--\r\n" },
    }
    for _, body in ipairs(bodies) do
      local status, made = gl:call("POST", "/projects/7/trigger/pipeline", body[2],
        { token = false, headers = { { "Content-Type", body[1] } } })
      assert.equal(201, status)
      local _, variables = gl:get(("/projects/7/pipelines/%d/variables"):format(made.id))
      assert.same({ "A", "1", "B", "x y" },
        { variables[1].key, variables[1].value, variables[2].key, variables[2].value })
    end
    local status, made = gl:form("/projects/7/pipeline",
      "ref=feature%2Fx&variables[][key]=A&variables[][value]=1&variables[][key]=B&variables[][value]=2")
    assert.same({ 201, "feature/x" }, { status, made.ref })
    local _, variables = gl:get(("/projects/7/pipelines/%d/variables"):format(made.id))
    assert.same({ "A", "1", "B", "2" },
      { variables[1].key, variables[1].value, variables[2].key, variables[2].value })
    gl:close()
  end)

  it("is read in time linear in its size", function()
    local gl = assert(calls.new())
    -- Processor time for a body of so many members, the least of three.
    local function cost(count)
      local members, fields, least = {}, {}, math.huge
      for i = 1, count do
        members[i] = ('"v%d":1'):format(i)
        fields[i] = "v" .. i .. "=1"
      end
      for _ = 1, 3 do
        local started = os.clock()
        assert.equal(400, (gl:raw("POST", "/projects/7/pipeline", { body = "{" .. table.concat(members, ",") .. "}",
          headers = { { "Content-Type", "application/json" } } })))
        assert.equal(400, (gl:form("/projects/7/pipeline", table.concat(fields, "&"))))
        least = math.min(least, os.clock() - started)
      end
      return least
    end
    -- Eight times as much is 64 times as dear where it is quadratic.
    assert.is_true(cost(40000) < 32 * cost(5000))
    gl:close()
  end)

  it("gives a clear error however it is malformed", function()
    local gl = assert(calls.new())
    local text = '{"ref":"main","variables":[{"key":"A","value":"1"}],"inputs":{"a":[1,2.5,true,null]}}'
    for cut = 0, #text - 1 do
      local status = gl:raw("POST", "/projects/7/pipeline",
        { body = text:sub(1, cut), headers = { { "Content-Type", "application/json" } } })
      assert.equal(400, status, text:sub(1, cut))
    end
    for _, broken in ipairs { "\255", '"\\ud800', "[" .. ("["):rep(5000), '{"ref":"a\0b"}', "{}x", "nul" } do
      local status = gl:raw("POST", "/projects/7/pipeline",
        { body = broken, headers = { { "Content-Type", "application/json" } } })
      assert.equal(400, status)
    end
    gl:close()
  end)
end)
