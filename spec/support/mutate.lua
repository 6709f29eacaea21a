-- Turns right responses into wrong ones: another value somewhere in the JSON, text that is no JSON,
-- headers that lie. From a seeded `random` (support/seeds.lua), so that a failure can be had again.

local M = {}

local DEEP = ("["):rep(300) .. ("]"):rep(300)
local DEEPEST = ('{"a":'):rep(100000) .. "1" .. ("}"):rep(100000)

-- JSON texts that stand where another value is expected.
local VALUES = {
  "null", "true", "false", "0", "-1", "1.5", "17", "1e26", "1e308", "-1e308", "1e400", "9007199254740993",
  "123456789012345678901234567890", '"17"', '""', '"\\u0000"', '"a\\u0000b"', '"\\u001b[31m\\r\\n\\t"', '"\255\254"',
  '"\\ud800"', '"../../etc/passwd"', '"1970-01-01T00:00:00Z"',
  '"9999-12-31T23:59:59Z"',
  '"0000-00-00T00:00:00Z"', '"2026-13-45T99:99:99+99:99"', '"-292277026596-01-01T00:00:00Z"',
  '"%d%s%n"', "[]", "{}", "[null]", "[[]]", '[1,"a",{}]',
  '{"id":1}', '{"1":2}', '[{"id":"x"}]', DEEP, '"' .. ("x"):rep(5000) .. '"', "-0", "1e-400",
}

-- Bodies that replace the whole.
local BODIES = {
  "", "null", "17", '"text"', "true", "[]", "{}", "[null]", "[1,2]", '[["a"]]', "[{}]", '{"id":"17"}', '{"id":-1}',
  '{"id":1e26}', '{"id":1.5}', '{"message":{"base":[1,{}]}}', DEEP, DEEPEST, "<html><body>Sign in</body></html>",
  "\239\187\191{}", "\0", "{", "[", '{"id":1', "\255\254", '{"id":1}{"id":2}', "NaN", "{'id':1}",
}

