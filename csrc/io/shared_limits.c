#include "io/shared_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "core/network_file_system.h"
#include "core/shared_windows.h"
#include "io/boot.h"

/* A hook for tests that stop or kill the process after each store. */
#ifndef GP_SHARED_STORED
#define GP_SHARED_STORED() ((void)0)
#endif

/* Offsets that are locked and never written: one for the block, one for each owner. */
#define LOCK_BLOCK ((off_t)1 << 40)
#define LOCK_OWNER (LOCK_BLOCK + 1)

/* Retry intervals while another process holds the lock; it may be stopped. */
#define FIRST_TRY 0.001
#define LAST_TRY  0.1

/* How many writes are queued while another process holds the lock. */
#define OWED 16

typedef struct owed_close {
    int rule;
    gp_shared_subject subject;
    double until;
} owed_close;

typedef struct owed_quota {
    gp_shared_request request;
    gp_limiter_word word;
} owed_quota;

struct gp_shared_limits {
    gp_limiter_gate gate; /* first */
    char *path;
    gp_limit_rule rules[GP_LIMITER_RULES];
    uint64_t subject[2];
    int own_time; /* uses the caller's time, else the machine's */
    int fd;       /* -1: not open */
    pid_t pid;
    void *memory; /* NULL: not mapped yet, because the lock was not available */
    size_t size;
    gp_shared_block block;
    uint32_t owner;
    int seen_before; /* the file was in use: its replacement starts with used windows */
    double pause, quiet_until;
    owed_close closes[OWED];
    uint32_t owed_closes;
    owed_quota quotas[OWED];
    uint32_t owed_quotas;
    char message[512];
};

