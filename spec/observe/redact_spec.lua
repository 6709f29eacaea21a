local core = require "gitlab_pipelines.core"
local json = require "gitlab_pipelines.json"
local random = require "support.random"
local redact = require "gitlab_pipelines.observe.redact"

local shown = redact.shown

-- The text as a stream cut at each of these places.
local function streamed(redactor, text, cuts)
  local stream, parts, from = redactor:stream(), {}, 1
  for _, cut in ipairs(cuts) do
    parts[#parts + 1] = stream:feed(text:sub(from, cut))
    from = cut + 1
  end
  parts[#parts + 1] = stream:feed(text:sub(from))
  parts[#parts + 1] = stream:finish()
  return table.concat(parts)
end

local function percent_all(s, format)
  return (s:gsub(".", function(c) return (format or "%%%02X"):format(c:byte()) end))
end

local function utf16(s)
  return (s:gsub("[%z\1-\127\194-\244][\128-\191]*", function(c)
    local code = c:byte()
    if code >= 0xf0 then
      code = (code - 0xf0) * 0x40000 + (c:byte(2) - 128) * 0x1000 + (c:byte(3) - 128) * 64
        + c:byte(4) - 128 - 0x10000
      return ("\\u%04x\\u%04X"):format(0xd800 + math.floor(code / 1024), 0xdc00 + code % 1024)
    elseif code >= 0xe0 then
      code = (code - 0xe0) * 4096 + (c:byte(2) - 128) * 64 + c:byte(3) - 128
    elseif code >= 0xc0 then
      code = (code - 0xc0) * 64 + c:byte(2) - 128
    end
    return ("\\u%04x"):format(code)
  end))
end

-- Every way in which a secret may be written.
local function forms(secret)
  local list = {
    secret,
    core.uri.segment(secret),
    core.uri.segment(secret):lower() == core.uri.segment(secret) and secret
      or core.uri.segment(secret):gsub("%%%x%x", string.lower),
    core.uri.form(secret),
    percent_all(secret),
    percent_all(secret, "%%%02x"),
    json.encode(secret):sub(2, -2),
    json.encode(secret):sub(2, -2):gsub("/", "\\/"),
    json.encode(core.uri.segment(secret)):sub(2, -2),
    utf16(secret),
    core.digest.hex(secret),
    core.digest.hex(secret):upper(),
  }
  return list
end

describe("redaction", function()
  -- Plain; with everything that an encoding touches; with what the encodings themselves use.
  local secrets = {
    "s3kr1tToken99",
    "pa ss/w+rd\"q\\e=ü€😀&end",
    "100%41\\n+%2F\\u0041zz",
    "line one\nline two\t!",
  }

  for index, secret in ipairs(secrets) do
    it(("takes every written form of secret %d out, wherever the text is cut"):format(index),
      function()
        local redactor = redact.new():add(core.secret.new(secret))
        for n, form in ipairs(forms(secret)) do
          local text = "before " .. form .. " after"
          -- Lines stay lines.
          local expected = "before " .. (form:find "\n" and shown .. "\n" .. shown or shown) .. " after"
          assert.equal(expected, redactor:text(text), "form " .. n)
          for cut = 0, #text do
            assert.equal(expected, streamed(redactor, text, { cut }),
              ("form %d cut at %d"):format(n, cut))
          end
          local bytes = {}
          for cut = 1, #text do bytes[cut] = cut end
          assert.equal(expected, streamed(redactor, text, bytes), "form " .. n .. " byte by byte")
        end
      end)

    it(("takes secret %d out of base64 at each alignment"):format(index), function()
      local redactor = redact.new():add(secret)
      for before = 0, 5 do
        for after = 0, 2 do
          local whole = ("x"):rep(before) .. secret .. ("y"):rep(after)
          local plain = core.digest.base64(whole)
          local wrapped = plain:gsub(("."):rep(7), "%0\r\n")
          for _, text in ipairs { plain, plain:gsub("%+", "-"):gsub("/", "_"),
            core.uri.segment(plain), plain:gsub("/", "\\/"), wrapped } do
            local clean = redactor:text(text)
            assert.is_truthy(clean:find(shown, 1, true), text)
            -- What is left are the neighbours, at most two letters that they share with it, and up to
            -- three at the end of a line.
            local left = clean:gsub("%[secret%]", ""):gsub("[\r\n]", ""):gsub("%%%x%x", ".")
            local shared = text == wrapped and 8 or 5
            assert.is_true(#left <= math.ceil((before + after) * 4 / 3) + shared, text .. " " .. clean)
            for cut = 0, #text do
              assert.equal(clean, streamed(redactor, text, { cut }))
            end
          end
        end
      end
    end)
  end

  it("finds secrets that overlap, touch and contain each other", function()
    local redactor = redact.new():add "abcdefgh":add "efghijkl":add "abcdefghXY":add "efghijkl"
    assert.equal("-" .. shown .. "-", redactor:text "-abcdefghijkl-")
    assert.equal("-" .. shown .. "-", redactor:text "-abcdefghabcdefgh-")
    assert.equal("-" .. shown .. "-", redactor:text "-abcdefghXY-")
    assert.equal("-" .. shown .. "X-", redactor:text "-abcdefghX-")
    assert.equal("-abcdefg-efghijk-", redactor:text "-abcdefg-efghijk-")
    for cut = 0, 14 do
      assert.equal("-" .. shown .. "-", streamed(redactor, "-abcdefghijkl-", { cut }))
      assert.equal("-" .. shown .. "X-", streamed(redactor, "-abcdefghX-", { cut }))
    end
  end)

  it("covers the rest of a secret that outlasts the value it stands in", function()
    local redactor = redact.new():add "word one word two"
    assert.equal("token=" .. shown .. ".", redactor:text "token=word one word two.")
    assert.equal("token=" .. shown .. " word.", redactor:text "token=word word.")
  end)

  it("sees a secret right behind a backslash", function()
    local redactor = redact.new():add "nsecret99"
    assert.equal("C:\\" .. shown .. "!", redactor:text "C:\\nsecret99!")
    assert.equal("C:\\\\" .. shown .. "!", redactor:text "C:\\\\nsecret99!")
  end)

  it("tells the end of a secret inside an escape from the escape", function()
    local redactor = redact.new():add "half a letter \195"
    assert.equal("half a letter \\u00fc", redactor:text "half a letter \\u00fc")
    assert.equal(shown .. "\188", redactor:text "half a letter \195\188")
  end)

  it("looks over two line breaks in base64 and no more", function()
    local redactor = redact.new():add "s3kr1tToken99"
    local text = core.digest.base64 "s3kr1tToken99"
    assert.is_truthy(redactor:text(text:gsub("....", "%0\n\n")):find(shown, 1, true))
    assert.is_nil(redactor:text(text:gsub("....", "%0\n\n\n")):find(shown, 1, true))
  end)

  it("knows short secrets as they stand, and no empty ones", function()
    local redactor = redact.new():add(core.secret.new("abc", { short = true })):add ""
    assert.equal("x" .. shown .. "x 616263 YWJj", redactor:text "xabcx 616263 YWJj")
    assert.equal("", redactor:text "")
  end)

  local texts = {
    -- tokens by their prefix
    { "a glpat-AbC_1.2-3 b", "a [secret] b" },
    { "glcbt-64_eyJhbGciOi.eyJpc3Mi.abc-_9", "[secret]" },
    { "glptt-lib,gldt-x;glrt-1 glrtr-2", "[secret],[secret];[secret] [secret]" },
    { "gloas-1 glagent-2 glft-3 glimt-4 glwt-5 glsoat-6 glffct-7", nil },
    { "whsec_aGVs/bG8+d29y= x", "[secret] x" },
    { "tokens begin with glpat- and so on", "tokens begin with glpat- and so on" },
    { "GLPAT-abc is none", "GLPAT-abc is none" },
    { "url/glpat-abc/x", "url/[secret]/x" },
    { "glpat%2Dabc%2Ed&x", "[secret]&x" },
    -- headers
    { "PRIVATE-TOKEN: abc def\r\nHost: h\r\n", "PRIVATE-TOKEN: [secret]\r\nHost: h\r\n" },
    { "private-token:abc", "private-token:[secret]" },
    { "Authorization: Bearer a.b.c\n", "Authorization: [secret]\n" },
    { "Proxy-Authorization: Basic YQ==\nJOB-TOKEN: x\nX-Gitlab-Token: y", nil },
    { "Deploy-Token: abc\nok", "Deploy-Token: [secret]\nok" },
    { "webhook-signature: v1,abc= v1,def=\nok", "webhook-signature: [secret]\nok" },
    { "Set-Cookie: a=\"b\"; Path=/\nCookie: c=d; e=f\n", "Set-Cookie: [secret]\nCookie: [secret]\n" },
    { "curl -H 'PRIVATE-TOKEN: abc' http://h", "curl -H 'PRIVATE-TOKEN: [secret]' http://h" },
    { 'curl -H "JOB-TOKEN:  abc" http://h', 'curl -H "JOB-TOKEN:  [secret]" http://h' },
    { '{"PRIVATE-TOKEN":"abc","x":1}', '{"PRIVATE-TOKEN":"[secret]","x":1}' },
    { '[["Authorization","Bearer x"],["A","b"]]', '[["Authorization","[secret]"],["A","b"]]' },
    { '{"Authorization":["Bearer x"],"A":["b"]}', '{"Authorization":["[secret]"],"A":["b"]}' },
    { '["JOB-TOKEN"] = "abc", y', '["JOB-TOKEN"] = "[secret]", y' },
    { "'Cookie' => 'abc', y", "'Cookie' => '[secret]', y" },
    { "authorization=Bearer abc\nx", "authorization=[secret]\nx" },
    { "Authorization:\nnext", "Authorization:\nnext" },
    { "'Authorization: '", "'Authorization: '" },
    { '"Cookie": null, "x"', '"Cookie": null, "x"' },
    { "X-Authorization-Kind: a", "X-Authorization-Kind: a" },
    { "my-cookie: a", "my-cookie: a" },
    { "Cookies are sweet", "Cookies are sweet" },
    -- parameters
    { "/x?private_token=abc&y=1", "/x?private_token=[secret]&y=1" },
    { "/x?y=1&job_token=a%26b#f", "/x?y=1&job_token=[secret]#f" },
    { "access_token=a token=b sig=c Signature=d", nil },
    { "token=abc&ref=main", "token=[secret]&ref=main" },
    { "token=&ref=main", "token=&ref=main" },
    { "token = abc def", "token = [secret] def" },
    { "token='a b' x", "token='[secret]' x" },
    { '"token"=abc x', '"token"=[secret] x' },
    { '"token"="abc" x', '"token"="[secret]" x' },
    { "?X-Amz-Credential=a%2Fb&X-Amz-Signature=c&z=1",
      "?X-Amz-Credential=[secret]&X-Amz-Signature=[secret]&z=1" },
    { "?X-Goog-Signature=c&x-goog-date=d", "?X-Goog-Signature=[secret]&x-goog-date=[secret]" },
    { '{"token":"a\\"b\\\\","token_x":"c","sig":null,"Signature": "d"}',
      '{"token":"[secret]","token_x":"c","sig":null,"Signature": "[secret]"}' },
    { '{"token":17,"sig":[1],"token" : true}', '{"token":17,"sig":[1],"token" : true}' },
    { '"{\\"token\\":\\"a\\\\\\"b\\",\\"x\\":1}"', '"{\\"token\\":\\"[secret]\\",\\"x\\":1}"' },
    { 'u%3Fprivate_token%3Da%2526b%26z=1', 'u%3Fprivate_token%3D[secret]%26z=1' },
    { '"x?private_token=abc\\u0026y=1"', '"x?private_token=[secret]\\u0026y=1"' },
    { "tokenizer=1 my_token=2 mytoken=3 token: 4 token 5 token\n=6",
      "tokenizer=1 my_token=2 mytoken=3 token: 4 token 5 token\n=6" },
    { 'token="never closed\nnext', 'token="[secret]\nnext' },
    { 'a "token"" b', 'a "token"" b' },
    { "token=", "token=" },
    { "token", "token" },
    -- userinfo
    { "https://user:pa%2Fss@h/x@y", "https://[secret]@h/x@y" },
    { "https://user@h", "https://[secret]@h" },
    { "https://a@b@h/", "https://[secret]@h/" },
    { "https://h:80/a@b http://h?q=a@b ftp://h#a@b", "https://h:80/a@b http://h?q=a@b ftp://h#a@b" },
    { "see https://h, mail a@b", "see https://h, mail a@b" },
    { "https:\\/\\/u:p@h\\/x", "https:\\/\\/[secret]@h\\/x" },
    { "r=https%3A%2F%2Fu%3Ap%40h%2Fx%40y", "r=https%3A%2F%2F[secret]%40h%2Fx%40y" },
    { "https://h%40x/y https://h%3Fx@y/z", "https://h%40x/y https://[secret]@y/z" },
    { "token=a\127b whsec_a\0b", "token=[secret]\127b [secret]\0b" },
    { "token\t=\tabc", "token\t=\t[secret]" },
    { "Authorization: a\0b\n", "Authorization: [secret]\n" },
    { "s3kr1t+oken99 s3kr1tToken9+ czNrcjF0_ czNrcjF0-", nil, "same" },
    { "`token=abc` x `token=`", "`token=[secret]` x `token=`" },
    { "https://@h", "https://@h" },
    { "https://h", "https://h" },
    -- nothing
    { "50% of \\ and \\u00zz and %zz and \\ud800\\u0041 stay", nil, "same" },
    { "\\ud83dxyz \\ud800\\uffff \\\0 %\0 glpat-\0 token \0", nil, "same" },
    { "\\ud800", nil, "same" }, { "%", nil, "same" }, { "\\", nil, "same" }, { "%4", nil, "same" },
    { "\\u00", nil, "same" }, { "\\ud83d\\ude0", nil, "same" }, { "+ - _ \0 \255", nil, "same" },
  }
  for _, row in ipairs(texts) do
    it(("of %q"):format(row[1]), function()
      local redactor = redact.new():add "s3kr1tToken99"
      local text = row[1]
      local clean = redactor:text(text)
      if row[3] == "same" then
        assert.equal(text, clean)
      elseif row[2] then
        assert.equal(row[2], clean)
      else
        -- A list of tokens or fields: each gone.
        local _, markers = clean:gsub("%[secret%]", "")
        local _, words = text:gsub("%S+[ \n]?", "")
        assert.is_true(markers >= 3 and markers <= words, clean)
        assert.is_nil(clean:find "gl%a+%-%d")
      end
      assert.equal(clean, redactor:text(clean), "redacting twice")
      for first = 0, #text do
        for second = first, math.min(#text, first + 8) do
          assert.equal(clean, streamed(redactor, text, { first, second }))
        end
      end
    end)
  end

  it("takes an endless userinfo for one, and holds no more than its bound", function()
    local redactor = redact.new()
    local text = "https://" .. ("a"):rep(3000) .. "@h/x"
    assert.equal("https://" .. shown .. "/x", redactor:text(text))
    for _, cut in ipairs { 5, 8, 1000, 1030, 1033, 1040, 2999 } do
      assert.equal("https://" .. shown .. "/x", streamed(redactor, text, { cut }))
    end
  end)

  it("knows a site's own prefix", function()
    local redactor = redact.new():add_prefix "acme:":add_prefix ""
    assert.equal("a " .. shown .. " acme: b", redactor:text "a acme:x1y2 acme: b")
  end)

  it("gives the same wherever random texts are cut, and leaves no secret", function()
    local seed = random.seed()
    local dice = random.new(seed)
    local secret = "k/y+3\"x\\%41z"
    local redactor = redact.new():add(secret):add "glued-secret"
    local pieces = forms(secret)
    for _, piece in ipairs { "token=", "\"token\":\"", "Authorization: ", "\n", "\"", "'", "&", "%",
      "\\", "\\u", "://", "@", "/", " ", "glpat-", "whsec_", "a", "=", "x", "%3D", "%22", "\\\"",
      "X-Amz-", "glued-", "glued-secret", ":", ",", "[", "]", ">", "%2", "\\u00", "k/y+3", "ü", "?",
      "#", "PRIVATE-TOKEN", "https://u:p@h", "\r\n", "\\\\" } do
      pieces[#pieces + 1] = piece
    end
    for _ = 1, 1500 do
      local parts = {}
      for i = 1, dice(1, 9) do parts[i] = pieces[dice(1, #pieces)] end
      local text = table.concat(parts)
      local clean = redactor:text(text)
      local label = ("SEED=%d text %q clean %q"):format(seed, text, clean)
      for _, form in ipairs(forms(secret)) do
        assert.is_nil(clean:find(form, 1, true), label)
      end
      assert.is_nil(clean:find("glued-secret", 1, true), label)
      local cuts = {}
      for i = 1, dice(1, 6) do cuts[i] = dice(0, #text) end
      table.sort(cuts)
      assert.equal(clean, streamed(redactor, text, cuts), label)
    end
  end)

  -- What may stand in a secret that is shown, and is not seen there.
  local gaps = { "\n", "\r\n", "\r", "\27[31m", "\27[0;1;38;5;208m", "\27[K", "\27]0;title\7", "\27]8;;x\27\\",
    "\27(B", "\0", "\8", "\127", "\194\1551m", "\226\128\139", "\226\128\174", "\239\187\191", "\27[0m\n\27[m",
    "\n2024-05-22T12:43:46.962646Z 00O ", "\r\n2024-05-22T12:43:46.962646Z 01E+" }

  local function without(text, gap)
    local at = text:find(gap, 1, true)
    while at do
      text = text:sub(1, at - 1) .. text:sub(at + #gap)
      at = text:find(gap, 1, true)
    end
    return text
  end

  for n, gap in ipairs(gaps) do
    it(("takes a secret out that is interrupted by %q"):format(gap), function()
      local secret = "s3kr1tToken99"
      local redactor = redact.new():add(secret)
      for _, form in ipairs { secret, core.digest.base64(secret):gsub("=+$", ""), core.digest.hex(secret) } do
        for at = 1, #form - 1 do
          local text = "x " .. form:sub(1, at) .. gap .. form:sub(at + 1) .. " y"
          local clean = redactor:text(text)
          local joined = without(clean, gap)
          assert.is_nil(joined:find(form:sub(at < 4 and at + 1 or 1), 1, true), text)
          assert.is_truthy(clean:find("%[secret%]"), text)
          -- As many lines as before, each with its timestamp.
          assert.equal(select(2, text:gsub("[\r\n]", "")), select(2, clean:gsub("[\r\n]", "")), text)
          assert.equal(select(2, text:gsub("2024", "")), select(2, clean:gsub("2024", "")), text)
          assert.equal(clean, redactor:text(clean))
          local bytes = {}
          for cut = 1, #text do bytes[cut] = cut end
          assert.equal(clean, streamed(redactor, text, bytes), text)
        end
        -- The last letter of base64 is shared with what follows.
        local everywhere = form:gsub(".", function(c) return c .. gap end)
        local left = without(redactor:text(everywhere), gap):gsub("%[secret%]", "")
        assert.is_true(#left <= (gap:find "[\r\n]" and 4 or 1), ("%d %q"):format(n, left))
      end
    end)
  end

  it("takes an interrupted secret out of JSON", function()
    local redactor = redact.new():add "s3kr1tToken99"
    for _, gap in ipairs { "\\n", "\\r\\n", "\\u001b[31m", "\\u200b", "\\b", "\\u0085" } do
      local text = '{"log":"' .. ("s3kr1tToken99"):gsub(".", "%0" .. gap:gsub("\\", "%%0"):gsub("%%0", "\\")) .. '"}'
      local clean = redactor:text(text)
      assert.is_truthy(clean:find("[secret]", 1, true), clean)
      assert.is_nil(clean:find("T" .. gap .. "o", 1, true), clean)
    end
  end)

  it("takes nothing out where words or visible characters stand between", function()
    local redactor = redact.new():add "s3kr1tToken99"
    for _, gap in ipairs { " ", "\t", "-", "\n ", "\n\n\n", "\27[31", "\27]0;" .. ("x"):rep(300) .. "\7" } do
      local text = "s3kr1t" .. gap .. "Token99"
      assert.equal(text, redactor:text(text))
    end
  end)

  it("holds no line back that ends in up to three bytes of a secret", function()
    local redactor = redact.new():add "s3kr1tToken99"
    local stream = redactor:stream()
    assert.equal("these\n", stream:feed "these\n")
    assert.equal("has\27[0m\n", stream:feed "has\27[0m\n")
    assert.equal("s3k\n", stream:feed "s3k\n")
    assert.equal(shown .. "\n", stream:feed "r1tToken99\n")
    assert.equal("", stream:feed "s3kr\n")
    assert.equal("s3kr\nno\n", stream:feed "no\n")
  end)

  it("keeps one marker over the pieces of a stream, and can be used again", function()
    local stream = redact.new():stream()
    local parts = {}
    for _, piece in ipairs { "token=9", "", "z9", "zq&x" } do
      parts[#parts + 1] = stream:feed(piece)
    end
    assert.equal("token=" .. shown, parts[1])
    assert.equal("", parts[2] .. parts[3])
    assert.equal("token=" .. shown .. "&x", table.concat(parts) .. stream:finish())
    assert.equal("x=1", stream:feed "x=1" .. stream:finish())
    stream:close()
    stream:close()
    assert.is_false(pcall(stream.feed, stream, "x"))
  end)

  it("cleans headers and URLs as values", function()
    local redactor = redact.new():add "s3kr1tToken99"
    local list = { { "Accept", "*/*" }, { "Private-Token", core.secret.new "s3kr1tToken99" },
      { "Authorization", "Bearer x" }, { "X-Note", "has s3kr1tToken99 in" },
      { "X-Own", core.secret.new "another-secret" }, { "X-Number", 17 } }
    assert.same({ { "Accept", "*/*" }, { "Private-Token", shown }, { "Authorization", shown },
      { "X-Note", "has " .. shown .. " in" }, { "X-Own", shown }, { "X-Number", "17" } },
      redactor:headers(list))
    assert.equal("Bearer x", list[3][2])
    assert.equal("https://" .. shown .. "@h/x?token=" .. shown,
      redactor:url "https://u@h/x?token=abc")
  end)

  it("shows projects as short digests that do not change", function()
    assert.equal(redact.project "17", redact.project(17))
    assert.equal(redact.project(17.0), redact.project(17))
    assert.are_not.equal(redact.project "acme/app", redact.project "acme/lib")
    assert.is_truthy(redact.project("acme/app"):match "^p%-%w%w%w%w%w%w%w%w$")
    local digest = redact.project "acme/app"
    assert.equal("p-by4xm11r", digest)
    assert.equal("/projects/" .. digest .. "/pipelines/1?x",
      redact.project_path "/projects/acme%2Fapp/pipelines/1?x")
    assert.equal("/projects/" .. digest, redact.project_path("/projects/" .. digest))
    assert.equal("/user", redact.project_path "/user")
    assert.equal("/projects/" .. redact.project "%zz", redact.project_path "/projects/%zz")
  end)

  it("refuses what is no text, and a redactor that is closed", function()
    local matcher = core.redact.new()
    assert.is_false(pcall(matcher.add, matcher, {}))
    assert.is_false(pcall(matcher.add, matcher, io.stdout))
    assert.is_false(pcall(matcher.text, matcher, {}))
    local stream = matcher:stream()
    matcher:close()
    matcher:close()
    assert.is_false(pcall(matcher.text, matcher, "x"))
    assert.is_false(pcall(stream.feed, stream, "x"))
  end)
end)
