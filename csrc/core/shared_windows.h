/*
 * The limiter's windows in a block of memory that several processes see: what stands in it, and
 * every decision about it. Who maps and locks the block is somebody else (io/shared_limits.h).
 *
 * The block has a fixed size. A header says whose it is; then come the words of servers on what is
 * left (a host and token, the throttle's name, how much, until when), and for each rule so many
 * windows, each with one subject and as many places as the rule's count:
 *
 *   place   0                  free, never used
 *           held by an owner   given to a request whose bytes have not left yet
 *           a stamp            its bytes left then; free again a window's length later
 *
 * A request that goes takes one place in each of its windows. A place is one word and is written at
 * once, so whoever dies between two stores leaves some places taken and nothing else: a held place
 * whose owner is gone counts as sent when that is found out. The number of places ever taken, the
 * window's head, moves after the place is written; it only says where to look first.
 *
 * Functions marked LOCKED need the block for themselves. Taking a held place to its end (sent, give
 * back) does not: that word is its owner's alone.
 *
 * Subjects are digests: neither a host nor a token can be read from the block. Times are seconds
 * since the boot of the machine.
 */
#ifndef GP_SHARED_WINDOWS_H
#define GP_SHARED_WINDOWS_H

#include <stddef.h>
#include <stdint.h>

#include "core/limiter.h"

#define GP_SHARED_VERSION 2
#define GP_SHARED_OWNERS  1024

/* How long a place held by another process is believed to stay so before it is looked at again:
 * nobody tells us when it is given back. */
#define GP_SHARED_LOOK 0.25

/* Between which processes a block can be shared: those of one boot that agree on its clock. */
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
    GP_SHARED_NEW,        /* nothing was ever written */
    GP_SHARED_UNFINISHED, /* somebody died while making it: make it anew */
    GP_SHARED_FOREIGN,    /* no block of ours */
    GP_SHARED_OTHER_VERSION,
    GP_SHARED_DAMAGED,
    /* Sound, but of no use to us; with nobody alive in it, it may be made anew: */
    GP_SHARED_OTHER_BOOT,
    GP_SHARED_OTHER_CLOCK,
    GP_SHARED_OTHER_RULES,
} gp_shared_state;

/* A block that is mapped. */
typedef struct gp_shared_block {
    unsigned char *memory;
    gp_shared_header header; /* as it stood when it was found to be ready */
    size_t first[GP_LIMITER_RULES];
} gp_shared_block;

/* Two words that stand for a host, a token and what is asked for; {0, 0}: does not concern it. */
typedef struct gp_shared_subject {
    uint64_t words[2];
} gp_shared_subject;

/* A request that wants places: whose quotas have to allow it, in whose windows it counts, and the
 * number of the process that sends it, below GP_SHARED_OWNERS. */
typedef struct gp_shared_request {
    gp_shared_subject host, subjects[GP_LIMITER_RULES];
    uint32_t owner;
} gp_shared_request;

/* The places of one request, as offsets into the block; 0: none. */
typedef struct gp_shared_places {
    size_t at[GP_LIMITER_RULES];
} gp_shared_places;

/* Is the owner of a held place still there? */
typedef struct gp_shared_census {
    int (*alive)(void *ctx, uint32_t owner);
    void *ctx;
} gp_shared_census;

/* Bytes of a block with these rules; 0 when that is absurdly much. */
size_t gp_shared_bytes(const gp_limit_rule rules[GP_LIMITER_RULES]);

/* What a file of `size` bytes that begins with these `len` bytes is to us. */
gp_shared_state gp_shared_read(const void *bytes, size_t len, uint64_t size,
                               const gp_limit_rule rules[GP_LIMITER_RULES],
                               const gp_shared_identity *identity);

/* The mark with which the making of a block begins: to be written at its start. */
extern const char gp_shared_unfinished[8];

/* LOCKED. Makes a block in `memory` of gp_shared_bytes, marked as unfinished. `used`: it is not
 * known what was sent just before, so every subject's windows count as full at `now`. */
void gp_shared_make(void *memory, const gp_limit_rule rules[GP_LIMITER_RULES],
                    const gp_shared_identity *identity, int used, double now);

/* Takes a block that is ready into use. */
void gp_shared_attach(gp_shared_block *block, void *memory);

/* Is its header what it was? */
int gp_shared_intact(const gp_shared_block *block);

/* LOCKED. Takes a place in the window of each subject, or none: then *until is a time at which it
 * is worth asking again. */
int gp_shared_take(gp_shared_block *block, const gp_shared_request *request,
                   const gp_shared_census *census, double now, gp_shared_places *places,
                   double *until);

/* Its bytes leave now: this moment counts, for every process. (One that is stopped after it and
 * before the bytes are written sends later than anybody can know.) */
void gp_shared_sent(gp_shared_block *block, const gp_shared_places *places, uint32_t owner,
                    double now);

/* Nothing was or will be sent. */
void gp_shared_give_back(gp_shared_block *block, const gp_shared_places *places, uint32_t owner);

/* LOCKED. Nothing goes through this window before `until`. */
void gp_shared_close(gp_shared_block *block, int rule, const gp_shared_subject *subject, double now,
                     double until);

/* LOCKED. A server's word in its answer to the request. It holds for every process, as
 * gp_limiter_quota does for one: the lowest word within one of the throttle's windows. What was
 * sent after the request, or is about to be, has not been counted by the server. */
void gp_shared_quota(gp_shared_block *block, const gp_shared_request *request,
                     const gp_limiter_word *word, double now);

/* LOCKED. Whoever had this owner's number before is gone: what it held counts as sent now. */
void gp_shared_sweep(gp_shared_block *block, uint32_t owner, double now);

/* Places taken at `now`. May be asked without the lock: then it is the state of some moment. */
uint32_t gp_shared_used(const gp_shared_block *block, int rule, const gp_shared_subject *subject,
                        double now);

#endif