static double boot_clock(void)
{
    struct timespec at = {0, 0};
    clock_gettime(CLOCK_BOOTTIME, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

/* Converts the caller's `now` to the file's time. */
static double file_time(const gp_shared_limits *limits, double now)
{
    return limits->own_time ? now : boot_clock();
}

/* Records the first problem, and detaches from the file. */
static int fail(gp_shared_limits *limits, const char *format, ...)
{
    va_list args;
    if (limits->gate.problem) return -1;
    va_start(args, format);
    vsnprintf(limits->message, sizeof(limits->message), format, args);
    va_end(args);
    limits->gate.problem = limits->message;
    return -1;
}

static int set_lock(int fd, short type, off_t at)
{
    struct flock lock;
    memset(&lock, 0, sizeof(lock));
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = at;
    lock.l_len = 1;
    return fcntl(fd, F_OFD_SETLK, &lock);
}

/* True if another open file holds a lock in this range, or if this is unknown. */
static int is_locked(int fd, off_t at, off_t len)
{
    struct flock lock;
    memset(&lock, 0, sizeof(lock));
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = at;
    lock.l_len = len;
    return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

static int is_alive(void *ctx, uint32_t owner)
{
    const gp_shared_limits *limits = ctx;
    return owner == limits->owner || is_locked(limits->fd, LOCK_OWNER + owner, 1);
}

static void detach(gp_shared_limits *limits)
{
    if (limits->memory) munmap(limits->memory, limits->size);
    if (limits->fd >= 0) close(limits->fd);
    limits->memory = NULL;
    limits->fd = -1;
}

static void read_identity(gp_shared_identity *identity)
{
    memset(identity, 0, sizeof(*identity));
    gp_boot_id(identity->boot);
    identity->time_namespace = gp_boot_time_namespace();
}

/* Checks that the file may contain a block. */
static int check_file(gp_shared_limits *limits, struct stat *info)
{
    const char *path = limits->path, *network;
    struct statfs system;
    if (fstat(limits->fd, info) != 0 || fstatfs(limits->fd, &system) != 0) {
        return fail(limits, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(info->st_mode)) return fail(limits, "%s is not a regular file", path);
    network = gp_network_file_system((unsigned long)system.f_type);
    if (network) {
        return fail(limits, "%s lies on a network file system (%s): choose a local file", path,
                    network);
    }
    if (info->st_uid != geteuid()) return fail(limits, "%s belongs to another user", path);
    if (!(info->st_mode & S_IWUSR)) return fail(limits, "%s is read-only", path);
    if (info->st_mode & (S_IRWXG | S_IRWXO)) {
        return fail(limits, "%s is open to other users: chmod 600", path);
    }
    return 0;
}

static int open_file(gp_shared_limits *limits)
{
    struct stat info;
    limits->pid = getpid();
    limits->fd = open(limits->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (limits->fd < 0) return fail(limits, "%s: %s", limits->path, strerror(errno));
    return check_file(limits, &info);
}

static int map(gp_shared_limits *limits, size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, limits->fd, 0);
    if (memory == MAP_FAILED) return fail(limits, "%s: %s", limits->path, strerror(errno));
    limits->memory = memory;
    limits->size = size;
    return 0;
}

/* Under the lock. Allocates all disk blocks now, so that no store can fail later. */
static int make_file(gp_shared_limits *limits, const gp_shared_identity *identity, int used,
                     double now)
{
    size_t size = gp_shared_bytes(limits->rules);
    int err;
    if (pwrite(limits->fd, gp_shared_unfinished, sizeof(gp_shared_unfinished), 0) !=
        (ssize_t)sizeof(gp_shared_unfinished)) {
        return fail(limits, "%s: %s", limits->path, strerror(errno));
    }
    GP_SHARED_STORED();
    if (ftruncate(limits->fd, (off_t)size) != 0) {
        return fail(limits, "%s: %s", limits->path, strerror(errno));
    }
    GP_SHARED_STORED();
    err = posix_fallocate(limits->fd, 0, (off_t)size);
    if (err != 0) return fail(limits, "%s: %s", limits->path, strerror(err));
    GP_SHARED_STORED();
    if (map(limits, size) != 0) return -1;
    gp_shared_make(limits->memory, limits->rules, identity, used, file_time(limits, now));
    return 0;
}

/* Under the lock: maps the file's block, or recreates it if that is safe. */
static int adopt(gp_shared_limits *limits, double now)
{
    const char *path = limits->path, *other = NULL;
    gp_shared_identity identity;
    gp_shared_header header;
    struct stat info;
    ssize_t got = pread(limits->fd, &header, sizeof(header), 0);
    if (got < 0 || fstat(limits->fd, &info) != 0) {
        return fail(limits, "%s: %s", path, strerror(errno));
    }
    read_identity(&identity);
    switch (
        gp_shared_read(&header, (size_t)got, (uint64_t)info.st_size, limits->rules, &identity)) {
    case GP_SHARED_READY:
        return map(limits, (size_t)info.st_size);
    case GP_SHARED_NEW:
        return make_file(limits, &identity, limits->seen_before, now);
    case GP_SHARED_UNFINISHED:
        other = "that has initialized it";
        break;
    case GP_SHARED_OTHER_BOOT:
        other = "of another boot of this machine";
        break;
    case GP_SHARED_OTHER_CLOCK:
        other = "in another time namespace";
        break;
    case GP_SHARED_OTHER_RULES:
        other = "with other limits";
        break;
    case GP_SHARED_OTHER_VERSION:
        return fail(limits, "%s was made by another version: choose another file", path);
    case GP_SHARED_DAMAGED:
        return fail(limits, "%s is damaged: remove it while no process uses it", path);
    default:
        return fail(limits, "%s is not a shared limits file", path);
    }
    if (is_locked(limits->fd, LOCK_OWNER, GP_SHARED_OWNERS)) {
        return fail(limits, "%s is in use by a process %s", path, other);
    }
    return make_file(limits, &identity, 1, now);
}

/* Takes an owner number that no other open file has. */
static int take_number(gp_shared_limits *limits)
{
    uint32_t i, at = (uint32_t)limits->pid % GP_SHARED_OWNERS;
    for (i = 0; i < GP_SHARED_OWNERS; i++, at = (at + 1) % GP_SHARED_OWNERS) {
        if (set_lock(limits->fd, F_WRLCK, LOCK_OWNER + at) == 0) {
            limits->owner = at;
            return 0;
        }
    }
    return fail(limits, "%s is used by %d clients already", limits->path, GP_SHARED_OWNERS);
}

/* Under the lock. */
static int attach(gp_shared_limits *limits, double now)
{
    if (adopt(limits, now) != 0 || take_number(limits) != 0) return -1;
    gp_shared_attach(&limits->block, limits->memory);
    gp_shared_sweep(&limits->block, limits->owner, file_time(limits, now));
    limits->seen_before = 1;
    return 0;
}

/* Checks that the mapped file still has its name, size and header. A truncated file must not be
 * accessed. 0: valid; 1: another file; -1: a problem. */
static int check_mapping(gp_shared_limits *limits)
{
    struct stat info;
    if (fstat(limits->fd, &info) != 0) {
        return fail(limits, "%s: %s", limits->path, strerror(errno));
    }
    if (info.st_nlink == 0) return 1;
    if ((uint64_t)info.st_size != limits->size || !gp_shared_intact(&limits->block)) {
        return fail(limits, "%s was damaged while it was in use", limits->path);
    }
    return 0;
}

/* Performs the queued writes. */
static void flush_owed(gp_shared_limits *limits, double at)
{
    uint32_t i;
    for (i = 0; i < limits->owed_closes; i++) {
        const owed_close *owed = &limits->closes[i];
        gp_shared_close(&limits->block, owed->rule, &owed->subject, at, owed->until);
    }
    for (i = 0; i < limits->owed_quotas; i++) {
        const owed_quota *owed = &limits->quotas[i];
        gp_shared_quota(&limits->block, &owed->request, &owed->word, at);
    }
    limits->owed_closes = limits->owed_quotas = 0;
}

static void unlock(gp_shared_limits *limits)
{
    if (limits->fd >= 0) set_lock(limits->fd, F_UNLCK, LOCK_BLOCK);
}

/* One attempt. -1: the file no longer has its name. */
static int try_lock(gp_shared_limits *limits, double now)
{
    int state = 0;
    if (limits->gate.problem) return 0;
    /* A child inherits its parent's open file, but must have its own. */
    if (limits->fd >= 0 && limits->pid != getpid()) detach(limits);
    if (limits->fd < 0 && open_file(limits) != 0) return 0;
    if (set_lock(limits->fd, F_WRLCK, LOCK_BLOCK) != 0) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
            fail(limits, "%s: it cannot be locked: %s", limits->path, strerror(errno));
        }
        return 0;
    }
    GP_SHARED_STORED();
    if (!limits->memory) state = attach(limits, now);
    if (state == 0) state = check_mapping(limits);
    if (state == 0) {
        flush_owed(limits, file_time(limits, now));
        return 1;
    }
    /* This releases the lock. */
    detach(limits);
    return state == 1 ? -1 : 0;
}

/* Locks the file and checks the block. 0: another process has the lock, or there is a problem. */
static int lock(gp_shared_limits *limits, double now)
{
    int state = try_lock(limits, now);
    if (state < 0) state = try_lock(limits, now);
    return state > 0;
}

static gp_shared_subject host_of(const gp_shared_limits *limits)
{
    gp_shared_subject host = {{limits->subject[0], limits->subject[1]}};
    return host;
}

static gp_shared_subject subject_of(const gp_shared_limits *limits, const gp_waiter *waiter,
                                    int rule)
{
    gp_shared_subject subject = {{0, 0}};
    if (waiter->subjects[rule] != 0) {
        subject.words[0] = limits->subject[0];
        subject.words[1] = limits->subject[1] ^ waiter->subjects[rule];
    }
    return subject;
}

static gp_shared_request request_of(const gp_shared_limits *limits, const gp_waiter *waiter)
{
    gp_shared_request request = {.host = host_of(limits), .owner = limits->owner};
    int rule;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++)
        request.subjects[rule] = subject_of(limits, waiter, rule);
    return request;
}

static int take(gp_limiter_gate *gate, gp_waiter *waiter, double now, double *until)
{
    gp_shared_limits *limits = (gp_shared_limits *)(void *)gate;
    gp_shared_request request;
    gp_shared_census census = {is_alive, limits};
    gp_shared_places places;
    double at, then;
    int taken;
    *until = limits->quiet_until;
    if (now < limits->quiet_until) return 0;
    if (!lock(limits, now)) {
        limits->pause = fmin(fmax(2 * limits->pause, FIRST_TRY), LAST_TRY);
        *until = limits->quiet_until = now + limits->pause;
        return 0;
    }
    limits->pause = 0;
    request = request_of(limits, waiter);
    at = file_time(limits, now);
    taken = gp_shared_take(&limits->block, &request, &census, at, &places, &then);
    unlock(limits);
    if (taken) {
        memcpy(waiter->gate_places, places.at, sizeof(waiter->gate_places));
        *until = 0;
    } else {
        *until = now + fmax(then - at, FIRST_TRY);
    }
    return taken;
}

/* True if the waiter has slots in a block that may be accessed. */
static int has_places(gp_shared_limits *limits, const gp_waiter *waiter, gp_shared_places *places)
{
    struct stat info;
    memcpy(places->at, waiter->gate_places, sizeof(places->at));
    return limits->memory && limits->pid == getpid() && fstat(limits->fd, &info) == 0 &&
           (uint64_t)info.st_size == limits->size;
}

static void sent(gp_limiter_gate *gate, gp_waiter *waiter, double now)
{
    gp_shared_limits *limits = (gp_shared_limits *)(void *)gate;
    gp_shared_places places;
    if (!has_places(limits, waiter, &places)) return;
    gp_shared_sent(&limits->block, &places, limits->owner, file_time(limits, now));
    memset(waiter->gate_places, 0, sizeof(waiter->gate_places));
}

static void give_back(gp_limiter_gate *gate, gp_waiter *waiter)
{
    gp_shared_limits *limits = (gp_shared_limits *)(void *)gate;
    gp_shared_places places;
    if (has_places(limits, waiter, &places)) {
        gp_shared_give_back(&limits->block, &places, limits->owner);
    }
    memset(waiter->gate_places, 0, sizeof(waiter->gate_places));
}

static void close_window(gp_limiter_gate *gate, const gp_waiter *waiter, int rule, double now,
                         double until)
{
    gp_shared_limits *limits = (gp_shared_limits *)(void *)gate;
    gp_shared_subject subject = subject_of(limits, waiter, rule);
    double at = file_time(limits, now), then = at + (until - now);
    if (lock(limits, now)) {
        gp_shared_close(&limits->block, rule, &subject, at, then);
        unlock(limits);
    } else if (limits->owed_closes < OWED) {
        owed_close *owed = &limits->closes[limits->owed_closes++];
        owed->rule = rule;
        owed->subject = subject;
        owed->until = then;
    }
}

static void quota(gp_limiter_gate *gate, const gp_waiter *waiter, const gp_limiter_word *word,
                  double now)
{
    gp_shared_limits *limits = (gp_shared_limits *)(void *)gate;
    double at = file_time(limits, now);
    owed_quota said = {
        .word = {word->name, word->left, at - (now - word->sent), at + (word->until - now)}};
    said.request = request_of(limits, waiter);
    if (lock(limits, now)) {
        gp_shared_quota(&limits->block, &said.request, &said.word, at);
        unlock(limits);
    } else if (limits->owed_quotas < OWED) {
        limits->quotas[limits->owed_quotas++] = said;
    }
}

int gp_shared_limits_open(const char *path, const gp_limit_rule rules[GP_LIMITER_RULES],
                          const double *now, gp_shared_limits **out, char *err, size_t err_size)
{
    static const gp_limiter_gate gate = {take, sent, give_back, close_window, quota, NULL};
    gp_shared_limits *limits = calloc(1, sizeof(*limits));
    *out = NULL;
    if (!limits || !(limits->path = strdup(path))) {
        snprintf(err, err_size, "out of memory");
        free(limits);
        return -1;
    }
    limits->gate = gate;
    limits->fd = -1;
    limits->own_time = now != NULL;
    memcpy(limits->rules, rules, sizeof(limits->rules));
    if (gp_shared_bytes(rules) == 0) {
        fail(limits, "limits as high as these cannot be shared");
    } else if (lock(limits, now ? *now : 0)) {
        unlock(limits);
    }
    if (limits->gate.problem) {
        snprintf(err, err_size, "%s", limits->gate.problem);
        gp_shared_limits_close(limits);
        return -1;
    }
    *out = limits;
    return 0;
}

void gp_shared_limits_subject(gp_shared_limits *limits, const unsigned char digest[16])
{
    memcpy(limits->subject, digest, sizeof(limits->subject));
}

gp_limiter_gate *gp_shared_limits_gate(gp_shared_limits *limits)
{
    return &limits->gate;
}

uint32_t gp_shared_limits_used(gp_shared_limits *limits, int rule, double now)
{
    gp_waiter anybody;
    gp_shared_places places;
    gp_shared_subject subject;
    memset(&anybody, 0, sizeof(anybody));
    anybody.subjects[rule] = 1;
    subject = subject_of(limits, &anybody, rule);
    if (!has_places(limits, &anybody, &places)) return 0;
    return gp_shared_used(&limits->block, rule, &subject, file_time(limits, now));
}

void gp_shared_limits_close(gp_shared_limits *limits)
{
    if (!limits) return;
    detach(limits);
    free(limits->path);
    free(limits);
}
