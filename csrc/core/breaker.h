/*
 * The circuit breaker of one origin: after enough failures in a row nothing is sent for a while,
 * then single probes ask whether the server is back.
 *
 *   closed ----- failures in a row, from two calls ----> open
 *   open ------- its time is over --------------------> half-open
 *   half-open -- enough probes succeed ----------------> closed
 *   half-open -- a probe fails ------------------------> open
 *
 * Each change begins a new era. Who is admitted gets a ticket with the era's number, and a result
 * from an earlier era is dropped: a slow failure from before can not open what has just closed.
 * A probe that never reports frees its slot after `probe_timeout`, so half-open cannot stick. A
 * probe that fails opens the breaker again, whether or not its slot was freed before: the timeout
 * of a request and that of its slot do not race.
 */
#ifndef GP_BREAKER_H
#define GP_BREAKER_H

#include <stdint.h>

typedef enum gp_breaker_state {
    GP_BREAKER_CLOSED,
    GP_BREAKER_OPEN,
    GP_BREAKER_HALF_OPEN,
} gp_breaker_state;

typedef enum gp_breaker_answer {
    GP_BREAKER_PASS,
    GP_BREAKER_WAIT,  /* not before *until; while a probe is under way that is its latest end */
    GP_BREAKER_PROBE, /* a probe's place is free, but this request may not be one */
} gp_breaker_answer;

typedef enum gp_breaker_result {
    GP_BREAKER_SUCCESS,
    GP_BREAKER_FAILURE,
    GP_BREAKER_ANSWERED, /* a refusal or a broken project: the server lives, so a probe succeeds;
                            while closed it neither counts nor ends a row of failures */
    GP_BREAKER_NEUTRAL,  /* says nothing about the server: frees the place and no more */
} gp_breaker_result;

typedef struct gp_breaker_config {
    int failures;         /* in a row, that open it */
    int successes;        /* of probes, that close it */
    double reset;         /* seconds that it stays open */
    double probe_timeout; /* seconds after which a silent probe's slot is free; longer than a
                             request may take, so that its timeout is heard first */
} gp_breaker_config;

typedef struct gp_breaker {
    gp_breaker_config config;
    gp_breaker_state state;
    uint64_t era;
    int failures; /* in a row while closed */
    int successes;
    uint64_t failing_call; /* the call of the first of them */
    int several_calls;     /* another call has failed since */
    double open_until;
    uint64_t probe; /* the number of the probe under way, 0: none */
    uint64_t probes;
    double probe_until;
    uint64_t calls;  /* numbers given out by gp_breaker_call */
    uint64_t opened; /* how often, for statistics */
} gp_breaker;

typedef struct gp_breaker_ticket {
    uint64_t era;
    uint64_t probe; /* 0: an ordinary request */
} gp_breaker_ticket;

void gp_breaker_init(gp_breaker *breaker, const gp_breaker_config *config);

/* A number for a call, unlike that of any other call through this breaker. */
uint64_t gp_breaker_call(gp_breaker *breaker);

/* May a request go? Takes nothing. `may_probe` says whether it is harmless enough for a probe. */
gp_breaker_answer gp_breaker_ask(gp_breaker *breaker, double now, int may_probe, double *until);

/* Goes, after gp_breaker_ask has said PASS at this very moment; in half-open that takes the
 * probe's place. Every ticket is reported once. */
gp_breaker_ticket gp_breaker_enter(gp_breaker *breaker, double now);

/* How it ended. `call` tells the attempts of one call from those of another. `retry_after`, when
 * above 0, is how long the server wants to be left alone (a 503's). Returns true when the state
 * changed or a probe's place became free: whoever waits should ask again. */
int gp_breaker_report(gp_breaker *breaker, double now, gp_breaker_ticket ticket, uint64_t call,
                      gp_breaker_result result, double retry_after);

/* The state at `now`: an open breaker whose time is over counts as half-open. */
gp_breaker_state gp_breaker_state_at(const gp_breaker *breaker, double now);

#endif
