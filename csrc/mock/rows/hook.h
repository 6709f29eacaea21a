/*
 * Rows of webhooks: targets and their deliveries.
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
    int64_t retries;   /* retries of a delivery */
    int64_t duplicate; /* extra copies of each delivery */
    gp_ms delay;       /* before the first attempt */
    int reorder;       /* sends the second of two deliveries first */
    int wrong;         /* sends a wrong signature and secret */
    int64_t failures;  /* in a row */
    int off;           /* disabled until a test succeeds */
    gp_ms off_until;   /* or GP_MS_NONE */
    gp_ms created_at;
    int flags; /* a bit for each switch of project_hooks.c that differs from its default */
    char *name, *description, *branches; /* or NULL; `branches` selects pushes */
} gp_hook;

typedef enum gp_delivery_state {
    GP_DELIVERY_WAITING,
    GP_DELIVERY_SENDING,
    GP_DELIVERY_DELIVERED,
    GP_DELIVERY_FAILED,
    GP_DELIVERY_SKIPPED, /* its target was disabled */
    GP_DELIVERY_STATES
} gp_delivery_state;

typedef struct gp_delivery {
    int64_t id, hook_id;
    int64_t order; /* among those due at one instant */
    int event;     /* one of gp_hook_events */
    int test;      /* is sent even to a disabled target */
    int held;      /* waits until the next delivery of its target has been sent */
    char *subject; /* "pipeline 17 success" */
    char *body;
    char key[37];      /* webhook-id and Idempotency-Key: the same for every attempt */
    char event_id[37]; /* X-Gitlab-Event-UUID: the same for every target of one event */
    gp_delivery_state state;
    int64_t tries;
    gp_ms created_at, due, sent_at, answered_at;
    gp_ms stamp;  /* the sender's time of the last attempt, for webhook-timestamp */
    int status;   /* of the last response; 0: none */
    char *answer; /* beginning of its body, or why there is none; NULL before the first */
} gp_delivery;

typedef struct gp_outbox {
    gp_list items; /* gp_delivery *, by id */
    int64_t next_id, next_order;
} gp_outbox;

#endif
