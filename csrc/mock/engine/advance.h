/*
 * How pipelines move. Nothing happens between requests: each request first carries out, in order
 * of their times, every event that is due by then (a job leaves the queue, a job ends, ...), each
 * as of its own time. So what is seen at a time depends on what was made and done and on the
 * clock, and never on who looked when.
 */
#ifndef GP_MOCK_ENGINE_ADVANCE_H
#define GP_MOCK_ENGINE_ADVANCE_H

#include "mock/rows/state.h"

/* Carries out everything that is due by m->now. */
void gp_engine_advance(gp_mock *m);

#endif
