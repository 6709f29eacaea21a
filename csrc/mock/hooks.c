#include "mock/hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/webhook.h"
#include "mock/answer.h"
#include "mock/events.h"
#include "mock/handlers.h"
#include "mock/params.h"
#include "mock/store.h"
#include "mock/world.h"

/* Deliveries that a list of targets shows of each. */
enum { SHOWN = 20 };

static const struct {
    int bit;
    const char *word, *title;
} kinds[] = {{GP_HOOK_PIPELINE, "pipeline", "Pipeline Hook"},
             {GP_HOOK_JOB, "job", "Job Hook"},
             {GP_HOOK_DEPLOYMENT, "deployment", "Deployment Hook"}};

enum { KINDS = 3 };

static int kind_of_bit(int bit)
{
    int i = 0;
    while (i < KINDS - 1 && kinds[i].bit != bit)
        i++;
    return i;
}

static int kind_of_word(const char *word)
{
    int i;
    for (i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].word, word) == 0) return kinds[i].bit;
    }
    return 0;
}

/* Rows -------------------------------------------------------------------------------------- */

static void write_text(gp_buf *buf, const char *key, const char *text)
{
    if (text) gp_out_string(buf, key, text);
}

static void keep(gp_mock *m, const char *kind, int64_t id, gp_buf *buf)
{
    if (buf->failed) {
        m->memory_failed = 1;
    } else {
        gp_store_object(m, kind, id, gp_buf_text(buf));
    }
    gp_buf_free(buf);
}

void gp_hook_save(gp_mock *m, const gp_hook *h)
{
    gp_buf buf = {.alloc = &m->alloc};
    gp_out_open(&buf, NULL, '{');
    gp_out_string(&buf, "url", h->url);
    write_text(&buf, "token", h->token);
    write_text(&buf, "signing", h->signing);
    gp_out_integer(&buf, "project_id", h->project_id);
    gp_out_integer(&buf, "events", h->events);
    gp_out_integer(&buf, "retries", h->retries);
    gp_out_integer(&buf, "duplicate", h->duplicate);
    gp_out_integer(&buf, "delay", h->delay);
    gp_out_boolean(&buf, "reorder", h->reorder);
    gp_out_boolean(&buf, "wrong", h->wrong);
    gp_out_integer(&buf, "failures", h->failures);
    gp_out_boolean(&buf, "off", h->off);
    gp_out_integer(&buf, "off_until", h->off_until);
    gp_out_integer(&buf, "created_at", h->created_at);
    gp_out_close(&buf, '}');
    keep(m, "hook", h->id, &buf);
}

void gp_delivery_save(gp_mock *m, const gp_delivery *d)
{
    gp_buf buf = {.alloc = &m->alloc};
    gp_out_open(&buf, NULL, '{');
    gp_out_integer(&buf, "hook_id", d->hook_id);
    gp_out_integer(&buf, "order", d->order);
    gp_out_integer(&buf, "event", d->event);
    gp_out_boolean(&buf, "test", d->test);
    gp_out_boolean(&buf, "held", d->held);
    gp_out_string(&buf, "subject", d->subject);
    gp_out_string(&buf, "body", d->body);
    gp_out_string(&buf, "key", d->key);
    gp_out_string(&buf, "event_id", d->event_id);
    gp_out_integer(&buf, "state", d->state);
    gp_out_integer(&buf, "tries", d->tries);
    gp_out_integer(&buf, "created_at", d->created_at);
    gp_out_integer(&buf, "due", d->due);
    gp_out_integer(&buf, "sent_at", d->sent_at);
    gp_out_integer(&buf, "stamp", d->stamp);
    gp_out_integer(&buf, "answered_at", d->answered_at);
    gp_out_integer(&buf, "status", d->status);
    write_text(&buf, "answer", d->answer);
    gp_out_close(&buf, '}');
    keep(m, "delivery", d->id, &buf);
}

