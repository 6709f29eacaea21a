#include "mock/late.h"

#include <stdlib.h>

void gp_late_add(gp_mock *m, const gp_http_request_in *in, gp_ms due)
{
    gp_late *late = calloc(1, sizeof *late);
    gp_http_header *headers;
    size_t i;
    if (!late) {
        m->memory_failed = 1;
        return;
    }
    late->due = due;
    late->request = *in;
    late->request.method = gp_arena_string(&late->arena, in->method);
    late->request.target = gp_arena_copy(&late->arena, in->target, in->target_len);
    late->request.body = gp_arena_copy(&late->arena, in->body, in->body_len);
    headers = gp_arena_get(&late->arena, (in->header_count + 1) * sizeof *headers);
    for (i = 0; headers && i < in->header_count; i++) {
        headers[i] = in->headers[i];
        headers[i].name = gp_arena_copy(&late->arena, in->headers[i].name, in->headers[i].name_len);
        headers[i].value =
            gp_arena_copy(&late->arena, in->headers[i].value, in->headers[i].value_len);
    }
    late->request.headers = headers;
    if (late->arena.failed || !gp_list_add(&m->late, late)) {
        m->memory_failed = 1;
        gp_late_free(late);
    }
}

gp_late *gp_late_take(gp_mock *m, gp_ms until)
{
    gp_late *found = NULL;
    size_t i;
    for (i = 0; i < m->late.count; i++) {
        gp_late *late = m->late.items[i];
        if (late->due <= until && (!found || late->due < found->due)) found = late;
    }
    if (found) gp_list_remove(&m->late, found);
    return found;
}

void gp_late_free(gp_late *late)
{
    gp_arena_free(&late->arena);
    free(late);
}

void gp_late_clear(gp_mock *m)
{
    size_t i;
    for (i = 0; i < m->late.count; i++)
        gp_late_free(m->late.items[i]);
    m->late.count = 0;
}
