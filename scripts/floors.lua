-- Checks the floors of the architecture: a file may use the floors below its own and other files of
-- its own floor, never a floor above; and files of one floor must not depend on each other in a
-- circle.
--
-- Uses are read from `#include "..."`, from `require`, and from the symbols of the compiled
-- objects (a call that needs no include is still a call). docs/architecture.md draws the floors.
--
-- usage: lua5.4 scripts/floors.lua ROOT [OBJECTS]
-- OBJECTS is the folder with the objects (default: ROOT/build/obj). Prints every breach; exits
-- with 1 if there is one, with 2 if there is nothing to check.

-- Top to bottom; a file belongs to the first row with a pattern that matches its path.
local lua_floors = {
  { "cli", "^bin/", "^lua/gitlab_pipelines/cli/" },
  { "init", "^lua/gitlab_pipelines/init%.lua$" },
  { "flow", "^lua/gitlab_pipelines/flow/" },
  { "api, webhook, mock", "^lua/gitlab_pipelines/api/", "^lua/gitlab_pipelines/webhook/",
    "^lua/gitlab_pipelines/mock/" },
  { "watch, once", "^lua/gitlab_pipelines/watch/", "^lua/gitlab_pipelines/once/" },
  { "client", "^lua/gitlab_pipelines/client/" },
  { "transport, runtime", "^lua/gitlab_pipelines/transport/", "^lua/gitlab_pipelines/runtime/" },
  { "observe, operations, errors, json", "^lua/gitlab_pipelines/observe/",
    "^lua/gitlab_pipelines/[%w_]+%.lua$" },
}
local c_floors = {
  { "binding", "^csrc/binding/" },
  { "mock", "^csrc/mock/[%w_]+%.[ch]$" },
  { "mock/control", "^csrc/mock/control/" },
  { "mock/webhooks", "^csrc/mock/webhooks/" },
  { "mock/gitlab", "^csrc/mock/gitlab/" },
  { "mock/request", "^csrc/mock/request/" },
  { "mock/engine", "^csrc/mock/engine/" },
  { "mock/rows", "^csrc/mock/rows/" },
  { "mock/base", "^csrc/mock/base/" },
  { "io", "^csrc/io/" },
  { "core", "^csrc/core/" },
}
-- The shared objects, which are below every Lua floor.
local shared_objects = { core = true, http = true, store = true, server = true, simulation = true }

-- System headers that a floor must not include, and the exceptions.
local forbidden = {
  { "^csrc/core/", { "<curl/", "<sqlite3", "<microhttpd", "<zip%.h", "<sys/", "<fcntl", "<unistd",
    "<lua", "<lauxlib", "<openssl/" } },
  { "^csrc/io/", { "<lua", "<lauxlib" } },
  { "^csrc/mock/", { "<lua", "<lauxlib", "<curl/", "<microhttpd" } },
}
-- Wiping memory and digests come from libcrypto and are pure.
local allowed = { ["csrc/core/secret.c"] = "<openssl/", ["csrc/core/webhook.c"] = "<openssl/" }

local root = arg[1] or "."
local objects = arg[2] or root .. "/build/obj"

