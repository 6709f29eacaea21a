-- What a program loads is what it uses: each shared object maps the libraries of its own purpose.
local lua = os.getenv "GP_LUA" or "lua5.4"

-- The names of the files that a process maps after `require "MODULE"`, as one text.
local function maps(module)
  local pipe = assert(io.popen(("%s spec/support/maps.lua %s 2>&1"):format(lua, module)))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local LIBRARIES = { "libsqlite3", "libmicrohttpd", "libcurl", "libzip", "gitlab_pipelines/server%.so",
  "gitlab_pipelines/simulation%.so", "gitlab_pipelines/http%.so", "gitlab_pipelines/store%.so" }

for _, case in ipairs {
  { "gitlab_pipelines" },
  { "gitlab_pipelines.server", "libmicrohttpd", "gitlab_pipelines/server%.so" },
  { "gitlab_pipelines.simulation", "libsqlite3", "gitlab_pipelines/simulation%.so" },
} do
  local module, wanted = case[1], { select(2, (table.unpack or unpack)(case)) } -- luacheck: ignore 113
  describe("require \"" .. module .. "\"", function()
    it("maps " .. (wanted[1] and table.concat(wanted, " and ") or "none of the libraries of its parts"), function()
      local text = maps(module)
      assert.truthy(text:find("libc.so", 1, true), text)
      local found = {}
      for _, library in ipairs(LIBRARIES) do
        if text:find(library) then found[#found + 1] = library end
      end
      assert.same(wanted, found)
    end)
  end)
end
