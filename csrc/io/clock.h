/*
 * The clock for everything that waits, and a source of random numbers.
 *
 * Seconds since 1970 as a double: the wall clock when this object was loaded plus CLOCK_MONOTONIC
 * since then. So it never jumps, and its values still read as times. Each shared object that links
 * this file has its own start: only compare differences between two of them.
 */
#ifndef GP_IO_CLOCK_H
#define GP_IO_CLOCK_H

/* Monotonic. Does not count time during which the machine is suspended. */
double gp_clock_now(void);

/* The wall clock; may jump in either direction. */
double gp_clock_wall(void);

/* A random number, 0 <= x < 1, from the kernel. If the kernel gives none (very old, or a seccomp
 * filter), it is derived from the clock: good enough for jitter, never for secrets. */
double gp_clock_random(void);

#endif
