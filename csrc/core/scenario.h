/*
 * The status of a simulated pipeline that follows a scenario: a pure function of the scenario's
 * row, what the pipeline itself overrides, and the time.
 *
 * - `never_complete`, the pipeline's or the scenario's, keeps it running for any elapsed time.
 * - The pipeline's own `terminal_after_seconds` and `terminal_status` win over the scenario's,
 *   each by itself. Where only the time is said, the status is `success`.
 * - A status without any time applies at once. Nothing said at all: it stays running.
 */
#ifndef GP_SCENARIO_H
#define GP_SCENARIO_H

#include "core/status.h"

/* A scenario's row, or a pipeline's override: the same three columns. */
typedef struct gp_scenario {
    int has_after;      /* is terminal_after_seconds set? */
    double after;       /* seconds since the pipeline's creation */
    gp_status terminal; /* GP_STATUS_NONE: not set */
    int never_complete;
} gp_scenario;

/*
 * When and how does it end? Returns the terminal status and stores the moment in `*end` (the same
 * time base as created_at), or returns GP_STATUS_NONE and leaves `*end` alone if it never does.
 * `scenario` and `override` may be NULL: there is none.
 */
gp_status gp_scenario_end(const gp_scenario *scenario, const gp_scenario *override,
                          double created_at, double *end);

/*
 * The status at `now`, in seconds like created_at: GP_STATUS_RUNNING before the end, the terminal
 * status from it on. The end counts as reached half a millisecond early: no time shown is finer
 * than a millisecond, and sums of epoch seconds in a double drift.
 */
gp_status gp_scenario_status(const gp_scenario *scenario, const gp_scenario *override,
                             double created_at, double now);

#endif
