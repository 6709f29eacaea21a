/*
 * Makes every write to the simulated GitLab's database fail in turn, during one conversation: run n
 * fails from the n-th write on, until the end of the conversation (or for that write only).
 * Requests arrive as from the server: several per flush, with one to /_mock/ between them. Whatever
 * fails, acknowledged changes persist, also after a restart, and the others do not.
 *
 * Once with a small request; once with one that is larger than SQLite's page cache, so that writes
 * fail before the commit and SQLite itself rolls the transaction back.
 *
 * usage: mock_disk FOLDER STEP    (1: every write, and every 50th of the large request; 2: every
 * second, ...)
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mock/base/json.h"
#include "mock/mock.h"

enum { MAX_PIPELINES = 64, BIG = 1300000 };

/* A full disk ---------------------------------------------------------------------------------- */

typedef enum fault { FULL, BROKEN, SHORT, ONCE, FAULTS } fault;

static const char *const fault_names[] = {"full", "broken", "short", "once"};
/* Locked and unlocked files have different methods: the replaced methods and their originals. */
static struct methods {
    sqlite3_io_methods ours;
    const sqlite3_io_methods *real;
} methods[4];
static size_t big;
static long countdown = -1;
static fault kind;
static int failed;

static const sqlite3_io_methods *real_of(const sqlite3_file *file)
{
    return ((const struct methods *)(const void *)file->pMethods)->real;
}

static int disk_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    if (countdown < 0 || countdown-- > 0) return real_of(file)->xWrite(file, data, size, offset);
    failed = 1;
    countdown = kind == ONCE ? -1 : 0;
    if (kind == SHORT) real_of(file)->xWrite(file, data, size / 2, offset);
    return kind == BROKEN ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

static sqlite3_vfs *real_vfs;

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    int result = real_vfs->xOpen(real_vfs, name, file, flags, out);
    size_t i = 0;
    (void)vfs;
    if (result != SQLITE_OK || !file->pMethods) return result;
    while (methods[i].real && methods[i].real != file->pMethods)
        i++;
    methods[i].real = file->pMethods;
    methods[i].ours = *file->pMethods;
    methods[i].ours.xWrite = disk_write;
    file->pMethods = &methods[i].ours;
    return result;
}

static void set_up_disk(void)
{
    static sqlite3_vfs vfs;
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "filling";
    vfs.xOpen = disk_open;
    sqlite3_vfs_register(&vfs, 1);
}

/* What clients know ---------------------------------------------------------------------------- */

/* By id; NULL if the pipeline does not exist. The status in `perhaps` is also valid: the commit of
 * a request to /_mock/ may have stored changes that the following flush could not acknowledge. */
static const char *states[MAX_PIPELINES], *names[MAX_PIPELINES], *perhaps[MAX_PIPELINES];
static int in_doubt[MAX_PIPELINES];

static void complain(long nth, const char *what, long id, const char *is)
{
    fprintf(stderr, "%s from write %ld on: %s %ld (%s)\n", fault_names[kind], nth, what, id, is);
    exit(2);
}

static int ask(gp_mock *m, double now, const char *method, const char *target, const char *body,
               size_t len, int may_defer, gp_http_response_out *out)
{
    gp_http_header headers[] = {{"PRIVATE-TOKEN", "MOCK_SUPER_SECRET", 13, 17},
                                {"Content-Type", "application/json", 12, 16}};
    gp_http_request_in in = {.method = method,
                             .target = target,
                             .target_len = strlen(target),
                             .headers = headers,
                             .header_count = 2,
                             .body = body,
                             .body_len = len,
                             .may_defer = may_defer};
    gp_http_response_init(out, gp_mock_alloc(m));
    gp_mock_request(m, now, &in, out);
    gp_buf_add(&out->body, "", 1);
    return out->status;
}

