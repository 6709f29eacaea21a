-- Loaded through LUA_INIT into every Lua process of a coverage run: sets the line hook of
-- spec/c/line_hook.c.
local library = os.getenv "GP_LINE_HOOK"
if library then assert(package.loadlib(library, "luaopen_line_hook"))() end
