/* What a guard (core_guard.c) says to the functions in C that untrusted code calls. */
#ifndef LGP_CORE_GUARD_H
#define LGP_CORE_GUARD_H

#include <lua.h>

/* How many steps a function in C may take now; without a guard, many. */
unsigned long lgp_guard_left(void);

/* Takes so many steps off the budget of whatever runs; raises when that is spent. */
void lgp_guard_spend(lua_State *L, unsigned long steps);

/* The budget does not suffice for what the function was to do: raises. */
int lgp_guard_exhaust(lua_State *L);

#endif
