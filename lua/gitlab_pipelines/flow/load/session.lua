--- The evaluation of one script: its state, where it is, its errors and its budgets.

local errors = require "gitlab_pipelines.errors"
local guards = require "gitlab_pipelines.guard"
local references = require "gitlab_pipelines.flow.refs"
local shown = require "gitlab_pipelines.flow.shown"

local M = {}

-- Work on a script's values counts against its budget, so LuaJIT must not compile it.
if jit then jit.off(true, true) end

--- The name of a script's chunk. Short, because Lua cuts long ones; messages get the file's name.
M.chunk_name = "flow-script"

-- Longer error messages are cut to this many bytes.
local MAX_MESSAGE = 1000

---@class FlowEvaluation
---@field inputs table<string, any>|nil values, or texts as from a command line
---@field env table<string, string>|nil variables that the script is passed
---@field getenv nil|fun(name: string): string|nil where GitLab's predefined variables are read
---@field allow_host boolean|nil gives the script the host, and lifts its budgets
---@field budgets FlowBudgets|nil
---@field redactor table|nil knows the secrets that `env` must not hold

---@class FlowBudgets
---@field seconds number|nil of loading, planning, a `when`, a `make`; 2
---@field call_seconds number|nil of a `call`, without what it waits within `gl`; 60
---@field memory number|nil bytes; 64 MiB

local Session = {}
Session.__index = Session

-- Sources of the loader's own files: their frames are not the script's.
local own = {}

--- Marks the caller's file as one of the loader's.
function M.own_file() own[debug.getinfo(2, "S").source] = true end

M.own_file()
own[debug.getinfo(references.new, "S").source] = true

-- The search for the script's frame stops here: a deep stack would cost too much.
local MAX_LEVELS = 200

-- The line of the script that is running. A function that ends in `return pipeline {...}` leaves no
-- frame behind, so `each` notes where its function begins.
function Session:line()
  local level = 2
  while true do
    local info = level < MAX_LEVELS and debug.getinfo(level, "Slf")
    if not info then return guards.line() end
    if info.func == Session.run_make then return self.make_line end
    if self.source and info.source == self.source then return info.currentline end
    if not self.source and info.what ~= "C" and not own[info.source] then
      self.file = info.short_src
      return info.currentline
    end
    level = level + 1
  end
end

function Session:error(kind, message, line)
  if self.redactor then message = self.redactor:text(message) end
  return errors.new("FlowError." .. kind, { file = self.file, line = line,
    message = line and ("%s:%d: %s"):format(self.file, line, message)
      or ("%s: %s"):format(self.file, message) })
end

-- `line` defaults to the running one; false means no line.
function Session:fail(message, line)
  if line == nil then line = self:line() end
  error(self:error("InvalidScript", message, line), 0)
end

-- The kind of reference, as in `words.check`; nil for a plain value.
function Session:kind(value)
  local meaning = self.refs:meaning(value)
  if not meaning then return nil end
  if meaning.secret then return "secret" end
  if meaning.parts then return "text" end
  return #meaning.path == 0 and "step" or "output"
end

function Session:describe(value)
  if self.refs:meaning(value) then return self.refs:describe(value) end
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) == "table" or type(value) == "function" then return "a " .. type(value) end
  return tostring(value)
end

-- Not a tail call: `Session:line` looks for this function in the stack.
function Session:run_make(make, item)
  self.making, self.make_line = true, debug.getinfo(make, "S").linedefined
  local result = make(item.first, item.second)
  self.making = false
  return result
end

-- Joins the lines of a message and cuts it.
local function one_line(text)
  text = text:gsub("%s*[%c]+%s*", " ")
  return #text > MAX_MESSAGE and text:sub(1, MAX_MESSAGE) .. "..." or text
end

--- Converts whatever was raised to a FlowError with the script's name and line.
---@param message any
---@param kind string|nil of FlowError; InvalidScript if absent
function Session:caught(message, kind)
  message = shown.original(message)
  if errors.is_error(message) or message == self.only_declare then return message end
  kind = kind or "InvalidScript"
  if guards.is_spent(message) then return self:error(kind, message.message, message.line or 1) end
  local text = type(message) == "string" and message
    or type(message) == "number" and references.text(message)
    or ("an error that is a %s"):format(type(message))
  local line, rest = text:match("^" .. M.chunk_name:gsub("%-", "%%-") .. ":(%d+): (.*)$")
  if line then return self:error(kind, one_line(rest), tonumber(line)) end
  -- After a tail call the script has no frame, and Lua names one of the loader's.
  if self.source then text = text:gsub("^[^:]*gitlab_pipelines[/\\][^:]*%.lua:%d+: ", "") end
  return self:error(kind, one_line(text), self:line())
end

--- Is the script confined? A builder's function is not, nor a script run with --allow-host.
function Session:is_untrusted() return self.source ~= nil and not self.allow_host end

--- A new guard; `budget` is "seconds" or "call_seconds".
function Session:guard(budget)
  return guards.new { seconds = self.budgets[budget], memory = self.budgets.memory,
    source = self.source }
end

--- Runs a function of the script, or one that works on its values, within a budget.
---@param guard table|nil nil: without a budget
---@param kind string|nil of the FlowError that comes out; InvalidScript if absent
---@param fn function
---@return boolean ok
---@return any a the first result, or the error
---@return any b the second result, or with an error: is the budget spent?
function Session:within(guard, kind, fn, ...)
  local function handler(message) return self:caught(message, kind) end
  if not guard then return xpcall(fn, handler, ...) end
  local within, ok, a, b = guard:call(guards.xpcall, fn, handler, ...)
  if not within then return false, self:caught(ok, kind), guard:is_spent() end
  if not ok then return false, self:caught(a, kind), false end
  return true, a, b
end

--- The same within a new budget; without one for a script that is not confined.
function Session:bounded(budget, kind, fn, ...)
  return self:within(self:is_untrusted() and self:guard(budget) or nil, kind, fn, ...)
end

--- Begins the evaluation of a script, or of a builder.
---@param file string the script's name, for messages
---@param source string|nil the chunk's source; nil for a builder
---@param opts FlowEvaluation
---@return table session
function M.new(file, source, opts)
  return setmetatable({ file = file, source = source, given = opts.inputs or {}, inputs = {},
    steps = {}, by_name = {}, made = {}, settings = {}, allow_host = opts.allow_host,
    budgets = setmetatable({}, { __index = function(_, name)
      return opts.budgets and opts.budgets[name] or guards.defaults[name]
    end }),
    default_name = file:match "([^/\\]+)%.lua$" or file }, Session)
end

return M
