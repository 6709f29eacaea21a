-- Mutation: every condition of the code that decides about repetition is turned into its opposite,
-- one at a time, and the specs must notice. Run by `make mutation`.
--
--   lua5.4 spec/mutation/run.lua [PATTERN]     all mutants whose name matches; the list is printed
--   lua5.4 spec/mutation/run.lua --one NAME    one of them, for the parallel runs
--
-- A condition is what stands in if, while, for, until, before `?`, or in a return or assignment
-- that joins or compares; each of its parts (a of `a && b`) is a mutant. What cannot be noticed
-- stands in equivalent.txt with the reason; an entry there that is noticed after all is a failure.

local JOBS = tonumber(os.getenv "GP_JOBS" or "") or 2
local LUA = "luajit"
local WORK = "build/mutation"

local targets = {
  { file = "csrc/core/limiter.c", specs = { "spec/core/limiter_spec.lua", "spec/core/exchange_spec.lua",
    "spec/io/shared_limits_spec.lua" } },
  { file = "csrc/core/breaker.c", specs = { "spec/core/breaker_spec.lua", "spec/core/exchange_spec.lua" } },
  { file = "csrc/core/retry.c", specs = { "spec/core/retry_spec.lua", "spec/core/exchange_spec.lua" } },
  { file = "lua/gitlab_pipelines/once/machine.lua",
    specs = { "spec/once/machine_spec.lua", "spec/once/once_spec.lua" } },
}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

-- Finding conditions ----------------------------------------------------------------------------

