/*
 * Classifies a failed attempt for the retry decision. Besides libcurl's result, it matters how far
 * the request had got: nothing sent, sent without a response, or a status line without its body.
 */
#ifndef GP_IO_HTTP_OUTCOME_H
#define GP_IO_HTTP_OUTCOME_H

#include <curl/curl.h>

#include "io/http.h"

typedef struct gp_http_evidence {
    CURLcode result;
    gp_http_effect effect;
    int sent;   /* the pre-request hook was called and bytes were sent */
    int status; /* 0: no status line */
    int reused; /* sent over a reused connection */
    const char *text;
} gp_http_evidence;

void gp_http_outcome_of(const gp_http_evidence *evidence, gp_http_outcome *outcome,
                        gp_http_code *code);

/* The outcome of a request that was sent but got no usable response. */
gp_http_outcome gp_http_outcome_sent(int status);

/* Rejects an invalid request permanently: fills `failure` and returns 0. */
int gp_http_refuse(gp_http_failure *failure, gp_http_code code, const char *message);

#endif
