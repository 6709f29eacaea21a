#include "mock/mock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/control/world.h"
#include "mock/engine/advance.h"
#include "mock/engine/bridges.h"
#include "mock/engine/lag.h"
#include "mock/engine/queue.h"
#include "mock/engine/restore.h"
#include "mock/engine/schedule.h"
#include "mock/gitlab/deployment.h"
#include "mock/gitlab/environment.h"
#include "mock/gitlab/environment_follow.h"
#include "mock/gitlab/object_store.h"
#include "mock/gitlab/project_settings.h"
#include "mock/gitlab/triggers.h"
#include "mock/gitlab/variables.h"
#include "mock/request/access_tokens.h"
#include "mock/request/answer.h"
#include "mock/request/api.h"
#include "mock/request/delayed.h"
#include "mock/request/dispatch.h"
#include "mock/request/faults.h"
#include "mock/request/requests.h"
#include "mock/request/throttle.h"
#include "mock/routes.h"
#include "mock/rows/entity.h"
#include "mock/rows/store.h"
#include "mock/webhooks/hook.h"
#include "mock/webhooks/hooks.h"
#include "mock/webhooks/outbox.h"
#include "mock/rows/reload.h"

enum { DEFAULT_MAX_BODY = 1 << 20, MAX_TARGET = 16384 };

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

/* Opening ----------------------------------------------------------------------------------- */

static int add_user(gp_mock *m, int64_t id, const char *username, const char *name)
{
    gp_user *user = calloc(1, sizeof *user);
    if (!user) return 0;
    user->id = id;
    user->username = username;
    user->name = name;
    if (gp_list_add(&m->users, user)) return 1;
    free(user);
    return 0;
}

/* What the floors pass to each other ------------------------------------------------------- */

/* In the order of loading: rows that point to others come after them. */
static const gp_entity *const entities[] = {
    &gp_project_settings_entity,
    &gp_trigger_entity,
    &gp_variable_entity,
    &gp_environment_entity,
    &gp_deployment_entity,
    &gp_token_entity,
    &gp_fault_entity,
    &gp_fault_count_entity,
    &gp_hook_entity,
    &gp_delivery_entity,
    &gp_version_entity,
    &gp_late_entity,
    &gp_window_entity,
    &gp_request_entity,
    NULL,
};

static void job_changed(gp_mock *m, gp_job *job, gp_ms at)
{
    gp_hooks_job(m, job, at);
    gp_environment_follow(m, job, at);
    if (gp_status_is_finished(job->status)) gp_job_release(m, job, at);
}

static void pipeline_changed(gp_mock *m, gp_pipeline *p, gp_ms at)
{
    gp_hooks_pipeline(m, p, at);
    gp_bridge_follow(m, p, at);
}

static void deployment_changed(gp_mock *m, gp_deployment *deployment, gp_ms at)
{
    gp_hooks_deployment(m, deployment, at);
}

static const gp_observer observer = {job_changed, pipeline_changed, deployment_changed};

static int answer_outside(gp_call *call, const char *path, const char *query, int *status)
{
    if (!gp_bucket_is_asked(call)) return 0;
    *status = gp_bucket_answer(call, path, query);
    return 1;
}

static const gp_api api = {gp_routes, gp_trigger_auth, gp_environments_expire, answer_outside};

int gp_mock_open(const gp_mock_options *options, gp_mock **out, char *err, size_t err_size)
{
    gp_mock *m = calloc(1, sizeof *m);
    *out = NULL;
    snprintf(err, err_size, "out of memory");
    if (!m) return 0;
    m->alloc.resize = resize;
    m->entities = entities;
    m->restore = &gp_engine_restore;
    m->observer = &observer;
    m->api = &api;
    m->seed = options->seed;
    m->allow_reset = options->allow_reset;
    m->clock_virtual = options->clock_virtual;
    m->max_body = options->max_body > 0 ? options->max_body : DEFAULT_MAX_BODY;
    m->token = gp_mock_strdup(m, options->token ? options->token : "MOCK_SUPER_SECRET");
    m->url = gp_mock_strdup(m, options->url ? options->url : "https://gitlab.example.com");
    m->assets = gp_mock_strdup(m, options->assets);
    gp_mock_counters(m);
    if (m->token && m->url && (m->assets || !options->assets) &&
        add_user(m, 1, "root", "Administrator") && gp_store_open(m, options->db, err, err_size) &&
        gp_store_load(m, err, err_size) &&
        (!options->world ||
         gp_mock_use_world(m, options->world, options->world_len, err, err_size))) {
        if (gp_store_flush(m)) {
            *out = m;
            return 1;
        }
        snprintf(err, err_size, "can not write to the database %s",
                 options->db ? options->db : "in memory");
    }
    m->spoiled = 1; /* nothing of a world that was refused is kept */
    gp_mock_close(m);
    return 0;
}