static int load_hook(gp_mock *m, int64_t id, const char *json)
{
    gp_arena arena = {0};
    char why[80];
    const gp_json *row = gp_json_parse(&arena, json, strlen(json), why, sizeof why);
    gp_hook *h = calloc(1, sizeof *h);
    int good = 0;
    if (row && h) {
        h->id = id;
        h->url = gp_mock_strdup(m, gp_json_get_string(row, "url", ""));
        h->token = gp_mock_strdup(m, gp_json_get_string(row, "token", NULL));
        h->signing = gp_mock_strdup(m, gp_json_get_string(row, "signing", NULL));
        h->project_id = gp_json_get_integer(row, "project_id", GP_UNSET);
        h->events = (int)gp_json_get_integer(row, "events", 0);
        h->retries = gp_json_get_integer(row, "retries", 0);
        h->duplicate = gp_json_get_integer(row, "duplicate", 0);
        h->delay = gp_json_get_integer(row, "delay", 0);
        h->reorder = gp_json_get_boolean(row, "reorder", 0);
        h->wrong = gp_json_get_boolean(row, "wrong", 0);
        h->failures = gp_json_get_integer(row, "failures", 0);
        h->off = gp_json_get_boolean(row, "off", 0);
        h->off_until = gp_json_get_integer(row, "off_until", GP_MS_NONE);
        h->created_at = gp_json_get_integer(row, "created_at", 0);
        if (id >= m->next_hook) m->next_hook = id + 1;
        good = h->url && gp_list_add(&m->hooks, h);
    }
    if (!good) gp_hook_free(h);
    gp_arena_free(&arena);
    return good;
}

static void read_identifier(char out[37], const gp_json *row, const char *name)
{
    snprintf(out, 37, "%.36s", gp_json_get_string(row, name, ""));
}

static int load_delivery(gp_mock *m, int64_t id, const char *json)
{
    gp_arena arena = {0};
    char why[80];
    const gp_json *row = gp_json_parse(&arena, json, strlen(json), why, sizeof why);
    gp_delivery *d = calloc(1, sizeof *d);
    gp_outbox *outbox = &m->outbox;
    int good = 0;
    if (row && d) {
        d->id = id;
        d->hook_id = gp_json_get_integer(row, "hook_id", 0);
        d->order = gp_json_get_integer(row, "order", 0);
        d->event = (int)gp_json_get_integer(row, "event", GP_HOOK_PIPELINE);
        d->test = gp_json_get_boolean(row, "test", 0);
        d->held = gp_json_get_boolean(row, "held", 0);
        d->subject = gp_mock_strdup(m, gp_json_get_string(row, "subject", ""));
        d->body = gp_mock_strdup(m, gp_json_get_string(row, "body", ""));
        read_identifier(d->key, row, "key");
        read_identifier(d->event_id, row, "event_id");
        d->state = (gp_delivery_state)gp_json_get_integer(row, "state", GP_DELIVERY_FAILED);
        /* Whoever was sending it is gone: it goes out again, with the same key. */
        if (d->state == GP_DELIVERY_SENDING) d->state = GP_DELIVERY_WAITING;
        d->tries = gp_json_get_integer(row, "tries", 0);
        d->created_at = gp_json_get_integer(row, "created_at", 0);
        d->due = gp_json_get_integer(row, "due", 0);
        d->sent_at = gp_json_get_integer(row, "sent_at", GP_MS_NONE);
        d->stamp = gp_json_get_integer(row, "stamp", GP_MS_NONE);
        d->answered_at = gp_json_get_integer(row, "answered_at", GP_MS_NONE);
        d->status = (int)gp_json_get_integer(row, "status", 0);
        d->answer = gp_mock_strdup(m, gp_json_get_string(row, "answer", NULL));
        if (id >= outbox->next_id) outbox->next_id = id + 1;
        if (d->order >= outbox->next_order) outbox->next_order = d->order + 1;
        good = d->subject && d->body && d->state < GP_DELIVERY_STATES &&
               gp_list_add(&outbox->items, d);
    }
    if (!good) gp_delivery_free(d);
    gp_arena_free(&arena);
    return good;
}

