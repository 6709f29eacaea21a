/* Handlers for projects and for what the server says about itself. */
#include "mock/gitlab/projects.h"

#include <string.h>

#include "mock/gitlab/json_views.h"
#include "mock/gitlab/project_settings.h"
#include "mock/request/answer.h"
#include "mock/request/listing.h"

int gp_put_project(gp_call *call)
{
    gp_project *project = call->project;
    const char *role =
        gp_project_role_word(gp_call_string(call, "ci_pipeline_variables_minimum_override_role"));
    const char *before = gp_project_variables_role(project);
    int restricts = gp_call_boolean(call, "restrict_user_defined_variables", GP_UNSET);
    if (!role && restricts == GP_UNSET) {
        return gp_fail_error(call, 400,
                             "ci_pipeline_variables_minimum_override_role, "
                             "restrict_user_defined_variables are missing, at least one parameter "
                             "must be provided");
    }
    /* A value that only owners may set can be changed only by owners. */
    if (role && call->role < GP_ROLE_OWNER &&
        (strcmp(role, "owner") == 0 || strcmp(before, "owner") == 0)) {
        return gp_fail(call, 403, "403 Forbidden");
    }
    if (role) project->variables_role = role;
    if (restricts != GP_UNSET) project->restricts = restricts;
    gp_project_settings_save(call->m, project);
    gp_view_project(&call->out->body, NULL, call->m, project);
    return 200;
}

int gp_get_project(gp_call *call)
{
    gp_view_project(&call->out->body, NULL, call->m, call->project);
    return 200;
}

/* `search` is part of the project's name, or of its whole path. */
static int wanted(const gp_call *call, const void *row, const void *ctx)
{
    const gp_project *project = row;
    const char *search = gp_call_string(call, "search"), *name = strrchr(project->path, '/');
    (void)ctx;
    if (call->m->world && !project->def) return 0;
    if (!search || !*search) return 1;
    if (!name || gp_call_boolean(call, "search_namespaces", 0)) name = project->path;
    return strcasestr(name, search) != NULL;
}

static void show(gp_call *call, const void *row)
{
    gp_view_project(&call->out->body, NULL, call->m, row);
}

int gp_list_projects(gp_call *call)
{
    const gp_listing listing = {
        .rows = &call->m->projects, .view = show, .wanted = wanted, .reverse = 1};
    int status = gp_page_too_far(call, "Project");
    return status ? status : gp_listing_respond(call, &listing);
}

int gp_get_version(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    gp_write_open(buf, NULL, '{');
    gp_write_string(buf, "version", gp_mock_version(call->m));
    gp_write_string(buf, "revision", "00000000000");
    gp_write_close(buf, '}');
    return 200;
}

int gp_get_metadata(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    gp_write_open(buf, NULL, '{');
    gp_write_string(buf, "version", gp_mock_version(call->m));
    gp_write_string(buf, "revision", "00000000000");
    gp_write_open(buf, "kas", '{');
    gp_write_boolean(buf, "enabled", 0);
    gp_write_null(buf, "externalUrl");
    gp_write_null(buf, "version");
    gp_write_close(buf, '}');
    gp_write_boolean(buf, "enterprise", 0);
    gp_write_close(buf, '}');
    return 200;
}

int gp_get_user(gp_call *call)
{
    gp_view_profile(&call->out->body, NULL, call->m, call->user);
    return 200;
}
