-- Runs the command beside a simulated GitLab of its own and gives what it printed.

local httpd = require "spec.support.httpd"
local json = require "gitlab_pipelines.json"

local M = {}

M.token = "command-spec-token"

local Place = {}
Place.__index = Place

--- Starts `mock serve` with a world and makes a folder for state.
---@param world table {projects = ...}
---@return table place with `run(...)` and `close()`
function M.open(world)
  local folder = os.tmpname()
  os.remove(folder)
  os.execute("mkdir -p " .. folder)
  local file = assert(io.open(folder .. "/world.json", "w"))
  file:write(json.encode(world))
  file:close()
  local server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0",
    "--db", ":memory:", "--world", folder .. "/world.json" }, { MOCK_TOKEN = M.token })
  return setmetatable({ folder = folder, server = server }, Place)
end

-- Runs the command, by a helper if one is given.
local function run(self, helper, arguments)
  local environment = { GITLAB_URL = self.server.url, GITLAB_TOKEN = M.token,
    XDG_STATE_HOME = self.folder, CI_JOB_TOKEN = false, CI_PROJECT_ID = false, LANG = "C.UTF-8" }
  if type(arguments[#arguments]) == "table" then
    for name, value in pairs(table.remove(arguments)) do environment[name] = value end
  end
  local names = {}
  for name in pairs(environment) do names[#names + 1] = name end
  table.sort(names)
  local line = { "env" }
  for _, name in ipairs(names) do
    if not environment[name] then line[#line + 1] = "-u " .. name end
  end
  for _, name in ipairs(names) do
    if environment[name] then line[#line + 1] = name .. "=" .. httpd.quote(environment[name]) end
  end
  line[#line + 1] = helper .. httpd.lua .. " bin/gitlab-pipelines"
  for _, word in ipairs(arguments) do line[#line + 1] = httpd.quote(word) end
  local errors = self.folder .. "/stderr"
  local pipe = io.popen(table.concat(line, " ") .. " 2>" .. errors .. " </dev/null; echo \"exit $?\"")
  local printed, code = pipe:read("*a"):match "^(.*)exit (%d+)\n$"
  pipe:close()
  local file = assert(io.open(errors))
  local problem = file:read "*a"
  file:close()
  return printed, tonumber(code), problem
end

--- Runs `gitlab-pipelines WORDS...`. A table as last argument sets environment variables; false
--- takes one away.
---@return string stdout
---@return integer code
---@return string stderr
function Place:run(...)
  return run(self, "", { ... })
end

--- The same on a terminal of so many columns: stdout and stderr are one.
---@return string written
---@return integer code
function Place:on_terminal(columns, ...)
  return run(self, ("/usr/bin/python3 spec/support/on_terminal.py %d "):format(columns), { ... })
end

--- Stops the server and removes the folder.
function Place:close()
  self.server:stop()
  os.execute("rm -rf " .. self.folder)
end

return M
