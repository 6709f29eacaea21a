#include "mock/request/delayed.h"

#include <stdlib.h>
#include <string.h>

#include "mock/rows/store.h"
#include "mock/rows/entity.h"

static void save(gp_mock *m, const gp_late *late)
{
    const gp_http_request_in *in = &late->request;
    gp_buf buf = {.alloc = &m->alloc};
    size_t i;
    gp_out_open(&buf, NULL, '{');
    gp_out_integer(&buf, "due", late->due);
    gp_out_hex(&buf, "method", in->method, strlen(in->method));
    gp_out_hex(&buf, "target", in->target, in->target_len);
    gp_out_hex(&buf, "body", in->body, in->body_len);
    gp_out_open(&buf, "headers", '[');
    for (i = 0; i < in->header_count; i++) {
        gp_out_hex(&buf, NULL, in->headers[i].name, in->headers[i].name_len);
        gp_out_hex(&buf, NULL, in->headers[i].value, in->headers[i].value_len);
    }
    gp_out_close(&buf, ']');
    gp_out_close(&buf, '}');
    gp_store_row(m, "late", late->id, &buf);
}

static int load_one(gp_mock *m, int64_t id, const gp_json *row)
{
    gp_late *late = calloc(1, sizeof *late);
    const gp_json *list = gp_json_get(row, "headers"), *at;
    gp_http_request_in *in;
    gp_http_header *headers;
    size_t len;
    if (!late) return 0;
    in = &late->request;
    late->id = id;
    if (id >= m->next_late) m->next_late = id + 1;
    late->due = gp_json_get_integer(row, "due", 0);
    in->method = gp_json_hex(&late->arena, gp_json_get(row, "method"), &len);
    in->target = gp_json_hex(&late->arena, gp_json_get(row, "target"), &in->target_len);
    in->body = gp_json_hex(&late->arena, gp_json_get(row, "body"), &in->body_len);
    headers = gp_arena_get(&late->arena, ((list ? list->count : 0) + 2) * sizeof *headers);
    in->headers = headers;
    for (at = list ? list->child : NULL; headers && at && at->next; at = at->next->next) {
        gp_http_header *header = &headers[in->header_count];
        header->name = gp_json_hex(&late->arena, at, &header->name_len);
        header->value = gp_json_hex(&late->arena, at->next, &header->value_len);
        if (header->name && header->value) in->header_count++;
    }
    if (!late->arena.failed && in->method && in->target && in->body &&
        gp_list_add(&m->late, late)) {
        return 1;
    }
    gp_late_free(late);
    return 0;
}

void gp_late_add(gp_mock *m, const gp_http_request_in *in, gp_ms due)
{
    gp_late *late = calloc(1, sizeof *late);
    gp_http_header *headers;
    size_t i;
    if (!late) {
        m->memory_failed = 1;
        return;
    }
    late->id = m->next_late;
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
        return;
    }
    m->next_late++;
    save(m, late);
}

gp_late *gp_late_take(gp_mock *m, gp_ms until)
{
    gp_late *found = NULL;
    size_t i;
    for (i = 0; i < m->late.count; i++) {
        gp_late *late = m->late.items[i];
        if (late->due <= until && (!found || late->due < found->due)) found = late;
    }
    if (!found) return NULL;
    gp_list_remove(&m->late, found);
    gp_store_object(m, "late", found->id, NULL);
    return found;
}

void gp_late_free(gp_late *late)
{
    gp_arena_free(&late->arena);
    free(late);
}

static void clear(gp_mock *m)
{
    size_t i;
    for (i = 0; i < m->late.count; i++)
        gp_late_free(m->late.items[i]);
    m->late.count = 0;
}

const gp_entity gp_late_entity = {.kind = "late", .load = load_one, .clear = clear};
