/* Checks a world against tables of fields, then looks fields up in the tree. */
#include "mock/engine/world.h"
#include "mock/rows/projects.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/glob.h"
#include "core/pattern.h"

/* Checking ---------------------------------------------------------------------------------- */

typedef struct checker {
    char *err;
    size_t err_size;
} checker;

/* What a field may hold: letters for types. s string, n number, i whole number, b boolean, l list
 * of strings, o object, a array, d duration (number, or {min, max}), m map of scalars. */
typedef struct field {
    const char *name;
    const char *types;
    const char *choices; /* of a string: "a|b" */
} field;

static const char statuses[] = "success|failed|canceled|skipped";

static const field root_fields[] = {
    {"projects", "o", NULL}, {"users", "a", NULL},          {"tokens", "a", NULL},
    {"faults", "a", NULL},   {"object_storage", "b", NULL}, {"throttle", "o", NULL},
    {"lag", "n", NULL},      {"version", "s", NULL},        {NULL, NULL, NULL},
};

static const field project_fields[] = {
    {"id", "i", NULL},
    {"jobs", "a", NULL},
    {"stages", "l", NULL},
    {"downstream", "a", NULL},
    {"queued", "n", NULL},
    {"created", "n", NULL},
    {"name", "s", NULL},
    {"description", "s", NULL},
    {"default_branch", "s", NULL},
    {"visibility", "s", "private|internal|public"},
    {"refs", "l", NULL},
    {"tags", "l", NULL},
    {"variables", "m", NULL},
    {"variables_role", "s", "no_one_allowed|owner|maintainer|developer"},
    {"trigger_tokens", "l", NULL},
    {"timestamps", "b", NULL},
    {"object_storage", "b", NULL},
    {NULL, NULL, NULL},
};

static const field job_fields[] = {
    {"name", "s", NULL},
    {"stage", "s", NULL},
    {"duration", "d", NULL},
    {"queued", "d", NULL},
    {"start_in", "d", NULL},
    {"artifacts", "m", NULL},
    {"artifacts_when", "s", "on_success|on_failure|always"},
    {"expire_in", "n", NULL},
    {"log", "s", NULL},
    {"variants", "a", NULL},
    {"status", "s", statuses},
    {"failure_reason", "s", NULL},
    {"exit_code", "i", NULL},
    {"manual", "b", NULL},
    {"when", "s", "on_success|on_failure|always|manual|delayed"},
    {"allow_failure", "b", NULL},
    {"needs", "l", NULL},
    {"environment", "so", NULL},
    {"coverage", "n", NULL},
    {"tags", "l", NULL},
    {"retry", "i", NULL},
    {"resource_group", "s", NULL},
    {"preparing", "d", NULL},
    {"callback", "d", NULL},
    {"cancel", "n", NULL},
    {"never", "b", NULL},
    {"stuck", "b", NULL},
    {"flaky", "n", NULL},
    {"omit", "b", NULL},
    {"timestamps", "b", NULL},
    {"tests", "a", NULL},
    {"trigger", "so", NULL},
    {NULL, NULL, NULL},
};

static const field trigger_fields[] = {
    {"project", "s", NULL},
    {"ref", "s", NULL},
    {"strategy", "s", "depend|mirror"},
    {"variables", "m", NULL},
    {"child", "o", NULL},
    {"name", "s", NULL},
    {"stage", "s", NULL},
    {"needs", "l", NULL},
    {"when", "s", "on_success|on_failure|always|manual|delayed"},
    {"start_in", "d", NULL},
    {"manual", "b", NULL},
    {"allow_failure", "b", NULL},
    {NULL, NULL, NULL},
};

static const field match_fields[] = {
    {"ref", "s", NULL}, {"variable", "m", NULL}, {"attempt", "i", NULL}, {NULL, NULL, NULL}};

static int wrong(checker *c, const char *place, const char *what)
{
    snprintf(c->err, c->err_size, "%s: %s", place, what);
    return 0;
}

static int all_scalars(const gp_json *value, int strings_only)
{
    const gp_json *at;
    for (at = value->child; at; at = at->next) {
        if (at->type == GP_JSON_ARRAY || at->type == GP_JSON_OBJECT) return 0;
        if (strings_only && at->type != GP_JSON_STRING) return 0;
    }
    return 1;
}

