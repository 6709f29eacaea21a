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
    &gp_delayed_entity,
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
    if (!gp_object_store_is_target(call)) return 0;
    *status = gp_object_store_respond(call, path, query);
    return 1;
}

static const gp_api api = {gp_routes, gp_trigger_auth, gp_environments_expire, answer_outside};

gp_mock_opening gp_mock_open(const gp_mock_options *options, gp_mock **out, char *err,
                             size_t err_size)
{
    gp_mock *m = calloc(1, sizeof *m);
    const char *db = options->db && strcmp(options->db, ":memory:") != 0 ? options->db : NULL;
    gp_mock_opening result = GP_MOCK_UNUSABLE;
    *out = NULL;
    snprintf(err, err_size, "out of memory");
    if (!m) return GP_MOCK_UNUSABLE;
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
        add_user(m, 1, "root", "Administrator") && gp_store_open(m, db, err, err_size) &&
        gp_store_load(m, err, err_size)) {
        if (options->world &&
            !gp_mock_use_world(m, options->world, options->world_len, err, err_size)) {
            result = GP_MOCK_WORLD_REFUSED;
        } else if (gp_store_flush(m)) {
            *out = m;
            return GP_MOCK_OPENED;
        } else {
            snprintf(err, err_size, "cannot write to the database %s: %s", db ? db : "in memory",
                     gp_store_why(m) == GP_STORE_FULL     ? "no space left"
                     : gp_store_why(m) == GP_STORE_LOCKED ? "another process has locked it"
                                                          : "writing failed");
        }
    }
    m->spoiled = 1; /* nothing of a world that was refused is kept */
    gp_mock_close(m);
    return result;
}

