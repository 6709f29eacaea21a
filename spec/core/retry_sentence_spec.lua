-- The sentences of GitLab's that give a status its meaning: for a retry and for the error alike.

local core = require "gitlab_pipelines.core"
local operations = require "gitlab_pipelines.operations"
local response_errors = require "gitlab_pipelines.client.response_errors"

local sentences = {
  { 400, "creation_limit", '{"message":{"base":["Too many pipelines created in the last minute. Try again later."]}}' },
  { 409, "resource_lock", '{"message":"409 Conflict: Resource lock"}' },
  { 429, "request_limit", '{"message":{"error":"This endpoint has been requested too many times. Try again later."}}' },
}

describe("a sentence of GitLab's", function()
  it("is recognized with its status, and with no other", function()
    for _, row in ipairs(sentences) do
      assert.equal(row[2], core.retry.sentence(row[1], row[3]))
      for _, other in ipairs { 200, 400, 403, 409, 429, 500, 503 } do
        if other ~= row[1] then assert.is_nil(core.retry.sentence(other, row[3])) end
      end
      assert.is_nil(core.retry.sentence(row[1], nil))
      assert.is_nil(core.retry.sentence(row[1], ""))
      assert.is_nil(core.retry.sentence(row[1], row[3]:upper()))
    end
  end)

  it("gives a refused creation the kind that its retry has", function()
    local op = operations.pipelines.create
    assert.equal("RateLimitError.TooManyRequests", response_errors.kind(op, 400, "x", nil, "creation_limit"))
    assert.equal("PipelineError.PipelineCreationFailed", response_errors.kind(op, 400, "x", nil, nil))
  end)
end)
