/*
 * The retry budget: of everything sent in the last 10 seconds, only a share may be repetitions.
 *
 * A server in trouble gets one fifth more requests at most, not three times as many. A few
 * repetitions are always allowed, so that a quiet client can repeat at all. Counting is done in
 * slices of a tenth of a second and errs on the careful side: first attempts are forgotten up to
 * a slice early, repetitions up to a slice late.
 */
#ifndef GP_BUDGET_H
#define GP_BUDGET_H

#include <stdint.h>

#define GP_BUDGET_SLICES 101
#define GP_BUDGET_WINDOW 10.0

typedef struct gp_budget {
    double share; /* repetitions per first attempt, 0 to 1 */
    int floor;    /* this many are always allowed */
    int64_t slice;
    uint32_t calls[GP_BUDGET_SLICES], retries[GP_BUDGET_SLICES];
    uint64_t calls_sum, retries_sum; /* over the slices still held */
} gp_budget;

void gp_budget_init(gp_budget *budget, double share, int floor);

/* Counts a first attempt. */
void gp_budget_call(gp_budget *budget, double now);

/* Takes one repetition out of the budget; false when it is used up (nothing is taken). */
int gp_budget_take(gp_budget *budget, double now);

/* A repetition that was taken while the budget stood in `slice` goes only now, and counts from now;
 * false when the budget is used up: then it must not go. */
int gp_budget_move(gp_budget *budget, int64_t slice, double now);

/* Repetitions that could be taken at this moment. */
int gp_budget_left(gp_budget *budget, double now);

#endif
