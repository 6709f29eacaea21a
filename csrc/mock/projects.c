#include "mock/answer.h"
#include "mock/handlers.h"
#include "mock/shapes.h"

int gp_get_project(gp_call *call)
{
    gp_shape_project(&call->out->body, NULL, call->m, call->project);
    return 200;
}

int gp_list_projects(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    gp_list shown = {0};
    gp_page page;
    size_t i;
    for (i = call->m->projects.count; i > 0; i--) {
        gp_project *project = call->m->projects.items[i - 1];
        if (call->m->world && !project->def) continue;
        if (!gp_list_add(&shown, project)) call->m->memory_failed = 1;
    }
    page = gp_page_of(call, (int64_t)shown.count, 1);
    gp_out_open(buf, NULL, '[');
    for (i = (size_t)page.first; i < (size_t)page.last && i < shown.count; i++) {
        gp_shape_project(buf, NULL, call->m, shown.items[i]);
    }
    gp_out_close(buf, ']');
    gp_list_free(&shown);
    return 200;
}

int gp_get_version(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    gp_out_open(buf, NULL, '{');
    gp_out_string(buf, "version", gp_mock_version(call->m));
    gp_out_string(buf, "revision", "00000000000");
    gp_out_close(buf, '}');
    return 200;
}

int gp_get_metadata(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    gp_out_open(buf, NULL, '{');
    gp_out_string(buf, "version", gp_mock_version(call->m));
    gp_out_string(buf, "revision", "00000000000");
    gp_out_open(buf, "kas", '{');
    gp_out_boolean(buf, "enabled", 0);
    gp_out_null(buf, "externalUrl");
    gp_out_null(buf, "version");
    gp_out_close(buf, '}');
    gp_out_boolean(buf, "enterprise", 0);
    gp_out_close(buf, '}');
    return 200;
}

int gp_get_user(gp_call *call)
{
    gp_shape_profile(&call->out->body, NULL, call->m, call->user);
    return 200;
}
