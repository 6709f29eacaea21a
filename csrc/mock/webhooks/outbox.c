/* Order, retries and back-off of deliveries, as functions of the time. */
#include "mock/webhooks/outbox.h"

#include <stdlib.h>
#include <string.h>

/* GitLab's rules for targets that fail. */
enum { FAILURES_OFF = 4, FAILURES_FOR_GOOD = 40, FIRST_OFF = 60000, LONGEST_OFF = 86400000 };

/* A delivery that is held back to be overtaken waits at most this long. */
enum { HELD_FOR = 5000 };

/* The waits before the second, third and every further attempt. */
static const gp_ms pauses[] = {10000, 60000, 300000};

const char *gp_delivery_state_name(gp_delivery_state state)
{
    static const char *const names[] = {"waiting", "sending", "delivered", "failed", "skipped"};
    return names[state];
}

gp_hook *gp_hook_by_id(const gp_list *hooks, int64_t id)
{
    size_t i;
    for (i = 0; i < hooks->count; i++) {
        gp_hook *hook = hooks->items[i];
        if (hook->id == id) return hook;
    }
    return NULL;
}

gp_delivery *gp_delivery_by_id(const gp_outbox *outbox, int64_t id)
{
    size_t i;
    for (i = 0; i < outbox->items.count; i++) {
        gp_delivery *d = outbox->items.items[i];
        if (d->id == id) return d;
    }
    return NULL;
}

int gp_hook_executable(const gp_hook *hook, gp_ms t)
{
    return !hook->off && (hook->off_until == GP_MS_NONE || hook->off_until <= t);
}

/* When this delivery may go, whatever else waits. */
static gp_ms ready_at(const gp_list *hooks, const gp_delivery *d)
{
    const gp_hook *hook = gp_hook_by_id(hooks, d->hook_id);
    if (d->state != GP_DELIVERY_WAITING || !hook) return GP_MS_NEVER;
    if (d->test) return d->due;
    if (hook->off) return GP_MS_NEVER;
    return hook->off_until > d->due ? hook->off_until : d->due;
}

static gp_delivery *first_of(const gp_outbox *outbox, const gp_list *hooks, gp_ms *at)
{
    gp_delivery *found = NULL;
    size_t i;
    *at = GP_MS_NEVER;
    for (i = 0; i < outbox->items.count; i++) {
        gp_delivery *d = outbox->items.items[i];
        gp_ms ready = ready_at(hooks, d);
        if (ready == GP_MS_NEVER) continue;
        if (!found || ready < *at || (ready == *at && d->order < found->order)) {
            found = d;
            *at = ready;
        }
    }
    return found;
}

gp_delivery *gp_outbox_take(gp_outbox *outbox, const gp_list *hooks, gp_ms t)
{
    gp_ms at;
    gp_delivery *d = first_of(outbox, hooks, &at);
    if (!d || at > t) return NULL;
    d->state = GP_DELIVERY_SENDING;
    d->held = 0;
    d->tries++;
    d->sent_at = t;
    return d;
}

gp_ms gp_outbox_next(const gp_outbox *outbox, const gp_list *hooks)
{
    gp_ms at;
    first_of(outbox, hooks, &at);
    return at;
}

/* The delivery of that hook that waits to be overtaken, or NULL. */
static gp_delivery *held_of(const gp_outbox *outbox, int64_t hook_id)
{
    size_t i;
    for (i = 0; i < outbox->items.count; i++) {
        gp_delivery *d = outbox->items.items[i];
        if (d->hook_id == hook_id && d->held && d->state == GP_DELIVERY_WAITING) return d;
    }
    return NULL;
}

void gp_outbox_queue(gp_outbox *outbox, const gp_hook *hook, gp_delivery *d, gp_ms t)
{
    gp_delivery *before = hook->reorder && !d->test ? held_of(outbox, hook->id) : NULL;
    d->state = d->test || gp_hook_executable(hook, t) ? GP_DELIVERY_WAITING : GP_DELIVERY_SKIPPED;
    d->due = t + (d->test ? 0 : hook->delay);
    d->order = outbox->next_order++;
    if (d->state == GP_DELIVERY_SKIPPED || !hook->reorder || d->test) return;
    if (before) {
        before->held = 0;
        before->due = d->due;
        before->order = outbox->next_order++;
    } else {
        d->held = 1;
        d->due += HELD_FOR;
    }
}

static void hook_failed(gp_hook *hook, gp_ms t)
{
    gp_ms pause = FIRST_OFF;
    int64_t i;
    hook->failures++;
    if (hook->failures >= FAILURES_FOR_GOOD) hook->off = 1;
    if (hook->failures < FAILURES_OFF) return;
    for (i = FAILURES_OFF; i < hook->failures && pause < LONGEST_OFF; i++)
        pause *= 2;
    hook->off_until = t + (pause < LONGEST_OFF ? pause : LONGEST_OFF);
}

void gp_outbox_report(gp_hook *hook, gp_delivery *d, int status, gp_ms t)
{
    size_t last = sizeof pauses / sizeof *pauses - 1;
    d->status = status;
    d->answered_at = t;
    if (status >= 200 && status < 400) {
        d->state = GP_DELIVERY_DELIVERED;
        hook->failures = hook->off = 0;
        hook->off_until = GP_MS_NONE;
        return;
    }
    hook_failed(hook, t);
    if (d->test || d->tries > hook->retries) {
        d->state = GP_DELIVERY_FAILED;
        return;
    }
    d->state = GP_DELIVERY_WAITING;
    d->due = t + pauses[(size_t)d->tries - 1 < last ? (size_t)d->tries - 1 : last];
}

void gp_outbox_resend(gp_outbox *outbox, gp_delivery *d, gp_ms t)
{
    d->state = GP_DELIVERY_WAITING;
    d->test = 1;
    d->held = 0;
    d->due = t;
    d->order = outbox->next_order++;
}

void gp_hook_free(gp_hook *hook)
{
    if (!hook) return;
    free(hook->url);
    free(hook->token);
    free(hook->signing);
    free(hook->name);
    free(hook->description);
    free(hook->branches);
    free(hook);
}

void gp_delivery_free(gp_delivery *d)
{
    if (!d) return;
    free(d->subject);
    free(d->body);
    free(d->answer);
    free(d);
}

void gp_outbox_clear(gp_outbox *outbox)
{
    size_t i;
    for (i = 0; i < outbox->items.count; i++)
        gp_delivery_free(outbox->items.items[i]);
    gp_list_free(&outbox->items);
    outbox->next_id = outbox->next_order = 1;
}
