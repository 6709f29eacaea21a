--- What every subcommand shares: the client made from the common options, output for people and
--- for programs, and the ways to stop with one line and a code.

local exit = require "gitlab_pipelines.cli.exit"
local output = require "gitlab_pipelines.cli.output"

local M = {}

local Context = {}
Context.__index = Context

local Stop = {}
Stop.__index = Stop

--- Is this raised value a stop with a message and an exit code?
function M.is_stop(value)
  return type(value) == "table" and getmetatable(value) == Stop
end

---@param args table the parsed arguments
function M.new(args)
  local term = require("gitlab_pipelines.core").term
  local color = not args.no_color and (os.getenv "NO_COLOR" or "") == "" and term.isatty(1)
    and os.getenv "TERM" ~= "dumb"
  return setmetatable({ args = args, terminal = term.isatty(1), interactive = term.isatty(0),
    color = color }, Context)
end

--- Ends the command: one line on stderr and an exit code.
function Context:stop(message, code) -- luacheck: ignore 212
  error(setmetatable({ message = message, code = code or exit.usage }, Stop), 0)
end

local function has_token(self)
  return self.args.token_file or (os.getenv "GITLAB_TOKEN" or os.getenv "CI_JOB_TOKEN" or "") ~= ""
end

--- Returns its arguments; `nil, err` ends the command with the error's line and code.
function Context:check(value, ...)
  if value ~= nil then return value, ... end
  local err = ...
  if require("gitlab_pipelines.errors").is_error(err) then
    local hint = err:is "AuthenticationError" and not has_token(self)
      and "; no token was given: set GITLAB_TOKEN or name a file with --token-file" or ""
    self:stop(tostring(err) .. hint, exit.of_error(err))
  end
  self:stop(tostring(err), exit.refused)
end

-- The first line of a file that holds a token.
local function token_of(self, path)
  local file, reason = io.open(path)
  if not file then self:stop("cannot read --token-file " .. tostring(reason)) end
  local token = (file:read "*l" or ""):match "^%s*(.-)%s*$"
  file:close()
  if token == "" then self:stop("--token-file " .. path .. " holds no token") end
  return token
end

--- The client of the common options; made once.
---@param extra table|nil more options of gitlab.new
---@return table gl
function Context:client(extra)
  if self.gl then return self.gl end
  local gitlab = require "gitlab_pipelines"
  local options = {}
  for name, value in pairs(extra or {}) do options[name] = value end
  options.url = options.url or self.args.url
  options.secrets_file = self.args.secrets_file
  if options.secrets_file then self:check(gitlab.secret.read_file(options.secrets_file)) end
  if self.args.token_file then options.token = token_of(self, self.args.token_file) end
  if self.args.verbose then
    options.log_level = "debug"
    options.log = io.stderr
  end
  self.gl = self:check(gitlab.new(options))
  output.guard(self.gl.client.redactor)
  return self.gl
end

--- The project of -p, else of the GitLab job that this runs in; none is wrong usage.
function Context:project()
  local project = self.args.project or os.getenv "CI_PROJECT_ID"
  if not project or project == "" then
    self:stop "which project? name it with -p GROUP/NAME or -p ID"
  end
  return tonumber(project) or project
end

--- Runs `fn` as a task while listening for Ctrl-C and SIGTERM.
---@param fn function
---@param on_interrupt nil|fun(count: integer, signal: string): boolean called for each signal; true
--- cancels the task, which is also what happens without it
---@return any ... what fn returned; nil, "interrupted" after such a cancel
function Context:interruptible(fn, on_interrupt)
  local rt = self:client().runtime
  return rt:run(function()
    local task = rt:spawn(fn)
    local count, cancelled = 0, false
    rt:trap(function(signal)
      count = count + 1
      if on_interrupt == nil or on_interrupt(count, signal) then
        cancelled = true
        task:cancel()
      end
    end)
    local function done(...)
      rt:untrap()
      if cancelled then return nil, "interrupted" end
      return ...
    end
    return done(task:join())
  end)
end

--- Writes one line of what was asked for. On a terminal nothing in it but colours is obeyed.
function Context:print(format, ...)
  local line = select("#", ...) > 0 and format:format(...) or format
  self:write(line .. "\n")
end

--- Writes text: without secrets, and nothing in it but colours is obeyed by a terminal. With `raw`, what
--- goes elsewhere than to a terminal keeps all its bytes but the secrets.
---@param text string
---@param raw boolean|nil
function Context:write(text, raw)
  if raw and not self.terminal then
    io.stdout:write(output.clean(text))
  else
    io.stdout:write(output.harmless(text, not self.terminal))
  end
end

--- Writes one line about what goes on to stderr.
function Context:note(format, ...) -- luacheck: ignore 212
  io.stderr:write(output.harmless(format:format(...)), "\n")
end

--- Writes one line about what goes on, unless -q.
function Context:say(format, ...)
  if not self.args.quiet then self:print(format, ...) end
end

--- Writes one value as one line of JSON.
function Context:json(value) -- luacheck: ignore 212
  io.stdout:write(output.json(require("gitlab_pipelines.json").encode(value)), "\n")
end

--- Closes what was opened.
function Context:close()
  if self.gl then self.gl:close() end
end

return M
