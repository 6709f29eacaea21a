--- What only C can ask, by a program that is compiled here (with the sanitizers, or against the
--- instrumented archive where coverage is measured): above all, the failure of every allocation.

local compile = require "spec.support.compile"

local function read(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1; echo status=$?"))
  local text = pipe:read "*a"
  pipe:close()
  return text, tonumber(text:match "status=(%d+)%s*$")
end

describe("the core in C", function()
  it("keeps its word, and its word about memory, whichever allocation fails", function()
    local build = os.getenv "BUILD" or "build"
    local program = compile.folder() .. "/torture"
    local flags = "-fsanitize=address,undefined -fno-sanitize-recover=undefined csrc/core/*.c"
    local instrumented = io.open(build .. "/obj/core/buf.gcno")
    if instrumented then
      instrumented:close()
      flags = "--coverage " .. build .. "/obj/libgpcore.a"
    end
    local text, status = read(([[mkdir -p '%s' && unset LD_PRELOAD && \
      ${CC:-cc} -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Icsrc -o '%s' spec/c/torture.c %s \
      -lcrypto -lm && '%s']]):format(compile.folder(), program, flags, program))
    assert.equal(0, status, text)
    for _, story in ipairs { "buf", "uri", "redact" } do
      local failures = tonumber(text:match(story .. ": (%d+) allocations failed in turn"))
      assert.is_true((failures or 0) >= 2, text)
    end
  end)
end)
