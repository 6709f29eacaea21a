#include "core/limiter.h"

#include <math.h>
#include <string.h>

/* A rule with subjects gets as many windows as share this many stamps, within these bounds. The
 * window of a subject that has been idle for the window's length is reused for another. */
#define TARGET_STAMPS 65536
#define MIN_WINDOWS   16
#define MAX_WINDOWS   256
#define MAX_COUNT     (1u << 24)

uint64_t gp_limiter_subject(const char *name, size_t len)
{
    uint64_t hash = 1469598103934665603u;
    size_t i;
    for (i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * 1099511628211u;
    hash ^= hash >> 29;
    return hash | 1;
}

static uint32_t windows_for(const gp_limit_rule *rule)
{
    uint32_t window_count;
    if (rule->count == 0) return 0;
    if (rule->shared) return 1;
    window_count = TARGET_STAMPS / rule->count;
    if (window_count < MIN_WINDOWS) return MIN_WINDOWS;
    return window_count > MAX_WINDOWS ? MAX_WINDOWS : window_count;
}

size_t gp_limiter_bytes(const gp_limit_rule rules[GP_LIMITER_RULES])
{
    size_t bytes = sizeof(gp_limiter);
    int rule;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        size_t window_count = windows_for(&rules[rule]);
        if (rules[rule].count > MAX_COUNT) return 0;
        bytes += window_count * (sizeof(gp_window) + rules[rule].count * sizeof(double));
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
        limiter->window_count[rule] = windows_for(&rules[rule]);
        limiter->windows[rule] = (gp_window *)(void *)room;
        room += limiter->window_count[rule] * sizeof(gp_window);
    }
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        for (slot = 0; slot < limiter->window_count[rule]; slot++) {
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

/* When the slot of a request sent at `stamp` is free again. */
static double free_at(const gp_window *window, double stamp)
{
    return stamp + window->rule->length + GP_LIMITER_MARGIN;
}

static void expire(gp_window *window, double now)
{
    while (window->used > 0 && free_at(window, window->stamps[window->head]) <= now) {
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

/* Never overflows: the slot was held. */
static void push(gp_window *window, double now)
{
    uint32_t count = window->rule->count;
    uint64_t at = (uint64_t)window->head + window->used++;
    window->stamps[at >= count ? at - count : at] = now;
}

/* Does the rule apply to the waiter, and is it on? */
static int rule_applies(const gp_limiter *limiter, const gp_waiter *waiter, int rule)
{
    return waiter->subjects[rule] != 0 && limiter->rules[rule].count != 0;
}

/* The subject's window, or an idle one assigned to it; NULL: all are in use. */
static gp_window *window_of(gp_limiter *limiter, int rule, uint64_t subject)
{
    gp_window *windows = limiter->windows[rule], *idle = NULL;
    uint32_t window_count = limiter->window_count[rule], at, probe;
    if (limiter->rules[rule].shared) return windows;
    at = (uint32_t)(subject % window_count);
    for (probe = 0; probe < window_count; probe++) {
        gp_window *window = &windows[at];
        if (window->subject == subject) return window;
        if (!idle && window->held == 0 && window->drained_until <= limiter->now) {
            expire(window, limiter->now);
            if (window->used == 0) idle = window;
        }
        if (window->subject == 0) break;
        if (++at == window_count) at = 0;
    }
    if (!idle) return NULL;
    idle->subject = subject;
    idle->head = 0;
    return idle;
}

/* The earliest time at which a window of a rule with subjects becomes idle. */
static double first_idle(gp_limiter *limiter, int rule)
{
    double earliest = INFINITY;
    uint32_t slot;
    for (slot = 0; slot < limiter->window_count[rule]; slot++) {
        gp_window *window = &limiter->windows[rule][slot];
        double at = window->drained_until;
        if (window->held > 0) {
            at = later(at, free_at(window, limiter->now));
        } else if (window->used > 0) {
            at = later(at, free_at(window, stamp_at(window, window->used - 1)));
        }
        if (at < earliest) earliest = at;
    }
    return later(earliest, limiter->now);
}

/* The earliest time at which the nth next request can have a slot. A slot is free a window's length
 * after its request was sent; a held one will be sent now at the earliest. */
static double nth_slot_time(const gp_limiter *limiter, const gp_window *window, uint32_t nth)
{
    const gp_limit_rule *rule = window->rule;
    uint32_t rounds = nth / rule->count, taken = window->used + window->held;
    double at = limiter->now;
    nth %= rule->count;
    if (nth + taken >= rule->count) {
        nth = nth + taken - rule->count;
        at = nth < window->used ? free_at(window, stamp_at(window, nth))
                                : free_at(window, limiter->now);
    }
    return later(at, window->drained_until) + rounds * (rule->length + GP_LIMITER_MARGIN);
}

/* The same for the server's quotas. */
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

/* Number of requests ahead of a waiter, in all and per window. */
typedef struct tally {
    uint32_t all;
    uint32_t in[GP_LIMITER_RULES];
} tally;

static const tally no_waiters;

static void add_to_tally(tally *ahead, const gp_waiter *other)
{
    int rule;
    ahead->all++;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++)
        ahead->in[rule] += other->subjects[rule] != 0;
}

/* The earliest time at which the waiter can have its slots after the requests `ahead`, which use
 * no other windows. */
static double admission_after(gp_limiter *limiter, const gp_waiter *waiter, const tally *ahead)
{
    double at = nth_under_quotas(limiter, ahead->all);
    int rule;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        gp_window *window;
        if (!rule_applies(limiter, waiter, rule)) continue;
        window = window_of(limiter, rule, waiter->subjects[rule]);
        if (window) {
            expire(window, limiter->now);
            at = later(at, nth_slot_time(limiter, window, ahead->in[rule]));
        } else {
            at = later(at, first_idle(limiter, rule));
        }
    }
    return at;
}

/* Does the gate, if any, admit it too? */
static int passes_gate(gp_limiter *limiter, gp_waiter *waiter)
{
    gp_limiter_gate *gate = limiter->gate;
    if (!gate) return 1;
    if (waiter->gate_until > limiter->now) return 0;
    return gate->take(gate, waiter, limiter->now, &waiter->gate_until);
}

/* Does each of its windows have a free slot now? Records them in the waiter for take_slots, which
 * must follow. */
static int has_room(gp_limiter *limiter, gp_waiter *waiter)
{
    int rule;
    waiter->windows = 0;
    if (limiter->quotas_until > limiter->now && nth_under_quotas(limiter, 0) > limiter->now)
        return 0;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        gp_window *window;
        if (!rule_applies(limiter, waiter, rule)) continue;
        window = window_of(limiter, rule, waiter->subjects[rule]);
        if (!window || window->drained_until > limiter->now) return 0;
        expire(window, limiter->now);
        if (window->used + window->held >= window->rule->count) return 0;
        waiter->taken[waiter->windows++] = window;
    }
    return passes_gate(limiter, waiter);
}

/* Takes the slots that has_room found. */
static void take_slots(gp_limiter *limiter, gp_waiter *waiter)
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

static void enqueue(gp_limiter *limiter, gp_waiter *waiter)
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

static void dequeue(gp_limiter *limiter, gp_waiter *waiter)
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

/* Walks the queue in order: aged waiters by arrival, then class by class. `cursors` starts as the
 * heads of the classes. */
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

/* Are the windows of `other` all among those of `waiter`? Then `other`, if ahead of it, goes
 * first. */
static int needs_no_more(const gp_waiter *other, const gp_waiter *waiter)
{
    int rule;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        if (other->subjects[rule] && other->subjects[rule] != waiter->subjects[rule]) return 0;
    }
    return 1;
}

