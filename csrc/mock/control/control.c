#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/request/answer.h"
#include "mock/request/faults.h"
#include "mock/handlers.h"
#include "mock/request/requests.h"
#include "mock/engine/pipeline.h"
#include "mock/rows/store.h"
#include "mock/gitlab/tokens.h"

/* Pipelines as rows ------------------------------------------------------------------------- */

static void optional(gp_buf *buf, const char *key, int64_t value)
{
    if (value == GP_UNSET) {
        gp_out_null(buf, key);
    } else {
        gp_out_integer(buf, key, value);
    }
}

static void shape(gp_buf *buf, const gp_pipeline *p)
{
    gp_out_open(buf, NULL, '{');
    gp_out_integer(buf, "id", p->id);
    gp_out_integer(buf, "project_id", p->project->id);
    gp_out_string(buf, "ref", p->ref);
    gp_out_string(buf, "sha", p->sha);
    gp_out_string(buf, "status", gp_status_name(p->status));
    gp_out_string(buf, "variables_json", p->variables);
    optional(buf, "scenario_id", p->scenario_id);
    optional(buf, "terminal_after_seconds", p->after);
    gp_out_string(buf, "terminal_status", gp_status_name(p->terminal));
    gp_out_integer(buf, "never_complete", p->never == 1);
    gp_out_boolean(buf, "held", p->rule == GP_RULE_HELD);
    gp_out_time(buf, "created_at", p->created_at);
    gp_out_time(buf, "updated_at", p->updated_at);
    gp_out_close(buf, '}');
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

/* The pipelines of all projects that the call's filters let through, the newest first. */
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
    gp_buf *buf = &call->out->body;
    gp_list rows = {0};
    gp_page page;
    size_t i;
    wanted_pipelines(call, &rows);
    page = gp_page_of(call, (int64_t)rows.count, 1);
    gp_out_open(buf, NULL, '[');
    for (i = (size_t)page.first; i < (size_t)page.last && i < rows.count; i++)
        shape(buf, rows.items[i]);
    gp_out_close(buf, ']');
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
    shape(&call->out->body, p);
    return 200;
}

/* Is the field there, and with what: null takes an override away. */
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
    if (rule) gp_simulate_rule(call->m, p);
    if (status) gp_simulate_hold(call->m, p, gp_status_from_name(status, strlen(status)));
    shape(&call->out->body, p);
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

/* Clock ------------------------------------------------------------------------------------- */

int gp_get_clock(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    gp_mock *m = call->m;
    gp_out_open(buf, NULL, '{');
    gp_out_string(buf, "mode", m->clock_virtual ? "virtual" : "real");
    gp_out_time(buf, "now", m->now);
    gp_out_seconds(buf, "epoch", m->now);
    gp_out_close(buf, '}');
    return 200;
}

/* The time that is asked for: ISO 8601 or seconds since 1970. GP_MS_NONE for neither. */
static gp_ms target_time(const gp_json *value)
{
    if (value->type == GP_JSON_STRING) return gp_ms_parse(value->string);
    if (value->type != GP_JSON_INTEGER && value->type != GP_JSON_NUMBER) return GP_MS_NONE;
    return value->number < 0 ? GP_MS_NONE : gp_ms_from_seconds(value->number);
}

/* What is given and not null. */
static const gp_json *said(const gp_call *call, const char *name)
{
    const gp_json *value = gp_json_get(call->params, name);
    return value && value->type != GP_JSON_NULL ? value : NULL;
}

int gp_set_clock(gp_call *call)
{
    gp_mock *m = call->m;
    const gp_json *set = said(call, "set"), *advance = said(call, "advance");
    const char *mode = gp_call_string(call, "mode");
    gp_ms before = m->now, at = before;
    if (!set && !advance && !mode) {
        return gp_fail_error(
            call, 400, "advance, set, mode are missing, at least one parameter must be provided");
    }
    if (set) at = target_time(set);
    if (at == GP_MS_NONE) return gp_fail_error(call, 400, "set is invalid");
    if (advance && advance->number < 0)
        return gp_fail_error(call, 400, "advance does not have a valid value");
    if (advance) at += gp_ms_from_seconds(advance->number);
    if (at < m->now)
        return gp_fail(call, 400, "400 Bad request - the clock does not run backwards");
    if (at >= GP_MS_LAST)
        return gp_fail(call, 400, "400 Bad request - the clock ends before the year 9893");
    if (mode) m->clock_virtual = strcmp(mode, "virtual") == 0;
    m->now = m->clock_held = at;
    m->clock_offset = at - m->caller;
    gp_store_begin(m);
    gp_get_clock(call);
    if (m->late.count) {
        /* What was put off is carried out at its own time, before the next request. */
        m->now = before;
    } else {
        gp_simulate_advance(m);
    }
    return 200;
}

