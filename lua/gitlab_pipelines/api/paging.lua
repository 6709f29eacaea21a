--- Lists in pages: all rows as one array, or one after the other.
--
-- Which page comes next is decided in client/pages.lua. Where the number of pages is known, up to 8
-- of them are on their way at once; no more than those are held.

local errors = require "gitlab_pipelines.errors"
local pages_of = require "gitlab_pipelines.client.pages"
local resource = require "gitlab_pipelines.api.resource"

local M = {}

-- Pages that are on their way or read and not yet given out, at most. An iterator is often left
-- after a few rows: it begins with less, by the number of pages that it was asked for.
local AHEAD = 8
local FIRST_AHEAD = { [0] = 0, 0, 2, 4 }
local ROWS = pages_of.ROWS

local value_of, with_number = pages_of.value_of, pages_of.with_number

--- Options of every list: `limit` (rows at most) and `from` (id of the last row already seen).
M.options = { limit = { type = "integer", check = function(n)
  if n < 0 then return "must not be negative" end
end }, from = { type = "integer" } }


local Pages = {}
Pages.__index = Pages

function Pages:fetch(args)
  return self.client:page(self.operation, args, self.opts)
end

-- Sends for pages until enough are on their way; none beyond what `limit` needs.
function Pages:look_ahead()
  local runtime = self.client.runtime
  local most = not self.whole and FIRST_AHEAD[self.asked] or AHEAD
  if not self.last then return end
  local before = #self.queue
  while #self.queue < most and self.number <= self.wanted do
    local entry = { args = with_number(self.base, self.number) }
    self.number = self.number + 1
    entry.task = runtime:background(function() return self:fetch(entry.args) end)
    self.queue[#self.queue + 1] = entry
  end
  -- They leave now, not when the rows at hand are used up.
  if #self.queue > before then runtime:turn() end
end

-- Learns from a page which one comes next.
function Pages:follow(rows, response)
  if self.single then return end
  local args, err = self.walk:after(rows, response)
  -- The last page, though more may have been sent for: rows have gone meanwhile.
  if not args then self:drop() end
  if err then
    self.queue[1] = { problem = err }
  elseif args and #self.queue == 0 then
    self.following, self.number = args, self.walk.number
  end
  local total = args and pages_of.number_in(response, "X-Total-Pages")
  if not total or self.walk.by_key then return end
  self.last = math.max(total, self.last or 0)
  self.wanted = self.limit and math.min(self.last, math.ceil(self.limit / self.walk.rows)) or self.last
end

-- Forgets every page that was sent for.
function Pages:drop()
  for _, entry in ipairs(self.queue) do
    if entry.task then entry.task:cancel() end
  end
  self.queue, self.last, self.following = {}, nil, nil
end

-- The next page's rows; nil at the end; nil and an error when it fails. A page that failed is
-- asked for again by the next call.
function Pages:next()
  self.asked = self.asked + 1
  self:look_ahead()
  if #self.queue == 0 and self.following then
    self.queue[1] = { args = self.following }
    self.number = self.number + 1
  end
  self.following = nil
  local entry = self.queue[1]
  if not entry then return nil end
  if entry.problem then return nil, entry.problem end
  local rows, response
  if entry.task then
    rows, response = entry.task:join()
    entry.task = nil
  else
    rows, response = self:fetch(entry.args)
  end
  if rows == nil then
    local fallback = self:without_keys(response)
    if fallback then return self:next() end
    return nil, response
  end
  table.remove(self.queue, 1)
  self.first = false
  self:follow(rows, response)
  self:look_ahead()
  return rows
end

-- Servers that cannot page by key answer 405: then by number.
function Pages:without_keys(err)
  if not (self.first and self.keyset and errors.is_error(err) and err.status == 405) then
    return false
  end
  self.keyset = false
  local query = {}
  for _, pair in ipairs(self.base.query) do
    if pair[1] ~= "pagination" then query[#query + 1] = pair end
  end
  self.base = pages_of.with_query(self.base, query)
  self.walk = pages_of.walk(self.operation, self.base)
  self.queue = { { args = self.base } }
  return true
end

local function new_pages(group, operation, args, opts)
  local limit = opts.limit
  local steering = {}
  for name, value in pairs(opts) do
    if name ~= "limit" and name ~= "from" then steering[name] = value end
  end
  return setmetatable({
    client = group.client, operation = operation, opts = steering, base = args,
    queue = { { args = args } }, first = true, asked = 0,
    keyset = value_of(args.query, "pagination") == "keyset",
    single = value_of(args.query, "page") ~= nil,
    limit = not opts.from and limit or nil, walk = pages_of.walk(operation, args),
  }, Pages)
end

-- Which rows `from` leaves out: up to and including that id, in the order of the list.
local function skipper(args, opts, sorted)
  local from = opts.from
  if not from then return nil end
  local order, sort = value_of(args.query, "order_by") or "id", value_of(args.query, "sort") or sorted
  local passed = false
  return function(row)
    if passed then return false end
    if sorted and order == "id" then
      local before
      if sort == "asc" then before = row.id <= from else before = row.id >= from end
      passed = not before
      return before
    end
    passed = row.id == from
    return true
  end
end

-- Rows that the page before already had: new ones at the front push the others back.
local function new_memory()
  local previous, current = {}, {}
  local memory = {}
  function memory.turn() previous, current = current, {} end
  function memory.seen(row)
    local id = type(row) == "table" and row.id
    if not id then return false end
    current[id] = true
    return previous[id] == true
  end
  return memory
end

-- Prepares a list: its pages and what to leave out, or nil and an error.
local function open(group, operation, project, filters, opts, given)
  local params, steering = resource.split(operation, filters, M.options, opts)
  for name, value in pairs(given or {}) do params[name] = value end
  if operation.paging == "keyset" and params.page == nil and params.pagination == nil
    and params.order_by == nil then
    params.pagination, params.order_by, params.sort = "keyset", "id", params.sort or "desc"
  end
  if params.per_page == nil then
    local limit = not steering.from and steering.limit
    params.per_page = limit and limit > 0 and limit < ROWS and limit or ROWS
  end
  local args, err = resource.prepare(group, operation, project, params, M.options)
  if not args then return nil, err end
  return new_pages(group, operation, args, steering), skipper(args, steering, operation.sorted),
    steering.limit
end

--- A lazy iterator over the rows of a list. It raises the error object when a page fails; called
--- again after that it asks for the same page once more. A `timeout` is that of each page.
---@param group table {gl, client}
---@param operation table an operation with `paging`
---@param project any
---@param filters table|nil the operation's filters, `limit`, `from`, and options of the call
---@param opts table|nil options of the call
---@param given table|nil further parameters of the operation, which win: those of its path
---@return function iterator
function M.each(group, operation, project, filters, opts, given)
  local pages, skip, limit = open(group, operation, project, filters, opts, given)
  local rows, at, count = {}, 0, 0
  local memory = new_memory()
  return function()
    if not pages then error(skip, 0) end
    while not limit or count < limit do
      at = at + 1
      local row = rows[at]
      if row == nil then
        local page, err = pages:next()
        if err then
          at = at - 1
          error(err, 0)
        end
        if not page then
          at = at - 1
          return nil
        end
        rows, at = page, 0
        memory.turn()
      else
        rows[at] = false
        if not memory.seen(row) and not (skip and skip(row)) then
          count = count + 1
          return row
        end
      end
    end
    pages:drop()
    return nil
  end
end

--- All rows of a list as one array (at most `limit`). A `timeout` is that of all pages together.
---@return table|nil rows, table|nil err
function M.list(group, operation, project, filters, opts, given)
  local pages, skip, limit = open(group, operation, project, filters, opts, given)
  if not pages then return nil, skip end
  pages.whole = true
  if pages.opts.timeout then pages.opts.deadline = group.client.runtime:now() + pages.opts.timeout end
  local all, memory = {}, new_memory()
  while not limit or #all < limit do
    local page, err = pages:next()
    if err then
      pages:drop()
      return nil, err
    end
    if not page then return all end
    memory.turn()
    for _, row in ipairs(page) do
      if limit and #all >= limit then break end
      if not memory.seen(row) and not (skip and skip(row)) then all[#all + 1] = row end
    end
  end
  pages:drop()
  return all
end

return M
