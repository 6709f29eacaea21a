--- JSON: the one door to lua-cjson.
--
-- Decoding is lua-cjson's (an instance of our own, so the host's settings are untouched) between two
-- passes in C: whole numbers up to 2^53 are integers where Lua has them, a null in an object is an
-- absent key, an empty array is marked as one. Encoding is canonical: sorted names, no blanks, whole
-- numbers without a point, floats in the shortest form that reads back the same; one value has one
-- text on every Lua.

local cjson = require "cjson"
local core = require "gitlab_pipelines.core"

local M = {}

local function decoder(depth)
  local instance = cjson.new()
  instance.decode_max_depth(depth)
  instance.decode_invalid_numbers(false)
  return instance.decode
end

local decode, decode_flat, mark, mend = decoder(256), decoder(128), core.json.mark, core.json.mend

--- JSON's null: what it is inside an array after decoding, and what clears a field when encoded.
M.null = cjson.null

local array_meta = { __name = "json.array" }

--- Marks a table as an array, so that an empty one is written `[]` and not `{}`.
---@param list table|nil
---@return table list the same table
function M.array(list)
  return setmetatable(list or {}, array_meta)
end

--- Was the table marked by `json.array`, or read as an empty array?
---@param value any
---@return boolean
function M.is_array(value)
  return type(value) == "table" and getmetatable(value) == array_meta
end

local function read(by, text)
  local ok, value = pcall(by, mark(text))
  if not ok then return nil, value end
  return mend(value, array_meta)
end

--- Reads a JSON text. A text `null` is `json.null`.
---@param text string
---@return any value, string|nil message nil and a message if it is no JSON, is nested deeper than
--- 256 levels, or holds a number beyond the range of a double
function M.decode(text)
  if type(text) ~= "string" then
    error("json.decode: text must be a string, not " .. type(text), 2)
  end
  return read(decode, text)
end

--- The same of a server's response, with no more than 128 levels: what is made of several responses
--- (a pipeline's tree) can still be encoded.
---@param text string
---@return any value, string|nil message
function M.decode_response(text)
  return read(decode_flat, text)
end

--- Writes a value as canonical JSON. A secret is written as `"[secret]"`; bytes that are no UTF-8
--- are passed on.
---@param value any raises on functions, NaN, infinities, cycles, holes, tables with both names and
--- numbers as keys
---@return string
function M.encode(value)
  local text = core.json.encode(value, array_meta) -- no tail call: errors name the caller's line
  return text
end

return M