int gp_hooks_load(gp_mock *m)
{
    return gp_store_objects(m, "hook", load_hook) && gp_store_objects(m, "delivery", load_delivery);
}

void gp_hooks_clear(gp_mock *m)
{
    size_t i;
    for (i = 0; i < m->hooks.count; i++)
        gp_hook_free(m->hooks.items[i]);
    m->hooks.count = 0;
    gp_outbox_clear(&m->outbox);
}

/* Telling ----------------------------------------------------------------------------------- */

/* A random-looking UUID of version 4 that follows from the seed and from what it is for. */
static void identifier(char out[37], const gp_mock *m, const char *what, uint64_t number)
{
    uint64_t a = gp_mock_hash(m, what, 2 * number), b = gp_mock_hash(m, what, 2 * number + 1);
    snprintf(out, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
             (unsigned)(b >> 48 & 0x3fff) | 0x8000,
             (unsigned long long)(b & UINT64_C(0xffffffffffff)));
}

/* Room for one more: the oldest that is over goes first, else the oldest of all. */
static void make_room(gp_mock *m)
{
    gp_list *items = &m->outbox.items;
    size_t i = 0;
    gp_delivery *old;
    if (items->count < GP_OUTBOX_MAX) return;
    while (i < items->count && ((gp_delivery *)items->items[i])->state < GP_DELIVERY_DELIVERED)
        i++;
    old = items->items[i < items->count ? i : 0];
    gp_store_object(m, "delivery", old->id, NULL);
    gp_list_remove(items, old);
    gp_delivery_free(old);
}

/* One event, whoever is told of it. */
typedef struct telling {
    int event;
    const char *subject, *body;
    gp_ms at;
    uint64_t number;
} telling;

/* A number that no other event has, not even one of an earlier life of the database. */
static uint64_t telling_number(const gp_mock *m, gp_ms at)
{
    return (uint64_t)m->outbox.next_id + (uint64_t)at * 1000003;
}

static gp_delivery *delivery_new(gp_mock *m, const gp_hook *hook, const telling *what)
{
    gp_delivery *d = calloc(1, sizeof *d);
    make_room(m);
    if (d) {
        d->id = m->outbox.next_id;
        d->hook_id = hook->id;
        d->event = what->event;
        d->subject = gp_mock_strdup(m, what->subject);
        d->body = gp_mock_strdup(m, what->body);
        d->created_at = what->at;
        d->sent_at = d->stamp = d->answered_at = GP_MS_NONE;
    }
    if (!d || !d->subject || !d->body || !gp_list_add(&m->outbox.items, d)) {
        gp_delivery_free(d);
        m->memory_failed = 1;
        return NULL;
    }
    m->outbox.next_id++;
    return d;
}

static int wants(const gp_hook *hook, const gp_project *project, int event)
{
    return (hook->events & event) &&
           (hook->project_id == GP_UNSET || hook->project_id == project->id);
}

static int anybody_wants(const gp_mock *m, const gp_project *project, int event)
{
    size_t i;
    for (i = 0; i < m->hooks.count; i++) {
        if (wants(m->hooks.items[i], project, event)) return 1;
    }
    return 0;
}

/* One event for one target: as many deliveries with one key as it is to get. */
static gp_delivery *enqueue(gp_mock *m, const gp_hook *hook, const telling *what, int test)
{
    gp_delivery *first = NULL, *d;
    uint64_t number = telling_number(m, what->at);
    int64_t copies = test ? 1 : 1 + hook->duplicate, i;
    for (i = 0; i < copies; i++) {
        d = delivery_new(m, hook, what);
        if (!d) return first;
        if (!first) first = d;
        identifier(d->key, m, "webhook", number);
        identifier(d->event_id, m, "event", what->number);
        d->test = test;
        gp_outbox_queue(&m->outbox, hook, d, what->at);
        gp_delivery_save(m, d);
    }
    return first;
}

