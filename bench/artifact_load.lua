-- Downloads an archive to a file: lua5.4 bench/artifact_load.lua URL FILE. Prints bytes, time and peak memory.
local clock = require("gitlab_pipelines.core").clock
local gitlab = require "gitlab_pipelines"

local url, target = ...
local gl = assert(gitlab.new { url = url, token = os.getenv "MOCK_TOKEN", proxy = false })
local began = clock.now()
local saved = assert(gl.artifacts:download(1, 1, target, { resume = false,
  on_progress = function() end }))
local seconds = clock.now() - began
local status = assert(io.open "/proc/self/status"):read "*a"
print(("requests=1 bytes=%d seconds=%.6f cpu=%.6f peak=%s"):format(saved.bytes, seconds, os.clock(),
  status:match "VmHWM:%s*(%d+)"))
