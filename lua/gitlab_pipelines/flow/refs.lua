--- References: what a script holds in place of a value that is known only when the flow
--- runs. `lib` is a step, `lib.id` one of its outputs, `"v" .. lib.id` a string to be filled in.
--
-- They are userdata, because a table would allow `#` and `pairs` and pass for a value; their
-- meanings are kept in a separate table. Everything that would use the missing value raises an
-- error at its line.

local core = require "gitlab_pipelines.core"

local M = {}

if jit then jit.off(true, true) end

-- Deeper than any input of a pipeline; a table that contains itself is deeper.
local MAX_DEPTH = 100

local Refs = {}
Refs.__index = Refs

local spoken = {
  __add = "added", __sub = "subtracted", __mul = "multiplied", __div = "divided",
  __mod = "divided", __pow = "raised", __unm = "negated", __idiv = "divided",
  __band = "combined", __bor = "combined", __bxor = "combined", __shl = "shifted",
  __shr = "shifted", __bnot = "negated", __lt = "compared", __le = "compared", __eq = "compared",
  __len = "measured",
}
local spoken_order = {
  "__add", "__sub", "__mul", "__div", "__mod", "__pow", "__unm", "__idiv", "__band", "__bor",
  "__bxor", "__shl", "__shr", "__bnot", "__lt", "__le", "__eq", "__len",
}

--- Formats a number as GitLab expects it: 17, never 17.0.
---@param value number|boolean|string
---@return string
function M.text(value)
  if type(value) ~= "number" then return tostring(value) end
  if value % 1 == 0 and value > -2 ^ 63 and value < 2 ^ 63 then return ("%d"):format(value) end
  local short = ("%.14g"):format(value)
  return tonumber(short) == value and short or ("%.17g"):format(value)
end

--- Makes the references of one flow.
---@param raise fun(message: string) raises a script error at the script's line
---@return table refs
function M.new(raise)
  local self = setmetatable({ meanings = {}, raise = raise }, Refs)
  local meta = { __metatable = "reference" }
  for _, event in ipairs(spoken_order) do
    meta[event] = function(a, b)
      local ref = self.meanings[a] and a or b
      raise(("%s is known only when the flow runs: it cannot be %s here"):format(
        self:describe(ref), spoken[event]))
    end
  end
  function meta.__tostring(ref)
    raise(("%s is known only when the flow runs: join it with `..`"):format(self:describe(ref)))
  end
  function meta.__newindex(ref, key)
    raise(("%s cannot be given a field '%s'"):format(self:describe(ref), tostring(key)))
  end
  function meta.__index(ref, key) return self:field(ref, key) end
  function meta.__call(ref, ...) return self:job(ref, ...) end
  function meta.__concat(a, b) return self:concat(a, b) end
  self.meta = meta
  return self
end

function Refs:make(meaning)
  local ref = core.ref.new(self.meta)
  self.meanings[ref] = meaning
  return ref
end

--- A reference to a whole step.
function Refs:step(step) return self:make { step = step, path = {} } end

--- A reference to a secret, which is looked up when it is sent.
function Refs:secret(name) return self:make { secret = name } end

--- What a value means: {step, path} | {parts} | {secret}, or nil for a plain value.
function Refs:meaning(value) return self.meanings[value] end

