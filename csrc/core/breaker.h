/*
 * The circuit breaker of one origin: after enough consecutive failures nothing is sent for a
 * while, then single probes test whether the server has recovered.
 *
 *   closed ----- consecutive failures of two calls ----> open
 *   open ------- the reset time has passed -----------> half-open
 *   half-open -- enough probes succeed ----------------> closed
 *   half-open -- a probe fails ------------------------> open
 *
 * Each change of state begins a new era. An admitted request gets a ticket with the era's number,
 * and a result from an earlier era is ignored: a slow failure cannot reopen a breaker that has
 * since closed. A probe that never reports frees its slot after `probe_timeout`, so the breaker
 * cannot stay half-open forever. A failed probe reopens the breaker even if its slot was freed
 * before, so the request's timeout does not race with the slot's.
 */
#ifndef GP_BREAKER_H
#define GP_BREAKER_H

#include <stdint.h>

typedef enum gp_breaker_state {
    GP_BREAKER_CLOSED,
    GP_BREAKER_OPEN,
    GP_BREAKER_HALF_OPEN,
} gp_breaker_state;

typedef enum gp_breaker_decision {
    GP_BREAKER_PASS,
    GP_BREAKER_WAIT,  /* until *until; while a probe is in flight, that is its timeout */
    GP_BREAKER_PROBE, /* the probe slot is free, but this request must not be a probe */
} gp_breaker_decision;

typedef enum gp_breaker_result {
    GP_BREAKER_SUCCESS,
    GP_BREAKER_FAILURE,
    GP_BREAKER_ANSWERED, /* an error response: the server is alive, so a probe succeeds; while
                            closed it neither counts as a failure nor resets their count */
    GP_BREAKER_NEUTRAL,  /* says nothing about the server: only frees the probe slot */
} gp_breaker_result;

typedef struct gp_breaker_config {
    int failures;         /* consecutive failures that open it */
    int successes;        /* successful probes that close it */
    double reset;         /* seconds it stays open */
    double probe_timeout; /* seconds after which an unreported probe's slot is freed; longer
                             than a request's timeout, so that is reported first */
} gp_breaker_config;

typedef struct gp_breaker {
    gp_breaker_config config;
    gp_breaker_state state;
    uint64_t era;
    int failures; /* consecutive, while closed */
    int successes;
    uint64_t failing_call; /* the call that the first of them belongs to */
    int several_calls;     /* another call has failed since */
    double open_until;
    uint64_t probe; /* number of the probe in flight, 0: none */
    uint64_t probes;
    double probe_until;
    uint64_t calls;  /* last number from gp_breaker_call */
    uint64_t opened; /* times it opened, for statistics */
} gp_breaker;

typedef struct gp_breaker_ticket {
    uint64_t era;
    uint64_t probe; /* 0: an ordinary request */
} gp_breaker_ticket;

void gp_breaker_init(gp_breaker *breaker, const gp_breaker_config *config);

/* Returns a number that is unique among the calls through this breaker. */
uint64_t gp_breaker_call(gp_breaker *breaker);

/* Decides whether a request may be sent; reserves nothing. `may_probe`: it is safe as a probe. */
gp_breaker_decision gp_breaker_ask(gp_breaker *breaker, double now, int may_probe, double *until);

/* Admits a request right after gp_breaker_ask returned PASS for the same `now`. In the half-open
 * state it takes the probe slot. Every ticket must be reported once. */
gp_breaker_ticket gp_breaker_enter(gp_breaker *breaker, double now);

/* Reports how the attempt ended. `call` identifies the call that the attempt belongs to.
 * `retry_after`, if above 0, is the delay that a 503 requested. Returns true when the state changed
 * or the probe slot became free: waiting requests should call gp_breaker_ask again. */
int gp_breaker_report(gp_breaker *breaker, double now, gp_breaker_ticket ticket, uint64_t call,
                      gp_breaker_result result, double retry_after);

/* The state at `now`: an open breaker past its reset time counts as half-open. */
gp_breaker_state gp_breaker_state_at(const gp_breaker *breaker, double now);

#endif