/* Admits, in order, every waiter that has a free slot now. */
static void admit_waiting(gp_limiter *limiter)
{
    gp_waiter *cursors[GP_CLASS_COUNT], *waiter, *blocked = NULL;
    memcpy(cursors, limiter->first, sizeof(cursors));
    while ((waiter = next_in_order(limiter, cursors)) != NULL) {
        if (blocked && needs_no_more(blocked, waiter)) {
            waiter->gate_until = later(waiter->gate_until, blocked->gate_until);
            continue;
        }
        if (has_room(limiter, waiter)) {
            dequeue(limiter, waiter);
            take_slots(limiter, waiter);
        } else {
            blocked = waiter;
        }
    }
}

/* The earliest time at which a waiter can be admitted. Waiters ahead of it that use no other
 * windows go first; younger ones of a better class do so only until it is aged. */
static double next_admission(gp_limiter *limiter, const gp_waiter *waiter)
{
    gp_waiter *cursors[GP_CLASS_COUNT], *other;
    tally ahead = no_waiters, older = no_waiters;
    double at, aged_at = waiter->since + GP_LIMITER_AGED;
    memcpy(cursors, limiter->first, sizeof(cursors));
    while ((other = next_in_order(limiter, cursors)) != waiter) {
        if (!needs_no_more(other, waiter)) continue;
        add_to_tally(&ahead, other);
        if (other->number < waiter->number) add_to_tally(&older, other);
    }
    at = admission_after(limiter, waiter, &ahead);
    if (at > aged_at && older.all < ahead.all) {
        at = later(aged_at, admission_after(limiter, waiter, &older));
    }
    return later(at, waiter->gate_until);
}

