-- Which page comes next, whatever headers have come through.

local api = require "support.api_client"
local double = require "support.transport_double"
local errors = require "gitlab_pipelines.errors"
local hostile = require "support.hostile_gitlab"
local json = require "gitlab_pipelines.json"
local operations = require "gitlab_pipelines.operations"
local pages = require "gitlab_pipelines.client.pages"
local watching = require "gitlab_pipelines.api.watching"

local function response(headers)
  return { header = function(_, name) return headers and headers[name] end }
end

-- `count` rows with ids down from `first`.
local function rows(count, first)
  local list = json.array {}
  for i = 1, count do list[i] = { id = (first or 1000) - i } end
  return list
end

local function walk(query, thorough)
  return pages.walk(operations.pipelines.list, { project = 17, query = query or { { "per_page", "100" } } }, thorough)
end

local function page_of(args) return pages.value_of(args.query, "page") end

local function refused(args, err)
  assert.is_nil(args)
  assert.is_true(errors.is_error(err))
  assert.is_true(err:is "ServerError.InvalidResponse")
end

-- A server with `total` pipelines that pages by number; `headers(page, last)` of each page.
local function server(total, headers)
  return double.new(function(request)
    local page = tonumber(request.target:match "[?&]page=(%d+)") or 1
    local per_page = tonumber(request.target:match "per_page=(%d+)")
    local list = json.array {}
    for i = (page - 1) * per_page + 1, math.min(page * per_page, total) do list[#list + 1] = { id = total - i + 1 } end
    return { body = list, headers = headers and headers(page, math.ceil(total / per_page)) }
  end)
end

describe("the next page", function()
  it("is the one that X-Next-Page names, which is the one after this", function()
    local w = walk()
    assert.equal("2", page_of(assert(w:after(rows(3), response { ["X-Next-Page"] = "2" }))))
    assert.equal("3", page_of(assert(w:after(rows(3, 500), response { ["X-Next-Page"] = " 3 " }))))
    assert.same({}, { w:after(rows(100, 400), response { ["X-Next-Page"] = "" }) })
  end)

  it("is an error where X-Next-Page is no number, this page, one before it, or far away", function()
    for _, text in ipairs { "1", "0", "-1", "1e300", "abc", "1.5", "3", "99999999999999999999", "2 3" } do
      refused(walk():after(rows(100), response { ["X-Next-Page"] = text }))
    end
  end)

  it("is the query of Link, never its host", function()
    local args = assert(walk():after(rows(100), response {
      Link = '<https://evil.test:1/api?page=2&per_page=100&x=a%20b>; rel="next", '
        .. '<https://evil.test/?page=1>; rel="first"' }))
    assert.same({ { "page", "2" }, { "per_page", "100" }, { "x", "a b" } }, args.query)
    assert.equal(17, args.project)
  end)

  it("is an error where Link leads to this page, or round in a circle", function()
    refused(walk():after(rows(100), response { Link = '<http://x.test/?page=1>; rel="next"' }))
    local w = walk { { "pagination", "keyset" }, { "per_page", "100" } }
    for _, cursor in ipairs { "a", "b", "c" } do
      assert(w:after(rows(100, cursor:byte() * 1000), response { Link = ('<?cursor=%s>; rel="next"'):format(cursor) }))
    end
    refused(w:after(rows(100, 5), response { Link = '<?cursor=b>; rel="next"' }))
  end)

  it("follows a full page whose headers a proxy has removed, and not a short or an empty one", function()
    local w = walk()
    assert.equal("2", page_of(assert(w:after(rows(100), response {}))))
    assert.equal("3", page_of(assert(w:after(rows(100, 500), response {}))))
    assert.same({}, { w:after(rows(99, 100), response {}) })
    assert.same({}, { walk():after(rows(0), response {}) })
    w = walk { { "per_page", "500" } }
    assert.equal("2", page_of(assert(w:after(rows(100), response {}))))
    w = walk { { "per_page", "50" } }
    assert.equal("2", page_of(assert(w:after(rows(20), response { ["X-Per-Page"] = "20" }))))
    assert.same({}, { w:after(rows(19, 500), response { ["X-Per-Page"] = "20" }) })
  end)

  it("is looked for behind a full page that is said to be the last only by who must be thorough", function()
    local said = response { ["X-Next-Page"] = "" }
    assert.same({}, { walk():after(rows(100), said) })
    assert.equal("2", page_of(assert(walk(nil, true):after(rows(100), said))))
  end)

  it("by key is what Link says, and a full page without it is the last", function()
    local w = walk { { "pagination", "keyset" }, { "per_page", "100" } }
    assert.same({}, { w:after(rows(100), response {}) })
  end)

  it("does not follow a page without rows", function()
    refused(walk():after(rows(0), response { ["X-Next-Page"] = "2" }))
    refused(walk():after(rows(0), response { Link = '<?page=2>; rel="next"' }))
  end)

  it("is an error where a server gives the same page again and again", function()
    local transport = double.new(function() return { body = rows(100) } end)
    refused(api.new(transport).pipelines:list(17))
    assert.equal(4, #transport.requests)
    local count = 0
    local ok, err = pcall(function()
      for _ in api.new(transport).pipelines:each(17) do count = count + 1 end
    end)
    assert.is_false(ok)
    refused(nil, err)
    assert.equal(100, count)
  end)
end)

describe("a list through a proxy that removes headers", function()
  it("is whole, whether its last page is full or not", function()
    for _, total in ipairs { 0, 1, 99, 100, 101, 200, 250 } do
      local transport = server(total)
      assert.equal(total, #assert(api.new(transport).pipelines:list(17)))
      assert.equal(math.floor(total / 100) + 1, #transport.requests)
    end
  end)

  it("is whole with nothing but Link, and with nothing but totals", function()
    local linked = server(250, function(page, last)
      local link = '<http://other.test/?page=%d&per_page=100>; rel="next"'
      return { Link = page < last and link:format(page + 1) or nil }
    end)
    assert.equal(250, #assert(api.new(linked).pipelines:list(17)))
    local counted = server(250, function(_, last) return { ["X-Total-Pages"] = tostring(last) } end)
    assert.equal(250, #assert(api.new(counted).pipelines:list(17)))
  end)

  it("needs no more pages than a limit does", function()
    local transport = server(250)
    assert.equal(100, #assert(api.new(transport).pipelines:list(17, { limit = 100 })))
    assert.equal(1, #transport.requests)
  end)

  it("is read on by the waits", function()
    local source = watching.source(api.new(server(150)))
    local list, following = source.list(17, { per_page = 100 })
    assert.equal(100, #list)
    list, following = source.list(17, { per_page = 100, page = following })
    assert.equal(50, #list)
    assert.is_nil(following)
  end)
end)

describe("a pipeline that is made once", function()
  -- A GitLab with 150 pipelines younger than that of the key, and headers taken away by `change`.
  local function made_again(change)
    local place = hostile.open()
    local gl = hostile.client(place)
    local first = assert(gl.pipelines:create(11, { ref = "main", once = "release" }))
    for _ = 1, 150 do assert(gl.pipelines:create(11, { ref = "main" })) end
    local between = place.between
    local request = between.request
    function between.request(...)
      local status, headers, body, action = request(...)
      return status, change(headers), body, action
    end
    -- Another journal: only GitLab knows of the key.
    local second = assert(hostile.client(place).pipelines:create(11, { ref = "main", once = "release" }))
    place.transport:close()
    return first, second
  end

  it("is found on a second page that no header names", function()
    local first, second = made_again(function(headers)
      local kept = {}
      for _, pair in ipairs(headers) do
        if not pair[1]:find "^X%-" and pair[1] ~= "Link" then kept[#kept + 1] = pair end
      end
      return kept
    end)
    assert.equal(first.id, second.id)
    assert.is_true(second.adopted)
  end)

  it("is found on a second page where X-Next-Page has lost its value", function()
    local first, second = made_again(function(headers)
      local kept = {}
      for _, pair in ipairs(headers) do
        if pair[1] ~= "Link" then kept[#kept + 1] = { pair[1], pair[1] == "X-Next-Page" and "" or pair[2] } end
      end
      return kept
    end)
    assert.equal(first.id, second.id)
    assert.is_true(second.adopted)
  end)
end)

