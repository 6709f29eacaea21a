/*
 * The limiter's windows in a block of memory shared between processes: its layout and every
 * decision about it. io/shared_limits.h maps and locks the block.
 *
 * The block has a fixed size. It starts with a header, followed by the servers' quotas (a host and
 * token, the throttle's name, the requests left, until when), and for each rule a number of
 * windows, each with one subject and as many slots as the rule's count:
 *
 *   slot    0                  free, never used
 *           held by an owner   taken by a request that has not been sent yet
 *           a stamp            the time it was sent; free again a window's length later
 *
 * An admitted request takes one slot in each of its windows. A slot is one word, written
 * atomically, so a process that dies between two stores leaves nothing but some slots taken: a held
 * slot whose owner is gone counts as sent once that is detected. The window's head, the number of
 * slots ever taken, is updated after the slot; it only says where to start the search.
 *
 * Functions marked LOCKED need the block's lock. Finishing a held slot (sent, give back) does not:
 * only its owner writes that word.
 *
 * Subjects are digests: neither a host nor a token can be read from the block. Times are seconds
 * since boot.
 */
#ifndef GP_SHARED_WINDOWS_H
#define GP_SHARED_WINDOWS_H

#include <stddef.h>
#include <stdint.h>

#include "core/limiter.h"

#define GP_SHARED_VERSION 2
#define GP_SHARED_OWNERS  1024

/* Seconds until a slot held by another process is polled again: there is no notification when it is
 * given back. */
#define GP_SHARED_LOOK 0.25

/* Processes can share a block if they run on the same boot and in the same time namespace. */
typedef struct gp_shared_identity {
    char boot[40]; /* the kernel's boot id; the rest are zeros */
    uint64_t time_namespace;
} gp_shared_identity;

typedef struct gp_shared_rule {
    uint32_t count, windows;
    uint64_t length; /* nanoseconds */
} gp_shared_rule;

typedef struct gp_shared_header {
    char magic[8];
    uint32_t version, unused;
    uint64_t size; /* of the whole block */
    gp_shared_identity identity;
    gp_shared_rule rules[GP_LIMITER_RULES];
    uint64_t checksum; /* of the header up to here */
} gp_shared_header;

typedef enum gp_shared_state {
    GP_SHARED_READY,
    GP_SHARED_NEW,        /* empty */
    GP_SHARED_UNFINISHED, /* its creator died before it was complete: create it again */
    GP_SHARED_FOREIGN,    /* not a block */
    GP_SHARED_OTHER_VERSION,
    GP_SHARED_DAMAGED,
    /* Valid, but unusable here; may be created again if no process uses it: */
    GP_SHARED_OTHER_BOOT,
    GP_SHARED_OTHER_CLOCK,
    GP_SHARED_OTHER_RULES,
} gp_shared_state;

/* A block that is mapped. */
typedef struct gp_shared_block {
    unsigned char *memory;
    gp_shared_header header; /* a copy from gp_shared_attach */
    size_t first[GP_LIMITER_RULES];
} gp_shared_block;

/* A digest of a host, a token and a request's subject; {0, 0}: the rule does not apply. */
typedef struct gp_shared_subject {
    uint64_t words[2];
} gp_shared_subject;

/* A request: the host whose quotas apply, the subjects of its windows, and the number of the
 * process that sends it, below GP_SHARED_OWNERS. */
typedef struct gp_shared_request {
    gp_shared_subject host, subjects[GP_LIMITER_RULES];
    uint32_t owner;
} gp_shared_request;

/* The slots of one request, as offsets into the block; 0: none. */
typedef struct gp_shared_places {
    size_t at[GP_LIMITER_RULES];
} gp_shared_places;

/* Tells whether the owner of a held slot is still alive. */
typedef struct gp_shared_census {
    int (*alive)(void *ctx, uint32_t owner);
    void *ctx;
} gp_shared_census;

/* The size of a block with these rules in bytes; 0 when it would be too large. */
size_t gp_shared_bytes(const gp_limit_rule rules[GP_LIMITER_RULES]);

/* Classifies a file of `size` bytes from its first `len` bytes. */
gp_shared_state gp_shared_read(const void *bytes, size_t len, uint64_t size,
                               const gp_limit_rule rules[GP_LIMITER_RULES],
                               const gp_shared_identity *identity);

/* The magic of an unfinished block: written at its start before anything else. */
extern const char gp_shared_unfinished[8];

/* LOCKED. Creates a block in `memory` (gp_shared_bytes, marked as unfinished). `used`: requests may
 * have been sent just before, so every window counts as full at `now`. */
void gp_shared_make(void *memory, const gp_limit_rule rules[GP_LIMITER_RULES],
                    const gp_shared_identity *identity, int used, double now);

/* Starts using a block that is ready. */
void gp_shared_attach(gp_shared_block *block, void *memory);

/* Is the header unchanged since gp_shared_attach? */
int gp_shared_intact(const gp_shared_block *block);

/* LOCKED. Takes a slot in the window of each subject, or none: then *until is when to try again. */
int gp_shared_take(gp_shared_block *block, const gp_shared_request *request,
                   const gp_shared_census *census, double now, gp_shared_places *places,
                   double *until);

/* The request's bytes are about to be sent: its slots count from now, for every process. (If the
 * process is stopped before the bytes are written, they are sent later than recorded.) */
void gp_shared_sent(gp_shared_block *block, const gp_shared_places *places, uint32_t owner,
                    double now);

/* Nothing was or will be sent. */
void gp_shared_give_back(gp_shared_block *block, const gp_shared_places *places, uint32_t owner);

/* LOCKED. Closes this window until `until`. */
void gp_shared_close(gp_shared_block *block, int rule, const gp_shared_subject *subject, double now,
                     double until);

/* LOCKED. Applies a server's quota report from the response to the request, for every process, as
 * gp_limiter_quota does for one: the lowest report within one window of the throttle holds. The
 * server has not counted requests that were sent after this one or are still held. */
void gp_shared_quota(gp_shared_block *block, const gp_shared_request *request,
                     const gp_limiter_word *report, double now);

/* LOCKED. The previous process with this owner's number is gone: its held slots count as sent. */
void gp_shared_sweep(gp_shared_block *block, uint32_t owner, double now);

/* Slots used at `now`. Without the lock, the result is a snapshot that may be stale. */
uint32_t gp_shared_used(const gp_shared_block *block, int rule, const gp_shared_subject *subject,
                        double now);

#endif
