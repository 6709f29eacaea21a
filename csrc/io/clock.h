/*
 * The one clock of everything that waits, and a source of random numbers.
 *
 * Seconds since 1970 as a double: the wall clock when this object was loaded plus CLOCK_MONOTONIC
 * since then. So it never jumps, and its values still read as times. Each shared object that links
 * this file has a start of its own: between two of them only differences may be compared.
 */
#ifndef GP_IO_CLOCK_H
#define GP_IO_CLOCK_H

/* Never goes back. Does not count the time in which the machine is suspended. */
double gp_clock_now(void);

/* The wall clock as it stands; may jump in both directions. */
double gp_clock_wall(void);

/* A random number, 0 <= x < 1, from the kernel. Without one (a very old kernel, a seccomp filter)
 * from the clock: good enough for jitter, never for secrets. */
double gp_clock_random(void);

#endif
