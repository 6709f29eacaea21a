#include "io/clock.h"

#include <stdint.h>
#include <sys/random.h>
#include <time.h>

static double base;

static double read_clock(clockid_t id)
{
    struct timespec at;
    if (clock_gettime(id, &at) != 0) return 0;
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

/* Runs when the object is loaded, so that threads of the host need no lock here. */
__attribute__((constructor)) static void start(void)
{
    base = read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
}

double gp_clock_now(void)
{
    return base + read_clock(CLOCK_MONOTONIC);
}

double gp_clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

double gp_clock_random(void)
{
    uint64_t bits;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != (ssize_t)sizeof bits) {
        struct timespec at = {0, 0};
        clock_gettime(CLOCK_MONOTONIC, &at);
        bits = ((uint64_t)at.tv_nsec + (uint64_t)at.tv_sec) * UINT64_C(0x9E3779B97F4A7C15);
    }
    return (double)(bits >> 11) * 0x1p-53;
}
