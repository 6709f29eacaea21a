/* Fixed windows of a minute or a period, one for each key; they survive a restart as rows. */
#include "mock/request/throttle.h"

#include <stdlib.h>

#include "mock/request/auth.h"
#include "mock/rows/entity.h"
#include "mock/rows/save.h"
#include "mock/rows/store.h"

/* GitLab.com's limit for a user, in requests a minute. */
enum { DEFAULT_LIMIT = 2000, MINUTE = 60000, MANY_WINDOWS = 4096 };

typedef struct window {
    int64_t key;
    gp_ms start, period;
    int64_t count;
    int dirty; /* not written since it last counted a request */
    int holds; /* a limit has used it */
} window;

/* Drops windows that are over. */
static void prune(gp_mock *m)
{
    size_t i, kept = 0;
    for (i = 0; i < m->windows.count; i++) {
        window *w = m->windows.items[i];
        if (w->start + w->period > m->now) {
            m->windows.items[kept++] = w;
        } else {
            gp_ids_remove(&m->window_keys, w->key);
            gp_store_object(m, "window", w->key, NULL);
            free(w);
        }
    }
    m->windows.count = kept;
}

static window *window_new(gp_mock *m, int64_t key)
{
    window *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->key = key;
    if (!gp_list_add(&m->windows, w)) {
        free(w);
        return NULL;
    }
    if (!gp_ids_put(&m->window_keys, key, w)) {
        m->windows.count--;
        free(w);
        return NULL;
    }
    return w;
}

/* The current window of that key, to be counted in; NULL when memory ran out. */
static window *window_at(gp_mock *m, uint64_t hash, gp_ms period)
{
    int64_t key = (int64_t)(hash >> 1);
    window *w = gp_ids_get(&m->window_keys, key);
    gp_ms start;
    if (period < 1) period = 1;
    start = m->now - m->now % period;
    if (!w) {
        if (m->windows.count >= MANY_WINDOWS) prune(m);
        w = window_new(m, key);
        if (!w) return NULL;
    }
    w->dirty = 1;
    if (w->start != start || w->period != period) w->count = 0;
    w->start = start;
    w->period = period;
    return w;
}

static void save(gp_mock *m, gp_save_occasion occasion)
{
    size_t i;
    for (i = 0; i < m->windows.count; i++) {
        window *w = m->windows.items[i];
        gp_buf buf = {.alloc = &m->alloc};
        if (!w->dirty || !(occasion == GP_SAVE_ALL || w->holds)) continue;
        w->dirty = 0;
        gp_write_open(&buf, NULL, '{');
        gp_write_integer(&buf, "start", w->start);
        gp_write_integer(&buf, "period", w->period);
        gp_write_integer(&buf, "count", w->count);
        gp_write_close(&buf, '}');
        gp_store_row(m, "window", w->key, &buf);
    }
}

static int load_one(gp_mock *m, int64_t key, const gp_json *row)
{
    window *w = window_new(m, key);
    if (!w) return 0;
    w->start = gp_json_get_integer(row, "start", 0);
    w->period = gp_json_get_integer(row, "period", 1);
    w->count = gp_json_get_integer(row, "count", 0);
    return 1;
}

static void clear(gp_mock *m)
{
    size_t i;
    for (i = 0; i < m->windows.count; i++)
        free(m->windows.items[i]);
    gp_list_free(&m->windows);
    gp_ids_free(&m->window_keys);
}

static void must_last(gp_mock *m, window *w)
{
    w->holds = 1;
    gp_store_begin(m);
}

/* Identifies the caller before authorization: a token stands for itself. */
static uint64_t asker(const gp_call *call, int64_t scope)
{
    const char *token = gp_auth_header(call);
    return gp_mock_hash(call->m, token ? token : "", (uint64_t)scope + 1);
}

static void tell(gp_call *call, const window *w, int64_t limit, int exceeded)
{
    gp_rate *rate = &call->rate;
    int64_t left = w->count < limit ? limit - w->count : 0;
    if (rate->limit && rate->remaining <= left && !(exceeded && !rate->exceeded)) return;
    rate->limit = (limit * MINUTE + w->period - 1) / w->period;
    rate->observed = w->count;
    rate->remaining = left;
    rate->reset = w->start + w->period;
    rate->exceeded |= exceeded;
}

int gp_throttle_count(gp_call *call, const gp_json *rule, int64_t scope)
{
    int64_t limit = gp_json_get_integer(rule, "limit", -1);
    gp_ms period = gp_ms_from_seconds(gp_json_get_number(rule, "period", 60));
    window *w = limit < 0 ? NULL : window_at(call->m, asker(call, scope), period);
    int exceeded;
    if (!w) return 0;
    exceeded = ++w->count > limit;
    must_last(call->m, w);
    tell(call, w, limit, exceeded);
    return exceeded;
}

void gp_throttle_default(gp_call *call)
{
    window *w = window_at(call->m, asker(call, -1), MINUTE);
    if (!w) return;
    w->count++;
    tell(call, w, DEFAULT_LIMIT, 0);
}

/* Counts one request against the limit that `what` and `number` name; a negative limit is none. */
static int allows(gp_call *call, int64_t limit, const char *what, uint64_t number)
{
    window *w = limit < 0 ? NULL : window_at(call->m, gp_mock_hash(call->m, what, number), MINUTE);
    if (!w) return 1;
    must_last(call->m, w);
    return ++w->count <= limit;
}

int gp_throttle_allows_pipeline(gp_call *call, int64_t limit, const char *sha)
{
    return allows(call, limit, sha,
                  gp_mock_hash(call->m, "creations", (uint64_t)call->project->id) +
                      (uint64_t)call->user->id);
}

int gp_throttle_allows_jobs(gp_call *call, int64_t limit)
{
    return allows(call, limit, "jobs", (uint64_t)call->user->id);
}

const gp_entity gp_window_entity = {
    .kind = "window", .load = load_one, .save = save, .clear = clear};
