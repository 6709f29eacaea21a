/*
 * What a world says: a JSON object
 *
 *   {"projects": {"acme/lib": {"id": 11, "jobs": [{"name": "compile", "stage": "build", ...}]}}}
 *
 * is checked once, when it is loaded; after that the tree is read where it stands. docs/worlds.md
 * lists every field.
 */
#ifndef GP_MOCK_ENGINE_WORLD_H
#define GP_MOCK_ENGINE_WORLD_H

#include "mock/rows/state.h"

/* Reads and checks a world. NULL with a message that names the place ("projects.acme/lib.jobs[2]:
 * unknown field 'durration'"). */
gp_world *gp_world_read(const char *json, size_t len, char *err, size_t err_size);

/* Makes it the current world: from now on only its projects exist. */
int gp_world_enter(gp_mock *m, const gp_world *world);

/* A project's definition in a world, or NULL. */
const gp_json *gp_world_project(const gp_world *world, const char *path);

/* Whether the ref exists. The definition may be NULL: then every ref exists. */
int gp_world_has_ref(const gp_json *project, const char *ref);

/* The first variant of a job that matches, or NULL. `variables` is the pipeline's array. */
const gp_json *gp_world_variant(const gp_json *job, const char *ref, const gp_json *variables,
                                int attempt);

/* A field of a job: the variant's if the variant has it. */
const gp_json *gp_job_field(const gp_job *job, const char *name);
const char *gp_job_text(const gp_job *job, const char *name, const char *fallback);
double gp_job_number(const gp_job *job, const char *name, double fallback);
int gp_job_flag(const gp_job *job, const char *name, int fallback);

/* The trigger of a job that makes another pipeline, or NULL for an ordinary job. */
const gp_json *gp_job_trigger(const gp_job *job);

/* How the job is started: "on_success", "on_failure", "always", "manual", "delayed". */
const char *gp_job_when(const gp_job *job);

#endif
