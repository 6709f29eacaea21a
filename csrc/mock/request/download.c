/* ETag, If-None-Match and single byte ranges for bodies that are files. */
#include "mock/request/download.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/request/answer.h"

/* A strong ETag of the bytes in the body. */
static void strong_etag(gp_call *call)
{
    gp_buf buf = {.alloc = &call->m->alloc};
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    const char *known;
    size_t i;
    for (i = 0; i < call->out->body.len; i++) {
        hash = (hash ^ (unsigned char)call->out->body.data[i]) * UINT64_C(0x100000001B3);
    }
    gp_buf_addf(&buf, "\"%016llx%08lx\"", (unsigned long long)hash,
                (unsigned long)call->out->body.len);
    gp_buf_add(&buf, "", 1);
    if (!buf.failed) {
        gp_http_response_header(call->out, "ETag", buf.data);
        known = gp_http_request_header(call->in, "If-None-Match");
        if (known && strstr(known, buf.data)) call->out->status = 304;
    }
    gp_buf_free(&buf);
}

/* One range "bytes=a-b", "bytes=a-" or "bytes=-n" of the body; anything else gives it whole. */
static int serve_range(gp_call *call)
{
    const char *range = gp_http_request_header(call->in, "Range"), *dash;
    gp_buf *body = &call->out->body;
    size_t total = body->len, first, last;
    char text[100];
    gp_http_response_header(call->out, "Accept-Ranges", "bytes");
    if (!range || strncmp(range, "bytes=", 6) != 0 || strchr(range, ',')) return 200;
    range += 6;
    dash = strchr(range, '-');
    if (!dash || strspn(range, "0123456789-") != strlen(range)) return 200;
    if (dash == range) {
        size_t count = (size_t)strtoull(dash + 1, NULL, 10);
        first = count < total ? total - count : 0;
        last = total ? total - 1 : 0;
        if (!count) first = total;
    } else {
        first = (size_t)strtoull(range, NULL, 10);
        last = dash[1] ? (size_t)strtoull(dash + 1, NULL, 10) : total - 1;
        if (last >= total) last = total ? total - 1 : 0;
    }
    if (first >= total || last < first) {
        snprintf(text, sizeof text, "bytes */%zu", total);
        gp_http_response_header(call->out, "Content-Range", text);
        body->len = 0;
        return 416;
    }
    snprintf(text, sizeof text, "bytes %zu-%zu/%zu", first, last, total);
    gp_http_response_header(call->out, "Content-Range", text);
    memmove(body->data, body->data + first, last - first + 1);
    body->len = last - first + 1;
    return 206;
}

int gp_send_bytes(gp_call *call, const char *type, const char *name)
{
    gp_buf buf = {.alloc = &call->m->alloc};
    gp_answer_type(call, type);
    gp_buf_adds(&buf, "attachment; filename=\"");
    for (; *name; name++) {
        if (*name != '"' && *name != '\\') gp_buf_add(&buf, name, 1);
    }
    gp_buf_add(&buf, "\"", 2);
    if (!buf.failed) gp_http_response_header(call->out, "Content-Disposition", buf.data);
    gp_buf_free(&buf);
    gp_http_response_header(call->out, "Content-Transfer-Encoding", "binary");
    strong_etag(call);
    if (call->out->status == 304) {
        call->out->body.len = 0;
        return 304;
    }
    return serve_range(call);
}
