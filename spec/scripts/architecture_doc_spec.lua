-- docs/architecture.md shows the floors that scripts/floors.lua checks, and names files that exist.

local function text_of(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local page = text_of "docs/architecture.md"

-- The rows of a table of the script: { name, pattern, ... }.
local function rows_of_script(name)
  local source = assert(text_of("scripts/floors.lua"):match("local " .. name .. " = (%b{})"))
  return assert(load("return " .. source))()
end

-- The rows of the page's table below this line, in the same form.
local function rows_of_page(line)
  local rows = {}
  local from = select(2, assert(page:find("\n" .. line .. "\n\n", 1, true)))
  for name, files in page:sub(from + 1):match "^(.-)\n\n":gmatch "\n| ([^|]+) | ([^|]+) |" do
    local row = { name }
    for path in files:gmatch "`([^`]+)`" do
      local pattern = path:gsub("[%.%-]", "%%%0"):gsub("%*", "[^/]+")
      row[#row + 1] = "^" .. pattern .. (path:find "/$" and "" or "$")
    end
    if name ~= "floor" then rows[#rows + 1] = row end
  end
  return rows
end

local function floor_of(rows, path)
  for _, row in ipairs(rows) do
    for i = 2, #row do
      if path:find(row[i]) then return row[1] end
    end
  end
end

local function files_below(folders)
  local list = {}
  local pipe = assert(io.popen("find " .. folders .. " -type f | sort"))
  for path in pipe:lines() do
    if path:find "%.[chl]u?a?$" or path:find "^bin/" then list[#list + 1] = path end
  end
  pipe:close()
  assert(#list > 0)
  return list
end

describe("docs/architecture.md", function()
  for line, name in pairs { ["Lua, from the top:"] = "lua_floors", ["C, from the top:"] = "c_floors" } do
    it("lists the " .. name .. " of scripts/floors.lua in their order", function()
      local ours, theirs = {}, {}
      for i, row in ipairs(rows_of_script(name)) do theirs[i] = row[1] end
      for i, row in ipairs(rows_of_page(line)) do ours[i] = row[1] end
      assert.same(theirs, ours)
    end)

    it("puts each file on the floor of the " .. name, function()
      local script, shown = rows_of_script(name), rows_of_page(line)
      for _, path in ipairs(files_below(name == "c_floors" and "csrc" or "lua bin")) do
        assert.equal(floor_of(script, path), floor_of(shown, path), path)
      end
    end)
  end

  it("names no file that does not exist", function()
    local named = 0
    for path in page:gmatch "`([%w_/]+%.[chl]u?a?)`" do
      local found
      for _, base in ipairs { "", "lua/gitlab_pipelines/", "csrc/", "csrc/core/", "csrc/mock/",
        "csrc/mock/request/" } do
        local file = io.open(base .. path)
        if file then found = file:close() end
      end
      assert.truthy(found, path)
      named = named + 1
    end
    assert.is_true(named > 20)
  end)
end)
