/* Taking and reporting are committed at once: a crash in between leaves the delivery unsent. */
#include "mock/webhooks/sender.h"

#include <stdlib.h>
#include <string.h>

#include "mock/engine/advance.h"
#include "mock/engine/schedule.h"
#include "mock/request/serve.h"
#include "mock/rows/clock.h"
#include "mock/rows/commit.h"
#include "mock/rows/store.h"
#include "mock/webhooks/hook.h"
#include "mock/webhooks/outbox.h"

double gp_sender_timeout(gp_mock *m, double now)
{
    const gp_pipeline *first = gp_schedule_first(m);
    gp_ms next = gp_outbox_next(&m->outbox, &m->hooks);
    if (!m->hooks.count) return -1;
    gp_clock_set(m, now);
    if (first && first->due < next) next = first->due;
    if (next <= m->now) return m->hooks_rest > m->caller ? 1 : 0;
    /* A virtual clock does not advance by itself. */
    return next == GP_MS_NEVER || m->clock_virtual ? -1 : (double)(next - m->now) / 1000;
}

gp_delivery *gp_sender_take(gp_mock *m, double now, const gp_hook **target)
{
    gp_delivery *d;
    if (!m->hooks.count) return NULL;
    gp_clock_set(m, now);
    gp_store_patience(m, 0);
    if (!gp_commit_begin_write(m)) {
        m->hooks_rest = m->caller + 1000;
        gp_commit(m);
        return NULL;
    }
    gp_serve_catch_up(m, now);
    gp_engine_advance(m);
    m->acted = 1;
    d = gp_outbox_take(&m->outbox, &m->hooks, m->now);
    if (!d) return NULL;
    *target = gp_hook_by_id(&m->hooks, d->hook_id);
    d->stamp = m->caller;
    gp_delivery_save(m, d);
    if (gp_commit(m)) return d;
    /* It stays unsent until the database can record that it is being sent. */
    m->hooks_rest = m->caller + 1000;
    return NULL;
}

int gp_sender_report(gp_mock *m, double now, int64_t id, int status, const char *answer, size_t len)
{
    gp_delivery *d;
    gp_hook *hook;
    gp_store_patience(m, 0);
    if (!gp_commit_begin_write(m)) {
        m->behind = 1; /* once read again, it is unsent: as after a crash */
        return 0;
    }
    d = gp_delivery_by_id(&m->outbox, id);
    hook = d ? gp_hook_by_id(&m->hooks, d->hook_id) : NULL;
    if (!hook || d->state != GP_DELIVERY_SENDING) return 0;
    gp_serve_catch_up(m, now);
    gp_engine_advance(m);
    m->acted = 1;
    if (len > GP_ANSWER_MAX) len = GP_ANSWER_MAX;
    free(d->answer);
    d->answer = gp_utf8_valid(answer, len) ? strndup(answer, len) : strdup("[not text]");
    gp_outbox_report(hook, d, status, m->now);
    gp_delivery_save(m, d);
    gp_hook_save(m, hook);
    return gp_commit(m);
}
