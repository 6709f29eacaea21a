/*
 * How pipelines move. Nothing happens between requests: each request first carries out, in order
 * of their times, every event that is due by then (a job leaves the queue, a job ends, ...), each
 * as of its own time. So what is seen at a time depends on what was made and done and on the
 * clock, and never on who looked when.
 *
 * The functions below act at `m->now` on rows that are up to date.
 */
#ifndef GP_MOCK_SIMULATE_H
#define GP_MOCK_SIMULATE_H

#include "mock/rows/state.h"

/* Everything that is due by m->now. */
void gp_simulate_advance(gp_mock *m);

/* What a new pipeline is made from. */
typedef struct gp_pipeline_plan {
    gp_project *project;
    const char *ref, *source;
    const char *variables;   /* JSON array, or NULL */
    const gp_json *job_defs; /* NULL: the project's own, or a scenario's three */
    const char *def_path;    /* of a child: see gp_pipeline */
    int64_t user_id, upstream_job_id;
    int64_t scenario_id, after;
    gp_status terminal;
    int never;
    int has_rule; /* is any of the four above set? */
    gp_ms at;
} gp_pipeline_plan;

/* The plan for nothing in particular, at m->now. */
gp_pipeline_plan gp_pipeline_plan_new(const gp_mock *m, gp_project *project);

/* Makes the pipeline and its jobs. NULL: no job would be in it, or memory ran out. */
gp_pipeline *gp_pipeline_make(gp_mock *m, const gp_pipeline_plan *plan);

/* The commit that a ref stands for: the same as long as seed, project and ref are. */
void gp_ref_sha(const gp_mock *m, const gp_project *project, const char *ref, char sha[41]);

/* How a ref is stored: "refs/heads/x" as "x". */
const char *gp_ref_short(const char *ref, int *tag);

/* After a change of its scenario or overrides: lays its jobs out anew. */
void gp_simulate_rule(gp_mock *m, gp_pipeline *pipeline);

/* Holds it at a status from now on. */
void gp_simulate_hold(gp_mock *m, gp_pipeline *pipeline, gp_status status);

/* Builds the three jobs of a scenario's pipeline that was read back from the database. */
int gp_simulate_restore(gp_mock *m, gp_pipeline *pipeline);

/* Puts it into the heap by its jobs' times. */
void gp_simulate_schedule(gp_mock *m, gp_pipeline *pipeline);

void gp_simulate_cancel(gp_mock *m, gp_pipeline *pipeline);
void gp_simulate_retry(gp_mock *m, gp_pipeline *pipeline);

/* Each expects a job for which it is allowed. The new attempt of a retry, or NULL without memory.
 */
gp_job *gp_simulate_job_retry(gp_mock *m, gp_job *job);
void gp_simulate_job_cancel(gp_mock *m, gp_job *job, int force);
void gp_simulate_job_play(gp_mock *m, gp_job *job, const char *variables);
void gp_simulate_job_erase(gp_mock *m, gp_job *job);

/* The variant that holds for this attempt, by its pipeline's variables and its own. */
const gp_json *gp_job_find_variant(const gp_job *job);

int gp_job_cancelable(const gp_job *job);
int gp_job_retryable(const gp_job *job);
int gp_job_playable(const gp_job *job);

#endif
