-- The command `artifacts` as a process of its own, and its progress bar.

local artifact_server = require "spec.support.artifact_server"
local json = require "gitlab_pipelines.json"
local output = require "gitlab_pipelines.cli.output"
local progress = require "gitlab_pipelines.cli.progress"

local TOKEN = "glpat-0123456789abcdef"

describe("cli/progress", function()
  it("tells share, bytes, rate and time left, within the width", function()
    local line = progress.line("a.zip", 512 * 1024, 2 ^ 20, 65536, 80, false)
    assert.equal("a.zip  [############............]   50%  512 KiB of 1.0 MiB  64 KiB/s  0:08 left", line)
    for width = 10, 120 do
      for _, unicode in ipairs { true, false } do
        local text = progress.line("artifacts.zip", 1, 3 * 2 ^ 30, 100, width, unicode)
        assert.is_true(output.width_of(text) <= width, text)
      end
    end
  end)

  it("cuts a long name and shows the numbers, in ASCII where the terminal shows no more", function()
    local name = "/home/somebody/downloads/of/today/artifacts.zip"
    local line = progress.line(name, 512 * 1024, 2 ^ 20, 65536, 60, true)
    assert.matches("^/home/.*…  .*50%%  512 KiB of 1%.0 MiB  64 KiB/s  0:08 left$", line)
    line = progress.line(name, 512 * 1024, 2 ^ 20, 65536, 60, false)
    assert.matches("^/home/.*%.%.%.  .*50%%  512 KiB of 1%.0 MiB  64 KiB/s  0:08 left$", line)
    assert.is_nil(line:find "[\128-\255]")
  end)

  it("tells what it can where the length is not known", function()
    assert.equal("a.zip  1.0 MiB", progress.line("a.zip", 2 ^ 20, nil, nil, 80))
    assert.equal("a.zip  1.0 MiB  2.0 KiB/s", progress.line("a.zip", 2 ^ 20, nil, 2048, 80))
    assert.equal("a.zip  0 B", progress.line("a.zip", 0, 0, nil, 80))
  end)

  it("measures the last seconds, and anew when it was started again", function()
    local meter = progress.meter()
    meter:add(0, 0)
    assert.is_nil(meter:rate())
    for second = 1, 20 do meter:add(second, second <= 10 and second * 1000 or 10000 + (second - 10) * 100) end
    assert.equal(100, meter:rate())
    meter:add(21, 0)
    assert.is_nil(meter:rate())
    meter:add(22, 500)
    assert.equal(500, meter:rate())
  end)

  it("draws over itself and leaves nothing", function()
    local written = {}
    local bar = progress.bar { name = "a", write = function(text) written[#written + 1] = text end,
      now = function() return 1 end, width = function() return nil end }
    bar.finish()
    assert.same({}, written)
    bar.on_progress(1, 2)
    bar.finish()
    assert.equal(2, #written)
    assert.matches("^\ra  %[.*50%%.*\27%[K$", written[1])
    assert.equal("\r\27[K", written[2])
  end)
end)

describe("cli/output", function()
  it("writes bytes as people read them", function()
    assert.equal("", output.bytes(nil))
    assert.equal("0 B", output.bytes(0))
    assert.equal("1023 B", output.bytes(1023))
    assert.equal("1.0 KiB", output.bytes(1024))
    assert.equal("1.0 MiB", output.bytes(2 ^ 20 - 1))
    assert.equal("300 MiB", output.bytes(300 * 2 ^ 20))
    assert.equal("2.5 GiB", output.bytes(2.5 * 2 ^ 30))
  end)
end)

describe("gitlab-pipelines artifacts", function()
  local server, folder

  local function sh(command)
    local pipe = assert(io.popen(command))
    local text = pipe:read "*a"
    pipe:close()
    return text
  end

  -- Standard output, standard error and the exit code.
  local function run(words, environment)
    local root = sh("pwd"):match "^[^\n]+"
    local text = sh(("cd %s; GITLAB_URL=%s GITLAB_TOKEN=%s %s %s %s/bin/gitlab-pipelines artifacts %s 2>.err; "
      .. "echo \"exit $?\""):format(folder, server.main, TOKEN, environment or "",
        os.getenv "GP_LUA" or "lua5.4", root, words))
    local out, code = text:match "^(.*)exit (%d+)\n$"
    local file = assert(io.open(folder .. "/.err"))
    local err = file:read "*a"
    file:close()
    os.remove(folder .. "/.err")
    return out, err, tonumber(code)
  end

  local function zip(kind)
    local path = os.tmpname()
    sh(("/usr/bin/python3 spec/support/zip.py %s %s"):format(kind, path))
    server:job(5, { versions = { { path = path } } })
    server.paths[#server.paths + 1] = path
    return path
  end

  setup(function()
    server = artifact_server.start()
    server.paths = {}
  end)
  teardown(function()
    server:stop()
    for _, path in ipairs(server.paths) do os.remove(path) end
  end)
  before_each(function() folder = sh("mktemp -d"):match "^%S+" end)
  after_each(function() sh("rm -rf " .. folder) end)

  it("list shows a table, one folder, or JSON", function()
    zip "good"
    local out, err, code = run "list -p 1 5"
    assert.same({ "", 0 }, { err, code })
    assert.equal([[
MODE    SIZE     PATH
100644  12 B     build.env
040755           dist/
040755           dist/deep/
040755           dist/deep/er/
100600  100 KiB  dist/deep/er/data.bin
100755  10 B     dist/run.sh
100600  0 B      empty
]], out)
    assert.equal("MODE    SIZE  PATH\n040755        dist/deep/\n100755  10 B  dist/run.sh\n",
      (run "list -p 1 5 dist --flat"))
    local rows = {}
    for line in run("list -p 1 5 --json"):gmatch "[^\n]+" do rows[#rows + 1] = assert(json.decode(line)) end
    assert.equal(7, #rows)
    assert.equal("directory", rows[2].type)
  end)

  it("get saves the archive and says so; -q says nothing; --json tells all", function()
    local path = zip "good"
    local out, err, code = run "get -p 1 5"
    assert.same({ "artifacts.zip  101 KiB  verified by length\n", "", 0 }, { out, err, code })
    assert.equal("", sh(("cmp %s %s/artifacts.zip"):format(path, folder)))
    assert.equal("", (run "get -p 1 5 other.zip -q"))
    assert.equal("", sh(("cmp %s %s/other.zip"):format(path, folder)))
    local saved = assert(json.decode((run "get -p 1 5 third.zip --verify crc --json")))
    assert.equal("crc", saved.verified)
    assert.equal("third.zip", saved.file)
    assert.equal(0, saved.resumed)
    assert.equal("artifacts.zip\nother.zip\nthird.zip\n", sh("ls -A " .. folder))
  end)

  it("get writes to standard output, byte by byte the same", function()
    local path = zip "good"
    local _, err, code = run "get -p 1 5 - >copy.zip"
    assert.same({ "", 0 }, { err, code })
    assert.equal("", sh(("cmp %s %s/copy.zip"):format(path, folder)))
    _, err, code = run "get -p 1 5 - --json"
    assert.equal(2, code)
    assert.matches("standard output", err)
  end)

  it("get shows a bar on a terminal", function()
    zip "good"
    local command = ("%s %s/bin/gitlab-pipelines artifacts get -p 1 5"):format(os.getenv "GP_LUA" or "lua5.4",
      sh("pwd"):match "^[^\n]+")
    local out = sh(("cd %s; LC_ALL=C GITLAB_URL=%s GITLAB_TOKEN=%s script -qec '%s' /dev/null"):format(folder,
      server.main, TOKEN, command))
    assert.matches("\rartifacts.zip  %[#+%]  100%%  101 KiB of 101 KiB", out)
    assert.matches("artifacts.zip  101 KiB  verified by length\r\n$", out)
  end)

  it("get ends with 6 for what GitLab or the disk refuses, with 2 for wrong usage", function()
    local _, err, code = run "get -p 1 404"
    assert.equal(6, code)
    assert.matches("ArtifactNotFound", err)
    zip "good"
    _, err, code = run "get -p 1 5 none/where.zip"
    assert.equal(6, code)
    assert.matches("cannot write", err)
    for _, words in ipairs { "get -p 1", "get -p 1 x", "get -p 1 -r main", "get -p 1 5 --job-name a", "list 5",
      "get -p 1 5 a b", "get -p 1 5 --verify maybe", "extract -p 1 5 --max-bytes none", "" } do
      _, err, code = run(words, "CI_PROJECT_ID=")
      assert.equal(2, code, words)
      assert.matches("^gitlab%-pipelines: [^\n]+\n$", err)
    end
  end)

  it("get goes on with what an earlier command left", function()
    server:job(5, { versions = { { seed = 1, size = 600000 } }, breaks = { 100000, 100000, 100000, 100000, 100000 } })
    local _, err, code = run "get -p 1 5"
    assert.equal(6, code)
    assert.matches("ConnectionFailed", err)
    assert.equal("artifacts.zip.part\nartifacts.zip.part.etag\n", sh("ls -A " .. folder))
    assert.equal(0, (select(3, run "get -p 1 5 --verify crc")))
    assert.equal("artifacts.zip\n", sh("ls -A " .. folder))
  end)

  it("extract unpacks, all or what is named, and refuses what is unsafe", function()
    zip "good"
    assert.equal("out  4 files  100 KiB\n", (run "extract -p 1 5 out"))
    assert.equal("build.env\ndist\nempty\n", sh("ls -A " .. folder .. "/out"))
    local tally = assert(json.decode((run "extract -p 1 5 some --path dist/run.sh --json")))
    assert.equal(1, tally.files)
    assert.equal(0, (select(3, run "extract -p 1 5")))
    assert.equal("build.env\ndist\nempty\nout\nsome\n", sh("ls -A " .. folder))
    zip "parent"
    local _, err, code = run "extract -p 1 5 bad"
    assert.equal(6, code)
    assert.matches("UnsafeArchive", err)
    zip "many"
    assert.equal(6, (select(3, run "extract -p 1 5 bad --max-entries 999")))
    assert.equal(6, (select(3, run "extract -p 1 5 bad --max-bytes 1000")))
    assert.equal("build.env\ndist\nempty\nout\nsome\n", sh("ls -A " .. folder))
  end)
end)
