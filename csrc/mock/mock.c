#include "mock/mock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mock/answer.h"
#include "mock/auth.h"
#include "mock/bucket.h"
#include "mock/environments.h"
#include "mock/faults.h"
#include "mock/heap.h"
#include "mock/hooks.h"
#include "mock/lag.h"
#include "mock/late.h"
#include "mock/objects.h"
#include "mock/params.h"
#include "mock/requests.h"
#include "mock/routes.h"
#include "mock/simulate.h"
#include "mock/store.h"
#include "mock/throttle.h"
#include "mock/tokens.h"
#include "mock/world.h"

/* A world or a snapshot may be larger than what GitLab's own endpoints take. */
enum { DEFAULT_MAX_BODY = 1 << 20, MAX_CONTROL_BODY = 1 << 28, MAX_TARGET = 16384 };

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

/* Rows whose order of reading matters: what points to others comes after them. */
static int load(gp_mock *m, char *err, size_t err_size)
{
    if (!gp_store_load(m, err, err_size)) return 0;
    if (!gp_settings_load(m) || !gp_triggers_load(m) || !gp_variables_load(m) ||
        !gp_environments_load(m) || !gp_deployments_load(m) || !gp_tokens_load(m) ||
        !gp_faults_load(m) || !gp_hooks_load(m) || !gp_lag_load(m) || !gp_late_load(m) ||
        !gp_throttle_load(m)) {
        snprintf(err, err_size, "cannot read the database");
        return 0;
    }
    if (m->world && !gp_world_enter(m, m->world)) {
        snprintf(err, err_size, "out of memory");
        return 0;
    }
    return 1;
}

