-- Random numbers for specs: the same on every Lua, from a seed that a failure names.
--
--   for seed in seeds.each(10000, 1000) do
--     local random = seeds.new(seed) ... seeds.named(seed, function() ... end)
--
-- `each(all, sample)` gives `sample` seeds; with GP_FULL=1 in the environment all of them, with
-- GP_SEED=n just that one.

local M = {}

-- Park and Miller's generator: products stay below 2^53.
function M.new(seed)
  local state = (seed * 7919 + 12345) % 2147483646 + 1
  local function next_one()
    state = state * 48271 % 2147483647
    return (state - 1) / 2147483646
  end
  for _ = 1, 4 do next_one() end
  local random = {}
  -- 0 <= x < 1
  function random.unit() return math.min(next_one(), 0.9999999999) end
  -- A whole number, both ends included.
  function random.int(from, to) return from + math.floor(random.unit() * (to - from + 1)) end
  function random.chance(p) return random.unit() < p end
  function random.pick(list) return list[random.int(1, #list)] end
  return random
end

function M.each(all, sample)
  local only = tonumber(os.getenv "GP_SEED" or "")
  local last = os.getenv "GP_FULL" == "1" and all or sample
  local seed = only and only - 1 or 0
  if only then last = only end
  return function()
    seed = seed + 1
    if seed <= last then return seed end
  end
end

-- Runs `fn`; an error is raised again with the seed in front.
function M.named(seed, fn)
  local ok, message = pcall(fn)
  if not ok then
    local text = type(message) == "table" and message.message or message
    error(("seed %d (GP_SEED=%d): %s"):format(seed, seed, tostring(text)), 0)
  end
end

return M
