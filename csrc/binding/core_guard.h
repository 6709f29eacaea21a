/* What a guard (core_guard.c) says to the functions in C that untrusted code calls. */
#ifndef LGP_CORE_GUARD_H
#define LGP_CORE_GUARD_H

#include <lua.h>

/* For work in slices: so many steps more, which are taken off the budget of whatever runs; 0 when
 * that is spent. Without a guard there is always one more. */
unsigned long lgp_guard_slice(lua_State *L);

/* Gives back what was not used of a slice. */
void lgp_guard_refund(unsigned long steps);

/* Takes so many steps off the budget of whatever runs; raises when that is spent. */
void lgp_guard_spend(lua_State *L, unsigned long steps);

/* There was no slice: raises. */
int lgp_guard_exhaust(lua_State *L);

#endif
