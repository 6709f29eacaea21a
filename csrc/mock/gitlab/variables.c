/* Rows and handlers of CI/CD variables, with GitLab's validations. */
#include "mock/gitlab/variables.h"

#include <stdlib.h>
#include <string.h>

#include "mock/request/listing.h"
#include "mock/rows/entity.h"
#include "mock/rows/save.h"

/* Rows -------------------------------------------------------------------------------------- */

static void variable_free(gp_variable *v)
{
    if (!v) return;
    free(v->key);
    free(v->value);
    free(v->type);
    free(v->scope);
    free(v->description);
    free(v);
}

/* The fields that GitLab shows; `hides`: a hidden value is null. */
static void fields(gp_buf *buf, const gp_variable *v, int hides)
{
    gp_write_string(buf, "variable_type", v->type);
    gp_write_string(buf, "key", v->key);
    gp_write_string(buf, "value", hides && v->hidden ? NULL : v->value);
    gp_write_boolean(buf, "hidden", v->hidden);
    gp_write_boolean(buf, "protected", v->is_protected);
    gp_write_boolean(buf, "masked", v->masked);
    gp_write_boolean(buf, "raw", v->raw);
    gp_write_string(buf, "environment_scope", v->scope);
    gp_write_string(buf, "description", v->description);
}

static void variable_save(gp_mock *m, const gp_variable *v)
{
    gp_buf buf = {.alloc = &m->alloc};
    gp_write_open(&buf, NULL, '{');
    gp_write_integer(&buf, "project_id", v->project->id);
    fields(&buf, v, 0);
    gp_write_close(&buf, '}');
    gp_store_row(m, "variable", v->id, &buf);
}

static gp_variable *variable_new(gp_mock *m, gp_project *project, const char *key,
                                 const char *value)
{
    gp_variable *v = calloc(1, sizeof *v);
    if (!v) return NULL;
    v->project = project;
    v->id = m->next_variable;
    if (!gp_mock_set_text(m, &v->key, key) || !gp_mock_set_text(m, &v->value, value) ||
        !gp_mock_set_text(m, &v->type, "env_var") || !gp_mock_set_text(m, &v->scope, "*") ||
        !gp_list_add(&project->variables, v)) {
        variable_free(v);
        return NULL;
    }
    m->next_variable++;
    return v;
}

static gp_variable *find(const gp_project *project, const char *key, const char *scope)
{
    size_t i;
    for (i = 0; i < project->variables.count; i++) {
        gp_variable *v = project->variables.items[i];
        if (strcmp(v->key, key) == 0 && (!scope || strcmp(v->scope, scope) == 0)) return v;
    }
    return NULL;
}

static int load_one(gp_mock *m, int64_t id, const gp_json *row)
{
    gp_project *project = gp_ids_get(&m->project_ids, gp_json_get_integer(row, "project_id", 0));
    int64_t next = m->next_variable > id ? m->next_variable : id + 1;
    gp_variable *v = NULL;
    int good = 0;
    if (project) {
        v = variable_new(m, project, gp_json_get_string(row, "key", ""),
                         gp_json_get_string(row, "value", ""));
    }
    if (v) {
        v->id = id;
        m->next_variable = next;
        good = gp_mock_set_text(m, &v->type, gp_json_get_string(row, "variable_type", NULL)) &&
               gp_mock_set_text(m, &v->scope, gp_json_get_string(row, "environment_scope", NULL)) &&
               gp_mock_set_text(m, &v->description, gp_json_get_string(row, "description", NULL));
        v->hidden = gp_json_get_boolean(row, "hidden", 0);
        v->is_protected = gp_json_get_boolean(row, "protected", 0);
        v->masked = gp_json_get_boolean(row, "masked", 0);
        v->raw = gp_json_get_boolean(row, "raw", 0);
    }
    return good;
}

static void clear(gp_mock *m)
{
    size_t i, k;
    for (i = 0; i < m->projects.count; i++) {
        gp_project *project = m->projects.items[i];
        for (k = 0; k < project->variables.count; k++)
            variable_free(project->variables.items[k]);
        gp_list_free(&project->variables);
    }
}

const gp_entity gp_variable_entity = {.kind = "variable", .load = load_one, .clear = clear};

static int seed_one(gp_mock *m, gp_project *project, const char *key, const char *value)
{
    gp_variable *v;
    if (find(project, key, NULL)) return 1;
    v = variable_new(m, project, key, value);
    if (!v) return 0;
    variable_save(m, v);
    return 1;
}

int gp_variables_seed(gp_mock *m, gp_project *project)
{
    const gp_json *variables = gp_json_get(project->def, "variables"), *variable;
    for (variable = variables ? variables->child : NULL; variable; variable = variable->next) {
        if (variable->type == GP_JSON_STRING &&
            !seed_one(m, project, variable->key, variable->string)) {
            return 0;
        }
    }
    return 1;
}

/* Answers ----------------------------------------------------------------------------------- */

static void show(gp_call *call, const void *row)
{
    gp_buf *buf = &call->out->body;
    gp_write_open(buf, NULL, '{');
    fields(buf, row, 1);
    gp_write_close(buf, '}');
}

