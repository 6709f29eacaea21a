/*
 * One table of routes: it is the router, the validation of parameters, and what the contract is
 * written from.
 */
#ifndef GP_MOCK_ROUTES_H
#define GP_MOCK_ROUTES_H

#include "mock/handlers.h"

typedef enum gp_param_type {
    GP_STRING,
    GP_INTEGER,
    GP_NUMBER,
    GP_BOOLEAN,
    GP_TIME,
    GP_STRINGS, /* one or several */
    GP_ARRAY,
    GP_HASH,
    GP_ANY
} gp_param_type;

enum gp_param_flags {
    GP_REQUIRED = 1,
    GP_NOT_BLANK = 2, /* "" gives "<name> is empty" */
};

typedef struct gp_param {
    const char *name;
    char where; /* p path, q query, b body */
    gp_param_type type;
    int flags;
    const char *choices; /* "a|b|c"; of an ARRAY or a HASH: its type as schemas.h spells it */
    const char *help;
} gp_param;

enum gp_route_flags {
    GP_PROJECT = 1,    /* :id is a project that exists */
    GP_PIPELINE = 2,   /* :pipeline_id is one of its pipelines */
    GP_JOB = 4,        /* :job_id is one of its jobs, no trigger job */
    GP_ANY_JOB = 8,    /* :job_id may be a trigger job */
    GP_JOB_TOKEN = 16, /* a CI job token will do */
    GP_CONTROL = 32,   /* /_mock/: the static token alone */
    GP_OPEN = 64,      /* who asks is looked at by the handler */
    GP_PAGED = 128,    /* takes page and per_page */
    GP_MAINTAINER = 256,
    GP_ANY_SCOPE = 512,
    GP_PUBLIC = 1024 /* the contract and its pages: no token, no fault, not remembered */
};

typedef struct gp_route {
    const char *method, *path;
    int flags;
    int success;
    gp_handler *handle;
    const gp_param *params; /* ends with a NULL name; NULL: none */
    const char *help;       /* in a few words */
    const char *id;         /* names the operation in the contract: its group, "_", what it does */
    const char *gives;      /* what answers: a schema of schemas.h, "[Schema]", "text", "html",
                               "raw" or "binary" (a file, with Range), "asset"; NULL: no body */
    const char *takes;      /* schema of a body that `params` does not tell, or NULL */
    const char *about;      /* what else there is to know, or NULL */
} gp_route;

extern const gp_route gp_routes[]; /* ends with a NULL method */

/* Parameters that stand in paths, and those of lists; both end with a NULL name. */
extern const gp_param gp_path_params[], gp_paging_params[];

/* The outcome of looking for a route. */
typedef struct gp_match {
    const gp_route *route; /* NULL: none */
    char allow[64];        /* the methods of this path, when only the method did not fit */
} gp_match;

/* Finds the route and sets its path parameters (decoded) in `params`. */
void gp_route_find(gp_arena *arena, const char *method, const char *path, gp_json *params,
                   gp_match *match);

/* Is it a path of ours, not of GitLab's: /_mock and below, and what is GP_PUBLIC? `path` ends with
 * a NUL or a '?'; the prefix /api/v4 may stand before it. */
int gp_route_is_own(const char *path);

/* Checks and converts call->params by the route's table: 0, or the status of the error that it has
 * written. */
int gp_route_check(gp_call *call);

#endif
