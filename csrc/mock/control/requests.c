/* Filters and shows the requests that request/requests.c remembers. */
#include "mock/control/requests.h"

#include <string.h>
#include <strings.h>

#include "mock/request/requests.h"

static int in_path(const gp_seen *seen, const char *part)
{
    const char *target = seen->data + seen->target;
    return memmem(target, strcspn(target, "?"), part, strlen(part)) != NULL;
}

int gp_list_requests(gp_call *call)
{
    gp_mock *m = call->m;
    const char *method = gp_call_string(call, "method"), *path = gp_call_string(call, "path");
    int64_t after = gp_call_integer(call, "after", 0), number;
    int64_t first = m->seen_count > GP_SEEN_MAX ? m->seen_count - GP_SEEN_MAX : 0;
    gp_buf *buf = &call->out->body;
    gp_write_open(buf, NULL, '[');
    for (number = first; number < m->seen_count; number++) {
        const gp_seen *seen = &m->seen[number % GP_SEEN_MAX];
        if (!seen->data || seen->number <= after) continue;
        if (method && strcasecmp(method, seen->data) != 0) continue;
        if (path && !in_path(seen, path)) continue;
        if (seen->shown) {
            gp_write_raw(buf, NULL, seen->shown, strlen(seen->shown));
        } else {
            gp_request_shape(call, buf, seen);
        }
    }
    gp_write_close(buf, ']');
    return 200;
}

int gp_clear_requests(gp_call *call)
{
    gp_requests_clear(call->m);
    return 204;
}
