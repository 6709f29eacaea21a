-- Summarizes a coverage run: gcov for C, the line hook for Lua. Prints one row per file, and fails
-- when a bound is not met.
local bounds = { lua = 80, c = 80, core_branches = 95 }

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function percent(part, whole)
  return whole == 0 and 100 or 100 * part / whole
end

-- Lines with code, according to the compiler's listing.
local function code_lines(path)
  local set, count = {}, 0
  for _, text in ipairs(lines_of("luac5.4 -l -p " .. path)) do
    local line = text:match "^%s+%d+%s+%[(%d+)%]"
    -- A function's closing line has only the implicit return: it does not count.
    if line and not text:find "RETURN0?%s" and not text:find "VARARGPREP" and not set[line] then
      set[line], count = true, count + 1
    end
  end
  return set, count
end

local hits = {}
for _, line in ipairs(lines_of "cat build/coverage/*.hits") do hits[line] = true end

local lua_hit, lua_all = 0, 0
for _, path in ipairs(lines_of "git ls-files 'lua/*.lua' bin/gitlab-pipelines") do
  local set, count = code_lines(path)
  local hit = 0
  for line in pairs(set) do
    if hits[path .. ":" .. line] then hit = hit + 1 end
  end
  print(("%5.1f %%  %s"):format(percent(hit, count), path))
  lua_hit, lua_all = lua_hit + hit, lua_all + count
end

local c_hit, c_all, branch_hit, branch_all = 0, 0, 0, 0
for _, path in ipairs(lines_of "git ls-files 'csrc/*.c'") do
  local folder, name = path:match "^csrc/(.*)/(.*)%.c$"
  local object = folder == "binding" and "build/cov/obj/lua5.4/" or ("build/cov/obj/" .. folder .. "/")
  local current
  local lines, branches = { 0, 0 }, { 0, 0 }
  for _, text in ipairs(lines_of(("gcov -b -n -o %s%s.o %s 2>/dev/null"):format(object, name, path))) do
    current = text:match "^File '(.*)'" or current
    if current == path then
      local share, all = text:match "^Lines executed:([%d.]+)%% of (%d+)"
      if share then lines = { share * all / 100, tonumber(all) } end
      share, all = text:match "^Taken at least once:([%d.]+)%% of (%d+)"
      if share then branches = { share * all / 100, tonumber(all) } end
    end
  end
  print(("%5.1f %%  branches %5.1f %%  %s"):format(percent(lines[1], lines[2]),
    percent(branches[1], branches[2]), path))
  c_hit, c_all = c_hit + lines[1], c_all + lines[2]
  if folder == "core" then
    branch_hit, branch_all = branch_hit + branches[1], branch_all + branches[2]
  end
end

local failed = false
local function judge(what, value, bound)
  print(("%s: %.1f %% (at least %d %%)"):format(what, value, bound))
  failed = failed or value < bound
end
judge("Lua lines", percent(lua_hit, lua_all), bounds.lua)
judge("C lines", percent(c_hit, c_all), bounds.c)
judge("branches of csrc/core", percent(branch_hit, branch_all), bounds.core_branches)
os.exit(failed and 1 or 0)
