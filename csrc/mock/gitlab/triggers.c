/* Rows and handlers of trigger tokens, and the endpoint that accepts them. */
#include "mock/gitlab/triggers.h"

#include <stdlib.h>
#include <string.h>

#include "mock/gitlab/json_views.h"
#include "mock/gitlab/launch.h"
#include "mock/request/listing.h"
#include "mock/request/auth.h"
#include "mock/rows/entity.h"
#include "mock/rows/save.h"
#include "mock/rows/projects.h"

/* Rows -------------------------------------------------------------------------------------- */

static void trigger_free(gp_trigger *trigger)
{
    if (!trigger) return;
    free(trigger->token);
    free(trigger->description);
    free(trigger);
}

static void trigger_save(gp_mock *m, const gp_trigger *t)
{
    gp_buf buf = {.alloc = &m->alloc};
    gp_write_open(&buf, NULL, '{');
    gp_write_integer(&buf, "project_id", t->project->id);
    gp_write_string(&buf, "token", t->token);
    gp_write_string(&buf, "description", t->description);
    gp_write_integer(&buf, "created_at", t->created_at);
    gp_write_integer(&buf, "updated_at", t->updated_at);
    gp_write_integer(&buf, "last_used", t->last_used);
    gp_write_integer(&buf, "expires_at", t->expires_at);
    gp_write_integer(&buf, "owner_id", t->owner_id);
    gp_write_close(&buf, '}');
    gp_store_row(m, "trigger", t->id, &buf);
}

static gp_trigger *trigger_make(gp_mock *m, gp_project *project, const char *token,
                                const char *description, gp_ms expires_at)
{
    gp_trigger *trigger = calloc(1, sizeof *trigger);
    if (!trigger) return NULL;
    trigger->project = project;
    trigger->token = gp_mock_strdup(m, token);
    trigger->description = gp_mock_strdup(m, description);
    trigger->created_at = trigger->updated_at = m->now > 0 ? m->now : GP_MS_FIRST;
    trigger->last_used = GP_MS_NONE;
    trigger->expires_at = expires_at;
    trigger->owner_id = 1;
    trigger->id = m->next_trigger;
    if (!trigger->token || !trigger->description || !gp_list_add(&project->triggers, trigger)) {
        trigger_free(trigger);
        return NULL;
    }
    m->next_trigger++;
    trigger_save(m, trigger);
    return trigger;
}

static gp_trigger *trigger_find(const gp_mock *m, const gp_project *project, const char *token)
{
    size_t i;
    for (i = 0; i < project->triggers.count; i++) {
        gp_trigger *trigger = project->triggers.items[i];
        if (strcmp(trigger->token, token) != 0) continue;
        return trigger->expires_at != GP_MS_NONE && trigger->expires_at <= m->now ? NULL : trigger;
    }
    return NULL;
}

static int load_one(gp_mock *m, int64_t id, const gp_json *row)
{
    gp_project *project = gp_ids_get(&m->project_ids, gp_json_get_integer(row, "project_id", 0));
    gp_trigger *trigger = calloc(1, sizeof *trigger);
    int good = 0;
    if (project && trigger) {
        trigger->id = id;
        trigger->project = project;
        trigger->token = gp_mock_strdup(m, gp_json_get_string(row, "token", ""));
        trigger->description = gp_mock_strdup(m, gp_json_get_string(row, "description", ""));
        trigger->created_at = gp_json_get_integer(row, "created_at", 0);
        trigger->updated_at = gp_json_get_integer(row, "updated_at", 0);
        trigger->last_used = gp_json_get_integer(row, "last_used", GP_MS_NONE);
        trigger->expires_at = gp_json_get_integer(row, "expires_at", GP_MS_NONE);
        trigger->owner_id = gp_json_get_integer(row, "owner_id", 1);
        if (id >= m->next_trigger) m->next_trigger = id + 1;
        good = gp_list_add(&project->triggers, trigger);
    }
    if (!good) trigger_free(trigger);
    return good;
}

