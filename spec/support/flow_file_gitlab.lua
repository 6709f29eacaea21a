-- A GitLab in a text file, for specs that kill processes: what was created stays created. Every
-- pipeline succeeds at once. `moment(name)` is called before and after whatever has an effect.

local errors = require "gitlab_pipelines.errors"
local virtual = require "gitlab_pipelines.runtime.virtual"

local M = {}

local function lines_of(path)
  local list = {}
  local file = io.open(path, "r")
  if file then
    for line in file:lines() do list[#list + 1] = line end
    file:close()
  end
  return list
end
M.lines = lines_of

local function append(path, line)
  local file = assert(io.open(path, "a"))
  file:write(line, "\n")
  file:close()
end
M.append = append

function M.new(path, moment)
  moment = moment or function() end
  local rt = virtual.new()
  local gl = { runtime = rt }

  local function created(key)
    for id, line in ipairs(lines_of(path)) do
      if line == "created " .. key then return id end
    end
  end

  local function pipeline(id)
    return { id = id, iid = id, status = "success", sha = ("%040x"):format(id), ref = "main",
      web_url = "https://gitlab.test/p/" .. id }
  end

  gl.projects = { get = function(_, project) return { id = 1, default_branch = "main", path = project } end }
  gl.pipelines = {}
  -- What `once` promises: a key has one pipeline.
  function gl.pipelines.create(_, _, fields)
    append(path, "asked " .. fields.once)
    moment "before create"
    if not created(fields.once) then append(path, "created " .. fields.once) end
    moment "after create"
    return pipeline(created(fields.once))
  end
  function gl.pipelines.wait(_, _, id)
    moment "wait"
    if not lines_of(path)[id] then
      return nil, errors.new("AccessError.PipelineNotFound", { message = "404" })
    end
    return pipeline(id), "success"
  end
  gl.jobs = { list = function(_, _, id)
    return { { id = id * 10, name = "build", stage = "build", status = "success",
      artifacts_file = { filename = "a.zip" } } }
  end }
  gl.artifacts = { file = function() moment "artifact" return "BUILD_ID=42\n" end }
  return gl, rt
end

return M
