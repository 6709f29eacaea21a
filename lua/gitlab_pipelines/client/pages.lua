--- Pagination: finds the next page of any list from the rows and headers of the current one.
--
-- GitLab paginates by number (`X-Next-Page`, else `Link`) or by key (`Link` only). A proxy may remove
-- headers, so with page numbers a full page is never the last: pages are read until one is not full.
-- With keys, a full page without `Link` is the last. Only the query of a `Link` is used, since GitLab
-- writes its configured host into it. A page that brings nothing new is an error, not the end: a
-- partial list must not pass for the whole one, and a server must not keep the client reading forever.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"

local M = {}

--- Maximum rows per page, GitLab's own limit.
M.ROWS = 100

-- Per list. GitLab's own offset limit is far lower.
local MAX_PAGES = 100000

-- Tolerated consecutive pages that only repeat rows of the previous page. New rows at the front push
-- others to the next page, but not a hundred between two requests, several times in a row: such a
-- server ignores `page`.
local MAX_REPEATED = 2

local decode = core.uri.decode_form

-- The query of the `rel="next"` URL in `Link`, as pairs; nil if there is none.
local function next_link(response)
  for address, parameters in (response:header "Link" or ""):gmatch "<([^<>]*)>([^<]*)" do
    if parameters:match ";%s*rel%s*=%s*\"?next\"?" then
      local query = {}
      for pair in (address:match "%?([^#]*)" or ""):gmatch "[^&]+" do
        local name, value = pair:match "^([^=]*)=?(.*)$"
        query[#query + 1] = { decode(name) or name, decode(value) or value }
      end
      return query
    end
  end
end

--- Returns a copy of the arguments with another query.
---@param args table
---@param query string[][]
---@return table args
function M.with_query(args, query)
  local copy = {}
  for name, value in pairs(args) do copy[name] = value end
  copy.query = query
  return copy
end

--- Returns the value of a query parameter.
---@param query string[][]
---@param name string
---@return string|nil
function M.value_of(query, name)
  for _, pair in ipairs(query) do
    if pair[1] == name then return pair[2] end
  end
  return nil
end

--- Returns the arguments of the page with this number; the query stays sorted.
---@param args table
---@param number integer
---@return table args
function M.with_number(args, number)
  local query = {}
  local text, placed = ("%d"):format(number), false
  for _, pair in ipairs(args.query) do
    if pair[1] ~= "page" then
      if not placed and pair[1] > "page" then
        query[#query + 1] = { "page", text }
        placed = true
      end
      query[#query + 1] = pair
    end
  end
  if not placed then query[#query + 1] = { "page", text } end
  return M.with_query(args, query)
end

--- Reads a page number from a header: nil if it is absent, false if it is not a page number.
---@param response table
---@param name string
---@return integer|false|nil
function M.number_in(response, name)
  local text = response:header(name)
  if not text or text:match "^%s*$" then return nil end
  local digits = text:match "^%s*(%d+)%s*$"
  local number = digits and #digits < 16 and tonumber(digits)
  return number and number > 0 and number or false
end

-- Identifies a row, even if its other fields have changed.
local function identity(row)
  if row.id ~= nil then return row.id end
  if type(row.key) ~= "string" then return row.path end
  return row.key .. "\n" .. tostring(row.environment_scope)
end

local Walk = {}
Walk.__index = Walk

--- Starts reading a list.
---@param op table operation with `paging`
---@param args table arguments of the first page: `query` with `per_page`, optionally `page` or
--- `pagination`
---@param thorough boolean|nil read on after a full page even if the server says it is the last
---@return table walk `args` and `number` of the page to read
function M.walk(op, args, thorough)
  local number = tonumber(M.value_of(args.query, "page"))
  return setmetatable({
    op = op, args = args, base = args, number = number or 1, read = 0, repeated = 0,
    by_key = M.value_of(args.query, "pagination") == "keyset",
    rows = math.max(1, math.min(tonumber(M.value_of(args.query, "per_page")) or M.ROWS, M.ROWS)),
    before = {}, links = {}, thorough = thorough or false,
  }, Walk)
end

function Walk:wrong(message)
  return nil, errors.new("ServerError.InvalidResponse", { message = message,
    operation = self.op.name, retryable = true })
end

-- Is there a row that was not on the previous page?
function Walk:has_new_rows(rows)
  local current, new = {}, false
  for _, row in ipairs(rows) do
    local id = identity(row)
    if id == nil then
      new = true
    else
      new = new or not self.before[id]
      current[id] = true
    end
  end
  self.before = current
  return new
end

-- A page is full if it has the requested number of rows, or the server's own page size.
function Walk:is_full(rows, response)
  local own = M.number_in(response, "X-Per-Page")
  return #rows >= math.min(self.rows, own or self.rows)
end

function Walk:to_link(query)
  local text = core.uri.encode_query(query)
  if self.links[text] then return self:wrong "the link to the next page points to an earlier page" end
  self.links[text] = true
  local number = tonumber(M.value_of(query, "page"))
  if number and number <= self.number and not self.by_key then
    return self:wrong "the link to the next page points to an earlier page"
  end
  self.number = number or self.number + 1
  self.args = M.with_query(self.base, query)
  return self.args
end

function Walk:to_number(number)
  if number ~= self.number + 1 then
    return self:wrong(("X-Next-Page of page %d is %s"):format(self.number,
      number and ("%d"):format(number) or "not a page number"))
  end
  self.number = number
  self.args = M.with_number(self.base, number)
  return self.args
end

--- Returns the arguments of the page after the one just read.
---@param rows table[]
---@param response table
---@return table|nil args also in `walk.args`; nil at the end of the list
---@return table|nil err ServerError.InvalidResponse if the server's next page is invalid
function Walk:after(rows, response)
  local named, link = M.number_in(response, "X-Next-Page"), next_link(response)
  local named_none = named == nil and response:header "X-Next-Page" ~= nil
  self.read = self.read + 1
  if #rows == 0 then
    if named or link then return self:wrong "an empty page has a next page" end
    return nil
  end
  self.repeated = self:has_new_rows(rows) and 0 or self.repeated + 1
  local follows = named ~= nil or link
    or not (named_none and not self.thorough or self.by_key) and self:is_full(rows, response)
  if not follows then return nil end
  if self.repeated > MAX_REPEATED then return self:wrong "every page repeats the rows of the previous page" end
  if self.read >= MAX_PAGES then
    return self:wrong(("the list has more than %d pages"):format(MAX_PAGES))
  end
  if named ~= nil then return self:to_number(named) end
  if link then return self:to_link(link) end
  return self:to_number(self.number + 1)
end

return M
