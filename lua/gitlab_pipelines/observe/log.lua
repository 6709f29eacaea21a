--- Structured logging: a level, a message and fields, written as one line or passed to a function.
--
-- A line is `level=info message="pipeline changed" pipeline=17 status=success`: level and message
-- first, then the fields sorted by name. Every entry is redacted, whatever the sink; projects are
-- shown as short digests unless `names` is true. Errors of a sink are ignored.

local errors = require "gitlab_pipelines.errors"
local json = require "gitlab_pipelines.json"
local options = require "gitlab_pipelines.options"
local redact = require "gitlab_pipelines.observe.redact"

local M = {}

--- The levels, most urgent first.
M.levels = { "error", "warn", "info", "debug" }

local rank = {}
for i, name in ipairs(M.levels) do rank[name] = i end

local descriptor = {
  sink = { type = "function|userdata|table|string" },
  level = { type = "string", one_of = M.levels },
  redactor = { type = "table" },
  names = { type = "boolean" },
  now = { type = "function" },
}

local Log = {}
Log.__index = Log
Log.__name = "gitlab_pipelines.observe.log"

local function open_sink(sink)
  if sink == "stderr" then return io.stderr end
  if type(sink) ~= "string" then return sink end
  local file, message = io.open(sink, "a")
  if not file then return nil, message end
  file:setvbuf "line"
  return file
end

--- Makes a log.
---@param given table|nil `sink`: function(level, message, fields), a file handle (anything with
--- `write`), "stderr" or the name of a file to append to (absent: nothing is written); `level`
--- ("info"): the least urgent level written; `redactor`; `names = true` shows projects by name;
--- `now`: function returning epoch seconds, for a leading `time=`
---@return table|nil log, string|nil message nil and a message if the file cannot be opened
function M.new(given)
  local o = options.check("log.new", descriptor, given)
  local sink, message = open_sink(o.sink)
  if o.sink and not sink then return nil, message end
  return setmetatable({
    sink = sink,
    threshold = rank[o.level or "info"],
    redactor = o.redactor or redact.new(),
    names = o.names or false,
    now = o.now,
    fixed = {},
  }, Log)
end

-- Fields whose value is a project.
local project_fields = { project = true, project_id = true, project_path = true }

-- A subject such as "acme/app 17" begins with the project.
local function hide_subject(text)
  return (text:gsub("^%S+", redact.project, 1))
end

local function value_of(log, name, value)
  if errors.is_error(value) then
    -- Omits the subject, which names the project.
    value = value.category .. "." .. value.kind .. ": " .. tostring(value.message)
  elseif type(value) == "number" and value % 1 == 0 and value < 2 ^ 53 and value > -2 ^ 53 then
    value = ("%d"):format(value)
  elseif type(value) ~= "string" then
    value = tostring(value)
  end
  if not log.names then
    if project_fields[name] then return redact.project(value) end
    if name == "subject" then value = hide_subject(value) end
    value = redact.project_path(value)
  end
  return log.redactor:text(value)
end

-- Returns all fields, redacted, and their names in order.
local function clean_fields(log, fields)
  local clean, names = {}, {}
  for _, source in ipairs { log.fixed, fields or {} } do
    for name, value in pairs(source) do
      local key = tostring(name)
      if clean[key] == nil then names[#names + 1] = key end
      clean[key] = value_of(log, key, value)
    end
  end
  table.sort(names)
  return clean, names
end

local function quoted(value)
  if value ~= "" and not value:find '[%s%c"=]' then return value end
  return json.encode(value)
end

local function line_of(log, level, message, clean, names)
  local parts = {}
  if log.now then
    parts[1] = "time=" .. require "gitlab_pipelines.core".time.iso(log.now())
  end
  parts[#parts + 1] = "level=" .. level
  parts[#parts + 1] = "message=" .. json.encode(message)
  for _, name in ipairs(names) do
    parts[#parts + 1] = name:gsub('[%s%c"=]', "_") .. "=" .. quoted(clean[name])
  end
  return table.concat(parts, " ") .. "\n"
end

--- Is this level written? For callers whose fields are expensive to compute.
---@param level string
---@return boolean
function Log:enabled(level)
  return self.sink ~= nil and rank[level] <= self.threshold
end

--- Makes a log with the same sink whose entries all have these fields.
---@param fields table
---@return table log
function Log:with(fields)
  local fixed = {}
  for name, value in pairs(self.fixed) do fixed[name] = value end
  for name, value in pairs(fields) do fixed[name] = value end
  local child = {}
  for name, value in pairs(self) do child[name] = value end
  child.fixed = fixed
  return setmetatable(child, Log)
end

--- Writes one entry.
---@param level string
---@param message string
---@param fields table|nil name -> value; a value is shown by `tostring`, an error object by its
--- kind and message
function Log:write(level, message, fields)
  if not rank[level] then error("unknown log level: " .. tostring(level), 2) end
  if not self:enabled(level) then return end
  local clean, names = clean_fields(self, fields)
  message = value_of(self, "message", message)
  if type(self.sink) == "function" then
    pcall(self.sink, level, message, clean)
  else
    local line = line_of(self, level, message, clean, names)
    pcall(self.sink.write, self.sink, line)
  end
end

--- `log:error(message, fields)`, and the same for the other levels.
for _, level in ipairs(M.levels) do
  Log[level] = function(self, message, fields)
    self:write(level, message, fields)
  end
end

return M