/* Everything -------------------------------------------------------------------------------- */

int gp_mock_reset(gp_call *call)
{
    gp_mock *m = call->m;
    char err[200];
    if (!m->allow_reset) {
        return gp_fail(call, 403, "403 Forbidden - reset is off; start with MOCK_ALLOW_RESET=1");
    }
    gp_store_reset(m);
    if (!gp_store_flush(m) || !gp_mock_reload(m, err, sizeof err)) {
        m->spoiled = 1;
        return gp_fail_memory(call);
    }
    if (m->world && (!gp_tokens_enter(m, m->world->root, err, sizeof err) ||
                     !gp_faults_add(m, gp_json_get(m->world->root, "faults"), err, sizeof err))) {
        return gp_fail_memory(call);
    }
    m->clock_offset = 0;
    m->clock_held = m->clock_virtual ? m->now : 0;
    gp_store_begin(m);
    gp_requests_clear(m);
    gp_out_open(&call->out->body, NULL, '{');
    gp_out_string(&call->out->body, "message", "200 OK");
    gp_out_close(&call->out->body, '}');
    return 200;
}

int gp_get_world(gp_call *call)
{
    if (call->m->world) {
        gp_json_write(&call->out->body, call->m->world->root);
    } else {
        gp_buf_adds(&call->out->body, "{\"projects\":{}}");
    }
    return 200;
}

int gp_put_world(gp_call *call)
{
    char err[400], ignored[200];
    const gp_http_request_in *in = call->in;
    int created = strcmp(in->method, "POST") == 0;
    if (!gp_mock_use_world(call->m, in->body, in->body_len, err, sizeof err)) {
        /* Tokens or rules may be what is wrong, when the rest is already there: all of it goes. */
        gp_store_rollback(call->m);
        if (!gp_mock_reload(call->m, ignored, sizeof ignored)) call->m->spoiled = 1;
        return gp_fail_error(call, 400, err);
    }
    gp_get_world(call);
    return created ? 201 : 200;
}

int gp_get_snapshot(gp_call *call)
{
    gp_mock *m = call->m;
    size_t len;
    unsigned char *data;
    gp_buf *buf = &call->out->body;
    gp_store_everything(m);
    if (!gp_store_flush(m)) {
        m->spoiled = 1;
        return gp_fail_memory(call);
    }
    data = gp_store_serialize(m, &len);
    if (!data) return gp_fail_memory(call);
    gp_out_open(buf, NULL, '{');
    gp_out_time(buf, "taken_at", m->now);
    gp_out_integer(buf, "time", m->now);
    gp_out_hex(buf, "database", data, len);
    gp_out_close(buf, '}');
    sqlite3_free(data);
    return 200;
}

/* Takes another database; when its rows can not be read, everything is as it was. */
static int restore(gp_mock *m, const void *data, size_t size, char *err, size_t err_size)
{
    char ignored[200];
    size_t len;
    gp_ms held = m->clock_held;
    unsigned char *before;
    int good = 0;
    if (!gp_store_flush(m) || !(before = gp_store_serialize(m, &len))) {
        snprintf(err, err_size, "out of memory");
        return 0;
    }
    if (gp_store_deserialize(m, data, size, err, err_size)) {
        m->clock_held = 0;
        good = gp_mock_reload(m, err, err_size);
        if (!good) {
            gp_store_deserialize(m, before, len, ignored, sizeof ignored);
            gp_mock_reload(m, ignored, sizeof ignored);
            m->clock_held = held;
        }
    }
    sqlite3_free(before);
    return good;
}

int gp_put_snapshot(gp_call *call)
{
    gp_mock *m = call->m;
    int64_t time = gp_call_integer(call, "time", GP_MS_NONE);
    char err[200];
    size_t size = 0;
    const char *data = gp_json_hex(call->arena, gp_json_get(call->params, "database"), &size);
    if (call->arena->failed) return gp_fail_memory(call);
    if (!data || time < 0) return gp_fail_error(call, 400, "database is invalid");
    if (!restore(m, data, size, err, sizeof err)) return gp_fail_error(call, 400, err);
    /* The clock goes back to the moment of the snapshot and runs on from there. */
    m->now = m->clock_held = time;
    m->clock_offset = time - m->caller;
    gp_store_begin(m);
    return gp_get_clock(call);
}
