/*
 * Makes every allocation of the buffer, the URLs and the redactor fail in turn: each scenario is
 * repeated, the n-th allocation failing in run n, until it completes. In every run a failure must
 * be reported, the old sizes passed to the allocator must be correct, and every block must be
 * freed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/redact.h"
#include "core/secret.h"
#include "core/status.h"
#include "core/uri.h"

static long countdown; /* allocations until one fails */
static long blocks;    /* allocated blocks */
static int failed, mistaken;
static int dirty; /* secret bytes left in a freed block */

static const char secret[] = "s3kr1t/T%ken\\99";

static void complain(const char *what)
{
    fprintf(stderr, "torture: %s\n", what);
    mistaken = 1;
}

/* Each block is preceded by its size. */
static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    size_t *block = ptr ? (size_t *)ptr - 2 : NULL, *grown;
    (void)ctx;
    if ((block ? *block : 0) != old_size) complain("a false old size");
    if (!new_size) {
        if (!block) complain("freed nothing");
        if (memmem(ptr, old_size, secret, sizeof secret - 1)) dirty = 1;
        free(block);
        blocks--;
        return NULL;
    }
    if (countdown-- == 0) {
        failed = 1;
        return NULL;
    }
    grown = malloc(new_size + 2 * sizeof *grown);
    if (!grown) exit(3);
    if (block) {
        memcpy(grown + 2, ptr, old_size < new_size ? old_size : new_size);
        free(block);
    } else {
        blocks++;
    }
    *grown = new_size;
    return grown + 2;
}

static const gp_alloc alloc = {resize, NULL};

/* Each scenario returns whether success was reported. */

static int run_buf(void)
{
    char big[5000];
    gp_buf buf, other = {.alloc = &alloc};
    int worked;
    memset(big, 'x', sizeof big);
    gp_buf_init(&buf, &alloc);
    if (*gp_buf_text(&buf)) complain("an empty buffer with a text");
    gp_buf_drop(&buf, 3);
    gp_buf_clear(&buf);
    gp_buf_add(&buf, "", 0);
    gp_buf_adds(&buf, "abc");
    gp_buf_addc(&buf, 'd');
    gp_buf_addf(&buf, "%d:%s", 17, "text");
    gp_buf_json_string(&buf, "a\n\x01\xff", 4);
    gp_buf_json_number(&buf, 0.1);
    gp_buf_json_number(&buf, 1.0 / 0.0);
    gp_buf_add(&buf, big, sizeof big);
    gp_buf_addf(&buf, "%s", "the end");
    worked = !buf.failed;
    if (worked && strcmp(buf.data + buf.len - 7, "the end") != 0) complain("a wrong end");
    if (worked && memcmp(buf.data, "abcd17:text\"a\\n\\u0001\xef\xbf\xbd\"0.1null", 32) != 0)
        complain("a wrong beginning");
    if (gp_buf_text(&buf)[buf.len]) complain("no NUL behind the text");
    gp_buf_drop(&buf, 4);
    if (worked && memcmp(buf.data, "17:", 3) != 0) complain("a wrong drop");
    gp_buf_drop(&buf, SIZE_MAX);
    if (buf.len) complain("something left after dropping all");
    gp_buf_clear(&buf);
    if (buf.failed) complain("still failed after clearing");
    gp_buf_free(&buf);
    gp_buf_free(&buf);
    if (gp_buf_reserve(&other, SIZE_MAX / 2) || !other.failed) complain("room for everything");
    if (gp_buf_reserve(&other, 1)) complain("room after a failure");
    gp_buf_free_secret(&other);
    return worked;
}

static int lookup(void *ctx, const char *name, size_t len, gp_uri_piece *value)
{
    (void)ctx, (void)name, (void)len;
    value->at = "group/sub group/project with a name that is longer than the first block";
    value->len = strlen(value->at);
    return 1;
}

static int run_uri(void)
{
    static const char path[] = "/projects/:project/pipelines/:pipeline_id/jobs";
    static const char base[] = "https://gitlab.example.com/gitlab/api/v4/projects?page=2";
    static const char reference[] =
        "../../a/rather/long/path/./to/../somewhere/else/behind/a/64th/byte?q#f";
    const char *why;
    gp_uri_piece template_text = {path, sizeof path - 1}, which;
    gp_uri parts;
    gp_buf out;
    int worked;
    gp_buf_init(&out, &alloc);
    if (!gp_uri_expand(&out, template_text, lookup, NULL, &which, &why))
        complain("a template refused");
    worked = !out.failed;
    gp_buf_free(&out);
    if (!gp_uri_join(&out, base, strlen(base), reference, strlen(reference), &why))
        complain("a reference refused");
    worked &= !out.failed;
    gp_buf_free(&out);
    if (!gp_uri_parse(base, strlen(base), &parts, &why)) complain("a URL refused");
    gp_uri_origin(&out, &parts);
    gp_uri_encode(&out, "a b", 3, GP_URI_FORM);
    if (!gp_uri_decode(&out, "a+b%2Fc", 7, GP_URI_FORM)) complain("a form refused");
    worked &= !out.failed;
    gp_buf_free(&out);
    return worked;
}

