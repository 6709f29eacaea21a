--- Finds the name that was most likely meant, for messages about misspelt names.

local M = {}

if jit then jit.off(true, true) end

-- Edits between two words: a letter inserted, deleted, changed, or swapped with its neighbour.
local function distance(a, b)
  local before, last, row = {}, {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    row[0] = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local best = math.min(row[j - 1] + 1, last[j] + 1, last[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, before[j - 2] + 1)
      end
      row[j] = best
    end
    before, last, row = last, row, before
  end
  return last[#b]
end

--- The nearest of `names`, or nil when none is near.
---@param name string
---@param names string[] in any order: among equally near ones the first by alphabet is taken
---@return string|nil
function M.name(name, names)
  local best, best_distance
  local limit = math.max(1, math.floor(#name / 3))
  for _, candidate in ipairs(names) do
    local edits = distance(name:lower(), candidate:lower())
    if edits <= limit and (not best or edits < best_distance
        or (edits == best_distance and candidate < best)) then
      best, best_distance = candidate, edits
    end
  end
  return best
end

--- `; did you mean 'lib'?`, or the empty string.
---@return string
function M.hint(name, names)
  local near = M.name(name, names)
  return near and ("; did you mean '%s'?"):format(near) or ""
end

return M