static void tell(gp_mock *m, const gp_project *project, int event, const char *subject,
                 gp_buf *body, gp_ms at)
{
    telling what = {event, subject, gp_buf_text(body), at, telling_number(m, at)};
    size_t i;
    if (body->failed) {
        m->memory_failed = 1;
        return;
    }
    for (i = 0; i < m->hooks.count; i++) {
        const gp_hook *hook = m->hooks.items[i];
        if (wants(hook, project, event)) enqueue(m, hook, &what, 0);
    }
}

static void subject_of(char out[80], const char *what, int64_t id, const char *status)
{
    snprintf(out, 80, "%s %lld %s", what, (long long)id, status);
}

void gp_hooks_pipeline(gp_mock *m, const gp_pipeline *p, gp_ms at)
{
    gp_buf body = {.alloc = &m->alloc};
    char subject[80];
    if (!m->hooks.count || !anybody_wants(m, p->project, GP_HOOK_PIPELINE)) return;
    gp_event_write_pipeline(&body, m, p, at);
    subject_of(subject, "pipeline", p->id, gp_status_name(p->status));
    tell(m, p->project, GP_HOOK_PIPELINE, subject, &body, at);
    gp_buf_free(&body);
}

void gp_hooks_job(gp_mock *m, const gp_job *job, gp_ms at)
{
    gp_buf body = {.alloc = &m->alloc};
    char subject[80];
    if (!m->hooks.count || !anybody_wants(m, job->pipeline->project, GP_HOOK_JOB)) return;
    if (job->def && gp_job_trigger(job)) return; /* GitLab is silent about trigger jobs */
    gp_event_write_job(&body, m, job, at);
    subject_of(subject, "job", job->id, gp_status_name(job->status));
    tell(m, job->pipeline->project, GP_HOOK_JOB, subject, &body, at);
    gp_buf_free(&body);
}

void gp_hooks_deployment(gp_mock *m, const gp_deployment *d, gp_ms at)
{
    static const char *const told[] = {"running", "success", "failed", "canceled", "blocked"};
    gp_buf body = {.alloc = &m->alloc};
    char subject[80];
    size_t i = 0;
    if (!m->hooks.count || !anybody_wants(m, d->project, GP_HOOK_DEPLOYMENT)) return;
    while (i < sizeof told / sizeof *told && strcmp(told[i], d->status) != 0)
        i++;
    if (i == sizeof told / sizeof *told) return;
    gp_event_write_deployment(&body, m, d, at);
    subject_of(subject, "deployment", d->id, d->status);
    tell(m, d->project, GP_HOOK_DEPLOYMENT, subject, &body, at);
    gp_buf_free(&body);
}

/* On the wire ------------------------------------------------------------------------------- */

/* Is the simulated server at least of that version? */
static int at_least(const char *version, int major, int minor)
{
    int have_major = 0, have_minor = 0;
    if (sscanf(version, "%4d.%4d", &have_major, &have_minor) < 1) return 1;
    return have_major > major || (have_major == major && have_minor >= minor);
}

static void signature(const gp_hook *hook, const gp_delivery *d, const char *stamp,
                      gp_http_response_out *out)
{
    gp_webhook_message message = {d->key,        strlen(d->key), stamp,
                                  strlen(stamp), d->body,        strlen(d->body)};
    gp_webhook_key key;
    char text[GP_WEBHOOK_SIGNATURE_SIZE];
    if (!gp_webhook_key_read(&key, hook->signing, strlen(hook->signing))) return;
    if (hook->wrong) key.data[0] ^= 1;
    if (gp_webhook_sign(&key, &message, text))
        gp_http_response_header(out, "webhook-signature", text);
    gp_webhook_key_close(&key);
}