local breaches = {}
local function breach(path, line, text)
  breaches[#breaches + 1] = ("%s:%d: %s"):format(path, line, text)
end

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function exists(path)
  local file = io.open(root .. "/" .. path)
  if file then file:close() end
  return file ~= nil
end

local function floor_of(floors, path)
  for number, row in ipairs(floors) do
    for i = 2, #row do
      if path:find(row[i]) then return number, row[1] end
    end
  end
end

-- Which module uses which, by name and first occurrence. ---------------------------------------

-- A C module is its `.c` and its `.h`.
local function module_of(path) return (path:gsub("%.[ch]$", "")) end

local uses = {}   -- module -> module -> { path, line, how }
local order = {}  -- modules that use another, in the order of their first use

local function add_use(path, line, target, how)
  local from, to = module_of(path), module_of(target)
  if from == to then return end
  if not uses[from] then
    uses[from] = { list = {} }
    order[#order + 1] = from
  end
  if uses[from][to] then return end
  uses[from][to] = { path = path, line = line, how = how }
  table.insert(uses[from].list, to)
end

local function check_use(floors, path, line, target, how)
  local own, other, other_name = floor_of(floors, path), floor_of(floors, target)
  if not own then return breach(path, line, "is not on any floor") end
  if not other then return breach(path, line, ("%s %s, which is not on any floor"):format(how, target)) end
  if other < own then
    breach(path, line, ("%s %s, on a floor above (%s)"):format(how, target, other_name))
  elseif other == own then
    add_use(path, line, target, how)
  end
end

-- Lua -------------------------------------------------------------------------------------------

local function lua_module_path(name)
  local base = "lua/" .. name:gsub("%.", "/")
  if exists(base .. ".lua") then return base .. ".lua" end
  if exists(base .. "/init.lua") then return base .. "/init.lua" end
end

local function check_require(path, line, name)
  local so = name:match "^gitlab_pipelines%.(%a+)$"
  if so and shared_objects[so] then return end
  local target = lua_module_path(name)
  if not target then
    return breach(path, line, "requires " .. name .. ", which is not in the tree")
  end
  check_use(lua_floors, path, line, target, "requires")
end

local function check_lua(path)
  if not floor_of(lua_floors, path) then return breach(path, 1, "is not on any floor") end
  local number = 0
  for line in io.lines(root .. "/" .. path) do
    number = number + 1
    local code = line:gsub("%-%-.*$", "")
    for name in code:gmatch "require%s*%(?%s*[\"'](gitlab_pipelines[%w_.]*)[\"']" do
      check_require(path, number, name)
    end
  end
end

-- C: includes -----------------------------------------------------------------------------------

local function check_system_header(path, line, header)
  if allowed[path] and header:find("^" .. allowed[path]) then return end
  for _, row in ipairs(forbidden) do
    for _, pattern in ipairs(path:find(row[1]) and row[2] or {}) do
      if header:find("^" .. pattern) then
        breach(path, line, "includes " .. header .. ">, which its floor must not")
      end
    end
  end
end

local function check_include(path, line, name)
  if exists("csrc/" .. name) then
    return check_use(c_floors, path, line, "csrc/" .. name, "includes")
  end
  local beside = path:gsub("[^/]+$", "") .. name
  if exists(beside) then return check_use(c_floors, path, line, beside, "includes") end
  breach(path, line, "includes " .. name .. ", which is not in csrc")
end

local function check_c(path)
  if not floor_of(c_floors, path) then return breach(path, 1, "is not on any floor") end
  local number = 0
  for line in io.lines(root .. "/" .. path) do
    number = number + 1
    local own = line:match '^%s*#%s*include%s*"([^"]+)"'
    if own then check_include(path, number, own) end
    local system = line:match "^%s*#%s*include%s*(<[^>]+)"
    if system then check_system_header(path, number, system) end
  end
end

-- C: calls --------------------------------------------------------------------------------------

-- The object of a source; the binding is compiled once per Lua.
local function object_of(path)
  local inner = path:match "^csrc/(.+)%.c$"
  if inner:find "^binding/" then return objects .. "/lua5.4/" .. inner:gsub("^binding/", "") .. ".o" end
  return objects .. "/" .. inner .. ".o"
end

-- Symbols that an object exports, and those that it needs.
local function symbols_of(object)
  local defines, needs = {}, {}
  for _, line in ipairs(lines_of("nm -P '" .. object .. "' 2>/dev/null")) do
    local name, kind = line:match "^(%S+) (%a)"
    if kind == "U" then
      needs[#needs + 1] = name
    elseif kind and kind:find "[TDBRVW]" then
      defines[#defines + 1] = name
    end
  end
  table.sort(needs)
  return defines, needs
end

local function check_calls(sources)
  local owner, needs_of, missing = {}, {}, 0
  for _, path in ipairs(sources) do
    local object = object_of(path)
    local file = io.open(object)
    if file then
      file:close()
      local defines, needs = symbols_of(object)
      for _, name in ipairs(defines) do owner[name] = path end
      needs_of[path] = needs
    else
      missing = missing + 1
      breach(path, 1, "has no object " .. object .. ": build first")
    end
  end
  for _, path in ipairs(sources) do
    for _, name in ipairs(needs_of[path] or {}) do
      if owner[name] then check_use(c_floors, path, 1, owner[name], "calls " .. name .. " of") end
    end
  end
end

-- Circles ---------------------------------------------------------------------------------------

-- Tarjan's strongly connected components: each with more than one module is a circle.
local function circles()
  local index, low, on_stack, stack, found, counter = {}, {}, {}, {}, {}, 0
  local function visit(module)
    counter = counter + 1
    index[module], low[module] = counter, counter
    stack[#stack + 1], on_stack[module] = module, true
    for _, other in ipairs(uses[module] and uses[module].list or {}) do
      if not index[other] then
        visit(other)
        low[module] = math.min(low[module], low[other])
      elseif on_stack[other] then
        low[module] = math.min(low[module], index[other])
      end
    end
    if low[module] ~= index[module] then return end
    local members = {}
    repeat
      local top = table.remove(stack)
      on_stack[top] = nil
      table.insert(members, top)
    until top == module
    if #members > 1 then found[#found + 1] = members end
  end
  for _, module in ipairs(order) do
    if not index[module] then visit(module) end
  end
  return found
end

local function report_circle(members)
  table.sort(members)
  local inside = {}
  for _, module in ipairs(members) do inside[module] = true end
  breach(members[1], 1, ("%d files use each other in a circle:"):format(#members))
  for _, module in ipairs(members) do
    for _, other in ipairs(uses[module].list) do
      if inside[other] then
        local use = uses[module][other]
        breaches[#breaches + 1] = ("    %s:%d: %s %s"):format(use.path, use.line, use.how, other)
      end
    end
  end
end

-- In a checkout the tracked and untracked files; elsewhere every file. ---------------------------
local files, sources = 0, {}
for _, path in ipairs(lines_of("cd '" .. root .. "' && { git ls-files -co --exclude-standard -- lua csrc bin"
  .. " 2>/dev/null || find lua csrc bin -type f; } | sort -u")) do
  if exists(path) then
    if path:find "%.[ch]$" then
      check_c(path)
      files = files + 1
      if path:find "%.c$" then sources[#sources + 1] = path end
    elseif path:find "%.lua$" or path:find "^bin/" then
      check_lua(path)
      files = files + 1
    end
  end
end
if files == 0 then
  print("floors: found no file below " .. root)
  os.exit(2)
end
check_calls(sources)
for _, members in ipairs(circles()) do report_circle(members) end
for _, line in ipairs(breaches) do print(line) end
print(("floors: %d files, %d breaches"):format(files, #breaches))
os.exit(#breaches == 0 and 0 or 1)
