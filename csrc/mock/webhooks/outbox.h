/*
 * The outbox of webhooks: what is to be sent when, and what becomes of it. Pure: it knows no
 * socket and no clock. Whoever sends takes what is due and reports the answer; a test may do both.
 *
 * A delivery waits until it is due, is being sent once it was taken, and is delivered or, after its
 * last try, failed. As GitLab does it, a 2xx or 3xx is a success; a target that has failed four
 * times in a row is left alone for a minute, then for twice as long each time up to a day, and
 * after forty failures until a test succeeds.
 */
#ifndef GP_MOCK_OUTBOX_H
#define GP_MOCK_OUTBOX_H

#include "mock/base/ids.h"
#include "mock/base/json_writer.h"

/* What a target is told of. */
enum gp_hook_events { GP_HOOK_PIPELINE = 1, GP_HOOK_JOB = 2, GP_HOOK_DEPLOYMENT = 4 };

typedef struct gp_hook {
    int64_t id;
    int64_t project_id; /* -1: every project */
    char *url;
    char *token;   /* the plain secret, or NULL */
    char *signing; /* the signing token, or NULL */
    int events;
    int64_t retries;   /* further tries of a delivery */
    int64_t duplicate; /* further copies of each delivery */
    gp_ms delay;       /* before the first try */
    int reorder;       /* of two deliveries the second goes first */
    int wrong;         /* signature and secret are wrong */
    int64_t failures;  /* in a row */
    int off;           /* for good, until a test succeeds */
    gp_ms off_until;   /* or GP_MS_NONE */
    gp_ms created_at;
    int flags; /* a bit for each switch of project_hooks.c that is not as usual */
    char *name, *description, *branches; /* or NULL; the last: of which pushes it is told */
} gp_hook;

typedef enum gp_delivery_state {
    GP_DELIVERY_WAITING,
    GP_DELIVERY_SENDING,
    GP_DELIVERY_DELIVERED,
    GP_DELIVERY_FAILED,
    GP_DELIVERY_SKIPPED, /* its target was left alone */
    GP_DELIVERY_STATES
} gp_delivery_state;

typedef struct gp_delivery {
    int64_t id, hook_id;
    int64_t order; /* among those due at one instant */
    int event;     /* one of gp_hook_events */
    int test;      /* goes out even to a target that is left alone */
    int held;      /* waits for the next one of its hook to go before it */
    char *subject; /* "pipeline 17 success" */
    char *body;
    char key[37];      /* webhook-id and Idempotency-Key: the same at every try */
    char event_id[37]; /* X-Gitlab-Event-UUID: the same for every target of one event */
    gp_delivery_state state;
    int64_t tries;
    gp_ms created_at, due, sent_at, answered_at;
    gp_ms stamp;  /* the sender's own time of the last try: what webhook-timestamp says */
    int status;   /* of the last answer; 0: none came */
    char *answer; /* beginning of its body, or why none came; NULL before */
} gp_delivery;

typedef struct gp_outbox {
    gp_list items; /* gp_delivery *, by id */
    int64_t next_id, next_order;
} gp_outbox;

/* How many deliveries are remembered. */
enum { GP_OUTBOX_MAX = 1000, GP_ANSWER_MAX = 8192 };

const char *gp_delivery_state_name(gp_delivery_state state);

/* The first delivery that is due at `t` and whose hook may be asked, marked as being sent; or
 * NULL. `hooks` are gp_hook. */
gp_delivery *gp_outbox_take(gp_outbox *outbox, const gp_list *hooks, gp_ms t);

/* When gp_outbox_take has something to give, if nothing is added; GP_MS_NEVER: never. */
gp_ms gp_outbox_next(const gp_outbox *outbox, const gp_list *hooks);

/* Puts a delivery in line: state, due and order follow from its hook and from what waits. */
void gp_outbox_queue(gp_outbox *outbox, const gp_hook *hook, gp_delivery *delivery, gp_ms t);

/* What came of it: `status` 0 for no answer. Moves the delivery and its hook on. */
void gp_outbox_report(gp_hook *hook, gp_delivery *delivery, int status, gp_ms t);

/* Again, with the same key, now. */
void gp_outbox_resend(gp_outbox *outbox, gp_delivery *delivery, gp_ms t);

/* May deliveries go to this target at `t`? */
int gp_hook_executable(const gp_hook *hook, gp_ms t);

gp_hook *gp_hook_by_id(const gp_list *hooks, int64_t id);
gp_delivery *gp_delivery_by_id(const gp_outbox *outbox, int64_t id);

void gp_hook_free(gp_hook *hook);
void gp_delivery_free(gp_delivery *delivery);
void gp_outbox_clear(gp_outbox *outbox);

#endif
