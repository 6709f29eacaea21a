/*
 * The limiter: exact sliding windows, and a fair queue in front of them.
 *
 * A rule allows at most `count` requests in any `length` seconds for each of its subjects (a host
 * and token, or a project and ref). A request has a subject for each rule that applies to it, and
 * is admitted when each of these windows has a free slot.
 *
 * A slot is taken when the request is admitted (held), and its time runs from the moment the
 * request is sent, because that is what the server counts. So no interval of a window's length has
 * more than `count` requests. (A token bucket with a burst lets twice as many through.)
 *
 *   IDLE --admit--> WAITING --admit or another's admit--> HELD --sent--> SENT --end--> IDLE
 *
 * Order: by class, then first come, first served; after 30 s a request goes before every younger
 * one of any class. A request whose own window is full does not block requests of other subjects.
 *
 * The memory is the caller's and of fixed size; the queue links the callers' waiters. An earlier
 * `now` than the latest counts as the latest.
 */
#ifndef GP_LIMITER_H
#define GP_LIMITER_H

#include <stddef.h>
#include <stdint.h>

#define GP_LIMITER_RULES  4
#define GP_LIMITER_AGED   30.0
#define GP_LIMITER_QUOTAS 4

/* Seconds added to the window's length before a slot is free again, so that rounding of epoch times
 * never puts one request too many into a closed interval. */
#define GP_LIMITER_MARGIN 1e-6

typedef enum gp_class {
    GP_CLASS_CANCEL,
    GP_CLASS_CREATE,
    GP_CLASS_READ,
    GP_CLASS_POLL,
    GP_CLASS_COUNT,
} gp_class;

typedef struct gp_limit_rule {
    uint32_t count; /* 0: the rule is off */
    double length;  /* seconds */
    int shared;     /* one window for all subjects */
} gp_limit_rule;

typedef enum gp_waiter_state {
    GP_WAITER_IDLE,
    GP_WAITER_WAITING,
    GP_WAITER_HELD,
    GP_WAITER_SENT,
} gp_waiter_state;

struct gp_waiter;

/* A server's quota report, from the response to a request sent at `sent`: the throttle `name`
 * allows `left` more requests until `until`. */
typedef struct gp_limiter_word {
    uint64_t name;
    double left, sent, until;
} gp_limiter_word;

/* A second limiter behind this one, consulted when this one has a free slot: the windows shared
 * between processes (io/shared_limits.h). It never blocks. */
typedef struct gp_limiter_gate {
    /* True: a slot is held there too. Else *until, later than `now`, is when to try again. */
    int (*take)(struct gp_limiter_gate *gate, struct gp_waiter *waiter, double now, double *until);
    /* The request's bytes are about to be sent. */
    void (*sent)(struct gp_limiter_gate *gate, struct gp_waiter *waiter, double now);
    void (*give_back)(struct gp_limiter_gate *gate, struct gp_waiter *waiter);
    /* Closes the window of this waiter's subject under `rule` until `until`. */
    void (*close)(struct gp_limiter_gate *gate, const struct gp_waiter *waiter, int rule,
                  double now, double until);
    /* As gp_limiter_quota. */
    void (*quota)(struct gp_limiter_gate *gate, const struct gp_waiter *waiter,
                  const gp_limiter_word *report, double now);
    const char *problem; /* not NULL: it is broken, nothing is admitted, and this is why */
} gp_limiter_gate;

/* One request, owned by the caller. Zero it, then set `class` and `subjects` while it is idle. End
 * it before its memory is freed. */
typedef struct gp_waiter {
    struct gp_waiter *previous, *next;
    gp_waiter_state state;
    gp_class class;
    uint64_t subjects[GP_LIMITER_RULES];       /* 0: the rule does not apply */
    struct gp_window *taken[GP_LIMITER_RULES]; /* the first `windows` entries are set */
    uint32_t windows;
    double since;    /* when it joined the queue */
    uint64_t number; /* order of arrival */
    /* For the gate: */
    double gate_until; /* it does not admit before this time */
    size_t gate_places[GP_LIMITER_RULES];
} gp_waiter;

