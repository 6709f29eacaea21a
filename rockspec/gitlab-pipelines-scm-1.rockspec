rockspec_format = "3.0"
package = "gitlab-pipelines"
version = "scm-1"
source = {
  url = "git+https://github.com/gitlab-pipelines/gitlab-pipelines.git",
}
description = {
  summary = "Triggers, watches and coordinates GitLab CI pipelines; brings a simulated GitLab.",
  detailed = [[
    A Lua module over a C core for Lua 5.3, 5.4 and LuaJIT. It needs lua-cjson, and argparse for
    its command, from the system or from luarocks.
  ]],
  license = "MIT",
}
dependencies = { "lua >= 5.1, < 5.5" }
external_dependencies = {
  CURL = { library = "curl" },
  CRYPTO = { library = "crypto" },
  SQLITE = { library = "sqlite3" },
  ZIP = { library = "zip" },
  MICROHTTPD = { library = "microhttpd" },
}
build = {
  type = "make",
  build_target = "rock",
  install_target = "rock-install",
  build_variables = { LUA_INCDIR = "$(LUA_INCDIR)" },
  install_variables = {
    INST_LUADIR = "$(LUADIR)",
    INST_LIBDIR = "$(LIBDIR)",
    INST_BINDIR = "$(BINDIR)",
  },
}
