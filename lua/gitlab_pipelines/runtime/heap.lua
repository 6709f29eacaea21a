--- Timers by time: a binary heap from which any entry can be removed in O(log n).
--
-- An entry is a table with `at` (seconds); entries with the same time come out in insertion order.
-- The heap stores `order` and `index` in the entry.

local M = {}

local Heap = {}
Heap.__index = Heap

function M.new()
  return setmetatable({ size = 0, inserted = 0 }, Heap)
end

local function before(a, b)
  return a.at < b.at or (a.at == b.at and a.order < b.order)
end

local function rise(heap, entry, index)
  while index > 1 do
    local parent = (index - index % 2) / 2
    local above = heap[parent]
    if not before(entry, above) then break end
    heap[index], above.index = above, index
    index = parent
  end
  heap[index], entry.index = entry, index
end

local function sink(heap, entry, index)
  local size = heap.size
  while true do
    local child = index * 2
    if child > size then break end
    if child < size and before(heap[child + 1], heap[child]) then child = child + 1 end
    local below = heap[child]
    if not before(below, entry) then break end
    heap[index], below.index = below, index
    index = child
  end
  heap[index], entry.index = entry, index
end

--- Adds an entry, which must not be in a heap.
function Heap:add(entry)
  self.inserted = self.inserted + 1
  entry.order = self.inserted
  self.size = self.size + 1
  rise(self, entry, self.size)
end

--- Returns the entry that is due first without removing it, or nil.
function Heap:first()
  return self[1]
end

--- Removes an entry; a no-op if it is not in the heap.
function Heap:remove(entry)
  local index = entry.index
  if not index then return end
  local last = self[self.size]
  self[self.size] = nil
  self.size = self.size - 1
  entry.index = nil
  if last == entry then return end
  sink(self, last, index)
  if last.index == index then rise(self, last, index) end
end

return M
