-- Runs busted inside the Lua that runs this file: busted's own script fixes one interpreter.
-- usage: LUA spec/support/run.lua [busted's arguments]
package.path = package.path .. ";spec/?.lua;/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua"
arg[0] = "busted" -- luacheck: ignore 122
require "busted.runner" { standalone = false }
