local lexer = require "gitlab_pipelines.flow.lexer"
local scan = require "gitlab_pipelines.flow.scan"

local function kinds(text)
  local list = {}
  for _, token in ipairs(lexer.tokens(text)) do
    if token.kind ~= "end" then list[#list + 1] = token.kind .. ":" .. token.text end
  end
  return table.concat(list, " ")
end

describe("the lexer", function()
  it("cuts every kind of token", function()
    assert.equal("name:a symbol:= number:0x1p-4 symbol:.. string:'b\\'c' keyword:and number:1e+5 "
      .. "symbol:// number:.5 symbol:~= name:x symbol:. name:y symbol:... symbol:::",
      kinds "a=0x1p-4 ..'b\\'c' and 1e+5//.5~=x.y ... ::")
    assert.equal("number:1 symbol:.. number:2", kinds "1 ..2")
    assert.equal("number:3ULL number:0xAbULL", kinds "3ULL 0xAbULL")
    assert.equal('string:[==[a]]\nb]==] name:c', kinds "[==[a]]\nb]==]c")
    assert.equal('string:"a\\z\n  b" name:c', kinds '"a\\z\n  b"c')
    assert.equal("symbol:[ symbol:[ name:a symbol:] symbol:]", kinds "[ [a] ]")
  end)

  it("leaves out comments and a first line with #", function()
    assert.equal("name:a name:b", kinds "#!/usr/bin/lua\na --[==[ x\n]] ]==] b -- c")
  end)

  it("knows the line of each token", function()
    local lines = {}
    for _, token in ipairs(lexer.tokens "a\n[[\n\n]] b\n--[[\n]] c") do
      lines[#lines + 1] = token.text .. "@" .. token.line
    end
    assert.equal("a@1 [[\n\n]]@2 b@4 c@6 @6", table.concat(lines, " "))
  end)
end)

describe("the scan", function()
  local function found(text)
    local list = {}
    for _, test in ipairs(scan.tests("lib = pipeline {}\n" .. text)) do
      list[#list + 1] = ("%d %s %s"):format(test.line, test.text, test.how)
    end
    return table.concat(list, ", ")
  end

  -- What stands in the script's second line, and what is found there.
  local rows = {
    { "x = call { lib.id == 1 }", "2 lib.id ==" },
    { "local a = 1 == lib.id", "2 lib.id ==" },
    { "local a = lib['id'] ~= 1", "2 lib[...] ~=" },
    { "local a = (lib.id) == 1", "2 lib.id ==" },
    { "local a = not lib.id", "2 lib.id not" },
    { "local a = not (x and lib.id)", "2 lib.id not" },
    { "local a = lib.id and 1 or 2", "2 lib.id and" },
    { "local a = x and lib.id and 2", "2 lib.id and" },
    { "local a = x or lib.id or 2", "2 lib.id or" },
    { "local a = x and lib.id or 2", "" },
    { "local a = x or lib.id", "" },
    { "if x and lib.id then end", "2 lib.id if" },
    { "if x then elseif lib.id then end", "2 lib.id if" },
    { "while lib.id do end", "2 lib.id while" },
    { "repeat local y = 1 until lib.id", "2 lib.id until" },
    { "repeat local lib = 1 until lib", "" },
    { "if lib then end", "2 lib if" },
    { "local a = 'v' .. lib.id == 'v1'", "2 a text with lib.id ==" },
    { "local a = lib.job('x').status == 'y'", "2 lib.job(...).status ==" },
    { "local a = lib.job 'x'.status == 'y'", "2 lib.job(...).status ==" },
    { "local a = f(lib.id) == 1", "" },
    { "local a = { lib.id } == 1", "" },
    { "local a = s.lib.id == 1", "" },
    { "local lib = 1; local b = lib == 1", "" },
    { "local function f(lib) return lib == 1 end", "" },
    { "local function lib() return lib == 1 end", "" },
    { "for lib = 1, 2 do f(lib == 1) end f(lib.x == 1)", "2 lib.x ==" },
    { "for _, lib in p do f(lib == 1) end", "" },
    { "do local lib = 2; f(lib == 2) end f(lib.id == 2)", "2 lib.id ==" },
    { "local a <const> = lib.id; f(a == 1)", "2 lib.id ==" },
    { "local a = lib.id; a = 5; f(a == 1)", "" },
    { "local t = { f = function() return lib.id == 1 end, [lib.x and 1] = 2; 3 }",
      "2 lib.id ==, 2 lib.x and" },
    { "f{ a = not lib.id }", "2 lib.id not" },
    { "function t.a.b:c(x) return x == lib.id end", "2 lib.id ==" },
    { "goto done; ::done:: f(lib.id == 1)", "2 lib.id ==" },
    { "return lib.id == 1", "2 lib.id ==" },
    { "x = 5; f(x == 5)", "" },
    { "f(-lib.id ^ 2 == 1)", "" },
    { "_G.lib2 = pipeline {}; f(_G.lib2.id == 1)", "2 lib2.id ==" },
    { "f(_G['lib'].id == 1)", "2 lib.id ==" },
  }
  for _, row in ipairs(rows) do
    it("of " .. row[1], function() assert.equal(row[2], found(row[1])) end)
  end

  it("reads all the Lua of this project without stumbling", function()
    local pipe = io.popen "find lua spec examples -name '*.lua' | sort"
    local count = 0
    for path in pipe:lines() do
      local file = io.open(path)
      local ok, message = pcall(scan.tests, file:read "*a")
      file:close()
      assert(ok, path .. ": " .. tostring(message))
      count = count + 1
    end
    pipe:close()
    assert.is_true(count > 100)
  end)
end)
