/*
 * How pipelines move. Nothing happens between requests: each request first carries out, in the
 * order of their times, all events that are due (a job leaves the queue, a job ends, ...), each as
 * of its own time. So the state at a time depends on the actions so far and on the clock, never on
 * the times of reads.
 */
#ifndef GP_MOCK_ENGINE_ADVANCE_H
#define GP_MOCK_ENGINE_ADVANCE_H

#include "mock/rows/state.h"

/* Carries out everything that is due by m->now. */
void gp_engine_advance(gp_mock *m);

#endif
