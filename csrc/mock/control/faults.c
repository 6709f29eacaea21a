/* Endpoints over the rules that request/faults.c keeps and applies. */
#include "mock/control/faults.h"

#include "mock/request/faults.h"
#include "mock/request/listing.h"

static void show(gp_call *call, const void *row)
{
    gp_fault_shape(&call->out->body, row);
}

int gp_list_faults(gp_call *call)
{
    const gp_listing listing = {.rows = &call->m->faults, .view = show, .whole = 1};
    return gp_listing_respond(call, &listing);
}

int gp_create_fault(gp_call *call)
{
    gp_json *list = gp_json_new(call->arena, GP_JSON_ARRAY);
    char err[200];
    gp_json *def = gp_json_new(call->arena, GP_JSON_OBJECT);
    if (!call->body || call->body->type != GP_JSON_OBJECT || !call->body->count) {
        return gp_fail_error(call, 400, "a rule must be a table");
    }
    *def = *call->body;
    gp_json_push(list, def);
    if (!gp_faults_add(call->m, list, err, sizeof err)) return gp_fail_error(call, 400, err);
    gp_fault_shape(&call->out->body, call->m->faults.items[call->m->faults.count - 1]);
    return 201;
}

int gp_delete_fault(gp_call *call)
{
    gp_fault *fault = gp_fault_by_id(call->m, gp_call_integer(call, "fault_id", 0));
    if (!fault) return gp_fail_record(call);
    gp_fault_delete(call->m, fault);
    return 204;
}

int gp_clear_faults(gp_call *call)
{
    while (call->m->faults.count)
        gp_fault_delete(call->m, call->m->faults.items[call->m->faults.count - 1]);
    return 204;
}
