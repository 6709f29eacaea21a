#include "core/limiter.h"

#include <math.h>
#include <string.h>

/* Keyed rules share this much room for stamps, within these bounds on their subjects. A subject
 * that has been quiet for a window's length gives its slot to the next. */
#define STAMPS_WANTED 65536
#define FEWEST_SLOTS  16
#define MOST_SLOTS    256
#define MOST_STAMPS   (1u << 24)

uint64_t gp_limiter_subject(const char *name, size_t len)
{
    uint64_t hash = 1469598103934665603u;
    size_t i;
    for (i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * 1099511628211u;
    hash ^= hash >> 29;
    return hash | 1;
}

static uint32_t slots_of(const gp_limit_rule *rule)
{
    uint32_t slots;
    if (rule->count == 0) return 0;
    if (rule->shared) return 1;
    slots = STAMPS_WANTED / rule->count;
    if (slots < FEWEST_SLOTS) return FEWEST_SLOTS;
    return slots > MOST_SLOTS ? MOST_SLOTS : slots;
}

size_t gp_limiter_bytes(const gp_limit_rule rules[GP_LIMITER_RULES])
{
    size_t bytes = sizeof(gp_limiter);
    int rule;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        size_t slots = slots_of(&rules[rule]);
        if (rules[rule].count > MOST_STAMPS) return 0;
        bytes += slots * (sizeof(gp_window) + rules[rule].count * sizeof(double));
    }
    return bytes;
}

gp_limiter *gp_limiter_init(void *memory, const gp_limit_rule rules[GP_LIMITER_RULES])
{
    gp_limiter *limiter = memory;
    char *room = (char *)memory + sizeof(*limiter);
    int rule;
    uint32_t slot;
    memset(memory, 0, gp_limiter_bytes(rules));
    memcpy(limiter->rules, rules, sizeof(limiter->rules));
    limiter->now = -INFINITY;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        limiter->slots[rule] = slots_of(&rules[rule]);
        limiter->windows[rule] = (gp_window *)(void *)room;
        room += limiter->slots[rule] * sizeof(gp_window);
    }
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        for (slot = 0; slot < limiter->slots[rule]; slot++) {
            limiter->windows[rule][slot].rule = &limiter->rules[rule];
            limiter->windows[rule][slot].stamps = (double *)(void *)room;
            limiter->windows[rule][slot].drained_until = -INFINITY;
            room += rules[rule].count * sizeof(double);
        }
    }
    return limiter;
}

static double later(double a, double b)
{
    return a > b ? a : b;
}

/* When the place of a request sent at `stamp` is free again. */
static double freed(const gp_window *window, double stamp)
{
    return stamp + window->rule->length + GP_LIMITER_MARGIN;
}

static void expire(gp_window *window, double now)
{
    while (window->used > 0 && freed(window, window->stamps[window->head]) <= now) {
        if (++window->head == window->rule->count) window->head = 0;
        window->used--;
    }
}

static double stamp_at(const gp_window *window, uint32_t index)
{
    uint32_t count = window->rule->count;
    uint64_t at = (uint64_t)window->head + index;
    return window->stamps[at >= count ? at - count : at];
}

/* There is room: the place was held. */
static void push(gp_window *window, double now)
{
    uint32_t count = window->rule->count;
    uint64_t at = (uint64_t)window->head + window->used++;
    window->stamps[at >= count ? at - count : at] = now;
}

/* Does the rule concern the waiter, and is it on? */
static int counts(const gp_limiter *limiter, const gp_waiter *waiter, int rule)
{
    return waiter->subjects[rule] != 0 && limiter->rules[rule].count != 0;
}

/* The subject's window; an idle one is made its own. NULL: none is idle. */
static gp_window *window_of(gp_limiter *limiter, int rule, uint64_t subject)
{
    gp_window *windows = limiter->windows[rule], *idle = NULL;
    uint32_t slots = limiter->slots[rule], at, probe;
    if (limiter->rules[rule].shared) return windows;
    at = (uint32_t)(subject % slots);
    for (probe = 0; probe < slots; probe++) {
        gp_window *window = &windows[at];
        if (window->subject == subject) return window;
        if (!idle && window->held == 0 && window->drained_until <= limiter->now) {
            expire(window, limiter->now);
            if (window->used == 0) idle = window;
        }
        if (window->subject == 0) break;
        if (++at == slots) at = 0;
    }
    if (!idle) return NULL;
    idle->subject = subject;
    idle->head = 0;
    return idle;
}