static int is_number(const gp_json *value)
{
    return value->type == GP_JSON_INTEGER || value->type == GP_JSON_NUMBER;
}

static int fits(char type, const gp_json *value)
{
    int empty = value->count == 0;
    switch (type) {
    case 's':
        return value->type == GP_JSON_STRING;
    case 'b':
        return value->type == GP_JSON_TRUE || value->type == GP_JSON_FALSE;
    case 'n':
        return is_number(value) && value->number >= 0;
    case 'i':
        return is_number(value) && value->number == floor(value->number) && value->number >= 0;
    case 'd':
        return (is_number(value) && value->number >= 0) ||
               (value->type == GP_JSON_OBJECT && gp_json_get_number(value, "min", -1) >= 0 &&
                gp_json_get_number(value, "max", -1) >= gp_json_get_number(value, "min", 0));
    /* An empty Lua table may be encoded as either. */
    case 'l':
        return (value->type == GP_JSON_ARRAY && all_scalars(value, 1)) ||
               (value->type == GP_JSON_OBJECT && empty);
    case 'a':
        return value->type == GP_JSON_ARRAY || (value->type == GP_JSON_OBJECT && empty);
    case 'm':
        return (value->type == GP_JSON_OBJECT && all_scalars(value, 0)) ||
               (value->type == GP_JSON_ARRAY && empty);
    case 'o':
        return value->type == GP_JSON_OBJECT || (value->type == GP_JSON_ARRAY && empty);
    default:
        return 0;
    }
}

static const char *type_word(char type)
{
    switch (type) {
    case 's':
        return "text";
    case 'b':
        return "true or false";
    case 'n':
        return "a number, not negative";
    case 'i':
        return "a whole number, not negative";
    case 'd':
        return "seconds, or {min = n, max = n}";
    case 'l':
        return "a list of texts";
    case 'a':
        return "a list";
    case 'm':
        return "a table of names and plain values";
    default:
        return "a table";
    }
}

static int check_field(checker *c, const char *place, const field *f, const gp_json *value)
{
    char what[400];
    const char *type;
    for (type = f->types; *type && !fits(*type, value); type++) {
    }
    if (!*type) {
        snprintf(what, sizeof what, "'%s' must be %s", f->name, type_word(f->types[0]));
        return wrong(c, place, what);
    }
    if (f->choices && value->type == GP_JSON_STRING && !gp_json_choice(f->choices, value->string)) {
        snprintf(what, sizeof what, "'%s' must be one of %s, not \"%.80s\"", f->name, f->choices,
                 value->string);
        return wrong(c, place, what);
    }
    return 1;
}

static int check_fields(checker *c, const char *place, const gp_json *object, const field *fields,
                        const char *also)
{
    const gp_json *member;
    char what[900];
    if (object->type != GP_JSON_OBJECT) return wrong(c, place, "must be a table");
    for (member = object->child; member; member = member->next) {
        const field *f = fields;
        if (also && strcmp(member->key, also) == 0) continue;
        while (f->name && strcmp(f->name, member->key) != 0)
            f++;
        if (!f->name) {
            size_t used =
                (size_t)snprintf(what, sizeof what, "unknown field '%.60s' (known:", member->key);
            for (f = fields; f->name && used < sizeof what - 40; f++) {
                used += (size_t)snprintf(what + used, sizeof what - used, " %s", f->name);
            }
            snprintf(what + used, sizeof what - used, ")");
            return wrong(c, place, what);
        }
        if (member->type != GP_JSON_NULL && !check_field(c, place, f, member)) return 0;
    }
    return 1;
}

static int check_jobs(checker *c, const char *where, const gp_json *jobs, int depth);

static int check_trigger(checker *c, const char *place, const gp_json *trigger, int depth)
{
    char inner[300];
    const gp_json *child = gp_json_get(trigger, "child"), *jobs;
    if (!trigger || trigger->type == GP_JSON_STRING) return 1;
    if (!check_fields(c, place, trigger, trigger_fields, NULL)) return 0;
    if (!child) {
        return gp_json_get(trigger, "project") ? 1
                                               : wrong(c, place, "'project' or 'child' is needed");
    }
    jobs = gp_json_get(child, "jobs");
    snprintf(inner, sizeof inner, "%s.child", place);
    if (!jobs || jobs->type != GP_JSON_ARRAY || !jobs->count)
        return wrong(c, inner, "'jobs' is needed");
    snprintf(inner, sizeof inner, "%s.child.jobs", place);
    return check_jobs(c, inner, jobs, depth + 1);
}

