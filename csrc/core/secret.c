#include "core/secret.h"

#include <string.h>

size_t gp_secret_size(size_t len)
{
    return sizeof(gp_secret) + len;
}

void gp_secret_init(gp_secret *secret, const char *text, size_t len)
{
    secret->layout = GP_SECRET_LAYOUT;
    secret->closed = 0;
    secret->len = len;
    memcpy(secret->data, text, len);
}

int gp_secret_is(const gp_secret *secret, size_t size)
{
    return size >= sizeof *secret && secret->layout == GP_SECRET_LAYOUT &&
           secret->len <= size - sizeof *secret;
}

void gp_secret_close(gp_secret *secret)
{
    explicit_bzero(secret->data, secret->len);
    secret->len = 0;
    secret->closed = 1;
}

int gp_secret_equals(const gp_secret *secret, const char *text, size_t len)
{
    volatile unsigned char difference = (unsigned char)(secret->closed | (secret->len != len));
    size_t i, count = secret->len < len ? secret->len : len;
    for (i = 0; i < count; i++)
        difference |= (unsigned char)(secret->data[i] ^ text[i]);
    return !difference;
}
