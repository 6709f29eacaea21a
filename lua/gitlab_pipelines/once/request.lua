--- The request that makes a key's pipeline: what of it is compared, what of it is kept, and how the
--- key travels with it.

local core = require "gitlab_pipelines.core"
local json = require "gitlab_pipelines.json"

local M = {}

--- The variable that carries the key; on the trigger endpoint also a parameter, which GitLab keeps in
--- TRIGGER_PAYLOAD.
M.VARIABLE = "GITLAB_PIPELINES_KEY"
M.PARAMETER = "gitlab_pipelines_key"

-- A secret is compared by a digest that is slow to guess from.
local ROUNDS = 10000

local ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"

--- What travels for a key: "gp1-" and 26 characters (130 bits) of its SHA-256.
---@param key string
---@return string
function M.mark(key)
  local bytes = core.digest.sha256_raw(key)
  local letters, held, bits, at = {}, 0, 0, 0
  while #letters < 26 do
    if bits < 5 then
      at = at + 1
      held, bits = held * 256 + bytes:byte(at), bits + 8
    end
    local unit = 2 ^ (bits - 5)
    local value = math.floor(held / unit)
    held, bits = held % unit, bits - 5
    letters[#letters + 1] = ALPHABET:sub(value + 1, value + 1)
  end
  return "gp1-" .. table.concat(letters)
end

-- A copy in which secrets are what `shown(secret)` says.
local function without_secrets(value, shown)
  if core.secret.is(value) then return shown(value) end
  if type(value) ~= "table" or value == json.null then return value end
  local copy = {}
  for name, one in pairs(value) do copy[name] = without_secrets(one, shown) end
  return setmetatable(copy, getmetatable(value))
end

local function by_key(a, b) return a.key < b.key end

-- What makes two requests the same one: all but the trigger token, the variables in any order.
local function essence(body)
  local kept = {}
  for name, value in pairs(body) do
    if name ~= "token" then kept[name] = value end
  end
  local variables = kept.variables
  if variables and variables[1] then
    local sorted = {}
    for i, row in ipairs(variables) do sorted[i] = row end
    table.sort(sorted, by_key)
    kept.variables = sorted
  end
  return kept
end

--- The request as text without secrets, for the journal, and its digest.
---@param operation table
---@param scope string
---@param body table
---@return table essential for `M.text`
---@return string digest
function M.describe(operation, scope, body)
  local kept = essence(body)
  local digest = core.digest.sha256(json.encode { operation = operation.name, scope = scope,
    body = without_secrets(kept, function(secret)
      return { secret = core.digest.stretch(scope, secret:reveal(), ROUNDS) }
    end) })
  return without_secrets(kept, function() return "[secret]" end), digest
end

--- Does the caller use our variable's name, or our parameter?
---@return string|nil name
function M.taken(body)
  if body[M.PARAMETER] ~= nil then return M.PARAMETER end
  local variables = body.variables
  if not variables then return nil end
  if variables[M.VARIABLE] ~= nil then return M.VARIABLE end
  for _, row in ipairs(variables) do
    if row.key == M.VARIABLE then return M.VARIABLE end
  end
end

--- The body that is sent: the caller's, with the key.
---@param operation table
---@param body table
---@param mark string
---@param carried boolean false: the project takes no variables
---@return table
function M.body(operation, body, mark, carried)
  local sent = {}
  for name, value in pairs(body) do sent[name] = value end
  local triggers = operation.group == "triggers"
  if triggers then sent[M.PARAMETER] = mark end
  if not carried then return sent end
  local variables = {}
  for name, value in pairs(body.variables or {}) do variables[name] = value end
  if triggers then
    variables[M.VARIABLE] = mark
  else
    variables[#variables + 1] = { key = M.VARIABLE, value = mark }
  end
  sent.variables = variables
  return sent
end

-- The mark within TRIGGER_PAYLOAD.
local function of_payload(text)
  local payload = type(text) == "string" and json.decode(text)
  local mark = type(payload) == "table" and payload[M.PARAMETER]
  return type(mark) == "string" and mark or nil
end

--- The mark that a pipeline's variables hold, or nil.
---@param rows table[] as GitLab lists them
---@return string|nil mark
function M.mark_of(rows)
  local found
  for _, row in ipairs(rows) do
    if row.key == M.VARIABLE then return row.value end
    if row.key == "TRIGGER_PAYLOAD" then found = found or of_payload(row.value) end
  end
  return found
end

return M