static int check_job(checker *c, const char *place, const gp_json *job, int depth)
{
    const gp_json *variants, *variant;
    const char *pattern;
    char inner[300];
    int i = 0;
    if (!check_fields(c, place, job, job_fields, NULL)) return 0;
    if (!gp_json_get_string(job, "name", NULL)) return wrong(c, place, "'name' is needed");
    variants = gp_json_get(job, "variants");
    for (variant = variants ? variants->child : NULL; variant; variant = variant->next) {
        const gp_json *when = gp_json_get(variant, "when");
        snprintf(inner, sizeof inner, "%.250s.variants[%d]", place, ++i);
        if (!check_fields(c, inner, variant, job_fields, "when")) return 0;
        if (when && !check_fields(c, inner, when, match_fields, NULL)) return 0;
        pattern = gp_json_get_string(when, "ref", "");
        if (!gp_pattern_is_valid(pattern, strlen(pattern))) {
            return wrong(c, inner, "'ref' is not a Lua pattern");
        }
    }
    snprintf(inner, sizeof inner, "%.250s.trigger", place);
    return check_trigger(c, inner, gp_json_get(job, "trigger"), depth);
}

static int check_needs(checker *c, const char *where, const gp_json *jobs)
{
    const gp_json *job, *needs, *need, *other;
    for (job = jobs->child; job; job = job->next) {
        needs = gp_json_get(job, "needs");
        for (need = needs ? needs->child : NULL; need; need = need->next) {
            for (other = jobs->child; other; other = other->next) {
                if (other != job &&
                    strcmp(gp_json_get_string(other, "name", ""), need->string) == 0)
                    break;
            }
            if (!other) {
                char what[200];
                snprintf(what, sizeof what, "job '%.60s' needs '%.60s', which does not exist",
                         gp_json_get_string(job, "name", ""), need->string);
                return wrong(c, where, what);
            }
        }
    }
    return 1;
}

static int check_jobs(checker *c, const char *where, const gp_json *jobs, int depth)
{
    const gp_json *job, *other;
    char place[300];
    int i = 0;
    if (depth > 4) return wrong(c, where, "child pipelines are nested too deeply");
    for (job = jobs->child; job; job = job->next) {
        snprintf(place, sizeof place, "%.200s[%d]", where, ++i);
        if (!check_job(c, place, job, depth)) return 0;
        for (other = jobs->child; other != job; other = other->next) {
            if (strcmp(gp_json_get_string(other, "name", ""),
                       gp_json_get_string(job, "name", "")) == 0) {
                return wrong(c, place, "a job of that name is there already");
            }
        }
    }
    return check_needs(c, where, jobs);
}

static int check_project(checker *c, const gp_json *project)
{
    char place[300], inner[330];
    const gp_json *jobs = gp_json_get(project, "jobs"), *list, *at;
    int i = 0;
    snprintf(place, sizeof place, "projects.%.200s", project->key);
    if (!strchr(project->key, '/') || project->key[0] == '/') {
        return wrong(c, place, "a project's name is its full path, such as group/project");
    }
    if (!check_fields(c, place, project, project_fields, NULL)) return 0;
    snprintf(inner, sizeof inner, "%s.jobs", place);
    if (jobs && !check_jobs(c, inner, jobs, 0)) return 0;
    list = gp_json_get(project, "downstream");
    for (at = list ? list->child : NULL; at; at = at->next) {
        snprintf(inner, sizeof inner, "%s.downstream[%d]", place, ++i);
        if (!check_trigger(c, inner, at, 0)) return 0;
    }
    return 1;
}

/* project.downstream is another way to write jobs with a `trigger`: they are appended to the
 * project's own jobs, in a last stage "downstream" unless they name one. */