int gp_mock_note_url(gp_mock *m, const char *url, char *err, size_t err_size)
{
    return gp_store_note_url(m, url, err, err_size);
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
    gp_list_free(&m->delayed);
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

static void reload(gp_mock *m)
{
    char err[200];
    m->memory_failed = 0;
    m->spoiled = !gp_mock_reload(m, err, sizeof err);
    m->behind = 0;
    m->reloads++;
}

/* Writes what has changed. What could not be made or written whole never was: the rows are read
 * again, so that nothing is told of it later. 0 then. Where they have only followed the clock they
 * may stay ahead of the database: what they show follows from it. */
static int commit(gp_mock *m)
{
    int acted = m->acted, whole = !m->spoiled && !m->memory_failed;
    int64_t before = m->committed;
    m->acted = 0;
    if (whole && !m->behind && gp_store_flush(m)) {
        m->committed = gp_store_writes(m);
        if (acted && m->committed != before) m->trouble = GP_STORE_GOOD;
        return 1;
    }
    gp_store_rollback(m);
    if (whole && !acted) {
        m->behind = 1;
        return 1;
    }
    if (whole || !m->lost) m->refusal = whole ? (int)gp_store_why(m) : GP_STORE_GOOD;
    reload(m);
    m->lost |= m->deferred;
    return 0;
}

/* Before anything is changed that somebody is told of. 0 when the database would refuse it now;
 * then nothing has happened. */
static int prepare_to_act(gp_mock *m)
{
    if (!gp_store_lock(m)) return 0;
    if (m->behind) reload(m);
    m->acted = 1;
    return 1;
}

/* Who only reads does not wait for a lock. */
static void prepare_to_read(gp_mock *m)
{
    if (m->behind && gp_store_lock(m)) reload(m);
}

/* The answer to a request of which nothing was kept. */
static int fail_store(gp_call *call, int why)
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

const char *gp_mock_trouble(const gp_mock *m)
{
    static const char *const texts[] = {
        [GP_STORE_GOOD] = NULL,
        [GP_STORE_FULL] = "the disk of its database is full: writes are answered with 507",
        [GP_STORE_LOCKED] = "another process has locked its database: writes are answered with 503",
        [GP_STORE_BROKEN] = "its database cannot be written: writes are answered with 500",
    };
    return texts[m->trouble];
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
        if (!may_defer(in)) commit(call->m);
        return gp_fail_memory(call);
    }
    if (gp_store_writes(call->m) != call->writes) call->m->acted = 1;
    if (!may_defer(in) && !commit(call->m)) status = fail_store(call, call->m->refusal);
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

/* Requests that a fault has put off are carried out at their time, their answers thrown away. */
static void carry_out_delayed(gp_mock *m, gp_ms until)
{
    gp_delayed *delayed;
    int64_t reloads = m->reloads;
    /* What the database would not take is tried again at the next request. */
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

int gp_mock_flush(gp_mock *m)
{
    int good;
    m->spoiled |= m->lost; /* with what was lost goes what came after it */
    good = commit(m);
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

static void refuse(gp_mock *m, const gp_http_request_in *in, gp_http_response_out *out, int why)
{
    gp_call call;
    start_call(&call, m, in, out);
    m->requests++;
    out->status = fail_store(&call, why);
    gp_answer_headers(&call);
}

void gp_mock_refuse(gp_mock *m, const gp_http_request_in *in, gp_http_response_out *out)
{
    refuse(m, in, out, m->refusal);
}

/* To `now`, with what was put off until then. */
static void catch_up(gp_mock *m, double now)
{
    gp_ms before = m->now, until;
    set_clock(m, now);
    if (!m->delayed.count || !gp_store_lock(m)) return;
    until = m->now;
    m->now = before;
    carry_out_delayed(m, until);
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

/* 0 when the request was not carried out, as it cannot be now: the answer says so. */
static int enter(gp_mock *m, double now, const gp_http_request_in *in, gp_http_response_out *out)
{
    gp_store_failure why;
    if (is_read(in)) {
        prepare_to_read(m);
        return 1;
    }
    if (prepare_to_act(m)) return 1;
    why = gp_store_why(m);
    if (in->may_wait && why == GP_STORE_LOCKED) {
        out->busy = 1;
        return 0;
    }
    set_clock(m, now);
    if (!may_defer(in)) commit(m);
    refuse(m, in, out, (int)why);
    gp_requests_note(m, in, out->status, 0, 0);
    return 0;
}

void gp_mock_request(gp_mock *m, double now, const gp_http_request_in *in,
                     gp_http_response_out *out)
{
    gp_call call;
    gp_fault_effect effect;
    int64_t reloads;
    int struck = 0;
    gp_store_patience(m, in->may_defer || is_read(in) ? 0 : GP_STORE_PATIENCE);
    if (!enter(m, now, in, out)) return;
    catch_up(m, now);
    count_request(m);
    if (!may_defer(in)) commit(m);
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
        /* The rule that struck is gone with the other rows when they had to be read again. */
        if (reloads != m->reloads) effect.headers = effect.body = NULL;
        if (struck) gp_fault_answer(&call, &effect);
    }
    if (!may_defer(in)) commit(m);
    /* What follows from the clock need not be written before it is told; anything else must last,
     * and so must what a reader has seen of it. */
    if (gp_store_writes(m) != call.writes) m->acted = 1;
    out->uncommitted = m->acted && gp_store_pending(m) && may_defer(in);
    m->deferred |= out->uncommitted;
    gp_answer_headers(&call);
    gp_requests_note(m, in, out->status, struck, out->uncommitted);
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
    set_clock(m, now);
    gp_store_patience(m, 0);
    if (!prepare_to_act(m)) {
        m->hooks_rest = m->caller + 1000;
        commit(m);
        return 0;
    }
    catch_up(m, now);
    gp_engine_advance(m);
    m->acted = 1;
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
    gp_delivery *d;
    gp_hook *hook;
    gp_store_patience(m, 0);
    if (!prepare_to_act(m)) {
        m->behind = 1; /* read again, it is still to be sent: as after the end of the process */
        return 0;
    }
    d = gp_delivery_by_id(&m->outbox, id);
    hook = d ? gp_hook_by_id(&m->hooks, d->hook_id) : NULL;
    if (!hook || d->state != GP_DELIVERY_SENDING) return 0;
    catch_up(m, now);
    gp_engine_advance(m);
    m->acted = 1;
    if (len > GP_ANSWER_MAX) len = GP_ANSWER_MAX;
    free(d->answer);
    d->answer = gp_utf8_valid(answer, len) ? strndup(answer, len) : strdup("[not text]");
    gp_outbox_report(hook, d, status, m->now);
    gp_delivery_save(m, d);
    gp_hook_save(m, hook);
    return commit(m);
}
