--- Compiles a small C file of spec/c into a shared object below the build folder.

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

M.quote = quote

return M