/* Takes a world that is not the current one already. */
int gp_mock_use_world(gp_mock *m, const char *json, size_t len, char *err, size_t err_size)
{
    gp_world *world = gp_world_read(json, len, err, err_size);
    gp_buf fresh = {.alloc = &m->alloc}, current = {.alloc = &m->alloc};
    int same = 0;
    if (!world) return 0;
    if (m->world) {
        gp_json_write(&fresh, world->root);
        gp_json_write(&current, m->world->root);
        same = !fresh.failed && !current.failed && fresh.len == current.len &&
               memcmp(fresh.data, current.data, fresh.len) == 0;
    }
    gp_buf_free(&fresh);
    gp_buf_free(&current);
    if (same) {
        gp_world_free(world);
        return 1;
    }
    world->id = (int64_t)m->worlds.count + 1;
    if (!gp_list_add(&m->worlds, world)) {
        gp_world_free(world);
        snprintf(err, err_size, "out of memory");
        return 0;
    }
    gp_store_world(m, world, json, len);
    return gp_world_enter(m, world) && gp_tokens_enter(m, world->root, err, err_size) &&
           gp_faults_add(m, gp_json_get(world->root, "faults"), err, err_size);
}

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
        load(m, err, err_size) && gp_requests_load(m)) {
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

int gp_mock_reload(gp_mock *m, char *err, size_t err_size)
{
    gp_mock_clear(m);
    gp_mock_counters(m);
    return load(m, err, err_size);
}

void gp_mock_close(gp_mock *m)
{
    size_t i;
    if (!m) return;
    gp_store_close(m);
    gp_mock_clear(m);
    gp_requests_clear(m);
    gp_late_clear(m);
    gp_throttle_clear(m);
    for (i = 0; i < m->users.count; i++)
        free(m->users.items[i]);
    gp_list_free(&m->users);
    gp_list_free(&m->scenarios);
    gp_list_free(&m->projects);
    gp_list_free(&m->tokens);
    gp_list_free(&m->faults);
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

static const char *without_prefix(const char *path)
{
    if (strncmp(path, "/api/v4", 7) == 0 && (path[7] == '/' || path[7] == 0)) return path + 7;
    return path;
}

static void merge(gp_call *call, const gp_json *from)
{
    const gp_json *member;
    for (member = from ? from->child : NULL; member; member = member->next) {
        gp_json *copy = gp_arena_get(call->arena, sizeof *copy);
        if (!copy) return;
        *copy = *member;
        gp_json_add(call->params, member->key, copy);
    }
}

static int media(const char *type, const char *wanted)
{
    size_t len = strlen(wanted);
    return strncasecmp(type, wanted, len) == 0 &&
           (type[len] == 0 || type[len] == ';' || type[len] == ' ');
}

/* The body as parameters: 0, or the status of the error written. */
static int read_body(gp_call *call)
{
    const gp_http_request_in *in = call->in;
    const char *type = gp_http_request_header(in, "Content-Type");
    char why[120];
    int64_t most = call->route->flags & GP_CONTROL ? MAX_CONTROL_BODY : call->m->max_body;
    if ((int64_t)in->body_len > most) {
        return gp_fail(call, 413, "413 Request Entity Too Large");
    }
    call->body = gp_json_new(call->arena, GP_JSON_OBJECT);
    if (!in->body_len) return 0;
    if (!type || !*type || media(type, "application/x-www-form-urlencoded")) {
        if (gp_params_form(call->arena, call->body, in->body, in->body_len)) return 0;
    } else if (media(type, "application/json") || media(type, "application/vnd.api+json")) {
        call->body = gp_json_parse(call->arena, in->body, in->body_len, why, sizeof why);
        if (call->body) return 0;
    } else if (media(type, "multipart/form-data")) {
        if (gp_params_multipart(call->arena, call->body, type, in->body, in->body_len)) return 0;
    } else {
        return gp_fail_error(call, 415,
                             gp_arena_print(call->arena,
                                            "The provided content-type '%.100s' is not supported.",
                                            gp_utf8_valid(type, strlen(type)) ? type : "?"));
    }
    call->body = NULL;
    return gp_fail_error(call, 400, "message body does not match declared format");
}

/* Path, body and query in one object; what comes first wins. */
static int read_params(gp_call *call, const gp_json *path_params, const char *query)
{
    int status;
    call->params = gp_json_new(call->arena, GP_JSON_OBJECT);
    call->query = gp_json_new(call->arena, GP_JSON_OBJECT);
    if (query && !gp_params_form(call->arena, call->query, query, strlen(query))) {
        return gp_fail(call, 400, "400 Bad request");
    }
    status = read_body(call);
    merge(call, path_params);
    if (call->body && call->body->type == GP_JSON_OBJECT) merge(call, call->body);
    merge(call, call->query);
    return status;
}

static int project_visible(const gp_call *call)
{
    return !call->token || call->token->project_id == GP_UNSET ||
           call->token->project_id == call->project->id;
}

static int hidden_by_lag(const gp_call *call, const gp_pipeline *p)
{
    return call->lag && p->created_at + call->lag > call->m->now;
}

/* The rows that the path names: 0, or the status of the error written. */
static int find_rows(gp_call *call)
{
    int flags = call->route->flags;
    gp_job *job;
    if (flags & GP_PROJECT) {
        const char *id = gp_call_string(call, "id");
        call->project = gp_project_find(call->m, id);
        if (!call->project || !project_visible(call))
            return gp_fail(call, 404, "404 Project Not Found");
        gp_environments_expire(call->m, call->project);
    }
    if ((flags & GP_MAINTAINER) && call->role < GP_ROLE_MAINTAINER)
        return gp_fail(call, 403, "403 Forbidden");
    if (flags & GP_PIPELINE) {
        call->pipeline = gp_ids_get(&call->m->pipelines, gp_call_integer(call, "pipeline_id", 0));
        if (!call->pipeline || call->pipeline->project != call->project ||
            hidden_by_lag(call, call->pipeline)) {
            return gp_fail_record(call);
        }
    }
    if (flags & (GP_JOB | GP_ANY_JOB)) {
        job = gp_ids_get(&call->m->jobs, gp_call_integer(call, "job_id", 0));
        if (!job || job->pipeline->project != call->project ||
            (call->lag && job->created_at + call->lag > call->m->now) ||
            ((flags & GP_JOB) && gp_job_trigger(job))) {
            return gp_fail_record(call);
        }
        call->job = job;
        call->pipeline = job->pipeline;
    }
    return 0;
}

/* From the path to the handler's status. */
static int route(gp_call *call, char *path, const char *query)
{
    gp_json *path_params = gp_json_new(call->arena, GP_JSON_OBJECT);
    gp_match match;
    int status, body_status;
    gp_route_find(call->arena, call->in->method, path, path_params, &match);
    if (!match.route && match.allow[0]) {
        gp_http_response_header(call->out, "Allow", match.allow);
        return gp_fail_error(call, 405, "405 Not Allowed");
    }
    if (!match.route) return gp_fail_error(call, 404, "404 Not Found");
    call->route = match.route;
    body_status = read_params(call, path_params, query);
    /* Who may not ask is not told what is wrong with the request. */
    status = match.route->flags & GP_PUBLIC ? 0
             : match.route->flags & GP_OPEN ? gp_trigger_auth(call)
                                            : gp_auth(call);
    if (status) return status;
    if (body_status) return body_status;
    status = gp_route_check(call);
    if (!status) status = find_rows(call);
    return status ? status : match.route->handle(call);
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
    status =
        gp_bucket_is_asked(call) ? gp_bucket_answer(call, path, query) : route(call, path, query);
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
        m->acted = 1;
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
    if (!m->late.count || !gp_store_lock(m)) return;
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
    gp_simulate_advance(m);
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
            gp_late_add(m, in, m->now + effect.apply_late);
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
    const gp_pipeline *first = gp_heap_first(m);
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
    gp_simulate_advance(m);
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
    gp_simulate_advance(m);
    m->acted = 1;
    if (len > GP_ANSWER_MAX) len = GP_ANSWER_MAX;
    free(d->answer);
    d->answer = gp_utf8_valid(answer, len) ? strndup(answer, len) : strdup("[not text]");
    gp_outbox_report(hook, d, status, m->now);
    gp_delivery_save(m, d);
    gp_hook_save(m, hook);
    return commit(m);
}
