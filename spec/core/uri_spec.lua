local random = require "support.random"
local uri = require "gitlab_pipelines.core".uri

describe("uri", function()
  describe("encoding", function()
    local every = {}
    for byte = 0, 255 do every[#every + 1] = string.char(byte) end
    every = table.concat(every)

    -- Byte by byte, as the text says it.
    local function naive(s, unreserved, space)
      return (s:gsub(".", function(c)
        if c:match(unreserved) then return c end
        if c == " " then return space end
        return ("%%%02X"):format(c:byte())
      end):gsub("%z", "%%00"))
    end

    it("leaves only letters, digits and -._~ in a segment", function()
      assert.equal(naive(every:sub(2), "[%w%-%._~]", "%20"), uri.segment(every:sub(2)))
      assert.equal("%00", uri.segment "\0")
      assert.equal("group%2Fsub%2Fproject", uri.segment "group/sub/project")
      assert.equal("a%20b%3Fc%23d%2Be%25f", uri.segment "a b?c#d+e%f")
      assert.equal("%C3%BCn%C3%AFc%C3%B6de", uri.segment "ünïcöde")
      assert.equal("", uri.segment "")
      assert.equal(uri.segment(every), uri.query(every))
    end)

    it("writes a space as + in a form", function()
      assert.equal(naive(every:sub(2), "[%w%-%._%*]", "+"), uri.form(every:sub(2)))
      assert.equal("a+b%2Bc%7E*", uri.form "a b+c~*")
    end)

    it("reads back whatever it wrote", function()
      assert.equal(every, uri.decode(uri.segment(every)))
      assert.equal(every, uri.decode_form(uri.form(every)))
      local seed = random.seed()
      local dice = random.new(seed)
      for _ = 1, 500 do
        local bytes = {}
        for i = 1, dice(0, 40) do bytes[i] = string.char(dice(0, 255)) end
        local text = table.concat(bytes)
        assert.equal(text, uri.decode(uri.segment(text)), "SEED=" .. seed)
        assert.equal(text, uri.decode_form(uri.form(text)), "SEED=" .. seed)
      end
    end)

    it("keeps + where it is no form", function()
      assert.equal("a+b c", uri.decode "a+b%20c")
      assert.equal("a b c", uri.decode_form "a+b%20c")
      assert.equal("/?", uri.decode "%2f%3F")
    end)

    it("refuses a % without two digits", function()
      for _, text in ipairs { "%", "a%2", "%g0", "%0g", "a%", "%%41", "% 1" } do
        local value, message = uri.decode(text)
        assert.is_nil(value, text)
        assert.equal("a % without two hexadecimal digits", message)
      end
    end)

    it("writes pairs in the order given", function()
      assert.equal("", uri.encode_query {})
      assert.equal("b=1&a=x%20y&b=true&scope%5B%5D=a%2Bb&f=0.5&i=17",
        uri.encode_query { { "b", 1 }, { "a", "x y" }, { "b", true }, { "scope[]", "a+b" },
          { "f", 0.5 }, { "i", 17.0 } })
      assert.equal("variables%5BA%5D=x+y&n=-3&m=false",
        uri.encode_form { { "variables[A]", "x y" }, { "n", -3 }, { "m", false } })
    end)

    it("refuses pairs that have no text", function()
      assert.has_error(function() uri.encode_query { "a" } end, "pair 1: {name, value} expected")
      assert.has_error(function() uri.encode_query { { "a", 1 }, { "b" } } end,
        "pair 2: a string, number or boolean expected, not nil")
      assert.has_error(function() uri.encode_form { { "b", {} } } end)
    end)

    it("knows control characters", function()
      for byte = 0, 255 do
        local text = "a" .. string.char(byte) .. "b"
        assert.equal(byte < 32 or byte == 127, uri.has_control(text), byte)
      end
      assert.is_false(uri.has_control "")
    end)
  end)

  describe("templates", function()
    it("put each value in as one segment", function()
      assert.equal("/projects/acme%2Fapp/pipelines/17",
        uri.expand("/projects/:project/pipelines/:pipeline_id",
          { project = "acme/app", pipeline_id = 17 }))
      assert.equal("/projects/17/pipelines",
        uri.expand("/projects/:project/pipelines", { project = 17.0, other = 1 }))
      assert.equal("/version", uri.expand("/version", {}))
      assert.equal("/x/true/y_1", uri.expand("/x/:a_1/y_1", { a_1 = true }))
      assert.equal("", uri.expand("", {}))
    end)

    local refused = {
      { "/projects/:project", {}, "parameter 'project' is missing" },
      { "/projects/:project", { project = {} }, "parameter 'project' is missing" },
      { "/projects/:project", { project = "" }, "parameter 'project' is empty" },
      { "/projects/:project/x", { project = "a\nb" },
        "parameter 'project' has a control character" },
      { "/projects/:project", { project = "a\0" }, "parameter 'project' has a control character" },
      { "/projects/:project", { project = "\127" }, "parameter 'project' has a control character" },
      { "/projects/:project", { project = "." }, "parameter 'project' is a step in a path" },
      { "/projects/:project", { project = ".." }, "parameter 'project' is a step in a path" },
      { "/a/:b/:c", { b = 1 }, "parameter 'c' is missing" },
      { "/a/:", {}, "parameter '' is missing" },
      { "/a/:-x", {}, "parameter '' is missing" },
    }
    for _, row in ipairs(refused) do
      it(("refuse: %s"):format(row[3]), function()
        local path, message = uri.expand(row[1], row[2])
        assert.is_nil(path)
        assert.equal(row[3], message)
      end)
    end

    it("end a name where a name ends", function()
      assert.equal("/p/1-x", uri.expand("/p/:a-x", { a = 1 }))
      assert.equal("/p/1.x", uri.expand("/p/:a1.x", { a1 = 1 }))
    end)

    it("let dots stand where they are no step", function()
      assert.equal("/p/...", uri.expand("/p/:a", { a = "..." }))
      assert.equal("/p/.a", uri.expand("/p/:a", { a = ".a" }))
      assert.equal("/p/..%2Fb", uri.expand("/p/:a", { a = "../b" }))
    end)
  end)

  describe("parsing", function()
    it("takes a URL apart", function()
      assert.same({ scheme = "https", userinfo = "u:p", host = "gitlab.example.com", port = 8443,
        path = "/gitlab/api/v4", query = "a=b?c", fragment = "d#e" },
        uri.parse "https://u:p@gitlab.example.com:8443/gitlab/api/v4?a=b?c#d#e")
      assert.same({ scheme = "http", host = "h", path = "" }, uri.parse "http://h")
      assert.same({ scheme = "HTTP", host = "[::1]", port = 80, path = "/" },
        uri.parse "HTTP://[::1]:80/")
      assert.same({ scheme = "http", host = "h", path = "", query = "", fragment = "" },
        uri.parse "http://h?#")
      assert.same({ scheme = "http", host = "h", path = "/" }, uri.parse "http://h:/")
      assert.same({ scheme = "http", userinfo = "", host = "h", path = "" }, uri.parse "http://@h")
      assert.same({ scheme = "a+b-c.1", host = "1.2.3.4", path = "" }, uri.parse "a+b-c.1://1.2.3.4")
      assert.same({ scheme = "http", host = "h", path = "/ü" }, uri.parse "http://h/ü")
    end)

    local refused = {
      [""] = "is not an absolute URL",
      ["h"] = "is not an absolute URL",
      ["/x"] = "is not an absolute URL",
      ["http:/h"] = "is not an absolute URL",
      ["http:h"] = "is not an absolute URL",
      ["1http://h"] = "is not an absolute URL",
      ["ht tp://h"] = "has a blank or a control character",
      ["http://h/a b"] = "has a blank or a control character",
      ["http://h/\r\nX: y"] = "has a blank or a control character",
      ["http://h\0.evil"] = "has a blank or a control character",
      ["http://h\\@evil/"] = "has a backslash",
      ["ht_tp://h"] = "is not an absolute URL",
      ["http://"] = "has no valid host",
      ["http:///x"] = "has no valid host",
      ["http://u@"] = "has no valid host",
      ["http://h_%41"] = "has no valid host",
      ["http://ünicode.example"] = "has no valid host",
      ["http://[::1"] = "has no valid host",
      ["http://[::1:2:3"] = "has no valid host",
      ["http://[]"] = "has no valid host",
      ["http://[::g]"] = "has no valid host",
      ["http://[::1]x"] = "has no valid host",
      ["http://h]"] = "has no valid host",
      ["http://a@b@c"] = "has a second @: encode it as %40",
      ["http://h:0"] = "has no valid port",
      ["http://h:65536"] = "has no valid port",
      ["http://h:99999999999999999999"] = "has no valid port",
      ["http://h:8x"] = "has no valid port",
      ["http://h:-1"] = "has no valid port",
    }
    local order = {}
    for url in pairs(refused) do order[#order + 1] = url end
    table.sort(order)
    for _, url in ipairs(order) do
      it(("refuses %q"):format(url), function()
        local parts, message = uri.parse(url)
        assert.is_nil(parts)
        assert.equal("URL " .. refused[url], message)
        assert.is_nil((uri.origin(url)))
      end)
    end
  end)

  it("has one text for one origin", function()
    assert.equal("https://gitlab.com", uri.origin "https://gitlab.com/x")
    assert.equal("https://gitlab.com", uri.origin "HTTPS://u:p@GitLab.COM:443?x")
    assert.equal("http://gitlab.com", uri.origin "http://gitlab.com:80")
    assert.equal("http://gitlab.com:443", uri.origin "http://gitlab.com:443")
    assert.equal("https://h:8443", uri.origin "https://h:8443/")
    assert.equal("httpx://h:80", uri.origin "httpx://h:80/")
    assert.equal("htt://h:80", uri.origin "htt://h:80/")
    assert.equal("https://[::1]:8443", uri.origin "https://[::1]:8443/")
  end)

  describe("joining", function()
    -- RFC 3986, section 5.4.
    local base = "http://a/b/c/d;p?q"
    local references = {
      { "g", "http://a/b/c/g" }, { "./g", "http://a/b/c/g" }, { "g/", "http://a/b/c/g/" },
      { "/g", "http://a/g" }, { "//g", "http://g" }, { "?y", "http://a/b/c/d;p?y" },
      { "g?y", "http://a/b/c/g?y" }, { "#s", "http://a/b/c/d;p?q#s" }, { "g#s", "http://a/b/c/g#s" },
      { "g?y#s", "http://a/b/c/g?y#s" }, { ";x", "http://a/b/c/;x" }, { "g;x", "http://a/b/c/g;x" },
      { "g;x?y#s", "http://a/b/c/g;x?y#s" }, { "", "http://a/b/c/d;p?q" }, { ".", "http://a/b/c/" },
      { "./", "http://a/b/c/" }, { "..", "http://a/b/" }, { "../", "http://a/b/" },
      { "../g", "http://a/b/g" }, { "../..", "http://a/" }, { "../../", "http://a/" },
      { "../../g", "http://a/g" }, { "../../../g", "http://a/g" }, { "../../../../g", "http://a/g" },
      { "/./g", "http://a/g" }, { "/../g", "http://a/g" }, { "g.", "http://a/b/c/g." },
      { ".g", "http://a/b/c/.g" }, { "g..", "http://a/b/c/g.." }, { "..g", "http://a/b/c/..g" },
      { "./../g", "http://a/b/g" }, { "./g/.", "http://a/b/c/g/" }, { "g/./h", "http://a/b/c/g/h" },
      { "g/../h", "http://a/b/c/h" }, { "g;x=1/./y", "http://a/b/c/g;x=1/y" },
      { "g;x=1/../y", "http://a/b/c/y" }, { "g?y/./x", "http://a/b/c/g?y/./x" },
      { "g#s/../x", "http://a/b/c/g#s/../x" },
      -- and what servers send
      { "https://store.example/x?X=1", "https://store.example/x?X=1" },
      { "https://h:1/a/../b", "https://h:1/b" },
      { "//h:8080/x/./y", "http://h:8080/x/y" },
      { "1:2", "http://a/b/c/1:2" },
      { "a//b", "http://a/b/c/a//b" },
      { "/a/b%2Fc", "http://a/a/b%2Fc" },
    }
    for _, row in ipairs(references) do
      it(("%q gives %s"):format(row[1], row[2]), function()
        assert.equal(row[2], uri.join(base, row[1]))
      end)
    end

    it("starts from a URL without a path", function()
      assert.equal("http://a/g", uri.join("http://a", "g"))
      assert.equal("http://a?y", uri.join("http://a", "?y"))
      assert.equal("http://a", uri.join("http://a#f", ""))
    end)

    it("refuses what is no URL", function()
      assert.is_nil((uri.join("nonsense", "x")))
      assert.is_nil((uri.join("http://a", "x y")))
      assert.is_nil((uri.join("http://a", "x\\y")))
      assert.is_nil((uri.join("http://a", "//h:0/")))
      assert.is_nil((uri.join("http://a", "http://")))
      assert.is_nil((uri.join("http://a", "mailto:x@y")))
    end)
  end)
end)
