/*
 * Memory that is allocated piece by piece and freed all at once: one arena for each request (its
 * parameters, its scratch strings) and one for each loaded world.
 *
 * A zeroed gp_arena is empty and ready. Pieces are zeroed and aligned for any type. When memory
 * runs out the result is NULL and `failed` stays set, so a caller can build a whole tree and check
 * once at the end.
 */
#ifndef GP_MOCK_BASE_ARENA_H
#define GP_MOCK_BASE_ARENA_H

#include <stddef.h>

typedef struct gp_arena_block gp_arena_block;

typedef struct gp_arena {
    gp_arena_block *blocks;
    int failed;
} gp_arena;

void *gp_arena_get(gp_arena *arena, size_t size);

/* A copy of `len` bytes with a NUL behind it. */
char *gp_arena_copy(gp_arena *arena, const char *data, size_t len);
char *gp_arena_string(gp_arena *arena, const char *text);

/* printf into the arena. */
char *gp_arena_print(gp_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Forgets every piece but keeps the first block for the next use. */
void gp_arena_reset(gp_arena *arena);
void gp_arena_free(gp_arena *arena);

#endif
