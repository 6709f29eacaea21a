/*
 * Measures the log parser: bench/joblog FILE prints rate=BYTES_PER_SECOND lines=N.
 * The file is read in chunks of 64 KiB, like a stream; three passes, the fastest counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/joblog.h"

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int pass(const char *path, double *rate, long *lines)
{
    static char piece[65536];
    static const gp_alloc alloc = {resize, NULL};
    gp_joblog log;
    gp_joblog_event event;
    double start = now(), bytes = 0;
    size_t len;
    int status = 0;
    FILE *file = fopen(path, "rb");
    if (!file) return -1;
    gp_joblog_init(&log, &alloc);
    *lines = 0;
    do {
        len = fread(piece, 1, sizeof piece, file);
        bytes += (double)len;
        if (len)
            gp_joblog_feed(&log, piece, len);
        else
            gp_joblog_finish(&log);
        while ((status = gp_joblog_next(&log, &event)) == 1)
            *lines += event.kind == GP_JOBLOG_LINE;
    } while (len > 0 && status == 0);
    gp_joblog_free(&log);
    fclose(file);
    *rate = bytes / (now() - start);
    return status;
}

int main(int argc, char **argv)
{
    double best = 0, rate;
    long lines = 0;
    int i;
    for (i = 0; argc > 1 && i < 3; i++) {
        if (pass(argv[1], &rate, &lines) != 0) {
            perror(argv[1]);
            return 1;
        }
        if (rate > best) best = rate;
    }
    printf("rate=%.0f lines=%ld\n", best, lines);
    return 0;
}
