-- Servers that lead on and on: every reading has an end, and says so.

local api = require "support.api_client"
local double = require "support.transport_double"
local json = require "gitlab_pipelines.json"

-- A GitLab in which every pipeline has started `width` others, of ever new ids.
local function ever_more(width, status)
  return double.new(function(request)
    local id = tonumber(request.target:match "/pipelines/(%d+)")
    if request.target:find "/trigger_jobs" then
      local jobs = {}
      for i = 1, width do
        local below = id * width + i
        jobs[i] = { id = below, name = "child " .. i, stage = "call", status = "running",
          downstream_pipeline = { id = below, project_id = 1, status = status } }
      end
      return { body = jobs, headers = { ["X-Next-Page"] = "" } }
    end
    if request.target:find "/jobs" then return { body = json.array {} } end
    return { body = { id = id, project_id = 1, status = status } }
  end)
end

local function walk(node, depth, found)
  found.count, found.depth = found.count + 1, math.max(found.depth, depth)
  if node.error then found.errors[#found.errors + 1] = node.error end
  for _, child in ipairs(node.downstream) do walk(child, depth + 1, found) end
  return found
end

describe("a tree without end", function()
  it("is read fifty pipelines deep, with the reason at its leaf", function()
    local tree = assert(api.new(ever_more(1, "running")).pipelines:tree(1, 1))
    local found = walk(tree, 0, { count = 0, depth = 0, errors = {} })
    assert.equal(51, found.depth)
    assert.equal(1, #found.errors)
    assert.is_true(found.errors[1]:is "ServerError.InvalidResponse")
    assert.is_string(json.encode(tree))
  end)

  it("is read a thousand pipelines wide", function()
    local transport = ever_more(40, "running")
    local found = walk(assert(api.new(transport).pipelines:tree(1, 1)), 0, { count = 0, depth = 0, errors = {} })
    assert.is_true(found.errors[1]:is "ServerError.InvalidResponse")
    assert.is_true(#transport.requests <= 3 * 1010, #transport.requests)
  end)

  it("can be written as JSON also where its responses are nested as deep as one may be", function()
    local deep = ("["):rep(126) .. ("]"):rep(126)
    local inner = ever_more(1, "running")
    local transport = double.new(function(request)
      local answer = inner.answers(request)
      if not request.target:find "/trigger_jobs" then return answer end
      local text = json.encode(answer.body):gsub('"stage"', '"more":' .. deep .. ',"stage"')
      return { body = text, type = "application/json" }
    end)
    assert.is_string(json.encode(assert(api.new(transport).pipelines:tree(1, 1))))
  end)

  it("that leads back into itself is waited for like any other", function()
    for _, back in ipairs { 1, 2 } do
      local transport = double.new(function(request)
        local id = tonumber(request.target:match "/pipelines/(%d+)")
        if not request.target:find "/trigger_jobs" then
          return { body = { id = id, project_id = 1, status = "failed" } }
        end
        return { body = { { id = id, name = "child", stage = "call", status = "failed",
          downstream_pipeline = { id = id == 1 and back or 1, project_id = 1, status = "failed" } } },
          headers = { ["X-Next-Page"] = "" } }
      end)
      local pipeline, verdict = api.new(transport).pipelines:wait(1, 1, { downstream = true, timeout = 600 })
      assert.equal(1, pipeline.id)
      assert.equal("failed", verdict)
    end
  end)

  it("ends a wait for all of it", function()
    for _, width in ipairs { 1, 40 } do
      local transport = ever_more(width, "running")
      local result, err = api.new(transport).pipelines:wait(1, 1, { downstream = true, timeout = "2h" })
      assert.is_nil(result)
      assert.is_true(err:is "ServerError.InvalidResponse", tostring(err))
      assert.is_true(#transport.requests < 2500, #transport.requests)
    end
  end)
end)

describe("a list without end", function()
  it("of pages that bring nothing new is an error", function()
    for _, headers in ipairs { {}, { Link = '<?page=%d&per_page=100>; rel="next"' }, { ["X-Next-Page"] = "%d" } } do
      local transport = double.new(function(request)
        local page = tonumber(request.target:match "[?&]page=(%d+)") or 1
        local rows, given = {}, {}
        for i = 1, 100 do rows[i] = { id = i } end
        for name, value in pairs(headers) do given[name] = value:format(page + 1) end
        return { body = rows, headers = given }
      end)
      local result, err = api.new(transport).pipelines:list(1)
      assert.is_nil(result)
      assert.is_true(err:is "ServerError.InvalidResponse")
      assert.is_true(#transport.requests <= 4)
    end
  end)

  it("whose totals are a lie ends where its pages end", function()
    local transport = double.new(function(request)
      local page = tonumber(request.target:match "[?&]page=(%d+)") or 1
      local rows = json.array {}
      for i = 1, page < 3 and 100 or 0 do rows[i] = { id = page * 100 + i } end
      return { body = rows, headers = { ["X-Total-Pages"] = "999999999999",
        ["X-Next-Page"] = page < 2 and tostring(page + 1) or "" } }
    end)
    assert.equal(200, #assert(api.new(transport).pipelines:list(1)))
    assert.is_true(#transport.requests <= 12)
  end)
end)
