-- Run: gitlab-pipelines run examples/release.lua -i version=2.4.0
-- A release over four projects: a library, two applications built with it, a smoke test in each
-- region. An assignment defines a step; using a field of a step waits for it.
name   = "release"
inputs = {
  version = { default = "2.4.0", match = "^%d+%.%d+%.%d+$", help = "version to release" },
  fail    = { one_of = { "api", "web", "smoke" }, help = "application or test to fail, for demonstration" },
}

lib = pipeline { project = "acme/lib", variables = { VERSION = input.version }, dotenv = "build.env" }

local from_lib = { BUILD_ID = lib.dotenv.BUILD_ID, LIB_SHA = lib.sha, FAIL = input.fail }

api = pipeline { project = "acme/api", variables = from_lib, dotenv = "image.env" }
web = pipeline { project = "acme/web", variables = from_lib, timeout = "10m" }

smoke = each { over = { "eu", "us", "ap" }, needs = { web },
  make = function(region)
    return pipeline { project = "acme/smoke",
      variables = { REGION = region, IMAGE = api.dotenv.IMAGE, FAIL = input.fail } }
  end }

notes = call { needs = { smoke },
  run = function(steps)
    print(("released %s in %d regions"):format(steps.lib.dotenv.VERSION, steps.smoke.count))
  end }
