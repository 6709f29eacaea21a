/*
 * Pipelines that do not follow a world: those of a scenario or of overrides, whose three jobs are
 * arranged to meet its end, and those that /_mock/ holds at a status.
 */
#ifndef GP_MOCK_ENGINE_RULES_H
#define GP_MOCK_ENGINE_RULES_H

#include "mock/rows/state.h"

/* Makes the three jobs of a scenario's pipeline. 0 when memory ran out. */
int gp_rule_make_jobs(gp_mock *m, gp_pipeline *p);

/* Moves a scenario's pipeline to its state at `at`, and sets its next event. */
void gp_rule_apply(gp_mock *m, gp_pipeline *p, gp_ms at);

/* Ends the rule: from now on the pipeline's jobs decide for themselves. */
void gp_rule_leave(gp_mock *m, gp_pipeline *p);

/* Lays out the jobs again after a change of the scenario or overrides, at m->now. */
void gp_pipeline_set_rule(gp_mock *m, gp_pipeline *p);

/* Holds it at a status from m->now on. */
void gp_pipeline_hold(gp_mock *m, gp_pipeline *p, gp_status status);

/* Builds the three jobs of a scenario's pipeline that was read back from the database. */
int gp_pipeline_restore(gp_mock *m, gp_pipeline *p);

#endif
