-- What the command writes to a terminal, when the server is not to be trusted.

local command = require "spec.support.command"
local output = require "gitlab_pipelines.cli.output"

local EVIL = "\27]0;title\7\27[2J\194\155x\8\127\194\133\226\128\174\226\129\166\226\128\142"
  .. "\216\156\226\128\168\27P1$q\27\\\27_x\27\\"

local place

local function id_of(text) return (text:match '"id":(%d+)') end

-- What is left besides lines, tabs and colours.
local function other_controls(text)
  return text:gsub("\27%[[%d;]*m", ""):match "[%z\1-\8\11-\31\127]" or text:match "\194[\128-\159]"
    or text:match "\226\128[\142\143\168-\174]" or text:match "\226\129[\166-\175]" or text:match "\216\156"
end

describe("the command on a terminal", function()
  local pipeline, job

  setup(function()
    place = command.open { projects = { ["acme/app"] = { id = 21, queued = 0, jobs = {
      { name = "unit " .. EVIL, stage = "test", duration = 0, status = "failed", failure_reason = "script_failure",
        log = "\27[31mred\27[0m" .. EVIL .. "\14\n" },
    } } } }
    pipeline = id_of((place:run("trigger", "-p", "21", "-r", "日本語-日本語", "--json")))
    place:run("wait", "-p", "21", pipeline)
    job = id_of((place:run("jobs", "-p", "21", pipeline, "--json")))
  end)

  teardown(function() place:close() end)

  it("passes nothing on that the terminal would obey, but colours", function()
    for _, words in ipairs { { "list" }, { "jobs" }, { "show", pipeline }, { "wait", pipeline },
      { "logs", job }, { "logs", "-f", job }, { "logs", job, "--search", "red", "-C", "2" },
      { "logs", "--format", "raw", job },
      { "logs", "999" .. EVIL } } do
      words[#words + 1] = "--project=21"
      local written = place:on_terminal(200, (table.unpack or unpack)(words))
      assert.is_true(#written > 0)
      assert.is_nil(other_controls(written), table.concat(words, " ") .. (": %q"):format(written))
      -- What goes elsewhere may come to a terminal later, but for a raw log.
      if words[2] ~= "--format" then
        local printed, _, problem = place:run((table.unpack or unpack)(words))
        assert.is_nil(other_controls(printed .. problem), table.concat(words, " ") .. (": %q"):format(printed))
        words[#words + 1] = "--json"
        printed, _, problem = place:run((table.unpack or unpack)(words))
        assert.is_nil(other_controls(printed .. problem), table.concat(words, " ") .. (": %q"):format(printed))
      end
    end
  end)

  it("passes a raw log on as it is where there is no terminal, and colours where there is one", function()
    assert.matches("\27[31mred\27[0m" .. EVIL .. "\14", (place:run("logs", "-p", "21", "--format", "raw", job)), 1,
      true)
    local shown = place:on_terminal(80, "logs", "-p", "21", job, { TERM = "xterm", NO_COLOR = false })
    assert.matches("\27[0;31mred\27[0m?x??", shown, 1, true)
  end)

  it("has no colours where there is no terminal, where it shows none, and where none are wanted", function()
    local function colours(text) return (select(2, text:gsub("\27%[[%d;]*m", ""))) end
    local term = { TERM = "xterm", NO_COLOR = false }
    assert.is_true(colours((place:on_terminal(80, "list", "-p", "21", term))) > 0)
    assert.equal(0, colours((place:run("list", "-p", "21", term))))
    assert.equal(0, colours((place:on_terminal(80, "list", "-p", "21", "--no-color", term))))
    assert.equal(0, colours((place:on_terminal(80, "list", "-p", "21", { TERM = "dumb", NO_COLOR = false }))))
    assert.equal(0, colours((place:on_terminal(80, "list", "-p", "21", { TERM = "xterm", NO_COLOR = "1" }))))
  end)

  it("fits its tables and trees into the columns that there are", function()
    for _, columns in ipairs { 10, 20, 40, 80, 200 } do
      for _, words in ipairs { { "list", "-p", "21" }, { "jobs", "-p", "21" } } do
        for line in place:on_terminal(columns, (table.unpack or unpack)(words)):gmatch "[^\n]+" do
          local seen = line:gsub("\27%[[%d;]*m", "")
          assert.is_true(output.width_of(seen) <= columns, columns .. ": " .. seen)
        end
      end
    end
  end)
end)