void gp_mock_close(gp_mock *m)
{
    size_t i;
    if (!m) return;
    gp_store_close(m);
    gp_mock_clear(m);
    gp_requests_clear(m);
    for (i = 0; i < m->users.count; i++)
        free(m->users.items[i]);
    gp_list_free(&m->users);
    gp_list_free(&m->scenarios);
    gp_list_free(&m->projects);
    gp_list_free(&m->hooks);
    gp_list_free(&m->worlds);
    gp_list_free(&m->heap);
    gp_list_free(&m->late);
    gp_list_free(&m->dirty_pipelines);
    gp_arena_free(&m->scratch);
    gp_arena_free(&m->strings);
    free(m->token);
    free(m->url);
    free(m->assets);
    free(m);
}

const gp_alloc *gp_mock_alloc(gp_mock *m)
{
    return &m->alloc;
}

int gp_mock_set_url(gp_mock *m, const char *url)
{
    char *copy = gp_mock_strdup(m, url);
    size_t len;
    if (!copy) return 0;
    len = strlen(copy);
    while (len && copy[len - 1] == '/')
        copy[--len] = 0;
    free(m->url);
    m->url = copy;
    return 1;
}

/* One request ------------------------------------------------------------------------------- */

static const char *without_prefix(const char *path)
{
    if (strncmp(path, "/api/v4", 7) == 0 && (path[7] == '/' || path[7] == 0)) return path + 7;
    return path;
}

static void set_clock(gp_mock *m, double now)
{
    gp_ms at;
    m->caller = gp_ms_from_seconds(now);
    if (m->clock_virtual && !m->clock_held) {
        m->clock_held = m->caller;
        gp_store_begin(m);
    }
    at = m->clock_virtual ? m->clock_held : m->caller + m->clock_offset;
    if (at > m->now) m->now = at;
}

/* Requests to the simulation itself (reset, snapshot, world) want a store without a transaction. */
static int may_defer(const gp_http_request_in *in)
{
    return in->may_defer && !strstr(in->target, "_mock/");
}

/* Writes what has changed. What could not be made or written whole never was: the rows are read
 * again, so that nothing is told of it later. 0 then. */
static int commit(gp_mock *m)
{
    char err[200];
    if (!m->spoiled && !m->memory_failed && gp_store_flush(m)) return 1;
    gp_store_rollback(m);
    m->memory_failed = 0;
    m->spoiled = !gp_mock_reload(m, err, sizeof err);
    m->reloads++;
    m->lost |= m->deferred;
    return 0;
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
        status = gp_fail_memory(call);
    }
    if (!may_defer(in) && !commit(call->m)) status = gp_fail_memory(call);
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
    gp_arena_reset(call->arena);
}

/* Requests that a fault has put off are carried out at their time, their answers thrown away. */
static void carry_out_late(gp_mock *m, gp_ms until)
{
    gp_late *late;
    int64_t reloads = m->reloads;
    /* What the database would not take is tried again at the next request. */
    while (reloads == m->reloads && (late = gp_late_take(m, until)) != NULL) {
        gp_http_response_out out;
        gp_call call;
        m->now = late->due > m->now ? late->due : m->now;
        gp_simulate_advance(m);
        gp_http_response_init(&out, &m->alloc);
        start_call(&call, m, &late->request, &out);
        carry_out(&call);
        gp_http_response_free(&out);
        gp_late_free(late);
    }
}

int gp_mock_flush(gp_mock *m)
{
    int good;
    m->spoiled |= m->lost; /* with what was lost goes what came after it */
    good = commit(m);
    m->deferred = m->lost = 0;
    return good;
}

/* To `now`, with what was put off until then. */
static void catch_up(gp_mock *m, double now)
{
    gp_ms before = m->now, until;
    set_clock(m, now);
    if (!m->late.count) return;
    until = m->now;
    m->now = before;
    carry_out_late(m, until);
    m->now = until;
}

