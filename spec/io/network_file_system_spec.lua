-- Files that processes lock and share are refused on networked file systems, whichever they are.
local compile = require "support.compile"
local process = require "support.process"

-- The numbers of statfs(2) in the kernel's and the file systems' own headers.
local networked = {
  { "6969", "NFS" }, { "517B", "SMB" }, { "FF534D42", "CIFS" }, { "FE534D42", "SMB" },
  { "5346414F", "AFS" }, { "6B414653", "AFS" }, { "73757245", "Coda" }, { "564C", "NCP" },
  { "01021997", "9P" }, { "00C36400", "Ceph" }, { "65735546", "FUSE" }, { "0BD00BD0", "Lustre" },
  { "47504653", "GPFS" }, { "01161970", "GFS2" }, { "7461636F", "OCFS2" }, { "786F4256", "vboxsf" },
  { "19830326", "BeeGFS" },
}
local locals = { "EF53", "58465342", "9123683E", "01021994", "794C7630" } -- ext4 XFS Btrfs tmpfs overlay

local CASE = [[
local folder = arg[1]
local journal, err = require("gitlab_pipelines.once.journal").open(folder .. "-journal")
print(journal and "opened" or err.message)
local gl
gl, err = require("gitlab_pipelines").new { url = "https://gitlab.example", token = "glpat-0123456789",
  limits = { shared = folder .. "-limits" } }
print(gl and "opened" or err.message)
]]

describe("a networked file system", function()
  local script, remove, path, remove_path
  setup(function()
    script, remove = process.file "case.lua"
    local file = assert(io.open(script, "w"))
    file:write(CASE)
    file:close()
    path, remove_path = process.file "files"
  end)
  teardown(function()
    remove()
    remove_path()
  end)

  local function opened_on(number)
    local pipe = assert(io.popen(("FILE_SYSTEM=%s LD_PRELOAD=%s exec %s %s %s 2>&1"):format(number,
      compile.quote(compile.shared "foreign_file_system"), os.getenv "GP_LUA" or arg[-1] or "lua5.4",
      compile.quote(script), compile.quote(path .. number))))
    local journal, limits = pipe:read("*l", "*l")
    pipe:close()
    return journal, limits
  end

  it("holds neither a journal nor shared limits, and is named", function()
    for _, system in ipairs(networked) do
      local number, name = system[1], system[2]
      local journal, limits = opened_on(number)
      assert.equal(("%s%s-journal: lies on %s; a journal needs a local file system"):format(path,
        number, name), journal)
      assert.equal(("limits.shared: %s%s-limits lies on a network file system (%s): choose a local file")
        :format(path, number, name), limits)
    end
  end)

  it("is told from a local one, which holds both", function()
    for _, number in ipairs(locals) do
      assert.same({ "opened", "opened" }, { opened_on(number) })
    end
  end)
end)
