/* Handlers for tokens acting on themselves; the rows are in request/access_tokens.c. */
#include "mock/gitlab/tokens.h"

#include <string.h>

#include "mock/request/access_tokens.h"

static void shape(gp_call *call, const gp_token *t, const char *with_token)
{
    gp_buf *buf = &call->out->body;
    char date[GP_TIME_TEXT];
    gp_write_open(buf, NULL, '{');
    gp_write_integer(buf, "id", t ? t->id + 1 : 1);
    gp_write_string(buf, "name", t ? t->name : "static token");
    gp_write_boolean(buf, "revoked", t ? t->revoked : 0);
    gp_write_time(buf, "created_at", t && t->created_at > 0 ? t->created_at : GP_MS_FIRST);
    gp_write_null(buf, "description");
    gp_token_write_scopes(buf, "scopes", t ? t->scopes : GP_SCOPE_API);
    gp_write_integer(buf, "user_id", call->user->id);
    gp_write_time(buf, "last_used_at", call->m->now);
    gp_write_boolean(buf, "active", t ? !t->revoked : 1);
    if (t && t->expires_at != GP_MS_NONE) {
        gp_ms_iso(date, t->expires_at);
        gp_write_bytes(buf, "expires_at", date, 10);
    } else {
        gp_write_null(buf, "expires_at");
    }
    if (with_token) gp_write_string(buf, "token", with_token);
    gp_write_close(buf, '}');
}

static gp_token *own(const gp_call *call)
{
    size_t i;
    for (i = 0; i < call->m->tokens.count; i++) {
        if (call->m->tokens.items[i] == (const void *)call->token) return call->m->tokens.items[i];
    }
    return NULL;
}

int gp_get_self_token(gp_call *call)
{
    shape(call, call->token, NULL);
    return 200;
}

int gp_revoke_self_token(gp_call *call)
{
    gp_token *t = own(call);
    if (!t) return gp_fail(call, 403, "403 Forbidden");
    t->revoked = 1;
    gp_token_save(call->m, t);
    return 204;
}

int gp_rotate_self_token(gp_call *call)
{
    gp_token *old = own(call), *fresh;
    char text[40] = "glpat-", err[120];
    gp_json *row;
    int i;
    if (!old || !(old->scopes & (GP_SCOPE_API | GP_SCOPE_ROTATE)))
        return gp_fail(call, 403, "403 Forbidden");
    for (i = 0; i < 20; i++) {
        uint64_t noise = gp_mock_hash(call->m, "token", (uint64_t)(call->m->next_token * 32 + i));
        text[6 + i] = "abcdefghijklmnopqrstuvwxyz012345"[noise & 31];
    }
    row = gp_json_new(call->arena, GP_JSON_OBJECT);
    gp_json_set(row, "token", gp_json_new_string(call->arena, text, strlen(text)));
    if (!gp_token_add(call->m, row, err, sizeof err)) return gp_fail_memory(call);
    fresh = call->m->tokens.items[call->m->tokens.count - 1];
    fresh->kind = old->kind;
    fresh->scopes = old->scopes;
    fresh->role = old->role;
    fresh->user_id = old->user_id;
    fresh->project_id = old->project_id;
    fresh->expires_at = call->m->now + INT64_C(7) * 86400000;
    old->revoked = 1;
    gp_token_save(call->m, old);
    gp_token_save(call->m, fresh);
    shape(call, fresh, fresh->token);
    return 200;
}

int gp_oauth_info(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    const gp_token *t = call->token;
    int64_t left = t && t->expires_at != GP_MS_NONE ? (t->expires_at - call->m->now) / 1000 : 7200;
    int bits = t ? t->scopes : GP_SCOPE_API;
    gp_write_open(buf, NULL, '{');
    gp_write_integer(buf, "resource_owner_id", call->user->id);
    gp_token_write_scopes(buf, "scope", bits);
    gp_write_integer(buf, "expires_in", left);
    gp_write_open(buf, "application", '{');
    gp_write_string(buf, "uid", "simulated");
    gp_write_close(buf, '}');
    gp_write_integer(buf, "created_at", call->m->now / 1000);
    gp_token_write_scopes(buf, "scopes", bits);
    gp_write_integer(buf, "expires_in_seconds", left);
    gp_write_close(buf, '}');
    return 200;
}