static int same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The stored pipelines and their statuses must be exactly the known ones. */
static void compare(gp_mock *m, double now, long nth, const char *when)
{
    gp_http_response_out out;
    gp_arena arena = {0};
    const gp_json *rows, *row;
    char why[100];
    const char *is[MAX_PIPELINES] = {NULL};
    int i;
    if (ask(m, now, "GET", "/_mock/pipelines?per_page=100", "", 0, 0, &out) != 200)
        complain(nth, "no list", out.status, when);
    rows = gp_json_parse(&arena, out.body.data, out.body.len - 1, why, sizeof why);
    for (row = rows ? rows->child : NULL; row; row = row->next) {
        int64_t id = gp_json_get_integer(row, "id", 0);
        if (id < 1 || id >= MAX_PIPELINES || !names[id]) complain(nth, "nobody's", id, when);
        if (strcmp(names[id], gp_json_get_string(row, "ref", "")) != 0)
            complain(nth, "another's", id, when);
        is[id] = gp_json_get_string(row, "status", "");
    }
    for (i = 0; i < MAX_PIPELINES; i++) {
        if (in_doubt[i] && same(is[i], perhaps[i])) states[i] = perhaps[i];
        in_doubt[i] = 0;
        if (same(is[i], states[i])) continue;
        fprintf(stderr, "should be %s, is %s: ", states[i] ? states[i] : "absent",
                is[i] ? is[i] : "absent");
        complain(nth, "pipeline", i, when);
    }
    gp_arena_free(&arena);
    gp_http_response_free(&out);
}

/* The conversation ----------------------------------------------------------------------------- */

typedef struct step {
    char what;       /* c: create, b: create a big one, x: cancel, d: delete, m: /_mock/,
                        |: flush, w: send the webhooks, R: restart */
    const char *ref; /* of the pipeline */
} step;

static const step steps[] = {
    {'c', "r1"}, {'c', "r2"}, {'|', ""},   {'w', ""},   {'x', "r1"}, {'c', "r3"}, {'|', ""},
    {'c', "r4"}, {'m', ""},   {'c', "r5"}, {'x', "r4"}, {'|', ""},   {'R', ""},   {'x', "r2"},
    {'|', ""},   {'c', "r6"}, {'b', "r7"}, {'c', "r8"}, {'x', "r3"}, {'|', ""},   {'x', "r6"},
    {'c', "r9"}, {'|', ""},   {'d', "r9"}, {'x', "r7"}, {'m', ""},   {'c', "ra"}, {'|', ""},
    {'x', "r8"}, {'c', "rb"}, {'|', ""},   {'w', ""}};

static int64_t id_of(const char *ref)
{
    int64_t id;
    for (id = 0; id < MAX_PIPELINES; id++) {
        if (states[id] && strcmp(names[id], ref) == 0) return id;
    }
    return 0;
}

/* A change that the next flush acknowledges to the client. */
typedef struct pending {
    int64_t id;
    const char *ref, *state;
    int before_own; /* a request to /_mock/ came after it */
} pending;

static void learn(const pending *change, int good)
{
    if (!good && !change->before_own) return;
    names[change->id] = change->ref;
    if (good) {
        states[change->id] = change->state;
    } else {
        perhaps[change->id] = change->state;
        in_doubt[change->id] = 1;
    }
}

static int64_t made_id(const gp_http_response_out *out)
{
    gp_arena arena = {0};
    char why[100];
    int64_t id = gp_json_get_integer(
        gp_json_parse(&arena, out->body.data, out->body.len - 1, why, sizeof why), "id", 0);
    gp_arena_free(&arena);
    return id;
}

static int carry_out(gp_mock *m, double now, const step *s, pending *change)
{
    static char body[BIG + 200];
    char target[80];
    gp_http_response_out out;
    int status;
    size_t pad = s->what == 'b' ? big : 2000;
    memset(change, 0, sizeof *change);
    change->ref = s->ref;
    change->id = id_of(s->ref);
    if (s->what == 'c' || s->what == 'b') {
        int head = snprintf(body, sizeof body,
                            "{\"ref\":\"%s\",\"variables\":[{\"key\":\"PAD\",\"value\":\"", s->ref);
        memset(body + head, 'x', pad);
        strcpy(body + head + pad, "\"}]}");
        status = ask(m, now, "POST", "/projects/1/pipeline", body, strlen(body), 1, &out);
        change->id = made_id(&out);
        change->state = "running";
    } else if (s->what == 'm') {
        status = ask(m, now, "GET", "/_mock/clock", "", 0, 1, &out);
    } else if (!change->id) {
        return 0;
    } else {
        snprintf(target, sizeof target, "/projects/1/pipelines/%lld%s", (long long)change->id,
                 s->what == 'x' ? "/cancel" : "");
        status = ask(m, now, s->what == 'x' ? "POST" : "DELETE", target, "{}", 2, 1, &out);
        change->state = s->what == 'x' ? "canceled" : NULL;
    }
    if (status != 500 && status != 507 && status > 299) complain(-1, target, status, out.body.data);
    gp_http_response_free(&out);
    return status < 300 && s->what != 'm';
}

