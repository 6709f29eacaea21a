/* Requests are stored byte for byte in hexadecimal, since any byte may occur in them. */
#include "mock/request/delayed.h"

#include <stdlib.h>
#include <string.h>

#include "mock/rows/save.h"
#include "mock/rows/entity.h"

static void save(gp_mock *m, const gp_delayed *delayed)
{
    const gp_http_request_in *in = &delayed->request;
    gp_buf buf = {.alloc = &m->alloc};
    size_t i;
    gp_write_open(&buf, NULL, '{');
    gp_write_integer(&buf, "due", delayed->due);
    gp_write_hex(&buf, "method", in->method, strlen(in->method));
    gp_write_hex(&buf, "target", in->target, in->target_len);
    gp_write_hex(&buf, "body", in->body, in->body_len);
    gp_write_open(&buf, "headers", '[');
    for (i = 0; i < in->header_count; i++) {
        gp_write_hex(&buf, NULL, in->headers[i].name, in->headers[i].name_len);
        gp_write_hex(&buf, NULL, in->headers[i].value, in->headers[i].value_len);
    }
    gp_write_close(&buf, ']');
    gp_write_close(&buf, '}');
    gp_store_row(m, "late", delayed->id, &buf);
}

static int load_one(gp_mock *m, int64_t id, const gp_json *row)
{
    gp_delayed *delayed = calloc(1, sizeof *delayed);
    const gp_json *list = gp_json_get(row, "headers"), *at;
    gp_http_request_in *in;
    gp_http_header *headers;
    size_t len;
    if (!delayed) return 0;
    in = &delayed->request;
    delayed->id = id;
    if (id >= m->next_delayed) m->next_delayed = id + 1;
    delayed->due = gp_json_get_integer(row, "due", 0);
    in->method = gp_json_hex(&delayed->arena, gp_json_get(row, "method"), &len);
    in->target = gp_json_hex(&delayed->arena, gp_json_get(row, "target"), &in->target_len);
    in->body = gp_json_hex(&delayed->arena, gp_json_get(row, "body"), &in->body_len);
    headers = gp_arena_get(&delayed->arena, ((list ? list->count : 0) + 2) * sizeof *headers);
    in->headers = headers;
    for (at = list ? list->child : NULL; headers && at && at->next; at = at->next->next) {
        gp_http_header *header = &headers[in->header_count];
        header->name = gp_json_hex(&delayed->arena, at, &header->name_len);
        header->value = gp_json_hex(&delayed->arena, at->next, &header->value_len);
        if (header->name && header->value) in->header_count++;
    }
    if (!delayed->arena.failed && in->method && in->target && in->body &&
        gp_list_add(&m->delayed, delayed)) {
        return 1;
    }
    gp_delayed_free(delayed);
    return 0;
}

void gp_delayed_add(gp_mock *m, const gp_http_request_in *in, gp_ms due)
{
    gp_delayed *delayed = calloc(1, sizeof *delayed);
    gp_http_header *headers;
    size_t i;
    if (!delayed) {
        m->memory_failed = 1;
        return;
    }
    delayed->id = m->next_delayed;
    delayed->due = due;
    delayed->request = *in;
    delayed->request.method = gp_arena_string(&delayed->arena, in->method);
    delayed->request.target = gp_arena_copy(&delayed->arena, in->target, in->target_len);
    delayed->request.body = gp_arena_copy(&delayed->arena, in->body, in->body_len);
    headers = gp_arena_get(&delayed->arena, (in->header_count + 1) * sizeof *headers);
    for (i = 0; headers && i < in->header_count; i++) {
        headers[i] = in->headers[i];
        headers[i].name =
            gp_arena_copy(&delayed->arena, in->headers[i].name, in->headers[i].name_len);
        headers[i].value =
            gp_arena_copy(&delayed->arena, in->headers[i].value, in->headers[i].value_len);
    }
    delayed->request.headers = headers;
    if (delayed->arena.failed || !gp_list_add(&m->delayed, delayed)) {
        m->memory_failed = 1;
        gp_delayed_free(delayed);
        return;
    }
    m->next_delayed++;
    save(m, delayed);
}

gp_delayed *gp_delayed_take(gp_mock *m, gp_ms until)
{
    gp_delayed *found = NULL;
    size_t i;
    for (i = 0; i < m->delayed.count; i++) {
        gp_delayed *delayed = m->delayed.items[i];
        if (delayed->due <= until && (!found || delayed->due < found->due)) found = delayed;
    }
    if (!found) return NULL;
    gp_list_remove(&m->delayed, found);
    gp_store_object(m, "late", found->id, NULL);
    return found;
}

void gp_delayed_free(gp_delayed *delayed)
{
    gp_arena_free(&delayed->arena);
    free(delayed);
}

static void clear(gp_mock *m)
{
    size_t i;
    for (i = 0; i < m->delayed.count; i++)
        gp_delayed_free(m->delayed.items[i]);
    m->delayed.count = 0;
}

const gp_entity gp_delayed_entity = {.kind = "late", .load = load_one, .clear = clear};
