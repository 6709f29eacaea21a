/* Headers are written after the body, since the ETag is a digest of it. */
#include "mock/request/answer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "mock/request/route.h"
#include "mock/request/throttle.h"

/* A header whose value is known to be free of control characters. */
static void header(gp_call *call, const char *name, const char *value, size_t len)
{
    gp_buf *buf = &call->out->headers;
    gp_buf_add(buf, name, strlen(name) + 1);
    gp_buf_add(buf, value, len);
    gp_buf_add(buf, "", 1);
}

static void number_header(gp_call *call, const char *name, int64_t value)
{
    gp_buf *buf = &call->out->headers;
    gp_buf_add(buf, name, strlen(name) + 1);
    gp_write_digits(buf, value);
    gp_buf_add(buf, "", 1);
}

void gp_answer_type(gp_call *call, const char *type)
{
    header(call, "Content-Type", type, strlen(type));
}

static int has_header(const gp_call *call, const char *wanted)
{
    size_t position = 0;
    const char *name, *value;
    while (gp_http_response_next(call->out, &position, &name, &value)) {
        if (strcasecmp(name, wanted) == 0) return 1;
    }
    return 0;
}

static void put_hex(char *out, uint64_t value)
{
    int i;
    for (i = 15; i >= 0; i--) {
        out[i] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

/* A word at a time: only equality of bodies matters, and this runs for every response. */
static uint64_t digest(const char *data, size_t len)
{
    uint64_t hash = len * UINT64_C(0x9E3779B97F4A7C15) + 1, word;
    for (; len >= 8; data += 8, len -= 8) {
        memcpy(&word, data, 8);
        hash = (hash ^ word) * UINT64_C(0xD6E8FEB86659FD93);
        hash ^= hash >> 32;
    }
    word = 0;
    if (len) memcpy(&word, data, len);
    hash = (hash ^ word) * UINT64_C(0xD6E8FEB86659FD93);
    return hash ^ hash >> 29;
}

static void etag(gp_call *call)
{
    char tag[22] = "W/\"";
    const char *known;
    put_hex(tag + 3, digest(call->out->body.data, call->out->body.len));
    tag[19] = '"';
    tag[20] = 0;
    header(call, "ETag", tag, 20);
    known = gp_http_request_header(call->in, "If-None-Match");
    if (known && (strcmp(known, "*") == 0 || strstr(known, tag + 2))) {
        call->out->status = 304;
        call->out->body.len = 0;
    }
}

/* 26 characters of Crockford's alphabet, like a ULID: the time, then bits from the seed and the
 * count. */
static void request_id(gp_call *call)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t time = (uint64_t)call->m->now,
             noise = gp_mock_hash(call->m, "request", call->m->requests);
    char id[26];
    int i;
    for (i = 9; i >= 0; i--) {
        id[i] = alphabet[time & 31];
        time >>= 5;
    }
    for (i = 25; i >= 10; i--) {
        id[i] = alphabet[noise & 31];
        noise = noise >> 5 | noise << 59;
    }
    header(call, "X-Request-Id", id, sizeof id);
}

static void rate_headers(gp_call *call)
{
    const gp_rate *rate = &call->rate;
    char date[GP_TIME_TEXT];
    if (!rate->limit) gp_throttle_default(call);
    header(call, "RateLimit-Name", "throttle_authenticated_api", 26);
    number_header(call, "RateLimit-Limit", rate->limit);
    number_header(call, "RateLimit-Observed", rate->observed);
    number_header(call, "RateLimit-Remaining", rate->remaining);
    number_header(call, "RateLimit-Reset", (rate->reset + 999) / 1000);
    if (!rate->exceeded) return;
    gp_ms_http(date, rate->reset + 999);
    header(call, "RateLimit-ResetTime", date, strlen(date));
    if (has_header(call, "Retry-After")) return;
    number_header(call, "Retry-After", (rate->reset - call->m->now + 999) / 1000);
}

void gp_answer_headers(gp_call *call)
{
    gp_http_response_out *out = call->out;
    int reads = strcmp(call->in->method, "GET") == 0 || strcmp(call->in->method, "HEAD") == 0;
    int typed = has_header(call, "Content-Type");
    gp_ms second = call->m->now / 1000;
    if (out->status == 204) out->body.len = 0;
    if (out->body.len && !typed) header(call, "Content-Type", "application/json", 16);
    if (reads && out->status == 200 && out->body.len && !has_header(call, "ETag")) etag(call);
    header(call, "Cache-Control", "max-age=0, private, must-revalidate", 35);
    header(call, "Vary", "Origin", 6);
    header(call, "X-Content-Type-Options", "nosniff", 7);
    request_id(call);
    if (!has_header(call, "RateLimit-Limit")) rate_headers(call);
    if (call->m->date_second != second) {
        call->m->date_second = second;
        gp_ms_http(call->m->date, second * 1000);
    }
    header(call, "Date", call->m->date, strlen(call->m->date));
}

/* Paging ------------------------------------------------------------------------------------ */

/* Whether a piece of a query has one of these names. */
static int named(const char *at, const char *const names[], size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        if (strncmp(at, names[i], len) == 0 && at[len] == '=') return 1;
    }
    return 0;
}

