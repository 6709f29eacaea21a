/* The userdata types of http.so, one file each. */
#ifndef LGP_HTTP_USERDATA_H
#define LGP_HTTP_USERDATA_H

#include "io/http.h"
#include "lgp.h"

#define LGP_HTTP_ENGINE   "gitlab_pipelines.http.engine"
#define LGP_HTTP_TRANSFER "gitlab_pipelines.http.transfer"

/* The registry name of an exchange of the layout whose first member is a gp_sent_hook. */
#define LGP_EXCHANGE "gitlab_pipelines.exchange.1"

/* Register the types; leave nothing on the stack. */
void lgp_http_engine_type(lua_State *L);
void lgp_http_transfer_type(lua_State *L);

/* http.engine(options) -> engine */
int lgp_http_engine_open(lua_State *L);

/*
 * Pushes an empty userdata for a transfer; the caller stores the transfer in *slot. The value at
 * stack index `keep` (0: none) lives as long as the userdata does.
 */
void lgp_http_transfer_push(lua_State *L, int keep, gp_http_transfer ***slot);

#endif