/* The earliest moment at which some window of a keyed rule falls idle. */
static double first_idle(gp_limiter *limiter, int rule)
{
    double earliest = INFINITY;
    uint32_t slot;
    for (slot = 0; slot < limiter->slots[rule]; slot++) {
        gp_window *window = &limiter->windows[rule][slot];
        double at = window->drained_until;
        if (window->held > 0) {
            at = later(at, freed(window, limiter->now));
        } else if (window->used > 0) {
            at = later(at, freed(window, stamp_at(window, window->used - 1)));
        }
        if (at < earliest) earliest = at;
    }
    return later(earliest, limiter->now);
}

/* A time before which the nth of those who come next has no place: each place is free a window's
 * length after it was last sent from, and one that is held can not have been sent from yet. */
static double nth_place(const gp_limiter *limiter, const gp_window *window, uint32_t nth)
{
    const gp_limit_rule *rule = window->rule;
    uint32_t rounds = nth / rule->count, taken = window->used + window->held;
    double at = limiter->now;
    nth %= rule->count;
    if (nth + taken >= rule->count) {
        nth = nth + taken - rule->count;
        at =
            nth < window->used ? freed(window, stamp_at(window, nth)) : freed(window, limiter->now);
    }
    return later(at, window->drained_until) + rounds * (rule->length + GP_LIMITER_MARGIN);
}

/* The same under what the server says is left. */
static double nth_under_quotas(const gp_limiter *limiter, uint32_t nth)
{
    double at = limiter->now;
    int i;
    for (i = 0; i < GP_LIMITER_QUOTAS; i++) {
        const gp_quota *quota = &limiter->quotas[i];
        if (quota->name && quota->until > at && nth >= quota->left) at = quota->until;
    }
    return at;
}

/* How many go first, in all and in each of the waiter's windows. */
typedef struct tally {
    uint32_t all;
    uint32_t in[GP_LIMITER_RULES];
} tally;

static const tally nobody;

static void count_in(tally *ahead, const gp_waiter *other)
{
    int rule;
    ahead->all++;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++)
        ahead->in[rule] += other->subjects[rule] != 0;
}

/* A time before which the waiter has no place if those `ahead`, who want no window but its own,
 * go first. */
static double place_after(gp_limiter *limiter, const gp_waiter *waiter, const tally *ahead)
{
    double at = nth_under_quotas(limiter, ahead->all);
    int rule;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        gp_window *window;
        if (!counts(limiter, waiter, rule)) continue;
        window = window_of(limiter, rule, waiter->subjects[rule]);
        if (window) {
            expire(window, limiter->now);
            at = later(at, nth_place(limiter, window, ahead->in[rule]));
        } else {
            at = later(at, first_idle(limiter, rule));
        }
    }
    return at;
}

/* Does what stands behind this limiter let it go too? */
static int passes_gate(gp_limiter *limiter, gp_waiter *waiter)
{
    gp_limiter_gate *gate = limiter->gate;
    if (!gate) return 1;
    if (waiter->gate_until > limiter->now) return 0;
    return gate->take(gate, waiter, limiter->now, &waiter->gate_until);
}

/* Has it a place in each of its windows now? They are noted in the waiter for `take`, which must
 * follow. */
static int has_room(gp_limiter *limiter, gp_waiter *waiter)
{
    int rule;
    waiter->windows = 0;
    if (limiter->quotas_until > limiter->now && nth_under_quotas(limiter, 0) > limiter->now)
        return 0;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        gp_window *window;
        if (!counts(limiter, waiter, rule)) continue;
        window = window_of(limiter, rule, waiter->subjects[rule]);
        if (!window || window->drained_until > limiter->now) return 0;
        expire(window, limiter->now);
        if (window->used + window->held >= window->rule->count) return 0;
        waiter->taken[waiter->windows++] = window;
    }
    return passes_gate(limiter, waiter);
}

/* Takes the places that has_room has found. */
static void take(gp_limiter *limiter, gp_waiter *waiter)
{
    uint32_t i;
    for (i = 0; i < waiter->windows; i++)
        waiter->taken[i]->held++;
    if (limiter->quotas_until > limiter->now) {
        for (i = 0; i < GP_LIMITER_QUOTAS; i++) {
            if (limiter->quotas[i].left > 0) limiter->quotas[i].left--;
        }
    }
    waiter->state = GP_WAITER_HELD;
    limiter->in_flight++;
    limiter->admitted++;
}

