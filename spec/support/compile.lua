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

--- The path of the shared object made from spec/c/NAME.c; `lua`: it is a module for this Lua.
---@param name string
---@param lua boolean|nil
---@return string path
function M.shared(name, lua)
  local version = rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match "[%d.]+$"
  local dir = folder() .. "/" .. version
  local path = ("%s/%s.so"):format(dir, name)
  local flags = lua and "$(pkg-config --cflags " .. version .. ")" or ""
  local command = ("mkdir -p %s && ${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -fPIC -shared %s -o %s spec/c/%s.c -ldl")
    :format(quote(dir), flags, quote(path), name)
  local ok, _, code = os.execute(command)
  assert(ok == true or ok == 0, "can not compile spec/c/" .. name .. ".c " .. tostring(code))
  return path
end

--- Loads spec/c/NAME.c as a Lua module.
---@param name string
function M.module(name)
  return assert(package.loadlib(M.shared(name, true), "luaopen_" .. name))()
end

--- Runs the program made from spec/c/NAME.c and the objects of this build that are the simulated
--- GitLab, built as those are; it must end well.
---@param name string
---@param arguments string for the shell
---@param flags string|nil for the compiler
---@return string told what it printed
function M.run_mock(name, arguments, flags)
  local build = os.getenv "BUILD" or "build"
  local compiler, how = "${CC:-cc}", ""
  if build:find "asan" then compiler, how = "clang", "-fsanitize=address,undefined" end
  local instrumented = io.open(build .. "/obj/core/buf.gcno")
  if instrumented then
    instrumented:close()
    how = "--coverage"
  end
  local program = M.folder() .. "/" .. name
  local pipe = assert(io.popen(([[mkdir -p %s && unset LD_PRELOAD && \
    %s -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Icsrc %s %s -o %s spec/c/%s.c \
    %s/obj/mock/*.o %s/obj/mock/*/*.o %s/obj/io/journal_lock.o %s/obj/io/lock_holder.o \
    %s/obj/libgpcore.a -lsqlite3 -lcrypto -lm 2>&1 && \
    timeout 600 %s %s 2>&1; echo status=$?]]):format(quote(M.folder()), compiler, how, flags or "", quote(program),
      name, quote(build), quote(build), quote(build), quote(build), quote(build), quote(program), arguments)))
  local text = pipe:read "*a"
  pipe:close()
  assert(text:match "status=(%d+)%s*$" == "0", text)
  return text
end

M.quote = quote

return M
