-- luacheck: globals projects tokens version
-- A world with a job of every kind, for specs of the contract.
projects = {
  ["acme/app"] = {
    id = 21, description = "an application", created = 0.5, queued = 0.5, tags = { "v1" },
    visibility = "internal", trigger_tokens = { "glptt-contract" }, variables = { KEY = "value" },
    name = "Pipeline of $WHO",
    jobs = {
      { name = "compile", stage = "build", duration = 2, coverage = 87.5, tags = { "linux" },
        artifacts = { ["build.env"] = "BUILD_ID=42\n", ["out/app"] = "bytes" } },
      { name = "lint", stage = "build", duration = 1, status = "failed", allow_failure = true },
      { name = "unit", stage = "test", duration = 3, needs = { "compile" }, log = "ok 1\nok 2\n",
        tests = { { name = "adds" }, { name = "fails", status = "failed", output = "no" },
          { name = "skips", status = "skipped" } },
        variants = { { when = { variable = { FAIL = "unit" } }, status = "failed" } } },
      { name = "later", stage = "test", duration = 1, when = "delayed", start_in = 2 },
      { name = "slow", stage = "test", duration = 4, cancel = 2 },
      { name = "below", stage = "test", trigger = { project = "acme/lib", strategy = "depend" } },
      { name = "child", stage = "test", trigger = { child = { jobs = {
        { name = "inner", stage = "test", duration = 1 } } } } },
      { name = "deploy", stage = "deploy", duration = 1, manual = true, allow_failure = false,
        environment = { name = "production", url = "https://app.example.com" } },
      { name = "stop", stage = "deploy", duration = 1, manual = true,
        environment = { name = "production", action = "stop" } },
      { name = "mend", stage = "deploy", duration = 1, when = "on_failure" },
    },
  },
  ["acme/lib"] = {
    id = 22, jobs = { { name = "only", stage = "test", duration = 2, environment = "staging" } },
  },
}
tokens = {
  { token = "glpat-of-a-developer", role = "developer", scopes = { "api" }, name = "rotated" },
}