static int run_redact(void)
{
    static const char text[] = "some text of many bytes before, s3kr1t%2FT%25ken%5C99, token=abc "
                               "and a few more behind it, https://user:a-password-of-"
                               "many-letters-that-does-not-fit-into-the-first-block-of-the-carry-"
                               "and-so-makes-it-grow-while-the-end-is-not-seen@host/ s3kr1t/T%k";
    gp_redactor redactor;
    gp_redact_stream stream;
    gp_buf out;
    size_t i, count;
    int worked = 1, many;
    gp_buf_init(&out, &alloc);
    if (!gp_redactor_init(&redactor, &alloc)) {
        gp_redactor_close(&redactor);
        return 0;
    }
    count = redactor.count;
    if (!gp_redactor_add(&redactor, secret, sizeof secret - 1)) {
        worked = 0;
        if (redactor.count != count) complain("half a secret is known");
    }
    for (many = 0; many < 20 && worked; many++) {
        char other[32];
        snprintf(other, sizeof other, "other-secret-%d", many);
        worked = gp_redactor_add(&redactor, other, strlen(other));
    }
    worked = worked && gp_redactor_add_prefix(&redactor, "own-", 4);
    worked = worked && gp_redact_text(&redactor, text, sizeof text - 1, &out);
    if (worked && (!strstr(out.data, "[secret]") || strstr(out.data, "T%25ken")))
        complain("the text is not redacted");
    gp_redact_stream_init(&stream, &redactor, &alloc);
    gp_buf_free(&out);
    for (i = 0; i < sizeof text - 1 && worked; i++) {
        worked = gp_redact_feed(&stream, text + i, 1, &out);
    }
    worked = worked && gp_redact_finish(&stream, &out);
    gp_redact_stream_close(&stream);
    gp_redact_stream_close(&stream);
    gp_redactor_close(&redactor);
    gp_redactor_close(&redactor);
    gp_buf_free(&out);
    return worked;
}

/* JSON strings: pairs of the bytes and the encoded text. */
static int run_strings(void)
{
#define BAD "\xef\xbf\xbd"
    static const char *const pairs[][2] = {
        {"plain", "plain"},
        {"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80", "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"},
        {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        {"a\xc3", "a" BAD},
        {"\xc0\xaf", BAD BAD},
        {"\xc1\xbf.", BAD BAD "."},
        {"\xe0\x9f\x80", BAD BAD BAD},
        {"\xed\xa0\x80", BAD BAD BAD},
        {"\xf0\x8f\x80\x80", BAD BAD BAD BAD},
        {"\xf4\x90\x80\x80", BAD BAD BAD BAD},
        {"\xf5\x80", BAD BAD},
        {"\xe2\x82x", BAD BAD "x"},
        {"\xf0\x9f\x98\xc0", BAD BAD BAD BAD},
        {"\xe2\xc2\xbc", BAD "\xc2\xbc"},
        {"\x80", BAD},
        {"\xff\n", BAD "\\n"},
    };
    size_t i;
    int worked = 1;
    gp_buf buf = {.alloc = &alloc};
    for (i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        gp_buf_clear(&buf);
        gp_buf_json_string(&buf, pairs[i][0], strlen(pairs[i][0]));
        worked &= !buf.failed;
        if (buf.failed) continue;
        if (buf.len != strlen(pairs[i][1]) + 2 ||
            memcmp(buf.data + 1, pairs[i][1], buf.len - 2) != 0) {
            fprintf(stderr, "torture: pair %zu became %s\n", i, buf.data);
            complain("a wrong JSON string");
        }
    }
    gp_buf_free(&buf);
    return worked;
}

/* Cases that Lua callers cannot reach. */
static void ask(void)
{
    struct {
        gp_secret head;
        char bytes[16];
    } block;
    gp_secret *held = &block.head;
    gp_uri parts;
    const char *why;
    if (gp_status_name(GP_STATUS_COUNT) || gp_status_name((gp_status)-1) ||
        gp_status_name(GP_STATUS_NONE))
        complain("a name for no status");
    if (strcmp(gp_status_name(GP_STATUS_WARNED), "warned") != 0) complain("a nameless symbol");
    if (gp_status_kind_of(GP_STATUS_COUNT) != GP_KIND_UNKNOWN) complain("a kind of no status");
    if (!gp_status_is_finished(GP_STATUS_SKIPPED) || gp_status_is_finished(GP_STATUS_MANUAL))
        complain("a wrong end");
    gp_secret_init(held, "0123456789", 10);
    if (!gp_secret_is(held, gp_secret_size(10))) complain("a secret that is none");
    if (gp_secret_is(held, sizeof *held - 1) || gp_secret_is(held, gp_secret_size(9)))
        complain("a secret in too small a block");
    held->layout++;
    if (gp_secret_is(held, gp_secret_size(10))) complain("a secret of another layout");
    gp_secret_close(held);
    if (memcmp(held->data, "\0\0\0\0\0\0\0\0\0", 10) != 0) complain("a secret that stays");
    if (!gp_uri_parse("https://h:8443", 14, &parts, &why) || gp_uri_effective_port(&parts) != 8443)
        complain("another port than the one named");
    if (!gp_uri_parse("http://h", 8, &parts, &why) || gp_uri_effective_port(&parts) != 80)
        complain("another port than the scheme's");
}

static void torture(const char *name, int (*run)(void))
{
    long n;
    int worked;
    for (n = 0;; n++) {
        countdown = n;
        failed = 0;
        worked = run();
        if (blocks) complain("a block is lost");
        if (dirty) complain("a secret is left in a freed block");
        if (failed && worked) complain("a failure is not reported");
        if (!failed && !worked) complain("failed for no reason");
        if (mistaken) {
            fprintf(stderr, "torture: %s, allocation %ld\n", name, n);
            exit(1);
        }
        if (!failed) break;
    }
    printf("%s: %ld allocations failed in turn\n", name, n);
}

int main(void)
{
    ask();
    torture("buf", run_buf);
    torture("strings", run_strings);
    torture("uri", run_uri);
    torture("redact", run_redact);
    return 0;
}
