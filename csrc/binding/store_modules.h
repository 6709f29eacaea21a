/* The modules of store.so: each function pushes the table that becomes a field of it. */
#ifndef LGP_STORE_MODULES_H
#define LGP_STORE_MODULES_H

#include <lua.h>

int lgp_open_archive(lua_State *L);
int lgp_open_journal(lua_State *L);
int lgp_open_part(lua_State *L);
int lgp_open_folder(lua_State *L);

#endif