local HEADERS = {
  ["X-Next-Page"] = { "1e300", "-1", "abc", "", "0", "1", "2", "3", "1.5", "99999999999999999999", "2\t",
    "4294967296" },
  ["X-Total-Pages"] = { "1e300", "-1", "999999999999", "0", "2", "abc" },
  ["X-Per-Page"] = { "0", "1", "-1", "abc", "1e9" },
  ["Link"] = { '<>; rel="next"', "<", '<?page=1>; rel="next"', '<http://evil.test/?page=2>; rel="next"',
    '<?cursor=a>; rel="next"', '<?%%%=%z&&=&page=>; rel=next', ('<?page=2>; rel="next",'):rep(50), "garbage" },
  ["Content-Type"] = { "text/html", "", "application/octet-stream", "application/json; charset=\255" },
  ["ETag"] = { "", '"', ("e"):rep(5000), "W/\"1\"" },
  ["Date"] = { "yesterday", "", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT" },
  ["RateLimit-Remaining"] = { "0", "-1", "1e300", "NaN" },
  ["RateLimit-Reset"] = { "0", "-1", "1e300", "99999999999", "NaN" },
  ["Retry-After"] = { "-1", "1e300", "99999999999", "soon" },
  ["Content-Range"] = { "bytes 0-0/1", "bytes 5-1/3", "bytes */10", "bytes 0-99999999999999999999/5", "garbage" },
  ["Content-Length"] = { "0", "-1", "99999999999999999999", "abc" },
  ["Location"] = { "/", "//", "http://[", "/api/v4/version", "\255" },
}
local NAMES = { "X-Next-Page", "X-Total-Pages", "X-Per-Page", "Link", "Content-Type", "ETag", "Date",
  "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "Content-Range", "Content-Length", "Location" }
local STATUSES = { 200, 201, 202, 203, 204, 205, 206, 299, 301, 302, 304, 400, 404, 418, 499, 500, 599 }

-- Fields that code reads; they are hit more often than the rest.
local READ = {}
for name in ([[id iid project_id status stage name ref sha source key value path type size mode created_at updated_at
  started_at finished_at erased_at duration web_url failure_reason allow_failure pipeline downstream_pipeline user
  artifacts artifacts_file filename file_type detailed_status scopes expires_at state tier default_branch
  path_with_namespace total_count test_suites total environment deployable last_deployment variable_type]])
  :gmatch "%S+" do READ[name] = true end

-- Where each value of a JSON text stands: {from, to, key}, and each member of an object: {from, to, member = true}.
local function spans_of(text)
  local spans = {}
  local value
  local function blanks(at) return text:match("^%s*()", at) end
  local function quoted(at)
    at = at + 1
    while at <= #text do
      local byte = text:sub(at, at)
      if byte == "\\" then at = at + 1 elseif byte == '"' then return at + 1 end
      at = at + 1
    end
    return at
  end
  local function items(at, close, each)
    at = blanks(at + 1)
    while at <= #text and text:sub(at, at) ~= close do
      at = blanks(each(at))
      if text:sub(at, at) == "," then at = blanks(at + 1) end
    end
    return at + 1
  end
  function value(at, key)
    local first = text:sub(at, at)
    local stop
    if first == "{" then
      stop = items(at, "}", function(from)
        local past = quoted(from)
        local name = text:sub(from + 1, past - 2)
        local to = value(blanks(text:match("^%s*:()", past) or past + 1), name)
        spans[#spans + 1] = { from = from, to = to - 1, member = true }
        return to
      end)
    elseif first == "[" then
      stop = items(at, "]", function(from) return value(from, key) end)
    elseif first == '"' then
      stop = quoted(at)
    else
      stop = text:match("^[^%s,%]}]+()", at) or at + 1
    end
    spans[#spans + 1] = { from = at, to = stop - 1, key = key }
    return stop
  end
  value(blanks(1))
  return spans
end

local function replaced(text, from, to, by) return text:sub(1, from - 1) .. by .. text:sub(to + 1) end

-- One value of the JSON text is another, is gone, or stands there twice.
local function change_value(text, random)
  local spans, read = spans_of(text), {}
  for _, span in ipairs(spans) do
    if span.key and READ[span.key] then read[#read + 1] = span end
  end
  local span = random.pick(#read > 0 and random.chance(0.7) and read or spans)
  if not span.member then return replaced(text, span.from, span.to, random.pick(VALUES)) end
  local member = text:sub(span.from, span.to)
  if random.chance(0.6) then return replaced(text, span.from, span.to, '"gone":0') end
  return replaced(text, span.from, span.to, random.chance(0.5) and member .. "," .. member
    or member .. "," .. member:match '^"[^"]*"' .. ":" .. random.pick(VALUES))
end

-- The text breaks off, begins with a mark, or holds bytes that do not belong there.
local function change_text(text, random)
  local at = random.int(0, #text)
  return random.pick {
    text:sub(1, at), "\239\187\191" .. text, text .. "garbage", text:sub(1, at) .. "\0" .. text:sub(at + 1),
    text:sub(1, at) .. "\255" .. text:sub(at + 1), text:sub(1, at) .. random.pick(VALUES) .. text:sub(at + 1),
  }
end

local function set_header(headers, name, value)
  for i = #headers, 1, -1 do
    if headers[i][1]:lower() == name:lower() then table.remove(headers, i) end
  end
  if value then headers[#headers + 1] = { name, value } end
end

--- Another response: status, headers (changed in place), body.
---@param random table
---@param status integer
---@param headers table[]
---@param body string
---@return integer status, table[] headers, string body
function M.response(random, status, headers, body)
  local what = random.unit()
  local is_json = body:find "^%s*[%[{]" ~= nil
  if what < 0.6 and is_json then return status, headers, change_value(body, random) end
  if what < 0.7 then return status, headers, change_text(body, random) end
  if what < 0.8 then return status, headers, random.pick(BODIES) end
  if what < 0.97 then
    local name = random.pick(NAMES)
    set_header(headers, name, random.chance(0.9) and random.pick(HEADERS[name]) or nil)
    return status, headers, body
  end
  return random.pick(STATUSES), headers, body
end

return M
