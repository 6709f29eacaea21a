/*
 * What the kernel says about the current boot: which one it is, and how long ago it began. Nobody
 * can set these clocks, unlike the wall clock.
 */
#ifndef GP_IO_BOOT_H
#define GP_IO_BOOT_H

#include <stdint.h>

/* Characters of a boot id, without the NUL. */
#define GP_BOOT_ID_LEN 36

/* The boot id as text; empty where there is none (no /proc). */
void gp_boot_id(char out[GP_BOOT_ID_LEN + 1]);

/* The time namespace of this process, in which "since boot" has an offset of its own; 0 where the
 * kernel has one for all (before 5.6). */
uint64_t gp_boot_time_namespace(void);

/* Is that the namespace without an offset? */
int gp_boot_is_initial_namespace(uint64_t time_namespace);

/* Seconds since boot, suspended time included, from two sources that hardly lie together: the
 * system call itself, past any library that shifts clocks, and /proc/uptime. Negative: unknown. */
double gp_boot_seconds_by_clock(void);
double gp_boot_seconds_by_proc(void);

#endif
