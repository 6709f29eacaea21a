-- Writes docs/API.md, the simulated GitLab's contract for human readers, from its /openapi.json,
-- which is generated from the route table.
-- usage: lua5.4 scripts/api_md.lua [openapi] > docs/API.md      (openapi: the JSON document itself)
-- As a module: `document() -> text`, `generate(text) -> text`.

local json = require "gitlab_pipelines.json"
local mock = require "gitlab_pipelines.mock"

local M = {}

--- /openapi.json as the simulation serves it.
function M.document()
  local simulated = assert(mock.new { token = "api-md-token" })
  local status, body = simulated:request("GET", "/openapi.json", { token = false })
  simulated:close()
  assert(status == 200, "no /openapi.json")
  return body
end

local methods = { "get", "post", "put", "patch", "delete" }

local function sorted(map)
  local names = {}
  for name in pairs(map or {}) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function link(name) return ("[%s](#%s)"):format(name, "schema-" .. name:lower()) end

local function reference(ref) return ref:match "([^/]+)$" end

-- A type in a few words: "string or null", "array of Job", "one of `a`, `b`".
local function in_words(schema)
  if not schema or next(schema) == nil then return "any" end
  if schema["$ref"] then return link(reference(schema["$ref"])) end
  if schema.anyOf then
    local words = {}
    for i, one in ipairs(schema.anyOf) do words[i] = in_words(one) end
    return table.concat(words, " or ")
  end
  local kind, nullable = schema.type, false
  if type(kind) == "table" then kind, nullable = kind[1], true end
  local text = kind or "any"
  if schema.format then text = schema.format end
  if kind == "array" then text = "array of " .. in_words(schema.items) end
  if kind == "object" and type(schema.additionalProperties) == "table" then
    text = "object of " .. in_words(schema.additionalProperties)
  end
  if schema.enum then
    local words = {}
    for _, value in ipairs(schema.enum) do
      if type(value) == "string" then words[#words + 1] = "`" .. value .. "`" end
    end
    text = table.concat(words, " ")
  end
  return nullable and text .. " or null" or text
end

local function cell(text) return ((text or ""):gsub("|", "\\|"):gsub("\n", " ")) end

local function set_of(list)
  local set = {}
  for _, name in ipairs(list or {}) do set[name] = true end
  return set
end

local function add_rows(out, rows)
  if #rows == 0 then return end
  out[#out + 1] = "| parameter | in | type | |"
  out[#out + 1] = "|---|---|---|---|"
  for _, row in ipairs(rows) do out[#out + 1] = row end
  out[#out + 1] = ""
end

local function parameter_rows(operation)
  local rows = {}
  for _, p in ipairs(operation.parameters or {}) do
    rows[#rows + 1] = ("| `%s` | %s | %s | %s%s |"):format(p.name, p["in"], cell(in_words(p.schema)),
      p["in"] == "query" and p.required and "required; " or "", cell(p.description))
  end
  local body = operation.requestBody
  local schema = body and body.content["application/json"].schema
  if schema and schema.properties then
    local required = set_of(schema.required)
    for pass = 1, 2 do
      for _, name in ipairs(sorted(schema.properties)) do
        local property = schema.properties[name]
        if (pass == 1) == (required[name] == true) then
          rows[#rows + 1] = ("| `%s` | body | %s | %s%s |"):format(name, cell(in_words(property)),
            required[name] and "required; " or "", cell(property.description))
        end
      end
    end
  elseif schema then
    rows[#rows + 1] = ("| the body | body | %s | |"):format(in_words(schema))
  end
  return rows
end

local function success_of(operation)
  for _, code in ipairs(sorted(operation.responses)) do
    if code:match "^2" then return code, operation.responses[code] end
  end
end

local function answer_line(operation)
  local code, response = success_of(operation)
  local media = sorted(response.content)[1]
  if not media then return ("Responds with %s, without a body."):format(code) end
  local what = media == "application/json" and in_words(response.content[media].schema)
    or "`" .. media .. "`"
  return ("Responds with %s: %s."):format(code, what)
end

local function add_operation(out, method, path, operation)
  out[#out + 1] = ("### `%s %s`"):format(method:upper(), path)
  out[#out + 1] = ""
  local text = operation.summary .. "."
  if operation.description then text = text .. " " .. operation.description end
  out[#out + 1] = text
  out[#out + 1] = ""
  add_rows(out, parameter_rows(operation))
  out[#out + 1] = answer_line(operation)
  out[#out + 1] = ""
end

-- Webhooks: the payload sent for each event.
local function add_webhooks(out, document)
  for _, name in ipairs(sorted(document.webhooks)) do
    local operation = document.webhooks[name].post
    out[#out + 1] = ("### Webhook `%s`"):format(name)
    out[#out + 1] = ""
    out[#out + 1] = operation.summary .. ". " .. operation.description
    out[#out + 1] = ""
    out[#out + 1] = ("The body: %s."):format(
      in_words(operation.requestBody.content["application/json"].schema))
    out[#out + 1] = ""
  end
end

local function add_tag(out, document, tag)
  out[#out + 1] = "## " .. tag.name
  out[#out + 1] = ""
  out[#out + 1] = tag.description
  out[#out + 1] = ""
  if tag.name == "webhooks" then add_webhooks(out, document) end
  for _, path in ipairs(sorted(document.paths)) do
    for _, method in ipairs(methods) do
      local operation = document.paths[path][method]
      if operation and operation.tags[1] == tag.name then add_operation(out, method, path, operation) end
    end
  end
end

local function add_schema(out, name, schema)
  out[#out + 1] = ('### <a name="schema-%s"></a>%s'):format(name:lower(), name)
  out[#out + 1] = ""
  out[#out + 1] = schema.description
  out[#out + 1] = ""
  if schema.anyOf then
    out[#out + 1] = "Either " .. in_words { anyOf = schema.anyOf } .. "."
    out[#out + 1] = ""
    return
  end
  local required = set_of(schema.required)
  out[#out + 1] = "| field | type | |"
  out[#out + 1] = "|---|---|---|"
  for _, field in ipairs(sorted(schema.properties)) do
    local property = schema.properties[field]
    out[#out + 1] = ("| `%s` | %s | %s%s |"):format(field, cell(in_words(property)),
      required[field] and "" or "may be absent; ", cell(property.description))
  end
  out[#out + 1] = ""
end

local function add_security(out, document)
  out[#out + 1] = "## The token"
  out[#out + 1] = ""
  for _, name in ipairs { "privateToken", "bearer", "tokenParameter", "jobToken" } do
    local scheme = document.components.securitySchemes[name]
    local where = scheme.type == "http" and "`Authorization: Bearer`"
      or ("%s `%s`"):format(scheme["in"] == "query" and "parameter" or "header", scheme.name)
    out[#out + 1] = ("- %s: %s"):format(where, scheme.description)
  end
  out[#out + 1] = ""
end

--- The Markdown for the text of an OpenAPI document.
---@param text string
---@return string
function M.generate(text)
  local document = assert(json.decode(text))
  local out = { "# " .. document.info.title, "",
    "<!-- Written by `make api-md` from the table of routes; not by hand. -->", "",
    document.info.description, "",
    "The same as a document for machines: `/openapi.json`; to try it out: `/docs`; to read: `/redoc`.",
    "" }
  add_security(out, document)
  for _, tag in ipairs(document.tags) do add_tag(out, document, tag) end
  out[#out + 1] = "## Schemas"
  out[#out + 1] = ""
  for _, name in ipairs(sorted(document.components.schemas)) do
    add_schema(out, name, document.components.schemas[name])
  end
  out[#out] = nil
  return table.concat(out, "\n") .. "\n"
end

if arg and arg[0] and arg[0]:match "api_md%.lua$" then
  local text = M.document()
  io.write(arg[1] == "openapi" and text or M.generate(text))
end

return M
