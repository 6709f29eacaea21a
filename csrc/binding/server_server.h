/* The server as a userdata, for server_open.c. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "lgp.h"

/* Registers the type; leaves nothing on the stack. */
void lgp_server_type(lua_State *L);

/* server.open(service, options) -> server | nil, message */
int lgp_server_open(lua_State *L);

#endif
