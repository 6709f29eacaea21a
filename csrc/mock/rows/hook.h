/*
 * Rows of webhooks: targets, and what was or will be sent to them.
 */
#ifndef GP_MOCK_ROWS_HOOK_H
#define GP_MOCK_ROWS_HOOK_H

#include "mock/base/ids.h"
#include "mock/base/ms.h"

/* The events that a target gets. */
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
    char *name, *description, *branches; /* or NULL; `branches` selects pushes */
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

#endif
