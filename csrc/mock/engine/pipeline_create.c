/* From a plan to rows: sha, jobs in the order of their stages, first events. */
#include "mock/engine/pipeline_create.h"

#include <stdlib.h>
#include <string.h>

#include "mock/engine/job.h"
#include "mock/engine/pipeline.h"
#include "mock/engine/rules.h"
#include "mock/engine/schedule.h"
#include "mock/engine/world.h"
#include "mock/rows/save.h"

gp_pipeline_plan gp_pipeline_plan_new(const gp_mock *m, gp_project *project)
{
    gp_pipeline_plan plan = {.project = project,
                             .ref = "main",
                             .source = "api",
                             .user_id = 1,
                             .upstream_job_id = GP_UNSET,
                             .scenario_id = GP_UNSET,
                             .after = GP_UNSET,
                             .never = GP_UNSET,
                             .at = m->now};
    return plan;
}

static int stage_index(const gp_json *stages, const gp_json *jobs, const char *stage)
{
    const gp_json *at;
    const char *seen[64];
    int index = 0, i;
    for (at = stages ? stages->child : NULL; at; at = at->next, index++) {
        if (at->type == GP_JSON_STRING && strcmp(at->string, stage) == 0) return index;
    }
    if (stages) return index;
    for (at = jobs->child; at; at = at->next) {
        const char *other = gp_json_get_string(at, "stage", "test");
        if (strcmp(other, stage) == 0) return index;
        for (i = 0; i < index && strcmp(seen[i], other) != 0; i++) {
        }
        if (i == index && index < 64) seen[index++] = other;
    }
    return index;
}