int gp_delivery_headers(gp_mock *m, const gp_hook *hook, const gp_delivery *d,
                        gp_http_response_out *out, int redacted)
{
    const char *version = gp_mock_version(m);
    char text[64], uuid[37];
    snprintf(text, sizeof text, "GitLab/%.40s", version);
    gp_http_response_header(out, "Content-Type", "application/json");
    gp_http_response_header(out, "User-Agent", text);
    gp_http_response_header(out, "X-Gitlab-Event", kinds[kind_of_bit(d->event)].title);
    if (hook->token && redacted) {
        gp_http_response_header(out, "X-Gitlab-Token", "[redacted]");
    } else if (hook->token) {
        gp_http_response_header(out, "X-Gitlab-Token", hook->wrong ? "wrong-token" : hook->token);
    }
    gp_http_response_header(out, "X-Gitlab-Event-UUID", d->event_id);
    identifier(uuid, m, "request", (uint64_t)(d->id * 64 + d->tries));
    gp_http_response_header(out, "X-Gitlab-Webhook-UUID", uuid);
    gp_http_response_header(out, "X-Gitlab-Instance", m->url);
    if (at_least(version, 17, 4)) gp_http_response_header(out, "Idempotency-Key", d->key);
    if (at_least(version, 19, 0)) {
        snprintf(text, sizeof text, "%lld",
                 (long long)((d->stamp == GP_MS_NONE ? d->created_at : d->stamp) / 1000));
        gp_http_response_header(out, "webhook-id", d->key);
        gp_http_response_header(out, "webhook-timestamp", text);
        if (hook->signing && redacted) {
            gp_http_response_header(out, "webhook-signature", "[redacted]");
        } else if (hook->signing) {
            signature(hook, d, text, out);
        }
    }
    return !out->headers.failed;
}

/* Answers ----------------------------------------------------------------------------------- */

static void shape_headers(gp_buf *buf, gp_mock *m, const gp_hook *hook, const gp_delivery *d)
{
    gp_http_response_out headers;
    const char *name, *value;
    size_t position = 0;
    gp_http_response_init(&headers, &m->alloc);
    gp_out_open(buf, "headers", '{');
    if (gp_delivery_headers(m, hook, d, &headers, 1)) {
        while (gp_http_response_next(&headers, &position, &name, &value))
            gp_out_string(buf, name, value);
    }
    gp_out_close(buf, '}');
    gp_http_response_free(&headers);
}

static void shape_delivery(gp_buf *buf, gp_mock *m, const gp_hook *hook, const gp_delivery *d)
{
    gp_out_open(buf, NULL, '{');
    gp_out_integer(buf, "id", d->id);
    gp_out_integer(buf, "hook_id", d->hook_id);
    gp_out_string(buf, "event", kinds[kind_of_bit(d->event)].word);
    gp_out_string(buf, "subject", d->subject);
    gp_out_string(buf, "state", gp_delivery_state_name(d->state));
    gp_out_string(buf, "webhook_id", d->key);
    gp_out_integer(buf, "attempts", d->tries);
    gp_out_time(buf, "created_at", d->created_at);
    gp_out_time(buf, "due_at", d->state == GP_DELIVERY_WAITING ? d->due : GP_MS_NONE);
    gp_out_time(buf, "sent_at", d->sent_at);
    gp_out_time(buf, "answered_at", d->answered_at);
    if (d->status) {
        gp_out_integer(buf, "status", d->status);
    } else {
        gp_out_null(buf, "status");
    }
    gp_out_string(buf, "answer", d->answer);
    shape_headers(buf, m, hook, d);
    gp_out_raw(buf, "payload", d->body, strlen(d->body));
    gp_out_close(buf, '}');
}

static const char *alert_status(const gp_hook *hook, gp_ms now)
{
    if (hook->off) return "disabled";
    return gp_hook_executable(hook, now) ? "executable" : "temporarily_disabled";
}

