/* Each route gets its success, 304 for a read, 206 and 416 for a file, and the shared refusals. */
#include "mock/control/openapi_responses.h"

#include <string.h>

#include "mock/control/openapi_types.h"

/* Headers of responses, and which responses have them: all, lists, or reads. */
typedef struct header {
    const char *name, *type, *about;
    char when; /* 'a' all, 'p' pages, 'g' reads */
} header;

static const header headers[] = {
    {"X-Request-Id", "string", "identifies the request in logs", 'a'},
    {"RateLimit-Limit", "integer", "requests allowed per minute", 'a'},
    {"RateLimit-Observed", "integer", "requests made in this minute", 'a'},
    {"RateLimit-Remaining", "integer", "requests left in this minute", 'a'},
    {"RateLimit-Reset", "integer", "when the minute ends, in seconds since 1970", 'a'},
    {"ETag", "string", "identifies this state of the response; send it as If-None-Match", 'g'},
    {"Link", "string", "addresses of the first, previous, next and last page", 'p'},
    {"X-Page", "integer", "number of this page", 'p'},
    {"X-Per-Page", "integer", "rows per page", 'p'},
    {"X-Next-Page", "string", "number of the next page, empty on the last", 'p'},
    {"X-Prev-Page", "string", "number of the page before, empty on the first", 'p'},
    {"X-Total", "integer", "rows in all, where the server counts them", 'p'},
    {"X-Total-Pages", "integer", "pages in all, where the server counts them", 'p'},
    {NULL, NULL, NULL, 0}};

static void answer_headers(gp_buf *buf, const gp_route *route)
{
    const header *h;
    if (route->flags & GP_PUBLIC) return;
    gp_write_open(buf, "headers", '{');
    for (h = headers; h->name; h++) {
        if (h->when == 'p' && !(route->flags & GP_PAGED)) continue;
        if (h->when == 'g' && strcmp(route->method, "GET") != 0) continue;
        gp_write_open(buf, h->name, '{');
        gp_write_open(buf, "$ref", '"');
        gp_buf_adds(buf, "#/components/headers/");
        gp_buf_adds(buf, h->name);
        gp_write_close(buf, '"');
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
}

static void success(gp_call *call, gp_buf *buf, const gp_route *route)
{
    const char *code = gp_arena_print(call->arena, "%d", route->success);
    int file =
        route->gives && (strcmp(route->gives, "binary") == 0 || strcmp(route->gives, "raw") == 0);
    gp_write_open(buf, code ? code : "200", '{');
    gp_write_string(buf, "description", route->success == 204 ? "Done; no body." : route->help);
    answer_headers(buf, route);
    gp_openapi_content(buf, route->gives);
    gp_write_close(buf, '}');
    if (file) {
        gp_write_open(buf, "206", '{');
        gp_write_string(buf, "description", "The range requested by Range.");
        gp_openapi_content(buf, route->gives);
        gp_write_close(buf, '}');
    }
    if (strcmp(route->method, "GET") == 0) {
        gp_write_open(buf, "304", '{');
        gp_write_string(buf, "description", "Unchanged since the ETag in If-None-Match.");
        gp_write_close(buf, '}');
    }
    if (file) {
        gp_write_open(buf, "416", '{');
        gp_write_string(buf, "description", "The range is beyond the end.");
        gp_write_close(buf, '}');
    }
}

static void refusal(gp_buf *buf, const char *code)
{
    gp_write_open(buf, code, '{');
    gp_write_open(buf, "$ref", '"');
    gp_buf_adds(buf, "#/components/responses/");
    gp_buf_adds(buf, code);
    gp_write_close(buf, '"');
    gp_write_close(buf, '}');
}

void gp_openapi_responses(gp_call *call, gp_buf *buf, const gp_route *route)
{
    int open = route->flags & GP_PUBLIC;
    gp_write_open(buf, "responses", '{');
    success(call, buf, route);
    refusal(buf, "400");
    if (!open) refusal(buf, "401");
    if (!open) refusal(buf, "403");
    if (strpbrk(route->path, ":*")) refusal(buf, "404");
    refusal(buf, "default");
    gp_write_close(buf, '}');
}

/* The shared responses that operations refer to. */
static const struct {
    const char *code, *about;
} refusals[] = {
    {"400", "The request is invalid."},
    {"401", "The token is missing, wrong, revoked or expired."},
    {"403", "The token lacks permission, or the object does not allow this now."},
    {"404", "Not found, or not visible to the token."},
    {"default", "Any other error, or the effect of a rule of /_mock/faults."},
};

void gp_openapi_shared_responses(gp_buf *buf)
{
    const header *h;
    size_t i;
    gp_write_open(buf, "headers", '{');
    for (h = headers; h->name; h++) {
        gp_write_open(buf, h->name, '{');
        gp_write_string(buf, "description", h->about);
        gp_openapi_type(buf, "schema", h->type, strlen(h->type), NULL);
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
    gp_write_open(buf, "responses", '{');
    for (i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        gp_write_open(buf, refusals[i].code, '{');
        gp_write_string(buf, "description", refusals[i].about);
        gp_openapi_content(buf, "Error");
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
}
