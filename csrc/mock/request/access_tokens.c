/* Rows of tokens, and reading `users` and `tokens` of a world. */
#include "mock/request/access_tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/rows/entity.h"
#include "mock/rows/save.h"
#include "mock/rows/projects.h"

static const char *const kinds[] = {"personal", "project", "group", "impersonation",
                                    "oauth",    "job",     NULL};

static const struct {
    const char *name;
    int bit;
} scopes[] = {{"api", GP_SCOPE_API},
              {"read_api", GP_SCOPE_READ},
              {"self_rotate", GP_SCOPE_ROTATE},
              {NULL, 0}};

static const struct {
    const char *name;
    int role;
} roles[] = {{"none", GP_ROLE_NONE},
             {"guest", 10},
             {"reporter", 20},
             {"developer", GP_ROLE_DEVELOPER},
             {"maintainer", GP_ROLE_MAINTAINER},
             {"owner", GP_ROLE_OWNER},
             {NULL, 0}};

static void token_free(gp_token *token)
{
    if (!token) return;
    free(token->token);
    free(token->name);
    free(token);
}

static const char *role_name(int role)
{
    int i;
    for (i = 0; roles[i].name; i++) {
        if (roles[i].role == role) return roles[i].name;
    }
    return "none";
}

void gp_token_write_scopes(gp_buf *buf, const char *key, int bits)
{
    int i;
    gp_write_open(buf, key, '[');
    for (i = 0; scopes[i].name; i++) {
        if (bits & scopes[i].bit) gp_write_string(buf, NULL, scopes[i].name);
    }
    gp_write_close(buf, ']');
}

void gp_token_save(gp_mock *m, const gp_token *t)
{
    gp_buf buf = {.alloc = &m->alloc};
    gp_write_open(&buf, NULL, '{');
    gp_write_string(&buf, "token", t->token);
    gp_write_string(&buf, "name", t->name);
    gp_write_string(&buf, "kind", t->kind);
    gp_token_write_scopes(&buf, "scopes", t->scopes);
    gp_write_string(&buf, "role", role_name(t->role));
    gp_write_integer(&buf, "user_id", t->user_id);
    gp_write_integer(&buf, "project_id", t->project_id);
    gp_write_integer(&buf, "job_id", t->job_id);
    gp_write_integer(&buf, "calls", t->expires_after);
    gp_write_integer(&buf, "created_ms", t->created_at);
    gp_write_integer(&buf, "expires_ms", t->expires_at);
    gp_write_boolean(&buf, "revoked", t->revoked);
    gp_write_close(&buf, '}');
    gp_store_row(m, "token", t->id, &buf);
}

/* The index of a name in a table of names, or -1. */
static int kind_index(const char *name)
{
    int i;
    for (i = 0; kinds[i]; i++) {
        if (strcmp(kinds[i], name) == 0) return i;
    }
    return -1;
}

/* Reads the fields that a world's row and a stored row share; 0 with a message. */
static int read_fields(gp_mock *m, gp_token *t, const gp_json *row, char *err, size_t err_size)
{
    const char *kind = gp_json_get_string(row, "kind", "personal");
    const char *role = gp_json_get_string(row, "role", "maintainer");
    const gp_json *list = gp_json_get(row, "scopes"), *at;
    int index = kind_index(kind), i;
    t->token = gp_mock_strdup(m, gp_json_get_string(row, "token", NULL));
    t->name = gp_mock_strdup(m, gp_json_get_string(row, "name", kind));
    if (!t->token || !t->name || index < 0) {
        snprintf(err, err_size,
                 index < 0 ? "tokens: kind '%.40s' is not known" : "tokens: 'token' is needed",
                 kind);
        return 0;
    }
    t->kind = kinds[index];
    t->scopes = list ? 0 : GP_SCOPE_API;
    for (at = list ? list->child : NULL; at; at = at->next) {
        const char *name = at->type == GP_JSON_STRING ? at->string : "";
        for (i = 0; scopes[i].name && strcmp(scopes[i].name, name) != 0; i++) {
        }
        t->scopes |= scopes[i].bit; /* scopes without a meaning here have no bit */
    }
    for (i = 0; roles[i].name && strcmp(roles[i].name, role) != 0; i++) {
    }
    if (!roles[i].name) {
        snprintf(err, err_size, "tokens: role '%.40s' is not known", role);
        return 0;
    }
    t->role = roles[i].role;
    t->expires_after = gp_json_get_integer(row, "calls", GP_UNSET);
    t->revoked = gp_json_get_boolean(row, "revoked", 0);
    t->job_id = gp_json_get_integer(row, "job_id", GP_UNSET);
    t->project_id = gp_json_get_integer(row, "project_id", GP_UNSET);
    t->created_at = m->now;
    t->last_used = t->expires_at = GP_MS_NONE;
    return 1;
}

