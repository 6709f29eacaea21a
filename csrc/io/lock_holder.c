#include "io/lock_holder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The bytes that SQLite locks: the write, checkpoint and recovery locks of the WAL index, and the
 * locks of the database itself. They are part of its file format. */
#define WAL_FIRST      120
#define WAL_LAST       122
#define DATABASE_FIRST 0x40000000
#define DATABASE_LAST  (DATABASE_FIRST + 511)

typedef struct search {
    dev_t device;
    ino_t inode;
    uint64_t first, last;
    int exclusive;
} search;

/* A line of fdinfo such as "lock:\t1: OFDLCK  ADVISORY  WRITE 42 08:01:131 120 EOF". */
static int line_matches(const char *line, const search *wanted)
{
    char kind[8], type[8], from[24], to[24];
    uint64_t first, last;
    if (sscanf(line, "lock: %*d: %7s %*s %7s %*s %*s %23s %23s", kind, type, from, to) != 4)
        return 0;
    if (strcmp(kind, "POSIX") != 0 && strcmp(kind, "OFDLCK") != 0) return 0;
    if (wanted->exclusive && strcmp(type, "WRITE") != 0) return 0;
    first = strtoull(from, NULL, 10);
    last = strcmp(to, "EOF") == 0 ? UINT64_MAX : strtoull(to, NULL, 10);
    return first <= wanted->last && last >= wanted->first;
}

static int descriptor_matches(const char *pid, const char *fd, const search *wanted)
{
    char path[64], line[256];
    struct stat info;
    FILE *file;
    int found = 0;
    if (snprintf(path, sizeof path, "/proc/%.20s/fd/%.20s", pid, fd) >= (int)sizeof path) return 0;
    if (stat(path, &info) != 0 || info.st_ino != wanted->inode || info.st_dev != wanted->device) {
        return 0;
    }
    snprintf(path, sizeof path, "/proc/%.20s/fdinfo/%.20s", pid, fd);
    file = fopen(path, "re");
    if (!file) return 0;
    while (!found && fgets(line, sizeof line, file))
        found = line_matches(line, wanted);
    fclose(file);
    return found;
}

static int process_matches(const char *pid, const search *wanted)
{
    char path[64];
    struct dirent *entry;
    DIR *folder;
    int found = 0;
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    folder = opendir(path);
    if (!folder) return 0;
    while (!found && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') found = descriptor_matches(pid, entry->d_name, wanted);
    }
    closedir(folder);
    return found;
}

long gp_lock_holder(const char *path, uint64_t first, uint64_t last, int exclusive)
{
    search wanted = {0, 0, first, last, exclusive};
    struct dirent *entry;
    struct stat info;
    DIR *folder;
    long found = 0;
    if (stat(path, &info) != 0) return 0;
    wanted.device = info.st_dev;
    wanted.inode = info.st_ino;
    folder = opendir("/proc");
    if (!folder) return 0;
    while (found == 0 && (entry = readdir(folder)) != NULL) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || (!exclusive && pid == (long)getpid())) continue;
        if (process_matches(entry->d_name, &wanted)) found = pid;
    }
    closedir(folder);
    return found;
}

long gp_lock_holder_of_database(const char *path)
{
    size_t size = strlen(path) + sizeof "-shm";
    char *index = malloc(size);
    long pid = 0;
    if (index) {
        snprintf(index, size, "%s-shm", path);
        pid = gp_lock_holder(index, WAL_FIRST, WAL_LAST, 1);
        free(index);
    }
    if (pid == 0) pid = gp_lock_holder(path, DATABASE_FIRST, DATABASE_LAST, 1);
    if (pid == 0) pid = gp_lock_holder(path, DATABASE_FIRST, DATABASE_LAST, 0);
    return pid;
}
