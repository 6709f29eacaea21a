/*
 * The retry budget: retries may be only a fixed share of the requests of the last 10 seconds.
 *
 * With a share of 0.2, a failing server receives at most one fifth more requests, not three times
 * as many. A few retries are always allowed, so that a client with little traffic can retry at all.
 * Counts are kept in slices of a tenth of a second and err on the safe side: first attempts expire
 * up to one slice early, retries up to one slice late.
 */
#ifndef GP_BUDGET_H
#define GP_BUDGET_H

#include <stdint.h>

#define GP_BUDGET_SLICES 101
#define GP_BUDGET_WINDOW 10.0

typedef struct gp_budget {
    double share; /* retries per first attempt, 0 to 1 */
    int floor;    /* this many retries are always allowed */
    int64_t slice;
    uint32_t calls[GP_BUDGET_SLICES], retries[GP_BUDGET_SLICES];
    uint64_t calls_sum, retries_sum; /* over all slices */
} gp_budget;

void gp_budget_init(gp_budget *budget, double share, int floor);

/* Counts a first attempt. */
void gp_budget_call(gp_budget *budget, double now);

/* Takes one retry from the budget; false when none is left. */
int gp_budget_take(gp_budget *budget, double now);

/* Moves a retry that was taken in `slice` to `now`, when it is sent; false when the budget is used
 * up: then it must not be sent. */
int gp_budget_move(gp_budget *budget, int64_t slice, double now);

/* Retries left at `now`. */
int gp_budget_left(gp_budget *budget, double now);

#endif