/* No number is given out twice, whenever the process ends: the database is always ahead. */
static void count_request(gp_mock *m)
{
    enum { AHEAD = 1024 };
    if ((int64_t)++m->requests <= m->requests_kept) return;
    m->requests_kept = (int64_t)m->requests + AHEAD;
    gp_store_begin(m);
}

void gp_mock_request(gp_mock *m, double now, const gp_http_request_in *in,
                     gp_http_response_out *out)
{
    gp_call call;
    gp_fault_effect effect;
    int64_t reloads;
    int struck = 0;
    catch_up(m, now);
    count_request(m);
    if (!may_defer(in)) commit(m);
    start_call(&call, m, in, out);
    gp_lag_prepare(m, gp_fault_lag(m));
    gp_simulate_advance(m);
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
            gp_late_add(m, in, m->now + effect.apply_late);
        if (!struck || !(effect.replace || effect.apply_late != GP_MS_NONE))
            out->status = carry_out(&call);
        /* The rule that struck is gone with the other rows when they had to be read again. */
        if (reloads != m->reloads) effect.headers = effect.body = NULL;
        if (struck) gp_fault_answer(&call, &effect);
    }
    if (!may_defer(in)) commit(m);
    /* What a reader sees follows from the clock; what a writer is told must last. */
    out->uncommitted = gp_store_pending(m) && strcmp(in->method, "GET") != 0;
    m->deferred |= out->uncommitted && may_defer(in);
    gp_answer_headers(&call);
    gp_requests_note(m, in, out->status, struck);
}

/* Webhooks ---------------------------------------------------------------------------------- */

int gp_mock_has_webhooks(const gp_mock *m)
{
    return m->hooks.count > 0;
}

double gp_mock_webhook_timeout(gp_mock *m, double now)
{
    const gp_pipeline *first = gp_schedule_first(m);
    gp_ms next = gp_outbox_next(&m->outbox, &m->hooks);
    if (!m->hooks.count) return -1;
    set_clock(m, now);
    if (first && first->due < next) next = first->due;
    if (next <= m->now) return m->hooks_rest > m->caller ? 1 : 0;
    /* A time that is held does not come by itself. */
    return next == GP_MS_NEVER || m->clock_virtual ? -1 : (double)(next - m->now) / 1000;
}

int gp_mock_webhook_take(gp_mock *m, double now, gp_mock_webhook *out)
{
    gp_delivery *d;
    const gp_hook *hook;
    if (!m->hooks.count) return 0;
    catch_up(m, now);
    gp_simulate_advance(m);
    d = gp_outbox_take(&m->outbox, &m->hooks, m->now);
    if (!d) return 0;
    hook = gp_hook_by_id(&m->hooks, d->hook_id);
    d->stamp = m->caller;
    gp_delivery_save(m, d);
    if (!commit(m)) {
        /* It is still to be sent, when there is room to say so. */
        m->hooks_rest = m->caller + 1000;
        return 0;
    }
    out->id = d->id;
    out->url = hook->url;
    out->body = d->body;
    out->body_len = strlen(d->body);
    gp_http_response_init(&out->headers, &m->alloc);
    if (gp_delivery_headers(m, hook, d, &out->headers, 0)) return 1;
    gp_http_response_free(&out->headers);
    gp_mock_webhook_report(m, now, d->id, 0, "out of memory", 13);
    return 0;
}

int gp_mock_webhook_report(gp_mock *m, double now, int64_t id, int status, const char *answer,
                           size_t len)
{
    gp_delivery *d = gp_delivery_by_id(&m->outbox, id);
    gp_hook *hook = d ? gp_hook_by_id(&m->hooks, d->hook_id) : NULL;
    if (!hook || d->state != GP_DELIVERY_SENDING) return 0;
    catch_up(m, now);
    gp_simulate_advance(m);
    if (len > GP_ANSWER_MAX) len = GP_ANSWER_MAX;
    free(d->answer);
    d->answer = gp_utf8_valid(answer, len) ? strndup(answer, len) : strdup("[not text]");
    gp_outbox_report(hook, d, status, m->now);
    gp_delivery_save(m, d);
    gp_hook_save(m, hook);
    return commit(m);
}
