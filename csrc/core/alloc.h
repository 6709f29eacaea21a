/*
 * The allocator that csrc/core uses. The caller supplies it: the core itself never calls malloc.
 *
 * The binding passes one backed by realloc and free (lgp_alloc() in binding/lgp.h); a test passes
 * one that fails at the n-th call.
 */
#ifndef GP_ALLOC_H
#define GP_ALLOC_H

#include <stddef.h>

/*
 * `resize` allocates (ptr NULL, old_size 0), grows, shrinks or frees (new_size 0, returns NULL) a
 * block. On failure it returns NULL and leaves the old block as it was. Freeing never fails.
 */
typedef struct gp_alloc {
    void *(*resize)(void *ctx, void *ptr, size_t old_size, size_t new_size);
    void *ctx;
} gp_alloc;

#endif
