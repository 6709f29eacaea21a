-- The projects of release.lua, as simulated by the simulated GitLab. Times are in seconds.
projects = {
  ["acme/lib"] = {
    id = 11,
    jobs = {
      { name = "compile", stage = "build", duration = 1,
        artifacts = { ["build.env"] = "BUILD_ID=42\nVERSION=2.4.0\n" } },
      { name = "unit", stage = "test", duration = 1, log = "ok 1 - adds\nok 2 - takes away\n" },
    },
  },
  ["acme/api"] = {
    id = 12,
    jobs = {
      { name = "image", stage = "build", duration = 2,
        artifacts = { ["image.env"] = "IMAGE=registry.example.com/api:42\n" } },
      { name = "contract", stage = "test", duration = 1,
        variants = { { when = { variable = { FAIL = "api" } }, status = "failed",
          failure_reason = "script_failure",
          log = "GET /orders answered 500\nexpected 200\nERROR: Job failed: exit code 1\n" } } },
    },
  },
  ["acme/web"] = {
    id = 13,
    jobs = {
      { name = "bundle", stage = "build", duration = 1 },
      { name = "browser", stage = "test", duration = 2,
        log = "12 pages, 0 broken links\nJob succeeded\n",
        variants = { { when = { variable = { FAIL = "web" } }, status = "failed",
          failure_reason = "script_failure",
          log = "$ npm run test:browser\n  checkout page\n    1) shows the total\n\n"
            .. "  AssertionError: expected '19.90' to equal '21.90'\n"
            .. "    at checkout.spec.js:48:12\n\nERROR: Job failed: exit code 1\n" } } },
    },
  },
  ["acme/smoke"] = {
    id = 14,
    jobs = {
      { name = "ping", stage = "test", duration = 1.5,
        variants = { { when = { variable = { FAIL = "smoke", REGION = "us" } }, status = "failed",
          failure_reason = "script_failure",
          log = "connecting to us.example.com ... timed out\nERROR: Job failed: exit code 1\n" } } },
    },
  },
}
