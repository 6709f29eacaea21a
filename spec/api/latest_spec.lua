-- The archive by ref: the job is found first. Against the simulated GitLab, in virtual time.

local gitlab = require "gitlab_pipelines"

local function open(options)
  local rt = gitlab.runtime.virtual.new()
  local transport = assert(gitlab.mock.new { runtime = rt, world = { projects = {
    ["acme/lib"] = { id = 11, jobs = {
      { name = "compile", stage = "build", duration = 2, artifacts = { ["build.env"] = "BUILD_ID=42\n" } },
      { name = "unit", stage = "test", duration = 2,
        variants = { { when = { variable = { FAIL = "unit" } }, status = "failed" } } },
    } } } } })
  local asked = {}
  local spy = setmetatable({ perform = function(_, request)
    asked[#asked + 1] = request
    return transport:perform(request)
  end }, { __index = transport })
  local given = { url = "http://127.0.0.1", token = transport.token, transport = spy, runtime = rt,
    limits = false }
  for name, value in pairs(options or {}) do given[name] = value end
  return assert(gitlab.new(given)), asked
end

local function finished(gl, variables)
  local pipeline = assert(gl.pipelines:create(11, { ref = "main", variables = variables }))
  return assert(gl.pipelines:wait(11, pipeline.id))
end

local function compile_of(gl, pipeline)
  for _, job in ipairs(assert(gl.jobs:list(11, pipeline.id))) do
    if job.name == "compile" then return job.id end
  end
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

describe("gl.artifacts:latest", function()
  local path

  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  it("finds the job in the newest successful pipeline and asks for it by its number", function()
    local gl, asked = open()
    finished(gl)
    local good = finished(gl)
    finished(gl, { FAIL = "unit" })
    local before = #asked
    local saved = assert(gl.artifacts:latest(11, "main", "compile", path, { verify = "crc" }))
    assert.equal(compile_of(gl, good), saved.job_id)
    assert.equal("crc", saved.verified)
    local operations = {}
    for i = before + 1, #asked do
      operations[#operations + 1] = asked[i].operation
      for _, header in ipairs(asked[i].headers) do assert.is_true(header[1]:lower() ~= "if-none-match") end
    end
    assert.equal("pipelines.list", operations[1])
    assert.equal("jobs.list", operations[2])
    assert.equal("artifacts.download", operations[3])
    assert.equal(read(path), assert(gl.artifacts:latest(11, "main", "compile")))
  end)

  it("asks by the ref where the job cannot be found, and lets GitLab say why not", function()
    local gl = open()
    finished(gl)
    for _, case in ipairs { { "main", "none" }, { "elsewhere", "compile" } } do
      local saved, err = gl.artifacts:latest(11, case[1], case[2], path)
      assert.is_nil(saved)
      assert.is_true(err:is "ArtifactNotFound")
      assert.equal("artifacts.latest", err.operation)
    end
  end)

  it("asks by the ref where a token may not read pipelines", function()
    local gl, asked = open { auth = "job", token = "glcbt-0123456789abcdef" }
    gl.artifacts:latest(11, "main", "compile", path)
    assert.equal("pipelines.list", asked[1].operation)
    assert.equal("artifacts.latest", asked[2].operation)
  end)

  it("feeds a function too, and refuses what is neither", function()
    local gl = open()
    finished(gl)
    local pieces = {}
    assert(gl.artifacts:latest(11, "main", "compile", function(chunk)
      pieces[#pieces + 1] = chunk
      return true
    end))
    assert.equal(assert(gl.artifacts:latest(11, "main", "compile")), table.concat(pieces))
    assert.error_matches(function() gl.artifacts:latest(11, "main", "compile", 7) end, "'target'")
    assert.error_matches(function() gl.artifacts:latest(11, "main", "compile", path, { verfy = 1 }) end, "verfy")
  end)
end)

describe("downloads from the simulated GitLab", function()
  it("are repeated after an answer that was cut off, as every read is", function()
    local gl, asked = open()
    local id = compile_of(gl, finished(gl))
    local whole = assert(gl.artifacts:download(11, id))
    gl.client.transport:request("POST", "/_mock/faults", { body = '{"path":"*/artifacts","times":1,"truncate":10}' })
    local path, before = os.tmpname(), #asked
    local saved = assert(gl.artifacts:download(11, id, path, { verify = "crc" }))
    assert.equal(#whole, saved.bytes)
    assert.equal(before + 2, #asked)
    assert.equal(whole, read(path))
    os.remove(path)
  end)

  it("go on from a part, browse and extract", function()
    local gl, asked = open()
    local id = compile_of(gl, finished(gl))
    local path = os.tmpname()
    local saved = assert(gl.artifacts:download(11, id, path))
    local whole = read(path)
    local file = assert(io.open(path .. ".part", "wb"))
    file:write(whole:sub(1, 20))
    file:close()
    file = assert(io.open(path .. ".part.etag", "wb"))
    file:write(("%s\n%d\nhttp://127.0.0.1 artifacts.download 11 %d\nend\n"):format(saved.etag, #whole, id))
    file:close()
    assert.equal(1, assert(gl.artifacts:download(11, id, path, { verify = "crc" })).resumed)
    local last = asked[#asked]
    assert.same({ "Range", "bytes=20-" }, last.headers[#last.headers - 1])
    assert.same({ "If-Range", saved.etag }, last.headers[#last.headers])
    assert.equal(whole, read(path))
    os.remove(path)
    local rows = assert(gl.artifacts:browse(11, id))
    assert.same({ { name = "build.env", path = "build.env", type = "file", size = 12, mode = "100644" } }, rows)
    assert.equal("artifacts.tree", asked[#asked].operation)
    gl.memory.no_artifacts_tree = true
    assert.same(rows, assert(gl.artifacts:browse(11, id)))
    assert.equal("artifacts.download", asked[#asked].operation)
    local dir = os.tmpname()
    os.remove(dir)
    assert.equal(1, assert(gl.artifacts:extract(11, id, dir)).files)
    assert.equal("BUILD_ID=42\n", read(dir .. "/build.env"))
    os.remove(dir .. "/build.env")
    os.remove(dir)
  end)
end)
