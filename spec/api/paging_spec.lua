local double = require "support.transport_double"
local errors = require "gitlab_pipelines.errors"
local json = require "gitlab_pipelines.json"
local api = require "support.api_client"
local virtual = require "gitlab_pipelines.runtime.virtual"

local LINKS = '<https://internal.example:8443/gitlab/api/v4/x?page=%d&per_page=%d>; rel="next", '
  .. '<https://internal.example:8443/x?page=1>; rel="first"'

-- A server with `total` rows of falling ids, offset pages, GitLab's headers.
local function offset_server(total, fields)
  fields = fields or {}
  return function(request, count)
    local page = tonumber(request.target:match "[?&]page=(%d+)") or 1
    local per_page = tonumber(request.target:match "per_page=(%d+)") or 20
    if fields.fail and fields.fail(page, count) then
      return { status = 403, body = { message = "403 Forbidden" } }
    end
    local rows = json.array {}
    local shift = fields.shift and fields.shift(page) or 0
    for i = (page - 1) * per_page + 1, math.min(page * per_page, total) do
      rows[#rows + 1] = { id = total - i + 1 + shift }
    end
    local last = math.ceil(total / per_page)
    local headers = { ["X-Page"] = tostring(page),
      ["X-Next-Page"] = page < last and tostring(page + 1) or "" }
    if not fields.no_totals then
      headers["X-Total-Pages"], headers["X-Total"] = tostring(last), tostring(total)
    end
    if fields.links then
      headers["X-Next-Page"] = nil
      if page < last then headers["Link"] = LINKS:format(page + 1, per_page) end
    end
    return { headers = headers, body = rows, delay = fields.delay }
  end
end

local function collect(iterator)
  local ids = {}
  for row in iterator do ids[#ids + 1] = row.id end
  return ids
end

local function pages_of(transport)
  local pages = {}
  for _, request in ipairs(transport.requests) do
    pages[#pages + 1] = tonumber(request.target:match "[?&]page=(%d+)") or 1
  end
  return pages
end

local function check_falling(ids, first, last)
  assert.equal(first - last + 1, #ids)
  for i, id in ipairs(ids) do assert.equal(first - i + 1, id) end
end

describe("paging", function()
  it("counts its `timeout` over all pages, and so does whatever makes several calls", function()
    local function answer(request)
      local response = offset_server(100000, { delay = 2, no_totals = true })(request)
      if request.method == "PUT" then
        return { status = 404, body = { message = "404 Variable Not Found" }, delay = 4 }
      end
      if request.target:match "/pipelines/%d+$" then return { body = { id = 3, status = "failed" }, delay = 2 } end
      return response
    end
    local calls = {
      list = function(gl, opts) return gl.pipelines:list(1, nil, opts) end,
      jobs = function(gl, opts) return gl.jobs:list(1, 3, nil, opts) end,
      stages = function(gl, opts) return gl.pipelines:stages(1, 3, opts) end,
      downstream = function(gl, opts) return gl.pipelines:downstream(1, 3, opts) end,
      tree = function(gl, opts) return gl.pipelines:tree(1, 3, opts) end,
      set = function(gl, opts) return gl.variables:set(1, { key = "A", value = "b" }, opts) end,
    }
    for name, call in pairs(calls) do
      local transport = double.new(answer)
      local gl = api.new(transport)
      gl.runtime:run(function()
        local start = gl.runtime:now()
        local _, err = call(gl, { timeout = 5 })
        -- The double does not know of deadlines: its last answer may be late by as long as it takes.
        assert.is_true(gl.runtime:now() - start < 5 + 4, name .. " took " .. gl.runtime:now() - start)
        if name ~= "set" then assert.equal("Timeout", err and err.kind, name) end
        for _, request in ipairs(transport.requests) do
          assert.is_true(request.raw.deadline <= start + 5 + 1e-6, name .. ": " .. request.target)
        end
      end)
    end
  end)

  it("reads all pages, a hundred rows each, and gives every row once and in order", function()
    local transport = double.new(offset_server(250))
    local ids = {}
    for i, row in ipairs(assert(api.new(transport).pipelines:list(17))) do ids[i] = row.id end
    check_falling(ids, 250, 1)
    assert.same({ 1, 2, 3 }, pages_of(transport))
    assert.equal("/api/v4/projects/17/pipelines?per_page=100", transport.requests[1].target)
    assert.equal("/api/v4/projects/17/pipelines?page=2&per_page=100", transport.requests[2].target)
  end)

  it("needs no totals", function()
    local transport = double.new(offset_server(250, { no_totals = true }))
    assert.equal(250, #assert(api.new(transport).pipelines:list(17)))
    assert.equal(3, #transport.requests)
  end)

  it("follows Link where there is no X-Next-Page, at our own address", function()
    local transport = double.new(offset_server(250, { no_totals = true, links = true }))
    assert.equal(250, #assert(api.new(transport).pipelines:list(17)))
    assert.equal("https://gitlab.test/api/v4/projects/17/pipelines?page=3&per_page=100",
      transport.requests[3].url)
  end)

  it("asks for no more rows than a limit needs", function()
    local transport = double.new(offset_server(1000))
    assert.equal(5, #assert(api.new(transport).pipelines:list(17, { limit = 5 })))
    assert.equal("/api/v4/projects/17/pipelines?per_page=5", transport.requests[1].target)
    assert.equal(1, #transport.requests)

    transport = double.new(offset_server(1000, { delay = 0.1 }))
    local gl = api.new(transport, { runtime = virtual.new() })
    assert.equal(250, #assert(gl.pipelines:list(17, { limit = 250 })))
    assert.same({ 1, 2, 3 }, pages_of(transport))

    transport = double.new(offset_server(1000))
    assert.same({}, api.new(transport).pipelines:list(17, { limit = 0 }))
    assert.equal(0, #transport.requests)
  end)

  it("reads one page when a page is named", function()
    local transport = double.new(offset_server(250))
    assert.equal(100, #assert(api.new(transport).pipelines:list(17, { page = 2 })))
    assert.same({ 2 }, pages_of(transport))
  end)

  it("reads nothing before the first row is asked for", function()
    local transport = double.new(offset_server(250))
    local iterator = api.new(transport).pipelines:each(17)
    assert.equal(0, #transport.requests)
    assert.equal(250, iterator().id)
    assert.equal(1, #transport.requests)
  end)

  it("has at most eight pages on their way or held", function()
    local runtime = virtual.new()
    local flying, most = 0, 0
    local serve = offset_server(3000)
    local transport = double.new(function(request, count)
      flying = flying + 1
      most = math.max(most, flying)
      runtime:sleep(0.05)
      flying = flying - 1
      return serve(request, count)
    end)
    local iterator = api.new(transport, { runtime = runtime }).pipelines:each(17)
    local started = runtime:now()
    for _ = 1, 401 do iterator() end
    runtime:sleep(10)
    -- Five pages given out, eight held.
    assert.equal(13, #transport.requests)
    check_falling(collect(iterator), 2599, 1)
    assert.is_true(most <= 8)
    assert.equal(30, #transport.requests)
    -- 30 pages one after the other would take 1.5 s.
    assert.is_true(runtime:now() - started - 10 < 0.45)
  end)

  it("has them all on their way at once for a list", function()
    local runtime = virtual.new()
    local transport = double.new(offset_server(2500, { delay = 0.05 }))
    local started = runtime:now()
    assert.equal(2500, #assert(api.new(transport, { runtime = runtime }).pipelines:list(17)))
    -- The first page, then three times eight.
    assert.equal(20, math.floor((runtime:now() - started) * 100 + 0.5))
  end)

  it("asks for one page when an iterator is left within it, and for few when soon after", function()
    local runtime = virtual.new()
    local transport = double.new(offset_server(3000, { delay = 0.05 }))
    local iterator = api.new(transport, { runtime = runtime }).pipelines:each(17)
    for _ = 1, 100 do iterator() end
    runtime:sleep(1)
    assert.equal(1, #transport.requests)
    iterator()
    runtime:sleep(1)
    assert.same({ 1, 2, 3, 4 }, pages_of(transport))
  end)

  it("stops when the rows end before the pages that were promised", function()
    local serve = offset_server(400)
    local transport = double.new(function(request, count)
      local answer = serve(request, count)
      answer.headers["X-Total-Pages"] = "9"
      return answer
    end)
    local gl = api.new(transport, { runtime = virtual.new() })
    assert.equal(400, #assert(gl.pipelines:list(17)))
  end)

  it("gives a row once that slid to the next page because others came before it", function()
    local transport = double.new(offset_server(300, {
      shift = function(page) return page > 1 and 3 or 0 end }))
    check_falling(collect(api.new(transport).pipelines:each(17)), 300, 4)
  end)

  it("raises the error object of a page that failed, and asks again when called again", function()
    local failures = 1
    local transport = double.new(offset_server(250, { fail = function(page)
      if page ~= 2 or failures == 0 then return false end
      failures = failures - 1
      return true
    end }))
    local iterator = api.new(transport).pipelines:each(17)
    for _ = 1, 100 do iterator() end
    local ok, err = pcall(iterator)
    assert.is_false(ok)
    assert.is_true(errors.is_error(err))
    check_falling(collect(iterator), 150, 1)
  end)

  it("does so when that page was fetched ahead too", function()
    local runtime = virtual.new()
    local failures = 1
    local transport = double.new(offset_server(450, { delay = 0.1, fail = function(page)
      if page ~= 3 or failures == 0 then return false end
      failures = failures - 1
      return true
    end }))
    local iterator = api.new(transport, { runtime = runtime }).pipelines:each(17)
    for _ = 1, 200 do iterator() end
    assert.is_false(pcall(iterator))
    check_falling(collect(iterator), 250, 1)
  end)

  it("returns the error of a page from list", function()
    local transport = double.new(offset_server(250, { fail = function(page) return page == 2 end }))
    local rows, err = api.new(transport).pipelines:list(17)
    assert.is_nil(rows)
    assert.equal(403, err.status)
  end)

  it("goes on after a row that was seen", function()
    local transport = double.new(offset_server(250))
    check_falling(collect(api.new(transport).pipelines:each(17, { from = 120 })), 119, 1)
    transport = double.new(offset_server(250))
    local rows = assert(api.new(transport).pipelines:list(17, { from = 120, limit = 10 }))
    assert.equal(10, #rows)
    assert.equal(119, rows[1].id)
  end)

  it("goes on after a row that is gone meanwhile, where rows are ordered by id", function()
    local transport = double.new(function() return { body = { { id = 9 }, { id = 7 }, { id = 5 } } } end)
    local gl = api.new(transport)
    assert.same({ 7, 5 }, collect(gl.pipelines:each(17, { from = 8 })))
    assert.same({ 5 }, collect(gl.pipelines:each(17, { from = 7, order_by = "id" })))
    transport.answers = function() return { body = { { id = 5 }, { id = 7 }, { id = 9 } } } end
    assert.same({ 9 }, collect(gl.pipelines:each(17, { from = 8, sort = "asc" })))
    assert.same({ 7, 9 }, collect(gl.deployments:each(17, { from = 6 })))
  end)

  it("goes on after the row itself where they are ordered otherwise", function()
    local transport = double.new(function()
      return { body = { { id = 5 }, { id = 9 }, { id = 7 }, { id = 8 } } }
    end)
    local gl = api.new(transport)
    assert.same({ 7, 8 }, collect(gl.pipelines:each(17, { from = 9, order_by = "updated_at" })))
    assert.same({ 7, 8 }, collect(gl.environments:each(17, { from = 9 })))
  end)

  it("reads on beyond the pages that a limit would need when rows came twice", function()
    local transport = double.new(offset_server(400, {
      shift = function(page) return page > 1 and 3 or 0 end }))
    local rows = assert(api.new(transport).pipelines:list(17, { limit = 200 }))
    assert.equal(200, #rows)
    check_falling(collect(function()
      local row = table.remove(rows, 1)
      return row
    end), 400, 201)
    assert.same({ 1, 2, 3 }, pages_of(transport))
  end)

  it("does not go back to numbers once keys have worked", function()
    local link = '<http://x.test/jobs?cursor=%d>; rel="next"'
    local transport = double.new(function(_, count)
      if count == 3 then return { status = 405, body = { error = "405 Not Allowed" } } end
      return { body = { { id = 9 - count } }, headers = { Link = link:format(count) } }
    end)
    local rows, err = api.new(transport).jobs:list_project(17)
    assert.is_nil(rows)
    assert.equal(405, err.status)
    assert.equal(3, #transport.requests)
  end)

  it("pages the jobs of a project by key, whatever host Link names", function()
    local transport = double.new {
      { body = { { id = 9 }, { id = 8 } }, headers = { Link =
        "<http://10.0.0.1/api/v4/projects/17/jobs?cursor=a%2Bb%3D&order_by=id&pagination=keyset"
        .. '&per_page=100&scope%5B%5D=failed&sort=desc>; rel="next"' } },
      { body = { { id = 7 } } },
    }
    local rows = assert(api.new(transport).jobs:list_project("a/b", { scope = "failed" }))
    assert.equal(3, #rows)
    assert.equal("/api/v4/projects/a%2Fb/jobs?order_by=id&pagination=keyset&per_page=100"
      .. "&scope%5B%5D=failed&sort=desc", transport.requests[1].target)
    assert.equal("https://gitlab.test/api/v4/projects/a%2Fb/jobs?cursor=a%2Bb%3D&order_by=id"
      .. "&pagination=keyset&per_page=100&scope%5B%5D=failed&sort=desc", transport.requests[2].url)
  end)

  it("ends with an error where a page's link leads to itself", function()
    local link = '<http://x.test/api/v4/projects/17/jobs?cursor=a>; rel="next"'
    local transport = double.new(function() return { body = { { id = 9 } }, headers = { Link = link } } end)
    local rows, err = api.new(transport).jobs:list_project(17)
    assert.is_nil(rows)
    assert.is_true(err:is "InvalidResponse")
    assert.equal(2, #transport.requests)
  end)

  it("pages them by number on servers that cannot do so", function()
    local transport = double.new {
      { status = 405, body = { error = "405 Not Allowed" } },
      { body = { { id = 9 } }, headers = { ["X-Next-Page"] = "2" } },
      { body = { { id = 8 } }, headers = { ["X-Next-Page"] = "" } },
    }
    assert.equal(2, #assert(api.new(transport).jobs:list_project(17)))
    assert.equal("/api/v4/projects/17/jobs?order_by=id&page=2&per_page=100&sort=desc",
      transport.requests[3].target)
  end)

  it("raises the project that cannot be one with the first row", function()
    local ok, err = pcall(api.new(double.new {}).pipelines:each "nowhere")
    assert.is_false(ok)
    assert.is_true(err:is "InvalidProjectId")
  end)

  it("serves several tasks at once, each with an iterator of its own", function()
    local runtime = virtual.new()
    local gl = api.new(double.new(offset_server(450, { delay = 0.01 })), { runtime = runtime })
    runtime:run(function()
      local results = assert(runtime:all {
        function() return #collect(gl.pipelines:each(1)) end,
        function() return #collect(gl.pipelines:each(2)) end,
      })
      assert.same({ 450, 450, n = 2 }, results)
    end)
  end)
end)
