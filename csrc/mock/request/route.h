/*
 * One row of the table of routes. The router, the validation of parameters, the OpenAPI contract
 * and docs/API.md all follow from it: a new endpoint needs a handler and one row. The table itself
 * (routes.c) belongs to a higher floor and is passed in.
 */
#ifndef GP_MOCK_REQUEST_ROUTE_H
#define GP_MOCK_REQUEST_ROUTE_H

#include "mock/request/call.h"

/* Handles a call: writes the body to call->out and returns the HTTP status. */
typedef int gp_handler(gp_call *call);

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
    const char *example; /* JSON for the contract, or NULL */
} gp_param;

/* The last row of a list of parameters. */
#define GP_PARAMS_END                                                                              \
    {                                                                                              \
        NULL, 0, 0, 0, NULL, NULL, NULL                                                            \
    }

enum gp_route_flags {
    GP_PROJECT = 1,    /* :id is a project that exists */
    GP_PIPELINE = 2,   /* :pipeline_id is one of its pipelines */
    GP_JOB = 4,        /* :job_id is one of its jobs, not a trigger job */
    GP_ANY_JOB = 8,    /* :job_id may be a trigger job */
    GP_JOB_TOKEN = 16, /* a CI job token is accepted */
    GP_CONTROL = 32,   /* /_mock/: the static token alone */
    GP_OPEN = 64,      /* a trigger token is accepted: gp_api.authorize_open decides */
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
    const char *gives;      /* body of a success: a schema of schemas.h, "[Schema]", "text", "html",
                               "raw" or "binary" (a file, with Range), "asset"; NULL: no body */
    const char *takes;      /* schema of a request body that `params` does not describe, or NULL */
    const char *example;    /* request body, as JSON, that can be tried out; NULL: none */
    const char *about;      /* what else there is to know, or NULL */
} gp_route;

#endif
