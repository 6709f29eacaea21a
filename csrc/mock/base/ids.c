/* Open addressing with linear probing; removal closes the gap, so that no tombstones are needed. */
#include "mock/base/ids.h"

#include <stdlib.h>
#include <string.h>

static size_t slot_of(const gp_ids *ids, int64_t id)
{
    uint64_t hash = (uint64_t)id * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(hash >> 20) & (ids->cap - 1);
}

void *gp_ids_get(const gp_ids *ids, int64_t id)
{
    size_t i;
    if (!ids->cap) return NULL;
    for (i = slot_of(ids, id); ids->slots[i].row; i = (i + 1) & (ids->cap - 1)) {
        if (ids->slots[i].id == id) return ids->slots[i].row;
    }
    return NULL;
}

static int grow(gp_ids *ids)
{
    gp_ids bigger = {.cap = ids->cap ? ids->cap * 2 : 64};
    size_t i, k;
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots) return 0;
    for (i = 0; i < ids->cap; i++) {
        if (!ids->slots[i].row) continue;
        k = slot_of(&bigger, ids->slots[i].id);
        while (bigger.slots[k].row)
            k = (k + 1) & (bigger.cap - 1);
        bigger.slots[k] = ids->slots[i];
    }
    bigger.count = ids->count;
    free(ids->slots);
    *ids = bigger;
    return 1;
}

int gp_ids_put(gp_ids *ids, int64_t id, void *row)
{
    size_t i;
    if (ids->count >= ids->cap / 2 && !grow(ids)) return 0;
    for (i = slot_of(ids, id); ids->slots[i].row; i = (i + 1) & (ids->cap - 1)) {
        if (ids->slots[i].id == id) {
            ids->slots[i].row = row;
            return 1;
        }
    }
    ids->slots[i].id = id;
    ids->slots[i].row = row;
    ids->count++;
    return 1;
}

void gp_ids_remove(gp_ids *ids, int64_t id)
{
    size_t i, hole, home;
    if (!ids->cap) return;
    for (i = slot_of(ids, id); ids->slots[i].row; i = (i + 1) & (ids->cap - 1)) {
        if (ids->slots[i].id == id) break;
    }
    if (!ids->slots[i].row) return;
    ids->count--;
    /* Close the hole: move back whatever was pushed past it. */
    hole = i;
    for (i = (i + 1) & (ids->cap - 1); ids->slots[i].row; i = (i + 1) & (ids->cap - 1)) {
        home = slot_of(ids, ids->slots[i].id);
        if (((i - home) & (ids->cap - 1)) >= ((i - hole) & (ids->cap - 1))) {
            ids->slots[hole] = ids->slots[i];
            hole = i;
        }
    }
    ids->slots[hole].row = NULL;
}

void gp_ids_free(gp_ids *ids)
{
    free(ids->slots);
    memset(ids, 0, sizeof *ids);
}

int gp_list_add(gp_list *list, void *item)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 4;
        void **items = realloc(list->items, cap * sizeof *items);
        if (!items) return 0;
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = item;
    return 1;
}

void gp_list_remove(gp_list *list, const void *item)
{
    size_t i;
    for (i = 0; i < list->count; i++) {
        if (list->items[i] != item) continue;
        memmove(&list->items[i], &list->items[i + 1], (list->count - i - 1) * sizeof *list->items);
        list->count--;
        return;
    }
}

void gp_list_free(gp_list *list)
{
    free(list->items);
    memset(list, 0, sizeof *list);
}