static void clear(gp_mock *m)
{
    size_t i, k;
    for (i = 0; i < m->projects.count; i++) {
        gp_project *project = m->projects.items[i];
        for (k = 0; k < project->triggers.count; k++)
            trigger_free(project->triggers.items[k]);
        gp_list_free(&project->triggers);
    }
}

const gp_entity gp_trigger_entity = {.kind = "trigger", .load = load_one, .clear = clear};

static int is_known(const gp_project *project, const char *token)
{
    size_t i;
    for (i = 0; i < project->triggers.count; i++) {
        if (strcmp(((gp_trigger *)project->triggers.items[i])->token, token) == 0) return 1;
    }
    return 0;
}

int gp_triggers_seed(gp_mock *m, gp_project *project)
{
    const gp_json *tokens = gp_json_get(project->def, "trigger_tokens"), *token;
    for (token = tokens ? tokens->child : NULL; token; token = token->next) {
        if (is_known(project, token->string)) continue;
        if (!trigger_make(m, project, token->string, "from the world", GP_MS_NONE)) return 0;
    }
    return 1;
}

/* The trigger endpoint ---------------------------------------------------------------------- */

int gp_trigger_auth(gp_call *call)
{
    const char *header = gp_auth_header(call), *token = gp_call_string(call, "token");
    int status;
    call->project = gp_project_find(call->m, gp_call_string(call, "id"));
    if (call->project && token) call->trigger = trigger_find(call->m, call->project, token);
    if (call->trigger) {
        call->user = gp_user_find(call->m, call->trigger->owner_id);
        call->role = GP_ROLE_MAINTAINER;
    } else if (gp_auth_is_static(call->m, token ? token : header)) {
        call->user = call->m->users.items[0];
        call->role = GP_ROLE_OWNER;
    } else {
        /* A job token, in a header or as `token`. A header does not make up for a wrong `token`. */
        status = token ? gp_auth_text(call, token) : gp_auth(call);
        if (status && call->token && strcmp(call->token->kind, "job") == 0) {
            return gp_fail(call, 401, "Job is not running");
        }
        if (status) return status;
        if (call->token && strcmp(call->token->kind, "job") != 0) {
            return gp_fail(call, 401, "401 Unauthorized");
        }
    }
    return call->project ? 0 : gp_fail(call, 404, "404 Not Found");
}

/* Every parameter but the token, as GitLab keeps it in TRIGGER_PAYLOAD. */
static const char *payload(gp_call *call)
{
    gp_json *object = gp_json_new(call->arena, GP_JSON_OBJECT);
    gp_buf buf = {.alloc = &call->m->alloc};
    const gp_json *member;
    char *text;
    for (member = call->params->child; member; member = member->next) {
        gp_json *copy = gp_arena_get(call->arena, sizeof *copy);
        if (!copy || strcmp(member->key, "token") == 0) continue;
        *copy = *member;
        gp_json_set(object, member->key, copy);
    }
    gp_json_write(&buf, object);
    text = buf.failed ? NULL : gp_arena_copy(call->arena, buf.data, buf.len);
    gp_buf_free(&buf);
    return text;
}

