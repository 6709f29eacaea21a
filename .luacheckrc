std = "min"
max_line_length = 120
-- What only some of the three Luas have, and is asked for before it is used.
read_globals = {
  "unpack", "jit", "utf8", "bit",
  table = { fields = { "unpack" } },
  coroutine = { fields = { "close", "isyieldable" } },
}
files["spec"] = { std = "min+busted" }
-- Flow scripts and worlds: an assignment to a global is what they are made of.
files["spec/support/*_world.lua"] = { ignore = { "111", "112" } }
files["examples"] = { std = "lua54", ignore = { "111", "112", "113", "131" } }
