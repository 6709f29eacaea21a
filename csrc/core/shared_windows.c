#include "core/shared_windows.h"

#include <string.h>

/* A test defines this to die after each store in turn. */
#ifndef GP_SHARED_STORED
#define GP_SHARED_STORED() ((void)0)
#endif

#define HEADER_SIZE  4096u
#define MAX_BYTES    (1u << 28)
#define HOSTS        32u /* hosts and tokens with windows at a time */
#define TARGET_SLOTS 16384u
#define MIN_WINDOWS  16u
#define MAX_WINDOWS  256u

#define QUOTAS (HOSTS * GP_LIMITER_QUOTAS)

#define HELD   (UINT64_C(1) << 63)
#define SECOND 1e9
#define MARGIN ((uint64_t)(GP_LIMITER_MARGIN * SECOND))

/* A time further ahead than this is damaged. (Stamps may be slightly ahead: other processes write
 * them after we read the clock.) */
#define A_DAY (UINT64_C(86400) * 1000000000)

static const char ready_mark[8] = {'G', 'P', 'L', 'I', 'M', 'I', 'T', '\n'};
const char gp_shared_unfinished[8] = {'G', 'P', 'L', 'I', 'M', 'N', 'E', 'W'};

typedef struct window {
    uint64_t subject[2]; /* zeros: unused */
    uint64_t head;       /* slots taken so far */
    uint64_t closed_until;
    uint64_t slots[];
} window;

typedef struct quota {
    uint64_t host[2];
    uint64_t name;
    uint64_t until; /* expired when in the past */
    uint64_t left;
} quota;

static void store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
    GP_SHARED_STORED();
}

static uint64_t load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static uint64_t checksum_of(const gp_shared_header *header)
{
    return gp_limiter_subject((const char *)header, offsetof(gp_shared_header, checksum));
}

static void layout(gp_shared_rule out[GP_LIMITER_RULES], const gp_limit_rule rules[])
{
    int rule;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        uint32_t count = rules[rule].count, windows = HOSTS;
        if (!rules[rule].shared && count > 0) {
            windows = TARGET_SLOTS / count;
            windows = windows < MIN_WINDOWS   ? MIN_WINDOWS
                      : windows > MAX_WINDOWS ? MAX_WINDOWS
                                              : windows;
        }
        out[rule].count = count;
        out[rule].windows = count > 0 ? windows : 0;
        out[rule].length = count > 0 ? (uint64_t)(rules[rule].length * SECOND) : 0;
    }
}

static uint64_t window_size(const gp_shared_rule *rule)
{
    return sizeof(window) + rule->count * (uint64_t)sizeof(uint64_t);
}

static uint64_t size_of(const gp_shared_rule rules[GP_LIMITER_RULES])
{
    uint64_t size = HEADER_SIZE + QUOTAS * sizeof(quota);
    int rule;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++)
        size += rules[rule].windows * window_size(&rules[rule]);
    return size;
}

size_t gp_shared_bytes(const gp_limit_rule rules[GP_LIMITER_RULES])
{
    gp_shared_rule own[GP_LIMITER_RULES];
    uint64_t size;
    layout(own, rules);
    size = size_of(own);
    return size > MAX_BYTES ? 0 : (size_t)size;
}

gp_shared_state gp_shared_read(const void *bytes, size_t len, uint64_t size,
                               const gp_limit_rule rules[GP_LIMITER_RULES],
                               const gp_shared_identity *identity)
{
    gp_shared_header header;
    gp_shared_rule own[GP_LIMITER_RULES];
    if (size == 0) return GP_SHARED_NEW;
    memset(&header, 0, sizeof(header));
    memcpy(&header, bytes, len < sizeof(header) ? len : sizeof(header));
    if (memcmp(header.magic, gp_shared_unfinished, sizeof(header.magic)) == 0) {
        return GP_SHARED_UNFINISHED;
    }
    if (memcmp(header.magic, ready_mark, sizeof(header.magic)) != 0) return GP_SHARED_FOREIGN;
    if (len < sizeof(header)) return GP_SHARED_DAMAGED;
    if (header.version != GP_SHARED_VERSION) return GP_SHARED_OTHER_VERSION;
    if (header.checksum != checksum_of(&header) || header.size != size ||
        size_of(header.rules) != size) {
        return GP_SHARED_DAMAGED;
    }
    if (memcmp(header.identity.boot, identity->boot, sizeof(identity->boot)) != 0) {
        return GP_SHARED_OTHER_BOOT;
    }
    if (header.identity.time_namespace != identity->time_namespace) return GP_SHARED_OTHER_CLOCK;
    layout(own, rules);
    if (memcmp(header.rules, own, sizeof(own)) != 0) return GP_SHARED_OTHER_RULES;
    return GP_SHARED_READY;
}

