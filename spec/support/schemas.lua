-- Random instances of JSON schemas: of each both the text that a server might send and the value
-- that a client ought to make of it (whole numbers as integers, null in an object left out).
--
-- Knows what GitLab's own schemas use: $ref to other files, type (one or several), enum, oneOf,
-- anyOf, allOf, properties, required, additionalProperties, items.

local json = require "gitlab_pipelines.json"

local M = {}

local Schemas = {}
Schemas.__index = Schemas

local tointeger = rawget(math, "tointeger") or function(value) return value end

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

--- The folder of GitLab's schemas: $GITLAB_SCHEMAS, or beside the checkout; nil where it is not.
function M.folder()
  for _, folder in ipairs { os.getenv "GITLAB_SCHEMAS" or "", "../shared/reference/gitlab-schemas" } do
    if folder ~= "" and exists(folder .. "/public_api/v4/job.json") then return folder end
  end
end

--- A reader of the schemas of a folder.
---@param folder string
---@param dice fun(from: integer, to: integer): integer
function M.new(folder, dice)
  return setmetatable({ folder = folder, dice = dice, known = {} }, Schemas)
end

-- "public_api/v4/job.json" and "../x.json" -> "public_api/x.json"
local function beside(path, reference)
  local parts = {}
  for part in ((path:match "^(.*/)" or "") .. reference):gmatch "[^/]+" do
    if part == ".." then
      table.remove(parts)
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return table.concat(parts, "/")
end

function Schemas:read(path)
  if not self.known[path] then
    local file = assert(io.open(self.folder .. "/" .. path))
    self.known[path] = assert(json.decode(file:read "*a"))
    file:close()
  end
  return self.known[path]
end

-- A schema with its references followed and its allOf in one; and the file that it stands in.
function Schemas:whole(schema, path)
  while schema["$ref"] do
    path = beside(path, schema["$ref"])
    schema = self:read(path)
  end
  if not schema.allOf then return schema, path end
  local one = { type = "object", properties = {}, required = {} }
  for _, part in ipairs(schema.allOf) do
    local whole, place = self:whole(part, path)
    for name, property in pairs(whole.properties or {}) do
      one.properties[name] = { schema = property, path = place }
    end
    for _, name in ipairs(whole.required or {}) do one.required[#one.required + 1] = name end
  end
  return one, path
end

local texts = { "", "success", "feature/a b#1", "ü €漢 𝄞", "a\"b\\c\nd\te", "null", "[]", "0", "\0\1\127", "</script>" }
local strangers = { "brand_new", "Größe", "a b", "id2", "__index" }

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local makers = {}

function makers.null() return "null", nil end

function makers.boolean(self)
  local value = self.dice(0, 1) == 1
  return tostring(value), value
end

function makers.string(self)
  local text = texts[self.dice(1, #texts)]
  return quoted(text), text
end

function makers.integer(self)
  local value = self.dice(-3, 100000)
  if self.dice(0, 3) == 0 then value = self.dice(0, 999999) * 1000000000 + self.dice(0, 999999999) end
  value = tointeger(value) or value
  return ("%d"):format(value), value
end

function makers.number(self)
  if self.dice(0, 1) == 1 then
    -- A whole number of seconds comes as 90.0, and is 90 all the same.
    local text, value = makers.integer(self)
    return text .. (self.dice(0, 1) == 1 and ".0" or ""), value
  end
  local value = self.dice(-10000, 10000) + self.dice(1, 63) / 64
  return ("%.17g"):format(value), value
end

function makers.array(self, schema, path, depth)
  local parts, list = {}, json.array {}
  for i = 1, self.dice(0, 3) do
    local text, value = self:make(schema.items or { type = "string" }, path, depth + 1)
    parts[i] = text
    if value == nil then value = json.null end
    list[i] = value
  end
  return "[" .. table.concat(parts, ", ") .. "]", list
end

local function sorted(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- The properties of this instance: those required, some of the others, some that nobody knows yet.
function Schemas:properties(schema, path)
  local known, wanted, required = schema.properties or {}, {}, {}
  for _, name in ipairs(schema.required or {}) do required[name] = true end
  for _, name in ipairs(sorted(known)) do
    if required[name] or self.dice(0, 2) > 0 then
      local property = known[name]
      if not property.path then property = { schema = property, path = path } end
      wanted[#wanted + 1] = { name, property.schema, property.path }
    end
  end
  for i = 1, self.dice(0, 2) do
    local stranger = strangers[self.dice(1, 2) + (i - 1) * 2]
    if not known[stranger] then
      wanted[#wanted + 1] = { stranger, { type = { "string", "null", "integer" } }, path }
    end
  end
  return wanted
end

function makers.object(self, schema, path, depth)
  local parts, object = {}, {}
  for _, property in ipairs(self:properties(schema, path)) do
    local text, value = self:make(property[2], property[3], depth + 1)
    parts[#parts + 1] = quoted(property[1]) .. ": " .. text
    object[property[1]] = value
  end
  return "{" .. table.concat(parts, ", ") .. "}", object
end

function Schemas:type_of(schema)
  local kind = schema.type or (schema.properties or schema.required) and "object" or "string"
  return type(kind) == "table" and kind[self.dice(1, #kind)] or kind
end

-- One instance of a schema: its text, and what it ought to become (nil for null).
function Schemas:make(schema, path, depth)
  schema, path = self:whole(schema, path)
  local choices = schema.oneOf or schema.anyOf
  if choices then return self:make(choices[depth > 6 and 1 or self.dice(1, #choices)], path, depth) end
  if schema.enum then
    local value = schema.enum[self.dice(1, #schema.enum)]
    return quoted(value), value
  end
  return makers[self:type_of(schema)](self, schema, path, depth)
end

--- A random instance of the schema in a file.
---@param path string such as "public_api/v4/job.json"
---@return string text, any value
function Schemas:instance(path)
  local text, value
  repeat text, value = self:make({ ["$ref"] = path }, "", 1) until value ~= nil
  return text, value
end

return M
