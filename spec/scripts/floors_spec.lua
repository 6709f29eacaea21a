-- scripts/floors.lua must find a breach of each kind: in includes, requires and calls, upward and
-- in circles.
local lua = os.getenv "GP_LUA" or "lua5.4"

-- Writes a tree, compiles its C files as the Makefile does, runs the script; its output.
local function check(files)
  local root = os.tmpname()
  os.remove(root)
  for path, text in pairs(files) do
    os.execute(("mkdir -p '%s/%s'"):format(root, path:match "^(.*)/"))
    local file = assert(io.open(root .. "/" .. path, "w"))
    file:write(text)
    file:close()
    local inner = path:match "^csrc/(.+)%.c$"
    if inner then files[path] = { inner = inner:gsub("^binding/", "lua5.4/") } end
  end
  for path, source in pairs(files) do
    if type(source) == "table" then
      local object = ("%s/build/obj/%s.o"):format(root, source.inner)
      os.execute(("mkdir -p '%s' && cd '%s' && ${CC:-cc} -w -Icsrc -c -o '%s' '%s'"):format(
        object:match "^(.*)/", root, object, path))
    end
  end
  local pipe = io.popen(("%s scripts/floors.lua %s 2>&1; echo status $?"):format(lua, root))
  local output = pipe:read "*a"
  pipe:close()
  os.execute("rm -rf " .. root)
  return output
end

describe("scripts/floors", function()
  it("accepts files that use the floors below them and their own", function()
    local output = check {
      ["lua/gitlab_pipelines/flow/run.lua"] = 'local e = require "gitlab_pipelines.errors"\n'
        .. 'local g = require "gitlab_pipelines.flow.graph"',
      ["lua/gitlab_pipelines/flow/graph.lua"] = "",
      ["lua/gitlab_pipelines/errors.lua"] = 'local c = require("gitlab_pipelines.core")',
      ["csrc/io/http.c"] = '#include <stdio.h>\n#include "core/uri.h"\nint f(void) { return g(); }',
      ["csrc/core/uri.h"] = "int g(void);",
      ["csrc/core/uri.c"] = "int g(void) { return 0; }",
    }
    assert.matches("status 0", output)
  end)

  it("finds a require of a floor above", function()
    local output = check {
      ["lua/gitlab_pipelines/flow/run.lua"] = "",
      ["lua/gitlab_pipelines/errors.lua"] = '\nlocal r = require "gitlab_pipelines.flow.run"',
    }
    assert.matches("errors%.lua:2: requires lua/gitlab_pipelines/flow/run%.lua, on a floor above", output)
    assert.matches("status 1", output)
  end)

  it("finds an include of a floor above", function()
    local output = check { ["csrc/core/uri.c"] = '#include "io/http.h"', ["csrc/io/http.h"] = "" }
    assert.matches("csrc/core/uri%.c:1: includes csrc/io/http%.h, on a floor above", output)
  end)

  it("finds a call of a floor above that no include shows", function()
    local output = check {
      ["csrc/mock/rows/store.c"] = "int apply(void); int load(void) { return apply(); }",
      ["csrc/mock/engine/rules.c"] = "int apply(void) { return 1; }",
    }
    assert.matches("rows/store%.c:1: calls apply of csrc/mock/engine/rules%.c, on a floor above", output)
    assert.matches("status 1", output)
  end)

  it("finds C files of one floor that call each other in a circle", function()
    local output = check {
      ["csrc/io/engine.c"] = "int b(void); int a(void) { return b(); }",
      ["csrc/io/handle.c"] = "int c(void); int b(void) { return c(); }",
      ["csrc/io/transfer.c"] = "int a(void); int c(void) { return a(); }",
    }
    assert.matches("3 files use each other in a circle", output)
    assert.matches("csrc/io/handle%.c:1: calls c of csrc/io/transfer", output)
    assert.matches("status 1", output)
  end)

  it("finds a circle that an include and a call make together", function()
    local output = check {
      ["csrc/binding/a.c"] = '#include "binding/b.h"\nint a(void) { return 0; }',
      ["csrc/binding/b.h"] = "",
      ["csrc/binding/b.c"] = "int a(void); int b(void) { return a(); }",
    }
    assert.matches("2 files use each other in a circle", output)
  end)

  it("finds Lua modules that require each other in a circle", function()
    local output = check {
      ["lua/gitlab_pipelines/flow/run.lua"] = 'require "gitlab_pipelines.flow.plan"',
      ["lua/gitlab_pipelines/flow/plan.lua"] = 'local function f() require "gitlab_pipelines.flow.run" end',
    }
    assert.matches("2 files use each other in a circle", output)
    assert.matches("status 1", output)
  end)

  it("finds a floor that includes a library it must not know", function()
    local output = check { ["csrc/io/http.c"] = "#include <lua.h>",
      ["csrc/core/uri.c"] = "#include <unistd.h>" }
    assert.matches("io/http%.c:1: includes <lua", output)
    assert.matches("core/uri%.c:1: includes <unistd", output)
  end)

  it("finds a file that is not on any floor, and a missing module", function()
    local output = check {
      ["lua/gitlab_pipelines/stray/x.lua"] = "",
      ["lua/gitlab_pipelines/errors.lua"] = 'require "gitlab_pipelines.nowhere"',
    }
    assert.matches("stray/x%.lua:1: is not on any floor", output)
    assert.matches("nowhere, which is not in the tree", output)
  end)

  it("does not pass what it could not check", function()
    assert.matches("status 2", check { ["README/x"] = "" })
    assert.matches("has no object", check { ["csrc/core/broken.c"] = "this is not C" })
  end)
end)
