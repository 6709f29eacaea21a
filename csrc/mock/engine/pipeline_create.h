/*
 * Makes pipelines with their jobs.
 */
#ifndef GP_MOCK_ENGINE_PIPELINE_CREATE_H
#define GP_MOCK_ENGINE_PIPELINE_CREATE_H

#include "mock/rows/state.h"

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
    int has_rule; /* whether any of the four above is set */
    gp_ms at;
} gp_pipeline_plan;

/* A plan with defaults, at m->now. */
gp_pipeline_plan gp_pipeline_plan_new(const gp_mock *m, gp_project *project);

/* Creates the pipeline and its jobs. NULL: it would have no job, or memory ran out. */
gp_pipeline *gp_pipeline_make(gp_mock *m, const gp_pipeline_plan *plan);

/* The commit of a ref: equal for equal seed, project and ref. */
void gp_ref_sha(const gp_mock *m, const gp_project *project, const char *ref, char sha[41]);

/* How a ref is stored: "refs/heads/x" as "x". */
const char *gp_ref_short(const char *ref, int *tag);

#endif
