-- The check that holds the floors must find a breach of each kind.
local lua = os.getenv "GP_LUA" or "lua5.4"

local function tree(files)
  local root = os.tmpname()
  os.remove(root)
  for path, text in pairs(files) do
    os.execute(("mkdir -p '%s/%s'"):format(root, path:match "^(.*)/"))
    local file = assert(io.open(root .. "/" .. path, "w"))
    file:write(text)
    file:close()
  end
  local pipe = io.popen(("%s scripts/floors.lua %s 2>&1; echo status $?"):format(lua, root))
  local output = pipe:read "*a"
  pipe:close()
  os.execute("rm -rf " .. root)
  return output
end

describe("scripts/floors", function()
  it("lets a file use the floors below it", function()
    local output = tree {
      ["lua/gitlab_pipelines/flow/run.lua"] = 'local e = require "gitlab_pipelines.errors"',
      ["lua/gitlab_pipelines/errors.lua"] = 'local c = require("gitlab_pipelines.core")',
      ["csrc/io/http.c"] = '#include <curl/curl.h>\n#include "core/uri.h"',
      ["csrc/core/uri.h"] = "#include <stddef.h>",
    }
    assert.matches("status 0", output)
  end)

  it("finds a require of a floor above", function()
    local output = tree {
      ["lua/gitlab_pipelines/flow/run.lua"] = "",
      ["lua/gitlab_pipelines/errors.lua"] = '\nlocal r = require "gitlab_pipelines.flow.run"',
    }
    assert.matches("errors%.lua:2: requires lua/gitlab_pipelines/flow/run%.lua, above it", output)
    assert.matches("status 1", output)
  end)

  it("finds an include of a floor above", function()
    local output = tree {
      ["csrc/core/uri.c"] = '#include "io/http.h"',
      ["csrc/io/http.h"] = "",
    }
    assert.matches("csrc/core/uri%.c:1: includes csrc/io/http%.h, above it", output)
  end)

  it("finds a floor that includes a library it must not know", function()
    local output = tree { ["csrc/io/http.c"] = "#include <lua.h>",
      ["csrc/core/uri.c"] = "#include <unistd.h>" }
    assert.matches("io/http%.c:1: includes <lua", output)
    assert.matches("core/uri%.c:1: includes <unistd", output)
  end)

  it("finds a file that stands on no floor, and a module that is not there", function()
    local output = tree {
      ["lua/gitlab_pipelines/stray.lua"] = "",
      ["lua/gitlab_pipelines/errors.lua"] = 'require "gitlab_pipelines.nowhere"',
    }
    assert.matches("stray%.lua:1: stands on no floor", output)
    assert.matches("nowhere, which is not in the tree", output)
  end)

  it("does not pass a tree in which it finds nothing", function()
    assert.matches("status 1", tree { ["README/x"] = "" })
  end)
end)
