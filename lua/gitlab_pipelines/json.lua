--- JSON. The only module that uses lua-cjson.
--
-- lua-cjson decodes (with a separate instance, so the host's settings do not change) between two
-- passes in C: whole numbers up to 2^53 become integers if Lua has them, a null in an object becomes
-- an absent key, an empty array is marked as an array. Encoding is canonical: sorted names, no
-- whitespace, whole numbers without a decimal point, floats in the shortest form that reads back the
-- same. A value has the same text on every Lua.

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

--- JSON's null: a decoded null in an array; when encoded, it clears a field.
M.null = cjson.null

local array_meta = { __name = "json.array" }

--- Marks a table as an array, so that an empty one is written `[]` and not `{}`.
---@param list table|nil
---@return table list the same table
function M.array(list)
  return setmetatable(list or {}, array_meta)
end

--- Was the table marked by `json.array` or decoded from an empty array?
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

--- Decodes a JSON text. The text `null` decodes to `json.null`.
---@param text string
---@return any value, string|nil message nil and a message if the text is not valid JSON, is nested
--- deeper than 256 levels, or contains a number beyond the range of a double
function M.decode(text)
  if type(text) ~= "string" then
    error("json.decode: text must be a string, not " .. type(text), 2)
  end
  return read(decode, text)
end

--- The same for a server's response, with at most 128 levels, so that a value composed of several
--- responses (a pipeline's tree) can still be encoded.
---@param text string
---@return any value, string|nil message
function M.decode_response(text)
  return read(decode_flat, text)
end

--- Encodes a value as canonical JSON. A secret is encoded as `"[secret]"`; invalid UTF-8 is kept.
---@param value any raises on functions, NaN, infinities, cycles, holes, and tables with both string
--- and number keys
---@return string
function M.encode(value)
  local text = core.json.encode(value, array_meta) -- not a tail call: errors name the caller's line
  return text
end

return M
