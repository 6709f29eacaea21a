/* How C functions that untrusted code calls use the guard (core_guard.c). */
#ifndef LGP_CORE_GUARD_H
#define LGP_CORE_GUARD_H

#include <lua.h>

/* For work in slices: takes one slice of steps from the current budget and returns its size; 0 when
 * the budget is spent. Without a guard there is always another slice. */
unsigned long lgp_guard_slice(lua_State *L);

/* Returns the unused steps of a slice. */
void lgp_guard_refund(unsigned long steps);

/* Takes `steps` from the current budget; raises when it is spent. */
void lgp_guard_spend(lua_State *L, unsigned long steps);

/* Raises, after lgp_guard_slice returned 0. */
int lgp_guard_exhaust(lua_State *L);

#endif
