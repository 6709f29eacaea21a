-- luacheck: globals projects
-- The world of several specs: short jobs of every kind.
projects = {
  ["acme/lib"] = {
    id = 11, created = 0.01, queued = 0.01,
    jobs = {
      { name = "compile", stage = "build", duration = 0.05,
        artifacts = { ["build.env"] = "BUILD_ID=42\n", ["name.txt"] = "Größe\n" } },
      { name = "unit", stage = "test", duration = 0.05, log = "ok 1\nok 2\n",
        tests = { { name = "adds" }, { name = "takes away", time = 0.5 } },
        variants = { { when = { variable = { FAIL = "unit" } }, status = "failed" } } },
      { name = "deploy", stage = "deploy", duration = 0.05, manual = true,
        environment = { name = "production", url = "https://app.example.com" } },
    },
  },
}