typedef struct gp_window {
    uint64_t subject;
    const gp_limit_rule *rule;
    double *stamps;      /* ring of the rule's count, oldest at `head` */
    uint32_t head, used; /* slots of sent requests */
    uint32_t held;       /* slots of admitted requests not sent yet */
    double drained_until;
} gp_window;

/* Requests left according to the server, by the name of its throttle. */
typedef struct gp_quota {
    uint64_t name;
    uint32_t left;
    double until;
} gp_quota;

typedef struct gp_limiter {
    gp_limit_rule rules[GP_LIMITER_RULES];
    gp_window *windows[GP_LIMITER_RULES];
    uint32_t window_count[GP_LIMITER_RULES];
    gp_limiter_gate *gate; /* NULL: none */
    gp_quota quotas[GP_LIMITER_QUOTAS];
    double quotas_until; /* the latest `until` of them */
    gp_waiter *first[GP_CLASS_COUNT], *last[GP_CLASS_COUNT];
    uint32_t waiting, in_flight;
    uint64_t numbers;
    double now;
    uint64_t admitted, delayed; /* for statistics */
} gp_limiter;

/* Bytes of memory that a limiter with these rules needs; 0 when a count is too large. */
size_t gp_limiter_bytes(const gp_limit_rule rules[GP_LIMITER_RULES]);

/* Creates a limiter in `memory` (gp_limiter_bytes, aligned for a double). Needs no close. */
gp_limiter *gp_limiter_init(void *memory, const gp_limit_rule rules[GP_LIMITER_RULES]);

/* Admits the request: true if it holds a slot in each of its windows. Else it waits in the queue,
 * and *until is the earliest time at which it can be admitted, unless a request ahead of it is
 * withdrawn: call again then. A call may also admit other waiters, whose next call then returns
 * true. */
int gp_limiter_admit(gp_limiter *limiter, gp_waiter *waiter, double now, double *until);

/* The request's bytes are about to be sent. A second send of one waiter (by a transport that
 * retries on its own) needs another slot: false when none is free, and they must not be sent. */
int gp_limiter_sent(gp_limiter *limiter, gp_waiter *waiter, double now);

/* The attempt is over, or the caller gave up: a held slot counts as sent now. True when a request
 * left the queue and the waiting ones should call gp_limiter_admit again. */
int gp_limiter_end(gp_limiter *limiter, gp_waiter *waiter, double now);

/* Releases a held slot that nothing was sent for, or leaves the queue. True as above. */
int gp_limiter_give_back(gp_limiter *limiter, gp_waiter *waiter);

/* Closes the rule's window of this waiter's subject until `until`. */
void gp_limiter_drain(gp_limiter *limiter, const gp_waiter *waiter, int rule, double now,
                      double until);

/* Applies the server's quota report from the response to the request of `waiter`. The server has
 * not counted the requests in flight. Within one window of a throttle, the lowest report holds.
 * True when a new window replaces one that held requests back: waiting ones should call
 * gp_limiter_admit again. */
int gp_limiter_quota(gp_limiter *limiter, const gp_waiter *waiter, const gp_limiter_word *report,
                     double now);

/* How full a rule's windows are: the slots used in the fullest one, the number of subjects with a
 * used or closed window, and the latest time at which a closed window opens. */
typedef struct gp_limiter_fill {
    uint32_t used, subjects;
    double drained_until; /* -INFINITY: none is closed */
} gp_limiter_fill;

gp_limiter_fill gp_limiter_filled(gp_limiter *limiter, int rule, double now);

/* A subject's number, never 0: a hash of its name. */
uint64_t gp_limiter_subject(const char *name, size_t len);

#endif
