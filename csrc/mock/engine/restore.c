/* What the rows imply but do not store: definitions, places in the schedule, free resources. */
#include "mock/engine/restore.h"

#include <stdlib.h>

#include "mock/engine/job.h"
#include "mock/engine/rules.h"
#include "mock/engine/schedule.h"
#include "mock/engine/world.h"

/* Where the jobs of a pipeline are described: in its world, or in the trigger job that made it.
 * That job may be gone; its description is not. */
static const gp_json *find_job_defs(const gp_pipeline *p)
{
    const gp_json *defs = gp_json_get(gp_world_project(p->world, p->project->path), "jobs");
    const char *at;
    for (at = p->def_path; at && *at; at += *at == '/') {
        const gp_json *def = defs ? defs->child : NULL;
        char *end;
        long i = strtol(at, &end, 10);
        if (end == at) return NULL;
        while (def && i-- > 0)
            def = def->next;
        defs = gp_json_get(gp_json_get(gp_json_get(def, "trigger"), "child"), "jobs");
        at = end;
    }
    return defs;
}

static int restore_pipeline(gp_mock *m, gp_pipeline *p)
{
    if (!p->jobs_stored) return gp_pipeline_restore(m, p);
    if (p->world) p->job_defs = find_job_defs(p);
    return 1;
}

static int restore_job(gp_mock *m, gp_job *job)
{
    const gp_json *defs = job->pipeline->job_defs, *def = defs ? defs->child : NULL;
    int i;
    (void)m;
    for (i = 0; def && i < job->position; i++)
        def = def->next;
    job->def = def;
    if (def) job->variant = gp_job_find_variant(job);
    return 1;
}

/* Puts pipelines whose jobs have been read into the schedule. */
static void schedule_all(gp_mock *m)
{
    size_t i, k;
    for (i = 0; i < m->projects.count; i++) {
        const gp_project *project = m->projects.items[i];
        for (k = 0; k < project->pipelines.count; k++) {
            gp_pipeline *p = project->pipelines.items[k];
            if (p->jobs_stored && p->rule == GP_RULE_WORLD) gp_schedule_pipeline(m, p);
        }
    }
}

static int done(gp_mock *m)
{
    schedule_all(m);
    return !m->world || gp_world_enter(m, m->world);
}

const gp_restore gp_engine_restore = {gp_world_read, restore_pipeline, restore_job, done};
