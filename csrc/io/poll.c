#include "io/poll.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "io/clock.h"

typedef struct trap {
    const char *name;
    int signal;
    int installed;
    struct sigaction before;
} trap;

static trap traps[] = {
    {.name = "INT", .signal = SIGINT},
    {.name = "TERM", .signal = SIGTERM},
    {.name = "HUP", .signal = SIGHUP},
    {.name = "PIPE", .signal = SIGPIPE},
};

enum { TRAPS = sizeof traps / sizeof traps[0] };

static volatile sig_atomic_t came[TRAPS];

static void note(int number)
{
    size_t i;
    for (i = 0; i < TRAPS; i++) {
        if (traps[i].signal == number) came[i] = 1;
    }
}

int gp_trap(const char *name)
{
    size_t i;
    for (i = 0; i < TRAPS; i++) {
        struct sigaction action;
        if (strcmp(traps[i].name, name) != 0) continue;
        if (traps[i].installed) return 0;
        memset(&action, 0, sizeof action);
        action.sa_handler = note;
        sigemptyset(&action.sa_mask);
        /* No SA_RESTART: the host's own blocking calls must return too. */
        if (sigaction(traps[i].signal, &action, &traps[i].before) != 0) return -1;
        traps[i].installed = 1;
        /* An ignored SIGHUP stays ignored: the program was started by nohup. */
        if (traps[i].signal == SIGHUP && traps[i].before.sa_handler == SIG_IGN)
            sigaction(SIGHUP, &traps[i].before, NULL);
        return 0;
    }
    return -1;
}

void gp_untrap(void)
{
    size_t i;
    for (i = 0; i < TRAPS; i++) {
        if (traps[i].installed) sigaction(traps[i].signal, &traps[i].before, NULL);
        traps[i].installed = 0;
        came[i] = 0;
    }
}

const char *gp_trapped(void)
{
    size_t i;
    for (i = 0; i < TRAPS; i++) {
        if (came[i]) {
            came[i] = 0;
            return traps[i].name;
        }
    }
    return NULL;
}

/* Fills the set of trapped signals; false when there is none. */
static int trapped_set(sigset_t *set)
{
    size_t i;
    int any = 0;
    sigemptyset(set);
    for (i = 0; i < TRAPS; i++) {
        if (!traps[i].installed) continue;
        sigaddset(set, traps[i].signal);
        any = 1;
    }
    return any;
}

static int any_came(void)
{
    size_t i;
    for (i = 0; i < TRAPS; i++) {
        if (came[i]) return 1;
    }
    return 0;
}

/* Polls until `deadline` (negative: none) on gp_clock_now, across signals that are not trapped. */
static int poll_until(struct pollfd *fds, size_t count, double deadline, const sigset_t *mask)
{
    for (;;) {
        struct timespec left, *limit = NULL;
        int ready;
        if (any_came()) return GP_POLL_INTERRUPTED;
        if (deadline >= 0) {
            double seconds = deadline - gp_clock_now();
            if (!(seconds > 0)) seconds = 0;
            if (seconds > 86400) seconds = 86400;
            left.tv_sec = (time_t)seconds;
            left.tv_nsec = (long)((seconds - floor(seconds)) * 1e9);
            limit = &left;
        }
        ready = ppoll(fds, (nfds_t)count, limit, mask);
        if (ready > 0) return ready;
        if (ready == 0 && deadline >= 0 && gp_clock_now() >= deadline) return 0;
        if (ready < 0 && errno != EINTR) return GP_POLL_FAILED;
    }
}

int gp_poll(struct pollfd *fds, size_t count, double seconds)
{
    double deadline = seconds < 0 ? -1 : gp_clock_now() + seconds;
    sigset_t ours, before;
    int result, saved;
    if (!trapped_set(&ours)) return poll_until(fds, count, deadline, NULL);
    if (pthread_sigmask(SIG_BLOCK, &ours, &before) != 0) return GP_POLL_FAILED;
    result = poll_until(fds, count, deadline, &before);
    saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return result;
}
