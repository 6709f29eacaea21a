/*
 * An exchange: one call and its attempts, under the limiter, the breaker, the retry table and the
 * budget.
 *
 * The caller calls `next`, follows the verdict, and reports the result of each attempt to `feed`,
 * until a verdict is DONE:
 *
 *     verdict = gp_exchange_next(x, now);
 *     SEND   send the request, then pass its result to gp_exchange_feed; to follow a redirect,
 *            call gp_exchange_moved instead, then `next` for the hop
 *     WAIT   call `next` again at verdict.until, or when woken (gp_exchange_wakes)
 *     PROBE  the origin must be probed by a safe request first: send a GET /version through a
 *            separate exchange, then call `next` again
 *     DONE   verdict.reason says how it ended
 *
 * Nothing here waits, sends or reads a clock. A waiting exchange is linked into its policy's queue,
 * so it must be closed before its memory is freed, and policy and breaker must outlive it.
 */
#ifndef GP_EXCHANGE_H
#define GP_EXCHANGE_H

#include "core/breaker.h"
#include "core/budget.h"
#include "core/limiter.h"
#include "core/retry.h"
#include "core/sent_hook.h"

/* The rules of a policy's limiter, by index. */
enum { GP_RULE_SECOND, GP_RULE_MINUTE, GP_RULE_CREATE, GP_RULE_JOBS };

/* What the calls of one client share. */
typedef struct gp_policy {
    gp_limiter *limiter; /* NULL: no client-side limits */
    gp_budget budget;
    int retries;     /* 0: retries are off */
    double max_wait; /* seconds; a longer delay requested by the server is not waited for */
    /* For statistics. */
    uint64_t calls, attempts, retried, throttled, circuit_open, budget_denied;
} gp_policy;

typedef enum gp_verdict_kind {
    GP_VERDICT_SEND,
    GP_VERDICT_WAIT,
    GP_VERDICT_PROBE,
    GP_VERDICT_DONE,
} gp_verdict_kind;

typedef enum gp_reason {
    GP_REASON_OK,
    GP_REASON_FAILED,       /* not retryable */
    GP_REASON_EXHAUSTED,    /* no attempts left */
    GP_REASON_OFF,          /* retryable, but retries are off */
    GP_REASON_DEADLINE,     /* the next attempt could not start before the deadline */
    GP_REASON_BUDGET,       /* the client's retry budget is used up */
    GP_REASON_TOO_LONG,     /* the server requested a delay longer than max_wait */
    GP_REASON_THROTTLED,    /* the limiter has no free slot before the deadline */
    GP_REASON_CIRCUIT_OPEN, /* the breaker stays open beyond the deadline */
    GP_REASON_RECONCILE,    /* a create may have succeeded: find out */
    GP_REASON_LOOK_UP,      /* a create has succeeded: find the object */
    GP_REASON_CANCELLED,
    GP_REASON_GATE, /* the windows shared with other processes cannot be used */
    GP_REASON_COUNT,
} gp_reason;

typedef struct gp_verdict {
    gp_verdict_kind kind;
    double until;       /* for WAIT */
    gp_reason reason;   /* for DONE */
    double retry_after; /* for DONE: seconds after which a new call may succeed, or 0 */
} gp_verdict;

/* The fixed properties of a call. */
typedef struct gp_exchange_options {
    gp_effect effect;
    gp_class class;
    double deadline;         /* INFINITY: none */
    uint64_t create_subject; /* hash of project and ref for creating a pipeline, else 0 */
    int lists_jobs;          /* GET projects/:id/jobs, which has a GitLab limit of its own */
    int no_retry;
} gp_exchange_options;

typedef struct gp_exchange {
    gp_sent_hook hook; /* first: the only part an engine uses */
    gp_policy *policy;
    gp_breaker *breaker; /* NULL: none */
    gp_exchange_options options;
    gp_retry retry;
    gp_waiter waiter;
    gp_breaker_ticket ticket;
    uint64_t call;
    double retry_at;
    double sent_at; /* of the last attempt; 0 before it is sent */
    double last_retry_after;
    int64_t budget_slice; /* of the pending retry; -1: it takes no budget */
    int in_flight;
    int hopping;  /* the attempt goes on after a redirect */
    int doubtful; /* an attempt may have changed the server */
    int wakes;
    gp_verdict done; /* valid once done.kind is GP_VERDICT_DONE */
} gp_exchange;

/* Starts a call. Nothing is acquired until gp_exchange_next. */
void gp_exchange_init(gp_exchange *exchange, gp_policy *policy, gp_breaker *breaker,
                      const gp_exchange_options *options);

/* Decides whether the next attempt may be sent. */
gp_verdict gp_exchange_next(gp_exchange *exchange, double now);

/* Reports how the attempt ended. `random` is a fresh random number in [0, 1). Never returns SEND:
 * call `next` after WAIT. A `foreign` response says nothing about this origin's windows or health;
 * it only decides whether to retry. */
gp_verdict gp_exchange_feed(gp_exchange *exchange, double now, double random,
                            const gp_answer *response);

/* Reports a redirect that the caller follows. The request's slots are released; call `next` to get
 * slots for the hop. The hop belongs to the same attempt: it takes no retry and no budget. (Status
 * 0: there was no response and the request must be sent again.) For a redirect to another origin,
 * use an exchange with that origin's policy, and feed its outcome to this one as `foreign`. */
void gp_exchange_moved(gp_exchange *exchange, double now, const gp_answer *response);

/* Called by the hook when the request's bytes are about to be sent. 0: they must not be sent, as
 * this would be the second time and no window has a free slot; gp_exchange_moved and `next` get
 * another slot. */
int gp_exchange_sent(gp_exchange *exchange, double now);

/* Ends the exchange, finished or not. Idempotent. */
void gp_exchange_close(gp_exchange *exchange, double now);

/* True once after a change that other exchanges may be waiting for: one left the queue, a probe
 * reported, or the breaker changed. They should call `next` again. */
int gp_exchange_wakes(gp_exchange *exchange);

/* The name of a reason, for Lua and for logs. */
const char *gp_reason_name(gp_reason reason);

#endif