/* Takes due deliveries as the sender does. Deliveries that cannot be stored stay pending. */
static void send_webhooks(gp_mock *m, double now, long nth)
{
    gp_mock_webhook hook;
    int sent = 0;
    while (gp_mock_webhook_take(m, now, &hook)) {
        gp_http_response_free(&hook.headers);
        gp_mock_webhook_report(m, now, hook.id, 200, "", 0);
        if (++sent > 100) complain(nth, "endless webhooks", sent, hook.url);
    }
    if (!failed && !sent) complain(nth, "no webhook", sent, "none");
}

static gp_mock *open_mock(const char *db)
{
    gp_mock_options options = {.db = db, .max_body = 2 * BIG, .seed = 3};
    char err[400];
    gp_mock *m;
    if (gp_mock_open(&options, &m, err, sizeof err) == GP_MOCK_OPENED) return m;
    if (countdown < 0) fprintf(stderr, "%s\n", err);
    return NULL;
}

/* 1 when a write failed in this run. */
static int run(const char *db, long nth)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    static const char hook[] = "{\"url\":\"http://receiver.test/\",\"events\":[\"pipeline\"]}";
    gp_http_response_out out;
    char path[600];
    pending news[8];
    size_t i, k, count = 0;
    double now = 1767225600;
    gp_mock *m;
    for (i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", db, tails[i]);
        unlink(path);
    }
    memset(states, 0, sizeof states);
    memset(names, 0, sizeof names);
    failed = 0;
    countdown = -1;
    m = open_mock(db);
    if (!m || ask(m, now, "POST", "/_mock/hooks", hook, strlen(hook), 0, &out) != 201)
        complain(nth, "cannot begin", 0, db);
    gp_http_response_free(&out);
    countdown = nth;
    for (i = 0; m && i < sizeof steps / sizeof *steps; i++) {
        if (steps[i].what == 'R') {
            gp_mock_close(m);
            m = open_mock(db);
        } else if (steps[i].what == 'w') {
            send_webhooks(m, now, nth);
        } else if (steps[i].what != '|') {
            for (k = 0; k < count && steps[i].what == 'm'; k++)
                news[k].before_own = 1;
            count += (size_t)carry_out(m, now += 1, &steps[i], &news[count]);
        } else {
            int good = gp_mock_flush(m);
            for (k = 0; k < count; k++)
                learn(&news[k], good);
            count = 0;
            compare(m, now, nth, "while it is open");
        }
    }
    gp_mock_close(m);
    countdown = -1;
    m = open_mock(db);
    if (!m) complain(nth, "cannot be opened again", 0, db);
    compare(m, now, nth, "after a restart");
    gp_mock_close(m);
    return failed;
}

static long run_all(const char *db, long step)
{
    long nth = (long)kind, count = 0;
    while (run(db, nth)) {
        nth += step;
        count++;
    }
    if (id_of("rb") == 0) complain(nth, "the conversation did not complete", 0, "rb");
    return count;
}

int main(int argc, char **argv)
{
    char db[500];
    long failures = 0, step = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    snprintf(db, sizeof db, "%s/filling.db", argc > 1 ? argv[1] : "/tmp");
    set_up_disk();
    for (kind = FULL; kind < FAULTS; kind++) {
        big = 2000;
        failures += run_all(db, step);
        big = BIG;
        failures += run_all(db, 50 * step);
    }
    printf("%ld writes failed in turn\n", failures);
    return 0;
}