static void shape(gp_buf *buf, gp_mock *m, const gp_hook *hook, size_t shown)
{
    size_t i;
    gp_out_open(buf, NULL, '{');
    gp_out_integer(buf, "id", hook->id);
    gp_out_string(buf, "url", hook->url);
    if (hook->project_id == GP_UNSET) {
        gp_out_null(buf, "project_id");
    } else {
        gp_out_integer(buf, "project_id", hook->project_id);
    }
    gp_out_open(buf, "events", '[');
    for (i = 0; i < KINDS; i++) {
        if (hook->events & kinds[i].bit) gp_out_string(buf, NULL, kinds[i].word);
    }
    gp_out_close(buf, ']');
    gp_out_boolean(buf, "token_present", hook->token != NULL);
    gp_out_boolean(buf, "signing_token_present", hook->signing != NULL);
    gp_out_integer(buf, "retries", hook->retries);
    gp_out_integer(buf, "duplicate", hook->duplicate);
    gp_out_seconds(buf, "delay", hook->delay);
    gp_out_boolean(buf, "reorder", hook->reorder);
    gp_out_boolean(buf, "wrong_signature", hook->wrong);
    gp_out_string(buf, "alert_status", alert_status(hook, m->now));
    gp_out_time(buf, "disabled_until",
                gp_hook_executable(hook, m->now) ? GP_MS_NONE : hook->off_until);
    gp_out_integer(buf, "failures", hook->failures);
    gp_out_time(buf, "created_at", hook->created_at);
    gp_out_open(buf, "deliveries", '[');
    for (i = m->outbox.items.count; i > 0 && shown > 0; i--) {
        const gp_delivery *d = m->outbox.items.items[i - 1];
        if (d->hook_id != hook->id) continue;
        shape_delivery(buf, m, hook, d);
        shown--;
    }
    gp_out_close(buf, ']');
    gp_out_close(buf, '}');
}

int gp_list_hooks(gp_call *call)
{
    size_t i;
    gp_out_open(&call->out->body, NULL, '[');
    for (i = 0; i < call->m->hooks.count; i++)
        shape(&call->out->body, call->m, call->m->hooks.items[i], SHOWN);
    gp_out_close(&call->out->body, ']');
    return 200;
}

static gp_hook *asked(const gp_call *call)
{
    return gp_hook_by_id(&call->m->hooks, gp_call_integer(call, "hook_id", 0));
}

int gp_get_hook(gp_call *call)
{
    const gp_hook *hook = asked(call);
    if (!hook) return gp_fail_record(call);
    shape(&call->out->body, call->m, hook, SHOWN);
    return 200;
}

/* Text that goes into a header or address: nothing that could end it. */
static int clean(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) return 0;
    }
    return 1;
}

static const char *bad_field(const gp_call *call)
{
    const char *url = gp_call_string(call, "url"), *token = gp_call_string(call, "token");
    const char *signing = gp_call_string(call, "signing_token");
    const gp_json *delay = gp_json_get(call->params, "delay");
    gp_webhook_key key;
    if (url && ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
                !clean(url) || strchr(url, ' '))) {
        return "url is invalid";
    }
    if (token && !clean(token)) return "token is invalid";
    if (signing && *signing) {
        if (!gp_webhook_key_read(&key, signing, strlen(signing))) return "signing_token is invalid";
        gp_webhook_key_close(&key);
    }
    if (delay && delay->number < 0) return "delay does not have a valid value";
    if (gp_call_integer(call, "retries", 0) < 0 || gp_call_integer(call, "retries", 0) > 10)
        return "retries does not have a valid value";
    if (gp_call_integer(call, "duplicate", 0) < 0 || gp_call_integer(call, "duplicate", 0) > 10)
        return "duplicate does not have a valid value";
    return NULL;
}

/* Replaces a text that is given; "" takes it away. */
static int take_text(gp_call *call, const char *name, char **slot)
{
    const char *value = gp_call_string(call, name);
    char *copy = NULL;
    if (!value) return 1;
    if (*value && !(copy = gp_mock_strdup(call->m, value))) return 0;
    free(*slot);
    *slot = copy;
    return 1;
}

