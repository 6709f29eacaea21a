/* Decides which targets get an event and writes the headers of a delivery. */
#include "mock/webhooks/hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/webhook.h"
#include "mock/engine/world.h"
#include "mock/rows/save.h"
#include "mock/webhooks/events.h"
#include "mock/webhooks/hook.h"
#include "mock/webhooks/outbox.h"

static const struct {
    int bit;
    const char *word, *title;
} kinds[] = {{GP_HOOK_PIPELINE, "pipeline", "Pipeline Hook"},
             {GP_HOOK_JOB, "job", "Job Hook"},
             {GP_HOOK_DEPLOYMENT, "deployment", "Deployment Hook"}};

enum { KINDS = 3 };

const char *gp_hook_event_word(int event)
{
    int i = 0;
    while (i < KINDS - 1 && kinds[i].bit != event)
        i++;
    return kinds[i].word;
}

int gp_hook_event_bit(const char *word)
{
    int i;
    for (i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].word, word) == 0) return kinds[i].bit;
    }
    return 0;
}

static const char *title_of(int event)
{
    int i = 0;
    while (i < KINDS - 1 && kinds[i].bit != event)
        i++;
    return kinds[i].title;
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

/* Makes room for one more: drops the oldest finished delivery, else the oldest of all. */
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

/* Writes one event for every target that wants it. */
typedef struct telling {
    int event;
    const char *subject, *body;
    gp_ms at;
    uint64_t number;
} telling;

/* A number that no other event has, not even one from before a reset. */
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

/* Queues one event for one target: one delivery, plus its duplicates with the same key. */
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
    if (job->def && gp_job_trigger(job)) return; /* GitLab sends no job events for trigger jobs */
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

gp_delivery *gp_hooks_test(gp_mock *m, const gp_hook *hook, int event, gp_buf *body)
{
    telling what = {event, "test", gp_buf_text(body), m->now, telling_number(m, m->now)};
    return body->failed ? NULL : enqueue(m, hook, &what, 1);
}

/* On the wire ------------------------------------------------------------------------------- */

/* Whether the simulated server has at least that version. */
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
    gp_http_response_header(out, "X-Gitlab-Event", title_of(d->event));
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