/* Credentials are not repeated in links. */
static int is_token(const char *at)
{
    static const char *const names[] = {"private_token", "access_token", "job_token", "token"};
    return named(at, names, sizeof names / sizeof *names);
}

/* The query with other page numbers; names and values stay as they were sent. */
static void page_query(gp_call *call, gp_buf *buf, int64_t page, int64_t per_page)
{
    static const char *const ours[] = {"page", "per_page"};
    const char *query = strchr(call->in->target, '?');
    const char *at = query ? query + 1 : NULL;
    while (at && *at) {
        size_t len = strcspn(at, "&");
        if (len && !named(at, ours, sizeof ours / sizeof *ours) && !is_token(at)) {
            gp_buf_add(buf, at, len);
            gp_buf_add(buf, "&", 1);
        }
        at += len + (at[len] == '&');
    }
    gp_buf_addf(buf, "page=%lld&per_page=%lld", (long long)page, (long long)per_page);
}

static void link_to(gp_call *call, gp_buf *buf, const char *rel, int64_t page, int64_t per_page)
{
    if (buf->len) gp_buf_add(buf, ", ", 2);
    gp_buf_addf(buf, "<%s/api/v4%s?", call->m->url, call->path);
    page_query(call, buf, page, per_page);
    gp_buf_addf(buf, ">; rel=\"%s\"", rel);
}

static void page_headers(gp_call *call, const gp_page *p, int64_t pages, int64_t total, int more)
{
    number_header(call, "X-Page", p->page);
    number_header(call, "X-Per-Page", p->per_page);
    if (more) {
        number_header(call, "X-Next-Page", p->page + 1);
    } else {
        header(call, "X-Next-Page", "", 0);
    }
    if (p->page > 1) {
        number_header(call, "X-Prev-Page", p->page - 1);
    } else {
        header(call, "X-Prev-Page", "", 0);
    }
    if (pages) {
        number_header(call, "X-Total", total);
        number_header(call, "X-Total-Pages", pages);
    }
}

gp_page gp_page_of(gp_call *call, int64_t total, int totals)
{
    gp_page p;
    gp_buf links = {.alloc = &call->m->alloc};
    int64_t pages;
    int more;
    p.page = gp_call_integer(call, "page", 1);
    p.per_page = gp_call_integer(call, "per_page", 20);
    if (p.page < 1) p.page = 1;
    if (p.page > INT32_MAX) p.page = INT32_MAX;
    if (p.per_page < 1) p.per_page = 20;
    if (p.per_page > 100) p.per_page = 100;
    if (total > 10000) totals = 0;
    pages = total ? (total + p.per_page - 1) / p.per_page : 1;
    p.first = (p.page - 1) * p.per_page;
    p.last = p.first + p.per_page;
    if (p.first > total) p.first = total;
    if (p.last > total) p.last = total;
    more = p.page < pages;
    page_headers(call, &p, totals ? pages : 0, total, more);
    if (p.page > 1) link_to(call, &links, "prev", p.page - 1, p.per_page);
    if (more) link_to(call, &links, "next", p.page + 1, p.per_page);
    link_to(call, &links, "first", 1, p.per_page);
    if (totals) link_to(call, &links, "last", pages, p.per_page);
    gp_buf_add(&links, "", 1);
    if (!links.failed) gp_http_response_header(call->out, "Link", links.data);
    gp_buf_free(&links);
    return p;
}

int gp_page_too_far(gp_call *call, const char *type)
{
    int64_t per_page = gp_call_integer(call, "per_page", 20);
    if (per_page < 1) per_page = 20;
    if (per_page > 100) per_page = 100;
    if (gp_call_integer(call, "page", 1) <= GP_OFFSET_CEILING / per_page) return 0;
    return gp_fail_error(call, 405,
                         gp_arena_print(call->arena,
                                        "Offset pagination has a maximum allowed offset of %d for "
                                        "requests that return objects of type %s. Remaining "
                                        "records can be retrieved using keyset pagination.",
                                        GP_OFFSET_CEILING, type));
}

void gp_page_next_cursor(gp_call *call, const char *cursor)
{
    gp_buf query = {.alloc = &call->m->alloc};
    const char *at = strchr(call->in->target, '?');
    at = at ? at + 1 : "";
    while (*at) {
        size_t len = strcspn(at, "&");
        if (len && strncmp(at, "cursor=", 7) != 0 && !is_token(at)) {
            gp_buf_add(&query, at, len);
            gp_buf_add(&query, "&", 1);
        }
        at += len + (at[len] == '&');
    }
    gp_buf_addf(&query, "cursor=%s", cursor ? cursor : "");
    gp_buf_add(&query, "", 1);
    if (!query.failed) gp_page_keyset(call, query.data);
    gp_buf_free(&query);
}

void gp_page_keyset(gp_call *call, const char *query)
{
    gp_buf link = {.alloc = &call->m->alloc};
    gp_buf_addf(&link, "<%s/api/v4%s?%s>; rel=\"next\"", call->m->url, call->path, query);
    gp_buf_add(&link, "", 1);
    if (!link.failed) gp_http_response_header(call->out, "Link", link.data);
    gp_buf_free(&link);
}
