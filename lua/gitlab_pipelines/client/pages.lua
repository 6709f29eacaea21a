--- Which page of a list comes next: decided here for every list, from a page's rows and headers.
--
-- GitLab pages by number (`X-Next-Page`, else `Link`) or by key (`Link` alone). A proxy may remove
-- headers, so by number a full page is never the last one: the page after it is read until one is
-- short. By key a full page without `Link` is the last. Of a `Link` only the query counts: GitLab
-- writes its own configured host into it. What leads nowhere new is an error, never the end: half of
-- a list must not be taken for all of it, and no server can keep us reading for ever.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"

local M = {}

--- Rows a page, at most; GitLab allows no more.
M.ROWS = 100

-- Pages of one list. GitLab's own ceiling of offsets is far below.
local MOST = 100000

-- Pages in a row that hold nothing but rows of the page before. New rows at the front push others to
-- the next page; a hundred of them between two requests, several times over, is a server that does
-- not look at `page`.
local REPEATED = 2

local decode = core.uri.decode_form

-- The query of the address that `Link` names as next, as pairs; nil when there is none.
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

--- A copy of the arguments with other pairs in the query.
---@param args table
---@param query string[][]
---@return table args
function M.with_query(args, query)
  local copy = {}
  for name, value in pairs(args) do copy[name] = value end
  copy.query = query
  return copy
end

--- The value of a parameter of a query.
---@param query string[][]
---@param name string
---@return string|nil
function M.value_of(query, name)
  for _, pair in ipairs(query) do
    if pair[1] == name then return pair[2] end
  end
  return nil
end

--- The arguments of the page with this number; the query stays in sorted order.
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

--- A page's number in a header: nil where there is none, false where it is not one.
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

-- What tells one row from another, whatever else of it has changed.
local function identity(row)
  if row.id ~= nil then return row.id end
  if type(row.key) ~= "string" then return row.path end
  return row.key .. "\n" .. tostring(row.environment_scope)
end

local Walk = {}
Walk.__index = Walk

--- Begins to read a list.
---@param op table operation with `paging`
---@param args table of the first page: `query` with `per_page`, and `page` or `pagination` where given
---@param thorough boolean|nil also a full page that is said to be the last is not believed
---@return table walk `args` of the page to be read now, `number` of it
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

-- Is there a row that the page before did not have?
function Walk:brings_something(rows)
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

-- A page has as many rows as were asked for, or as many as the server says that its pages have.
function Walk:is_full(rows, response)
  local own = M.number_in(response, "X-Per-Page")
  return #rows >= math.min(self.rows, own or self.rows)
end

function Walk:to_link(query)
  local text = core.uri.encode_query(query)
  if self.links[text] then return self:wrong "the link to the next page leads to a page before it" end
  self.links[text] = true
  local number = tonumber(M.value_of(query, "page"))
  if number and number <= self.number and not self.by_key then
    return self:wrong "the link to the next page leads to a page before it"
  end
  self.number = number or self.number + 1
  self.args = M.with_query(self.base, query)
  return self.args
end

function Walk:to_number(number)
  if number ~= self.number + 1 then
    return self:wrong(("the page after page %d is said to be page %s"):format(self.number,
      number and ("%d"):format(number) or "no number"))
  end
  self.number = number
  self.args = M.with_number(self.base, number)
  return self.args
end

--- What comes after the page that was just read.
---@param rows table[]
---@param response table
---@return table|nil args of the next page, also in `walk.args`; nil at the end
---@return table|nil err ServerError.InvalidResponse: the server leads nowhere
function Walk:after(rows, response)
  local named, link = M.number_in(response, "X-Next-Page"), next_link(response)
  local named_none = named == nil and response:header "X-Next-Page" ~= nil
  self.read = self.read + 1
  if #rows == 0 then
    if named or link then return self:wrong "a page without rows names a page after it" end
    return nil
  end
  self.repeated = self:brings_something(rows) and 0 or self.repeated + 1
  local follows = named ~= nil or link
    or not (named_none and not self.thorough or self.by_key) and self:is_full(rows, response)
  if not follows then return nil end
  if self.repeated > REPEATED then return self:wrong "every page holds the rows of the page before it" end
  if self.read >= MOST then return self:wrong(("the list does not end after %d pages"):format(MOST)) end
  if named ~= nil then return self:to_number(named) end
  if link then return self:to_link(link) end
  return self:to_number(self.number + 1)
end

return M
