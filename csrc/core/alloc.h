/*
 * Where memory comes from, handed in by whoever uses csrc/core: so that one test can make each
 * allocation fail, and nothing here knows malloc.
 */
#ifndef GP_CORE_ALLOC_H
#define GP_CORE_ALLOC_H

#include <stddef.h>

/*
 * `resize` behaves as realloc does; the old size is told (0 for a new block). A new size of 0 frees
 * and returns NULL. On failure it returns NULL and leaves the block as it was.
 */
typedef struct gp_alloc {
    void *(*resize)(void *ctx, void *ptr, size_t old_size, size_t new_size);
    void *ctx;
} gp_alloc;

#endif