-- Comments and strings as blanks of the same length, so that positions stay.
local function blank(text, lua)
  local function away(piece) return (piece:gsub("[^\n]", " ")) end
  if lua then
    text = text:gsub("%-%-[^\n]*", away)
  else
    text = text:gsub("/%*.-%*/", away):gsub("\n%s*#[^\n]*", away)
  end
  return (text:gsub('"[^"\n]*"', function(piece) return '"' .. ("_"):rep(#piece - 2) .. '"' end))
end

-- The end of what begins after an opening bracket at `at`.
local function closing(text, at)
  local depth = 0
  for i = at, #text do
    local c = text:sub(i, i)
    if c == "(" or c == "[" or c == "{" then depth = depth + 1 end
    if c == ")" or c == "]" or c == "}" then
      depth = depth - 1
      if depth == 0 then return i end
    end
  end
end

-- Cuts [from, to] at top-level joiners and hands each part to `add`, without outer parentheses.
local function parts(text, from, to, lua, add)
  while text:sub(from, from):match "%s" do from = from + 1 end
  while text:sub(to, to):match "%s" do to = to - 1 end
  if text:sub(from, from) == "(" and closing(text, from) == to then
    return parts(text, from + 1, to - 1, lua, add)
  end
  local depth, start, cut, i = 0, from, false, from
  while i <= to do
    local c = text:sub(i, i)
    local two = text:sub(i, i + 1)
    if c == "(" or c == "[" or c == "{" then depth = depth + 1 end
    if c == ")" or c == "]" or c == "}" then depth = depth - 1 end
    local joiner = depth == 0 and (not lua and (two == "&&" or two == "||") and 2
      or lua and text:sub(i - 1, i - 1):match "%s" and (text:match("^and%f[%W]", i) and 3
        or text:match("^or%f[%W]", i) and 2))
    if joiner then
      parts(text, start, i - 1, lua, add)
      start, cut, i = i + joiner, true, i + joiner - 1
    end
    i = i + 1
  end
  if cut then return parts(text, start, to, lua, add) end
  if from <= to then add(from, to) end
end

local function c_conditions(text, add)
  for _, word in ipairs { "if", "while" } do
    for at in text:gmatch("%f[%w_]" .. word .. "%s*()%(") do
      parts(text, at + 1, closing(text, at) - 1, false, add)
    end
  end
  for at in text:gmatch "%f[%w_]for%s*()%(" do
    local inner_to = closing(text, at)
    local first = text:find(";", at, true)
    local second = text:find(";", first + 1, true)
    if second < inner_to and text:sub(first + 1, second - 1):match "%S" then
      parts(text, first + 1, second - 1, false, add)
    end
  end
  -- What a return or an assignment decides; of `a ? b : c` the part before the question mark.
  for _, pattern in ipairs { "%f[%w_]return%s+()([^;]*);", "[^=!<>]=%s+()([^;]*);" } do
    for at, expression in text:gmatch(pattern) do
      local question = expression:find("?", 1, true)
      local shown = question and expression:sub(1, question - 1) or expression
      -- In `f(a + (b > c ? ...` the condition begins after the last bracket that is still open.
      local from = at
      for i = 1, #shown do
        local c = shown:sub(i, i)
        if (c == "(" or c == "[") and not closing(shown, i) then from = at + i end
      end
      if not shown:find "{" and (question or shown:find "&&" or shown:find "||" or shown:find "[=!]="
        or shown:find " [<>]=? ") then
        parts(text, from, at + #shown - 1, false, add)
      end
    end
  end
end

local function lua_conditions(text, add)
  for _, pattern in ipairs { "%f[%w_]if%f[%W]()(.-)%f[%w_]then%f[%W]",
    "%f[%w_]elseif%f[%W]()(.-)%f[%w_]then%f[%W]", "%f[%w_]while%f[%W]()(.-)%f[%w_]do%f[%W]" } do
    for at, condition in text:gmatch(pattern) do
      parts(text, at, at + #condition - 1, true, add)
    end
  end
end

-- All mutants of a file, in the order of its lines.
local function mutants_of(target)
  local text = read(target.file)
  local lua = target.file:match "%.lua$" ~= nil
  local code, list, seen = blank(text, lua), {}, {}
  local conditions = lua and lua_conditions or c_conditions
  conditions(code, function(from, to)
    if seen[from] then return end
    seen[from] = true
    local _, line = text:sub(1, from):gsub("\n", "")
    local before = text:sub(1, from - 1):match "[^\n]*$"
    local whole = (before .. text:sub(from):match "^[^\n]*"):match "^%s*(.-)%s*$"
    list[#list + 1] = { file = target.file, from = from, to = to, line = line + 1, whole = whole,
      condition = (text:sub(from, to):gsub("%s+", " ")), target = target, lua = lua }
  end)
  table.sort(list, function(a, b) return a.from < b.from end)
  local names = {}
  for _, mutant in ipairs(list) do
    local name = ("%s:%d"):format(mutant.file:match "[^/]+$", mutant.line)
    names[name] = (names[name] or 0) + 1
    mutant.name = name .. ("abcdefgh"):sub(names[name], names[name])
  end
  return list
end

-- Running one -----------------------------------------------------------------------------------

local function run(command)
  local ok, _, code = os.execute(command)
  return ok == true, code
end

local function shell(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  pipe:close()
  return text
end

local function build_c(folder)
  local object = folder .. "/mutant.o"
  if not run(("gcc -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -Icsrc -O1 -w -c -o %s %s/mutant.c")
    :format(object, folder)) then
    return false
  end
  local link = read(WORK .. "/link"):gsub("@OUT@", folder .. "/gitlab_pipelines/core.so")
    :gsub("@MUTANT@", object)
  return run("mkdir -p " .. folder .. "/gitlab_pipelines && " .. link)
end

-- The line that links core.so, as make has it, with places for what differs.
local function note_link()
  local so = "build/" .. LUA .. "/gitlab_pipelines/core.so"
  local lines = shell("make -n -W csrc/core/limiter.c " .. so)
  local line = lines:match("[^\n]*%-o " .. so:gsub("%p", "%%%0") .. "[^\n]*")
  run("mkdir -p " .. WORK)
  write(WORK .. "/link", (line:gsub("%-o %S+", "-o @OUT@"):gsub("(%S+libgpcore%.a)", "@MUTANT@ %1")))
end

local function one(mutant)
  local folder = WORK .. "/" .. mutant.name:gsub("[^%w]", "_")
  run("mkdir -p " .. folder)
  local text = read(mutant.file)
  local changed = mutant.unchanged and text or text:sub(1, mutant.from - 1) .. (mutant.lua and "(not (" or "!(")
    .. text:sub(mutant.from, mutant.to) .. (mutant.lua and "))" or ")") .. text:sub(mutant.to + 1)
  local path = "lua/?.lua;lua/?/init.lua;;"
  if mutant.lua then
    local place = folder .. "/" .. mutant.file:match "^lua/(.*)$"
    run("mkdir -p " .. place:match "^(.*)/")
    write(place, changed)
    path = folder .. "/?.lua;" .. path
  else
    write(folder .. "/mutant.c", changed)
    if not build_c(folder) then return "does not compile" end
  end
  local outcome = "survived"
  for _, spec in ipairs(mutant.target.specs) do
    local ok, code = run(("LUA_PATH='%s' LUA_CPATH='%s/?.so;build/%s/?.so;;' GP_LUA=%s timeout 120 "
      .. "%s spec/support/run.lua --no-keep-going -o plainTerminal %s >%s/log 2>&1"):format(path, folder, LUA,
      LUA, LUA, spec, folder))
    if not ok then
      outcome = code == 124 and "caught: it hung" or "caught"
      break
    end
  end
  run("rm -rf " .. folder)
  return outcome
end

-- Running all -----------------------------------------------------------------------------------

-- {[file of the mutant, its line's text and condition] = reason}
local function equivalents()
  local known = {}
  local place
  for line in io.lines "spec/mutation/equivalent.txt" do
    local file, whole, condition = line:match "^(%S+) | (.-) | (.-)$"
    if file then
      place = file .. "|" .. whole .. "|" .. condition
    elseif place and line:match "^    %S" then
      known[place] = (known[place] and known[place] .. " " or "") .. line:match "^%s*(.*)$"
    end
  end
  return known
end

-- Built in the same way and not changed, a file must pass: else everything would count as caught.
local function check_unchanged(target)
  local outcome = one { name = "unchanged " .. target.file, file = target.file, target = target,
    lua = target.file:match "%.lua$" ~= nil, unchanged = true }
  if outcome ~= "survived" then error(target.file .. ", not changed: " .. outcome, 0) end
end

local function all(pattern)
  note_link()
  for _, target in ipairs(targets) do check_unchanged(target) end
  local list, by_name, chosen = {}, {}, {}
  for _, target in ipairs(targets) do
    for _, mutant in ipairs(mutants_of(target)) do
      list[#list + 1], by_name[mutant.name] = mutant, mutant
      if not pattern or mutant.name:find(pattern) then chosen[#chosen + 1] = mutant.name end
    end
  end
  write(WORK .. "/names", table.concat(chosen, "\n") .. "\n")
  local results = {}
  for line in io.popen(("xargs -P %d -n 1 lua5.4 spec/mutation/run.lua --one <%s/names"):format(JOBS,
    WORK)):lines() do
    local name, outcome = line:match "^(%S+) (.*)$"
    results[name] = outcome
    io.stderr:write(line, "\n")
  end
  local known = equivalents()
  local counts = { caught = 0, equivalent = 0, wrong = 0 }
  for _, mutant in ipairs(list) do
    local outcome = results[mutant.name]
    if outcome then
      local reason = known[mutant.file .. "|" .. mutant.whole .. "|" .. mutant.condition]
      local kind = "caught"
      if outcome == "survived" and reason then
        kind, outcome = "equivalent", "equivalent: " .. reason
      elseif outcome == "survived" or outcome == "does not compile" then
        kind, outcome = "wrong", outcome:upper()
      elseif reason then
        kind, outcome = "wrong", "NOT EQUIVALENT, but listed"
      end
      counts[kind] = counts[kind] + 1
      print(("%-16s %-60s %s"):format(mutant.name, mutant.condition, outcome))
    elseif by_name[mutant.name] and not pattern then
      counts.wrong = counts.wrong + 1
      print(("%-16s %-60s NOT RUN"):format(mutant.name, mutant.condition))
    end
  end
  local total = counts.caught + counts.equivalent + counts.wrong
  print(("%d mutants: %d caught, %d equivalent, %d not noticed"):format(total, counts.caught,
    counts.equivalent, counts.wrong))
  return counts.wrong == 0 and (pattern ~= nil or total >= 100)
end

if arg[1] == "--one" then
  for _, target in ipairs(targets) do
    for _, mutant in ipairs(mutants_of(target)) do
      if mutant.name == arg[2] then print(mutant.name .. " " .. one(mutant)) end
    end
  end
elseif arg[1] == "--list" then
  for _, target in ipairs(targets) do
    for _, mutant in ipairs(mutants_of(target)) do
      print(("%-16s %s"):format(mutant.name, mutant.condition))
    end
  end
else
  os.exit(all(arg[1]))
end
