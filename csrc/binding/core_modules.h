/* The rooms of core.so: each function pushes the table that becomes a field of the module. */
#ifndef LGP_CORE_MODULES_H
#define LGP_CORE_MODULES_H

#include <lua.h>

int lgp_open_clock(lua_State *L);
int lgp_open_term(lua_State *L);

#endif