static void add_downstream(gp_world *world, gp_json *project)
{
    gp_json *list = gp_json_get(project, "downstream"), *at, *jobs = gp_json_get(project, "jobs");
    static const char *const copied[] = {"stage",    "needs",  "when",
                                         "start_in", "manual", "allow_failure"};
    gp_arena *arena = &world->arena;
    size_t i;
    if (!list || !list->count) return;
    if (!jobs || jobs->type != GP_JSON_ARRAY) {
        gp_json_set(project, "jobs", gp_json_new(arena, GP_JSON_ARRAY));
        jobs = gp_json_get(project, "jobs");
    }
    for (at = list->child; at && jobs; at = at->next) {
        gp_json *job = gp_json_new(arena, GP_JSON_OBJECT),
                *trigger = gp_json_new(arena, GP_JSON_NULL);
        const char *path =
            at->type == GP_JSON_STRING ? at->string : gp_json_get_string(at, "project", "child");
        const char *name = gp_json_get_string(at, "name", NULL);
        if (!name) name = gp_arena_print(arena, "trigger %s", path);
        if (!job || !trigger || !name) return;
        *trigger = *at;
        gp_json_set(job, "name", gp_json_new_string(arena, name, strlen(name)));
        gp_json_set(job, "stage", gp_json_new_string(arena, "downstream", 10));
        for (i = 0; i < sizeof copied / sizeof *copied; i++) {
            gp_json *value = gp_json_get(at, copied[i]), *copy;
            copy = value ? gp_json_new(arena, GP_JSON_NULL) : NULL;
            if (copy) *copy = *value;
            gp_json_set(job, copied[i], copy);
        }
        gp_json_set(job, "trigger", trigger);
        gp_json_push(jobs, job);
    }
}

static const field throttle_fields[] = {{"limit", "i", NULL},
                                        {"period", "n", NULL},
                                        {"creations", "i", NULL},
                                        {"jobs", "i", NULL},
                                        {NULL, NULL, NULL}};

static int check_world(gp_world *world, char *err, size_t err_size)
{
    checker c = {err, err_size};
    gp_json *projects, *project;
    const gp_json *throttle;
    if (!check_fields(&c, "world", world->root, root_fields, NULL)) return 0;
    throttle = gp_json_get(world->root, "throttle");
    if (throttle && !check_fields(&c, "throttle", throttle, throttle_fields, NULL)) return 0;
    projects = gp_json_get(world->root, "projects");
    /* null, or an empty table encoded as an array: no projects. */
    if (projects && !projects->child) projects->type = GP_JSON_OBJECT;
    for (project = projects ? projects->child : NULL; project; project = project->next) {
        const gp_json *other;
        if (!check_project(&c, project)) return 0;
        for (other = projects->child; other != project; other = other->next) {
            int64_t id = gp_json_get_integer(project, "id", 0);
            if (id && gp_json_get_integer(other, "id", 0) == id) {
                return wrong(&c, project->key, "its id belongs to another project");
            }
        }
        add_downstream(world, project);
    }
    return 1;
}

gp_world *gp_world_read(const char *json, size_t len, char *err, size_t err_size)
{
    gp_world *world = calloc(1, sizeof *world);
    if (!world) {
        snprintf(err, err_size, "out of memory");
        return NULL;
    }
    world->root = gp_json_parse(&world->arena, json, len, err, err_size);
    if (!world->root || !check_world(world, err, err_size)) {
        gp_world_free(world);
        return NULL;
    }
    if (world->arena.failed) {
        snprintf(err, err_size, "out of memory");
        gp_world_free(world);
        return NULL;
    }
    return world;
}

/* Reading ----------------------------------------------------------------------------------- */

const gp_json *gp_world_project(const gp_world *world, const char *path)
{
    return world ? gp_json_get(gp_json_get(world->root, "projects"), path) : NULL;
}

static int listed(const gp_json *list, const char *name)
{
    const gp_json *at;
    for (at = list ? list->child : NULL; at; at = at->next) {
        if (at->type == GP_JSON_STRING && gp_glob_match(at->string, name)) return 1;
    }
    return 0;
}

int gp_world_has_ref(const gp_json *project, const char *ref)
{
    const gp_json *refs = gp_json_get(project, "refs");
    if (strncmp(ref, "refs/heads/", 11) == 0) ref += 11;
    if (strncmp(ref, "refs/tags/", 10) == 0) ref += 10;
    if (!refs) return 1;
    return listed(refs, ref) || listed(gp_json_get(project, "tags"), ref);
}

static int same_text(const gp_json *wanted, const char *value)
{
    char number[40];
    switch (wanted->type) {
    case GP_JSON_STRING:
        return strcmp(wanted->string, value) == 0;
    case GP_JSON_INTEGER:
        snprintf(number, sizeof number, "%lld", (long long)wanted->integer);
        return strcmp(number, value) == 0;
    /* true: set to anything; false: not set, or empty */
    case GP_JSON_TRUE:
        return *value != 0;
    case GP_JSON_FALSE:
        return *value == 0;
    default:
        return 0;
    }
}