static void join(gp_limiter *limiter, gp_waiter *waiter)
{
    waiter->previous = limiter->last[waiter->class];
    waiter->next = NULL;
    *(waiter->previous ? &waiter->previous->next : &limiter->first[waiter->class]) = waiter;
    limiter->last[waiter->class] = waiter;
    waiter->state = GP_WAITER_WAITING;
    waiter->since = limiter->now;
    waiter->number = ++limiter->numbers;
    limiter->waiting++;
}

static void leave(gp_limiter *limiter, gp_waiter *waiter)
{
    *(waiter->previous ? &waiter->previous->next : &limiter->first[waiter->class]) = waiter->next;
    *(waiter->next ? &waiter->next->previous : &limiter->last[waiter->class]) = waiter->previous;
    waiter->previous = waiter->next = NULL;
    waiter->state = GP_WAITER_IDLE;
    limiter->waiting--;
}

static int is_aged(const gp_limiter *limiter, const gp_waiter *waiter)
{
    return limiter->now >= waiter->since + GP_LIMITER_AGED;
}

/* The queue in order: the oldest of those who have waited long, then class by class. `cursors`
 * begins as the heads of the classes. */
static gp_waiter *next_in_order(const gp_limiter *limiter, gp_waiter *cursors[GP_CLASS_COUNT])
{
    gp_waiter *chosen = NULL;
    int class;
    for (class = 0; class < GP_CLASS_COUNT; class ++) {
        gp_waiter *head = cursors[class];
        if (head && is_aged(limiter, head) && (!chosen || head->number < chosen->number)) {
            chosen = head;
        }
    }
    for (class = 0; class < GP_CLASS_COUNT && !chosen; class ++)
        chosen = cursors[class];
    if (chosen) cursors[chosen->class] = chosen->next;
    return chosen;
}

/* Does `other` wait for nothing that `waiter` does not wait for too? Then, being ahead of it, it
 * goes first. */
static int needs_no_more(const gp_waiter *other, const gp_waiter *waiter)
{
    int rule;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        if (other->subjects[rule] && other->subjects[rule] != waiter->subjects[rule]) return 0;
    }
    return 1;
}

/* Admits, in order, everybody who can go now. */
static void serve(gp_limiter *limiter)
{
    gp_waiter *cursors[GP_CLASS_COUNT], *waiter, *blocked = NULL;
    memcpy(cursors, limiter->first, sizeof(cursors));
    while ((waiter = next_in_order(limiter, cursors)) != NULL) {
        if (blocked && needs_no_more(blocked, waiter)) {
            waiter->gate_until = later(waiter->gate_until, blocked->gate_until);
            continue;
        }
        if (has_room(limiter, waiter)) {
            leave(limiter, waiter);
            take(limiter, waiter);
        } else {
            blocked = waiter;
        }
    }
}

/* When a waiter should ask again. Those ahead of it who want no other windows go first; younger
 * ones of a better class do so only until it has waited long. */
static double ask_again(gp_limiter *limiter, const gp_waiter *waiter)
{
    gp_waiter *cursors[GP_CLASS_COUNT], *other;
    tally ahead = nobody, older = nobody;
    double at, aged_at = waiter->since + GP_LIMITER_AGED;
    memcpy(cursors, limiter->first, sizeof(cursors));
    while ((other = next_in_order(limiter, cursors)) != waiter) {
        if (!needs_no_more(other, waiter)) continue;
        count_in(&ahead, other);
        if (other->number < waiter->number) count_in(&older, other);
    }
    at = place_after(limiter, waiter, &ahead);
    if (at > aged_at && older.all < ahead.all) {
        at = later(aged_at, place_after(limiter, waiter, &older));
    }
    return later(at, waiter->gate_until);
}

static void look_at_clock(gp_limiter *limiter, double now)
{
    if (now > limiter->now) limiter->now = now;
}

int gp_limiter_admit(gp_limiter *limiter, gp_waiter *waiter, double now, double *until)
{
    look_at_clock(limiter, now);
    if (waiter->state == GP_WAITER_HELD) return 1;
    if (waiter->state == GP_WAITER_IDLE) {
        /* The common case: nobody waits, there is room. */
        if (limiter->waiting == 0 && has_room(limiter, waiter)) {
            take(limiter, waiter);
            return 1;
        }
        join(limiter, waiter);
        limiter->delayed++;
    }
    serve(limiter);
    if (waiter->state == GP_WAITER_HELD) return 1;
    *until = ask_again(limiter, waiter);
    return 0;
}

