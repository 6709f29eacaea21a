/* Rules are checked once against a table of fields, then read where they stand, as JSON. */
#include "mock/request/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/glob.h"
#include "mock/request/router.h"
#include "mock/rows/save.h"
#include "mock/request/throttle.h"
#include "mock/rows/entity.h"

/*
 * A rule. Which requests: `method`, `path` (`*` stands for anything, without prefix and query);
 * of those that match, which: `after` lets that many pass, `every` takes each n-th, `probability`
 * throws the seed's dice, `times` ends the rule. What then: see `effect_of`.
 */
struct gp_fault {
    int64_t id;
    gp_arena arena;
    const gp_json *def;
    int64_t matched, struck;
};

/* What a rule may hold, by the types of JSON: s string, i whole number, n number, b boolean, o
 * object,
 * * anything. */
static const struct {
    const char *name, *types;
} fields[] = {
    {"id", "*"},
    {"matched", "*"},
    {"struck", "*"},
    {"name", "s"},
    {"method", "s"},
    {"path", "s"},
    {"after", "i"},
    {"every", "i"},
    {"times", "i"},
    {"probability", "n"},
    {"status", "i"},
    {"headers", "o"},
    {"body", "*"},
    {"delay", "no"},
    {"action", "s"},
    {"bytes", "i"},
    {"interval", "n"},
    {"apply", "b"},
    {"apply_late", "n"},
    {"apply_then_drop", "b"},
    {"apply_then_close_idle", "b"},
    {"reset", "b"},
    {"drop", "b"},
    {"truncate", "bi"},
    {"dribble", "bi"},
    {"garbage", "bs"},
    {"throttle", "o"},
    {"lag", "n"},
    {"object_storage", "b"},
};

static void fault_free(gp_fault *fault)
{
    if (!fault) return;
    gp_arena_free(&fault->arena);
    free(fault);
}

static int truthy(const gp_json *def, const char *name)
{
    const gp_json *value = gp_json_get(def, name);
    return value && value->type != GP_JSON_FALSE && value->type != GP_JSON_NULL;
}

/* The request's path without prefix and query. */
static char *path_of(gp_call *call)
{
    const char *path = call->in->target;
    size_t len = strcspn(path, "?");
    if (strncmp(path, "/api/v4/", 8) == 0) {
        path += 7;
        len -= 7;
    }
    return gp_arena_copy(call->arena, path, len);
}

static int matches(const gp_fault *fault, const gp_call *call, const char *path)
{
    const char *method = gp_json_get_string(fault->def, "method", NULL);
    const char *pattern = gp_json_get_string(fault->def, "path", NULL);
    if (method && strcasecmp(method, call->in->method) != 0) return 0;
    return !pattern || gp_glob_match(pattern, path);
}

static void save_counts(gp_mock *m, const gp_fault *fault)
{
    gp_buf buf = {.alloc = &m->alloc};
    gp_write_open(&buf, NULL, '{');
    gp_write_integer(&buf, "matched", fault->matched);
    gp_write_integer(&buf, "struck", fault->struck);
    gp_write_close(&buf, '}');
    gp_store_row(m, "fault_count", fault->id, &buf);
}

/* Whether a matching request is one that the rule selects. */
static int is_due(gp_call *call, gp_fault *fault)
{
    const gp_mock *m = call->m;
    const gp_json *def = fault->def;
    int64_t every = gp_json_get_integer(def, "every", 1);
    int64_t nth = fault->matched - gp_json_get_integer(def, "after", 0);
    double x;
    if (nth <= 0 || (every > 1 && nth % every != 0)) return 0;
    x = (double)(gp_mock_hash(m, "fault", (uint64_t)(fault->id * 1000003 + fault->matched)) >> 11) *
        0x1p-53;
    if (x >= gp_json_get_number(def, "probability", 1)) return 0;
    return !truthy(def, "throttle") ||
           gp_throttle_count(call, gp_json_get(def, "throttle"), fault->id);
}

/* Counts the request; 1 if the rule strikes it. */
static int strikes(gp_call *call, gp_fault *fault)
{
    int64_t times = gp_json_get_integer(fault->def, "times", -1);
    int due;
    if (times >= 0 && fault->struck >= times) return 0;
    fault->matched++;
    due = is_due(call, fault);
    fault->struck += due;
    save_counts(call->m, fault);
    return due;
}

