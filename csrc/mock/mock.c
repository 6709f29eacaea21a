/* Composes the floors and exposes the public functions. What a floor needs from above is passed
 * in here. */
#include "mock/mock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/control/world.h"
#include "mock/engine/bridges.h"
#include "mock/engine/lag.h"
#include "mock/engine/queue.h"
#include "mock/engine/restore.h"
#include "mock/gitlab/deployment.h"
#include "mock/gitlab/environment.h"
#include "mock/gitlab/environment_follow.h"
#include "mock/gitlab/object_store.h"
#include "mock/gitlab/project_settings.h"
#include "mock/gitlab/triggers.h"
#include "mock/gitlab/variables.h"
#include "mock/request/access_tokens.h"
#include "mock/request/api.h"
#include "mock/request/delayed.h"
#include "mock/request/faults.h"
#include "mock/request/requests.h"
#include "mock/request/serve.h"
#include "mock/request/throttle.h"
#include "mock/routes.h"
#include "mock/rows/entity.h"
#include "mock/rows/load.h"
#include "mock/rows/reload.h"
#include "mock/rows/store.h"
#include "mock/webhooks/hook.h"
#include "mock/webhooks/hooks.h"
#include "mock/webhooks/sender.h"

enum { DEFAULT_MAX_BODY = 1 << 20 };

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

/* In the order of loading: rows come after the rows that they refer to. */
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
    m->spoiled = 1; /* nothing of a refused world is stored */
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

void gp_mock_request(gp_mock *m, double now, const gp_http_request_in *in,
                     gp_http_response_out *out)
{
    gp_serve_request(m, now, in, out);
}

int gp_mock_flush(gp_mock *m)
{
    return gp_serve_flush(m);
}

void gp_mock_refuse(gp_mock *m, const gp_http_request_in *in, gp_http_response_out *out)
{
    gp_serve_refuse(m, in, out);
}

const char *gp_mock_trouble(const gp_mock *m)
{
    return gp_serve_trouble(m);
}

/* Webhooks ---------------------------------------------------------------------------------- */

double gp_mock_webhook_timeout(gp_mock *m, double now)
{
    return gp_sender_timeout(m, now);
}

int gp_mock_webhook_take(gp_mock *m, double now, gp_mock_webhook *out)
{
    const gp_hook *hook;
    const gp_delivery *d = gp_sender_take(m, now, &hook);
    if (!d) return 0;
    out->id = d->id;
    out->url = hook->url;
    out->body = d->body;
    out->body_len = strlen(d->body);
    gp_http_response_init(&out->headers, &m->alloc);
    if (gp_delivery_headers(m, hook, d, &out->headers, 0)) return 1;
    gp_http_response_free(&out->headers);
    gp_sender_report(m, now, d->id, 0, "out of memory", 13);
    return 0;
}

int gp_mock_webhook_report(gp_mock *m, double now, int64_t id, int status, const char *answer,
                           size_t len)
{
    return gp_sender_report(m, now, id, status, answer, len);
}