int gp_run_trigger(gp_call *call)
{
    const char *event = gp_http_request_header(call->in, "X-Gitlab-Event"), *text;
    const gp_json *given = gp_json_get(call->params, "variables"), *member;
    gp_json *list = gp_json_new(call->arena, GP_JSON_ARRAY);
    gp_launch launch = {.source = call->token ? "pipeline" : "trigger",
                        .ref = gp_call_string(call, "ref"),
                        .variables = list,
                        .user_id = call->user->id,
                        .role = call->role,
                        .upstream_job_id = call->token ? call->token->job_id : GP_UNSET};
    if (event && strcmp(event, "Pipeline Hook") == 0) return gp_fail(call, 403, "403 Forbidden");
    for (member = given ? given->child : NULL; member; member = member->next) {
        if (member->type != GP_JSON_STRING) {
            return gp_fail(call, 400, "variables needs to be a map of key-valued strings");
        }
        gp_json_push(list, gp_variable_entry(call->arena, member->key, member->string, "env_var"));
    }
    text = payload(call);
    if (!text) return gp_fail_memory(call);
    gp_json_push(list, gp_variable_entry(call->arena, "TRIGGER_PAYLOAD", text, "file"));
    if (call->trigger) {
        gp_trigger *used = trigger_find(call->m, call->project, call->trigger->token);
        used->last_used = call->m->now;
        trigger_save(call->m, used);
    }
    return gp_launch_pipeline(call, &launch);
}

/* Trigger tokens ---------------------------------------------------------------------------- */

static void show(gp_call *call, const void *row)
{
    const gp_trigger *t = row;
    gp_buf *buf = &call->out->body;
    gp_write_open(buf, NULL, '{');
    gp_write_integer(buf, "id", t->id);
    if (t->owner_id == call->user->id) {
        gp_write_string(buf, "token", t->token);
    } else {
        gp_write_bytes(buf, "token", t->token, strnlen(t->token, 4));
    }
    gp_write_string(buf, "description", t->description);
    gp_write_time(buf, "created_at", t->created_at);
    gp_write_time(buf, "updated_at", t->updated_at);
    gp_write_time(buf, "last_used", t->last_used);
    gp_write_time(buf, "expires_at", t->expires_at);
    gp_view_user(buf, "owner", call->m, gp_user_find(call->m, t->owner_id));
    gp_write_close(buf, '}');
}

static gp_trigger *asked(const gp_call *call)
{
    int64_t id = gp_call_integer(call, "trigger_id", 0);
    size_t i;
    for (i = 0; i < call->project->triggers.count; i++) {
        gp_trigger *trigger = call->project->triggers.items[i];
        if (trigger->id == id) return trigger;
    }
    return NULL;
}

int gp_list_triggers(gp_call *call)
{
    const gp_listing listing = {.rows = &call->project->triggers, .view = show};
    return gp_listing_respond(call, &listing);
}

int gp_get_trigger(gp_call *call)
{
    const gp_trigger *trigger = asked(call);
    if (!trigger) return gp_fail_record(call);
    show(call, trigger);
    return 200;
}

int gp_create_trigger(gp_call *call)
{
    char token[64] = "glptt-";
    gp_trigger *trigger;
    int i;
    for (i = 0; i < 40; i++) {
        uint64_t noise =
            gp_mock_hash(call->m, "trigger", (uint64_t)(call->m->next_trigger * 64 + i));
        token[6 + i] = "0123456789abcdef"[noise & 15];
    }
    trigger = trigger_make(call->m, call->project, token, gp_call_string(call, "description"),
                           gp_call_time(call, "expires_at"));
    if (!trigger) return gp_fail_memory(call);
    trigger->owner_id = call->user->id;
    trigger_save(call->m, trigger);
    show(call, trigger);
    return 201;
}

int gp_update_trigger(gp_call *call)
{
    gp_trigger *trigger = asked(call);
    const char *description = gp_call_string(call, "description");
    char *copy;
    if (!trigger) return gp_fail_record(call);
    if (description) {
        copy = gp_mock_strdup(call->m, description);
        if (!copy) return gp_fail_memory(call);
        free(trigger->description);
        trigger->description = copy;
        trigger->updated_at = call->m->now;
        trigger_save(call->m, trigger);
    }
    show(call, trigger);
    return 200;
}

int gp_delete_trigger(gp_call *call)
{
    gp_trigger *trigger = asked(call);
    if (!trigger) return gp_fail_record(call);
    gp_store_object(call->m, "trigger", trigger->id, NULL);
    gp_list_remove(&call->project->triggers, trigger);
    trigger_free(trigger);
    return 204;
}