/* Seconds: a number, {"min", "max"}, or {"median", "sigma"} (lognormal). */
static double seconds(const gp_mock *m, const gp_fault *fault, const gp_json *value)
{
    double x =
        (double)(gp_mock_hash(m, "delay", (uint64_t)(fault->id * 1000003 + fault->matched)) >> 11) *
        0x1p-53;
    double low, median, normal = 0;
    int i;
    if (!value) return 0;
    if (value->type != GP_JSON_OBJECT) return value->number;
    median = gp_json_get_number(value, "median", -1);
    low = gp_json_get_number(value, "min", 0);
    if (median < 0) return low + (gp_json_get_number(value, "max", low) - low) * x;
    /* The sum of twelve uniform numbers less six is nearly normal. */
    for (i = 0; i < 12; i++) {
        normal += (double)(gp_mock_hash(m, "normal",
                                        (uint64_t)(fault->matched * 12 + i + fault->id * 7919)) >>
                           11) *
                  0x1p-53;
    }
    normal = (normal - 6) * gp_json_get_number(value, "sigma", 0.5);
    /* e^normal by squaring of a short series: no call that differs between libraries. */
    normal /= 1024;
    low = 1 + normal + normal * normal / 2 + normal * normal * normal / 6;
    for (i = 0; i < 10; i++)
        low *= low;
    return median * low;
}

static void set_action(gp_fault_effect *effect, const gp_json *def)
{
    static const struct {
        const char *field;
        gp_http_action_kind kind;
        int replace;
    } short_forms[] = {
        {"reset", GP_HTTP_RESET, 1},          {"drop", GP_HTTP_DROP, 1},
        {"apply_then_drop", GP_HTTP_DROP, 0}, {"apply_then_close_idle", GP_HTTP_DROP, 0},
        {"truncate", GP_HTTP_TRUNCATE, 0},    {"dribble", GP_HTTP_DRIBBLE, 0},
        {"garbage", GP_HTTP_GARBAGE, 1}};
    const char *action = gp_json_get_string(def, "action", NULL);
    size_t i;
    if (action) {
        effect->action.kind = gp_http_action_find(action);
        effect->replace = !gp_json_get_boolean(def, "apply", 1);
    }
    for (i = 0; i < sizeof short_forms / sizeof *short_forms; i++) {
        if (!truthy(def, short_forms[i].field)) continue;
        effect->action.kind = short_forms[i].kind;
        effect->replace = short_forms[i].replace && !gp_json_get_boolean(def, "apply", 0);
        effect->action.bytes = (size_t)gp_json_get_integer(def, short_forms[i].field, 0);
    }
    effect->action.bytes = (size_t)gp_json_get_integer(def, "bytes", (int64_t)effect->action.bytes);
    if (effect->action.kind == GP_HTTP_DRIBBLE && !effect->action.bytes) effect->action.bytes = 1;
    effect->action.interval = gp_json_get_number(def, "interval", 0.1);
}

static void effect_of(const gp_mock *m, const gp_fault *fault, gp_fault_effect *effect)
{
    const gp_json *def = fault->def;
    const gp_json *late = gp_json_get(def, "apply_late");
    memset(effect, 0, sizeof *effect);
    effect->apply_late = GP_MS_NONE;
    effect->object_storage = truthy(def, "object_storage");
    effect->status = (int)gp_json_get_integer(def, "status", 0);
    effect->headers = gp_json_get(def, "headers");
    effect->body = gp_json_get(def, "body");
    set_action(effect, def);
    if (truthy(def, "throttle") && !effect->status) effect->status = 429;
    if (effect->status) {
        effect->replace_after = gp_json_get_boolean(def, "apply", 0);
        effect->replace = !effect->replace_after;
    }
    if (truthy(def, "apply_late")) {
        effect->apply_late = gp_ms_from_seconds(late->number);
        /* By default the connection is closed. */
        if (!effect->status && effect->action.kind == GP_HTTP_SEND)
            effect->action.kind = GP_HTTP_DROP;
    }
    effect->action.delay = seconds(m, fault, gp_json_get(def, "delay"));
}

int gp_fault_strike(gp_call *call, gp_fault_effect *effect)
{
    gp_mock *m = call->m;
    char *path = path_of(call);
    gp_fault *chosen = NULL;
    size_t i;
    if (!path || gp_route_is_own(path)) return 0;
    for (i = 0; i < m->faults.count; i++) {
        gp_fault *fault = m->faults.items[i];
        if (truthy(fault->def, "lag") || !matches(fault, call, path)) continue;
        /* Only a connection that has carried a request before can be closed while idle. */
        if (truthy(fault->def, "apply_then_close_idle") && !call->in->served_before) continue;
        if (strikes(call, fault) && !chosen) chosen = fault;
    }
    if (!chosen) return 0;
    effect_of(m, chosen, effect);
    return 1;
}

int gp_fault_throttled(gp_call *call, gp_fault_effect *effect)
{
    const gp_json *rule = call->m->world ? gp_json_get(call->m->world->root, "throttle") : NULL;
    if (!rule || gp_route_is_own(call->in->target) || !gp_throttle_count(call, rule, 0)) return 0;
    memset(effect, 0, sizeof *effect);
    effect->apply_late = GP_MS_NONE;
    effect->status = 429;
    effect->replace = 1;
    return 1;
}

