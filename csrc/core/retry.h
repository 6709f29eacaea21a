/*
 * Which attempt may be repeated, and when: the retry table, as data.
 *
 * Every operation has an effect (does a repetition change anything more?), every attempt an
 * outcome (how far did it get?). The two together give an action. How often and after how long
 * depends on the row of the outcome. Nothing here knows a clock or a random source: both come in
 * as arguments, so the whole table can be held against a second reading of it.
 */
#ifndef GP_RETRY_H
#define GP_RETRY_H

#include <stddef.h>

typedef enum gp_effect {
    GP_EFFECT_READ,   /* changes nothing */
    GP_EFFECT_SET,    /* a repetition changes nothing more: cancel, delete, PUT */
    GP_EFFECT_CREATE, /* each call makes something new */
    GP_EFFECT_COUNT,
} gp_effect;

typedef enum gp_outcome {
    GP_OUTCOME_OK,
    GP_OUTCOME_NEVER_SENT,    /* no byte of the request left */
    GP_OUTCOME_REFUSED,       /* the server's limiter said no before any work */
    GP_OUTCOME_FAILED,        /* the server said that it failed; how far it got it does not say */
    GP_OUTCOME_UNKNOWN,       /* bytes left, no answer came */
    GP_OUTCOME_UNREADABLE,    /* a 2xx line, then a broken or foreign body */
    GP_OUTCOME_TOKEN_REFUSED, /* 401, and a different token is at hand */
    GP_OUTCOME_PERMANENT,     /* the same request would be answered the same way */
    GP_OUTCOME_CANCELLED,     /* the caller gave up */
    GP_OUTCOME_COUNT,
} gp_outcome;

typedef enum gp_action {
    GP_ACTION_FAIL,
    GP_ACTION_SUCCEED,
    GP_ACTION_REPEAT,
    GP_ACTION_RECONCILE, /* a create that may have happened: find out, never send again blindly */
    GP_ACTION_LOOK_UP,   /* a create that did happen: find what it made */
} gp_action;

/* Attempts are counted per row, and over all rows. */
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

/* The sentences of GitLab's that give a status its meaning. */
typedef enum gp_sentence {
    GP_SENTENCE_NONE,
    GP_SENTENCE_CREATION_LIMIT, /* 400: too many pipelines of one project, user and commit */
    GP_SENTENCE_RESOURCE_LOCK,  /* 409: another request holds the object for the moment */
    GP_SENTENCE_REQUEST_LIMIT,  /* 429: the application's own limiter, before any work */
    GP_SENTENCE_COUNT,
} gp_sentence;

/* What one call has been through so far; zeroed at the start. */
typedef struct gp_retry {
    unsigned char ended[GP_ROW_COUNT]; /* attempts that ended in the row */
    unsigned char attempts;
} gp_retry;

/* What an answer's head and body say. Absent strings are NULL; the body need not end in a zero. */
typedef struct gp_answer {
    gp_outcome outcome; /* as the transport knows it; GP_OUTCOME_OK when an answer came */
    int status;         /* 0: no status line */
    const char *retry_after;
    const char *date;
    const char *ratelimit_reset;
    const char *ratelimit_remaining;
    const char *ratelimit_name;
    const char *content_type;
    const char *body;
    size_t body_len;
    int fresh_token; /* with a 401: the caller has another token in hand */
    int no_header;   /* no response header came in time: a failure for the breaker */
    int foreign;     /* the outcome is another origin's (an artifact store after a redirect) */
} gp_answer;

/* The table of effects and outcomes. */
gp_action gp_retry_action(gp_effect effect, gp_outcome outcome);

/* The outcome of an answer: from its status, and from the body where the status leaves it open
 * (400, 409, 429). A failure without an answer keeps the transport's outcome. */
gp_outcome gp_retry_classify(const gp_answer *answer);

/* Which sentence a response holds. `body` may be NULL and need not end in a zero. */
gp_sentence gp_retry_sentence(int status, const char *body, size_t len);

/* A sentence's word, for Lua; "" for GP_SENTENCE_NONE. */
const char *gp_retry_sentence_name(gp_sentence sentence);

/* True for GitLab's limit on pipeline creations, a 400. */
int gp_retry_is_creation_limit(const gp_answer *answer);

/* Is the body plain text? The middleware's limiter answers so, an application never does. */
int gp_retry_is_plain(const gp_answer *answer);

/* A header's value as a number that is not negative; false for anything else and for NULL. */
int gp_retry_number(const char *text, double *value);

/* The row in which the attempt counts. Only for outcomes that some effect repeats. */
gp_retry_row gp_retry_row_of(gp_outcome outcome, int status);

/* Counts an attempt that ended in `row`; true if another may follow. */
int gp_retry_count(gp_retry *retry, gp_retry_row row);

/* Seconds that the server asks for, or a negative number when it names none: Retry-After (seconds
 * or a date, read against the answer's own Date), else for a 429 RateLimit-Reset against Date,
 * unless RateLimit-Remaining shows that it speaks of another limit. `now` stands in for a missing
 * Date. Nonsense, the past and times over a day away (RateLimit-Reset) count as none. */
double gp_retry_asked_wait(const gp_answer *answer, double now);

/* Seconds until the next attempt. `nth` counts the attempts that ended in the row, from 1.
 * With a server's time above 0 that is a floor, to which up to half of it (at most 5 s) is
 * added; without, half of the row's delay is fixed and half random. `random` is in [0, 1). */
double gp_retry_delay(gp_retry_row row, int nth, double server_time, double random);

#endif
