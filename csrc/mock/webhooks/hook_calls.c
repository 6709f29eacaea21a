/* Helpers of the two sets of endpoints for targets. */
#include "mock/webhooks/hook_calls.h"

#include <stdlib.h>
#include <string.h>

#include "mock/webhooks/events.h"
#include "mock/webhooks/hooks.h"

void gp_delivery_shape_headers(gp_buf *buf, const char *key, gp_mock *m, const gp_hook *hook,
                               const gp_delivery *d)
{
    gp_http_response_out headers;
    const char *name, *value;
    size_t position = 0;
    gp_http_response_init(&headers, &m->alloc);
    gp_write_open(buf, key, '{');
    if (gp_delivery_headers(m, hook, d, &headers, 1)) {
        while (gp_http_response_next(&headers, &position, &name, &value))
            gp_write_string(buf, name, value);
    }
    gp_write_close(buf, '}');
    gp_http_response_free(&headers);
}

int gp_hook_take_text(gp_call *call, const char *name, char **slot)
{
    const char *value = gp_call_string(call, name);
    char *copy = NULL;
    if (!value) return 1;
    if (*value && !(copy = gp_mock_strdup(call->m, value))) return 0;
    free(*slot);
    *slot = copy;
    return 1;
}

/* Writes the event of the newest object of that kind in this target's projects; 0 when there is
 * none. */
static int write_newest(gp_call *call, const gp_hook *hook, int event, gp_buf *body)
{
    gp_mock *m = call->m;
    size_t i, found = 0;
    const gp_pipeline *newest = NULL;
    for (i = 0; i < m->projects.count; i++) {
        const gp_project *project = m->projects.items[i];
        const gp_pipeline *last = project->pipelines.count
                                      ? project->pipelines.items[project->pipelines.count - 1]
                                      : NULL;
        if (hook->project_id != GP_UNSET && hook->project_id != project->id) continue;
        if (event == GP_HOOK_DEPLOYMENT && project->deployments.count && !found) {
            gp_event_write_deployment(
                body, m, project->deployments.items[project->deployments.count - 1], m->now);
            found = 1;
        }
        if (last && (!newest || last->id > newest->id)) newest = last;
    }
    if (event == GP_HOOK_DEPLOYMENT || !newest) return (int)found;
    if (event == GP_HOOK_JOB && newest->jobs.count) {
        gp_event_write_job(body, m, newest->jobs.items[0], m->now);
    } else {
        gp_event_write_pipeline(body, m, newest, m->now);
    }
    return 1;
}

gp_delivery *gp_hook_test_newest(gp_call *call, const gp_hook *hook, int event)
{
    gp_buf body = {.alloc = &call->m->alloc};
    gp_delivery *d = NULL;
    if (write_newest(call, hook, event, &body)) {
        d = gp_hooks_test(call->m, hook, event, &body);
        if (!d) call->m->memory_failed = 1;
    }
    gp_buf_free(&body);
    return d;
}
