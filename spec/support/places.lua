-- Where a call may stand: name, a function of the call (a number in, its double out), and what that
-- must give. Used with waits of the runtime's own and with calls of a real client.
return {
  { "plain code", function(call) return call(1) + call(2) end, 6 },
  { "pcall", function(call)
    local ok, result = pcall(function() return call(1) end)
    local failed, message = pcall(function() call(2) error("after the call", 0) end)
    return ok and not failed and message == "after the call" and result
  end, 2 },
  { "a for-in iterator", function(call)
    local sum = 0
    local function pages(last, i) if i < last then return i + 1, call(i + 1) end end
    for _, value in pages, 4, 0 do sum = sum + value end
    return sum
  end, 20 },
  { "a metamethod", function(call)
    local object = setmetatable({}, { __index = function(_, key) return call(key) end })
    return object[1] + object[5]
  end, 12 },
  { "a coroutine of the user's own", function(call)
    local sum = 0
    for value in coroutine.wrap(function()
      for i = 1, 3 do coroutine.yield(call(i)) end
    end) do sum = sum + value end
    return sum
  end, 12 },
  { "table.sort's comparator", function(call)
    local list = { 3, 1, 2 }
    table.sort(list, function(a, b) return call(a) < call(b) end)
    return table.concat(list)
  end, "123" },
  { "gsub's callback", function(call)
    return (string.gsub("1-2-3", "%d", function(digit)
      return ("%d"):format(call(tonumber(digit)))
    end))
  end, "2-4-6" },
}
