--- What only C can ask of the simulated GitLab: the failure of every allocation of its own, by a
--- program that is linked from the objects of this build.

local compile = require "spec.support.compile"

describe("the simulated GitLab in C", function()
  it("answers no worse than 500 whichever allocation fails, is well again after it, and keeps no block", function()
    local build = os.getenv "BUILD" or "build"
    local program = compile.folder() .. "/mock_torture"
    local compiler, flags = "${CC:-cc}", ""
    if build:find "asan" then compiler, flags = "clang", "-fsanitize=address,undefined" end
    local instrumented = io.open(build .. "/obj/core/buf.gcno")
    if instrumented then
      instrumented:close()
      flags = "--coverage"
    end
    local pipe = assert(io.popen(([[mkdir -p '%s' && unset LD_PRELOAD && \
      %s -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Icsrc %s \
      -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup -o '%s' spec/c/mock_torture.c \
      '%s'/obj/mock/*.o '%s'/obj/libgpcore.a -lsqlite3 -lcrypto -lm 2>&1 && timeout 300 '%s' %d 2>&1; echo status=$?]])
      :format(compile.folder(), compiler, flags, program, build, build, program,
        os.getenv "GP_FULL" == "1" and 1 or 5)))
    local text = pipe:read "*a"
    pipe:close()
    assert.equal("0", text:match "status=(%d+)%s*$", text)
    local failures = tonumber(text:match "(%d+) allocations failed in turn")
    assert.is_true((failures or 0) > 100, text)
  end)
end)
