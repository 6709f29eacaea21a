local random = require "support.random"
local time = require "gitlab_pipelines.core".time

describe("time", function()
  local texts = {
    { "2016-08-11T11:28:34.085Z", 1470914914.085 },
    { "2016-08-11T11:28:34Z", 1470914914 },
    { "2016-08-11t11:28:34z", 1470914914 },
    { "2016-08-11T11:28Z", 1470914880 },
    { "2016-08-11T11:28:34", 1470914914 },
    { "2016-08-11", 1470873600 },
    { "2016-08-11T13:28:34+02:00", 1470914914 },
    { "2016-08-11T13:28:34.5+0200", 1470914914.5 },
    { "2016-08-11T09:28:34-02", 1470914914 },
    { "2016-08-11T16:58:34.000+05:30", 1470914914 },
    { "2016-08-11T11:28:34.0850000009Z", 1470914914.085 },
    { "2016-08-12 15:23:28 UTC", 1471015408 },
    { "2016-08-12 15:23:28 GMT", 1471015408 },
    { "2021-04-28 21:50:00 +0200", 1619639400 },
    { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
    { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
    { "Sun Nov  6 08:49:37 1994", 784111777 },
    { "Wed Nov 16 08:49:37 1994", 784975777 },
    { "Saturday, 01-Jan-69 00:00:00 GMT", 3124224000 },
    { "Thursday, 01-Jan-70 00:00:00 GMT", 0 },
    { "1970-01-01T00:00:00Z", 0 },
    { "1969-12-31T23:59:59Z", -1 },
    { "2000-02-29T00:00:00Z", 951782400 },
    { "2016-12-31T23:59:60Z", 1483228800 },
    { "0001-01-01T00:00:00Z", -62135596800 },
    { "9999-12-31T23:59:59Z", 253402300799 },
  }
  for _, row in ipairs(texts) do
    it("reads " .. row[1], function()
      assert.equal(row[2], time.parse(row[1]))
    end)
  end

  local nonsense = { "", "2016", "2016-08", "2016-13-01", "2016-00-01", "2016-08-32", "2016-08-00",
    "2015-02-29", "1900-02-29", "2016-04-31", "2016-08-11T", "2016-08-11T24:00:00Z",
    "2016-08-11T11", "2016-08-11T11:60:00Z", "2016-08-11T11:28:61Z", "2016-08-11T11:28:34.Z",
    "2016-08-11T11:28:34+", "2016-08-11T11:28:34+2", "2016-08-11T11:28:34+02:6",
    "2016-08-11T11:28:34+24:00", "2016-08-11T11:28:34Zx", "2016-08-11 11:28:34 ",
    "2016-08-11T11:28:34 CET", "0000-01-01T00:00:00Z", "x016-08-11", "2016/08/11", "2016-08-11x",
    "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Foo 1994 08:49:37 GMT", "Fun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94",
    "Sun Nov 6 08:49:37 1994", "Sun Nov  6 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sunday 06-Nov-94 08:49:37 GMT", "Sun; 06 Nov 1994 08:49:37 GMT", "Su", "tomorrow",
    "1470914914", "2016-08-11T11:28:34\0Z" }
  for _, text in ipairs(nonsense) do
    it(("refuses %q"):format(text), function()
      local seconds, message = time.parse(text)
      assert.is_nil(seconds)
      assert.equal("not a time", message)
    end)
  end

  it("keeps the two families apart", function()
    assert.is_nil(time.parse_iso "Sun, 06 Nov 1994 08:49:37 GMT")
    assert.is_nil(time.parse_http "2016-08-11T11:28:34Z")
    assert.equal(784111777, time.parse_http "Sun, 06 Nov 1994 08:49:37 GMT")
    assert.equal(0, time.parse_iso "1970-01-01")
  end)

  it("writes GitLab's and HTTP's forms", function()
    assert.equal("2016-08-11T11:28:34.085Z", time.iso(1470914914.085))
    assert.equal("1970-01-01T00:00:00.000Z", time.iso(0))
    assert.equal("1969-12-31T23:59:59.999Z", time.iso(-0.001))
    assert.equal("1970-01-01T00:00:01.000Z", time.iso(0.9996))
    assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", time.http(784111777.9))
    assert.equal("Thu, 01 Jan 1970 00:00:00 GMT", time.http(0))
    assert.equal("Mon, 01 Jan 0001 00:00:00 GMT", time.http(-62135596800))
    assert.equal("2016-08-12 15:23:28 UTC", time.utc(1471015408.999))
  end)

  it("refuses times outside the years 1 to 9999", function()
    for _, format in ipairs { time.iso, time.http, time.utc } do
      for _, seconds in ipairs { -62135596801, 253402300800, 1e300, -1e300, 0 / 0, 1 / 0 } do
        assert.has_error(function() format(seconds) end)
      end
    end
  end)

  it("reads back to the millisecond what it has written, for every day of 400 years", function()
    for day = -135140, 10957 do -- 1600-01-01 to 2000-01-01
      local seconds = day * 86400 + 43199.123
      local back = time.parse(time.iso(seconds))
      if math.abs(back - seconds) > 1e-4 then error(time.iso(seconds)) end
    end
  end)

  it("agrees with the host's calendar at random moments", function()
    local seed = random.seed()
    local dice = random.new(seed)
    for _ = 1, 2000 do
      local seconds = dice(0, 2147483646) + dice(0, 1) * 2147483646
      local label = "SEED=" .. seed .. " at " .. seconds
      assert.equal(os.date("!%Y-%m-%d %H:%M:%S UTC", seconds), time.utc(seconds), label)
      assert.equal(os.date("!%a, %d %b %Y %H:%M:%S GMT", seconds), time.http(seconds), label)
      assert.equal(seconds, time.parse(os.date("!%a, %d %b %Y %H:%M:%S GMT", seconds)), label)
      assert.equal(seconds, time.parse(os.date("!%a %b %e %H:%M:%S %Y", seconds)), label)
      assert.equal(seconds, time.parse(time.utc(seconds)), label)
    end
  end)
end)