static int take_events(gp_call *call, gp_hook *hook)
{
    const gp_json *list = gp_json_get(call->params, "events"), *at;
    int bits = 0;
    if (!list || list->type != GP_JSON_ARRAY) return 1;
    for (at = list->child; at; at = at->next)
        bits |= kind_of_word(at->string);
    hook->events = bits;
    return bits != 0;
}

static int take(gp_call *call, gp_hook *hook)
{
    const gp_json *delay = gp_json_get(call->params, "delay");
    if (!take_events(call, hook)) return gp_fail_error(call, 400, "events is empty");
    if (!take_text(call, "url", &hook->url) || !take_text(call, "token", &hook->token) ||
        !take_text(call, "signing_token", &hook->signing)) {
        return gp_fail_memory(call);
    }
    hook->retries = gp_call_integer(call, "retries", hook->retries);
    hook->duplicate = gp_call_integer(call, "duplicate", hook->duplicate);
    if (delay && delay->type != GP_JSON_NULL) hook->delay = gp_ms_from_seconds(delay->number);
    hook->reorder = gp_call_boolean(call, "reorder", hook->reorder);
    hook->wrong = gp_call_boolean(call, "wrong_signature", hook->wrong);
    gp_hook_save(call->m, hook);
    return 0;
}

/* The project that is named: 0 and its id, or an error's status. */
static int take_project(gp_call *call, int64_t *id)
{
    const char *name = gp_call_string(call, "project");
    const gp_project *project;
    if (!name || !*name) return 0;
    project = gp_project_find(call->m, name);
    if (!project) return gp_fail(call, 404, "404 Project Not Found");
    *id = project->id;
    return 0;
}

int gp_create_hook(gp_call *call)
{
    gp_mock *m = call->m;
    const char *problem = bad_field(call);
    gp_hook *hook;
    int64_t project = GP_UNSET;
    int status;
    if (problem) return gp_fail_error(call, 400, problem);
    status = take_project(call, &project);
    if (status) return status;
    hook = calloc(1, sizeof *hook);
    if (!hook) return gp_fail_memory(call);
    hook->id = m->next_hook;
    hook->project_id = project;
    hook->events = GP_HOOK_PIPELINE | GP_HOOK_JOB | GP_HOOK_DEPLOYMENT;
    hook->retries = 3;
    hook->off_until = GP_MS_NONE;
    hook->created_at = m->now;
    status = take(call, hook);
    if (status || !gp_list_add(&m->hooks, hook)) {
        gp_store_object(m, "hook", hook->id, NULL);
        gp_hook_free(hook);
        return status ? status : gp_fail_memory(call);
    }
    m->next_hook++;
    shape(&call->out->body, m, hook, SHOWN);
    return 201;
}

int gp_put_hook(gp_call *call)
{
    gp_hook *hook = asked(call);
    const char *problem = bad_field(call);
    int status;
    if (!hook) return gp_fail_record(call);
    if (problem) return gp_fail_error(call, 400, problem);
    status = take_project(call, &hook->project_id);
    if (!status) status = take(call, hook);
    if (status) return status;
    shape(&call->out->body, call->m, hook, SHOWN);
    return 200;
}

static void drop(gp_mock *m, gp_hook *hook)
{
    size_t i = m->outbox.items.count;
    while (i > 0) {
        gp_delivery *d = m->outbox.items.items[--i];
        if (d->hook_id != hook->id) continue;
        gp_store_object(m, "delivery", d->id, NULL);
        gp_list_remove(&m->outbox.items, d);
        gp_delivery_free(d);
    }
    gp_store_object(m, "hook", hook->id, NULL);
    gp_list_remove(&m->hooks, hook);
    gp_hook_free(hook);
}

int gp_delete_hook(gp_call *call)
{
    gp_hook *hook = asked(call);
    if (!hook) return gp_fail_record(call);
    drop(call->m, hook);
    return 204;
}

int gp_clear_hooks(gp_call *call)
{
    while (call->m->hooks.count)
        drop(call->m, call->m->hooks.items[0]);
    return 204;
}

