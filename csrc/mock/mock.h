/*
 * The simulated GitLab as a library: a request in, a response out. It has no thread, no socket and
 * no clock: each request brings its time.
 *
 *     gp_mock *m;
 *     if (!gp_mock_open(&(gp_mock_options){.db = "mock.db"}, &m, err, sizeof err)) ...
 *     gp_http_response_init(&response, gp_mock_alloc(m));
 *     gp_mock_request(m, now, &request, &response);
 *     ...
 *     gp_mock_close(m);
 *
 * The state at a time follows from the requests so far and the clock: with the same seed, the same
 * requests at the same times give the same bytes, and closing and reopening the database in between
 * changes nothing. An open database file belongs to one mock at a time.
 */
#ifndef GP_MOCK_H
#define GP_MOCK_H

#include <stddef.h>
#include <stdint.h>

#include "core/http_message.h"

typedef struct gp_mock gp_mock;

typedef struct gp_mock_options {
    const char *db;    /* file; NULL: in memory */
    const char *token; /* NULL: MOCK_SUPER_SECRET */
    const char *url;   /* the beginning of links; NULL: https://gitlab.example.com */
    const char *world; /* JSON; NULL: the one that the database holds, if any */
    size_t world_len;
    uint64_t seed;
    int allow_reset;
    int clock_virtual;  /* the time stands still and moves only by /_mock/clock */
    const char *assets; /* folder with the files of /docs and /redoc; NULL: none */
    int64_t max_body;   /* bytes of a request body; 0: 1 MiB */
} gp_mock_options;

typedef enum gp_mock_opening {
    GP_MOCK_UNUSABLE, /* the database cannot be used, or memory ran out */
    GP_MOCK_OPENED,
    GP_MOCK_WORLD_REFUSED
} gp_mock_opening;

/* Opens a mock, or gives a message. The options are copied. A database that another mock has open,
 * in this process or another, is refused, with the holder's process id and URL. */
gp_mock_opening gp_mock_open(const gp_mock_options *options, gp_mock **out, char *err,
                             size_t err_size);
void gp_mock_close(gp_mock *m);

/* For the buffers of responses. */
const gp_alloc *gp_mock_alloc(gp_mock *m);

/* Sets the beginning of links, once it is known. 0 when memory ran out. */
int gp_mock_set_url(gp_mock *m, const char *url);

/* Records the URL at which this mock is served, for the message to others that are refused the
 * database. 1, or 0 with a message. */
int gp_mock_note_url(gp_mock *m, const char *url, char *err, size_t err_size);

/* Responds to a request made at `now` (seconds since the epoch; a time that goes back counts as
 * standing still). The response must be empty. Never fails: an internal failure is a 500, a full
 * disk a 507, and a lock that another process holds for too long a 503; such a request changes
 * nothing. A request that only reads does not wait for a lock. */
void gp_mock_request(gp_mock *m, double now, const gp_http_request_in *in,
                     gp_http_response_out *out);

/* Commits what requests with `may_defer` have left uncommitted, in one transaction. 0 when the
 * database refused it: then none of them has happened, and gp_mock_refuse makes the response to
 * each. */
int gp_mock_flush(gp_mock *m);
void gp_mock_refuse(gp_mock *m, const gp_http_request_in *in, gp_http_response_out *out);

/* Why writes are being refused, in one line; NULL while they are not. */
const char *gp_mock_trouble(const gp_mock *m);

/*
 * Webhooks. The mock only queues deliveries: its owner takes those that are due, sends them as POST
 * requests, and reports the results; a test can do that without a network.
 *
 *     while (gp_mock_webhook_take(m, now, &hook)) {
 *         ... POST hook.body to hook.url with hook.headers ...
 *         gp_http_response_free(&hook.headers);
 *     }
 *     ... later: gp_mock_webhook_report(m, now, id, status, answer, answer_len);
 */
typedef struct gp_mock_webhook {
    int64_t id;
    const char *url, *body; /* the mock's, until its next call */
    size_t body_len;
    gp_http_response_out headers; /* only these are used; free it with gp_http_response_free */
} gp_mock_webhook;

/* Seconds until a delivery may be due; negative: nothing is scheduled. */
double gp_mock_webhook_timeout(gp_mock *m, double now);

/* Takes the next delivery that is due at `now`; 0: none. */
int gp_mock_webhook_take(gp_mock *m, double now, gp_mock_webhook *out);

/* Reports the result: the status, or 0 for none, and the beginning of the response body (or why
 * there is none). 0 if the delivery is not being sent. */
int gp_mock_webhook_report(gp_mock *m, double now, int64_t id, int status, const char *answer,
                           size_t len);

#endif
