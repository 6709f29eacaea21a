/*
 * A secret: bytes that are never shown, and cleansed when they are no longer needed.
 *
 * The struct is the head of the block with the bytes, so a secret is one block that is never
 * copied. The binding keeps it in a userdata whose metatable is registered as GP_SECRET_TYPE;
 * another shared object gets it with luaL_checkudata, then gp_secret_is, and reads `data` and `len`
 * only to write the token into a header.
 *
 *     size_t size = gp_secret_size(len);
 *     gp_secret *secret = <block of size bytes>;
 *     gp_secret_init(secret, text, len);
 *     ...
 *     gp_secret_close(secret);
 */
#ifndef GP_SECRET_H
#define GP_SECRET_H

#include <stddef.h>

/* The registry name of the userdata that holds a gp_secret. */
#define GP_SECRET_TYPE "gitlab_pipelines.secret"

/* Changes with the layout of the struct: shared objects may come from different builds. */
#define GP_SECRET_LAYOUT 0x67705331u

/* Shorter secrets are refused by default: they cannot be told from other text. */
#define GP_SECRET_MIN 8

/* What is shown in place of a secret. */
#define GP_SECRET_SHOWN "[secret]"

typedef struct gp_secret {
    unsigned layout;
    unsigned closed; /* 1: cleansed, `len` is 0 */
    size_t len;
    char data[]; /* not NUL-terminated; may contain any byte */
} gp_secret;

/* The size of the block for a secret of `len` bytes. */
size_t gp_secret_size(size_t len);

/* Copies `text` into a block of gp_secret_size(len) bytes. */
void gp_secret_init(gp_secret *secret, const char *text, size_t len);

/* Is this block, of `size` bytes, a secret of this layout? */
int gp_secret_is(const gp_secret *secret, size_t size);

/* Cleanses the bytes. May be called again. */
void gp_secret_close(gp_secret *secret);

/* Compares in a time that depends on the lengths only. A closed secret equals nothing. */
int gp_secret_equals(const gp_secret *secret, const char *text, size_t len);

#endif
