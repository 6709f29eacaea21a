/* The simulated GitLab as a userdata, for mock_open.c. */
#ifndef MOCK_MOCK_H
#define MOCK_MOCK_H

#include "lgp.h"

/* Registers the type, and adds open and serve_start to the table on top of the stack. */
void lgp_open_mock(lua_State *L);

/* Has the simulated GitLab at this index (raises if it is none) any webhook target? */
int lgp_mock_has_webhooks(lua_State *L, int index);

#endif
