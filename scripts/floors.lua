-- Holds the floors of the house: a file may use the floors below it and never one above.
-- usage: lua5.4 scripts/floors.lua ROOT      prints each breach; exit 1 if there is one

-- Top to bottom. A file belongs to the first row whose pattern its path matches. `upto` is
-- what it may reach: its own number and every greater one.
local lua_floors = {
  { "cli", "^bin/", "^lua/gitlab_pipelines/cli/" },
  { "face", "^lua/gitlab_pipelines/init%.lua$" },
  { "flow", "^lua/gitlab_pipelines/flow/" },
  { "api, webhook", "^lua/gitlab_pipelines/api/", "^lua/gitlab_pipelines/webhook%.lua$",
    "^lua/gitlab_pipelines/mock%.lua$", "^lua/gitlab_pipelines/record%.lua$",
    "^lua/gitlab_pipelines/replay%.lua$" },
  { "watch, once", "^lua/gitlab_pipelines/watch/", "^lua/gitlab_pipelines/once%.lua$",
    "^lua/gitlab_pipelines/once/" },
  { "client", "^lua/gitlab_pipelines/client%.lua$", "^lua/gitlab_pipelines/client/",
    "^lua/gitlab_pipelines/outcomes%.lua$" },
  { "transport, runtime", "^lua/gitlab_pipelines/transport/", "^lua/gitlab_pipelines/runtime/" },
  { "observe, operations, errors, options, json", "^lua/gitlab_pipelines/observe/",
    "^lua/gitlab_pipelines/operations%.lua$", "^lua/gitlab_pipelines/errors%.lua$",
    "^lua/gitlab_pipelines/options%.lua$", "^lua/gitlab_pipelines/json%.lua$",
    "^lua/gitlab_pipelines/journal%.lua$", "^lua/gitlab_pipelines/screen%.lua$",
    "^lua/gitlab_pipelines/guard%.lua$", "^lua/gitlab_pipelines/text%.lua$" },
}
local c_floors = {
  { "binding", "^csrc/binding/" },
  { "io, mock", "^csrc/io/", "^csrc/mock/" },
  { "core", "^csrc/core/" },
}
-- The shared objects stand below every Lua floor; anything may load them but core's own rule
-- stays: only the mock's own modules may load the server.
local shared_objects = { core = true, http = true, store = true, mock = false }

local function floor_of(floors, path)
  for number, row in ipairs(floors) do
    for i = 2, #row do
      if path:find(row[i]) then return number, row[1] end
    end
  end
end

local breaches = 0
local function breach(path, line, text)
  breaches = breaches + 1
  print(("%s:%d: %s"):format(path, line, text))
end

local root = arg[1] or "."
local function exists(path)
  local file = io.open(root .. "/" .. path)
  if file then file:close() end
  return file ~= nil
end

-- The file that `require(name)` means, in the tree.
local function module_path(name)
  local base = "lua/" .. name:gsub("%.", "/")
  if exists(base .. ".lua") then return base .. ".lua" end
  if exists(base .. "/init.lua") then return base .. "/init.lua" end
end

local function check_require(path, number, line_number, name)
  local so = name:match "^gitlab_pipelines%.(%a+)$"
  if so and shared_objects[so] ~= nil and not module_path(name) then return end
  local target = module_path(name)
  if not target then
    if so == "mock" then return end
    return breach(path, line_number, "requires " .. name .. ", which is not in the tree")
  end
  local other, other_name = floor_of(lua_floors, target)
  if not other then
    breach(path, line_number, "requires " .. target .. ", which stands on no floor")
  elseif other < number then
    breach(path, line_number, ("requires %s, above it (%s)"):format(target, other_name))
  end
end

local forbidden = {
  ["^csrc/core/"] = { "<curl/", "<sqlite3", "<microhttpd", "<zip%.h", "<sys/", "<fcntl", "<unistd",
    "<lua", "<lauxlib", "<openssl/" },
  ["^csrc/io/"] = { "<lua", "<lauxlib" },
  ["^csrc/mock/"] = { "<lua", "<lauxlib", "<curl/", "<microhttpd" },
}
-- The cleansing and the digests are libcrypto's, and pure.
local allowed = { ["csrc/core/secret.c"] = "<openssl/", ["csrc/core/webhook.c"] = "<openssl/" }

local function check_include(path, number, line_number, name)
  if not exists("csrc/" .. name) then
    if path:find "^csrc/binding/" and name:find "^[%w_]+%.h$" then return end
    return breach(path, line_number, "includes " .. name .. ", which is not in csrc")
  end
  local other, other_name = floor_of(c_floors, "csrc/" .. name)
  if not other then
    breach(path, line_number, "includes csrc/" .. name .. ", which stands on no floor")
  elseif other < number then
    breach(path, line_number, ("includes csrc/%s, above it (%s)"):format(name, other_name))
  end
end

local function check_c(path)
  local number = floor_of(c_floors, path)
  if not number then return breach(path, 1, "stands on no floor") end
  local line_number = 0
  for line in io.lines(root .. "/" .. path) do
    line_number = line_number + 1
    local name = line:match '^%s*#%s*include%s*"([^"]+)"'
    if name then check_include(path, number, line_number, name) end
    local system = line:match "^%s*#%s*include%s*(<[^>]+)"
    for pattern, list in pairs(forbidden) do
      if system and path:find(pattern) then
        for _, header in ipairs(list) do
          if system:find("^" .. header) and not (allowed[path] and system:find("^" .. allowed[path])) then
            breach(path, line_number, "includes " .. system .. ">, which its floor must not")
          end
        end
      end
    end
  end
end

local function check_lua(path)
  local number = floor_of(lua_floors, path)
  if not number then return breach(path, 1, "stands on no floor") end
  local line_number = 0
  for line in io.lines(root .. "/" .. path) do
    line_number = line_number + 1
    local code = line:gsub("%-%-.*$", "")
    for name in code:gmatch "require%s*%(?%s*[\"'](gitlab_pipelines[%w_.]*)[\"']" do
      check_require(path, number, line_number, name)
    end
  end
end

-- In a checkout the files git knows or could know; elsewhere every file.
local list = io.popen("cd '" .. root .. "' && { git ls-files -co --exclude-standard -- lua csrc bin 2>/dev/null"
  .. " || find lua csrc bin -type f; } | sort -u")
local files = 0
for path in list:lines() do
  if exists(path) then
    if path:find "%.[ch]$" then
      check_c(path)
      files = files + 1
    elseif path:find "%.lua$" or path:find "^bin/" then
      check_lua(path)
      files = files + 1
    end
  end
end
list:close()
if files == 0 then
  print("floors: found no file below " .. root)
  os.exit(1)
end
print(("floors: %d files, %d breaches"):format(files, breaches))
os.exit(breaches == 0 and 0 or 1)
