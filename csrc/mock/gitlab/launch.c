/* The checks run in GitLab's order, since the first one that fails decides the response. */
#include "mock/gitlab/launch.h"

#include <stdlib.h>
#include <string.h>

#include "mock/gitlab/project_settings.h"
#include "mock/request/faults.h"
#include "mock/gitlab/json_views.h"
#include "mock/engine/pipeline_create.h"
#include "mock/request/throttle.h"
#include "mock/engine/world.h"

gp_json *gp_variable_entry(gp_arena *arena, const char *key, const char *value, const char *type)
{
    gp_json *entry = gp_json_new(arena, GP_JSON_OBJECT);
    gp_json_set(entry, "key", gp_json_new_string(arena, key, strlen(key)));
    gp_json_set(entry, "value", gp_json_new_string(arena, value, strlen(value)));
    gp_json_set(entry, "variable_type", gp_json_new_string(arena, type, strlen(type)));
    return entry;
}

static int least_role(const gp_project *project)
{
    const char *role = gp_project_variables_role(project);
    if (!gp_project_restricts(project)) return 0;
    if (strcmp(role, "developer") == 0) return GP_ROLE_DEVELOPER;
    if (strcmp(role, "maintainer") == 0) return GP_ROLE_MAINTAINER;
    return strcmp(role, "owner") == 0 ? GP_ROLE_OWNER : 1000;
}

/* "Duplicate variable name: A" or, with several, "names: A, B"; NULL when there are none. */
static const char *duplicates(gp_call *call, const gp_json *variables)
{
    const gp_json *a, *b;
    const char *names = NULL;
    int count = 0;
    for (a = variables ? variables->child : NULL; a; a = a->next) {
        const char *key = gp_json_get_string(a, "key", "");
        int earlier = 0, later = 0;
        for (b = variables->child; b != a; b = b->next) {
            earlier |= strcmp(gp_json_get_string(b, "key", ""), key) == 0;
        }
        for (b = a->next; b; b = b->next)
            later |= strcmp(gp_json_get_string(b, "key", ""), key) == 0;
        if (earlier || !later) continue;
        names = names ? gp_arena_print(call->arena, "%s, %s", names, key) : key;
        count++;
    }
    if (!count) return NULL;
    return gp_arena_print(call->arena, "Duplicate variable name%s: %s", count > 1 ? "s" : "",
                          names);
}

static const char *variable(const gp_json *variables, const char *key)
{
    const gp_json *at;
    for (at = variables ? variables->child : NULL; at; at = at->next) {
        if (strcmp(gp_json_get_string(at, "key", ""), key) == 0)
            return gp_json_get_string(at, "value", "");
    }
    return NULL;
}

static int whole(const char *text, int64_t *value)
{
    size_t len = strlen(text);
    if (!len || len > 15 || strspn(text, "0123456789") != len) return 0;
    *value = strtoll(text, NULL, 10);
    return 1;
}

/* Overrides among the variables, for clients that can send nothing else. NULL, or the name of a
 * variable with an invalid value. */
static const char *overrides_of_variables(const gp_json *variables, gp_pipeline_plan *plan)
{
    const char *text = variable(variables, "MOCK_SCENARIO_ID");
    if (text && !whole(text, &plan->scenario_id)) return "MOCK_SCENARIO_ID";
    text = variable(variables, "MOCK_TERMINAL_AFTER_SECONDS");
    if (text && !whole(text, &plan->after)) return "MOCK_TERMINAL_AFTER_SECONDS";
    text = variable(variables, "MOCK_TERMINAL_STATUS");
    if (text) {
        plan->terminal = gp_status_from_name(text, strlen(text));
        if (!gp_status_is_finished(plan->terminal)) return "MOCK_TERMINAL_STATUS";
    }
    text = variable(variables, "MOCK_NEVER_COMPLETE");
    if (!text) return NULL;
    if (strcmp(text, "1") == 0 || strcmp(text, "true") == 0) {
        plan->never = 1;
    } else if (strcmp(text, "0") == 0 || strcmp(text, "false") == 0 || !*text) {
        plan->never = 0;
    } else {
        return "MOCK_NEVER_COMPLETE";
    }
    return NULL;
}

