-- Holds answers against /openapi.json: the document's own schemas, strictly (a field that is not
-- documented is a breach), with JSON's null kept apart from absence.
local cjson = require("cjson").new()

local M = {}

cjson.decode_max_depth(1000)
M.null = cjson.null

--- JSON with nulls, every number a Lua number.
function M.decode(text) return cjson.decode(text) end

local Contract = {}
Contract.__index = Contract

--- Takes the text of the document.
function M.new(text)
  local document = cjson.decode(text)
  local self = setmetatable({ document = document, operations = {} }, Contract)
  for path, methods in pairs(document.paths) do
    for method, operation in pairs(methods) do
      self.operations[#self.operations + 1] = { path = path, method = method:upper(),
        id = operation.operationId, spec = operation }
    end
  end
  table.sort(self.operations, function(a, b) return a.id < b.id end)
  return self
end

--- What "#/components/..." points to.
function Contract:resolve(ref)
  local at = self.document
  for name in ref:gmatch "[^/#]+" do at = at[name] end
  return assert(at, ref)
end

local function kind_of(value)
  if value == M.null then return "null" end
  local kind = type(value)
  if kind == "number" then return value % 1 == 0 and "integer" or "number" end
  if kind ~= "table" then return kind end
  if next(value) == nil then return "empty" end
  return #value > 0 and "array" or "object"
end

local function fits(kind, wanted)
  return kind == wanted or (kind == "integer" and wanted == "number")
    or (kind == "empty" and (wanted == "array" or wanted == "object"))
end

local function has_type(kind, wanted)
  if type(wanted) == "string" then return fits(kind, wanted) end
  for _, one in ipairs(wanted) do
    if fits(kind, one) then return true end
  end
  return false
end

local formats = {
  ["date-time"] = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.?%d*Z$",
  date = "^%d%d%d%d%-%d%d%-%d%d$",
}

local check

local function check_object(self, schema, value, where)
  local properties = schema.properties or {}
  for _, name in ipairs(schema.required or {}) do
    if value[name] == nil then return where .. "." .. name .. " is missing" end
  end
  for name, member in pairs(value) do
    local problem
    local known = properties[name]
    if known then
      problem = check(self, known, member, where .. "." .. name)
    elseif type(schema.additionalProperties) == "table" then
      problem = check(self, schema.additionalProperties, member, where .. "." .. name)
    elseif schema.properties and not schema.additionalProperties then
      problem = where .. "." .. name .. " is not documented"
    end
    if problem then return problem end
  end
end

local function check_any(self, choices, value, where)
  local problems = {}
  for i, one in ipairs(choices) do
    problems[i] = check(self, one, value, where)
    if not problems[i] then return nil end
  end
  return table.concat(problems, "; or ")
end

function check(self, schema, value, where)
  if schema["$ref"] then return check(self, self:resolve(schema["$ref"]), value, where) end
  if schema.anyOf then return check_any(self, schema.anyOf, value, where) end
  local kind = kind_of(value)
  if schema.type and not has_type(kind, schema.type) then
    return ("%s is %s"):format(where, kind)
  end
  if schema.enum then
    local known = false
    for _, one in ipairs(schema.enum) do known = known or one == value end
    if not known then return ("%s has the value %s"):format(where, tostring(value)) end
  end
  if schema.format and kind == "string" and not value:match(formats[schema.format]) then
    return ("%s is no %s: %s"):format(where, schema.format, value)
  end
  if kind == "object" then return check_object(self, schema, value, where) end
  if kind == "array" and schema.items then
    for i, element in ipairs(value) do
      local problem = check(self, schema.items, element, ("%s[%d]"):format(where, i))
      if problem then return problem end
    end
  end
end

--- nil, or what is wrong with a value of that schema.
function Contract:check(schema, value) return check(self, schema, value, "body") end

local function media_of(headers)
  return (headers["content-type"] or ""):match "^[^;]*"
end

--- nil, or how an answer breaks the contract of its operation.
function Contract:judge(operation, status, body, headers)
  local responses = operation.spec.responses
  local response = responses[("%d"):format(status)] or responses.default
  if status >= 500 then return "a " .. status .. ": " .. body end
  if status >= 200 and status < 300 and response == responses.default then
    return "the success " .. status .. " is not documented"
  end
  if response["$ref"] then response = self:resolve(response["$ref"]) end
  if not response.content then
    return body ~= "" and ("a body where none is documented: " .. body:sub(1, 80)) or nil
  end
  local media = media_of(headers)
  local content = response.content[media] or response.content["*/*"]
  if not content then return ("the type '%s' is not documented for %d"):format(media, status) end
  if media ~= "application/json" then return nil end
  local ok, value = pcall(M.decode, body)
  if not ok then return "no JSON: " .. body:sub(1, 80) end
  return self:check(content.schema, value)
end

return M
