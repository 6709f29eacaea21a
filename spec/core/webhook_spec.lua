local core = require "gitlab_pipelines.core"
local webhook = core.webhook

-- RFC 4648's alphabet, for keys of a spec's own.
local function base64(bytes)
  local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for k = 3, 0, -1 do
      local digit = math.floor(n / 64 ^ k) % 64 + 1
      out[#out + 1] = alphabet:sub(digit, digit)
    end
    if not c then out[#out] = "=" end
    if not b then out[#out - 1] = "=" end
  end
  return table.concat(out)
end

local function key_of(length, seed)
  local bytes = {}
  for i = 1, length do bytes[i] = string.char((i * 37 + seed) % 256) end
  return table.concat(bytes)
end

describe("core.webhook", function()
  local key = key_of(32, 5)
  local token = "whsec_" .. base64(key)

  it("signs as Standard Webhooks' own example says", function()
    assert.equal("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
      webhook.sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330", '{"test": 2432232314}'))
  end)

  it("is the HMAC of id, timestamp and body, whatever bytes they hold", function()
    for length = 24, 64 do
      local bytes = key_of(length, length)
      local body = ("\0\255\r\n"):rep(length) .. length
      local expected = core.digest.hmac_sha256(bytes, "id-1.17." .. body)
      assert.equal("v1," .. base64(expected), webhook.sign("whsec_" .. base64(bytes), "id-1", "17", body))
    end
  end)

  it("accepts any signature of the header under any key, and no other", function()
    local good = webhook.sign(token, "id", "100", "body")
    local other = "whsec_" .. base64(key_of(32, 9))
    local function verify(keys, header, body) return webhook.verify(keys, "id", "100", body or "body", header) end
    assert.is_true(verify({ token }, good))
    assert.is_true(verify({ other, token }, "v1,AAAA v2,xyz " .. good))
    assert.is_true(verify({ token, other }, good .. " v1,AAAA"))
    assert.is_true(verify({ token }, "  " .. good .. "  "))
    assert.is_false(verify({ other }, good))
    assert.is_false(verify({}, good))
    assert.is_false(verify({ token }, ""))
    assert.is_false(verify({ token }, good, "body "))
    assert.is_false(verify({ token }, good:gsub("^v1", "v2")))
    assert.is_false(verify({ token }, good .. "x"))
    assert.is_false(webhook.verify({ token }, "id", "101", "body", good))
    assert.is_false(webhook.verify({ token }, "ie", "100", "body", good))
    assert.is_false(webhook.verify({ token }, "i", "d.100", "body", (good:gsub("=$", ""))))
  end)

  it("takes tokens with and without prefix, as texts and as secrets", function()
    local good = webhook.sign(token, "id", "1", "b")
    assert.equal(good, webhook.sign(token:sub(7), "id", "1", "b"))
    assert.equal(good, webhook.sign(core.secret.new(token), "id", "1", "b"))
    assert.is_true(webhook.verify({ core.secret.new(token) }, "id", "1", "b", good))
  end)

  it("refuses what is no signing token", function()
    local bad = { "", "whsec_", "whsec_short", base64(key_of(23, 1)), base64(key_of(65, 1)), token .. "=",
      token:sub(1, -2), (token:gsub("=$", "*")), "whsec_ " .. base64(key), token .. "\n",
      -- bits beyond the last byte
      (token:gsub(".=$", "/=")) }
    for _, text in ipairs(bad) do
      assert.is_false(webhook.is_token(text), text)
      assert.error_matches(function() webhook.sign(text, "i", "1", "b") end, "signing token")
    end
    assert.is_true(webhook.is_token(token))
  end)

  it("compares texts whole", function()
    assert.is_true(webhook.same("secret-token", "secret-token"))
    assert.is_false(webhook.same("secret-token", "secret-tokeN"))
    assert.is_false(webhook.same("secret-token", "secret-toke"))
    assert.is_true(webhook.same("", ""))
    assert.is_true(webhook.same(core.secret.new "secret-token", "secret-token"))
  end)
end)
