-- gl.artifacts over real connections, against a server that does what it can to spoil a download.

local artifact_server = require "spec.support.artifact_server"
local process = require "spec.support.process"
local seeds = require "spec.support.seeds"
local store = require "gitlab_pipelines.store"

local TOKEN = "glpat-0123456789abcdef"
local KIB = 1024

local server, folder, gl

local function sh(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local output = pipe:read "*a"
  pipe:close()
  return output
end

local function contents(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function client(fields)
  local options = { url = server.main, token = TOKEN, limits = false, breaker = false, proxy = false,
    runtime = artifact_server.impatient() }
  for name, value in pairs(fields or {}) do options[name] = value end
  return assert(require("gitlab_pipelines").new(options))
end

local function random_archive(seed, size) return { seed = seed, size = size or 600 * KIB } end

-- What the server would send of a version, fetched by somebody else.
local function original(version)
  server:job(999, { versions = { version } })
  return sh(("curl -s -H 'PRIVATE-TOKEN: %s' %s/api/v4/projects/1/jobs/999/artifacts"):format(TOKEN,
    server.main))
end

local function left_behind() return sh("ls -A " .. folder) end

-- The ranges that were asked for, in order; "-" for none.
local function ranges(origin)
  local list = {}
  for _, request in ipairs(server:requests(origin or "main")) do
    list[#list + 1] = request.headers.range or "-"
  end
  return list
end

describe("gl.artifacts", function()
  local target

  setup(function() server = artifact_server.start() end)
  teardown(function() server:stop() end)

  before_each(function()
    folder = sh("mktemp -d"):match "^%S+"
    target = folder .. "/artifacts.zip"
    gl = client()
  end)

  after_each(function()
    gl:close()
    sh("rm -rf " .. folder)
  end)

  describe("download", function()
    it("streams to a file that appears when it is whole", function()
      local size = server:job(5, { versions = { random_archive(1) } })
      local seen = {}
      local saved = assert(gl.artifacts:download(1, 5, target, { on_progress = function(done, total)
        seen[#seen + 1] = done
        assert.equal(size, total)
        assert.is_nil(contents(target))
      end }))
      assert.equal(target, saved.file)
      assert.equal(size, saved.bytes)
      assert.equal("length", saved.verified)
      assert.matches('^"%x+"$', saved.etag)
      assert.equal(0, saved.resumed)
      assert.equal(size, seen[#seen])
      assert.equal("artifacts.zip\n", left_behind())
      assert.is_true(contents(target) == original(random_archive(1)))
    end)

    it("goes on where it broke off, at any byte, and is the same file", function()
      for seed in seeds.each(200, 12) do
        seeds.named(seed, function()
          local random = seeds.new(seed)
          local version, breaks = random_archive(seed), {}
          local size = server:job(5, { versions = { version } })
          for i = 1, random.int(1, 3) do
            breaks[i] = random.chance(0.2) and random.int(1, 100) or random.int(1, math.floor(size / 4))
          end
          server:job(5, { versions = { version }, breaks = breaks })
          local saved = assert(gl.artifacts:download(1, 5, target, { verify = "crc" }))
          assert.equal(#breaks, saved.resumed)
          assert.equal("crc", saved.verified)
          assert.equal(size, saved.bytes)
          local at, asked = 0, { "-" }
          for i, count in ipairs(breaks) do
            at = at + count
            asked[i + 1] = ("bytes=%d-"):format(at)
          end
          assert.same(asked, ranges())
          assert.equal("artifacts.zip\n", left_behind())
        end)
      end
    end)

    it("goes on in a later call, in another process, from the part that was kept", function()
      server:job(5, { versions = { random_archive(2) }, breaks = { 100000, 100000, 100000 } })
      local saved, err = gl.artifacts:download(1, 5, target, { retry = false })
      assert.is_nil(saved)
      assert.is_true(err:is "ConnectionFailed")
      assert.equal("artifacts.zip.part\nartifacts.zip.part.etag\n", left_behind())
      gl:close()
      gl = client()
      assert.is_nil((gl.artifacts:download(1, 5, target, { retry = false })))
      saved = assert(gl.artifacts:download(1, 5, target, { verify = "crc" }))
      assert.equal(2, saved.resumed)
      assert.same({ "-", "bytes=100000-", "bytes=200000-", "bytes=300000-" }, ranges())
      assert.is_true(contents(target) == original(random_archive(2)))
    end)

    it("asks for one byte when the part is whole already", function()
      server:job(5, { versions = { random_archive(3) } })
      local saved = assert(gl.artifacts:download(1, 5, target))
      sh(("mv %s %s.part"):format(target, target))
      write(target .. ".part.etag", ("%s\n%d\n%s artifacts.download 1 5\nend\n"):format(saved.etag, saved.bytes,
        server.main))
      assert.equal(1, assert(gl.artifacts:download(1, 5, target, { verify = "crc" })).resumed)
      assert.same({ "-", ("bytes=%d-"):format(saved.bytes - 1) }, ranges())
    end)

    it("does not go on with the part of another job, nor with one whose note is not whole", function()
      local size = server:job(5, { versions = { random_archive(4) } })
      local etag = assert(gl.artifacts:download(1, 5, target)).etag
      for _, note in ipairs { "%s\n%d\n" .. server.main .. " artifacts.download 1 6\nend\n",
        "%s\n%d\n" .. server.main .. " artifacts.download 1 5\n", "W/%s\n%d\n"
        .. server.main .. " artifacts.download 1 5\nend\n", "" } do
        write(target .. ".part", ("x"):rep(1000))
        write(target .. ".part.etag", note:format(etag, size))
        local saved = assert(gl.artifacts:download(1, 5, target, { verify = "crc" }))
        assert.equal(0, saved.resumed)
      end
      assert.same({ "-", "-", "-", "-", "-" }, ranges())
    end)

    it("keeps nothing where nothing can be gone on with, or is not to be", function()
      for _, case in ipairs { { etag = "weak" }, { etag = "none" }, { resume = false } } do
        server:job(5, { versions = { random_archive(5) }, breaks = { 50000 }, etag = case.etag })
        assert.is_nil((gl.artifacts:download(1, 5, target, { retry = false, resume = case.resume })))
        assert.equal("", left_behind())
      end
    end)

    it("begins again where it cannot go on: weak or no ETag, no range or another one", function()
      for _, case in ipairs { { etag = "weak" }, { etag = "none" }, { range = "no" }, { range = "shifted" },
        { range = "capped" }, { range = "unsaid" }, { range = "416" } } do
        local name = tostring(case.etag or case.range)
        local size = server:job(5, { versions = { random_archive(6) }, breaks = { 90000 }, etag = case.etag,
          range = case.range })
        local saved = assert(gl.artifacts:download(1, 5, target, { verify = "crc" }), name)
        assert.equal(0, saved.resumed, name)
        assert.equal(size, saved.bytes, name)
        local asked = ranges()
        assert.equal("-", asked[1], name)
        if case.etag then assert.equal("-", asked[2], name) else assert.equal("bytes=90000-", asked[2], name) end
        assert.equal("artifacts.zip\n", left_behind())
      end
    end)

    it("starts again when the file has changed, and never mixes", function()
      for _, heeds in ipairs { true, false } do
        local versions = { random_archive(7), random_archive(8) }
        server:job(5, { versions = versions, breaks = { 200000 }, if_range = heeds })
        local saved = assert(gl.artifacts:download(1, 5, target, { verify = "crc" }))
        assert.equal(0, saved.resumed)
        assert.is_true(contents(target) == original(versions[2]))
      end
    end)

    it("gives up on a file that keeps changing", function()
      local versions, breaks = {}, {}
      for i = 1, 10 do versions[i], breaks[i] = random_archive(10 + i), 150000 + i end
      server:job(5, { versions = versions, breaks = breaks })
      local saved, err = gl.artifacts:download(1, 5, target)
      assert.is_nil(saved)
      assert.is_true(err:is "ArtifactError.ChangedArchive")
      assert.equal(4, #server:requests "main")
      assert.is_nil(contents(target))
    end)

    it("is the file as it was at one moment, or fails, whatever the server does", function()
      local originals, ends = {}, {}
      local function whole(version)
        local key = version.seed .. " " .. version.size
        originals[key] = originals[key] or original(version)
        return originals[key]
      end
      -- A server that is bad in ways drawn by lot; its versions are of one size or of several.
      local function draw(random)
        local versions, breaks = {}, {}
        for i = 1, random.pick { 1, 1, 2, 3 } do
          versions[i] = { seed = 200 + i, size = random.pick { 1000, 70000, 70000, 70000 } }
        end
        for i = 1, random.int(0, 5) do breaks[i] = random.int(1, 70000) end
        return {
          versions = versions, breaks = #breaks > 0 and breaks or nil,
          etag = random.pick { "strong", "strong", "strong", "weak", "none" },
          range = random.pick { "yes", "yes", "yes", "no", "shifted", "capped", "unsaid", "416" },
          length = random.pick { 0, 0, 0, 5, "none" }, redirect = random.pick { "store", "no", "no" },
          expired = random.int(0, 2), if_range = not random.chance(0.25),
        }
      end
      for seed in seeds.each(600, 40) do
        seeds.named(seed, function()
          local random = seeds.new(seed)
          local behaviour = draw(random)
          for _, version in ipairs(behaviour.versions) do whole(version) end
          server:job(5, behaviour)
          sh(("rm -f %s*"):format(target))
          local pieces, into = {}, random.pick { "file", "function" }
          local saved, err = gl.artifacts:download(1, 5, into == "file" and target or function(chunk)
            pieces[#pieces + 1] = chunk
            return true
          end, { verify = "none" })
          if saved then
            local got, same = into == "file" and contents(target) or table.concat(pieces), false
            for _, version in ipairs(behaviour.versions) do same = same or got == whole(version) end
            assert(same, "mixed")
            assert(not contents(target .. ".part"), "left its part")
          else
            assert(not contents(target), "a file after " .. tostring(err))
            assert(err:is "NetworkError" or err:is "ServerError" or err:is "ArtifactError" or err.from_store
              or err.status == 416, tostring(err))
          end
          ends[saved and "saved" or "failed"] = true
          for _, request in ipairs(server:requests "store") do
            assert(not request.headers["private-token"], "the token went to the store")
          end
        end)
      end
      if not os.getenv "GP_SEED" then assert.same({ saved = true, failed = true }, ends) end
    end)

    it("says that the answer is wrong where a range came that was not asked for", function()
      server:job(5, { versions = { random_archive(9) }, breaks = { 100000 }, range = "shifted" })
      local _, err = gl.artifacts:download(1, 5, target, { retry = false })
      assert.is_true(err:is "ConnectionFailed", tostring(err))
      _, err = gl.artifacts:download(1, 5, target, { retry = false })
      assert.is_true(err:is "InvalidResponse", tostring(err))
      assert.matches("another range", tostring(err))
      assert.is_truthy(gl.artifacts:download(1, 5, target, { retry = false }))
    end)

    it("is bounded: a server that always breaks off ends it", function()
      local breaks = {}
      for i = 1, 50 do breaks[i] = 10 end
      server:job(5, { versions = { random_archive(9) }, breaks = breaks })
      local saved, err = gl.artifacts:download(1, 5, target)
      assert.is_nil(saved)
      assert.is_true(err:is "ConnectionFailed")
      assert.equal(5, #server:requests "main")
      assert.equal(50, #contents(target .. ".part"))
    end)

    it("goes to the store without the token, and asks GitLab again: signatures run out", function()
      local size = server:job(5, { versions = { random_archive(30) }, breaks = { 70000, 80000 }, redirect = "store" })
      local saved = assert(gl.artifacts:download(1, 5, target, { verify = "crc" }))
      assert.equal(2, saved.resumed)
      assert.equal(size, saved.bytes)
      assert.same({ "-", "bytes=70000-", "bytes=150000-" }, ranges "store")
      assert.equal(3, #server:requests "main")
      for _, request in ipairs(server:requests "store") do
        assert.is_nil(request.headers["private-token"])
        assert.is_nil(request.headers.authorization)
      end
    end)

    it("asks GitLab again when the store finds the signature too old, but not for ever", function()
      server:job(5, { versions = { random_archive(37) }, redirect = "store", expired = 2 })
      assert(gl.artifacts:download(1, 5, target, { verify = "crc" }))
      assert.equal(3, #server:requests "main")
      server:job(5, { versions = { random_archive(37) }, redirect = "store", expired = 9 })
      local saved, err = gl.artifacts:download(1, 5, target)
      assert.is_nil(saved)
      assert.is_true(err:is "PermissionDenied")
      assert.equal(3, #server:requests "main")
      for _, request in ipairs(server:requests "store") do assert.is_nil(request.headers["private-token"]) end
    end)

    it("comes as a string too, with progress, within max_bytes", function()
      local version, seen = random_archive(38), 0
      server:job(5, { versions = { version }, breaks = { 100000 } })
      local text = assert(gl.artifacts:download(1, 5, nil, { on_progress = function(done) seen = done end }))
      assert.equal(#text, seen)
      assert.is_true(text == original(version))
      gl:close()
      gl = client { max_bytes = 1000 }
      for _, opts in ipairs { {}, { on_progress = function() end } } do
        local none, err = gl.artifacts:download(1, 5, nil, opts)
        assert.is_nil(none)
        assert.is_true(err:is "BodyTooLarge")
      end
      assert.error_matches(function() gl.artifacts:download(1, 5, nil, { verify = "crc" }) end, "needs a file")
    end)

    it("sees through a length that is told wrong", function()
      server:job(5, { versions = { random_archive(31) }, length = 1000 })
      local saved = gl.artifacts:download(1, 5, target)
      assert.is_nil(saved)
      assert.is_nil(contents(target))
      server:job(5, { versions = { random_archive(31) }, length = -1000 })
      local err
      saved, err = gl.artifacts:download(1, 5, target)
      assert.is_nil(saved)
      assert.is_true(err:is "DamagedArchive")
      assert.equal("", left_behind())
    end)

    for kind, text in pairs { ["text/html; charset=utf-8"] = "<html>sign in</html>",
      ["application/json"] = '{"message":"moved"}' } do
      it("takes no page to sign in and no message for an archive: " .. kind, function()
        write(folder .. "/page", text)
        server:job(5, { versions = { { path = folder .. "/page" } }, type = kind })
        local saved, err = gl.artifacts:download(1, 5, target)
        assert.is_nil(saved)
        assert.is_true(err:is "InvalidResponse")
        assert.equal(1, #server:requests "main")
        assert.equal("page\n", left_behind())
      end)
    end

    it("says when no length was told that could be verified", function()
      local size = server:job(5, { versions = { random_archive(32) }, length = "none" })
      local saved = assert(gl.artifacts:download(1, 5, target))
      assert.equal("none", saved.verified)
      assert.equal(size, saved.bytes)
      assert.equal("none", assert(gl.artifacts:download(1, 5, target, { verify = "none" })).verified)
      assert.equal("crc", assert(gl.artifacts:download(1, 5, target, { verify = "crc" })).verified)
    end)

    it("finds a damaged archive only when it reads it, if its length is right", function()
      sh(("/usr/bin/python3 spec/support/zip.py damaged %s/damaged.zip"):format(folder))
      server:job(5, { versions = { { path = folder .. "/damaged.zip" } } })
      assert(gl.artifacts:download(1, 5, target))
      sh("rm " .. target)
      local saved, err = gl.artifacts:download(1, 5, target, { verify = "crc" })
      assert.is_nil(saved)
      assert.is_true(err:is "ArtifactError.DamagedArchive")
      assert.equal("damaged.zip\n", left_behind())
    end)

    it("keeps two downloads to one name apart", function()
      local version = random_archive(33)
      server:job(5, { versions = { version }, stall = { 1000 } })
      local rt = gl.runtime
      rt:run(function()
        local begun = false
        local first = rt:spawn(function()
          return gl.artifacts:download(1, 5, target, { on_progress = function() begun = true end })
        end)
        while not begun do rt:pause(0.05) end
        assert.equal(0, assert(gl.artifacts:download(1, 5, target, { verify = "crc" })).resumed)
        first:cancel()
        first:join()
      end)
      assert.is_true(contents(target) == original(version))
      assert.equal("artifacts.zip\nartifacts.zip.part\nartifacts.zip.part.etag\n", left_behind())
    end)

    it("that is cancelled keeps its part, and the next goes on", function()
      server:job(5, { versions = { random_archive(34) }, stall = { 300000 } })
      local rt = gl.runtime
      rt:run(function()
        local reached = 0
        local task = rt:spawn(function()
          return gl.artifacts:download(1, 5, target, { on_progress = function(done) reached = done end })
        end)
        while reached < 300000 do rt:pause(0.05) end
        task:cancel()
        task:join()
      end)
      assert.equal(1, assert(gl.artifacts:download(1, 5, target, { verify = "crc" })).resumed)
      assert.same({ "-", "bytes=300000-" }, ranges())
    end)

    it("that is killed at any byte can be gone on with by another process", function()
      for seed in seeds.each(100, 6) do
        seeds.named(seed, function()
          local random, version = seeds.new(seed), random_archive(70 + seed)
          local size = server:job(5, { versions = { version } })
          local at = random.int(1, size - 1)
          server:job(5, { versions = { version }, stall = { at } })
          local printed, code = process.lua(process.die .. [[
            local url, token, target, at = ...
            local gl = assert(require("gitlab_pipelines").new { url = url, token = token, proxy = false })
            gl.artifacts:download(1, 5, target, { on_progress = function(done)
              if done >= tonumber(at) then die() end
            end })
          ]], server.main, TOKEN, target, at)
          assert.equal(137, code, printed)
          assert.is_nil(contents(target))
          assert.equal(1, assert(gl.artifacts:download(1, 5, target, { verify = "crc" })).resumed)
          assert.same({ "-", ("bytes=%d-"):format(at) }, ranges())
          assert.is_true(contents(target) == original(version))
          assert.equal("artifacts.zip\n", left_behind())
          os.remove(target)
        end)
      end
    end)

    it("raises what on_progress raises, and keeps the part", function()
      server:job(5, { versions = { random_archive(35) }, breaks = { 400000 } })
      local ok, message = pcall(function()
        return gl.artifacts:download(1, 5, target, { on_progress = function() error("mine", 0) end })
      end)
      assert.is_false(ok)
      assert.matches("mine", message)
      assert.is_nil(contents(target))
      assert(gl.artifacts:download(1, 5, target, { verify = "crc" }))
    end)

    it("says when the file cannot be written", function()
      server:job(5, { versions = { random_archive(36) } })
      local saved, err = gl.artifacts:download(1, 5, folder .. "/none/artifacts.zip")
      assert.is_nil(saved)
      assert.matches("cannot write .*No such file", tostring(err))
      sh(("ln -s %s/elsewhere %s.part"):format(folder, target))
      saved, err = gl.artifacts:download(1, 5, target)
      assert.is_nil(saved)
      assert.matches("cannot write", tostring(err))
      assert.is_nil(contents(folder .. "/elsewhere"))
    end)

    it("refuses options that it does not know", function()
      assert.error_matches(function() gl.artifacts:download(1, 5, target, { verify = "maybe" }) end, "verify")
      assert.error_matches(function() gl.artifacts:download(1, 5, target, { verfy = "crc" }) end, "on_progress")
    end)
  end)

  describe("download to a function", function()
    it("hands out every byte once, across attempts", function()
      for _, case in ipairs { { range = "yes" }, { range = "no" } } do
        local version = random_archive(40)
        server:job(5, { versions = { version }, breaks = { 100000, 200000 }, range = case.range })
        local pieces = {}
        local got = assert(gl.artifacts:download(1, 5, function(chunk)
          pieces[#pieces + 1] = chunk
          return true
        end))
        assert.equal(case.range == "yes" and 2 or 0, got.resumed)
        assert.is_true(table.concat(pieces) == original(version))
        assert.equal(#original(version), got.bytes)
      end
    end)

    it("cannot take back what was handed out when the file has changed", function()
      local pieces = 0
      local function take() pieces = pieces + 1 return true end
      server:job(5, { versions = { random_archive(41), random_archive(42) }, breaks = { 100000 } })
      local got, err = gl.artifacts:download(1, 5, take)
      assert.is_nil(got)
      assert.is_true(err:is "ChangedArchive")
      server:job(5, { versions = { random_archive(43) }, breaks = { 100000 }, etag = "none" })
      got, err = gl.artifacts:download(1, 5, take)
      assert.is_nil(got)
      assert.is_true(err:is "ConnectionFailed")
      assert.equal(1, #server:requests "main")
      assert.is_true(pieces > 1)
    end)

    it("stops when the function says so", function()
      server:job(5, { versions = { random_archive(44) } })
      local got, err = gl.artifacts:download(1, 5, function() return nil, "enough" end)
      assert.is_nil(got)
      assert.matches("enough", tostring(err))
      assert.equal(1, #server:requests "main")
    end)
  end)

  describe("memory", function()
    it("stays flat while 300 MB come: to a file, to a function, unpacked and verified", function()
      server:job(5, { versions = { { files = 300, size = 300 * KIB * KIB } } })
      local script = folder .. "/child.lua"
      write(script, [[
        local url, token, target = ...
        local gl = assert(require("gitlab_pipelines").new { url = url, token = token, limits = false, proxy = false })
        local into, bytes = target, 0
        if target == "extract" then
          local tally = assert(gl.artifacts:extract(1, 5, "]] .. folder .. [[/place"))
          assert(gl.artifacts:download(1, 5, "]] .. folder .. [[/again.zip", { verify = "crc" }))
          local peak = io.open("/proc/self/status"):read("*a"):match("VmHWM:%s*(%d+)")
          print(tally.downloaded, "length", peak)
          return
        end
        if target == "-" then into = function(chunk) bytes = bytes + #chunk return true end end
        local got = assert(gl.artifacts:download(1, 5, into))
        assert(target ~= "-" or bytes == got.bytes)
        local peak = io.open("/proc/self/status"):read("*a"):match("VmHWM:%s*(%d+)")
        print(got.bytes, got.verified, peak)
      ]])
      for _, into in ipairs { target, "-", "extract" } do
        local out = sh(("%s %s %s %s %s"):format(os.getenv "GP_LUA" or "lua5.4", script, server.main, TOKEN, into))
        local bytes, verified, peak = out:match "(%d+)%s+(%a+)%s+(%d+)"
        assert.is_true(tonumber(bytes or 0) > 300 * KIB * KIB, out)
        assert.equal("length", verified)
        -- To a function every piece is a string, of which some lie about until they are collected.
        local bound = into == "-" and 40 or 15
        -- A sanitizer holds on to what was freed.
        if (os.getenv "GP_LUA" or ""):find "asan" then bound = math.huge end
        assert.is_true(tonumber(peak) < bound * KIB, peak .. " KiB to " .. into)
      end
    end)
  end)

  describe("browse", function()
    local function names(rows)
      local list = {}
      for i, row in ipairs(rows) do list[i] = row.path end
      return table.concat(list, " ")
    end

    it("reads under 256 KiB of 1 GiB with 1,000 files, never the contents", function()
      server:job(5, { versions = { { files = 1000, size = KIB * KIB * KIB } } })
      local rows = assert(gl.artifacts:browse(1, 5, nil, { recursive = true }))
      assert.equal(1002, #rows)
      assert.same({ name = "output", path = "output/", type = "directory", mode = "040755" }, rows[1])
      assert.same({ name = "file-number-000999.bin", path = "output/folder/file-number-000999.bin", type = "file",
        size = math.floor(KIB * KIB * KIB / 1000), mode = "100644" }, rows[1002])
      local sent, asked = 0, {}
      for _, request in ipairs(server:requests()) do
        sent = sent + request.sent
        asked[#asked + 1] = request.headers.range
      end
      assert.is_true(sent < 256 * KIB, sent .. " bytes")
      assert.equal(2, #asked)
      assert.equal("bytes=-65536", asked[1])
    end)

    it("needs one range for an ordinary archive, and lists one folder", function()
      local path = folder .. "/good.zip"
      sh("/usr/bin/python3 spec/support/zip.py good " .. path)
      server:job(5, { versions = { { path = path } } })
      assert.equal("build.env dist/ empty", names(assert(gl.artifacts:browse(1, 5))))
      assert.equal("dist/deep/ dist/run.sh", names(assert(gl.artifacts:browse(1, 5, "dist/"))))
      assert.equal("build.env dist/ dist/deep/ dist/deep/er/ dist/deep/er/data.bin dist/run.sh empty",
        names(assert(gl.artifacts:browse(1, 5, "", { recursive = true }))))
      local rows = assert(gl.artifacts:browse(1, 5, "dist"))
      assert.equal("100755", rows[2].mode)
      local none, err = gl.artifacts:browse(1, 5, "nowhere")
      assert.is_nil(none)
      assert.is_true(err:is "ArtifactNotFound")
    end)

    it("takes two answers for one archive only with the same strong ETag", function()
      local version = { files = 2000, size = 4000 }
      for _, etag in ipairs { "weak", "none" } do
        server:job(5, { versions = { version }, etag = etag })
        assert.equal(2002, #assert(gl.artifacts:browse(1, 5, "", { recursive = true })))
      end
      -- Another one from the second answer on: then the whole is fetched.
      server:job(5, { versions = { version, { files = 2000, size = 6000 } }, if_range = false })
      local rows = assert(gl.artifacts:browse(1, 5, "", { recursive = true }))
      assert.equal(2002, #rows)
      assert.equal(3, rows[3].size)
    end)

    it("fetches the archive where the server sends no ranges, and leaves nothing", function()
      server:job(5, { versions = { random_archive(50) }, range = "no" })
      local before = sh "ls /tmp | grep -c part"
      assert.equal("data.bin", names(assert(gl.artifacts:browse(1, 5))))
      assert.equal(before, sh "ls /tmp | grep -c part")
    end)

    it("uses the server's tree, and remembers that there is none", function()
      server:job(5, { versions = { random_archive(51) }, tree = {
        { name = "b", path = "b", type = "file", size = 1, mode = "100644" },
        { name = "a", path = "a/", type = "directory", mode = "040755" } } })
      assert.equal("a/ b", names(assert(gl.artifacts:browse(1, 5))))
      assert.equal(1, #server:requests())
      server:job(5, { versions = { random_archive(51) } })
      assert(gl.artifacts:browse(1, 5))
      assert(gl.artifacts:browse(1, 5))
      local trees = 0
      for _, request in ipairs(server:requests()) do
        if request.path:match "/tree$" then trees = trees + 1 end
      end
      assert.equal(1, trees)
    end)

    it("knows the refusals of a tree from those of a server that has none", function()
      local function refusal(status, body, kind)
        server:job(5, { versions = { random_archive(52) }, tree = { status, body, kind or "application/json" } })
        gl:close()
        gl = client()
        local rows, err = gl.artifacts:browse(1, 5)
        return rows and names(rows) or err.kind, gl.memory.no_artifacts_tree
      end
      assert.same({ "ArtifactNotFound" }, { refusal(404, '{"message":"404 Artifacts Not Found"}') })
      assert.same({ "ArtifactNotFound" }, { refusal(404, '{"message":"404 Path Not Found"}') })
      assert.same({ "PermissionDenied" }, { refusal(403, '{"message":"403 Forbidden"}') })
      assert.same({ "data.bin" }, { refusal(404, '{"message":"404 Artifacts metadata Not Found"}') })
      assert.same({ "data.bin", true }, { refusal(404, '{"error":"404 Not Found"}') })
      assert.same({ "data.bin", true }, { refusal(404, '{"message":"404 Not Found"}') })
      -- A file that is named so, on a server that has no such route.
      assert.same({ "data.bin", true }, { refusal(200, "planted in spring", "text/plain") })
      assert.same({ "data.bin", true }, { refusal(200, '{"kind":"oak"}') })
    end)
  end)

  describe("extract", function()
    local function serve_kind(kind)
      local path = folder .. "/" .. kind .. ".zip"
      assert.equal("", sh(("/usr/bin/python3 spec/support/zip.py %s %s"):format(kind, path)))
      server:job(5, { versions = { { path = path } } })
      sh("mkdir " .. folder .. "/place")
    end

    it("fetches and unpacks, into a folder that it makes", function()
      serve_kind "good"
      local tally = assert(gl.artifacts:extract(1, 5, folder .. "/place/a/b/"))
      assert.equal(4, tally.files)
      assert.equal(12 + 10 + 256 * 400, tally.bytes)
      assert.equal("BUILD_ID=42\n", contents(folder .. "/place/a/b/build.env"))
      assert.equal("build.env\ndist\nempty\n", sh("ls -A " .. folder .. "/place/a/b"))
    end)

    it("unpacks only what was named", function()
      serve_kind "good"
      local tally = assert(gl.artifacts:extract(1, 5, folder .. "/place", { paths = { "dist/deep/", "empty" } }))
      assert.equal(2, tally.files)
      assert.equal("dist\nempty\n", sh("ls -A " .. folder .. "/place"))
      assert.equal("deep\n", sh("ls -A " .. folder .. "/place/dist"))
      local none, err = gl.artifacts:extract(1, 5, folder .. "/place", { paths = { "dis" } })
      assert.is_nil(none)
      assert.is_true(err:is "ArtifactNotFound")
    end)

    for _, case in ipairs {
      { "parent", "UnsafeArchive" }, { "inner-parent", "UnsafeArchive" }, { "absolute", "UnsafeArchive" },
      { "drive", "UnsafeArchive" }, { "backslash", "UnsafeArchive" }, { "link", "UnsafeArchive" },
      { "device", "UnsafeArchive" }, { "bomb", "UnsafeArchive" }, { "through-file", "UnsafeArchive" },
      { "damaged", "DamagedArchive" }, { "encrypted", "DamagedArchive" }, { "lying", "DamagedArchive" },
      { "truncated", "DamagedArchive" },
    } do
      it("leaves nothing behind of an archive that is " .. case[1], function()
        serve_kind(case[1])
        local tally, err = gl.artifacts:extract(1, 5, folder .. "/place/new/folder")
        assert.is_nil(tally)
        assert.is_true(err:is("ArtifactError." .. case[2]), tostring(err))
        assert.equal("", sh("ls -A " .. folder .. "/place"))
        assert.is_nil(contents(folder .. "/outside"))
      end)
    end

    it("does not follow a link that stands in the folder, and moves nothing then", function()
      serve_kind "through-link"
      sh(("mkdir %s/away; ln -s %s/away %s/place/planted"):format(folder, folder, folder))
      local tally, err = gl.artifacts:extract(1, 5, folder .. "/place")
      assert.is_nil(tally)
      assert.is_true(err:is "UnsafeArchive")
      assert.equal("", sh("ls -A " .. folder .. "/away"))
      assert.equal("planted\n", sh("ls -A " .. folder .. "/place"))
    end)

    it("replaces files, keeps others, and puts no file where a folder stands", function()
      serve_kind "good"
      local work = folder .. "/place"
      write(work .. "/build.env", "old")
      write(work .. "/mine", "kept")
      assert(gl.artifacts:extract(1, 5, work))
      assert.equal("BUILD_ID=42\n", contents(work .. "/build.env"))
      assert.equal("kept", contents(work .. "/mine"))
      sh(("rm %s/build.env; mkdir %s/build.env; echo old > %s/empty"):format(work, work, work))
      local tally, err = gl.artifacts:extract(1, 5, work)
      assert.is_nil(tally)
      assert.is_true(err:is "UnsafeArchive")
      assert.equal("old\n", contents(work .. "/empty"))
    end)

    it("holds its bounds", function()
      serve_kind "many"
      for _, bounds in ipairs { { max_entries = 999 }, { max_bytes = 1000 } } do
        local tally, err = gl.artifacts:extract(1, 5, folder .. "/place", bounds)
        assert.is_nil(tally)
        assert.is_true(err:is "UnsafeArchive")
        assert.equal("", sh("ls -A " .. folder .. "/place"))
      end
      assert.equal(1000, assert(gl.artifacts:extract(1, 5, folder .. "/place", { max_entries = 1000 })).files)
      serve_kind "bomb"
      assert.is_nil((gl.artifacts:extract(1, 5, folder .. "/place")))
      assert.equal(1, assert(gl.artifacts:extract(1, 5, folder .. "/place", { max_ratio = 2000 })).files)
    end)

    it("goes on with a download that broke off", function()
      server:job(5, { versions = { random_archive(60) }, breaks = { 100000 } })
      local tally = assert(gl.artifacts:extract(1, 5, folder))
      assert.equal(600 * KIB, tally.bytes)
      assert.equal(600 * KIB, #contents(folder .. "/data.bin"))
      assert.equal("data.bin\n", left_behind())
    end)

    it("leaves nothing behind when there is no archive", function()
      local tally, err = gl.artifacts:extract(1, 404, folder .. "/new")
      assert.is_nil(tally)
      assert.is_true(err:is "ArtifactNotFound")
      assert.equal("", left_behind())
    end)

    -- Turns that another task had between the last byte of the download and the end of `act`, and
    -- what `act` gave. `act` gets what is to be called with progress.
    local function turns_during(act, at_turn)
      local rt, whole, turns, over = gl.runtime, false, 0, false
      local results
      rt:run(function()
        local acting
        rt:spawn(function()
          while not over do
            rt:pause(0)
            if whole then
              turns = turns + 1
              if at_turn then at_turn(turns, acting) end
            end
          end
        end)
        acting = rt:spawn(function()
          return act(function(done, total) whole = whole or done == total and done > 40 * KIB * KIB end)
        end)
        results = { acting:join() }
        over = true
      end)
      return turns, results[1], results[2]
    end

    it("and verification leave the loop to others in between", function()
      server:job(5, { versions = { { files = 40, size = 40 * KIB * KIB } } })
      local turns, tally, err = turns_during(function(progress)
        return gl.artifacts:extract(1, 5, folder .. "/place", { on_progress = progress })
      end)
      assert.is_truthy(tally, tostring(err))
      assert.equal(40, tally.files)
      -- A slice is 1 MiB.
      assert.is_true(turns >= 40, turns .. " turns")
      turns = turns_during(function(progress)
        return gl.artifacts:download(1, 5, target, { verify = "crc", on_progress = progress })
      end)
      assert.is_true(turns >= 40, turns .. " turns")
    end)

    it("that is cancelled leaves nothing behind", function()
      server:job(5, { versions = { { files = 40, size = 40 * KIB * KIB } } })
      local seen
      local _, tally, err = turns_during(function(progress)
        return gl.artifacts:extract(1, 5, folder .. "/place", { on_progress = progress })
      end, function(turns, acting)
        if turns ~= 15 then return end
        seen = sh("ls -A " .. folder .. "/place")
        acting:cancel()
      end)
      assert.is_nil(tally)
      assert.is_true(err:is "TaskError.Cancelled")
      -- It was in the middle.
      assert.matches("%.gp%-extract", seen)
      assert.not_matches("output", seen)
      assert.equal("", left_behind())
    end)

    it("verification that is cancelled keeps the part, and the next call goes on", function()
      server:job(5, { versions = { { files = 40, size = 40 * KIB * KIB } } })
      local _, saved, err = turns_during(function(progress)
        return gl.artifacts:download(1, 5, target, { verify = "crc", on_progress = progress })
      end, function(turns, acting)
        if turns == 15 then acting:cancel() end
      end)
      assert.is_nil(saved)
      assert.is_true(err:is "TaskError.Cancelled")
      assert.is_nil(contents(target))
      assert.equal(1, assert(gl.artifacts:download(1, 5, target, { verify = "crc" })).resumed)
    end)

    it("refuses what is no folder", function()
      write(folder .. "/file", "")
      local tally, err = gl.artifacts:extract(1, 5, folder .. "/file")
      assert.is_nil(tally)
      assert.matches("Not a directory", tostring(err))
      assert.error_matches(function() gl.artifacts:extract(1, 5) end, "'dir'")
    end)
  end)
end)

describe("store.part", function()
  it("is held once, also within one process, and again when it was given back", function()
    local path = os.tmpname()
    local part = assert(store.part.claim(path))
    local second, why = store.part.claim(path)
    assert.is_nil(second)
    assert.equal("held", why)
    part:close()
    part:close()
    assert.has_error(function() part:size() end, "the partial file is closed")
    assert(store.part.claim(path)):close()
    local _, kind, message = store.part.make(path)
    assert.equal("system", kind)
    assert.matches("File exists", message)
    os.remove(path)
    part = assert(store.part.make(path))
    assert.equal(0, part:size())
    assert.is_true(part:cut(10))
    assert.equal(10, part:size())
    part:close()
    os.remove(path)
  end)
end)
