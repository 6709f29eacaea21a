/* The modules of core.so: each function pushes the table that becomes a field of it. */
#ifndef LGP_CORE_MODULES_H
#define LGP_CORE_MODULES_H

#include <lua.h>

int lgp_open_clock(lua_State *L);
int lgp_open_digest(lua_State *L);
int lgp_open_json(lua_State *L);
int lgp_open_exchange(lua_State *L);
int lgp_open_policy(lua_State *L);
int lgp_open_pattern(lua_State *L);
int lgp_open_redact(lua_State *L);
int lgp_open_scenario(lua_State *L);
int lgp_open_secret(lua_State *L);
int lgp_open_status(lua_State *L);
int lgp_open_time(lua_State *L);
int lgp_open_uri(lua_State *L);
int lgp_open_term(lua_State *L);
int lgp_open_joblog(lua_State *L);
int lgp_open_ref(lua_State *L);
int lgp_open_retry(lua_State *L);
int lgp_open_hasher(lua_State *L);
int lgp_open_webhook(lua_State *L);
int lgp_open_guard(lua_State *L);
int lgp_open_text(lua_State *L);

#endif