void gp_shared_make(void *memory, const gp_limit_rule rules[GP_LIMITER_RULES],
                    const gp_shared_identity *identity, int used, double now)
{
    unsigned char *bytes = memory;
    gp_shared_header header;
    int rule;
    memset(&header, 0, sizeof(header));
    memcpy(header.magic, ready_mark, sizeof(header.magic));
    header.version = GP_SHARED_VERSION;
    header.identity = *identity;
    layout(header.rules, rules);
    header.size = size_of(header.rules);
    header.checksum = checksum_of(&header);
    memset(bytes + sizeof(header.magic), 0, header.size - sizeof(header.magic));
    GP_SHARED_STORED();
    bytes += HEADER_SIZE + QUOTAS * sizeof(quota);
    /* Windows that are assigned to a subject later start full too. */
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        const gp_shared_rule *shape = &header.rules[rule];
        uint32_t i, slot;
        for (i = 0; i < shape->windows; i++, bytes += window_size(shape)) {
            window *each = (window *)(void *)bytes;
            for (slot = 0; used && slot < shape->count; slot++)
                each->slots[slot] = (uint64_t)(now * SECOND) + 1;
        }
    }
    GP_SHARED_STORED();
    bytes = memory;
    memcpy(bytes + sizeof(header.magic), (const char *)&header + sizeof(header.magic),
           sizeof(header) - sizeof(header.magic));
    GP_SHARED_STORED();
    /* A process that dies before this leaves an unfinished block to be created again. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    memcpy(bytes, header.magic, sizeof(header.magic));
    GP_SHARED_STORED();
}

void gp_shared_attach(gp_shared_block *block, void *memory)
{
    size_t at = HEADER_SIZE + QUOTAS * sizeof(quota);
    int rule;
    block->memory = memory;
    memcpy(&block->header, memory, sizeof(block->header));
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        block->first[rule] = at;
        at += block->header.rules[rule].windows * (size_t)window_size(&block->header.rules[rule]);
    }
}

int gp_shared_intact(const gp_shared_block *block)
{
    return memcmp(block->memory, &block->header, sizeof(block->header)) == 0;
}

static window *window_at(const gp_shared_block *block, int rule, uint32_t index)
{
    const gp_shared_rule *shape = &block->header.rules[rule];
    return (window *)(void *)(block->memory + block->first[rule] +
                              index * (size_t)window_size(shape));
}

/* Negative times count as the moment of boot. */
static uint64_t nanoseconds(double now)
{
    return now > 0 ? (uint64_t)(now * SECOND) : 0;
}

/* When a slot that is not held is free. */
static uint64_t free_at(const gp_shared_rule *shape, uint64_t slot, uint64_t now)
{
    uint64_t stamp = slot - 1;
    if (slot == 0) return 0;
    return (stamp > now ? now : stamp) + shape->length + MARGIN;
}

static int is_free(const gp_shared_rule *shape, uint64_t slot, uint64_t now)
{
    return !(slot & HELD) && free_at(shape, slot, now) <= now;
}

static int lies_ahead(uint64_t until, uint64_t now)
{
    return until > now && until - now <= A_DAY;
}

static int is_closed(window *each, uint64_t now)
{
    return lies_ahead(load(&each->closed_until), now);
}

/* May the window be assigned to another subject? */
static int is_idle(const gp_shared_rule *shape, window *each, uint64_t now)
{
    uint32_t i;
    if (is_closed(each, now)) return 0;
    for (i = 0; i < shape->count; i++) {
        if (!is_free(shape, load(&each->slots[i]), now)) return 0;
    }
    return 1;
}

static window *window_of(const gp_shared_block *block, int rule, const gp_shared_subject *subject)
{
    uint32_t i;
    for (i = 0; i < block->header.rules[rule].windows; i++) {
        window *each = window_at(block, rule, i);
        if (each->subject[0] == subject->words[0] && each->subject[1] == subject->words[1]) {
            return each;
        }
    }
    return NULL;
}

/* A window for a new subject: an unused or an idle one. In a new block whose windows start full,
 * the first one is as good as any. */
static window *window_for(const gp_shared_block *block, int rule, uint64_t now)
{
    static const uint64_t unused[2];
    const gp_shared_rule *shape = &block->header.rules[rule];
    uint32_t i;
    for (i = 0; i < shape->windows; i++) {
        window *each = window_at(block, rule, i);
        if (memcmp(each->subject, unused, sizeof(unused)) == 0 || is_idle(shape, each, now)) {
            return each;
        }
    }
    return NULL;
}

