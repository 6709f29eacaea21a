/*
 * The signatures of webhooks, after Standard Webhooks as GitLab uses it.
 *
 * A signing token is "whsec_" and the base64 of a key. What is signed is the id of the delivery, a
 * dot, its timestamp (Unix seconds, as text), a dot, and the raw body; the signature is "v1," and
 * the base64 of the HMAC-SHA256. A header may hold several signatures between blanks, and a
 * receiver may know several keys while they are being changed: one pair that fits is enough.
 *
 *     gp_webhook_key key;
 *     if (!gp_webhook_key_read(&key, token, token_len)) ...
 *     gp_webhook_message message = {id, id_len, timestamp, timestamp_len, body, body_len};
 *     good = gp_webhook_verify(&key, 1, &message, header, header_len);
 *     gp_webhook_key_close(&key);
 *
 * The receiver must check the timestamp's age; nothing here reads a clock.
 */
#ifndef GP_CORE_WEBHOOK_H
#define GP_CORE_WEBHOOK_H

#include <stddef.h>

enum {
    GP_WEBHOOK_KEY_MIN = 24,       /* bytes; GitLab's keys have 32 */
    GP_WEBHOOK_KEY_MAX = 64,       /* bytes: one block of SHA-256 */
    GP_WEBHOOK_SIGNATURE_SIZE = 48 /* "v1,", 44 characters and a NUL */
};

typedef struct gp_webhook_key {
    unsigned char data[GP_WEBHOOK_KEY_MAX];
    size_t len;
} gp_webhook_key;

/* Borrows: each pointer is the caller's. */
typedef struct gp_webhook_message {
    const char *id;
    size_t id_len;
    const char *timestamp;
    size_t timestamp_len;
    const char *body;
    size_t body_len;
} gp_webhook_message;

/* Reads a signing token; the prefix is optional. 0 when it is invalid. */
int gp_webhook_key_read(gp_webhook_key *key, const char *text, size_t len);

/* Cleanses the key. */
void gp_webhook_key_close(gp_webhook_key *key);

/* Writes "v1,<base64>". 0 when libcrypto has no memory. */
int gp_webhook_sign(const gp_webhook_key *key, const gp_webhook_message *message,
                    char out[GP_WEBHOOK_SIGNATURE_SIZE]);

/*
 * Does one of the header's signatures fit one of the keys? Every pair is compared, each in constant
 * time, so that the time tells nothing but how many there are. Signatures of unknown versions are
 * passed over.
 */
int gp_webhook_verify(const gp_webhook_key *keys, size_t count, const gp_webhook_message *message,
                      const char *header, size_t header_len);

/* Are these two texts the same? In a time that depends on their lengths alone. */
int gp_webhook_same(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