static int by_stage(const void *a, const void *b)
{
    const gp_job *x = *(gp_job *const *)a, *y = *(gp_job *const *)b;
    if (x->stage_index != y->stage_index) return x->stage_index < y->stage_index ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* Adds the jobs that the world describes and numbers them stage by stage, as GitLab does. */
static int world_jobs_make(gp_mock *m, gp_pipeline *p, const gp_json *variables)
{
    const gp_json *stages = gp_json_get(p->project->def, "stages"), *def;
    int64_t first = m->next_job;
    int position = 0;
    size_t i;
    for (def = p->job_defs->child; def; def = def->next, position++) {
        const gp_json *variant = gp_world_variant(def, p->ref, variables, 1);
        gp_job *job;
        if (gp_json_get_boolean(variant, "omit", gp_json_get_boolean(def, "omit", 0))) continue;
        job = gp_job_new(m, p, p->created_at);
        if (!job) return 0;
        job->def = def;
        job->variant = variant;
        job->name = gp_json_get_string(def, "name", "job");
        job->stage = gp_json_get_string(def, "stage", "test");
        job->stage_index = stage_index(stages, p->job_defs, job->stage);
        job->position = position;
    }
    if (p->jobs.count) qsort(p->jobs.items, p->jobs.count, sizeof *p->jobs.items, by_stage);
    for (i = 0; i < p->jobs.count; i++) {
        gp_job_at(p, i)->id = first + (int64_t)i;
        gp_ids_put(&m->jobs, first + (int64_t)i, gp_job_at(p, i));
        gp_job_plan(m, gp_job_at(p, i));
    }
    return 1;
}

void gp_ref_sha(const gp_mock *m, const gp_project *project, const char *ref, char sha[41])
{
    static const char hex[] = "0123456789abcdef";
    uint64_t word = 0;
    int i;
    for (i = 0; i < 40; i++) {
        if (i % 16 == 0) {
            word = gp_mock_hash(m, project->path, (uint64_t)i) ^ gp_mock_hash(m, ref, (uint64_t)i);
        }
        sha[i] = hex[word & 15];
        word >>= 4;
    }
    sha[40] = 0;
}

const char *gp_ref_short(const char *ref, int *tag)
{
    *tag = strncmp(ref, "refs/tags/", 10) == 0;
    if (*tag) return ref + 10;
    return strncmp(ref, "refs/heads/", 11) == 0 ? ref + 11 : ref;
}

static int is_tag(const gp_project *project, const char *ref)
{
    const gp_json *tags = gp_json_get(project->def, "tags"), *tag;
    for (tag = tags ? tags->child : NULL; tag; tag = tag->next) {
        if (tag->type == GP_JSON_STRING && strcmp(tag->string, ref) == 0) return 1;
    }
    return 0;
}

static gp_pipeline *pipeline_new(gp_mock *m, const gp_pipeline_plan *plan)
{
    gp_pipeline *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->project = plan->project;
    p->source = plan->source;
    p->ref = gp_mock_strdup(m, gp_ref_short(plan->ref, &p->tag));
    p->variables = gp_mock_strdup(m, plan->variables);
    p->def_path = gp_mock_strdup(m, plan->def_path);
    p->scenario_id = plan->scenario_id;
    p->after = plan->after;
    p->terminal = plan->terminal;
    p->never = plan->never;
    p->user_id = plan->user_id;
    p->upstream_job_id = plan->upstream_job_id;
    p->created_at = p->updated_at = p->rule_since = plan->at;
    p->started_at = p->finished_at = p->duration = GP_MS_NONE;
    p->wake = p->due = GP_MS_NEVER;
    p->world = m->world;
    p->status = GP_STATUS_CREATED;
    if (!p->ref || (plan->variables && !p->variables) || (plan->def_path && !p->def_path)) {
        free(p->ref);
        free(p->variables);
        free(p->def_path);
        free(p);
        return NULL;
    }
    if (!p->tag) p->tag = is_tag(p->project, p->ref);
    gp_ref_sha(m, p->project, p->ref, p->sha);
    return p;
}

/* workflow:name of the world, with $NAME and ${NAME} expanded from the pipeline's variables. */
static char *pipeline_name(gp_mock *m, const gp_pipeline *p, const gp_json *variables)
{
    const char *text = gp_json_get_string(p->project->def, "name", NULL), *at;
    gp_buf buf = {.alloc = &m->alloc};
    char *name;
    if (!text) return NULL;
    for (at = text; *at;) {
        const char *start = at + 1 + (at[0] == '$' && at[1] == '{');
        size_t len = at[0] == '$'
                         ? strspn(start, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
                                         "0123456789")
                         : 0;
        const gp_json *v;
        if (!len) {
            gp_buf_add(&buf, at++, 1);
            continue;
        }
        for (v = variables ? variables->child : NULL; v; v = v->next) {
            const char *key = gp_json_get_string(v, "key", "");
            if (strlen(key) == len && memcmp(key, start, len) == 0) break;
        }
        if (v) gp_buf_adds(&buf, gp_json_get_string(v, "value", ""));
        at = start + len + (start[-1] == '{' && start[len] == '}');
    }
    name = buf.failed || !buf.len ? NULL : gp_mock_strdup(m, gp_buf_text(&buf));
    gp_buf_free(&buf);
    return name;
}

static int pipeline_fill(gp_mock *m, gp_pipeline *p, const gp_pipeline_plan *plan)
{
    gp_arena scratch = {0};
    char why[80];
    const gp_json *variables = NULL;
    int made;
    if (p->variables) {
        variables = gp_json_parse(&scratch, p->variables, strlen(p->variables), why, sizeof why);
    }
    p->job_defs = plan->job_defs ? plan->job_defs : gp_json_get(p->project->def, "jobs");
    if (plan->has_rule || !p->job_defs) {
        p->job_defs = NULL;
        p->world = NULL;
        p->rule = GP_RULE_SCENARIO;
        made = gp_rule_make_jobs(m, p);
    } else {
        p->rule = GP_RULE_WORLD;
        p->jobs_stored = 1;
        made = world_jobs_make(m, p, variables) && p->jobs.count;
        p->first_job_id = made ? gp_job_at(p, 0)->id : 0;
        p->wake = p->created_at +
                  gp_ms_from_seconds(gp_json_get_number(p->project->def, "created",
                                                        (double)GP_DEFAULT_CREATED / 1000));
    }
    p->name = pipeline_name(m, p, variables);
    gp_arena_free(&scratch);
    return made;
}

gp_pipeline *gp_pipeline_make(gp_mock *m, const gp_pipeline_plan *plan)
{
    gp_pipeline *p = pipeline_new(m, plan);
    int64_t first_job = m->next_job;
    size_t i;
    if (!p) {
        m->memory_failed = 1;
        return NULL;
    }
    p->id = m->next_pipeline;
    p->iid = plan->project->next_iid;
    if (!gp_ids_put(&m->pipelines, p->id, p) || !gp_list_add(&plan->project->pipelines, p) ||
        !pipeline_fill(m, p, plan)) {
        gp_pipeline_remove(m, p);
        m->next_job = first_job;
        return NULL;
    }
    m->next_pipeline++;
    plan->project->next_iid++;
    gp_store_touch_pipeline(m, p);
    for (i = 0; i < p->jobs.count; i++)
        m->observer->job_changed(m, gp_job_at(p, i), p->created_at);
    if (p->def_path) gp_store_child(m, p);
    if (p->rule == GP_RULE_SCENARIO) {
        gp_rule_apply(m, p, p->created_at);
    } else {
        if (p->wake <= p->created_at) {
            p->wake = GP_MS_NEVER;
            gp_pipeline_settle(m, p, p->created_at);
        }
        gp_schedule_pipeline(m, p);
    }
    return p;
}