function Refs:field(ref, key)
  local meaning = self.meanings[ref]
  if not meaning.step then
    self.raise(("%s has no fields"):format(self:describe(ref)))
  end
  if type(key) ~= "string" and type(key) ~= "number" then
    self.raise(("a field of %s must be named by a string or a number, not by a %s"):format(
      self:describe(ref), type(key)))
  end
  if type(key) == "number" then key = M.text(key) end
  if self.check then self.check(meaning, key) end
  local path = {}
  for i, name in ipairs(meaning.path) do path[i] = name end
  path[#path + 1] = key
  return self:make { step = meaning.step, path = path }
end

-- `lib.job("deploy")`: the last name of the path becomes {job = "deploy"}.
function Refs:job(ref, ...)
  local meaning = self.meanings[ref]
  local path = meaning.path
  if not path or path[#path] ~= "job" then
    self.raise(("%s is known only when the flow runs: it cannot be called"):format(
      self:describe(ref)))
  end
  local name = select(select("#", ...), ...)
  if type(name) ~= "string" then
    self.raise(("%s must be given the job's name as a string"):format(self:describe(ref)))
  end
  local longer = {}
  for i = 1, #path - 1 do longer[i] = path[i] end
  longer[#path] = { job = name }
  return self:make { step = meaning.step, path = longer }
end

function Refs:part(value)
  local meaning = self.meanings[value]
  if not meaning then
    if type(value) == "string" then return { value } end
    if type(value) == "number" then return { M.text(value) } end
    self.raise(("a %s cannot be joined with `..`"):format(type(value)))
  end
  if meaning.parts then return meaning.parts end
  if meaning.secret then self.raise "a secret cannot be joined with `..`" end
  if #meaning.path == 0 then
    self.raise(("%s is a whole step: join one of its outputs, as in %s.id"):format(
      self:describe(value), self:describe(value)))
  end
  return { value }
end

function Refs:concat(a, b)
  local parts = {}
  for _, side in ipairs { self:part(a), self:part(b) } do
    for _, part in ipairs(side) do parts[#parts + 1] = part end
  end
  return self:make { parts = parts }
end

--- The reference as the script writes it: `lib.dotenv.BUILD_ID`.
---@return string
function Refs:describe(ref)
  local meaning = self.meanings[ref]
  if meaning.secret then return ("secret %q"):format(meaning.secret) end
  if meaning.parts then
    local parts = {}
    for i, part in ipairs(meaning.parts) do
      parts[i] = self.meanings[part] and "<" .. self:describe(part) .. ">" or part
    end
    return '"' .. table.concat(parts) .. '"'
  end
  local text = meaning.step.name or "this " .. meaning.step.kind
  for _, name in ipairs(meaning.path) do
    text = text .. (type(name) == "table" and (".job(%q)"):format(name.job) or "." .. name)
  end
  return text
end

local function sorted_keys(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    local ta, tb = type(a), type(b)
    if ta ~= tb then return ta < tb end
    if ta == "number" or ta == "string" then return a < b end
    return tostring(a) < tostring(b)
  end)
  return keys
end
M.sorted_keys = sorted_keys

--- Calls `visit(ref, meaning)` for every reference within a value, in a fixed order; the parts of
--- a joined text one by one.
function Refs:each(value, visit, depth)
  depth = (depth or 0) + 1
  if depth > MAX_DEPTH then
    self.raise(("a table is nested deeper than %d levels, or contains itself"):format(MAX_DEPTH))
  end
  local meaning = self.meanings[value]
  if meaning then
    if meaning.parts then
      for _, part in ipairs(meaning.parts) do self:each(part, visit, depth) end
    else
      visit(value, meaning)
    end
  elseif type(value) == "table" then
    for _, key in ipairs(sorted_keys(value)) do self:each(value[key], visit, depth) end
  end
end

--- Copies a value, with every reference replaced by its value.
---@param value any
---@param lookup fun(meaning: table, ref: userdata): any raises where there is no value
---@return any
function Refs:resolve(value, lookup)
  local meaning = self.meanings[value]
  if meaning then
    if meaning.secret then return value end
    if not meaning.parts then return lookup(meaning, value) end
    local texts = {}
    for i, part in ipairs(meaning.parts) do
      texts[i] = M.text(self:resolve(part, lookup))
    end
    return table.concat(texts)
  end
  if type(value) ~= "table" then return value end
  local copy = {}
  for _, key in ipairs(sorted_keys(value)) do copy[key] = self:resolve(value[key], lookup) end
  return setmetatable(copy, getmetatable(value))
end

return M
