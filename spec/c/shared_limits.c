/*
 * Tests of the shared windows that need several processes. It is compiled together with them, so
 * that every store and every read of the clock goes through this file: a process can die or stop at
 * any of them.
 *
 *   shared_limits storm FILE LOG PROCESSES SECONDS SEED [apart]
 *       processes that take slots as fast as possible while they are killed and stopped, by their
 *       parent and at their own stores; each request sent is a line of LOG: "time subject".
 *       apart: each with its own file, to prove that the check of LOG can fail
 *   shared_limits steps FILE LOG
 *       processes die at their first, second, ... store, in virtual time; after each, another
 *       process must be able to continue
 *   shared_limits patch FILE boot|clock|version|rules|size
 *       changes a valid file: another boot, ...
 *   shared_limits open FILE          opens it: "fine", or the message (FSTYPE, NOSPACE: simulated)
 *   shared_limits held FILE          a stopped process has the lock, then it is killed
 *   shared_limits fork FILE          parent and child, one of which removes the file
 *   shared_limits number FILE        one dies with a slot, the next gets its number
 *   shared_limits unit all           the block by itself, in memory
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/shared_windows.h"
#include "io/shared_limits.h"

#define SUBJECTS 3
#define WAITERS  6

/* Short windows, so that a second has many of them. The spec uses the same values. */
static const gp_limit_rule rules[GP_LIMITER_RULES] = {
    {8, 0.05, 1}, {40, 0.4, 1}, {3, 0.1, 0}, {0, 60, 1}};

static long countdown; /* stores until the signal is raised; 0: never */
static int at_zero;    /* the signal */
static double last_clock;
static uint64_t random_state;

static pid_t fake_pid;

pid_t __real_getpid(void);
pid_t __wrap_getpid(void);
int __real_clock_gettime(clockid_t id, struct timespec *at);
int __wrap_clock_gettime(clockid_t id, struct timespec *at);
int __real_posix_fallocate(int fd, off_t from, off_t len);
int __wrap_posix_fallocate(int fd, off_t from, off_t len);
int __real_fstatfs(int fd, struct statfs *info);
int __wrap_fstatfs(int fd, struct statfs *info);

void stress_stored(void)
{
    if (countdown > 0 && --countdown == 0) raise(at_zero);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *at)
{
    int status = __real_clock_gettime(id, at);
    if (id == CLOCK_BOOTTIME) last_clock = (double)at->tv_sec + (double)at->tv_nsec * 1e-9;
    return status;
}

int __wrap_posix_fallocate(int fd, off_t from, off_t len)
{
    return getenv("NOSPACE") ? ENOSPC : __real_posix_fallocate(fd, from, len);
}

int __wrap_fstatfs(int fd, struct statfs *info)
{
    int status = __real_fstatfs(fd, info);
    const char *type = getenv("FSTYPE");
    /* The field is signed, and CIFS' number is not. */
    if (type) info->f_type = (__fsword_t)(int32_t)strtoul(type, NULL, 16);
    return status;
}

pid_t __wrap_getpid(void)
{
    return fake_pid ? fake_pid : __real_getpid();
}

