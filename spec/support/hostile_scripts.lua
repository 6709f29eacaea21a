-- Scripts that try to get out, to hang or to fill the memory, for spec/flow/hostile_spec.lua.
--
-- { name, where, end, text }. `where`: "script" (all of it), "call", "when", "make" (a function's
-- body), "late make" (of an each whose list is known only in the run), "world" (a Lua data file).
-- `end`: "spent" (a budget), "error" (another error with its place), "ended" (either: Lua's own limits
-- differ), "fine" (nothing happens). A
-- script that has what it must not have prints ESCAPED.
local cases = {}

local function add(where, ending, list)
  for i = 1, #list, 2 do
    cases[#cases + 1] = { name = list[i], where = where, ending = ending, text = list[i + 1] }
  end
end

add("script", "spent", {
  "an endless while", "while true do end",
  "an endless repeat", "repeat until false",
  "an endless numeric for", "for i = 1, 1e300 do end",
  "an endless for over an iterator", "for _ in function() return 1 end do end",
  "endless tail calls", "local function f() return f() end f()",
  "mutual tail calls", "local a, b\nfunction a0() end\n",
  "a loop in a loop", "for i = 1, 1e9 do for j = 1, 1e9 do local k = i * j end end",
  "an endless loop of lines", "local x = 0\nwhile true do\n  x = x + 1\n  x = x - 1\nend",
  "an endless loop in a pcall", "pcall(function() while true do end end)",
  "a pcall in an endless loop", "while true do pcall(function() while true do end end) end",
  "pcalls that swallow each other", [[local function f(n) pcall(f, n + 1) pcall(f, n + 1) end
    while true do f(1) end]],
  "an endless handler of xpcall", "xpcall(error, function() while true do end end)",
  "an endless handler behind an endless loop",
  "xpcall(function() while true do end end, function() while true do end end)",
  "a handler that fails for ever", [[while true do
    xpcall(error, function() error "again" end)
  end]],
  "a loop in a comparator", "table.sort({ 3, 2, 1 }, function() while true do end end)",
  "a comparator that contradicts itself", [[local t = {} for i = 1, 3e5 do t[i] = i end
    while true do table.sort(t, function() return true end) end]],
  "sorting a long list for ever", [[local t = {} for i = 1, 3e5 do t[i] = -i end
    while true do table.sort(t) end]],
  "sorting long equal texts", [[local a, b = ("x"):rep(8e6) .. "a", ("x"):rep(8e6) .. "b" local t = {}
    for i = 1, 2e5 do t[i] = i % 2 == 0 and a or b end table.sort(t) while true do table.sort(t) end]],
  "a loop in a replacement", "(('x'):rep(10)):gsub('x', function() while true do end end)",
  "a loop behind an iterator of matches", "while true do for _ in ('abc'):gmatch '.' do end end",
  "a backtracking pattern", "local _ = (('a'):rep(30000)):find(('a*'):rep(30) .. 'b')",
  "a backtracking pattern with captures", "local _ = (('a'):rep(30000)):match(('(a-)'):rep(20) .. 'b')",
  "a backtracking pattern in gsub", "(('a'):rep(30000)):gsub(('.-'):rep(20) .. 'b', '')",
  "a backtracking pattern in gmatch", "for _ in (('a'):rep(30000)):gmatch(('a-'):rep(20) .. 'b') do end",
  "a backtracking pattern by string.find", "string.find(('a'):rep(30000), ('a*'):rep(30) .. 'b')",
  "many balanced brackets", "local _ = (('('):rep(3e6)):find '%b()'",
  "a pattern with a long set", [[local set = "[" .. ("bc"):rep(1e5) .. "]"
    local _ = (("a"):rep(3e6)):find(set .. "-" .. set .. "d")]],
  "back references over a long text", "local _ = (('a'):rep(1e5)):find('(.*)%1%1%1%1b')",
  "a frontier of a long set", "local _ = (('a'):rep(1e6)):find('%f[' .. ('b'):rep(1e5) .. ']c')",
  "a plain search for ever", [[local a, b = ("a"):rep(2e7), ("a"):rep(1e7) .. "b"
    while true do local _ = a:find(b, 1, true) end]],
  "numbers of many digits", "local s = ('9'):rep(1e7) while true do local _ = s + 1 end",
  "tonumber of many digits", "local s = ('9'):rep(1e7) while true do tonumber(s, 10) end",
  "comparing long texts", [[local a, b = ("a"):rep(2e7) .. "b", ("a"):rep(2e7) .. "c"
    while true do local _ = a < b end]],
  "equality of long texts", [[local a = ("a"):rep(2e7) while true do
    local _ = a .. "b" == a .. "c" end]],
  "inserting at the front", "local t = {} for i = 1, 1e9 do table.insert(t, 1, i) end",
  "removing at the front", [[local t = {} for i = 1, 1e6 do t[i] = i end
    while true do table.insert(t, 1, 1) table.remove(t, 1) end]],
  "moving nothing over a long way", "table.move({}, 1, 1e15, 2)",
  "moving backwards over a long way", "table.move({}, 2, 1e15, 1)",
  "pairs over a long table for ever", [[local t = {} for i = 1, 1e5 do t["k" .. i] = i end
    while true do for _ in pairs(t) do end end]],
  "next over a long table", [[local t = {} for i = 1, 2e4 do t["k" .. i] = i end
    local k repeat k = next(t, k) until not k while true do next(t) end]],
  "printing for ever", "while true do print 'x' end",
  "printing long texts for ever", "local s = ('x'):rep(1e6) while true do print(s) end",
  "reversing for ever", "local s = ('x'):rep(2e7) while true do s = s:reverse() end",
  "bytes of a long text for ever", "local s = ('x'):rep(2e5) while true do local _ = { s:byte(1, 200) } end",
  "goto without an end", "::again:: goto again",
  "asking for names that are not there", "while true do pcall(function() return nothing end) end",
  "reading inputs for ever", "inputs = { a = {} } while true do local _ = input.a end",
  "joining references for ever", [[a = pipeline { project = "p", ref = "m" } local r = a.id
    while true do r = r .. "x" end]],
  "a text that doubles", "local s = 'x' while true do s = s .. s end",
  "a text of many parts", "local s = ('x'):rep(1e7) local _ = s .. s .. s .. s .. s .. s .. s .. s",
  "a text repeated", "local _ = ('x'):rep(1e9)",
  "a text repeated at the end of the script", "do return ('x'):rep(1e9) end",
  "a text repeated with a separator", "local _ = ('x'):rep(2, ('y'):rep(3e7)):rep(9)",
  "a text repeated by string.rep", "local _ = string.rep('x', 5e8)",
  "a replacement that explodes", "local _ = (('a'):rep(1e5)):gsub('a', ('b'):rep(1e5))",
  "a list joined by a long separator", [[local _ = table.concat({ "a", "b", "c", "d" }, ("x"):rep(3e7))]],
  "a format of long texts", "local s = ('x'):rep(2e7) local _ = ('%s%s%s%s'):format(s, s, s, s)",
  "a list that grows", "local t = {} for i = 1, 1e15 do t[i] = i end",
  "a map that grows", "local t = {} for i = 1, 1e15 do t['k' .. i] = i end",
  "a table at a time", "local t = {} while true do t = { t } end",
  "functions that grow", "local t = {} while true do t[#t + 1] = function() return t end end",
  "texts that grow in a table", "local t = {} while true do t[#t + 1] = ('x'):rep(1e5) .. #t end",
  "memory in a pcall", [[while true do pcall(function()
    local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end end) end]],
  "memory in a handler", "xpcall(error, function() local s = 'x' while true do s = s .. s end end)",
  "memory kept from one pcall to the next", [[local t = {} while true do
    pcall(function() t[#t + 1] = ('x'):rep(1e6) .. #t end) end]],
  "steps without an end", [[local i = 0 while true do i = i + 1
    _G["s" .. i] = pipeline { project = "p", ref = "m" } end]],
  "variables without an end", [[local v = {} for i = 1, 1e7 do v["V" .. i] = "x" end
    a = pipeline { project = "p", ref = "m", variables = v }]],
  "an each without an end", [[local t = {} for i = 1, 1e6 do t[i] = i end
    a = each { over = t, make = function() return pipeline { project = "p", ref = "m" } end }]],
  "a name that explodes", "name = ('x'):rep(1e9)",
  "an input's pattern that backtracks", [[inputs = { a = { default = ("a"):rep(30000),
    match = ("a*"):rep(30) .. "b" } }]],
  "an error that is long to make", "error(('x'):rep(1e9))",
  "upvalues that grow", [[local f = function() end while true do local g = f f = function() return g() end end]],
})
cases[6].text = "local b\nlocal function a() return b() end\nb = function() return a() end\na()"

add("script", "ended", {
  "many results", "local function f(...) return f(1, ...) end f()",
  "deep recursion", "local function f() return 1 + f() end f()",
  "deep recursion through pcall", [[local function f() local ok, err = pcall(f)
    if not ok then error(err, 0) end end f()]],
  "deep recursion through gsub", "local function f() (('x')):gsub('x', f) end f()",
  "deep recursion through sort", "local function f() table.sort({ 1, 2 }, f) end f()",
})

add("script", "error", {
  "a table that holds itself as variables", [[local t = {} t.a = t
    a = pipeline { project = "p", ref = "m", inputs = t }]],
  "a table nested deeply as inputs", [[local t = {} for i = 1, 1e5 do t = { t } end
    a = pipeline { project = "p", ref = "m", inputs = { t = t } }]],
  "a width that is too long", "local _ = ('%99999d'):format(1)",
  "a huge place to insert", "table.insert({}, 2 ^ 53, 1)",
  "a low place to insert", "table.insert({}, -2 ^ 31, 1)",
  "a list joined beyond its end", "table.concat({}, '', 1, 2 ^ 40)",
  "a list unpacked beyond any stack", "local _ = { table.unpack({}, 1, 1e8) }",
  "bytes beyond any stack", "local _ = { (('x'):rep(2e7)):byte(1, -1) }",
  "an error of many lines", "error('a\\nb\\nc')",
  "an error that is a table", "error {}",
  "an error that is a reference", "a = pipeline { project = 'p', ref = 'm' } error(a.id)",
  "an error that is a function", "error(print)",
  "an unfinished capture", "local _ = ('x'):find '(x'",
  "a pattern that ends with %", "local _ = ('x'):gsub('%', '')",
  "a pattern of too many brackets", "local _ = ('x'):find(('('):rep(1000) .. (')'):rep(1000))",
  "binary code", "\27Lua",
  "a chunk of nested brackets", "local x = " .. ("("):rep(5000) .. "1" .. (")"):rep(5000),
  "a chunk of nested tables", "local x = " .. ("{"):rep(5000) .. ("}"):rep(5000),
  "an assignment to a library of strings", "(('x')).rep = 1",
  "an assignment to the table behind strings", "('x').evil = function() end",
  "os", "os.execute 'touch ESCAPED'",
  "io", "io.open '/etc/passwd'",
  "require", "require 'os'",
  "load", "load 'return 1' ()",
  "loadstring", "loadstring 'return 1' ()",
  "dofile", "dofile '/etc/passwd'",
  "debug", "debug.getregistry()",
  "getmetatable", "getmetatable('').__index.rep = print",
  "setmetatable", "setmetatable({}, { __gc = print })",
  "rawget", "rawget(_G, 'os')",
  "getfenv", "getfenv(0)",
  "coroutines", "coroutine.wrap(function() end)()",
  "collectgarbage", "collectgarbage 'stop'",
  "package", "local _ = package.loaded",
  "newproxy", "newproxy(true)",
  "jit", "jit.on()",
  "ffi", "ffi.C.system 'touch ESCAPED'",
  "string.dump", "string.dump(print)",
  "the token in the environment", "print(env.GITLAB_TOKEN)",
  "the job token in the environment", "print(env.CI_JOB_TOKEN)",
  "a password in the environment", "print(env.CI_REGISTRY_PASSWORD)",
  "a repository's URL in the environment", "print(env.CI_REPOSITORY_URL)",
  "a secret for a trigger in the environment", "print(env.GITLAB_PIPELINES_SECRET_X)",
  "any variable of the environment", "print(env.HOST_SECRET)",
  "a reference's text", "print(tostring((pipeline { project = 'p', ref = 'm' }).id))",
})

add("script", "fine", {
  "nothing repeated often", "local _ = (''):rep(1e15)",
  "nothing repeated with nothing between", "local _ = string.rep('', 1e15, '')",
  "an error object's class", [[local ok, err = pcall(function() return nothing end)
    local function try(f) local good, value = pcall(f) if good and value then print("ESCAPED", value) end end
    try(function() return err.__index end) try(function() return err.session end)
    try(function() err.message = 1 return true end)
    for k in pairs(err) do print("ESCAPED", k) end]],
  "an error's own method", [[local ok, err = pcall(function() return nothing end)
    if not err:is "FlowError.InvalidScript" then print "ESCAPED" end
    if tostring(err):find "0x" then print "ESCAPED" end]],
  "what _G holds", "for k, v in pairs(_G) do print('ESCAPED', k) end for k in next, _G do print('ESCAPED', k) end",
  "what input holds", "inputs = { a = {} } for k in pairs(input) do print('ESCAPED', k) end",
  "what env holds", "for k in pairs(env) do print('ESCAPED', k) end",
  "a library that is changed", [[string.format = function() return "ESCAPED" end
    local ok, err = pcall(function() return nothing end) print(tostring(err))
    if ("%d"):format(1) ~= "1" then print "ESCAPED" end]],
  "a library that is emptied", "for k in pairs(string) do string[k] = nil end local _ = ('x'):rep(2)",
  "a secret's name", "print(secret 'TOKEN')",
  "the functions of the libraries", [[for _, lib in ipairs { string, table, math } do
    for name, f in pairs(lib) do
      if name == "dump" or name == "random" then print("ESCAPED", name) end end end]],
  "names that are only the host's", [[for _, name in ipairs { "os", "io", "require", "load", "debug",
      "package", "coroutine", "getmetatable", "setmetatable", "rawget", "rawset", "collectgarbage", "jit", "arg" } do
    if pcall(function() return _G[name] end) then print("ESCAPED", name) end end]],
  "numbers that are no numbers", "local n = 0 / 0 local _ = n == n, ('%g'):format(n), math.huge, -math.huge",
})

add("call", "spent", {
  "an endless loop in a call", "while true do end",
  "an endless loop of pcalls in a call", "while true do pcall(function() while true do end end) end",
  "a text that doubles in a call", "local s = 'x' while true do s = s .. s end",
  "calls of gl that do not wait", "while true do pcall(gl.projects.get, gl.projects, {}) end",
  "calls of gl without the group", "while true do pcall(gl.jobs.list) end",
  "printing for ever in a call", "while true do print 'x' end",
  "a callback that does not end", [[gl.artifacts:download("acme/a", 1, function() while true do end end)
    while true do end]],
})

add("call", "ended", {
  "deep recursion in a call", "local function f() return 1 + f() end f()",
})

add("call", "error", {
  "the client", "return gl.client.token",
  "the token of the client", "print(gl.client.token.secret:reveal())",
  "the group token", "print(gl.token:info())",
  "triggers", "gl.triggers:list(1)",
  "variables", "gl.variables:list(1)",
  "hooks", "gl.hooks:list(1)",
  "closing the client", "gl:close()",
  "the client behind a group", "return gl.projects.client",
  "the client behind a group's gl", "return gl.jobs.gl",
  "a field of a group that is set", "gl.jobs.get = print",
  "a group that is set", "gl.jobs = {}",
  "a journal's file", "gl.pipelines:create('acme/a', { ref = 'main', once = 'k' }, { journal = {} })",
  "a receiver of the host's", "gl.pipelines:wait('acme/a', 1, { wake = {} })",
  "a result that holds itself", "local t = {} t.t = t return t",
  "a result that is a function", "return { f = print }",
  "a step's key that is set", "steps.c.status = 'failed'",
  "os in a call", "os.exit()",
})

add("call", "fine", {
  "files outside of the folder", [[for _, name in ipairs { "/tmp/ESCAPED", "../ESCAPED", "a/../../ESCAPED",
      "", "..", "a/..", "link/ESCAPED", "file-link", "a\0b", "a\nb" } do
    local ok, a, err = pcall(gl.jobs.save_log, gl.jobs, "acme/a", 1, name)
    if ok and a then print("ESCAPED", name) end end
    for _, name in ipairs { "/tmp/ESCAPED", "../ESCAPED", "link/ESCAPED", "link" } do
      local ok, a = pcall(gl.artifacts.download, gl.artifacts, "acme/a", 1, name)
      if ok and a then print("ESCAPED", name) end
      ok, a = pcall(gl.artifacts.file, gl.artifacts, "acme/a", 1, "x", name)
      if ok and a then print("ESCAPED", name) end
      ok, a = pcall(gl.artifacts.latest, gl.artifacts, "acme/a", "main", "build", name)
      if ok and a then print("ESCAPED", name) end
      ok, a = pcall(gl.artifacts.extract, gl.artifacts, "acme/a", 1, name)
      if ok and a then print("ESCAPED", name) end
    end]],
  "what gl holds", "for k in pairs(gl) do print('ESCAPED', k) end for k in pairs(gl.jobs) do print('ESCAPED', k) end",
  "what a step holds", [[for k, v in pairs(steps.c) do print("ESCAPED", k) end
    for k in pairs(steps) do print("ESCAPED", k) end
    for _, k in ipairs { "task", "step", "view", "parent", "request", "session" } do
      if steps.c[k] ~= nil then print("ESCAPED", k) end end]],
  "an error of gl", [[local _, err = gl.projects:get "acme/nowhere"
    for k in pairs(err) do print("ESCAPED", k) end
    for _, k in ipairs { "client", "cause", "traceback", "headers", "__index", "request", "response", "config" } do
      if err[k] ~= nil then print("ESCAPED", k) end end
    if not err:is "AccessError" then print("ESCAPED", tostring(err)) end]],
  "all that can be reached from gl and steps", [[local seen, count = {}, 0
    local names = { "client", "gl", "token", "secret", "reveal", "redactor", "loop", "task", "thread", "new",
      "__index", "_G", "env", "session", "states", "plan", "runtime", "close", "journal", "output", "get", "list" }
    local function walk(value, depth)
      local kind = type(value)
      if kind == "userdata" or kind == "thread" then print("ESCAPED", kind) end
      if kind == "string" and value:find("CANARY", 1, true) then print("ESCAPED", value) end
      if kind ~= "table" or seen[value] or depth > 6 then return end
      seen[value] = true
      for k, v in pairs(value) do walk(k, depth + 1) walk(v, depth + 1) end
      for _, name in ipairs(names) do
        local ok, v = pcall(function() return value[name] end)
        walk(v, depth + 1)
      end
    end
    walk(gl, 1) walk(steps, 1) walk(step, 1) walk(gl.projects:get "acme/a", 1)
    walk({ gl.pipelines:list "acme/a" }, 1) walk({ gl.jobs:list_project "acme/a" }, 1)]],
  "what a callback gets", [[gl.pipelines:wait("acme/a", 1, { on_change = function(...)
    for i = 1, select("#", ...) do local v = select(i, ...)
      if type(v) == "table" and (v.client or v.loop) then print "ESCAPED" end end end })]],
  "a file within the folder", [[local saved, err = gl.jobs:save_log("acme/a", 1, "logs/one.log")
    if saved and saved.file ~= "logs/one.log" then print("ESCAPED", saved.file) end]],
})

add("when", "spent", {
  "an endless loop in a when", "while true do end",
  "a text that doubles in a when", "local s = 'x' while true do s = s .. s end",
  "a backtracking pattern in a when", "return (('a'):rep(30000)):find(('a*'):rep(30) .. 'b')",
})
add("when", "ended", {
  "deep recursion in a when", "local function f() return 1 + f() end f()",
})
add("when", "error", {
  "steps made in a when", "x = pipeline { project = 'p', ref = 'm' }",
  "os in a when", "return os.time() > 0",
})
add("make", "spent", {
  "an endless loop in a make", "while true do end",
  "a text that doubles in a make", "local s = 'x' while true do s = s .. s end",
})
add("make", "error", { "io in a make", "io.write 'x'" })
add("late make", "spent", {
  "an endless loop in a late make", "while true do end",
  "a table that grows in a late make", "local t = {} while true do t = { t } end",
})
add("late make", "ended", { "deep recursion in a late make", "local function f() return 1 + f() end f()" })

add("world", "spent", {
  "an endless world", "while true do end",
  "a world that doubles", "local s = 'x' while true do s = s .. s end",
  "a world that repeats", "projects = (('x'):rep(1e9))",
  "a world that backtracks", "projects = (('a'):rep(30000)):find(('a*'):rep(30) .. 'b')",
  "a world that grows", "local t = {} for i = 1, 1e15 do t[i] = 'a' end projects = t",
})
add("world", "ended", {
  "a world that recurses", "local function f() return 1 + f() end f()",
})
add("world", "error", {
  "a world that holds itself", "local t = {} t.t = t projects = t",
  "a world that is deep", "local t = {} for i = 1, 1e5 do t = { t } end projects = t",
  "a world with os", "os.execute 'touch ESCAPED'",
  "a world of binary code", "\27Lua",
})

return cases
