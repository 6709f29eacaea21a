--- How many of the sorted times any interval of that length holds at most: the judge of windows,
--- which knows nothing of how a limiter counts.
---@param times number[]
---@param length number
---@return integer
return function(times, length)
  local most, first = 0, 1
  for last = 1, #times do
    while times[last] - times[first] > length do first = first + 1 end
    most = math.max(most, last - first + 1)
  end
  return most
end