static double wall(void)
{
    struct timespec at;
    __real_clock_gettime(CLOCK_BOOTTIME, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static uint32_t dice(uint32_t sides)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % sides;
}

static void pause_for(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    nanosleep(&time, NULL);
}

static void die(const char *why)
{
    fprintf(stderr, "%s\n", why);
    _exit(3);
}

typedef struct process {
    gp_limiter *limiter;
    gp_shared_limits *shared;
    int log;
} process;

/* `now` not NULL: virtual time. */
static void begin(process *self, const char *file, const char *log, const double *now)
{
    static const unsigned char digest[16] = "host and token";
    char err[512];
    void *memory = malloc(gp_limiter_bytes(rules));
    if (!memory) die("memory");
    self->limiter = gp_limiter_init(memory, rules);
    self->log = open(log, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (gp_shared_limits_open(file, rules, now, &self->shared, err, sizeof(err)) != 0) die(err);
    gp_shared_limits_subject(self->shared, digest);
    self->limiter->gate = gp_shared_limits_gate(self->shared);
}

static void finish(process *self)
{
    gp_shared_limits_close(self->shared);
    free(self->limiter);
    close(self->log);
}

static void init_waiter(gp_waiter *waiter, uint64_t subject)
{
    memset(waiter, 0, sizeof(*waiter));
    waiter->class = (gp_class)dice(GP_CLASS_COUNT);
    waiter->subjects[0] = waiter->subjects[1] = 1;
    waiter->subjects[2] = subject;
}

static void note(const process *self, double at, uint64_t subject)
{
    char line[64];
    int len = snprintf(line, sizeof(line), "%.9f %d\n", at, (int)subject);
    if (write(self->log, line, (size_t)len) != len) die("log");
}

/* Sends as fast as the limits allow until its time is over, then exits without cleanup. */
static void work(const char *file, const char *log, double until, uint64_t seed)
{
    process self;
    gp_waiter waiters[WAITERS];
    uint64_t subjects[WAITERS];
    int i;
    random_state = seed;
    if (dice(2) == 0) {
        countdown = 1 + dice(dice(2) ? 60 : 4000);
        at_zero = dice(3) ? SIGKILL : SIGSTOP;
    }
    begin(&self, file, log, NULL);
    for (i = 0; i < WAITERS; i++)
        init_waiter(&waiters[i], subjects[i] = dice(SUBJECTS + 1));
    while (wall() < until) {
        double again = wall() + 0.02;
        for (i = 0; i < WAITERS; i++) {
            double then = again;
            if (!gp_limiter_admit(self.limiter, &waiters[i], wall(), &then)) {
                if (self.limiter->gate->problem) die(self.limiter->gate->problem);
                if (then < again) again = then;
                continue;
            }
            if (dice(4) == 0) pause_for(dice(3) * 0.001);
            if (dice(8) == 0) {
                gp_limiter_give_back(self.limiter, &waiters[i]);
            } else {
                gp_limiter_sent(self.limiter, &waiters[i], wall());
                note(&self, last_clock, subjects[i]);
                gp_limiter_end(self.limiter, &waiters[i], wall());
            }
            init_waiter(&waiters[i], subjects[i] = dice(SUBJECTS + 1));
            again = 0;
        }
        if (again > wall()) pause_for(again - wall());
    }
    _exit(0);
}

static pid_t spawn(const char *file, const char *log, double until, uint64_t seed)
{
    pid_t pid = fork();
    if (pid == 0) work(file, log, until, seed);
    return pid;
}

/* The result of a process: 0 when it succeeded or was killed by this test. */
static int judge_end(int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return 0;
    printf("crash: %s %d\n", WIFSIGNALED(status) ? "signal" : "exit",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return 1;
}

static int storm(char **args, int apart)
{
    const char *file = args[0], *log = args[1];
    int count = atoi(args[2]), bad = 0, i;
    double until = wall() + atof(args[3]);
    uint64_t seed = strtoull(args[4], NULL, 10), kills = 0, stops = 0;
    pid_t pids[64];
    char own[64][512];
    for (i = 0; i < count; i++) {
        snprintf(own[i], sizeof(own[i]), apart ? "%s.%d" : "%s", file, i);
        pids[i] = spawn(own[i], log, until, seed * 1000 + (uint64_t)i);
    }
    random_state = seed;
    for (kills = 0; wall() < until;) {
        int status, at = (int)dice((uint32_t)count);
        pause_for(0.002 + dice(20) * 0.001);
        if (dice(3) == 0) {
            kill(pids[at], SIGKILL);
        } else {
            kill(pids[at], SIGSTOP);
            stops++;
            pause_for(dice(5) ? dice(20) * 0.001 : 0.15);
            kill(pids[at], SIGCONT);
        }
        /* Processes that stopped themselves are continued some time later. */
        kill(pids[dice((uint32_t)count)], SIGCONT);
        for (i = 0; i < count; i++) {
            if (waitpid(pids[i], &status, WNOHANG) != pids[i]) continue;
            bad |= judge_end(status);
            kills++;
            pids[i] = spawn(own[i], log, until, seed * 1000 + 100 + kills);
        }
    }
    for (i = 0; i < count; i++) {
        double patience = wall() + 10;
        int status;
        while (waitpid(pids[i], &status, WNOHANG) == 0 && wall() < patience) {
            kill(pids[i], SIGCONT);
            pause_for(0.005);
        }
        if (wall() >= patience) {
            printf("hang\n");
            kill(pids[i], SIGKILL);
            waitpid(pids[i], &status, 0);
            bad = 1;
        } else {
            bad |= judge_end(status);
        }
    }
    printf("ended %llu stopped %llu\n", (unsigned long long)kills, (unsigned long long)stops);
    return bad;
}

/* Everything a process can do to the file, in virtual time. */
static void story(process *self, double now, int clean)
{
    gp_waiter waiters[4];
    double until;
    int i;
    for (i = 0; i < 4; i++) {
        init_waiter(&waiters[i], (uint64_t)(i % 2 + 1));
        if (!gp_limiter_admit(self->limiter, &waiters[i], now, &until)) continue;
        if (i == 1) {
            gp_limiter_give_back(self->limiter, &waiters[i]);
            continue;
        }
        gp_limiter_sent(self->limiter, &waiters[i], now);
        note(self, now, waiters[i].subjects[2]);
        if (i != 3) {
            gp_limiter_word word = {7, i == 0 ? 50 : 1, now, now + 0.3};
            gp_limiter_quota(self->limiter, &waiters[i], &word, now);
        }
        if (i == 2) gp_limiter_drain(self->limiter, &waiters[i], 2, now, now + 0.01);
        if (i == 3) gp_limiter_sent(self->limiter, &waiters[i], now);
        gp_limiter_end(self->limiter, &waiters[i], now);
    }
    if (clean) finish(self);
}

/* After a death: the lock is free, and after the longest window all slots are. */
static double aftermath(const char *file, const char *log, double now, long step)
{
    process self;
    gp_waiter waiters[9];
    double until = now;
    int i, taken = 0;
    begin(&self, file, log, &now);
    for (i = 0; i < 9; i++)
        init_waiter(&waiters[i], 0);
    /* The slots of dead processes are found by a full sweep. */
    for (i = 0; i < 9; i++)
        gp_limiter_admit(self.limiter, &waiters[i], now, &until);
    if (self.limiter->gate->problem) die(self.limiter->gate->problem);
    for (i = 0; i < 9; i++)
        gp_limiter_give_back(self.limiter, &waiters[i]);
    now += 0.401;
    for (i = 0; i < 9; i++)
        taken += gp_limiter_admit(self.limiter, &waiters[i], now, &until);
    for (i = 0; i < 9; i++) {
        if (waiters[i].state != GP_WAITER_HELD) continue;
        gp_limiter_sent(self.limiter, &waiters[i], now);
        note(&self, now, 0);
    }
    if (taken != 8) {
        printf("step %ld: %d places instead of 8\n", step, taken);
        exit(3);
    }
    for (i = 0; i < 9; i++)
        gp_limiter_end(self.limiter, &waiters[i], now);
    finish(&self);
    return now + 0.5;
}

static int steps(const char *file, const char *log, int fresh)
{
    double now = 1000;
    long step;
    for (step = 1; step < 10000; step++) {
        int status;
        pid_t pid;
        if (fresh) unlink(file);
        pid = fork();
        if (pid == 0) {
            process self;
            countdown = step;
            at_zero = SIGKILL;
            begin(&self, file, log, &now);
            story(&self, now, 1);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        if (judge_end(status)) return 1;
        now = aftermath(file, log, now, step);
        if (WIFEXITED(status)) break;
    }
    printf("steps %ld\n", step - 1);
    return 0;
}

static int patch(const char *file, const char *what)
{
    gp_shared_header header;
    int fd = open(file, O_RDWR);
    if (fd < 0 || read(fd, &header, sizeof(header)) != (ssize_t)sizeof(header)) return 1;
    if (strcmp(what, "boot") == 0) header.identity.boot[3] ^= 1;
    if (strcmp(what, "clock") == 0) header.identity.time_namespace++;
    if (strcmp(what, "version") == 0) header.version++;
    if (strcmp(what, "rules") == 0) header.rules[0].length += 1;
    if (strcmp(what, "size") == 0) header.size++;
    if (strcmp(what, "mark") == 0) memcpy(header.magic, gp_shared_unfinished, 8);
    header.checksum =
        gp_limiter_subject((const char *)&header, offsetof(gp_shared_header, checksum));
    return pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header);
}

static int open_only(const char *file)
{
    char err[512];
    gp_shared_limits *shared;
    if (gp_shared_limits_open(file, rules, NULL, &shared, err, sizeof(err)) != 0) {
        printf("%s\n", err);
        return 0;
    }
    gp_shared_limits_close(shared);
    printf("fine\n");
    return 0;
}

/* A process stopped while holding the lock only makes the others wait; its death frees the lock. */
static int held(const char *file)
{
    double now = 1000, until = 0, longest = 0;
    process self;
    gp_waiter waiter;
    gp_limiter_word word;
    int status, i, asked = 0;
    pid_t pid = fork();
    if (pid == 0) {
        at_zero = SIGSTOP;
        begin(&self, file, "/dev/null", &now);
        init_waiter(&waiter, 1);
        /* The first step of a request is to acquire the lock. */
        countdown = 1;
        gp_limiter_admit(self.limiter, &waiter, now, &until);
        _exit(0);
    }
    waitpid(pid, &status, WUNTRACED);
    if (!WIFSTOPPED(status)) die("it did not stop");
    begin(&self, file, "/dev/null", &now);
    init_waiter(&waiter, 1);
    for (i = 0; i < 20; i++) {
        if (gp_limiter_admit(self.limiter, &waiter, now, &until)) die("passed without the lock");
        if (until <= now) die("retry time is not in the future");
        longest = fmax(longest, until - now);
        now = until;
        asked++;
    }
    /* The server's limits received meanwhile are kept. */
    word = (gp_limiter_word){1, 0, now, now + 5};
    self.limiter->gate->quota(self.limiter->gate, &waiter, &word, now);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (gp_limiter_admit(self.limiter, &waiter, now, &until)) die("forgot what was said");
    now = until;
    if (now < 1005 || now > 1010) die("remembers something else");
    if (!gp_limiter_admit(self.limiter, &waiter, now, &until)) die("does not go on");
    printf("asked %d longest %.4f\n", asked, longest);
    finish(&self);
    return 0;
}

/* A child has its own open file: its parent's slots stay held, and its death frees only its own. */
static int forked(const char *file)
{
    double now = 1000, until;
    process self;
    gp_waiter of_parent, of_child, more[8];
    int status, i, taken = 0;
    pid_t pid;
    begin(&self, file, "/dev/null", &now);
    init_waiter(&of_parent, 0);
    gp_limiter_admit(self.limiter, &of_parent, now, &until);
    pid = fork();
    if (pid == 0) {
        gp_limiter_give_back(self.limiter, &of_parent);
        init_waiter(&of_child, 0);
        _exit(!gp_limiter_admit(self.limiter, &of_child, now, &until));
    }
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) die("the child had no place");
    /* Six more are free: one is held here, and the child's still counts after its death. */
    for (i = 0; i < 8; i++) {
        init_waiter(&more[i], 0);
        taken += gp_limiter_admit(self.limiter, &more[i], now, &until);
    }
    printf("taken %d\n", taken);
    /* The child's slot is freed some time after its death is detected, because the child had its
     * own number. */
    for (i = 0; i < 8; i++)
        gp_limiter_give_back(self.limiter, &more[i]);
    now += 0.06;
    for (i = taken = 0; i < 8; i++)
        taken += gp_limiter_admit(self.limiter, &more[i], now, &until);
    printf("taken %d\n", taken);
    if (unlink(file) != 0) die("unlink");
    for (i = 0; i < 8; i++)
        gp_limiter_end(self.limiter, &more[i], now);
    /* The file was removed: the new one starts with used windows. */
    now += 0.1;
    for (i = taken = 0; i < 3; i++, now += 0.25) {
        init_waiter(&more[0], 0);
        taken = taken * 10 + gp_limiter_admit(self.limiter, &more[0], now, &until);
        gp_limiter_give_back(self.limiter, &more[0]);
    }
    printf("later %03d\n", taken);
    finish(&self);
    return 0;
}

/* Owner numbers start from the pid. */
static int number(const char *file)
{
    double now = 1000, until;
    process self;
    gp_waiter waiters[9];
    int status, i, taken;
    pid_t pid = fork();
    fake_pid = 5;
    if (pid == 0) {
        begin(&self, file, "/dev/null", &now);
        init_waiter(&waiters[0], 0);
        _exit(!gp_limiter_admit(self.limiter, &waiters[0], now, &until));
    }
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) die("the child had no place");
    begin(&self, file, "/dev/null", &now);
    for (i = taken = 0; i < 9; i++) {
        init_waiter(&waiters[i], 0);
        taken += gp_limiter_admit(self.limiter, &waiters[i], now, &until);
    }
    printf("taken %d\n", taken);
    for (i = 0; i < 9; i++)
        gp_limiter_give_back(self.limiter, &waiters[i]);
    now += 0.06;
    for (i = taken = 0; i < 9; i++)
        taken += gp_limiter_admit(self.limiter, &waiters[i], now, &until);
    printf("later %d\n", taken);
    finish(&self);
    return 0;
}

static void check(int holds, const char *what)
{
    if (!holds) die(what);
}

static int nobody_alive(void *ctx, uint32_t owner)
{
    (void)ctx;
    return owner == 7;
}

/* How a block is classified by its first bytes. */
static void unit_read(unsigned char *memory, size_t size, const gp_shared_identity *identity)
{
    gp_shared_header *header = (gp_shared_header *)(void *)memory, sound;
    gp_shared_identity other = *identity;
    memcpy(&sound, header, sizeof(sound));
    check(gp_shared_read(memory, 0, 0, rules, identity) == GP_SHARED_NEW, "new");
    check(gp_shared_read(memory, 4, 4, rules, identity) == GP_SHARED_FOREIGN, "foreign");
    check(gp_shared_read(memory, 9, 9, rules, identity) == GP_SHARED_DAMAGED, "short");
    check(gp_shared_read(memory, size, size, rules, identity) == GP_SHARED_READY, "ready");
    check(gp_shared_read(memory, size, size - 1, rules, identity) == GP_SHARED_DAMAGED, "cut");
    header->version++;
    check(gp_shared_read(memory, size, size, rules, identity) == GP_SHARED_OTHER_VERSION, "v");
    memcpy(header, &sound, sizeof(sound));
    header->rules[0].count++;
    check(gp_shared_read(memory, size, size, rules, identity) == GP_SHARED_DAMAGED, "sum");
    header->checksum =
        gp_limiter_subject((const char *)header, offsetof(gp_shared_header, checksum));
    check(gp_shared_read(memory, size, size, rules, identity) == GP_SHARED_DAMAGED, "rules");
    memcpy(header, &sound, sizeof(sound));
    memcpy(header->magic, gp_shared_unfinished, sizeof(header->magic));
    check(gp_shared_read(memory, size, size, rules, identity) == GP_SHARED_UNFINISHED, "new");
    memcpy(header, &sound, sizeof(sound));
    other.time_namespace++;
    check(gp_shared_read(memory, size, size, rules, &other) == GP_SHARED_OTHER_CLOCK, "clock");
    other.boot[0] ^= 1;
    check(gp_shared_read(memory, size, size, rules, &other) == GP_SHARED_OTHER_BOOT, "boot");
}

/* Hops, closings, sweeps and words with corrupt contents. */
static void unit_windows(unsigned char *memory)
{
    gp_shared_request request = {{{1, 0}}, {{{1, 1}}, {{1, 1}}, {{1, 2}}, {{1, 1}}}, 7};
    gp_shared_subject strangers[GP_LIMITER_RULES] = {{{9, 9}}, {{9, 9}}, {{0, 0}}, {{9, 9}}};
    const gp_shared_subject *subjects = request.subjects;
    gp_shared_census census = {nobody_alive, NULL};
    gp_shared_places places[4];
    gp_shared_block block;
    double until = 0;
    uint64_t *word;
    int i;
    gp_shared_attach(&block, memory);
    gp_shared_close(&block, 0, &strangers[0], 10, 11);
    gp_shared_close(&block, 3, &subjects[3], 10, 11);
    check(gp_shared_used(&block, 0, &strangers[0], 10) == 0, "a stranger's places");
    for (i = 0; i < 3; i++)
        check(gp_shared_take(&block, &request, &census, -1, &places[i], &until), "a place");
    check(!gp_shared_take(&block, &request, &census, 10, &places[3], &until), "a fourth");
    check(until == 10 + GP_SHARED_LOOK, "look again soon");
    gp_shared_close(&block, 2, &subjects[2], 10, 10.1005);
    gp_shared_give_back(&block, &places[0], 7);
    check(!gp_shared_take(&block, &request, &census, 10.05, &places[0], &until), "closed");
    check(until > 10.1 && until < 10.101, "closed for its length");
    check(gp_shared_take(&block, &request, &census, 10.2, &places[0], &until), "open again");
    /* Another process's word is not changed. */
    gp_shared_sent(&block, &places[0], 8, 10.2);
    gp_shared_sweep(&block, 8, 10.2);
    check(!gp_shared_take(&block, &request, &census, 10.2, &places[3], &until) &&
              until == 10.2 + GP_SHARED_LOOK,
          "still held");
    gp_shared_sweep(&block, 7, 10.3);
    check(!gp_shared_take(&block, &request, &census, 10.39, &places[3], &until), "swept");
    check(gp_shared_take(&block, &request, &census, 10.41, &places[3], &until), "later");
    /* An impossible owner, and a timestamp years in the future: both count from now. */
    word = (uint64_t *)(void *)(memory + places[3].at[2]);
    *word = (UINT64_C(1) << 63) | 99999;
    word = (uint64_t *)(void *)(memory + places[3].at[0]);
    *word = UINT64_C(1) << 62;
    gp_shared_give_back(&block, &places[3], 7);
    for (i = 0; i < 8; i++)
        gp_shared_take(&block, &request, &census, 20, &places[0], &until);
    check(gp_shared_used(&block, 2, &subjects[2], 20) == 3, "damage counts as sent");
    check(gp_shared_used(&block, 2, &subjects[2], 20.2) == 2, "what is held stays");
    gp_shared_sweep(&block, 7, 20);
    check(gp_shared_used(&block, 2, &subjects[2], 20.2) == 0, "and is over");
    /* Closings: the later one applies, for a day at most; a damaged one is ignored. */
    gp_shared_close(&block, 0, &subjects[0], 30, 40);
    gp_shared_close(&block, 0, &subjects[0], 30, 35);
    check(!gp_shared_take(&block, &request, &census, 30, &places[0], &until), "closed");
    check(until == 40, "until the later time");
    gp_shared_close(&block, 0, &subjects[0], 30, 1e7);
    gp_shared_take(&block, &request, &census, 30, &places[0], &until);
    check(until == 30 + 86400, "a day at most");
    check(gp_shared_take(&block, &request, &census, 29, &places[0], &until), "damage");
    gp_shared_close(&block, 0, &subjects[0], 29, 29.5);
    check(!gp_shared_take(&block, &request, &census, 29, &places[0], &until), "closed anew");
    check(gp_shared_intact(&block), "the header");
    memory[20] ^= 1;
    check(!gp_shared_intact(&block), "not the header");
}

/* How many slots are granted at `now` without being sent; only the quotas limit them. */
static int given(gp_shared_block *block, const gp_shared_subject *host, double now)
{
    gp_shared_request request = {*host, {{{0, 0}}, {{2, 3}}}, 7};
    gp_shared_census census = {nobody_alive, NULL};
    gp_shared_places places[40];
    double until;
    int i, count = 0;
    while (count < 40 && gp_shared_take(block, &request, &census, now, &places[count], &until))
        count++;
    for (i = 0; i < count; i++)
        gp_shared_give_back(block, &places[i], 7);
    return count;
}

static void say(gp_shared_block *block, const gp_shared_subject *host, uint64_t name, double left,
                double now, double until)
{
    gp_shared_request request = {*host, {{{0, 0}}, {{2, 3}}, {{5, 5}}}, 7};
    gp_limiter_word word = {name, left, now, until};
    gp_shared_quota(block, &request, &word, now);
}

/* Remaining quotas reported by a server. */
static void unit_quotas(unsigned char *memory)
{
    gp_shared_subject host = {{2, 2}}, other = {{2, 1}};
    gp_shared_request request = {host, {{{0, 0}}, {{2, 3}}}, 7};
    gp_shared_census census = {nobody_alive, NULL};
    gp_limiter_word word = {1, 5, 0, 0};
    gp_shared_places places[4];
    gp_shared_block block;
    double until;
    uint64_t name;
    int i;
    gp_shared_attach(&block, memory);
    check(given(&block, &host, 100) == 40, "no word yet");
    say(&block, &host, 1, 6, 100, 110);
    check(given(&block, &other, 100) == 40, "another's word");
    check(given(&block, &host, 100) == 6, "six, and they are used up");
    check(given(&block, &host, 100) == 0, "also when nothing came of them");
    check(given(&block, &host, 110.1) == 40, "over");
    say(&block, &host, 1, 6, 120, 130);
    say(&block, &host, 1, 9, 121, 130.5);
    check(given(&block, &host, 121) == 6, "a later word of the same window, not lower");
    say(&block, &host, 1, 4, 121, 130.5);
    say(&block, &host, 2, 3, 121, 125);
    check(given(&block, &host, 121) == 0, "the lower one of the same");
    say(&block, &host, 1, 4, 122, 132);
    check(given(&block, &host, 122) == 3, "the next window, and another throttle");
    check(given(&block, &host, 125.1) == 1, "when that is over");
    check(!gp_shared_take(&block, &request, &census, 126, &places[0], &until) && until == 132,
          "until when");
    /* The server has not counted requests sent since, or about to be sent. */
    for (i = 0; i < 4; i++)
        gp_shared_take(&block, &request, &census, 140, &places[i], &until);
    gp_shared_sent(&block, &places[0], 7, 140);
    gp_shared_sent(&block, &places[1], 7, 140.1);
    word.sent = 140;
    word.until = 150;
    gp_shared_quota(&block, &request, &word, 140.2);
    check(given(&block, &host, 140.2) == 2, "two are held and one was sent after it");
    word.name = 2;
    word.left = 1;
    gp_shared_quota(&block, &request, &word, 140.2);
    check(given(&block, &host, 140.2) == 0, "less than none is none");
    gp_shared_sweep(&block, 7, 140.2);
    say(&block, &host, 1, 1e30, 160, 170);
    check(given(&block, &host, 160) == 40, "more than anybody asks for");
    /* A quota applies for a day at most; a damaged one is ignored. */
    say(&block, &host, 1, 0, 180, 1e7);
    check(given(&block, &host, 180 + 86399) == 0 && given(&block, &host, 180 + 86401) == 40,
          "a day");
    check(given(&block, &host, 179) == 40, "damage");
    /* When the table is full, the entry that expires first is evicted. */
    for (name = 0; name < 200; name++)
        say(&block, &other, 100 + name, 0, 200000, 200010 + (double)name);
    say(&block, &host, 1, 0, 200000, 200009);
    check(given(&block, &host, 200000) == 0, "there is room");
    check(given(&block, &other, 200208) == 0 && given(&block, &other, 200210) == 40,
          "the last one");
}

static int unit(void)
{
    gp_shared_identity identity = {"boot", 1};
    gp_limit_rule many[GP_LIMITER_RULES] = {{1u << 30, 1, 1}};
    size_t size = gp_shared_bytes(rules);
    unsigned char *memory = malloc(size);
    check(memory != NULL, "memory");
    check(gp_shared_bytes(many) == 0, "absurdly much");
    memset(memory, 0xA5, size);
    gp_shared_make(memory, rules, &identity, 0, 5);
    unit_read(memory, size, &identity);
    unit_windows(memory);
    memory[20] ^= 1;
    unit_quotas(memory);
    free(memory);
    printf("fine\n");
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[1] : "";
    setvbuf(stdout, NULL, _IONBF, 0);
    if (strcmp(mode, "storm") == 0 && argc >= 7) return storm(argv + 2, argc > 7);
    if (strcmp(mode, "steps") == 0 && argc == 5) {
        return steps(argv[2], argv[3], strcmp(argv[4], "fresh") == 0);
    }
    if (strcmp(mode, "patch") == 0 && argc == 4) return patch(argv[2], argv[3]);
    if (strcmp(mode, "open") == 0) return open_only(argv[2]);
    if (strcmp(mode, "held") == 0) return held(argv[2]);
    if (strcmp(mode, "fork") == 0) return forked(argv[2]);
    if (strcmp(mode, "number") == 0) return number(argv[2]);
    if (strcmp(mode, "unit") == 0) return unit();
    return 2;
}
