-- A response is about the object that was asked for, or it is another request's and says nothing.
local api = require "support.api_client"
local double = require "support.transport_double"
local operations = require "gitlab_pipelines.operations"

local checked = {}
for _, op in ipairs(operations.all) do
  if op.same then checked[#checked + 1] = op end
end

local RIGHT, WRONG = { key = "NAME" }, { key = "OTHER" }

local function args_for(op)
  local args = { query = {}, project = 11, key = "NAME" }
  for _, p in ipairs(op.params) do
    if p.type == "id" then args[p.name] = 17 end
  end
  if op.method == "PUT" then args.body = { name = "x" } end
  return args
end

-- The object with `value` where the operation names what it is about.
local function object(op, value)
  return { status = op.success[1], body = { [op.same[2]] = value, status = "success" } }
end

local function right(op) return RIGHT[op.same[1]] or op.same[1] == "project" and 11 or 17 end
local function wrong(op) return WRONG[op.same[1]] or 18 end

local function call(op, answers)
  local transport = double.new(answers)
  local gl = api.new(transport)
  local result, err = gl.client:call(op, args_for(op), { timeout = 60 })
  return result, err, transport
end

describe("a response", function()
  it("is checked wherever GitLab names the object asked for", function()
    local count = 0
    -- These answer about the new job.
    local others = { ["jobs.retry"] = true, ["jobs.play"] = true }
    for _, op in ipairs(operations.all) do
      local asked = op.path:match ".*:([%w_]+)"
      if asked == "project" and op.group ~= "projects" then asked = nil end
      local field, told = asked == "key" and "key" or "id", false
      for _, one in ipairs(op.result == "object" and op.shape or {}) do
        told = told or one.name == field and one.required
      end
      local wanted = asked and told and not others[op.name] and { asked, field } or nil
      assert.are.same(wanted, op.same, op.name)
      count = count + (wanted and 1 or 0)
    end
    assert.is_true(count >= 17)
  end)

  for _, op in ipairs(checked) do
    it("about the object asked for is the result of " .. op.name, function()
      local result, err, transport = call(op, { object(op, right(op)) })
      assert.is_nil(err)
      assert.are.equal(right(op), result[op.same[2]])
      assert.are.equal(1, #transport.requests)
    end)

    it("about another object is no result of " .. op.name, function()
      local count = 0
      local result, err, transport = call(op, function(request)
        count = count + 1
        -- What is read afterwards, to learn what was done, is about the right one.
        if count > 1 and op.effect ~= "read" then
          local asked = operations.find(request.operation)
          if asked.result == "list" then return { body = {} } end
          return asked.same and object(asked, right(asked)) or { body = {} }
        end
        return object(op, wrong(op))
      end)
      local sent = 0
      for _, request in ipairs(transport.requests) do
        if request.operation == op.name then sent = sent + 1 end
      end
      if op.effect == "read" then
        assert.is_true(err:is "ServerError.InvalidResponse", tostring(err))
        assert.is_true(err.retryable)
        assert.is_truthy(err.message:find("another object: its " .. op.same[2] .. " is " .. wrong(op), 1, true))
        assert.are.equal(3, sent)
      else
        -- Done, but the response cannot be used: never sent again.
        assert.are.equal(1, sent)
        if err then assert.is_true(err.unknown_outcome, tostring(err)) end
        if type(result) == "table" and result[op.same[2]] then
          assert.are.equal(right(op), result[op.same[2]])
        end
      end
    end)
  end

  it("about another object is followed by a read of the right one", function()
    local op = operations.pipelines.get
    local result, err, transport = call(op, { object(op, 18), object(op, 17) })
    assert.is_nil(err)
    assert.are.equal(17, result.id)
    assert.are.equal(2, #transport.requests)
  end)

  it("may name another job after a retry or a play, which make a new one", function()
    for _, name in ipairs { "retry", "play" } do
      local op = operations.jobs[name]
      local result = assert((call(op, { { status = op.success[1], body = { id = 99, status = "pending" } } })))
      assert.are.equal(99, result.id)
    end
  end)

  it("names a project by its number, whatever path it was asked by", function()
    local transport = double.new { { body = { id = 5, path_with_namespace = "new/place" } } }
    assert.are.equal(5, assert(api.new(transport).projects:get "old/place").id)
  end)

  it("without the field is followed by a read of the right one", function()
    local op = operations.pipelines.get
    local result, _, transport = call(op, { { body = { status = "success" } }, object(op, 17) })
    assert.are.equal(17, result.id)
    assert.are.equal(2, #transport.requests)
  end)
end)
