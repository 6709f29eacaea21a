--- Validates decoded responses against the `shape` of their operation.
--
-- A shape in operations.lua lists the fields that the code relies on: an array of {name, type,
-- required, shape, sensitive}. The fields of a valid response need no further type checks.

local json = require "gitlab_pipelines.json"

local type = type

local M = {}

-- Bytes of an invalid value that a message shows, and bytes that are redacted first: a secret must not
-- be cut before it is recognized.
local SHOWN, REDACTED = 40, 4096

local function is_list(value)
  return type(value) == "table" and (value[1] ~= nil or json.is_array(value))
end

local function is_object(value)
  return type(value) == "table" and value[1] == nil and not json.is_array(value)
end

local function is_number(value)
  return type(value) == "number" and value > -2 ^ 53 and value < 2 ^ 53
end

local function is_texts(value)
  if not is_list(value) then return false end
  for i = 1, #value do
    if type(value[i]) ~= "string" then return false end
  end
  return true
end

--- The types of fields: `is` checks a value, `wanted` describes the type in messages.
M.types = {
  id = { wanted = "a positive integer",
    is = function(v) return type(v) == "number" and v % 1 == 0 and v > 0 and v < 2 ^ 53 end },
  count = { wanted = "a non-negative integer",
    is = function(v) return type(v) == "number" and v % 1 == 0 and v >= 0 and v < 2 ^ 53 end },
  text = { wanted = "a string", is = function(v) return type(v) == "string" end },
  boolean = { wanted = "a boolean", is = function(v) return type(v) == "boolean" end },
  number = { wanted = "a number below 2^53", is = is_number },
  seconds = { wanted = "a number of seconds below 2^40",
    is = function(v) return is_number(v) and v > -2 ^ 40 and v < 2 ^ 40 end },
  texts = { wanted = "an array of strings", is = is_texts },
  object = { wanted = "an object", is = is_object },
  list = { wanted = "an array", is = is_list },
}

local types = M.types

-- The invalid value in a message: a scalar's beginning, otherwise its kind.
local function shown(value, redact)
  if value == nil or value == json.null then return "null" end
  if is_list(value) then return "an array" end
  if type(value) == "table" then return "an object" end
  if type(value) == "number" then return ("%.14g"):format(value) end
  if type(value) ~= "string" then return tostring(value) end
  local text = redact(value:sub(1, REDACTED)):gsub("[%c\127]", "?")
  if #text > SHOWN then
    -- Do not cut within a multibyte character.
    text = text:sub(1, SHOWN):gsub("[\192-\255]?[\128-\191]*$", "") .. "..."
  end
  return '"' .. text .. '"'
end

local function kind_of(value)
  return type(value) == "string" and "a string" or type(value) == "number" and "a number"
    or type(value) == "boolean" and "a boolean"
end

local rows_problem

-- Returns the path, the expected field and the actual value of an object's first problem, or nil.
local function object_problem(object, fields)
  for i = 1, #fields do
    local field = fields[i]
    local value, kind = object[field.name], field.type
    if value == nil then
      if field.required then return field.name, field, nil end
    elseif kind == "text" then
      -- Fast path: a list of jobs has thousands of text fields.
      if type(value) ~= "string" then return field.name, field, value end
    elseif not types[kind].is(value) then
      return field.name, field, value
    elseif field.shape then
      local path, inner, came
      if kind == "list" then
        path, inner, came = rows_problem(value, field.shape)
      else
        path, inner, came = object_problem(value, field.shape)
        if path then path = "." .. path end
      end
      if path then return field.name .. path, inner, came end
    end
  end
end

local ROW = { type = "object" }

-- The same for the rows of a list; the path begins with the row's index.
function rows_problem(rows, fields)
  for i = 1, #rows do
    local row = rows[i]
    if not is_object(row) then return ("[%d]"):format(i), ROW, row end
    local path, field, came = object_problem(row, fields)
    if path then return ("[%d].%s"):format(i, path), field, came end
  end
end

local WANTED = { json = "JSON", archive = "an archive", log = "a log" }

--- Returns what is wrong with a response's content type, or nil. An intermediary may send a sign-in
--- page or its own error. A missing type is accepted.
---@param content_type string|nil
---@param wanted "json"|"archive"|"log"|nil nil for a file of any type
---@return string|nil why
function M.wrong_type(content_type, wanted)
  if not content_type or not wanted then return nil end
  if content_type == "application/json" and wanted == "json" then return nil end
  local lower = content_type:lower()
  if lower:find("html", 1, true) then return "the response is an HTML page, not " .. WANTED[wanted] end
  if wanted == "json" or not lower:find "^application/json" then return nil end
  return "the response is JSON, not " .. WANTED[wanted]
end

--- Returns what is wrong with a decoded response, or nil.
---@param op table operation
---@param value any
---@param redact fun(text: string): string removes secrets from a text
---@return string|nil why
function M.problem(op, value, redact)
  if op.result == "list" and not is_list(value) then return "the response is not a JSON array" end
  if op.result == "object" and not is_object(value) then
    return is_list(value) and "the response is a JSON array, not an object"
      or "the response is not a JSON object: a bare value"
  end
  local path, field, came
  if op.result == "list" then
    path, field, came = rows_problem(value, op.shape)
  else
    path, field, came = object_problem(value, op.shape)
  end
  if not path then return nil end
  return ("expected %s to be %s, got %s"):format(path, types[field.type].wanted,
    field.sensitive and kind_of(came) or shown(came, redact))
end

return M