/* Stamps a slot that is damaged or whose owner is gone, and returns its value. */
static uint64_t settle_slot(uint64_t *slot, uint64_t now, const gp_shared_census *census)
{
    uint64_t word = load(slot);
    if (word & HELD) {
        uint64_t owner = word & ~HELD;
        if (owner < GP_SHARED_OWNERS && census->alive(census->ctx, (uint32_t)owner)) return word;
    } else if (word == 0 || word - 1 <= now + A_DAY) {
        return word;
    }
    store(slot, now + 1);
    return now + 1;
}

/* A free slot, oldest first; NULL: the window is full, and *until is when to try again. */
static uint64_t *find_free_slot(const gp_shared_rule *shape, window *each, uint64_t now,
                                const gp_shared_census *census, uint64_t *until)
{
    uint64_t earliest = UINT64_MAX, closed = load(&each->closed_until);
    uint32_t i, at = (uint32_t)(load(&each->head) % shape->count);
    if (is_closed(each, now)) {
        *until = closed;
        return NULL;
    }
    for (i = 0; i < shape->count; i++, at = at + 1 == shape->count ? 0 : at + 1) {
        uint64_t word = settle_slot(&each->slots[at], now, census), then;
        if (is_free(shape, word, now)) return &each->slots[at];
        then = word & HELD ? now + (uint64_t)(GP_SHARED_LOOK * SECOND) : free_at(shape, word, now);
        if (then < earliest) earliest = then;
    }
    *until = earliest;
    return NULL;
}

static int rule_applies(const gp_shared_block *block, int rule, const gp_shared_subject *subject)
{
    return block->header.rules[rule].count != 0 && (subject->words[0] | subject->words[1]) != 0;
}

static quota *quota_at(const gp_shared_block *block, uint32_t index)
{
    return (quota *)(void *)(block->memory + HEADER_SIZE) + index;
}

/* Is it a current quota of the host? */
static int applies(quota *each, const gp_shared_subject *host, uint64_t now)
{
    return each->host[0] == host->words[0] && each->host[1] == host->words[1] &&
           lies_ahead(load(&each->until), now);
}

/* The time until which a quota of the host allows nothing more, or 0. */
static uint64_t quota_until(const gp_shared_block *block, const gp_shared_subject *host,
                            uint64_t now)
{
    uint64_t latest = 0;
    uint32_t i;
    for (i = 0; i < QUOTAS; i++) {
        quota *each = quota_at(block, i);
        if (!applies(each, host, now) || load(&each->left) > 0) continue;
        if (load(&each->until) > latest) latest = load(&each->until);
    }
    return latest;
}

static void use_quotas(gp_shared_block *block, const gp_shared_subject *host, uint64_t now)
{
    uint32_t i;
    for (i = 0; i < QUOTAS; i++) {
        quota *each = quota_at(block, i);
        if (applies(each, host, now) && load(&each->left) > 0) {
            store(&each->left, load(&each->left) - 1);
        }
    }
}

int gp_shared_take(gp_shared_block *block, const gp_shared_request *request,
                   const gp_shared_census *census, double now, gp_shared_places *places,
                   double *until)
{
    const gp_shared_subject *subjects = request->subjects;
    window *windows[GP_LIMITER_RULES] = {NULL};
    uint64_t *found[GP_LIMITER_RULES] = {NULL}, at = nanoseconds(now);
    uint64_t then = quota_until(block, &request->host, at);
    int rule, full = then > 0;
    memset(places, 0, sizeof(*places));
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        uint64_t retry_at = at + (uint64_t)(GP_SHARED_LOOK * SECOND);
        if (!rule_applies(block, rule, &subjects[rule])) continue;
        windows[rule] = window_of(block, rule, &subjects[rule]);
        if (!windows[rule]) windows[rule] = window_for(block, rule, at);
        if (windows[rule]) {
            found[rule] =
                find_free_slot(&block->header.rules[rule], windows[rule], at, census, &retry_at);
        }
        if (found[rule]) continue;
        full = 1;
        if (retry_at > then) then = retry_at;
    }
    if (full) {
        *until = (double)then / SECOND;
        return 0;
    }
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        window *each = windows[rule];
        if (!each) continue;
        if (each->subject[0] != subjects[rule].words[0] ||
            each->subject[1] != subjects[rule].words[1]) {
            store(&each->subject[0], subjects[rule].words[0]);
            store(&each->subject[1], subjects[rule].words[1]);
        }
        store(found[rule], HELD | request->owner);
        store(&each->head, load(&each->head) + 1);
        places->at[rule] = (size_t)((unsigned char *)found[rule] - block->memory);
    }
    use_quotas(block, &request->host, at);
    return 1;
}

