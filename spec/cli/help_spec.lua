-- The help of every command, as one reads it.

local cli = require "gitlab_pipelines.cli"

-- { words of the command, its help }, subcommands included.
local function pages()
  local list = {}
  local function add(parser, words)
    list[#list + 1] = { words, parser:get_help() }
    for _, command in ipairs(parser._commands) do add(command, words .. " " .. command._name) end
  end
  add(cli.parser(), "gitlab-pipelines")
  return list
end

describe("the help of the command", function()
  it("has a page for each command", function()
    assert.is_true(#pages() > #cli.commands)
  end)

  it("names a default once, and spells as GitLab does", function()
    for _, page in ipairs(pages()) do
      for line in page[2]:gmatch "[^\n]+" do
        local where = page[1] .. ": " .. line
        assert.is_true(select(2, line:gsub("%(default", "")) <= 1, where)
        assert.is_nil(line:lower():find "cannot", where)
        assert.is_nil(line:lower():find "cancell", where)
        assert.is_nil(line:lower():find "colour", where)
      end
    end
  end)
end)
