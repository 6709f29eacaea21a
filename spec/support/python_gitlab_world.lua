-- What python_gitlab.py plays with. Times are seconds.
projects = {
  ["acme/lib"] = {
    id = 11,
    jobs = {
      { name = "compile", stage = "build", duration = 0.05 },
      { name = "unit", stage = "test", duration = 0.05, log = "ok 1 - adds\nok 2 - takes away\n" },
    },
    trigger_tokens = { "glptt-lib" },
  },
  ["acme/slow"] = { id = 12, jobs = { { name = "crawl", stage = "test", duration = 3600 } } },
}
