/* The order of steps is what makes a request atomic: see gp_serve_request. */
#include "mock/request/serve.h"

#include <string.h>

#include "mock/engine/advance.h"
#include "mock/engine/lag.h"
#include "mock/request/answer.h"
#include "mock/request/delayed.h"
#include "mock/request/dispatch.h"
#include "mock/request/faults.h"
#include "mock/request/requests.h"
#include "mock/rows/clock.h"
#include "mock/rows/commit.h"
#include "mock/rows/store.h"

enum { MAX_TARGET = 16384 };

/* Requests to the simulation itself (reset, snapshot, world) need a store without an open
 * transaction. */
static int may_defer(const gp_http_request_in *in)
{
    return in->may_defer && !strstr(in->target, "_mock/");
}

/* The response to a request that was rolled back. */
static int fail_store(gp_call *call, gp_store_failure why)
{
    if (why != GP_STORE_GOOD) call->m->trouble = why;
    if (why == GP_STORE_FULL) {
        return gp_fail(call, 507, "507 Insufficient Storage - the simulated GitLab's disk is full");
    }
    if (why != GP_STORE_LOCKED) return gp_fail_memory(call);
    gp_http_response_header(call->out, "Retry-After", "1");
    return gp_fail(call, 503,
                   "503 Service Unavailable - another process has locked the simulated GitLab's "
                   "database");
}

const char *gp_serve_trouble(const gp_mock *m)
{
    static const char *const texts[] = {
        [GP_STORE_GOOD] = NULL,
        [GP_STORE_FULL] = "the disk of its database is full: writes are answered with 507",
        [GP_STORE_LOCKED] = "another process has locked its database: writes are answered with 503",
        [GP_STORE_BROKEN] = "its database cannot be written: writes are answered with 500",
    };
    return texts[m->trouble];
}

static const char *without_prefix(const char *path)
{
    if (strncmp(path, "/api/v4", 7) == 0 && (path[7] == '/' || path[7] == 0)) return path + 7;
    return path;
}

/* Carries a request out: the body is written, the status returned. */
static int carry_out(gp_call *call)
{
    const gp_http_request_in *in = call->in;
    char *target = gp_arena_copy(call->arena, in->target, in->target_len), *query, *path;
    size_t len;
    int status;
    if (!target) return gp_fail_memory(call);
    query = strchr(target, '?');
    if (query) *query++ = 0;
    path = target + (without_prefix(target) - target);
    len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        path[--len] = 0;
    call->path = path;
    call->lag = call->m->lag_kept ? gp_fault_lag_of(call) : 0;
    if (call->lag) gp_lag_enter(call->m, call->m->now - call->lag);
    status = gp_dispatch(call, path, query);
    if (call->lag) gp_lag_leave(call->m);
    gp_lag_keep(call->m, NULL, call->m->now);
    if (call->arena->failed || call->m->memory_failed) {
        call->m->spoiled = 1;
        if (!may_defer(in)) gp_commit(call->m);
        return gp_fail_memory(call);
    }
    if (gp_store_writes(call->m) != call->writes) call->m->acted = 1;
    if (!may_defer(in) && !gp_commit(call->m)) status = fail_store(call, call->m->refusal);
    return status;
}

static void start_call(gp_call *call, gp_mock *m, const gp_http_request_in *in,
                       gp_http_response_out *out)
{
    memset(call, 0, sizeof *call);
    call->m = m;
    call->in = in;
    call->out = out;
    call->arena = &m->scratch;
    call->writes = gp_store_writes(m);
    gp_arena_reset(call->arena);
}

/* Carries out requests that a fault has delayed, each at its time; nobody gets the responses. */
static void carry_out_delayed(gp_mock *m, gp_ms until)
{
    gp_delayed *delayed;
    int64_t reloads = m->reloads;
    /* Requests that the database refused are tried again at the next request. */
    while (reloads == m->reloads && (delayed = gp_delayed_take(m, until)) != NULL) {
        gp_http_response_out out;
        gp_call call;
        m->now = delayed->due > m->now ? delayed->due : m->now;
        gp_engine_advance(m);
        m->acted = 1;
        gp_http_response_init(&out, &m->alloc);
        start_call(&call, m, &delayed->request, &out);
        carry_out(&call);
        gp_http_response_free(&out);
        gp_delayed_free(delayed);
    }
}

