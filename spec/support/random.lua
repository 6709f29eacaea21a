--- Random whole numbers that are the same on every Lua for one seed.

local M = {}

--- The seed of this run: SEED from the environment, else from the clock. Specs print it.
---@return integer
function M.seed()
  return tonumber(os.getenv "SEED") or os.time() % 1000003
end

--- random(low, high) -> low <= n <= high.
---@param seed integer
---@return function
function M.new(seed)
  local state = seed % 2147483647
  if state == 0 then state = 1 end
  return function(low, high)
    state = state * 16807 % 2147483647 -- Park and Miller's; exact in a double
    return low + state % (high - low + 1)
  end
end

return M
