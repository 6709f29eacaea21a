/*
 * The kernel's data about the current boot: its id, and the time since it. Unlike the wall clock,
 * these clocks cannot be set.
 */
#ifndef GP_IO_BOOT_H
#define GP_IO_BOOT_H

#include <stdint.h>

/* Characters of a boot id, without the NUL. */
#define GP_BOOT_ID_LEN 36

/* The boot id as text; empty if there is none (no /proc). */
void gp_boot_id(char out[GP_BOOT_ID_LEN + 1]);

/* The time namespace of this process: each has its own offset to "since boot". 0 if the kernel has
 * no time namespaces (before 5.6). */
uint64_t gp_boot_time_namespace(void);

/* True for the initial namespace, which has no offset. */
int gp_boot_is_initial_namespace(uint64_t time_namespace);

/* Seconds since boot, suspended time included, from two independent sources: the raw system call,
 * which bypasses libraries that shift clocks, and /proc/uptime. Negative: unknown. */
double gp_boot_seconds_by_clock(void);
double gp_boot_seconds_by_proc(void);

#endif