static void advance_clock(gp_limiter *limiter, double now)
{
    if (now > limiter->now) limiter->now = now;
}

int gp_limiter_admit(gp_limiter *limiter, gp_waiter *waiter, double now, double *until)
{
    advance_clock(limiter, now);
    if (waiter->state == GP_WAITER_HELD) return 1;
    if (waiter->state == GP_WAITER_IDLE) {
        /* The common case: the queue is empty and there are free slots. */
        if (limiter->waiting == 0 && has_room(limiter, waiter)) {
            take_slots(limiter, waiter);
            return 1;
        }
        enqueue(limiter, waiter);
        limiter->delayed++;
    }
    admit_waiting(limiter);
    if (waiter->state == GP_WAITER_HELD) return 1;
    *until = next_admission(limiter, waiter);
    return 0;
}

int gp_limiter_sent(gp_limiter *limiter, gp_waiter *waiter, double now)
{
    uint32_t i;
    advance_clock(limiter, now);
    if (waiter->state < GP_WAITER_HELD) return 1;
    if (waiter->state == GP_WAITER_SENT) {
        if (!has_room(limiter, waiter)) return 0;
        take_slots(limiter, waiter);
        limiter->in_flight--; /* still one request in flight */
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
    advance_clock(limiter, now);
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
        dequeue(limiter, waiter);
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
    advance_clock(limiter, now);
    if (!rule_applies(limiter, waiter, rule)) return;
    if (limiter->gate) limiter->gate->close(limiter->gate, waiter, rule, now, until);
    window = window_of(limiter, rule, waiter->subjects[rule]);
    if (window && until > window->drained_until) window->drained_until = until;
}

int gp_limiter_quota(gp_limiter *limiter, const gp_waiter *waiter, const gp_limiter_word *report,
                     double now)
{
    gp_quota *quota = &limiter->quotas[0];
    double left = report->left - limiter->in_flight;
    uint32_t rest;
    int i, looser;
    advance_clock(limiter, now);
    if (limiter->gate) limiter->gate->quota(limiter->gate, waiter, report, now);
    rest = left <= 0 ? 0 : left >= UINT32_MAX ? UINT32_MAX : (uint32_t)left;
    for (i = 0; i < GP_LIMITER_QUOTAS; i++) {
        gp_quota *other = &limiter->quotas[i];
        if (other->name == report->name) {
            quota = other;
            break;
        }
        /* Replaces the throttle whose window ends first. */
        if (other->until < quota->until) quota = other;
    }
    if (quota->name == report->name && quota->until > limiter->now &&
        report->until < quota->until + 1.0) {
        if (rest < quota->left) quota->left = rest;
        return 0;
    }
    looser = limiter->waiting > 0 && quota->until > limiter->now;
    quota->name = report->name;
    quota->left = rest;
    quota->until = report->until;
    limiter->quotas_until = later(limiter->quotas_until, report->until);
    return looser;
}

gp_limiter_fill gp_limiter_filled(gp_limiter *limiter, int rule, double now)
{
    gp_limiter_fill fill = {0, 0, -INFINITY};
    uint32_t slot;
    advance_clock(limiter, now);
    for (slot = 0; slot < limiter->window_count[rule]; slot++) {
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