int gp_serve_flush(gp_mock *m)
{
    int good;
    m->spoiled |= m->lost; /* later changes may depend on the lost ones */
    good = gp_commit(m);
    m->deferred = m->lost = 0;
    gp_requests_settle(m, good                            ? 0
                          : m->refusal == GP_STORE_FULL   ? 507
                          : m->refusal == GP_STORE_LOCKED ? 503
                                                          : 500);
    return good;
}

static int is_read(const gp_http_request_in *in)
{
    return strcmp(in->method, "GET") == 0 || strcmp(in->method, "HEAD") == 0;
}

static void refuse(gp_mock *m, const gp_http_request_in *in, gp_http_response_out *out,
                   gp_store_failure why)
{
    gp_call call;
    start_call(&call, m, in, out);
    m->requests++;
    out->status = fail_store(&call, why);
    gp_answer_headers(&call);
}

void gp_serve_refuse(gp_mock *m, const gp_http_request_in *in, gp_http_response_out *out)
{
    refuse(m, in, out, m->refusal);
}

void gp_serve_catch_up(gp_mock *m, double now)
{
    gp_ms before = m->now, until;
    gp_clock_set(m, now);
    if (!m->delayed.count || !gp_store_lock(m)) return;
    until = m->now;
    m->now = before;
    carry_out_delayed(m, until);
    m->now = until;
}

/* No number is used twice, even after a crash: the database is always ahead. */
static void count_request(gp_mock *m)
{
    enum { AHEAD = 1024 };
    if ((int64_t)++m->requests <= m->requests_kept) return;
    m->requests_kept = (int64_t)m->requests + AHEAD;
    gp_store_begin(m);
}

/* 0 when the database refuses the request now: then the response is complete. */
static int enter(gp_mock *m, double now, const gp_http_request_in *in, gp_http_response_out *out)
{
    gp_store_failure why;
    if (is_read(in)) {
        gp_commit_begin_read(m);
        return 1;
    }
    if (gp_commit_begin_write(m)) return 1;
    why = gp_store_why(m);
    if (in->may_wait && why == GP_STORE_LOCKED) {
        out->busy = 1;
        return 0;
    }
    gp_clock_set(m, now);
    if (!may_defer(in)) gp_commit(m);
    refuse(m, in, out, why);
    gp_requests_note(m, in, out->status, 0, 0);
    return 0;
}

void gp_serve_request(gp_mock *m, double now, const gp_http_request_in *in,
                      gp_http_response_out *out)
{
    gp_call call;
    gp_fault_effect effect;
    int64_t reloads;
    int struck = 0;
    gp_store_patience(m, in->may_defer || is_read(in) ? 0 : GP_STORE_PATIENCE);
    if (!enter(m, now, in, out)) return;
    gp_serve_catch_up(m, now);
    count_request(m);
    if (!may_defer(in)) gp_commit(m);
    start_call(&call, m, in, out);
    gp_lag_prepare(m, gp_fault_lag(m));
    gp_engine_advance(m);
    call.writes = gp_store_writes(m);
    m->acted |= !is_read(in);
    if (m->spoiled) {
        out->status = gp_fail_memory(&call);
    } else if (in->target_len > MAX_TARGET) {
        out->status = gp_fail(&call, 414, "414 Request-URI Too Large");
    } else {
        struck = gp_fault_throttled(&call, &effect) ||
                 (m->faults.count && gp_fault_strike(&call, &effect));
        reloads = m->reloads;
        call.redirect = struck && effect.object_storage;
        if (struck && effect.apply_late != GP_MS_NONE)
            gp_delayed_add(m, in, m->now + effect.apply_late);
        if (!struck || !(effect.replace || effect.apply_late != GP_MS_NONE))
            out->status = carry_out(&call);
        /* If the rows had to be read again, the rule that `effect` points to no longer exists. */
        if (reloads != m->reloads) effect.headers = effect.body = NULL;
        if (struck) gp_fault_answer(&call, &effect);
    }
    if (!may_defer(in)) gp_commit(m);
    /* Changes that follow from the clock need not be durable before the response; all others must
     * be, and so must those that a reader has seen. */
    if (gp_store_writes(m) != call.writes) m->acted = 1;
    out->uncommitted = m->acted && gp_store_pending(m) && may_defer(in);
    m->deferred |= out->uncommitted;
    gp_answer_headers(&call);
    gp_requests_note(m, in, out->status, struck, out->uncommitted);
}
