/*
 * A table from whole numbers to pointers: rows by id. Zeroed is empty; nothing is owned.
 */
#ifndef GP_MOCK_BASE_IDS_H
#define GP_MOCK_BASE_IDS_H

#include <stddef.h>
#include <stdint.h>

typedef struct gp_ids_slot {
    int64_t id;
    void *row; /* NULL: the slot is free */
} gp_ids_slot;

typedef struct gp_ids {
    gp_ids_slot *slots;
    size_t cap; /* a power of two, or 0 */
    size_t count;
} gp_ids;

void *gp_ids_get(const gp_ids *ids, int64_t id);
/* Sets or replaces; 0 when memory ran out and nothing changed. `row` is not NULL. */
int gp_ids_put(gp_ids *ids, int64_t id, void *row);
void gp_ids_remove(gp_ids *ids, int64_t id);
void gp_ids_free(gp_ids *ids);

/* A growing array of pointers; zeroed is empty. */
typedef struct gp_list {
    void **items;
    size_t count;
    size_t cap;
} gp_list;

int gp_list_add(gp_list *list, void *item);
/* Removes the first occurrence and keeps the order of the others. */
void gp_list_remove(gp_list *list, const void *item);
void gp_list_free(gp_list *list);

#endif
