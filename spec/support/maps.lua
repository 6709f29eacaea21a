-- Prints what this process maps once it has loaded a module. usage: LUA spec/support/maps.lua MODULE
require(arg[1])
for line in io.lines "/proc/self/maps" do print(line) end