static void standard_body(gp_call *call, int status)
{
    gp_buf *buf = &call->out->body;
    char text[80];
    if (status == 429) {
        gp_http_response_header(call->out, "Content-Type", "text/plain");
        gp_buf_adds(buf, "Retry later");
    } else if (status >= 502 && status <= 504) {
        gp_http_response_header(call->out, "Content-Type", "text/html");
        gp_buf_addf(buf,
                    "<html><head><title>%d %s</title></head><body><center><h1>%d "
                    "%s</h1></center></body></html>\n",
                    status, gp_http_reason(status), status, gp_http_reason(status));
    } else {
        snprintf(text, sizeof text, "%d %s", status, gp_http_reason(status));
        gp_fail(call, status, text);
    }
}

void gp_fault_answer(gp_call *call, const gp_fault_effect *effect)
{
    gp_http_response_out *out = call->out;
    const gp_json *header;
    out->action = effect->action;
    if (effect->status) {
        out->status = effect->status;
        if (effect->replace_after) out->headers.len = 0;
        out->body.len = 0;
        if (effect->body && effect->body->type == GP_JSON_STRING) {
            gp_buf_add(&out->body, effect->body->string, effect->body->len);
        } else if (effect->body) {
            gp_json_write(&out->body, effect->body);
        } else {
            standard_body(call, effect->status);
        }
    } else if (effect->action.kind == GP_HTTP_GARBAGE) {
        out->body.len = 0;
        gp_buf_adds(&out->body, effect->body && effect->body->type == GP_JSON_STRING
                                    ? effect->body->string
                                    : "\x16\x03\x01 not HTTP\r\n");
    }
    for (header = effect->headers ? effect->headers->child : NULL; header; header = header->next) {
        if (header->type == GP_JSON_STRING)
            gp_http_response_header(out, header->key, header->string);
    }
}

gp_ms gp_fault_lag(const gp_mock *m)
{
    gp_ms lag = m->world ? gp_ms_from_seconds(gp_json_get_number(m->world->root, "lag", 0)) : 0;
    size_t i;
    for (i = 0; i < m->faults.count; i++) {
        const gp_fault *fault = m->faults.items[i];
        gp_ms own = gp_ms_from_seconds(gp_json_get_number(fault->def, "lag", 0));
        if (own > lag) lag = own;
    }
    return lag;
}

gp_ms gp_fault_lag_of(gp_call *call)
{
    gp_mock *m = call->m;
    gp_ms lag = m->world ? gp_ms_from_seconds(gp_json_get_number(m->world->root, "lag", 0)) : 0;
    char *path = path_of(call);
    size_t i;
    if (strcmp(call->in->method, "GET") != 0 && strcmp(call->in->method, "HEAD") != 0) return 0;
    if (!path || gp_route_is_own(path)) return 0;
    for (i = 0; i < m->faults.count; i++) {
        gp_fault *fault = m->faults.items[i];
        gp_ms own;
        if (!truthy(fault->def, "lag") || !matches(fault, call, path) || !strikes(call, fault))
            continue;
        own = gp_ms_from_seconds(gp_json_get_number(fault->def, "lag", 0));
        if (own > lag) lag = own;
    }
    return lag;
}

int64_t gp_fault_throttle(const gp_mock *m, const char *name)
{
    int64_t least =
        m->world ? gp_json_get_integer(gp_json_get(m->world->root, "throttle"), name, -1) : -1;
    size_t i;
    for (i = 0; i < m->faults.count; i++) {
        const gp_fault *fault = m->faults.items[i];
        int64_t own = gp_json_get_integer(gp_json_get(fault->def, "throttle"), name, -1);
        if (own >= 0 && (least < 0 || own < least)) least = own;
    }
    return least;
}

/* Rules as rows ----------------------------------------------------------------------------- */

static int fits(const gp_json *value, const char *types)
{
    switch (value->type) {
    case GP_JSON_STRING:
        return strpbrk(types, "s*") != NULL;
    case GP_JSON_INTEGER:
        return strpbrk(types, "in*") && (value->integer >= 0 || strchr(types, '*'));
    case GP_JSON_NUMBER:
        return strpbrk(types, "n*") && (value->number >= 0 || strchr(types, '*'));
    case GP_JSON_TRUE:
    case GP_JSON_FALSE:
        return strpbrk(types, "b*") != NULL;
    case GP_JSON_OBJECT:
        return strpbrk(types, "o*") != NULL;
    case GP_JSON_ARRAY:
        return !value->count && strpbrk(types, "o*"); /* an empty Lua table may be encoded as an
                                                       * array */
    default:
        return 1; /* null: as if it were absent */
    }
}

