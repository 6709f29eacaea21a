local random = require "support.random"
local text = require "gitlab_pipelines.text"

local bounded = text.strings
local unpack = table.unpack or unpack

local function pack(...) return { n = select("#", ...), ... } end

-- What a function gives, or that it raises.
local function outcome(fn, ...)
  local all = pack(pcall(fn, ...))
  if not all[1] then return { "raises" } end
  return all
end

-- The same outcome; but ours finds a capture without an end also where nobody asks for it.
local function same(name, about, ...)
  local ours = pack(pcall(bounded[name], ...))
  if not ours[1] and tostring(ours[2]):find("unfinished capture", 1, true) then return end
  if not ours[1] then ours = { "raises" } end
  assert.same(outcome(string[name], ...), ours, about)
end

-- Lua 5.4 does not take an empty match right behind another; before, some did.
local modern = _VERSION == "Lua 5.4"
local old = _VERSION == "Lua 5.1"

local rows = {
  { "hello world", "o w" }, { "hello world", "l+" }, { "hello", "(h)(e)(l+)" }, { "hello", "()ll()" },
  { "key = value", "^(%w+)%s*=%s*(%w+)$" }, { "a.b", "%." }, { "f(a(b)c)d", "%b()" },
  { "THE (quick) fox", "%((%a+)%)" }, { "abab", "(ab)%1" }, { "aXbX", "(.)X(.)X" },
  { "x", "(((x)))" }, { "xyz", "" }, { "", "" }, { "", ".*" }, { "aaa", "a-" }, { "aaa", "a-$" },
  { "\0a\0", "%z" }, { "ab", "(a)(b)()" }, { "hello", "[^%s]+" }, { "THE", "%f[%a]%a+%f[%A]" },
  { "aab", "a?a?b" }, { "x", "(" }, { "x", ")" }, { "x", "%" }, { "x", "[a" }, { "x", "%b" },
  { "x", "%f" }, { "x", "%1" }, { "x", "(x)%2" }, { "x", "(()" }, { "ab", "(a)(%1)" },
  { "aaaaaa", "(a)(a)(a)" }, { "foo.bar", "(.-)%.(.*)" }, { "^a", "^^a" }, { "$", "%$" }, { "a$", "a$" },
}

describe("the bounded string library", function()
  it("finds and matches as Lua does", function()
    for _, row in ipairs(rows) do
      for init = -3, 8 do
        for _, name in ipairs { "find", "match" } do
          -- LuaJIT looks at the end where Lua finds nothing.
          if not old or init <= #row[1] + 1 then
            same(name, ("%s %q %d"):format(name, row[2], init), row[1], row[2], init)
          end
        end
      end
      assert.same(outcome(string.find, row[1], row[2], 1, true),
        outcome(bounded.find, row[1], row[2], 1, true))
    end
  end)

  it("goes through matches as Lua does", function()
    for _, row in ipairs(rows) do
      local function all(library)
        local found = {}
        for a, b, c in library.gmatch(row[1], row[2]) do found[#found + 1] = pack(a, b, c) end
        return found
      end
      -- Without a match of nothing, all Luas agree.
      if modern or not pcall(string.find, "", row[2]) or not (""):find(row[2]) then
        assert.same(outcome(all, string), outcome(all, bounded), row[2])
      end
    end
  end)

  it("replaces as Lua does", function()
    local replacements = { "<%0>", "%1", "%%", "x", 7, { a = "A", ab = false, l = 1 },
      function(a, b) return b or a and a .. "!" end, function() end, "%9", true, "" }
    if not old then replacements[#replacements + 1] = "%x" end
    for _, row in ipairs(rows) do
      for _, repl in ipairs(replacements) do
        for _, most in ipairs { 0, 1, 2, 100 } do
          if modern or not pcall(string.find, "", row[2]) or not (""):find(row[2]) then
            same("gsub", ("%q %s"):format(row[2], tostring(repl)), row[1], row[2], repl, most)
          end
        end
      end
    end
  end)

  it("agrees with Lua about random patterns", function()
    local seed = random.seed()
    local dice = random.new(seed)
    local pieces = { "a", "b", ".", "%a", "[ab]", "[^a]", "(", ")", "*", "+", "-", "?", "()", "%1", "$", "^" }
    local function text_of(list, count)
      local parts = {}
      for i = 1, count do parts[i] = list[dice(1, #list)] end
      return table.concat(parts)
    end
    for _ = 1, 3000 do
      local pattern, subject = text_of(pieces, dice(1, 7)), text_of({ "a", "b", "c" }, dice(0, 8))
      local about = ("seed %d: %q %q"):format(seed, pattern, subject)
      same("match", about, subject, pattern)
      same("find", about, subject, pattern)
      if modern then same("gsub", about, subject, pattern, "<%0>") end
    end
  end)

  it("repeats, and nothing at once", function()
    assert.equal("abab", bounded.rep("ab", 2))
    assert.equal("a,a,a", bounded.rep("a", 3, ","))
    assert.equal("", bounded.rep("a", 0))
    assert.equal("", bounded.rep("", 1e15))
    assert.has_error(function() bounded.rep("a", 1e10) end, "resulting string too large")
  end)
end)

describe("the bounded table library", function()
  local list = text.libraries().table

  it("sorts, and keeps the order of equal ones", function()
    local dice = random.new(random.seed())
    for _ = 1, 50 do
      local values, expected = {}, {}
      for i = 1, dice(0, 40) do values[i] = { key = dice(1, 5), at = i } end
      for i, value in ipairs(values) do expected[i] = value end
      table.sort(expected, function(a, b)
        if a.key ~= b.key then return a.key < b.key end
        return a.at < b.at
      end)
      list.sort(values, function(a, b) return a.key < b.key end)
      assert.same(expected, values)
    end
    local words = { "b", "a", "c" }
    list.sort(words)
    assert.same({ "a", "b", "c" }, words)
    assert.has_error(function() list.sort { 1, "a" } end)
  end)

  it("inserts, removes and moves within the list", function()
    local values = { 1, 2, 3 }
    list.insert(values, 4)
    list.insert(values, 1, 0)
    assert.same({ 0, 1, 2, 3, 4 }, values)
    assert.equal(0, list.remove(values, 1))
    assert.equal(4, list.remove(values))
    assert.is_nil(list.remove({}))
    assert.same({ 1, 1, 2, 3 }, list.move(values, 1, 3, 2))
    assert.same({ 1, 2, 3 }, list.move({ 9, 1, 2, 3 }, 2, 4, 1, {}))
    for _, at in ipairs { 0, 9, 1.5, -2 ^ 31, 2 ^ 53 } do
      assert.has_error(function() list.insert({ 1, 2 }, at, "x") end)
      assert.has_error(function() list.remove({ 1, 2 }, at + (at == 0 and 9 or 0)) end)
    end
    assert.equal("a-b", list.concat({ "a", "b" }, "-"))
    assert.same({ 2, 3 }, { list.unpack({ 1, 2, 3 }, 2) })
    assert.equal(2, select("#", unpack { 1, 2 }))
  end)
end)
