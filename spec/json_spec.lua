local core = require "gitlab_pipelines.core"
local json = require "gitlab_pipelines.json"
local random = require "support.random"

local math_type = rawget(math, "type") -- nil where numbers have one kind

describe("json", function()
  describe("decoding", function()
    it("gives integers where Lua has them", function()
      local value = json.decode [[{"id": 10000, "big": 123456789012345, "minus": -17,
        "edge": 9007199254740992, "list": [1, 2.0, 1e2]}]]
      assert.equal(10000, value.id)
      assert.equal("10000", ("%d"):format(value.id))
      for _, number in ipairs { value.id, value.big, value.edge, value.minus, value.list[1],
        value.list[2], value.list[3] } do
        assert.equal(0, number % 1)
        if math_type then assert.equal("integer", math_type(number)) end
      end
      assert.equal(123456789012345, value.big)
      assert.equal(100, value.list[3])
    end)

    it("keeps what is no whole number, and what is beyond 2^53", function()
      assert.equal(0.1, json.decode "0.1")
      assert.equal(1e308, json.decode "1e308")
      assert.equal(2 ^ 60, json.decode "1152921504606846976")
      if math_type then
        assert.equal("float", math_type(json.decode "1152921504606846976"))
        assert.equal("integer", math_type(json.decode "17"))
      end
    end)

    it("knows one zero", function()
      local zero = json.decode "-0"
      assert.equal(0, zero)
      assert.equal(1 / 0, 1 / zero)
      assert.equal(1 / 0, 1 / json.decode "[-0.0]"[1])
    end)

    it("leaves a null out of an object and keeps it in an array", function()
      local value = json.decode '{"a":null,"b":{"c":null,"d":[null,1,null]},"e":false}'
      assert.is_nil(rawget(value, "a"))
      assert.is_nil(value.b.c)
      assert.equal(3, #value.b.d)
      assert.equal(json.null, value.b.d[1])
      assert.equal(json.null, value.b.d[3])
      assert.equal(false, value.e)
      assert.equal(json.null, json.decode "null")
    end)

    it("knows an empty array from an empty object, and writes each as it came", function()
    for _, text in ipairs { '[]', '{}', '{"a":[],"b":{},"c":[[],[[]],{}]}', '["[]","\\"[]"]', '[1,[]]' } do
      assert.equal(text, json.encode(json.decode(text)))
    end
    assert.equal('{"a":[]}', json.encode(json.decode '{"a":[ \n]}'))
    assert.is_true(json.is_array(json.decode("[]")))
    assert.equal(0, #json.decode "[]")
    assert.is_nil(next(json.decode "[]"))
    for _, text in ipairs { "[", "[]]", '"[]', '"\\', "[ " } do assert.is_nil((json.decode(text))) end
  end)

  it("returns nil and a message for what is no JSON", function()
      for _, text in ipairs { "", "nope", "{", "[1,]", '{"a":1', '"a', "01", "1 2", "{'a':1}", "NaN",
        "Infinity", "-Infinity", "nan", "0x10", "[1}", '"\\ud800x"', "\0", "<html>" } do
        local value, message = json.decode(text)
        assert.is_nil(value, text)
        assert.equal("string", type(message), text)
      end
    end)

    it("refuses a number that no double holds", function()
      for _, text in ipairs { "1e999", "-1e999", "[1,1e999]", '{"a":[{"b":1e400}]}' } do
        local value, message = json.decode(text)
        assert.is_nil(value, text)
        assert.is_truthy(message:find("a number is beyond the range of a double", 1, true), message)
      end
    end)

    it("bounds the depth", function()
      assert.is_table(json.decode(("["):rep(256) .. ("]"):rep(256)))
      local value, message = json.decode(("["):rep(257) .. ("]"):rep(257))
      assert.is_nil(value)
      assert.is_truthy(message:find "nested")
      assert.is_nil((json.decode(('{"a":'):rep(100000))))
    end)

    it("raises for what is no text", function()
      assert.has_error(function() json.decode(nil) end)
      assert.has_error(function() json.decode {} end)
    end)

    it("keeps the last of several values of one name", function()
      assert.same({ a = 3 }, json.decode '{"a":1,"b":2,"a":3,"b":null}')
      local fields = {}
      for i = 1, 200 do fields[i] = ('"k%d":%d'):format(i % 70, i) end
      local value = json.decode("{" .. table.concat(fields, ",") .. ',"k3":null}')
      assert.is_nil(value.k3)
      assert.equal(200, value.k60)
      assert.equal(131, value.k61)
    end)

    it("reads wide objects at every depth", function()
      local fields = {}
      for i = 1, 150 do fields[i] = ('"k%d":[%d,{"x":"y"}]'):format(i, i) end
      local wide = table.concat(fields, ",")
      local value = json.decode(('{%s,"in":'):format(wide):rep(254) .. '{"last":true' .. ("}"):rep(255))
      for _ = 1, 254 do
        assert.equal(150, value.k150[1])
        assert.equal("y", value.k1[2].x)
        value = value["in"]
      end
      assert.is_true(value.last)
    end)

    it("reads every escape", function()
      assert.equal('"\\/\b\f\n\r\t', json.decode [["\"\\\/\b\f\n\r\t"]])
      assert.equal("a\0b\195\188\226\130\172\240\157\132\158",
        json.decode [["a\u0000b\u00fc\u20AC\ud834\uDD1E"]])
      for _, text in ipairs { [["\x"]], [["\u12"]], [["\u12g4"]], [["\udd1e"]], [["\ud834"]],
        [["\ud834\u0041"]], [["\]], [["\u]], '"a\0b"' } do
        local value, message = json.decode(text)
        assert.is_nil(value, text)
        assert.is_truthy(message:find "at character %d+", message)
      end
    end)

    it("keeps every empty array, and nothing that only looks like one", function()
      for _, text in ipairs { "[]", "[[],[[]]]", '{"a":[],"b":{"c":[]}}', '{"[]":"[]","a":"\\"[]\\\\"}' } do
        assert.equal(text, json.encode(json.decode(text)))
      end
      assert.equal("[]", json.encode(json.decode "[ \n\r\t]"))
      assert.equal("{}", json.encode(json.decode "{}"))
      for _, text in ipairs { [=["\u0000"]=], [=["\u0000[]"]=], [=["\u0000\u0000a",[],"\u0000"]=], [=["\\u0000"]=],
        [=[["\u0000"]]=] } do
        text = "[" .. text .. "]"
        assert.equal(text, json.encode(json.decode(text)))
      end
      for _, text in ipairs { "[", "[ ", '["', '["[]', '["\\' } do assert.is_nil((json.decode(text))) end
    end)

    it("reads what lua-cjson reads, empty arrays, nulls and integers apart", function()
      local cjson = require "cjson".new()
      cjson.decode_invalid_numbers(false)
      local seed = random.seed()
      local dice = random.new(seed)
      local pieces = { "{", "}", "[", "]", ",", ":", '"a"', '"b"', '"\\n\\u00e9"', "17 ", "-0.5 ", "1e3 ",
        "null", "true", " ", '"a":', '"c":{', '[1,', '"long text without an end":' }
      -- Both as canonical text: null in an object left out, and the mark of an empty array, which
      -- lua-cjson cannot tell from an empty object.
      local function canonical(value)
        if type(value) ~= "table" then return value end
        local copy = {}
        for key, one in pairs(value) do
          if one ~= cjson.null or type(key) == "number" then copy[key] = canonical(one) end
        end
        return copy
      end
      local good = 0
      for _ = 1, 20000 do
        local text = {}
        for i = 1, dice(1, 9) do text[i] = pieces[dice(1, #pieces)] end
        text = table.concat(text)
        local ok, theirs = pcall(cjson.decode, text)
        local ours, message = json.decode(text)
        assert.equal(ok, message == nil, ("SEED=%d %s"):format(seed, text))
        if ok then
          good = good + 1
          assert.equal(json.encode { canonical(theirs) }, json.encode { canonical(ours) },
            ("SEED=%d %s"):format(seed, text))
        end
      end
      assert.is_true(good > 500)
    end)

    it("leaves the host's cjson as it was", function()
      local cjson = require "cjson"
      assert.is_true(cjson.decode_max_depth() > 256)
      assert.equal(cjson.null, json.null)
    end)
  end)

  describe("encoding", function()
    it("sorts names by their bytes", function()
      assert.equal('{"":0,"A":1,"B":2,"a":3,"aa":4,"ab":5,"b":6,"ä":7}',
        json.encode { ["ä"] = 7, b = 6, ab = 5, aa = 4, a = 3, B = 2, A = 1, [""] = 0 })
    end)

    it("writes one text for one number", function()
      local numbers = {
        { 0, "0" }, { -0.0, "0" }, { 17, "17" }, { 17.0, "17" }, { -17, "-17" }, { 0.1, "0.1" },
        { 1e308, "1e+308" }, { 5e-324, "5e-324" }, { 1 / 3, "0.3333333333333333" },
        { 0.1 + 0.2, "0.30000000000000004" }, { 123456789012345, "123456789012345" },
        { 2 ^ 53, "9007199254740992" }, { 2 ^ 60, "1152921504606846976" }, { 2 ^ 63, "9.223372036854776e+18" },
        { 1e21, "1e+21" }, { 1.5, "1.5" }, { 100.25, "100.25" }, { 1767225600.085, "1767225600.085" },
      }
      for _, row in ipairs(numbers) do
        assert.equal(row[2], json.encode(row[1]))
        assert.equal(row[1], json.decode(json.encode(row[1])))
      end
    end)

    it("writes the integers at the very ends", function()
      if not math_type then return end
      local least, most = rawget(math, "mininteger"), rawget(math, "maxinteger")
      assert.equal("[-9223372036854775808,9223372036854775807]", json.encode { least, most })
    end)

    it("tells arrays from objects", function()
      assert.equal("{}", json.encode {})
      assert.equal("[]", json.encode(json.array {}))
      assert.equal("[]", json.encode(json.array()))
      assert.equal("[1,[],{}]", json.encode { 1, json.array {}, {} })
      assert.equal('{"a":[]}', json.encode { a = json.array {} })
      assert.equal("[null,1]", json.encode { json.null, 1 })
      assert.is_true(json.is_array(json.array {}))
      assert.is_false(json.is_array {})
      assert.is_false(json.is_array "x")
    end)

    it("escapes what JSON must and passes the rest on", function()
      assert.equal([["\u0000\b\t\n\u000b\f\r\u001f\"\\/\u007fü]] .. "\255\"",
        json.encode "\0\b\t\n\11\f\r\31\"\\/\127ü\255")
      assert.equal("\255\254", json.decode(json.encode "\255\254"))
    end)

    it("shows a secret as [secret]", function()
      assert.equal('{"token":"[secret]"}', json.encode { token = core.secret.new "glpat-123456789" })
    end)

    local refused = {
      { "a function", function() return { a = { b = print } } end,
        "cannot encode function (at value.a.b)" },
      { "a coroutine", function() return coroutine.create(print) end,
        "cannot encode thread (at value)" },
      { "a file", function() return { io.stdout } end,
        "cannot encode userdata (at value[1])" },
      { "NaN", function() return { 1, 0 / 0 } end,
        "cannot encode NaN (at value[2])" },
      { "an infinity", function() return { x = -1 / 0 } end,
        "cannot encode an infinite number (at value.x)" },
      { "a hole", function() return { a = { 1, nil, 3 } } end,
        "cannot encode an array with a hole (at value.a" },
      { "a marked hole", function() return json.array { [2] = 1 } end,
        "cannot encode an array with a hole (at value" },
      { "a mixed table", function() return { 1, x = 2 } end,
        "both names and numbers as keys (at value)" },
      { "a marked object", function() return json.array { x = 2 } end,
        "both names and numbers as keys (at value)" },
      { "a boolean key", function() return { [true] = 1 } end,
        "cannot encode a key that is not a string (at value)" },
      { "a broken key", function() return { [1.5] = 1 } end,
        "cannot encode an array with a hole (at value" },
      { "a cycle", function() local t = {} t.t = t return t end,
        "cannot encode a cycle" },
    }
    for _, row in ipairs(refused) do
      it("refuses " .. row[1] .. ", naming the place", function()
        local ok, message = pcall(function()
          local text = json.encode(row[2]())
          return text
        end)
        assert.is_false(ok)
        assert.is_truthy(message:find(row[3], 1, true), message)
        assert.is_truthy(message:find("json_spec.lua:%d+:"), message)
      end)
    end

    it("goes on working after a refusal", function()
      for _ = 1, 3 do
        assert.is_false(pcall(json.encode, { a = 1, b = { c = 2, d = print } }))
        assert.equal('{"a":1,"b":{"c":2,"d":3}}', json.encode { b = { d = 3, c = 2 }, a = 1 })
      end
    end)

    it("bounds the depth", function()
      local deep = {}
      for _ = 1, 255 do deep = { deep } end
      assert.equal(("["):rep(255) .. "{}" .. ("]"):rep(255), json.encode(deep))
      assert.is_false(pcall(json.encode, { deep }))
    end)

    it("takes huge strings and many names", function()
      local text = ("x\n"):rep(2 ^ 20)
      assert.equal(text, json.decode(json.encode(text)))
      local many = {}
      for i = 1, 5000 do many["key" .. i] = i end
      local back = json.decode(json.encode(many))
      assert.same(many, back)
    end)
  end)

  it("reads back what it wrote, and writes the same again", function()
    local seed = random.seed()
    local dice = random.new(seed)
    local function value(depth)
      local kind = dice(1, depth > 0 and 7 or 5)
      if kind == 1 then return dice(-100000, 100000) end
      if kind == 2 then return dice(-100000, 100000) / 2 ^ dice(0, 60) * 10 ^ dice(-20, 20) end
      if kind == 3 then return dice(0, 1) == 1 end
      if kind <= 5 then
        local bytes = {}
        for i = 1, dice(0, 12) do bytes[i] = string.char(dice(0, 255)) end
        return table.concat(bytes)
      end
      local t = kind == 6 and json.array {} or {}
      for i = 1, dice(0, 6) do
        t[kind == 6 and i or "k" .. dice(0, 99)] = value(depth - 1)
      end
      return t
    end
    for _ = 1, 300 do
      local text = json.encode { value(4) }
      local back = json.decode(text)
      -- Empty arrays come back as empty tables: the one thing that Lua's tables do not tell.
      assert.equal((text:gsub("%[%]", "{}")), (json.encode(back):gsub("%[%]", "{}")), "SEED=" .. seed)
    end
  end)
end)
