local duration = require "gitlab_pipelines.duration"

describe("a duration as text", function()
  it("is rounded, and never shows 60 seconds or 60 minutes", function()
    local forms = { "short", "spaced", "prose", "clock" }
    for _, row in ipairs {
      { -3, "0.0s", "0.0s", "0 s", "0:00" },
      { 7.44, "7.4s", "7.4s", "7.44 s", "0:07" },
      { 59.94, "59.9s", "59.9s", "59.9 s", "1:00" },
      { 59.96, "1m00s", "1m 00s", "60 s", "1:00" },
      { 119.4, "1m59s", "1m 59s", "119 s", "1:59" },
      { 119.6, "2m00s", "2m 00s", "2m 00s", "2:00" },
      { 750, "12m30s", "12m 30s", "12m 30s", "12:30" },
      { 3599.6, "1h00m", "1h 00m", "1h 00m", "1:00:00" },
      { 3725, "1h02m", "1h 02m", "1h 02m", "1:02:05" },
      { 26 * 3600 + 180, "26h03m", "26h 03m", "26h 03m", "26:03:00" },
    } do
      for i, form in ipairs(forms) do assert.equal(row[i + 1], duration.text(row[1], form)) end
      assert.equal(row[2], duration.text(row[1]))
    end
  end)
end)
