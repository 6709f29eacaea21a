/*
 * The simulated clock: real time with an offset, or a virtual time that is held and moves only by
 * /_mock/clock.
 */
#ifndef GP_MOCK_ROWS_CLOCK_H
#define GP_MOCK_ROWS_CLOCK_H

#include "mock/rows/state.h"

/* Sets m->now from the caller's time in seconds since the epoch. m->now never goes back. */
void gp_clock_set(gp_mock *m, double now);

#endif
