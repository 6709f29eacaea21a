-- Prints one bash script with every command of a page: its ```sh blocks verbatim, its
-- ```lua blocks run by lua5.4. Blocks with any other info string (```text, ```lua flow) are not run.
-- A command that ends with "&" is a server: the next command waits until it responds. `make demo`,
-- `make test` and commands that need root are checked elsewhere.
-- usage: lua5.4 scripts/readme.lua [FILE]   (default: README.md)
local elsewhere = { "^make demo", "^make test", "^make ci", "^make bench", "^sudo ", "^make install" }

local function runs_elsewhere(line)
  for _, pattern in ipairs(elsewhere) do
    if line:find(pattern) then return true end
  end
end

print [[
set -euo pipefail
export PATH=$PWD/bin:$PATH XDG_STATE_HOME=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$XDG_STATE_HOME"' EXIT
answers() {
    for _ in $(seq 200); do
        if curl -s -o /dev/null "$1"; then return 0; fi
        read -r -t 0.05 <> <(:) || true
    done
    echo "no response at $1" >&2
    return 1
}]]

local language
local continued = false
for line in io.lines(arg[1] or "README.md") do
  local fence = line:match "^```%s*(.-)%s*$"
  if fence then
    if language == "lua" then print "README_LUA" end
    language = language == nil and fence or nil
    if language == "lua" then print "lua5.4 - <<'README_LUA'" end
  elseif language == "lua" then
    print(line)
  elseif language == "sh" and not runs_elsewhere(line) then
    if line:find "&%s*$" then
      local port = line:match "%-%-port (%d+)"
      print(line)
      print(("answers http://127.0.0.1:%s/"):format(port))
    else
      if line ~= "" and not continued and not line:find "^%s*#" then
        print(("echo '$ %s'"):format((line:gsub("'", "'\\''"))))
      end
      print(line)
      continued = line:find "\\$" ~= nil
    end
  end
end
