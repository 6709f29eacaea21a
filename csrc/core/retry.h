/*
 * The retry table, as data: which attempts are retried, and when.
 *
 * Every operation has an effect (does a retry change anything more?), every attempt an outcome (how
 * far did it get?). Together they give an action. The number of attempts and the delay depend on
 * the outcome's row. Time and random numbers are arguments, so the whole table can be tested
 * against an independent version of it.
 */
#ifndef GP_RETRY_H
#define GP_RETRY_H

#include <stddef.h>

typedef enum gp_effect {
    GP_EFFECT_READ,   /* changes nothing */
    GP_EFFECT_SET,    /* idempotent: cancel, delete, PUT */
    GP_EFFECT_CREATE, /* each request creates something new */
    GP_EFFECT_COUNT,
} gp_effect;

typedef enum gp_outcome {
    GP_OUTCOME_OK,
    GP_OUTCOME_NEVER_SENT,    /* no byte of the request was sent */
    GP_OUTCOME_REFUSED,       /* refused by the server's limiter before any work */
    GP_OUTCOME_FAILED,        /* the server reported a failure, after an unknown amount of work */
    GP_OUTCOME_UNKNOWN,       /* sent, but no response was received */
    GP_OUTCOME_UNREADABLE,    /* a 2xx line, then a broken or foreign body */
    GP_OUTCOME_TOKEN_REFUSED, /* 401, and a different token is available */
    GP_OUTCOME_PERMANENT,     /* the same request would fail the same way */
    GP_OUTCOME_CANCELLED,     /* the caller gave up */
    GP_OUTCOME_COUNT,
} gp_outcome;

typedef enum gp_action {
    GP_ACTION_FAIL,
    GP_ACTION_SUCCEED,
    GP_ACTION_RETRY,
    GP_ACTION_RECONCILE, /* a create may have succeeded: find out, never resend blindly */
    GP_ACTION_LOOK_UP,   /* a create succeeded: find the object */
} gp_action;

/* Attempts are counted per row and in total. */
typedef enum gp_retry_row {
    GP_ROW_THROTTLED,   /* 429, and GitLab's creation limit */
    GP_ROW_UNAVAILABLE, /* 503 */
    GP_ROW_SERVER,      /* every other 5xx */
    GP_ROW_LOST,        /* timeout, reset, unreadable */
    GP_ROW_UNSENT,      /* never sent, 409 */
    GP_ROW_TOKEN,
    GP_ROW_COUNT,
} gp_retry_row;

#define GP_RETRY_MAX_ATTEMPTS 5
#define GP_RETRY_CAP          60.0

/* GitLab's messages that tell what a status means. */
typedef enum gp_sentence {
    GP_SENTENCE_NONE,
    GP_SENTENCE_CREATION_LIMIT, /* 400: too many pipelines of one project, user and commit */
    GP_SENTENCE_RESOURCE_LOCK,  /* 409: the object is locked by another request */
    GP_SENTENCE_REQUEST_LIMIT,  /* 429: the application's own limiter, before any work */
    GP_SENTENCE_COUNT,
} gp_sentence;

/* The attempts of one call so far; zeroed at the start. */
typedef struct gp_retry {
    unsigned char ended[GP_ROW_COUNT]; /* attempts that ended in the row */
    unsigned char attempts;
} gp_retry;

/* The result of an attempt. Absent strings are NULL; the body need not end in a NUL. */
typedef struct gp_answer {
    gp_outcome outcome; /* the transport's; GP_OUTCOME_OK if there was a response */
    int status;         /* 0: no status line */
    const char *retry_after;
    const char *date;
    const char *ratelimit_reset;
    const char *ratelimit_remaining;
    const char *ratelimit_name;
    const char *content_type;
    const char *body;
    size_t body_len;
    int fresh_token; /* with a 401: the caller has a different token */
    int no_header;   /* no response header in time: a failure for the breaker */
    int foreign;     /* from another origin (an artifact store after a redirect) */
} gp_answer;

/* The table of effects and outcomes. */
gp_action gp_retry_action(gp_effect effect, gp_outcome outcome);

/* The outcome of a response: from its status, and from its body where the status is ambiguous (400,
 * 409, 429). A failure without a response keeps the transport's outcome. */
gp_outcome gp_retry_classify(const gp_answer *response);

/* The sentence in a response's body, which may be NULL and need not end in a NUL. */
gp_sentence gp_retry_sentence(int status, const char *body, size_t len);

/* The name of a sentence, for Lua; "" for GP_SENTENCE_NONE. */
const char *gp_retry_sentence_name(gp_sentence sentence);

/* True for GitLab's limit on pipeline creations, a 400. */
int gp_retry_is_creation_limit(const gp_answer *response);

/* Is the body plain text? The middleware's limiter sends it, the application never does. */
int gp_retry_is_plain(const gp_answer *response);

/* Parses a header's value as a non-negative number; false for anything else and for NULL. */
int gp_retry_number(const char *text, double *value);

/* The row that the attempt counts in. Only for outcomes that some effect retries. */
gp_retry_row gp_retry_row_of(gp_outcome outcome, int status);

/* Counts an attempt that ended in `row`; true if another may follow. */
int gp_retry_count(gp_retry *retry, gp_retry_row row);

/* The delay that the server requests, in seconds; negative if none. From Retry-After (seconds, or a
 * date relative to the response's Date), else for a 429 from RateLimit-Reset relative to Date,
 * unless RateLimit-Remaining shows that another limit was hit. `now` replaces a missing Date.
 * Invalid values, and a RateLimit-Reset in the past or over a day ahead, count as none. */
double gp_retry_server_delay(const gp_answer *response, double now);

/* Seconds until the next attempt. `nth` counts the attempts that ended in the row, from 1. If the
 * server requested a delay (`server_time` above 0), that is the minimum, plus a random part of up
 * to half of it (at most 5 s). Otherwise half of the row's delay is fixed and half random. `random`
 * is in [0, 1). */
double gp_retry_delay(gp_retry_row row, int nth, double server_time, double random);

#endif
