#include "io/boot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The kernel's PROC_TIME_INIT_INO. */
#define INITIAL_TIME_NAMESPACE 0xEFFFFFFAu

/* Reads the start of a small file as text; -1 if it cannot be read. */
static ssize_t read_text(const char *path, char *out, size_t size)
{
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    got = read(fd, out, size - 1);
    close(fd);
    if (got >= 0) out[got] = '\0';
    return got;
}

void gp_boot_id(char out[GP_BOOT_ID_LEN + 1])
{
    char text[GP_BOOT_ID_LEN + 2];
    ssize_t got = read_text("/proc/sys/kernel/random/boot_id", text, sizeof text);
    memset(out, 0, GP_BOOT_ID_LEN + 1);
    if (got >= GP_BOOT_ID_LEN) memcpy(out, text, GP_BOOT_ID_LEN);
}

uint64_t gp_boot_time_namespace(void)
{
    struct stat info;
    return stat("/proc/self/ns/time", &info) == 0 ? info.st_ino : 0;
}

int gp_boot_is_initial_namespace(uint64_t time_namespace)
{
    return time_namespace == 0 || time_namespace == INITIAL_TIME_NAMESPACE;
}

double gp_boot_seconds_by_clock(void)
{
    struct timespec at;
    if (syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &at) != 0) return -1;
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

double gp_boot_seconds_by_proc(void)
{
    char text[64];
    if (read_text("/proc/uptime", text, sizeof text) <= 0) return -1;
    return strtod(text, NULL);
}
