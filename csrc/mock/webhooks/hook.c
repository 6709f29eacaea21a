/* Rows of targets and deliveries: defaults, saving, loading, deleting. */
#include "mock/webhooks/hook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/rows/entity.h"
#include "mock/rows/save.h"
#include "mock/webhooks/outbox.h"

static void write_text(gp_buf *buf, const char *key, const char *text)
{
    if (text) gp_write_string(buf, key, text);
}

void gp_hook_save(gp_mock *m, const gp_hook *h)
{
    gp_buf buf = {.alloc = &m->alloc};
    gp_write_open(&buf, NULL, '{');
    gp_write_string(&buf, "url", h->url);
    write_text(&buf, "token", h->token);
    write_text(&buf, "signing", h->signing);
    write_text(&buf, "name", h->name);
    write_text(&buf, "description", h->description);
    write_text(&buf, "branches", h->branches);
    gp_write_integer(&buf, "flags", h->flags);
    gp_write_integer(&buf, "project_id", h->project_id);
    gp_write_integer(&buf, "events", h->events);
    gp_write_integer(&buf, "retries", h->retries);
    gp_write_integer(&buf, "duplicate", h->duplicate);
    gp_write_integer(&buf, "delay", h->delay);
    gp_write_boolean(&buf, "reorder", h->reorder);
    gp_write_boolean(&buf, "wrong", h->wrong);
    gp_write_integer(&buf, "failures", h->failures);
    gp_write_boolean(&buf, "off", h->off);
    gp_write_integer(&buf, "off_until", h->off_until);
    gp_write_integer(&buf, "created_at", h->created_at);
    gp_write_close(&buf, '}');
    gp_store_row(m, "hook", h->id, &buf);
}

void gp_delivery_save(gp_mock *m, const gp_delivery *d)
{
    gp_buf buf = {.alloc = &m->alloc};
    gp_write_open(&buf, NULL, '{');
    gp_write_integer(&buf, "hook_id", d->hook_id);
    gp_write_integer(&buf, "order", d->order);
    gp_write_integer(&buf, "event", d->event);
    gp_write_boolean(&buf, "test", d->test);
    gp_write_boolean(&buf, "held", d->held);
    gp_write_string(&buf, "subject", d->subject);
    gp_write_string(&buf, "body", d->body);
    gp_write_string(&buf, "key", d->key);
    gp_write_string(&buf, "event_id", d->event_id);
    gp_write_integer(&buf, "state", d->state);
    gp_write_integer(&buf, "tries", d->tries);
    gp_write_integer(&buf, "created_at", d->created_at);
    gp_write_integer(&buf, "due", d->due);
    gp_write_integer(&buf, "sent_at", d->sent_at);
    gp_write_integer(&buf, "stamp", d->stamp);
    gp_write_integer(&buf, "answered_at", d->answered_at);
    gp_write_integer(&buf, "status", d->status);
    write_text(&buf, "answer", d->answer);
    gp_write_close(&buf, '}');
    gp_store_row(m, "delivery", d->id, &buf);
}

static int load_hook(gp_mock *m, int64_t id, const gp_json *row)
{
    gp_hook *h = calloc(1, sizeof *h);
    int good = 0;
    if (h) {
        h->id = id;
        h->url = gp_mock_strdup(m, gp_json_get_string(row, "url", ""));
        h->token = gp_mock_strdup(m, gp_json_get_string(row, "token", NULL));
        h->signing = gp_mock_strdup(m, gp_json_get_string(row, "signing", NULL));
        h->name = gp_mock_strdup(m, gp_json_get_string(row, "name", NULL));
        h->description = gp_mock_strdup(m, gp_json_get_string(row, "description", NULL));
        h->branches = gp_mock_strdup(m, gp_json_get_string(row, "branches", NULL));
        h->flags = (int)gp_json_get_integer(row, "flags", 0);
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
    return good;
}

static void read_identifier(char out[37], const gp_json *row, const char *name)
{
    snprintf(out, 37, "%.36s", gp_json_get_string(row, name, ""));
}

static int load_delivery(gp_mock *m, int64_t id, const gp_json *row)
{
    gp_delivery *d = calloc(1, sizeof *d);
    gp_outbox *outbox = &m->outbox;
    int good = 0;
    if (d) {
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
        /* The process that was sending it has ended: it is sent again, with the same key. */
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
    return good;
}

static void clear(gp_mock *m)
{
    size_t i;
    for (i = 0; i < m->hooks.count; i++)
        gp_hook_free(m->hooks.items[i]);
    m->hooks.count = 0;
    gp_outbox_clear(&m->outbox);
}

const gp_entity gp_hook_entity = {.kind = "hook", .load = load_hook, .clear = clear};
const gp_entity gp_delivery_entity = {.kind = "delivery", .load = load_delivery};

const char *gp_hook_alert_status(const gp_hook *hook, gp_ms now)
{
    if (hook->off) return "disabled";
    return gp_hook_executable(hook, now) ? "executable" : "temporarily_disabled";
}

/* Refuses characters that could end a header or a URL. */
int gp_hook_text_fits(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) return 0;
    }
    return 1;
}

int gp_hook_url_fits(const char *url)
{
    return (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) &&
           gp_hook_text_fits(url) && !strchr(url, ' ');
}

gp_hook *gp_hook_new(const gp_mock *m, int64_t project_id)
{
    gp_hook *hook = calloc(1, sizeof *hook);
    if (!hook) return NULL;
    hook->id = m->next_hook;
    hook->project_id = project_id;
    hook->events = GP_HOOK_PIPELINE | GP_HOOK_JOB | GP_HOOK_DEPLOYMENT;
    hook->retries = 3;
    hook->off_until = GP_MS_NONE;
    hook->created_at = m->now;
    return hook;
}

int gp_hook_enter(gp_mock *m, gp_hook *hook)
{
    if (!gp_list_add(&m->hooks, hook)) {
        gp_store_object(m, "hook", hook->id, NULL);
        return 0;
    }
    m->next_hook++;
    return 1;
}

void gp_hook_drop(gp_mock *m, gp_hook *hook)
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
