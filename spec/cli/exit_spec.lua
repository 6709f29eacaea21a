local errors = require "gitlab_pipelines.errors"
local exit = require "gitlab_pipelines.cli.exit"

describe("cli/exit", function()
  it("gives each verdict the promised code", function()
    local promised = { success = 0, failed = 1, canceled = 3, skipped = 3, stuck = 4, blocked = 5,
      manual = 5 }
    for verdict, code in pairs(promised) do
      assert.equal(code, exit.of_verdict(verdict), verdict)
    end
  end)

  it("counts a status that nobody has heard of as failed", function()
    assert.equal(1, exit.of_verdict "quantum")
  end)

  it("gives each error the promised code", function()
    local promised = {
      ["FlowError.InvalidScript"] = 2, ["FlowError.InvalidInput"] = 2, ["FlowError.Cycle"] = 2,
      ["FlowError.StepFailed"] = 1, ["FlowError.RunHeld"] = 6,
      ["ConfigurationError.InvalidCredentials"] = 2, ["WaitError.TimedOut"] = 4,
      ["WaitError.Deleted"] = 6, ["AccessError.PipelineNotFound"] = 6,
      ["NetworkError.ConnectionFailed"] = 6, ["PipelineError.InvalidRef"] = 6,
      ["PipelineError.InvalidVariable"] = 2, ["TaskError.Cancelled"] = 130,
    }
    for name, code in pairs(promised) do
      assert.equal(code, exit.of_error(errors.new(name)), name)
    end
  end)
end)
