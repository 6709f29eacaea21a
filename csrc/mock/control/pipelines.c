/* Shows pipelines as the public table holds them, and overrides their rule or status. */
#include "mock/control/pipelines.h"

#include <stdlib.h>
#include <string.h>

#include "mock/engine/pipeline.h"
#include "mock/engine/rules.h"
#include "mock/request/listing.h"
#include "mock/rows/save.h"

static void optional(gp_buf *buf, const char *key, int64_t value)
{
    if (value == GP_UNSET) {
        gp_write_null(buf, key);
    } else {
        gp_write_integer(buf, key, value);
    }
}

static void show(gp_call *call, const void *row)
{
    const gp_pipeline *p = row;
    gp_buf *buf = &call->out->body;
    gp_write_open(buf, NULL, '{');
    gp_write_integer(buf, "id", p->id);
    gp_write_integer(buf, "project_id", p->project->id);
    gp_write_string(buf, "ref", p->ref);
    gp_write_string(buf, "sha", p->sha);
    gp_write_string(buf, "status", gp_status_name(p->status));
    gp_write_string(buf, "variables_json", p->variables);
    optional(buf, "scenario_id", p->scenario_id);
    optional(buf, "terminal_after_seconds", p->after);
    gp_write_string(buf, "terminal_status", gp_status_name(p->terminal));
    gp_write_integer(buf, "never_complete", p->never == 1);
    gp_write_boolean(buf, "held", p->rule == GP_RULE_HELD);
    gp_write_time(buf, "created_at", p->created_at);
    gp_write_time(buf, "updated_at", p->updated_at);
    gp_write_close(buf, '}');
}

static int wanted(const gp_call *call, const gp_pipeline *p)
{
    const char *status = gp_call_string(call, "status"), *ref = gp_call_string(call, "ref");
    int64_t project = gp_call_integer(call, "project_id", GP_UNSET);
    int64_t scenario = gp_call_integer(call, "scenario_id", GP_UNSET);
    if (project != GP_UNSET && p->project->id != project) return 0;
    if (scenario != GP_UNSET && p->scenario_id != scenario) return 0;
    if (status && strcmp(status, gp_status_name(p->status)) != 0) return 0;
    return !ref || strcmp(ref, p->ref) == 0;
}

static int newest_first(const void *a, const void *b)
{
    const gp_pipeline *x = *(gp_pipeline *const *)a, *y = *(gp_pipeline *const *)b;
    return x->id > y->id ? -1 : x->id < y->id;
}

/* The pipelines of all projects that pass the call's filters, newest first. */
static void wanted_pipelines(gp_call *call, gp_list *out)
{
    gp_mock *m = call->m;
    size_t i, k;
    for (i = 0; i < m->projects.count; i++) {
        const gp_project *project = m->projects.items[i];
        for (k = 0; k < project->pipelines.count; k++) {
            gp_pipeline *p = project->pipelines.items[k];
            if (wanted(call, p) && !gp_list_add(out, p)) m->memory_failed = 1;
        }
    }
    if (out->count) qsort(out->items, out->count, sizeof *out->items, newest_first);
}

int gp_mock_list_pipelines(gp_call *call)
{
    gp_list rows = {0};
    const gp_listing listing = {.rows = &rows, .view = show};
    wanted_pipelines(call, &rows);
    gp_listing_respond(call, &listing);
    gp_list_free(&rows);
    return 200;
}

static gp_pipeline *asked(const gp_call *call)
{
    return gp_ids_get(&call->m->pipelines, gp_call_integer(call, "pipeline_id", 0));
}

int gp_mock_get_pipeline(gp_call *call)
{
    const gp_pipeline *p = asked(call);
    if (!p) return gp_fail_record(call);
    show(call, p);
    return 200;
}

/* Whether a field is present, and its value: null removes an override. */
static int given(const gp_call *call, const char *name)
{
    return gp_json_get(call->params, name) != NULL;
}

int gp_mock_patch_pipeline(gp_call *call)
{
    gp_pipeline *p = asked(call);
    const char *status = gp_call_string(call, "status"),
               *terminal = gp_call_string(call, "terminal_status");
    int64_t scenario = gp_call_integer(call, "scenario_id", GP_UNSET);
    int64_t after = gp_call_integer(call, "terminal_after_seconds", GP_UNSET);
    int rule = 0;
    if (!p) return gp_fail_record(call);
    if (scenario != GP_UNSET && !gp_scenario_find(call->m, scenario)) {
        return gp_fail_error(call, 400, "scenario_id does not have a valid value");
    }
    if (after < GP_UNSET)
        return gp_fail_error(call, 400, "terminal_after_seconds does not have a valid value");
    if (given(call, "scenario_id")) {
        p->scenario_id = scenario;
        rule = 1;
    }
    if (given(call, "terminal_after_seconds")) {
        p->after = after;
        rule = 1;
    }
    if (given(call, "terminal_status")) {
        p->terminal = terminal ? gp_status_from_name(terminal, strlen(terminal)) : GP_STATUS_NONE;
        rule = 1;
    }
    if (given(call, "never_complete")) {
        p->never = gp_call_boolean(call, "never_complete", GP_UNSET);
        rule = 1;
    }
    if (!rule && !status) {
        return gp_fail_error(
            call, 400,
            "scenario_id, terminal_after_seconds, terminal_status, never_complete, status "
            "are missing, at least one parameter must be provided");
    }
    if (rule) gp_pipeline_set_rule(call->m, p);
    if (status) gp_pipeline_hold(call->m, p, gp_status_from_name(status, strlen(status)));
    show(call, p);
    return 200;
}

static void drop(gp_mock *m, gp_pipeline *p)
{
    gp_store_forget_pipeline(m, p->id);
    gp_store_project(m, p->project);
    gp_pipeline_remove(m, p);
}

int gp_mock_delete_pipeline(gp_call *call)
{
    gp_pipeline *p = asked(call);
    if (!p) return gp_fail_record(call);
    drop(call->m, p);
    return 204;
}

int gp_mock_delete_pipelines(gp_call *call)
{
    gp_list rows = {0};
    size_t i;
    wanted_pipelines(call, &rows);
    for (i = 0; i < rows.count; i++)
        drop(call->m, rows.items[i]);
    gp_list_free(&rows);
    return 204;
}
