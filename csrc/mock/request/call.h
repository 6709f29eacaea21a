/*
 * One request on its way through the mock: the request, the caller, the rows that it names, and the
 * response. A handler takes this, writes the body and returns the status.
 */
#ifndef GP_MOCK_REQUEST_CALL_H
#define GP_MOCK_REQUEST_CALL_H

#include "mock/rows/state.h"

struct gp_route;

/* The rate limit that the response's headers describe: the strictest one. */
typedef struct gp_rate {
    int64_t limit; /* a minute; 0: none */
    int64_t observed, remaining;
    gp_ms reset; /* end of the window */
    int exceeded;
} gp_rate;

typedef struct gp_call {
    gp_mock *m;
    const gp_http_request_in *in;
    gp_http_response_out *out;
    const struct gp_route *route;
    gp_arena *arena;
    const char *path; /* as sent, without query and without /api/v4 */
    gp_json *params;  /* path, query and body in one object, by name; checked and converted */
    gp_json *query;   /* the query alone */
    gp_json *body;    /* the body alone */
    gp_project *project;
    gp_pipeline *pipeline;
    gp_job *job;
    const gp_user *user;
    const gp_token *token;     /* NULL: the static token */
    const gp_trigger *trigger; /* a trigger token, on the trigger endpoint */
    int role;
    gp_rate rate;
    gp_ms lag;      /* replicas show the state of this long ago */
    int64_t writes; /* rows written before the call */
    int redirect;   /* archives are in the object store, whatever the world says */
} gp_call;

/* Parameters of the call. */
const char *gp_call_string(const gp_call *call, const char *name);
int64_t gp_call_integer(const gp_call *call, const char *name, int64_t fallback);
int gp_call_boolean(const gp_call *call, const char *name, int fallback);
/* A checked time; GP_MS_NONE if it is absent. */
gp_ms gp_call_time(const gp_call *call, const char *name);

/*
 * Error bodies. Each empties the body, writes the one for its shape and returns the status.
 * gp_fail: {"message": text}; gp_fail_error: {"error": text}; gp_fail_field: a 400
 * {"message": {field: [text]}}, where model errors belong to "base".
 */
int gp_fail(gp_call *call, int status, const char *text);
int gp_fail_error(gp_call *call, int status, const char *text);
int gp_fail_field(gp_call *call, const char *field, const char *text);
int gp_fail_record(gp_call *call); /* 404 Not found */
int gp_fail_memory(gp_call *call); /* 500 */

#endif
