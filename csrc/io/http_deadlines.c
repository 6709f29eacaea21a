/*
 * A binary heap of active transfers by `look_at`, the next moment at which something of theirs may
 * have run out. That moment may be too early (a byte has come since): then the transfer is looked
 * at and put back, which is cheaper than moving it for every byte.
 */
#include "io/http_internal.h"

#include <stdlib.h>

static void place(gp_http_engine *engine, gp_http_transfer *transfer, size_t index)
{
    engine->deadlines[index] = transfer;
    transfer->deadline_index = index;
}

static void rise(gp_http_engine *engine, gp_http_transfer *transfer, size_t index)
{
    while (index > 1 && engine->deadlines[index / 2]->look_at > transfer->look_at) {
        place(engine, engine->deadlines[index / 2], index);
        index /= 2;
    }
    place(engine, transfer, index);
}

static void sink(gp_http_engine *engine, gp_http_transfer *transfer, size_t index)
{
    for (;;) {
        size_t child = index * 2;
        if (child > engine->deadline_count) break;
        if (child < engine->deadline_count &&
            engine->deadlines[child + 1]->look_at < engine->deadlines[child]->look_at) {
            child++;
        }
        if (engine->deadlines[child]->look_at >= transfer->look_at) break;
        place(engine, engine->deadlines[child], index);
        index = child;
    }
    place(engine, transfer, index);
}

int gp_http_deadlines_add(gp_http_engine *engine, gp_http_transfer *transfer, double at)
{
    if (engine->deadline_count + 1 >= engine->deadline_cap) {
        size_t cap = engine->deadline_cap ? engine->deadline_cap * 2 : 64;
        gp_http_transfer **grown = realloc(engine->deadlines, cap * sizeof(*grown));
        if (!grown) return 0;
        engine->deadlines = grown;
        engine->deadline_cap = cap;
    }
    transfer->look_at = at;
    rise(engine, transfer, ++engine->deadline_count);
    return 1;
}

void gp_http_deadlines_move(gp_http_engine *engine, gp_http_transfer *transfer, double at)
{
    size_t index = transfer->deadline_index;
    double before = transfer->look_at;
    if (!index) return;
    transfer->look_at = at;
    if (at < before)
        rise(engine, transfer, index);
    else
        sink(engine, transfer, index);
}

void gp_http_deadlines_remove(gp_http_engine *engine, gp_http_transfer *transfer)
{
    size_t index = transfer->deadline_index;
    gp_http_transfer *last;
    if (!index) return;
    transfer->deadline_index = 0;
    last = engine->deadlines[engine->deadline_count--];
    if (last == transfer) return;
    if (index > 1 && engine->deadlines[index / 2]->look_at > last->look_at)
        rise(engine, last, index);
    else
        sink(engine, last, index);
}
