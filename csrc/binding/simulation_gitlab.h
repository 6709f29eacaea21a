/* The simulated GitLab as a userdata, for simulation_open.c. */
#ifndef SIMULATION_GITLAB_H
#define SIMULATION_GITLAB_H

#include "lgp.h"

/* Registers the type; leaves nothing on the stack. */
void lgp_simulation_type(lua_State *L);

/* simulation.open(options) -> gitlab | nil, message, "world" | "database" */
int lgp_simulation_open(lua_State *L);

#endif