int gp_list_deliveries(gp_call *call)
{
    const gp_hook *hook = asked(call);
    const gp_list *all = &call->m->outbox.items;
    const char *state = gp_call_string(call, "state"), *event = gp_call_string(call, "event");
    gp_list rows = {0};
    gp_page page;
    size_t i;
    if (!hook) return gp_fail_record(call);
    for (i = all->count; i > 0; i--) {
        gp_delivery *d = all->items[i - 1];
        if (d->hook_id != hook->id || (event && d->event != kind_of_word(event))) continue;
        if (state && strcmp(state, gp_delivery_state_name(d->state)) != 0) continue;
        if (!gp_list_add(&rows, d)) call->m->memory_failed = 1;
    }
    page = gp_page_of(call, (int64_t)rows.count, 1);
    gp_out_open(&call->out->body, NULL, '[');
    for (i = (size_t)page.first; i < (size_t)page.last; i++)
        shape_delivery(&call->out->body, call->m, hook, rows.items[i]);
    gp_out_close(&call->out->body, ']');
    gp_list_free(&rows);
    return 200;
}

/* The newest object of that kind that this target may be told of; 0 when there is none. */
static int write_newest(gp_call *call, const gp_hook *hook, int event, gp_buf *body)
{
    gp_mock *m = call->m;
    size_t i, found = 0;
    const gp_pipeline *newest = NULL;
    for (i = 0; i < m->projects.count; i++) {
        const gp_project *project = m->projects.items[i];
        const gp_pipeline *last = project->pipelines.count
                                      ? project->pipelines.items[project->pipelines.count - 1]
                                      : NULL;
        if (hook->project_id != GP_UNSET && hook->project_id != project->id) continue;
        if (event == GP_HOOK_DEPLOYMENT && project->deployments.count && !found) {
            gp_event_write_deployment(
                body, m, project->deployments.items[project->deployments.count - 1], m->now);
            found = 1;
        }
        if (last && (!newest || last->id > newest->id)) newest = last;
    }
    if (event == GP_HOOK_DEPLOYMENT || !newest) return (int)found;
    if (event == GP_HOOK_JOB && newest->jobs.count) {
        gp_event_write_job(body, m, newest->jobs.items[0], m->now);
    } else {
        gp_event_write_pipeline(body, m, newest, m->now);
    }
    return 1;
}

int gp_test_hook(gp_call *call)
{
    gp_hook *hook = asked(call);
    const char *word = gp_call_string(call, "event");
    int event = word ? kind_of_word(word) : GP_HOOK_PIPELINE;
    gp_buf body = {.alloc = &call->m->alloc};
    gp_delivery *d = NULL;
    if (!hook) return gp_fail_record(call);
    if (!write_newest(call, hook, event, &body)) {
        gp_buf_free(&body);
        return gp_fail(call, 422, "There is nothing to tell of yet: make a pipeline first");
    }
    if (!body.failed) {
        telling what = {event, "test", gp_buf_text(&body), call->m->now,
                        telling_number(call->m, call->m->now)};
        d = enqueue(call->m, hook, &what, 1);
    }
    gp_buf_free(&body);
    if (!d) return gp_fail_memory(call);
    shape_delivery(&call->out->body, call->m, hook, d);
    return 201;
}

int gp_resend_delivery(gp_call *call)
{
    gp_hook *hook = asked(call);
    gp_delivery *d = gp_delivery_by_id(&call->m->outbox, gp_call_integer(call, "delivery_id", 0));
    if (!hook || !d || d->hook_id != hook->id) return gp_fail_record(call);
    if (d->state == GP_DELIVERY_SENDING)
        return gp_fail(call, 409, "409 Conflict - the delivery is being sent");
    gp_outbox_resend(&call->m->outbox, d, call->m->now);
    gp_delivery_save(call->m, d);
    shape_delivery(&call->out->body, call->m, hook, d);
    return 201;
}