static const char *variable_value(const gp_json *variables, const char *key)
{
    const gp_json *at;
    for (at = variables ? variables->child : NULL; at; at = at->next) {
        if (strcmp(gp_json_get_string(at, "key", ""), key) == 0)
            return gp_json_get_string(at, "value", "");
    }
    return "";
}

/* A ref without magic characters names itself; anything else is a Lua pattern. */
static int ref_fits(const char *pattern, const char *ref)
{
    if (strcmp(pattern, ref) == 0) return 1;
    if (!strpbrk(pattern, "^$*+?.[]%()-")) return 0;
    return gp_pattern_match(pattern, strlen(pattern), ref, strlen(ref), GP_PATTERN_EFFORT) ==
           GP_PATTERN_MATCH;
}

static int matches(const gp_json *when, const char *ref, const gp_json *variables, int attempt)
{
    const gp_json *member;
    const char *pattern = gp_json_get_string(when, "ref", NULL);
    const gp_json *wanted = gp_json_get(when, "variable");
    int64_t nth = gp_json_get_integer(when, "attempt", 0);
    if (pattern && !ref_fits(pattern, ref)) return 0;
    if (nth && nth != attempt) return 0;
    for (member = wanted ? wanted->child : NULL; member; member = member->next) {
        if (!same_text(member, variable_value(variables, member->key))) return 0;
    }
    return 1;
}

const gp_json *gp_world_variant(const gp_json *job, const char *ref, const gp_json *variables,
                                int attempt)
{
    const gp_json *variants = gp_json_get(job, "variants"), *variant;
    for (variant = variants ? variants->child : NULL; variant; variant = variant->next) {
        if (matches(gp_json_get(variant, "when"), ref, variables, attempt)) return variant;
    }
    return NULL;
}

const gp_json *gp_job_field(const gp_job *job, const char *name)
{
    const gp_json *value = gp_json_get(job->variant, name);
    if (!value) value = gp_json_get(job->def, name);
    return value && value->type != GP_JSON_NULL ? value : NULL;
}

const char *gp_job_text(const gp_job *job, const char *name, const char *fallback)
{
    const gp_json *value = gp_job_field(job, name);
    return value && value->type == GP_JSON_STRING ? value->string : fallback;
}

double gp_job_number(const gp_job *job, const char *name, double fallback)
{
    const gp_json *value = gp_job_field(job, name);
    return value && is_number(value) ? value->number : fallback;
}

int gp_job_flag(const gp_job *job, const char *name, int fallback)
{
    const gp_json *value = gp_job_field(job, name);
    return value && (value->type == GP_JSON_TRUE || value->type == GP_JSON_FALSE)
               ? value->type == GP_JSON_TRUE
               : fallback;
}

const gp_json *gp_job_trigger(const gp_job *job)
{
    return job->def ? gp_json_get(job->def, "trigger") : NULL;
}

const char *gp_job_when(const gp_job *job)
{
    if (gp_job_flag(job, "manual", 0)) return "manual";
    /* A variant's `when` says when the variant matches. */
    return gp_json_get_string(job->def, "when", "on_success");
}

/* Entering ---------------------------------------------------------------------------------- */

static int enter_project(gp_mock *m, const gp_json *def)
{
    gp_project *project = NULL;
    size_t i;
    for (i = 0; i < m->projects.count; i++) {
        gp_project *known = m->projects.items[i];
        if (strcmp(known->path, def->key) == 0) project = known;
    }
    if (!project) project = gp_project_add(m, gp_json_get_integer(def, "id", 0), def->key);
    if (!project) return 0;
    project->def = def;
    return 1;
}

int gp_world_enter(gp_mock *m, const gp_world *world)
{
    const gp_json *projects = gp_json_get(world->root, "projects"), *def;
    size_t i;
    m->world = world;
    for (i = 0; i < m->projects.count; i++)
        ((gp_project *)m->projects.items[i])->def = NULL;
    for (def = projects ? projects->child : NULL; def; def = def->next) {
        if (!enter_project(m, def)) return 0;
    }
    return 1;
}