/* Stores `value` in those slots that this owner still holds. */
static void release_held(gp_shared_block *block, const gp_shared_places *places, uint32_t owner,
                         uint64_t value)
{
    int rule;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        uint64_t *slot = (uint64_t *)(void *)(block->memory + places->at[rule]);
        if (places->at[rule] != 0 && load(slot) == (HELD | owner)) store(slot, value);
    }
}

void gp_shared_sent(gp_shared_block *block, const gp_shared_places *places, uint32_t owner,
                    double now)
{
    release_held(block, places, owner, nanoseconds(now) + 1);
}

void gp_shared_give_back(gp_shared_block *block, const gp_shared_places *places, uint32_t owner)
{
    release_held(block, places, owner, 0);
}

void gp_shared_close(gp_shared_block *block, int rule, const gp_shared_subject *subject, double now,
                     double until)
{
    uint64_t at = nanoseconds(now), then = nanoseconds(until);
    window *each;
    if (!rule_applies(block, rule, subject)) return;
    each = window_of(block, rule, subject);
    if (!each) return;
    if (then > at + A_DAY) then = at + A_DAY;
    if (!is_closed(each, at) || load(&each->closed_until) < then) store(&each->closed_until, then);
}

/* Requests that the server had not counted when it responded to one sent at `sent`: those of the
 * fullest window that are held or were sent later. (A stamp within the same millisecond is taken to
 * be that request's own.) */
static uint64_t uncounted(const gp_shared_block *block,
                          const gp_shared_subject subjects[GP_LIMITER_RULES], double sent)
{
    uint64_t after = nanoseconds(sent + 0.001), most = 0;
    int rule;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        uint64_t count = 0;
        window *each;
        uint32_t i;
        if (!rule_applies(block, rule, &subjects[rule])) continue;
        each = window_of(block, rule, &subjects[rule]);
        /* HELD is greater than any stamp. */
        for (i = 0; each && i < block->header.rules[rule].count; i++)
            count += load(&each->slots[i]) > after + 1;
        if (count > most) most = count;
    }
    return most;
}

void gp_shared_quota(gp_shared_block *block, const gp_shared_request *request,
                     const gp_limiter_word *report, double now)
{
    const gp_shared_subject *host = &request->host;
    uint64_t at = nanoseconds(now), until = nanoseconds(report->until), left;
    double rest = report->left - (double)uncounted(block, request->subjects, report->sent);
    quota *chosen = quota_at(block, 0);
    uint32_t i;
    left = rest <= 0 ? 0 : rest >= UINT32_MAX ? UINT32_MAX : (uint64_t)rest;
    for (i = 0; i < QUOTAS; i++) {
        quota *each = quota_at(block, i);
        if (applies(each, host, at) && each->name == report->name) {
            chosen = each;
            break;
        }
        /* Replaces an expired quota, or else the one that expires first. */
        if (load(&each->until) < load(&chosen->until)) chosen = each;
    }
    if (i < QUOTAS && until < load(&chosen->until) + (uint64_t)SECOND) {
        if (left < load(&chosen->left)) store(&chosen->left, left);
        return;
    }
    /* A process that dies in between leaves an expired quota. */
    store(&chosen->until, 0);
    store(&chosen->host[0], host->words[0]);
    store(&chosen->host[1], host->words[1]);
    store(&chosen->name, report->name);
    store(&chosen->left, left);
    store(&chosen->until, until > at + A_DAY ? at + A_DAY : until);
}

void gp_shared_sweep(gp_shared_block *block, uint32_t owner, double now)
{
    int rule;
    uint32_t i, slot;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        for (i = 0; i < block->header.rules[rule].windows; i++) {
            window *each = window_at(block, rule, i);
            for (slot = 0; slot < block->header.rules[rule].count; slot++) {
                if (load(&each->slots[slot]) == (HELD | owner)) {
                    store(&each->slots[slot], nanoseconds(now) + 1);
                }
            }
        }
    }
}

uint32_t gp_shared_used(const gp_shared_block *block, int rule, const gp_shared_subject *subject,
                        double now)
{
    const gp_shared_rule *shape = &block->header.rules[rule];
    window *each = window_of(block, rule, subject);
    uint32_t used = 0, i;
    /* A subject without a window would get this one. */
    if (!each) each = window_for(block, rule, nanoseconds(now));
    for (i = 0; each && i < shape->count; i++)
        used += !is_free(shape, load(&each->slots[i]), nanoseconds(now));
    return used;
}
