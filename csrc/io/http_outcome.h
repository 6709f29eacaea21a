/*
 * What a failed attempt means for whoever thinks of repeating it. libcurl says what it saw; what
 * matters is how far the request had come when that happened: nothing sent, sent without an answer,
 * or a status line without its body.
 */
#ifndef GP_IO_HTTP_OUTCOME_H
#define GP_IO_HTTP_OUTCOME_H

#include <curl/curl.h>

#include "io/http.h"

typedef struct gp_http_evidence {
    CURLcode result;
    gp_http_effect effect;
    int sent;   /* the pre-request hook was called and bytes left */
    int status; /* 0: no status line */
    int reused; /* over a connection that had been used before */
    const char *text;
} gp_http_evidence;
void gp_http_outcome_of(const gp_http_evidence *evidence, gp_http_outcome *outcome,
                        gp_http_code *code);
/* What a request that was sent means when it ended without a usable answer. */
gp_http_outcome gp_http_outcome_sent(int status);

/* Refuses a request that can not be sent as it is, for good: returns 0. */
int gp_http_refuse(gp_http_failure *failure, gp_http_code code, const char *message);

#endif
