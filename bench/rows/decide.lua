--- One decision (two windows, breaker, budget, classifying the response) beside the SHA-256 of
--- 1 KiB, in C and from Lua. Target: under 100 ns in C and under 500 ns from Lua 5.4.

return function(bench)
  local function numbers(command)
    local text, result = bench.capture(command), { rate = 0 }
    for name, value in text:gmatch "([%w_]+)=([%d.]+)" do result[name] = tonumber(value) end
    result.rate = 1 / assert(result.decide_ns, text)
    return result
  end
  local seconds = bench.seconds / 2
  local medians = bench.by_turns {
    { "c", function() return numbers { bench.folder .. "/decide", seconds } end },
    { "lua", function() return numbers { "lua5.4", "bench/decide.lua", seconds } end },
  }
  bench.row { what = "one decision, in C", unit = "ns", ours = medians.c.decide_ns,
    beside = "SHA-256 of 1 KiB, libcrypto", theirs = medians.c.sha256_ns, less_is_better = true }
  bench.row { what = "one decision, seen from Lua 5.4", unit = "ns", ours = medians.lua.decide_ns,
    beside = "SHA-256 of 1 KiB, libcrypto", theirs = medians.c.sha256_ns, less_is_better = true }
end
