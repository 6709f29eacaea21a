-- A line hook of our own: loaded through LUA_INIT into every Lua process of a run, it notes
-- which lines of lua/ and bin/ ran and adds them, when the process ends, to a file of its own in
-- the folder $GP_COVERAGE. scripts/coverage.lua reads them.
local folder = os.getenv "GP_COVERAGE"
if not folder then return end

local hits = {}
local names = {}
local getinfo, sethook = debug.getinfo, debug.sethook

local function ours(source)
  local path = source:match "^@(.*)$"
  if not path then return false end
  return path:match "(lua/gitlab_pipelines/.*%.lua)$" or path:match "(bin/gitlab%-pipelines)$" or false
end

local function hook(_, line)
  local source = getinfo(2, "S").source
  local name = names[source]
  if name == nil then
    name = ours(source)
    names[source] = name
    if name then hits[name] = hits[name] or {} end
  end
  if name then hits[name][line] = true end
end

-- Hooks belong to one coroutine: each new one gets it too.
local create = coroutine.create
local function hooked(fn)
  local thread = create(fn)
  sethook(thread, hook, "l")
  return thread
end
coroutine.create = hooked -- luacheck: ignore 122
function coroutine.wrap(fn) -- luacheck: ignore 122
  local thread = hooked(fn)
  return function(...)
    local function results(ok, ...)
      if ok then return ... end
      error((...), 0)
    end
    return results(coroutine.resume(thread, ...))
  end
end

local written = false
local function write()
  if written then return end
  written = true
  local path = os.tmpname()
  local file = io.open(path, "w")
  if not file then return end
  for name, lines in pairs(hits) do
    for line in pairs(lines) do file:write(name, ":", line, "\n") end
  end
  file:close()
  os.execute(("mv %s %s/%s.hits"):format(path, folder, path:match "[^/]+$"))
end

local exit = os.exit
function os.exit(...) -- luacheck: ignore 122
  sethook()
  write()
  return exit(...)
end
_G.__coverage_sentinel = setmetatable({}, { __gc = write })
sethook(hook, "l")
