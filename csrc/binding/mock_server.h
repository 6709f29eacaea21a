/* Making server userdata: shared by the files of mock.so that serve something. */
#ifndef MOCK_SERVER_H
#define MOCK_SERVER_H

#include "io/httpd.h"
#include "lgp.h"

/*
 * Opens a server with the callbacks of `open` (see io/httpd.h) and pushes it as a pollable
 * userdata, or pushes nil and a message; returns how many values it pushed. `options` is the index
 * of a table (or nil) with host, port, max_head, max_body, max_connections and patience, which go
 * into `open`. The value at index `keep` (0: none) is what `open->ctx` belongs to: it stays alive
 * as long as the server does.
 */
int lgp_server_push(lua_State *L, int options, gp_httpd_options *open, int keep);

/* The server's URL; raises when the value at this index is no open server. */
const char *lgp_server_url(lua_State *L, int index);

/* Registers the type, and adds serve_forever and echo_start to the table on top of the stack. */
void lgp_open_server(lua_State *L);

#endif
