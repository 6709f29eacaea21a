#include "io/http_headers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/redactor.h"
#include "io/http_outcome.h"

enum { MAX_TEXT = 256 * 1024, EXPECT_ABOVE = 1024 * 1024 };

static int name_is(const char *name, size_t len, const char *wanted)
{
    return strlen(wanted) == len && !strncasecmp(name, wanted, len);
}

static int is_sensitive(const gp_http_header_out *header)
{
    return header->secret || gp_redact_is_secret_header(header->name, header->name_len);
}

int gp_http_has_control(const char *text, size_t len)
{
    size_t i;
    for (i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return 1;
    }
    return 0;
}

/* RFC 9110's token, as far as it matters: no character that could end the name early. */
static int good_name(const gp_http_header_out *header)
{
    size_t i;
    if (!header->name_len) return 0;
    for (i = 0; i < header->name_len; i++) {
        unsigned char byte = (unsigned char)header->name[i];
        if (byte <= 0x20 || byte >= 0x7f || strchr(":;,()<>@\"/[]?={}\\", byte)) return 0;
    }
    return 1;
}

static int refuse(gp_http_failure *failure, const char *what, const gp_http_header_out *header)
{
    gp_http_refuse(failure, GP_HTTP_PROTOCOL, what);
    if (header && good_name(header))
        snprintf(failure->message, sizeof failure->message, "%s (header %.*s)", what,
                 (int)(header->name_len < 64 ? header->name_len : 64), header->name);
    return 0;
}

static int check(const gp_http_request *request, size_t *size, gp_http_failure *failure)
{
    size_t i;
    if (request->header_count > GP_HTTP_MAX_HEADERS) {
        return refuse(failure, "too many headers in one request", NULL);
    }
    for (i = 0; i < request->header_count; i++) {
        const gp_http_header_out *header = &request->headers[i];
        if (!good_name(header)) return refuse(failure, "a header's name is invalid", NULL);
        if (header->value_len > MAX_TEXT) return refuse(failure, "the value is too long", header);
        if (gp_http_has_control(header->value, header->value_len)) {
            return refuse(failure, "the value contains a control character", header);
        }
        *size += header->name_len + header->value_len + 3;
    }
    return 1;
}

/* Headers that libcurl would add and that are suppressed: Expect, because GitLab sends no 100, and
 * the Content-Type of a missing body. */
static size_t removals(const gp_http_request *request, const char **list)
{
    size_t count = 0, i;
    int typed = request->body != NULL || request->method[0] != 'P'; /* POST, PUT, PATCH */
    for (i = 0; i < request->header_count; i++) {
        if (name_is(request->headers[i].name, request->headers[i].name_len, "Content-Type")) {
            typed = 1;
        }
    }
    if (!typed) list[count++] = "Content-Type:";
    if (request->body_len >= EXPECT_ABOVE) list[count++] = "Expect:";
    return count;
}

int gp_http_outgoing_build(gp_http_outgoing *out, const gp_http_request *request,
                           gp_http_failure *failure)
{
    const char *removed[2];
    size_t extra = removals(request, removed);
    size_t count = request->header_count + extra;
    size_t size = count * (sizeof *out->nodes + 1) + extra * 16;
    char *text;
    size_t i;
    if (!check(request, &size, failure)) return 0;
    out->block = malloc(size ? size : 1);
    if (!out->block) return refuse(failure, "out of memory", NULL);
    out->size = size;
    out->count = count;
    out->nodes = (struct curl_slist *)(void *)out->block;
    out->sensitive = (unsigned char *)(out->block + count * sizeof *out->nodes);
    text = (char *)out->sensitive + count;
    for (i = 0; i < count; i++) {
        out->nodes[i].data = text;
        out->nodes[i].next = i + 1 < count ? &out->nodes[i + 1] : NULL;
        if (i < request->header_count) {
            const gp_http_header_out *header = &request->headers[i];
            out->sensitive[i] = (unsigned char)is_sensitive(header);
            memcpy(text, header->name, header->name_len);
            text += header->name_len;
            /* For libcurl "Name:" removes the header; "Name;" sends it empty. */
            *text++ = header->value_len ? ':' : ';';
            if (header->value_len) *text++ = ' ';
            memcpy(text, header->value, header->value_len);
            text += header->value_len;
            *text++ = '\0';
        } else {
            const char *name = removed[i - request->header_count];
            out->sensitive[i] = 0;
            memcpy(text, name, strlen(name) + 1);
            text += strlen(name) + 1;
        }
    }
    return 1;
}

struct curl_slist *gp_http_outgoing_list(const gp_http_outgoing *out)
{
    return out->count ? out->nodes : NULL;
}

void gp_http_outgoing_free(gp_http_outgoing *out)
{
    if (out->block) explicit_bzero(out->block, out->size);
    free(out->block);
    memset(out, 0, sizeof *out);
}

/* Response headers: the block as received, lines end with \n, the status line first. */

static size_t trim(const char **text, size_t len)
{
    while (len && ((*text)[len - 1] == '\r' || (*text)[len - 1] == '\n' ||
                   (*text)[len - 1] == ' ' || (*text)[len - 1] == '\t')) {
        len--;
    }
    while (len && (**text == ' ' || **text == '\t')) {
        (*text)++;
        len--;
    }
    return len;
}

int gp_http_headers_next(const gp_buf *block, size_t *at, gp_http_header_in *header)
{
    while (*at < block->len) {
        const char *line = block->data + *at;
        const char *end = memchr(line, '\n', block->len - *at);
        size_t len = end ? (size_t)(end - line) : block->len - *at;
        const char *colon = memchr(line, ':', len);
        *at += len + (end ? 1 : 0);
        if (!colon || colon == line) continue; /* the status line, or a folded line */
        if (!strncmp(line, "HTTP/", len < 5 ? len : 5)) continue;
        header->name = line;
        header->name_len = trim(&header->name, (size_t)(colon - line));
        header->value = colon + 1;
        header->value_len = trim(&header->value, len - (size_t)(colon + 1 - line));
        return 1;
    }
    return 0;
}

const char *gp_http_headers_find(const gp_buf *block, const char *name, size_t *len)
{
    gp_http_header_in header;
    size_t name_len = strlen(name), at = 0;
    while (at < block->len) {
        const char *line = block->data + at;
        size_t rest = block->len - at, next = at;
        const char *end = memchr(line, '\n', rest);
        at = end ? at + (size_t)(end - line) + 1 : block->len;
        /* Most lines differ in the first letter: only the others are parsed. */
        if (rest <= name_len || ((line[0] ^ name[0]) & ~0x20)) continue;
        if (gp_http_headers_next(block, &next, &header) && next == at &&
            name_is(header.name, header.name_len, name)) {
            *len = header.value_len;
            return header.value;
        }
    }
    return NULL;
}
