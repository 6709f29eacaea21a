local errors = require "gitlab_pipelines.errors"
local exit = require "gitlab_pipelines.cli.exit"
local httpd = require "spec.support.httpd"

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

  describe("after an internal error", function()
    -- A command whose module is broken, or raises when it runs.
    local function stderr_of(module, body, traceback)
      local program = os.tmpname()
      local file = assert(io.open(program, "w"))
      file:write(("package.preload['gitlab_pipelines.cli%s'] = function() %s end\n"):format(module, body),
        "arg = { [0] = 'bin/gitlab-pipelines', 'version' }\ndofile 'bin/gitlab-pipelines'\n")
      file:close()
      local pipe = io.popen(("%s %s %s 2>&1 >/dev/null"):format(
        traceback and "GP_TRACEBACK=1" or "env -u GP_TRACEBACK", httpd.lua, program))
      local text = pipe:read "*a"
      pipe:close()
      os.remove(program)
      return text
    end
    local breaks = { [".version"] = [[
      return { define = function(parser) return parser:command "version" end,
        run = function() error "boom" end }]], [""] = "error 'boom'" }

    it("is one line, or two that say how to build", function()
      assert.matches("^gitlab%-pipelines: [^\n]*boom\n$", stderr_of(".version", breaks[".version"]))
      assert.matches("^gitlab%-pipelines: cannot start: [^\n]*boom\nbuild it first[^\n]*\n$", stderr_of("", breaks[""]))
    end)

    it("shows where it happened when GP_TRACEBACK is set", function()
      for module, body in pairs(breaks) do
        local text = stderr_of(module, body, true)
        assert.matches("boom\nstack traceback:\n\t", text)
        assert.matches("\ngitlab%-pipelines: [^\n]*boom\n", text)
      end
    end)
  end)
end)