/* The variable that the call names: NULL with the error's status in *status. */
static gp_variable *asked(gp_call *call, int *status)
{
    const gp_json *filter = gp_json_get(call->params, "filter");
    const char *scope = gp_json_get_string(filter, "environment_scope", NULL);
    const char *key = gp_call_string(call, "key");
    gp_variable *found;
    size_t i, count = 0;
    if (scope && !*scope) scope = NULL;
    found = key ? find(call->project, key, scope) : NULL;
    *status = 0;
    for (i = 0; i < call->project->variables.count && key; i++) {
        count += strcmp(((gp_variable *)call->project->variables.items[i])->key, key) == 0;
    }
    if (!found) {
        *status = gp_fail(call, 404, "404 Variable Not Found");
    } else if (!scope && count > 1) {
        *status = gp_fail(call, 409,
                          "There are multiple variables with provided parameters. Please use "
                          "'filter[environment_scope]'");
        found = NULL;
    }
    return found;
}

int gp_list_variables(gp_call *call)
{
    const gp_listing listing = {.rows = &call->project->variables, .view = show};
    return gp_listing_respond(call, &listing);
}

int gp_get_variable(gp_call *call)
{
    int status;
    const gp_variable *v = asked(call, &status);
    if (!v) return status;
    show(call, v);
    return 200;
}

/* Whether GitLab can mask this value. */
static int maskable(const char *value, int raw)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=/@:.~-";
    size_t len = strlen(value);
    return len >= 8 && (raw ? strcspn(value, " \t\r\n\v\f") == len : strspn(value, plain) == len);
}

/* What a variable would be after a change. */
typedef struct wish {
    const char *key, *value, *scope;
    int masked, raw;
} wish;

/* Checks it: 0, or the status of the error. `self` is the variable that changes, or NULL. */
static int check(gp_call *call, const gp_variable *self, const wish *w)
{
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    const char *description = gp_call_string(call, "description");
    const gp_variable *other = find(call->project, w->key, w->scope);
    if (!*w->key || strspn(w->key, legal) != strlen(w->key)) {
        return gp_fail_field(call, "key", "can contain only letters, digits and '_'.");
    }
    if (strlen(w->key) > 255)
        return gp_fail_field(call, "key", "is too long (maximum is 255 characters)");
    if (description && strlen(description) > 255) {
        return gp_fail_field(call, "description", "is too long (maximum is 255 characters)");
    }
    if (other && other != self) {
        return gp_fail_field(call, "key",
                             gp_arena_print(call->arena, "(%s) has already been taken", w->key));
    }
    return w->masked && !maskable(w->value, w->raw) ? gp_fail_field(call, "value", "is invalid")
                                                    : 0;
}

static int take(gp_call *call, gp_variable *v)
{
    gp_mock *m = call->m;
    v->is_protected = gp_call_boolean(call, "protected", v->is_protected);
    v->masked = gp_call_boolean(call, "masked", v->masked);
    v->raw = gp_call_boolean(call, "raw", v->raw);
    if (!gp_mock_set_text(m, &v->value, gp_call_string(call, "value")) ||
        !gp_mock_set_text(m, &v->type, gp_call_string(call, "variable_type")) ||
        !gp_mock_set_text(m, &v->scope, gp_call_string(call, "environment_scope")) ||
        !gp_mock_set_text(m, &v->description, gp_call_string(call, "description"))) {
        return 0;
    }
    variable_save(m, v);
    return 1;
}

/* Spaces around a key are removed. */
static const char *trimmed(gp_call *call, const char *text)
{
    size_t start = strspn(text, " \t\r\n"), end = strlen(text);
    while (end > start && strchr(" \t\r\n", text[end - 1]))
        end--;
    return gp_arena_copy(call->arena, text + start, end - start);
}

int gp_create_variable(gp_call *call)
{
    const char *key = trimmed(call, gp_call_string(call, "key")),
               *value = gp_call_string(call, "value");
    const char *scope = gp_call_string(call, "environment_scope");
    int hidden = gp_call_boolean(call, "masked_and_hidden", 0);
    int masked = hidden || gp_call_boolean(call, "masked", 0);
    gp_variable *v;
    int status;
    if (!key) return gp_fail_memory(call);
    status =
        check(call, NULL,
              &(wish){key, value, scope ? scope : "*", masked, gp_call_boolean(call, "raw", 0)});
    if (status) return status;
    v = variable_new(call->m, call->project, key, value);
    if (!v || !take(call, v)) return gp_fail_memory(call);
    v->hidden = hidden;
    v->masked = masked;
    variable_save(call->m, v);
    show(call, v);
    return 201;
}

int gp_update_variable(gp_call *call)
{
    int status;
    gp_variable *v = asked(call, &status);
    const char *value = gp_call_string(call, "value"),
               *scope = gp_call_string(call, "environment_scope");
    int masked, raw;
    if (!v) return status;
    masked = gp_call_boolean(call, "masked", v->masked);
    raw = gp_call_boolean(call, "raw", v->raw);
    if (v->hidden && masked != v->masked) {
        return gp_fail_field(
            call, "base",
            "The visibility setting cannot be changed for masked and hidden variables.");
    }
    status = check(
        call, v, &(wish){v->key, value ? value : v->value, scope ? scope : v->scope, masked, raw});
    if (status) return status;
    if (!take(call, v)) return gp_fail_memory(call);
    show(call, v);
    return 200;
}

int gp_delete_variable(gp_call *call)
{
    int status;
    gp_variable *v = asked(call, &status);
    if (!v) return status;
    gp_store_object(call->m, "variable", v->id, NULL);
    gp_list_remove(&call->project->variables, v);
    variable_free(v);
    return 204;
}
