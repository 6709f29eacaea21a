/*
 * One call's way through the limiter, the breaker, the retry table and the budget.
 *
 * Whoever has a request to send asks `next`, does what the verdict says, and reports each
 * attempt's end to `feed`, until a verdict is DONE:
 *
 *     verdict = gp_exchange_next(x, now);
 *     SEND   hand the request to a transport, then gp_exchange_feed what came of it; a redirect
 *            that is to be followed is gp_exchange_moved instead, and `next` is asked for the hop
 *     WAIT   ask again at verdict.until, or when woken (gp_exchange_wakes)
 *     PROBE  the origin must be probed by something harmless first: send a GET /version through an
 *            exchange of its own, then ask again
 *     DONE   verdict.reason says how it ended
 *
 * Nothing here waits, sends, or knows what time it is. An exchange is linked into its policy's
 * queue while it waits, so it must be closed before its memory goes, and policy and breaker must
 * outlive it.
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
    gp_limiter *limiter; /* NULL: no limits on this side */
    gp_budget budget;
    int retries;     /* 0: nothing is sent twice */
    double max_wait; /* a longer time of the server's is not waited for */
    /* For statistics. */
    uint64_t calls, attempts, repeated, throttled, circuit_open, budget_denied;
} gp_policy;

typedef enum gp_verdict_kind {
    GP_VERDICT_SEND,
    GP_VERDICT_WAIT,
    GP_VERDICT_PROBE,
    GP_VERDICT_DONE,
} gp_verdict_kind;

typedef enum gp_reason {
    GP_REASON_OK,
    GP_REASON_FAILED,       /* not to be repeated */
    GP_REASON_EXHAUSTED,    /* repeated often enough */
    GP_REASON_OFF,          /* could be repeated, but retries are switched off */
    GP_REASON_DEADLINE,     /* the next attempt could not start before the deadline */
    GP_REASON_BUDGET,       /* the client's retry budget is used up */
    GP_REASON_TOO_LONG,     /* the server wants to be left alone for longer than max_wait */
    GP_REASON_THROTTLED,    /* our limiter has no place before the deadline */
    GP_REASON_CIRCUIT_OPEN, /* the breaker stays open beyond the deadline */
    GP_REASON_RECONCILE,    /* a create may have happened: find out */
    GP_REASON_LOOK_UP,      /* a create has happened: find what it made */
    GP_REASON_CANCELLED,
    GP_REASON_GATE, /* the windows that are shared with other processes can not be used */
    GP_REASON_COUNT,
} gp_reason;

typedef struct gp_verdict {
    gp_verdict_kind kind;
    double until;       /* of WAIT */
    gp_reason reason;   /* of DONE */
    double retry_after; /* of DONE: seconds after which it may be worth another try, or 0 */
} gp_verdict;

/* What is known of a call before it begins. */
typedef struct gp_exchange_options {
    gp_effect effect;
    gp_class class;
    double deadline;         /* INFINITY: none */
    uint64_t create_subject; /* project and ref of a pipeline's creation, else 0 */
    int lists_jobs;          /* GET projects/:id/jobs, which GitLab limits by itself */
    int no_retry;
} gp_exchange_options;

typedef struct gp_exchange {
    gp_sent_hook hook; /* first: an engine knows no more of it */
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
    int64_t budget_slice; /* of the repetition that is due; -1: it costs no budget */
    int in_flight;
    int hopping;  /* the attempt was answered by a redirect, and is not over */
    int doubtful; /* some attempt may have changed the server */
    int wakes;
    gp_verdict done; /* valid once done.kind is GP_VERDICT_DONE */
} gp_exchange;

/* Starts a call. Nothing is acquired until gp_exchange_next. */
void gp_exchange_init(gp_exchange *exchange, gp_policy *policy, gp_breaker *breaker,
                      const gp_exchange_options *options);

/* May the next attempt go? */
gp_verdict gp_exchange_next(gp_exchange *exchange, double now);

/* How the attempt ended; `random` in [0, 1) is drawn anew by the caller each time. Never SEND: ask
 * `next` again after WAIT. What is `foreign` says nothing about this origin's windows or health; it
 * only decides whether the attempt is repeated. */
gp_verdict gp_exchange_feed(gp_exchange *exchange, double now, double random,
                            const gp_answer *answer);

/* The attempt was answered by a redirect, which the caller follows: what it held is given up, and
 * the hop asks `next` for places of its own. It is no other attempt: it costs neither a repetition
 * nor budget. (Status 0: not answered at all, it has to be sent again.) Where it leads to another
 * origin, an exchange with that origin's policy is asked for it, and this one is fed its outcome as
 * `foreign`. */
void gp_exchange_moved(gp_exchange *exchange, double now, const gp_answer *answer);

/* Bytes leave now: what the hook calls. 0: they must not, as they would for the second time and no
 * window has room; gp_exchange_moved and `next` find them another place. */
int gp_exchange_sent(gp_exchange *exchange, double now);

/* The caller gives up, or is finished. Idempotent. */
void gp_exchange_close(gp_exchange *exchange, double now);

/* True once after something changed for which others may have been waiting: a place in the queue
 * was left, a probe has reported, the breaker has changed. They should ask `next` again. */
int gp_exchange_wakes(gp_exchange *exchange);

/* A reason's word, for Lua and for logs. */
const char *gp_reason_name(gp_reason reason);

#endif
