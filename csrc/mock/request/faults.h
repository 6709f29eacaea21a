/*
 * Faults on demand: rules that match requests and replace or modify what happens to them.
 */
#ifndef GP_MOCK_REQUEST_FAULTS_H
#define GP_MOCK_REQUEST_FAULTS_H

#include "mock/request/call.h"

/* The effect of a rule on a request. */
typedef struct gp_fault_effect {
    int replace;       /* do not carry the request out: respond with `status` */
    int replace_after; /* carry it out, then respond with `status` */
    int status;
    int object_storage;     /* an archive lies in the object store */
    gp_ms apply_late;       /* carry it out this much later, or GP_MS_NONE */
    const gp_json *headers; /* to be set in the response */
    const gp_json *body;    /* of the response, when it is replaced */
    gp_http_action action;
} gp_fault_effect;

/* Counts the request against every rule; 1 and the effect of the first that strikes. */
int gp_fault_strike(gp_call *call, gp_fault_effect *effect);

/* Counts the request against the world's `throttle`; 1 and the effect when it exceeds the limit. */
int gp_fault_throttled(gp_call *call, gp_fault_effect *effect);

/* Applies the effect to the response. */
void gp_fault_answer(gp_call *call, const gp_fault_effect *effect);

/* Makes rules of a JSON array (a world's `faults`); 0 with a message. */
int gp_faults_add(gp_mock *m, const gp_json *list, char *err, size_t err_size);

/* The longest replica lag that the world or a rule sets, in ms; 0 for none. */
gp_ms gp_fault_lag(const gp_mock *m);
/* The replica lag of this request (0 for a write). Counts it against the rules. */
gp_ms gp_fault_lag_of(gp_call *call);

/* The lowest limit of that name in a `throttle` of the world or a rule; -1 for none. */
int64_t gp_fault_throttle(const gp_mock *m, const char *name);

gp_fault *gp_fault_by_id(const gp_mock *m, int64_t id);
void gp_fault_delete(gp_mock *m, gp_fault *fault);

/* The rule as JSON, with its counts. */
void gp_fault_shape(gp_buf *buf, const gp_fault *fault);

extern const gp_entity gp_fault_entity, gp_fault_count_entity;

#endif