int gp_limiter_sent(gp_limiter *limiter, gp_waiter *waiter, double now)
{
    uint32_t i;
    look_at_clock(limiter, now);
    if (waiter->state < GP_WAITER_HELD) return 1;
    if (waiter->state == GP_WAITER_SENT) {
        if (!has_room(limiter, waiter)) return 0;
        take(limiter, waiter);
        limiter->in_flight--; /* it is one still */
    }
    if (limiter->gate) limiter->gate->sent(limiter->gate, waiter, now);
    for (i = 0; i < waiter->windows; i++) {
        waiter->taken[i]->held--;
        push(waiter->taken[i], limiter->now);
    }
    waiter->state = GP_WAITER_SENT;
    return 1;
}

int gp_limiter_end(gp_limiter *limiter, gp_waiter *waiter, double now)
{
    if (waiter->state == GP_WAITER_HELD) gp_limiter_sent(limiter, waiter, now);
    look_at_clock(limiter, now);
    if (waiter->state == GP_WAITER_SENT) {
        waiter->state = GP_WAITER_IDLE;
        limiter->in_flight--;
        return 0;
    }
    return gp_limiter_give_back(limiter, waiter);
}

int gp_limiter_give_back(gp_limiter *limiter, gp_waiter *waiter)
{
    uint32_t i;
    if (waiter->state == GP_WAITER_WAITING) {
        leave(limiter, waiter);
        return limiter->waiting > 0;
    }
    if (waiter->state != GP_WAITER_HELD) return 0;
    if (limiter->gate) limiter->gate->give_back(limiter->gate, waiter);
    for (i = 0; i < waiter->windows; i++)
        waiter->taken[i]->held--;
    waiter->state = GP_WAITER_IDLE;
    limiter->in_flight--;
    limiter->admitted--;
    return limiter->waiting > 0;
}

void gp_limiter_drain(gp_limiter *limiter, const gp_waiter *waiter, int rule, double now,
                      double until)
{
    gp_window *window;
    look_at_clock(limiter, now);
    if (!counts(limiter, waiter, rule)) return;
    if (limiter->gate) limiter->gate->close(limiter->gate, waiter, rule, now, until);
    window = window_of(limiter, rule, waiter->subjects[rule]);
    if (window && until > window->drained_until) window->drained_until = until;
}

int gp_limiter_quota(gp_limiter *limiter, const gp_waiter *waiter, const gp_limiter_word *word,
                     double now)
{
    gp_quota *quota = &limiter->quotas[0];
    double left = word->left - limiter->in_flight;
    uint32_t rest;
    int i, looser;
    look_at_clock(limiter, now);
    if (limiter->gate) limiter->gate->quota(limiter->gate, waiter, word, now);
    rest = left <= 0 ? 0 : left >= UINT32_MAX ? UINT32_MAX : (uint32_t)left;
    for (i = 0; i < GP_LIMITER_QUOTAS; i++) {
        gp_quota *other = &limiter->quotas[i];
        if (other->name == word->name) {
            quota = other;
            break;
        }
        /* The throttle whose window ends first gives way. */
        if (other->until < quota->until) quota = other;
    }
    if (quota->name == word->name && quota->until > limiter->now &&
        word->until < quota->until + 1.0) {
        if (rest < quota->left) quota->left = rest;
        return 0;
    }
    looser = limiter->waiting > 0 && quota->until > limiter->now;
    quota->name = word->name;
    quota->left = rest;
    quota->until = word->until;
    limiter->quotas_until = later(limiter->quotas_until, word->until);
    return looser;
}

gp_limiter_fill gp_limiter_filled(gp_limiter *limiter, int rule, double now)
{
    gp_limiter_fill fill = {0, 0, -INFINITY};
    uint32_t slot;
    look_at_clock(limiter, now);
    for (slot = 0; slot < limiter->slots[rule]; slot++) {
        gp_window *window = &limiter->windows[rule][slot];
        uint32_t used;
        expire(window, limiter->now);
        used = window->used + window->held;
        if (used > 0 || window->drained_until > limiter->now) fill.subjects++;
        if (used > fill.used) fill.used = used;
        fill.drained_until = later(fill.drained_until, window->drained_until);
    }
    return fill;
}
