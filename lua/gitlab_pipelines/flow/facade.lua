--- The `gl` of a `call`: the groups and methods that a script may use, and nothing of the client.
--
-- Each method is a closure. It leaves the script's budget, calls the client's own method with copies
-- of the arguments, and gives copies of what came back. Functions that the script hands in run in its
-- budget again. Files go below one folder.

local errors = require "gitlab_pipelines.errors"
local guards = require "gitlab_pipelines.guard"
local shown = require "gitlab_pipelines.flow.shown"
local sorted_keys = require("gitlab_pipelines.flow.refs").sorted_keys
local text = require "gitlab_pipelines.text"

local M = {}

if jit then jit.off(true, true) end

--- Where a `call` writes unless told otherwise.
M.OUTPUT = "./gitlab-pipelines-output"

-- The methods of each group. A name in brackets is an iterator; a number says which argument, from the
-- project on, is the name of a file or folder that is written.
local groups = {
  projects = "get",
  pipelines = [[list [each] get latest create cancel retry delete variables rename test_report
    test_report_summary stages downstream tree wait]],
  jobs = [[list [each] list_project [each_project] get retry cancel play erase wait log save_log:3
    follow search_log]],
  artifacts = "download:3 file:4 browse extract:3 latest:4 keep delete",
  environments = "list [each] get stop create update delete",
  deployments = "list [each] get",
}

-- Options that are for the host: a journal's file, a receiver's object, a function of ours.
local host_options = { journal = true, given_up = true, wake = true, find = true }

-- What a call of the client and one step of an iterator cost the script, in instructions: most of
-- their time is waiting, which does not count.
local METHOD, STEP = 50000, 500

local function pack(...) return { n = select("#", ...), ... } end

local unpack = table.unpack or unpack

local Facade = {}
Facade.__index = Facade

-- A script's function as the host calls it: in the script's budget, with copies.
local function callback(self, fn)
  return function(...)
    local given = pack(...)
    for i = 1, given.n do given[i] = shown.copy(shown.error(given[i])) or shown.error(given[i]) end
    local ok, a, b = self.enter(fn, unpack(given, 1, given.n))
    if ok then return a, b end
    error(a, 0)
  end
end

local function argument(self, name, value)
  if type(value) == "function" then return callback(self, value) end
  if type(value) ~= "table" then return shown.data(value, name) end
  local given = {}
  for _, key in ipairs(sorted_keys(value)) do
    if host_options[key] then error(("%s: there is no option '%s'"):format(name, key), 0) end
    local one = value[key]
    given[key] = type(one) == "function" and callback(self, one) or shown.data(one, name)
  end
  return setmetatable(given, getmetatable(value))
end

-- The place of a file that the script names, below the output folder.
local function place(self, name, given)
  local path, problem = require("gitlab_pipelines.store").folder.place(self.output, given)
  if path then return path end
  return nil, errors.new("LocalError.CannotWrite", { operation = name,
    message = ("cannot write '%s' below %s: %s"):format(given, self.output, problem) })
end

-- What the script gets: copies, whose bytes are its own from here on.
local function results(self, ok, ...)
  local given = pack(...)
  for i = 1, given.n do
    local value = given[i]
    if type(value) == "string" then guards.charge(#value, 0) end
    if errors.is_error(value) then
      given[i] = shown.error(value)
    else
      given[i] = shown.copy(value)
    end
  end
  if not ok then
    guards.check(given[1])
    error(given[1], 0)
  end
  if self.placed and type(given[1]) == "table" then
    for _, field in ipairs { "file", "folder" } do
      if given[1][field] then given[1][field] = self.placed end
    end
  end
  return unpack(given, 1, given.n)
end

local function invoke(self, group, method, given)
  local owner = self.gl[group]
  return owner[method](owner, unpack(given, 1, given.n))
end

local function prepare(self, name, file_at, given)
  for i = 1, given.n do given[i] = argument(self, name, given[i]) end
  if name == "jobs.search_log" then
    -- The pattern is the script's: it takes of its budget.
    given.n = math.max(given.n, 4)
    given[4] = given[4] or {}
    given[4].find = callback(self, text.strings.find)
  end
  if not file_at or type(given[file_at]) ~= "string" then return nil end
  return given[file_at]
end

local function method_of(self, facade, group, method, file_at)
  local name = group .. "." .. method
  return function(called, ...)
    if called ~= facade then error(("call it as gl.%s:%s(...)"):format(group, method), 2) end
    guards.charge(0, METHOD)
    local given = pack(...)
    local placed = prepare(self, name, file_at, given)
    if placed then
      local path, err = guards.outside(place, self, name, placed)
      if not path then return nil, shown.error(err) end
      given[file_at] = path
    end
    return results({ placed = placed }, pcall(guards.outside, invoke, self, group, method, given))
  end
end

local function iterator_of(self, facade, group, method)
  local name = group .. "." .. method
  return function(called, ...)
    if called ~= facade then error(("call it as gl.%s:%s(...)"):format(group, method), 2) end
    guards.charge(0, METHOD)
    local given = pack(...)
    prepare(self, name, nil, given)
    local made, next_one = pcall(guards.outside, invoke, self, group, method, given)
    if not made then return results({}, made, next_one) end
    return function()
      guards.charge(0, STEP)
      return results({}, pcall(guards.outside, next_one))
    end
  end
end

local function locked(fields, what)
  return setmetatable({}, { __metatable = what,
    __index = function(_, name)
      local found = fields[name]
      if found ~= nil then return found end
      error(("%s has no '%s' (a call has: %s)"):format(what, tostring(name),
        table.concat(sorted_keys(fields), ", ")), 2)
    end,
    __newindex = function() error(what .. " cannot be changed", 2) end })
end

--- What a `call` gets as `gl`.
---@param gl table the client
---@param output string|nil the folder for what is written
---@param enter fun(fn: function, ...): boolean, any, any calls a function of the script's in its budget
---@return table
function M.new(gl, output, enter)
  local self = setmetatable({ gl = gl, output = output or M.OUTPUT, enter = enter }, Facade)
  local shown_groups = {}
  for _, group in ipairs(sorted_keys(groups)) do
    local methods = {}
    local facade = locked(methods, "gl." .. group)
    for entry in groups[group]:gmatch "%S+" do
      local iterated = entry:match "^%[(.*)%]$"
      local method, file_at = entry:match "^([%w_]+):(%d)$"
      if iterated then
        methods[iterated] = iterator_of(self, facade, group, iterated)
      else
        methods[method or entry] = method_of(self, facade, group, method or entry,
          tonumber(file_at))
      end
    end
    shown_groups[group] = facade
  end
  return locked(shown_groups, "gl")
end

return M