static int64_t user_named(gp_mock *m, const char *username, const char *name)
{
    gp_user *user;
    size_t i;
    for (i = 0; i < m->users.count; i++) {
        user = m->users.items[i];
        if (strcmp(user->username, username) == 0) return user->id;
    }
    user = calloc(1, sizeof *user);
    if (!user) return 1;
    user->id = (int64_t)m->users.count + 1;
    user->username = gp_arena_string(&m->strings, username);
    user->name = gp_arena_string(&m->strings, name);
    if (!user->username || !user->name || !gp_list_add(&m->users, user)) {
        free(user);
        m->memory_failed = 1;
        return 1;
    }
    return user->id;
}

static int known(const gp_mock *m, const char *text)
{
    size_t i;
    for (i = 0; i < m->tokens.count; i++) {
        if (strcmp(((gp_token *)m->tokens.items[i])->token, text) == 0) return 1;
    }
    return 0;
}

int gp_token_add(gp_mock *m, const gp_json *row, char *err, size_t err_size)
{
    const char *expires = gp_json_get_string(row, "expires_at", NULL);
    const char *project = gp_json_get_string(row, "project", NULL);
    gp_token *t;
    if (known(m, gp_json_get_string(row, "token", ""))) return 1;
    t = calloc(1, sizeof *t);
    snprintf(err, err_size, "out of memory");
    if (!t) return 0;
    t->id = m->next_token;
    if (!read_fields(m, t, row, err, err_size) || !gp_list_add(&m->tokens, t)) {
        token_free(t);
        return 0;
    }
    m->next_token++;
    t->user_id = user_named(m, gp_json_get_string(row, "user", "root"),
                            gp_json_get_string(row, "user", "root"));
    if (expires) t->expires_at = gp_ms_parse(expires);
    if (project) {
        const gp_project *found = gp_project_by_path(m, project);
        if (found) t->project_id = found->id;
    }
    gp_token_save(m, t);
    return 1;
}

static void enter_users(gp_mock *m, const gp_json *list)
{
    const gp_json *row;
    for (row = list ? list->child : NULL; row; row = row->next) {
        const char *username = gp_json_get_string(row, "username", NULL);
        if (username) user_named(m, username, gp_json_get_string(row, "name", username));
    }
}

int gp_tokens_enter(gp_mock *m, const gp_json *world, char *err, size_t err_size)
{
    const gp_json *list = gp_json_get(world, "tokens"), *row;
    enter_users(m, gp_json_get(world, "users"));
    for (row = list ? list->child : NULL; row; row = row->next) {
        if (!gp_token_add(m, row, err, err_size)) return 0;
    }
    return 1;
}

static int load_one(gp_mock *m, int64_t id, const gp_json *row)
{
    char why[120];
    gp_token *t = calloc(1, sizeof *t);
    int good = t && read_fields(m, t, row, why, sizeof why) && gp_list_add(&m->tokens, t);
    if (good) {
        t->id = id;
        t->user_id = gp_json_get_integer(row, "user_id", 1);
        t->created_at = gp_json_get_integer(row, "created_ms", 0);
        t->expires_at = gp_json_get_integer(row, "expires_ms", GP_MS_NONE);
        if (id >= m->next_token) m->next_token = id + 1;
    } else {
        token_free(t);
    }
    return good;
}

/* Users come from the worlds, in the order in which they were loaded. */
static int begin(gp_mock *m)
{
    size_t i;
    for (i = 0; i < m->worlds.count; i++) {
        const gp_json *root = ((gp_world *)m->worlds.items[i])->root,
                      *list = gp_json_get(root, "tokens"), *row;
        enter_users(m, gp_json_get(root, "users"));
        for (row = list ? list->child : NULL; row; row = row->next) {
            const char *user = gp_json_get_string(row, "user", "root");
            user_named(m, user, user);
        }
    }
    return 1;
}

static void clear(gp_mock *m)
{
    size_t i;
    for (i = 0; i < m->tokens.count; i++)
        token_free(m->tokens.items[i]);
    gp_list_free(&m->tokens);
}

const gp_entity gp_token_entity = {
    .kind = "token", .begin = begin, .load = load_one, .clear = clear};