/* The trigger endpoint's own fields win over variables: 0, or the status of the error. */
static int overrides(gp_call *call, const gp_launch *launch, gp_pipeline_plan *plan)
{
    const char *wrong = overrides_of_variables(launch->variables, plan);
    const char *status = gp_call_string(call, "terminal_status");
    if (wrong) {
        return gp_fail_error(call, 400,
                             gp_arena_print(call->arena, "%s does not have a valid value", wrong));
    }
    plan->scenario_id = gp_call_integer(call, "scenario_id", plan->scenario_id);
    plan->after = gp_call_integer(call, "terminal_after_seconds", plan->after);
    plan->never = gp_call_boolean(call, "never_complete", plan->never);
    if (status) plan->terminal = gp_status_from_name(status, strlen(status));
    if (gp_call_integer(call, "scenario_id", 0) < 0) plan->scenario_id = INT64_MAX;
    if (plan->scenario_id != GP_UNSET && !gp_scenario_find(call->m, plan->scenario_id)) {
        return gp_fail_error(call, 400, "scenario_id does not have a valid value");
    }
    if (gp_call_integer(call, "terminal_after_seconds", 0) < 0) {
        return gp_fail_error(call, 400, "terminal_after_seconds does not have a valid value");
    }
    plan->has_rule = plan->scenario_id != GP_UNSET || plan->after != GP_UNSET ||
                     plan->terminal != GP_STATUS_NONE || plan->never != GP_UNSET;
    return 0;
}

/* GitLab's checks before anything is created: 0, or the status of the error. */
static int refused(gp_call *call, const gp_launch *launch)
{
    const char *same;
    if (call->role < GP_ROLE_DEVELOPER && !call->trigger)
        return gp_fail(call, 403, "403 Forbidden");
    if (strlen(launch->ref) > 255 || strpbrk(launch->ref, " ~^:?*[\\\t\r\n") ||
        !gp_world_has_ref(call->project->def, launch->ref)) {
        return gp_fail_field(call, "base", "Reference not found");
    }
    if (launch->variables && launch->variables->child && launch->role < least_role(call->project)) {
        return gp_fail_field(call, "base", "Insufficient permissions to set pipeline variables");
    }
    same = duplicates(call, launch->variables);
    return same ? gp_fail_field(call, "base", same) : 0;
}

/* GitLab's limit for one project, user and commit counts the requests that reach this point. */
static int too_many(gp_call *call, const char *ref)
{
    char sha[41];
    int tag;
    gp_ref_sha(call->m, call->project, gp_ref_short(ref, &tag), sha);
    if (gp_throttle_allows_pipeline(call, gp_fault_throttle(call->m, "creations"), sha)) return 0;
    return gp_fail_field(call, "base",
                         "Too many pipelines created in the last minute. Try again later.");
}

int gp_launch_pipeline(gp_call *call, const gp_launch *launch)
{
    gp_pipeline_plan plan = gp_pipeline_plan_new(call->m, call->project);
    gp_buf variables = {.alloc = &call->m->alloc};
    int status = refused(call, launch);
    gp_pipeline *made;
    if (!status) status = overrides(call, launch, &plan);
    if (!status) status = too_many(call, launch->ref);
    if (status) return status;
    plan.ref = launch->ref;
    plan.source = launch->source;
    plan.user_id = launch->user_id;
    plan.upstream_job_id = launch->upstream_job_id;
    if (launch->variables && launch->variables->child) {
        gp_json_write(&variables, launch->variables);
        gp_buf_add(&variables, "", 1);
        plan.variables = variables.failed ? NULL : variables.data;
    }
    made = variables.failed ? NULL : gp_pipeline_make(call->m, &plan);
    gp_buf_free(&variables);
    if (variables.failed || call->m->memory_failed) return gp_fail_memory(call);
    if (!made) {
        return gp_fail_field(
            call, "base",
            "Pipeline will not run for the selected trigger. The rules configuration "
            "prevented any jobs from being added to the pipeline.");
    }
    gp_view_pipeline(&call->out->body, call->m, made, 0);
    return 201;
}
