-- Other processes for specs: a Lua of the kind that runs this one, with the same paths.

local M = {}

local interpreter
do
  local i = 0
  while arg and arg[i] do i = i - 1 end
  interpreter = arg and arg[i + 1] or "lua5.4"
end

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Runs a chunk in a Lua of its own; what it printed and whether it ended well.
---@param code string it sees its arguments as `...`
function M.lua(code, ...)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(code)
  file:close()
  local words = { interpreter, quote(name) }
  for i = 1, select("#", ...) do words[#words + 1] = quote(tostring((select(i, ...)))) end
  local pipe = assert(io.popen(table.concat(words, " ") .. " 2>&1; echo \"exit $?\"", "r"))
  local output = pipe:read "*a"
  pipe:close()
  os.remove(name)
  local text, code_text = output:match "^(.-)exit (%d+)\n$"
  return (text:gsub("Killed\n$", "")), tonumber(code_text)
end

--- Runs one chunk in several processes at once, each with `...` and its number; true when all
--- ended well.
function M.together(count, code, ...)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(code)
  file:close()
  local words = { interpreter, quote(name) }
  for i = 1, select("#", ...) do words[#words + 1] = quote(tostring((select(i, ...)))) end
  local lines = {}
  for i = 1, count do
    lines[i] = ("%s %d & p%d=$!; "):format(table.concat(words, " "), i, i)
  end
  for i = 1, count do lines[#lines + 1] = ("wait $p%d || exit 1; "):format(i) end
  local ok = os.execute(table.concat(lines))
  os.remove(name)
  return ok == true or ok == 0
end

--- Runs `fn(pid)` while process `pid` has the SQLite file locked by `begin`, in a transaction that it
--- leaves open, and does not run.
---@param begin string such as "BEGIN IMMEDIATE"
function M.while_locked(file, begin, fn)
  local script = os.tmpname()
  local out = assert(io.open(script, "w"))
  out:write([[
import os, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute(sys.argv[2])
print(os.getpid(), flush=True)
os.kill(os.getpid(), 19)]])
  out:close()
  local pipe = assert(io.popen(("exec /usr/bin/python3 %s %s %s"):format(script, quote(file), quote(begin))))
  local pid = assert(pipe:read "*n")
  local ok, message = pcall(fn, pid)
  os.execute("kill -9 " .. ("%d"):format(pid))
  pipe:close()
  os.remove(script)
  if not ok then error(message, 0) end
end

M.interpreter = interpreter

--- Lua text that ends its own process as `kill -9` does.
M.die = [[
  local function die()
    io.stdout:flush()
    os.execute("kill -9 " .. io.open("/proc/self/stat"):read "*n" .. " 2>/dev/null")
  end
]]

--- A file name in a folder of its own; call the second result when done.
function M.file(name)
  local pipe = assert(io.popen "mktemp -d")
  local folder = pipe:read "*l"
  pipe:close()
  return folder .. "/" .. name, function() os.execute("rm -rf " .. quote(folder)) end
end

return M
