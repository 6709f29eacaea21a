/* A list of blocks of 8 KiB or more; a piece is cut from the newest one. */
#include "mock/base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gp_arena_block {
    gp_arena_block *next;
    size_t size;
    size_t used;
    max_align_t data[];
};

enum { BLOCK_SIZE = 8192 - sizeof(gp_arena_block) };

static gp_arena_block *block_new(gp_arena *arena, size_t least)
{
    size_t size = least > BLOCK_SIZE ? least : BLOCK_SIZE;
    gp_arena_block *block;
    if (size > SIZE_MAX - sizeof *block) return NULL;
    block = malloc(sizeof *block + size);
    if (!block) return NULL;
    block->size = size;
    block->used = 0;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *gp_arena_get(gp_arena *arena, size_t size)
{
    gp_arena_block *block = arena->blocks;
    size_t rounded = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    char *piece;
    if (rounded < size) {
        arena->failed = 1;
        return NULL;
    }
    if (!block || block->size - block->used < rounded) block = block_new(arena, rounded);
    if (!block) {
        arena->failed = 1;
        return NULL;
    }
    piece = (char *)block->data + block->used;
    block->used += rounded;
    memset(piece, 0, rounded);
    return piece;
}

char *gp_arena_copy(gp_arena *arena, const char *data, size_t len)
{
    char *copy = len < SIZE_MAX ? gp_arena_get(arena, len + 1) : NULL;
    if (copy && len) memcpy(copy, data, len);
    return copy;
}

char *gp_arena_string(gp_arena *arena, const char *text)
{
    return gp_arena_copy(arena, text, strlen(text));
}

char *gp_arena_print(gp_arena *arena, const char *format, ...)
{
    va_list args;
    char *text = NULL;
    int len;
    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len >= 0) text = gp_arena_get(arena, (size_t)len + 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

void gp_arena_reset(gp_arena *arena)
{
    gp_arena_block *block = arena->blocks;
    while (block && block->next) {
        gp_arena_block *next = block->next;
        free(block);
        block = next;
    }
    if (block) block->used = 0;
    arena->blocks = block;
    arena->failed = 0;
}

void gp_arena_free(gp_arena *arena)
{
    while (arena->blocks) {
        gp_arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    arena->failed = 0;
}
