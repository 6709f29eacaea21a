/*
 * The limiter: exact sliding windows, and a fair queue in front of them.
 *
 * A rule says "at most `count` requests in any `length` seconds" for each of its subjects: the
 * host and token; a project and ref. A request names its subject under each rule that concerns it
 * and goes when every one of these windows has room.
 *
 * A place is taken when a request may go (held), and ages from the moment at which it is really
 * sent, because only that moment is what the server counts. So in any interval of a window's
 * length at most its count is sent. (A token bucket with a burst lets twice that through.)
 *
 *   IDLE --admit--> WAITING --admit or another's admit--> HELD --sent--> SENT --end--> IDLE
 *
 * Order: by class, first come first served within one; after 30 s a request goes before every
 * younger one of any class. A request whose own subject is full holds up nobody else.
 *
 * The memory is the caller's and of fixed size; waiting requests are linked through the waiters
 * that the callers own. Time must not run backwards; an earlier `now` counts as the latest seen.
 */
#ifndef GP_LIMITER_H
#define GP_LIMITER_H

#include <stddef.h>
#include <stdint.h>

#define GP_LIMITER_RULES  4
#define GP_LIMITER_AGED   30.0
#define GP_LIMITER_QUOTAS 4

/* A place is free again this much after the window's length: so much that two ends of a window,
 * both counted in, never see one too many, whatever the rounding of times since 1970. */
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
    int shared;     /* one window for every request, whatever its subject */
} gp_limit_rule;

typedef enum gp_waiter_state {
    GP_WAITER_IDLE,
    GP_WAITER_WAITING,
    GP_WAITER_HELD,
    GP_WAITER_SENT,
} gp_waiter_state;

struct gp_waiter;

/* What a server said in its answer to a request that was sent at `sent`: of its throttle `name`,
 * `left` requests are left until `until`. */
typedef struct gp_limiter_word {
    uint64_t name;
    double left, sent, until;
} gp_limiter_word;

/* A second limiter behind this one, asked when this one has room: the windows that processes share
 * (io/shared_limits.h). It answers without waiting. */
typedef struct gp_limiter_gate {
    /* May it go? True: a place is held for it there too. Else *until, after `now`, is when it is
     * worth asking again. */
    int (*take)(struct gp_limiter_gate *gate, struct gp_waiter *waiter, double now, double *until);
    /* Its bytes leave. */
    void (*sent)(struct gp_limiter_gate *gate, struct gp_waiter *waiter, double now);
    void (*give_back)(struct gp_limiter_gate *gate, struct gp_waiter *waiter);
    /* The server wants nothing of this waiter's subject under `rule` before `until`. */
    void (*close)(struct gp_limiter_gate *gate, const struct gp_waiter *waiter, int rule,
                  double now, double until);
    /* The server said what is left, in its answer to this waiter's request: as gp_limiter_quota. */
    void (*quota)(struct gp_limiter_gate *gate, const struct gp_waiter *waiter,
                  const gp_limiter_word *word, double now);
    const char *problem; /* not NULL: it is broken, nothing goes any more, and this is why */
} gp_limiter_gate;

/* One request, owned by the caller; zeroed, then `class` and `subjects` set while idle. It must
 * be ended before its memory goes. */
typedef struct gp_waiter {
    struct gp_waiter *previous, *next;
    gp_waiter_state state;
    gp_class class;
    uint64_t subjects[GP_LIMITER_RULES];       /* 0: the rule does not concern it */
    struct gp_window *taken[GP_LIMITER_RULES]; /* so many: */
    uint32_t windows;
    double since;
    uint64_t number; /* order of arrival */
    /* The gate's: */
    double gate_until; /* it certainly says no until then */
    size_t gate_places[GP_LIMITER_RULES];
} gp_waiter;

typedef struct gp_window {
    uint64_t subject;
    const gp_limit_rule *rule;
    double *stamps; /* ring of the rule's count, oldest at `head` */
    uint32_t head, used;
    uint32_t held;
    double drained_until;
} gp_window;

/* What the server said is left, by the name of its throttle. */
typedef struct gp_quota {
    uint64_t name;
    uint32_t left;
    double until;
} gp_quota;

typedef struct gp_limiter {
    gp_limit_rule rules[GP_LIMITER_RULES];
    gp_window *windows[GP_LIMITER_RULES];
    uint32_t slots[GP_LIMITER_RULES];
    gp_limiter_gate *gate; /* NULL: none */
    gp_quota quotas[GP_LIMITER_QUOTAS];
    double quotas_until; /* of the last of them */
    gp_waiter *first[GP_CLASS_COUNT], *last[GP_CLASS_COUNT];
    uint32_t waiting, in_flight;
    uint64_t numbers;
    double now;
    uint64_t admitted, delayed; /* for statistics */
} gp_limiter;

/* Bytes of memory that a limiter with these rules needs; 0 when that is absurdly much. */
size_t gp_limiter_bytes(const gp_limit_rule rules[GP_LIMITER_RULES]);

/* Makes a limiter in `memory` (of gp_limiter_bytes, aligned for a double). Nothing to close. */
gp_limiter *gp_limiter_init(void *memory, const gp_limit_rule rules[GP_LIMITER_RULES]);

/* May it go? True: it holds a place in each of its windows. Else it waits in the queue, and
 * *until is a time before which it certainly can not go (if nobody ahead gives up): ask again
 * then. Asking may admit others that wait; they learn it when they ask. */
int gp_limiter_admit(gp_limiter *limiter, gp_waiter *waiter, double now, double *until);

/* Its bytes leave now. A second time for one waiter (a transport that repeats by itself) needs
 * another place: false when there is none at this moment, and they must not leave. */
int gp_limiter_sent(gp_limiter *limiter, gp_waiter *waiter, double now);

/* The attempt is over, or the caller gave up: a held place ages from now. True when others who
 * wait should ask again, because somebody left the queue. */
int gp_limiter_end(gp_limiter *limiter, gp_waiter *waiter, double now);

/* Gives a held place back, as nothing was or will be sent; or leaves the queue. True as above. */
int gp_limiter_give_back(gp_limiter *limiter, gp_waiter *waiter);

/* Nothing that the rule counts for this waiter's subject goes before `until`. */
void gp_limiter_drain(gp_limiter *limiter, const gp_waiter *waiter, int rule, double now,
                      double until);

/* The server's word in its answer to the request of `waiter`; requests under way have not been
 * counted by it. The lowest word within one of its throttle's windows holds. True when that lets go
 * sooner than the word before did: others who wait should ask again. */
int gp_limiter_quota(gp_limiter *limiter, const gp_waiter *waiter, const gp_limiter_word *word,
                     double now);

/* How full a rule's windows are: of its fullest subject the places taken, how many subjects have
 * taken any or are drained, and until when the one drained the longest is. */
typedef struct gp_limiter_fill {
    uint32_t used, subjects;
    double drained_until; /* -INFINITY: none is */
} gp_limiter_fill;

gp_limiter_fill gp_limiter_filled(gp_limiter *limiter, int rule, double now);

/* A subject's number, never 0: a hash of its name. */
uint64_t gp_limiter_subject(const char *name, size_t len);

#endif
