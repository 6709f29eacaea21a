/* A credential in a header wins over one in a parameter; then kind, scopes and expiry decide. */
#include "mock/request/auth.h"

#include <string.h>
#include <strings.h>

#include "mock/request/access_tokens.h"
#include "mock/request/route.h"

int gp_auth_is_static(const gp_mock *m, const char *token)
{
    return token && strcmp(token, m->token) == 0;
}

const char *gp_auth_header(const gp_call *call)
{
    const char *value = gp_http_request_header(call->in, "PRIVATE-TOKEN");
    if (value) return value;
    value = gp_http_request_header(call->in, "JOB-TOKEN");
    if (value) return value;
    value = gp_http_request_header(call->in, "Authorization");
    if (value && strncasecmp(value, "Bearer ", 7) == 0) return value + 7 + strspn(value + 7, " ");
    return NULL;
}

static const char *credential(const gp_call *call)
{
    static const char *const names[] = {"private_token", "access_token", "job_token", "token"};
    const char *value = gp_auth_header(call);
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names && !value; i++)
        value = gp_call_string(call, names[i]);
    return value;
}

static gp_token *token_find(const gp_mock *m, const char *text)
{
    size_t i;
    for (i = 0; i < m->tokens.count; i++) {
        gp_token *token = m->tokens.items[i];
        if (strcmp(token->token, text) == 0) return token;
    }
    return NULL;
}

static int unauthorized(gp_call *call)
{
    return gp_fail(call, 401, "401 Unauthorized");
}

static int invalid_token(gp_call *call, const char *why)
{
    gp_buf *buf = &call->out->body;
    buf->len = 0;
    gp_write_open(buf, NULL, '{');
    gp_write_string(buf, "error", "invalid_token");
    gp_write_string(buf, "error_description", why);
    gp_write_close(buf, '}');
    gp_http_response_header(call->out, "WWW-Authenticate",
                            "Bearer realm=\"Protected by OAuth 2.0\", error=\"invalid_token\"");
    return 401;
}

static int insufficient_scope(gp_call *call, const char *scopes)
{
    gp_buf *buf = &call->out->body;
    buf->len = 0;
    gp_write_open(buf, NULL, '{');
    gp_write_string(buf, "error", "insufficient_scope");
    gp_write_string(buf, "error_description",
                    "The request requires higher privileges than provided by the access token.");
    gp_write_string(buf, "scope", scopes);
    gp_write_close(buf, '}');
    return 403;
}

static int job_token_fits(gp_call *call, const gp_token *token)
{
    const gp_job *job =
        token->job_id == GP_UNSET ? NULL : gp_ids_get(&call->m->jobs, token->job_id);
    if (token->job_id != GP_UNSET && (!job || job->status != GP_STATUS_RUNNING)) return 0;
    return (call->route->flags & GP_JOB_TOKEN) != 0;
}

/* Counts the calls of a token with a limited number of calls. */
static void count_call(gp_mock *m, gp_token *token)
{
    if (token->expires_after == 0) {
        token->expires_at = m->now;
        token->expires_after = GP_UNSET;
    } else if (token->expires_after > 0 && !token->revoked) {
        token->expires_after--;
    } else {
        return;
    }
    gp_token_save(m, token);
}

static int token_fits(gp_call *call, gp_token *token)
{
    int reads = strcmp(call->route->method, "GET") == 0;
    count_call(call->m, token);
    if (token->revoked)
        return invalid_token(call, "Token was revoked. You have to re-authorize from the user.");
    if (token->expires_at != GP_MS_NONE && token->expires_at <= call->m->now) {
        return invalid_token(
            call, "Token is expired. You can either do re-authorization or token refresh.");
    }
    call->token = token;
    call->user = gp_user_find(call->m, token->user_id);
    call->role = token->role;
    token->last_used = call->m->now;
    if (call->route->flags & GP_CONTROL) return unauthorized(call);
    if (strcmp(token->kind, "job") == 0)
        return job_token_fits(call, token) ? 0 : unauthorized(call);
    if (call->route->flags & GP_ANY_SCOPE) return 0;
    if (!(token->scopes & (reads ? GP_SCOPE_API | GP_SCOPE_READ : GP_SCOPE_API))) {
        return insufficient_scope(call, reads ? "api read_api" : "api");
    }
    return 0;
}

int gp_auth(gp_call *call)
{
    return gp_auth_text(call, credential(call));
}

int gp_auth_text(gp_call *call, const char *text)
{
    gp_token *token;
    if (!text) return unauthorized(call);
    if (gp_auth_is_static(call->m, text)) {
        call->user = call->m->users.items[0];
        call->role = GP_ROLE_OWNER;
        return 0;
    }
    token = token_find(call->m, text);
    return token ? token_fits(call, token) : unauthorized(call);
}
