/* Reads and writes scenarios; presets and scenarios in use are protected. */
#include "mock/control/scenarios.h"

#include <stdlib.h>
#include <string.h>

#include "mock/engine/rules.h"
#include "mock/request/listing.h"
#include "mock/rows/save.h"

static void show(gp_call *call, const void *shown)
{
    const gp_mock_scenario *row = shown;
    gp_buf *buf = &call->out->body;
    gp_write_open(buf, NULL, '{');
    gp_write_integer(buf, "scenario_id", row->id);
    gp_write_string(buf, "name", row->name);
    if (row->after == GP_UNSET) {
        gp_write_null(buf, "terminal_after_seconds");
    } else {
        gp_write_integer(buf, "terminal_after_seconds", row->after);
    }
    gp_write_string(buf, "terminal_status", gp_status_name(row->terminal));
    gp_write_integer(buf, "never_complete", row->never);
    gp_write_boolean(buf, "preset", row->preset);
    gp_write_close(buf, '}');
}

static gp_mock_scenario *asked(const gp_call *call)
{
    return gp_scenario_find(call->m, gp_call_integer(call, "scenario_id", -1));
}

int gp_list_scenarios(gp_call *call)
{
    /* All at once unless a page is requested: there are a hundred presets. */
    const gp_listing listing = {.rows = &call->m->scenarios,
                                .view = show,
                                .whole = !gp_json_get(call->params, "page") &&
                                         !gp_json_get(call->params, "per_page")};
    return gp_listing_respond(call, &listing);
}

int gp_get_scenario(gp_call *call)
{
    const gp_mock_scenario *row = asked(call);
    if (!row) return gp_fail(call, 404, "404 Scenario Not Found");
    show(call, row);
    return 200;
}

/* Applies the given fields: 0, or the status of the error. */
static int take_fields(gp_call *call, gp_mock_scenario *row, int replace)
{
    const char *name = gp_call_string(call, "name"),
               *status = gp_call_string(call, "terminal_status");
    int64_t after = gp_call_integer(call, "terminal_after_seconds", GP_UNSET);
    int given = gp_json_get(call->params, "terminal_after_seconds") != NULL;
    char *copy = gp_mock_strdup(call->m, name);
    if (!copy) return gp_fail_memory(call);
    if (given && after < 0 &&
        gp_json_get(call->params, "terminal_after_seconds")->type != GP_JSON_NULL) {
        free(copy);
        return gp_fail_error(call, 400, "terminal_after_seconds does not have a valid value");
    }
    free(row->name);
    row->name = copy;
    if (replace || given) row->after = after;
    row->terminal = status ? gp_status_from_name(status, strlen(status)) : GP_STATUS_SUCCESS;
    row->never = gp_call_boolean(call, "never_complete", 0);
    gp_store_scenario(call->m, row);
    return 0;
}

static int compare(const void *a, const void *b)
{
    const gp_mock_scenario *x = *(gp_mock_scenario *const *)a, *y = *(gp_mock_scenario *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

int gp_create_scenario(gp_call *call)
{
    gp_mock *m = call->m;
    int64_t id = gp_call_integer(call, "scenario_id", GP_UNSET);
    gp_mock_scenario *row;
    int status;
    if (id == GP_UNSET) {
        id = m->next_scenario;
    } else if (id < 0) {
        return gp_fail_error(call, 400, "scenario_id does not have a valid value");
    } else if (gp_scenario_find(m, id)) {
        return gp_fail(call, 409, "409 Conflict: this scenario_id is taken");
    }
    row = calloc(1, sizeof *row);
    if (!row) return gp_fail_memory(call);
    row->id = id;
    row->after = GP_UNSET;
    status = take_fields(call, row, 1);
    if (status || !gp_list_add(&m->scenarios, row) || !gp_ids_put(&m->scenario_ids, id, row)) {
        gp_list_remove(&m->scenarios, row);
        free(row->name);
        free(row);
        return status ? status : gp_fail_memory(call);
    }
    if (id >= m->next_scenario) m->next_scenario = id + 1;
    qsort(m->scenarios.items, m->scenarios.count, sizeof *m->scenarios.items, compare);
    show(call, row);
    return 201;
}

/* Calls `each` for the pipelines that follow a scenario; returns how many there are. */
static size_t followers(gp_mock *m, int64_t id, void (*each)(gp_mock *, gp_pipeline *))
{
    size_t i, k, count = 0;
    for (i = 0; i < m->projects.count; i++) {
        const gp_project *project = m->projects.items[i];
        for (k = 0; k < project->pipelines.count; k++) {
            gp_pipeline *p = project->pipelines.items[k];
            if (p->scenario_id != id) continue;
            count++;
            if (each && p->rule == GP_RULE_SCENARIO) each(m, p);
        }
    }
    return count;
}

int gp_put_scenario(gp_call *call)
{
    gp_mock_scenario *row = asked(call);
    int status;
    if (!row) return gp_fail(call, 404, "404 Scenario Not Found");
    if (row->preset) return gp_fail(call, 409, "409 Conflict: a preset cannot be changed");
    status = take_fields(call, row, 1);
    if (status) return status;
    followers(call->m, row->id, gp_pipeline_set_rule);
    show(call, row);
    return 200;
}

int gp_delete_scenario(gp_call *call)
{
    gp_mock *m = call->m;
    gp_mock_scenario *row = asked(call);
    if (!row) return gp_fail(call, 404, "404 Scenario Not Found");
    if (row->preset) return gp_fail(call, 409, "409 Conflict: a preset cannot be deleted");
    if (followers(m, row->id, NULL))
        return gp_fail(call, 409, "409 Conflict: this scenario is in use");
    gp_store_forget_scenario(m, row->id);
    gp_list_remove(&m->scenarios, row);
    gp_ids_remove(&m->scenario_ids, row->id);
    free(row->name);
    free(row);
    return 204;
}