/* Checks a rule: 1, or 0 with a message. */
static int check(const gp_json *def, char *err, size_t err_size)
{
    const gp_json *member;
    const char *action = gp_json_get_string(def, "action", NULL);
    int64_t status = gp_json_get_integer(def, "status", 200);
    size_t i, count = sizeof fields / sizeof *fields;
    if (def->type != GP_JSON_OBJECT) {
        snprintf(err, err_size, "a rule must be a table");
        return 0;
    }
    for (member = def->child; member; member = member->next) {
        for (i = 0; i < count && strcmp(fields[i].name, member->key) != 0; i++) {
        }
        if (i == count) {
            snprintf(err, err_size, "unknown field '%.60s' of a rule", member->key);
            return 0;
        }
        if (!fits(member, fields[i].types)) {
            snprintf(err, err_size, "%s is invalid", fields[i].name);
            return 0;
        }
    }
    if (action && gp_http_action_find(action) == GP_HTTP_ACTION_KINDS) {
        snprintf(err, err_size, "action does not have a valid value");
        return 0;
    }
    if (status < 200 || status > 599) {
        snprintf(err, err_size, "status does not have a valid value");
        return 0;
    }
    return 1;
}

/* Makes a rule from its definition; stores it in the database if it is `fresh`. NULL with a
 * message. */
static gp_fault *fault_new(gp_mock *m, const gp_json *def, int64_t id, int fresh, char *err,
                           size_t err_size)
{
    gp_fault *fault;
    gp_buf text = {.alloc = &m->alloc};
    char why[80];
    if (!check(def, err, err_size)) return NULL;
    snprintf(err, err_size, "out of memory");
    fault = calloc(1, sizeof *fault);
    gp_json_write(&text, def);
    if (fault && !text.failed) {
        fault->id = id;
        fault->def = gp_json_parse(&fault->arena, text.data, text.len, why, sizeof why);
    }
    if (!fault || !fault->def || !gp_list_add(&m->faults, fault)) {
        fault_free(fault);
        gp_buf_free(&text);
        return NULL;
    }
    if (id >= m->next_fault) m->next_fault = id + 1;
    if (fresh) {
        gp_store_row(m, "fault", id, &text);
    } else {
        gp_buf_free(&text);
    }
    return fault;
}

int gp_faults_add(gp_mock *m, const gp_json *list, char *err, size_t err_size)
{
    const gp_json *def;
    for (def = list ? list->child : NULL; def; def = def->next) {
        if (!fault_new(m, def, m->next_fault, 1, err, err_size)) return 0;
    }
    return 1;
}

static int load_one(gp_mock *m, int64_t id, const gp_json *row)
{
    char err[200];
    return fault_new(m, row, id, 0, err, sizeof err) != NULL;
}

gp_fault *gp_fault_by_id(const gp_mock *m, int64_t id)
{
    size_t i;
    for (i = 0; i < m->faults.count; i++) {
        gp_fault *fault = m->faults.items[i];
        if (fault->id == id) return fault;
    }
    return NULL;
}

static int load_counts(gp_mock *m, int64_t id, const gp_json *row)
{
    gp_fault *fault = gp_fault_by_id(m, id);
    if (!fault) return 0;
    fault->matched = gp_json_get_integer(row, "matched", 0);
    fault->struck = gp_json_get_integer(row, "struck", 0);
    return 1;
}

void gp_fault_shape(gp_buf *buf, const gp_fault *fault)
{
    const gp_json *member;
    gp_write_open(buf, NULL, '{');
    gp_write_integer(buf, "id", fault->id);
    gp_write_integer(buf, "matched", fault->matched);
    gp_write_integer(buf, "struck", fault->struck);
    for (member = fault->def->child; member; member = member->next) {
        if (strcmp(member->key, "id") == 0 || strcmp(member->key, "matched") == 0 ||
            strcmp(member->key, "struck") == 0) {
            continue;
        }
        gp_write_open(buf, member->key, ' ');
        gp_json_write(buf, member);
    }
    gp_write_close(buf, '}');
}

void gp_fault_delete(gp_mock *m, gp_fault *fault)
{
    gp_store_object(m, "fault", fault->id, NULL);
    gp_store_object(m, "fault_count", fault->id, NULL);
    gp_list_remove(&m->faults, fault);
    fault_free(fault);
}

static void clear(gp_mock *m)
{
    size_t i;
    for (i = 0; i < m->faults.count; i++)
        fault_free(m->faults.items[i]);
    gp_list_free(&m->faults);
}

const gp_entity gp_fault_entity = {.kind = "fault", .load = load_one, .clear = clear};
const gp_entity gp_fault_count_entity = {.kind = "fault_count", .load = load_counts};
