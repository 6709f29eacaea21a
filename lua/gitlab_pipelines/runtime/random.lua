--- A seeded random number generator with the same sequence on every Lua.
--
-- Two multiplicative generators, combined (L'Ecuyer 1988). All products stay below 2^53, so
-- doubles and integers agree.

local M = {}

local M1, M2 = 2147483563, 2147483399

--- Returns a function that returns the next number, 0 <= x < 1.
---@param seed number
---@return fun():number
function M.new(seed)
  local s1 = (seed % (M1 - 1)) + 1
  local s2 = ((seed * 69069 + 12345) % (M2 - 1)) + 1
  s1, s2 = s1 - s1 % 1 + 0.0, s2 - s2 % 1 + 0.0
  local function next_number()
    s1 = (40014 * s1) % M1
    s2 = (40692 * s2) % M2
    local difference = s1 - s2
    if difference < 0 then difference = difference + (M1 - 1) end
    return difference % (M1 - 1) / (M1 - 1)
  end
  -- The first numbers of adjacent seeds are correlated.
  for _ = 1, 8 do next_number() end
  return next_number
end

return M
