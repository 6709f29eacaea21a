std = "min"
max_line_length = 120
-- What only some of the three Luas have, and is asked for before it is used.
read_globals = {
  "unpack",
  table = { fields = { "unpack" } },
  coroutine = { fields = { "close", "isyieldable" } },
}
files["spec"] = { std = "min+busted" }
files["examples"] = { std = "lua54" }
