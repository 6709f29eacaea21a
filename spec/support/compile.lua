--- Compiles a small C file of spec/c into a shared object or a program below the build folder.

local M = {}

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function folder()
  local build = os.getenv "GP_BUILD" or os.getenv "BUILD" or "build"
  return build .. "/spec"
end

--- The folder for programs that a spec makes: each Lua has its own, as suites run at once.
---@return string
function M.folder()
  local version = rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match "[%d.]+$"
  return (os.getenv "BUILD" or "build") .. "/spec/" .. version
end

-- How the objects of this build were made: the compiler, and flags for whatever is linked to them.
local function compiler_of(build)
  if build:find "asan" then return "clang", "-fsanitize=address,undefined" end
  local instrumented = io.open(build .. "/obj/core/buf.gcno")
  if not instrumented then return "${CC:-cc}", "" end
  instrumented:close()
  return "${CC:-cc}", "--coverage"
end

--- The path of the shared object made from spec/c/NAME.c, unless it is newer than that already.
---@param name string
---@param lua boolean|nil it is a module for this Lua
---@param core boolean|nil it uses csrc/core
---@return string path
function M.shared(name, lua, core)
  local version = rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match "[%d.]+$"
  local dir = folder() .. "/" .. version
  local path, source = ("%s/%s.so"):format(dir, name), ("spec/c/%s.c"):format(name)
  local compiler, flags, archive = "${CC:-cc}", "", ""
  if core then
    local build = os.getenv "BUILD" or "build"
    compiler, flags = compiler_of(build)
    archive = quote(build .. "/obj/libgpcore.a")
    flags = flags .. " -Icsrc"
  end
  if lua then flags = flags .. " $(pkg-config --cflags " .. version .. ")" end
  -- Other specs may have it loaded, or be making it, at this moment: it is replaced whole.
  local command = ([[unset LD_PRELOAD; out=%s; for used in %s %s; do [ "$out" -nt "$used" ] || old=1; done
    [ -z "$old" ] || { mkdir -p %s && %s -std=c11 -D_GNU_SOURCE -O1 -fPIC -shared %s -o "$out.$$" %s %s -ldl &&
    mv "$out.$$" "$out"; }]]):format(quote(path), source, archive, quote(dir), compiler, flags, source, archive)
  local ok, _, code = os.execute(command)
  assert(ok == true or ok == 0, "cannot compile " .. source .. " " .. tostring(code))
  return path
end

--- Loads spec/c/NAME.c as a Lua module.
---@param name string
---@param core boolean|nil it uses csrc/core
function M.module(name, core)
  return assert(package.loadlib(M.shared(name, true, core), "luaopen_" .. name))()
end

--- Runs the program made from spec/c/NAME.c and the objects of this build that are the simulated
--- GitLab, built as those are; it must end well.
---@param name string
---@param arguments string for the shell
---@param flags string|nil for the compiler
---@return string told what it printed
function M.run_mock(name, arguments, flags)
  local build = os.getenv "BUILD" or "build"
  local compiler, how = compiler_of(build)
  local program = M.folder() .. "/" .. name
  local pipe = assert(io.popen(([[mkdir -p %s && unset LD_PRELOAD && \
    %s -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Icsrc %s %s -o %s spec/c/%s.c \
    $(ls csrc/mock/*.c csrc/mock/*/*.c | sed 's,^csrc,'%s/obj',; s,c$,o,') %s/obj/mock/control/panel_html.o \
    %s/obj/io/journal_lock.o %s/obj/io/lock_holder.o %s/obj/libgpcore.a -lsqlite3 -lcrypto -lm 2>&1 && \
    timeout 600 %s %s 2>&1; echo status=$?]]):format(quote(M.folder()), compiler, how, flags or "", quote(program),
      name, quote(build), quote(build), quote(build), quote(build), quote(build), quote(program), arguments)))
  local text = pipe:read "*a"
  pipe:close()
  assert(text:match "status=(%d+)%s*$" == "0", text)
  return text
end

M.quote = quote

return M
