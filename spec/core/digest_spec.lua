local digest = require "gitlab_pipelines.core".digest

describe("digest", function()
  it("computes SHA-256", function()
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      digest.sha256 "")
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      digest.sha256 "abc")
    assert.equal(digest.sha256 "abc", digest.hex(digest.sha256_raw "abc"))
    assert.equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
      digest.sha256(("a"):rep(1000000)))
  end)

  it("computes its HMAC (RFC 4231)", function()
    assert.equal("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
      digest.hex(digest.hmac_sha256(("\11"):rep(20), "Hi There")))
    assert.equal("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      digest.hex(digest.hmac_sha256("Jefe", "what do ya want for nothing?")))
    assert.equal(32, #digest.hmac_sha256("", ""))
  end)

  it("draws random bytes", function()
    assert.equal("", digest.random(0))
    assert.equal(256, #digest.random(256))
    assert.are_not.equal(digest.random(16), digest.random(16))
    assert.is_false(pcall(digest.random, 257))
    assert.is_false(pcall(digest.random, -1))
  end)

  it("writes bytes as text", function()
    assert.equal("00ff10", digest.hex "\0\255\16")
    assert.equal("", digest.base32 "")
    assert.equal("00", digest.base32 "\0")
    assert.equal("zw", digest.base32 "\255")
    assert.equal("d1jprv3f", digest.base32 "hello")
    assert.equal(("0"):rep(26), digest.base32(("\0"):rep(16)))
    for _, row in ipairs { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
      { "foobar", "Zm9vYmFy" }, { "\255\254\253", "//79" } } do
      assert.equal(row[2], digest.base64(row[1]))
    end
  end)
end)
