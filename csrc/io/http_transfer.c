#include "io/http_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/clock.h"

enum {
    USUAL_HEADERS = 1000,
    MAX_HEADERS_IN = 256 * 1024,
    MAX_ERROR_BODY = 1024 * 1024,
    MAX_REDIRECT_BODY = 256 * 1024,
    PAUSE_ABOVE = 256 * 1024,
};

static void say(gp_http_transfer *transfer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The first message is the cause; later ones are its consequences. */
static void say(gp_http_transfer *transfer, const char *format, ...)
{
    va_list args;
    if (transfer->message) return;
    va_start(args, format);
    if (vasprintf(&transfer->message, format, args) < 0) transfer->message = NULL;
    va_end(args);
}

/* Time. */

static double next_look(const gp_http_transfer *transfer)
{
    double at = transfer->ends;
    if (transfer->connecting > 0) {
        at = fmin(at, transfer->connecting + transfer->connect_timeout);
    } else if (transfer->sent > 0 && transfer->sink != GP_HTTP_MEMORY && !transfer->paused) {
        at = fmin(at, transfer->moved + transfer->stall_timeout);
    }
    return at;
}

static void look_again(gp_http_transfer *transfer)
{
    gp_http_deadlines_move(transfer->engine, transfer, next_look(transfer));
}

static double callers(const gp_http_transfer *transfer, double at)
{
    return at > 0 ? at + transfer->shift : 0;
}

/* Beginning. */

static void set_times(gp_http_transfer *transfer, const gp_http_request *request)
{
    double now = gp_clock_now();
    transfer->submitted = now;
    transfer->shift = request->now - now;
    transfer->connect_timeout = request->connect_timeout;
    transfer->request_timeout = request->request_timeout;
    transfer->stall_timeout = request->stall_timeout;
    transfer->ends = INFINITY;
    if (request->sink == GP_HTTP_MEMORY) transfer->ends = now + request->request_timeout;
    if (request->deadline > 0 && request->deadline - transfer->shift < transfer->ends) {
        transfer->ends = request->deadline - transfer->shift;
        transfer->ends_as_deadline = 1;
    }
}

static int copy_request(gp_http_transfer *transfer, const gp_http_request *request)
{
    transfer->effect = request->effect;
    transfer->sink = request->sink;
    transfer->file_offset = request->file_offset;
    transfer->max_bytes = request->max_bytes;
    transfer->head = !strcmp(request->method, "HEAD");
    transfer->secure = !strncasecmp(request->url, "https:", 6);
    transfer->hook = request->hook;
    transfer->headers_in.alloc = &gp_http_heap;
    transfer->body_in.alloc = &gp_http_heap;
    transfer->fd = -1;
    if (request->sink == GP_HTTP_FILE && !(transfer->path = strdup(request->file))) return 0;
    if (request->body) {
        transfer->body_out = malloc(request->body_len + 1);
        if (!transfer->body_out) return 0;
        memcpy(transfer->body_out, request->body, request->body_len);
        transfer->body_out[request->body_len] = '\0';
        transfer->body_out_len = request->body_len;
    }
    return 1;
}

static int refuse(gp_http_failure *failure, gp_http_code code, const char *message)
{
    failure->outcome = GP_HTTP_PERMANENT;
    failure->code = code;
    snprintf(failure->message, sizeof failure->message, "%s", message);
    return 0;
}

static int check(const gp_http_engine *engine, const gp_http_request *request,
                 const gp_http_outgoing *headers, gp_http_failure *failure)
{
    size_t i;
    if (gp_http_has_control(request->url, strlen(request->url))) {
        return refuse(failure, GP_HTTP_PROTOCOL, "the URL holds a control character");
    }
    if (strncasecmp(request->url, "http://", 7) != 0 &&
        strncasecmp(request->url, "https://", 8) != 0) {
        return refuse(failure, GP_HTTP_PROTOCOL, "the URL is neither http nor https");
    }
    for (i = 0; i < headers->count && !engine->options.allow_insecure; i++) {
        if (headers->sensitive[i] && gp_http_insecure(request->url)) {
            return refuse(failure, GP_HTTP_TLS,
                          "a token is not sent over plain http to another host; use https, or "
                          "set allow_insecure");
        }
    }
    return 1;
}

static int point(gp_http_transfer *transfer)
{
    CURL *easy = transfer->handle->easy;
    struct curl_slist *list = gp_http_outgoing_list(&transfer->headers_out);
    if (curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list) != CURLE_OK) return 0;
    if (!transfer->handle->has_body) return 1;
    return curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t)transfer->body_out_len) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                            transfer->body_out ? transfer->body_out : "") == CURLE_OK;
}

static int begin(gp_http_engine *engine, gp_http_transfer *transfer, const gp_http_request *request)
{
    gp_http_lane *lane = gp_http_engine_lane(engine, request);
    int busy;
    if (!lane) return 0;
    busy = lane->active >= lane->connections;
    transfer->handle = gp_http_handle_take(lane);
    if (!transfer->handle) return 0;
    transfer->handle->transfer = transfer;
    if (!gp_http_handle_fit(transfer->handle, request, busy) || !point(transfer)) return 0;
    if (!gp_http_deadlines_add(engine, transfer, transfer->ends)) return 0;
    if (curl_multi_add_handle(lane->multi, transfer->handle->easy) != CURLM_OK) return 0;
    lane->active++;
    return 1;
}

gp_http_transfer *gp_http_submit(gp_http_engine *engine, const gp_http_request *request,
                                 gp_http_failure *failure)
{
    gp_http_transfer *transfer;
    if (!gp_http_engine_start(engine, failure)) return NULL;
    transfer = calloc(1, sizeof *transfer);
    if (!transfer) {
        refuse(failure, GP_HTTP_CONNECT, "out of memory");
        return NULL;
    }
    transfer->refs = 1;
    transfer->engine = engine;
    engine->refs++;
    if (!gp_http_outgoing_build(&transfer->headers_out, request, failure) ||
        !check(engine, request, &transfer->headers_out, failure)) {
        goto failed;
    }
    set_times(transfer, request);
    if (transfer->ends <= transfer->submitted) {
        refuse(failure, GP_HTTP_TIMEOUT, "the call's deadline has passed");
        failure->outcome = GP_HTTP_NEVER_SENT;
        goto failed;
    }
    if (!copy_request(transfer, request) || !begin(engine, transfer, request)) {
        refuse(failure, GP_HTTP_PROTOCOL, "libcurl does not take the request");
        if (transfer->handle) gp_http_handle_free(transfer->handle);
        transfer->handle = NULL;
        goto failed;
    }
    transfer->id = request->id ? request->id : ++engine->last_id;
    transfer->next = engine->active;
    if (engine->active) engine->active->previous = transfer;
    engine->active = transfer;
    engine->counts.active++;
    engine->counts.submitted++;
    return transfer;
failed:
    gp_http_deadlines_remove(engine, transfer);
    transfer->done = 1;
    gp_http_transfer_unref(transfer);
    return NULL;
}

/* libcurl's callbacks. */

/*
 * Has libcurl put the request on a connection that another one holds? Over HTTP/2 that is as it
 * should be. But it takes a host of which one connection has spoken HTTP/2 for one that always
 * does: where the server's choice differs from connection to connection, it sends a second request
 * over an HTTP/1.1 connection in use, and both get the first response.
 */
static int joins_another(gp_http_transfer *transfer)
{
    const gp_http_transfer *other;
    int multiplexes = 0;
    if (!transfer->secure || transfer->handle->lane->alone) return 0;
    transfer->connection = gp_http_connection(transfer->handle->easy, &multiplexes);
    if (multiplexes || transfer->handle->version == CURL_HTTP_VERSION_1_1) return 0;
    if (!transfer->connection) return 1;
    for (other = transfer->engine->active; other; other = other->next) {
        if (other != transfer && other->connection == transfer->connection) return 1;
    }
    return 0;
}

/* May the request be sent now? It may be for the second time, over another connection. */
static int may_leave(gp_http_transfer *transfer)
{
    int again = transfer->sent > 0;
    if (joins_another(transfer)) {
        transfer->joined = 1;
        transfer->connection = NULL;
        return 0;
    }
    if (again && transfer->handle->lane->alone) return 0;
    transfer->connecting = 0;
    transfer->sent = transfer->moved = gp_clock_now();
    look_again(transfer);
    return !transfer->hook || !transfer->hook->sent ||
           transfer->hook->sent(transfer->hook, callers(transfer, transfer->sent));
}

int gp_http_on_prereq(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
    gp_http_handle *handle = ctx;
    gp_http_transfer *transfer = handle->transfer;
    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    if (!transfer) return CURL_PREREQFUNC_ABORT;
    if (may_leave(transfer)) return CURL_PREREQFUNC_OK;
    if (transfer->joined) return CURL_PREREQFUNC_ABORT;
    say(transfer, "the connection was closed before an answer");
    /* A create is not offered for another send: what became of the first is not known. */
    transfer->abort = transfer->effect == GP_HTTP_CREATE ? GP_HTTP_RESET : GP_HTTP_HELD_BACK;
    return CURL_PREREQFUNC_ABORT;
}

static void connecting(gp_http_transfer *transfer)
{
    if (!transfer || transfer->connecting > 0) return;
    transfer->connecting = gp_clock_now();
    look_again(transfer);
}

int gp_http_on_resolve(void *state, void *reserved, void *ctx)
{
    gp_http_handle *handle = ctx;
    (void)state;
    (void)reserved;
    connecting(handle->transfer);
    return 0;
}

curl_socket_t gp_http_on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    gp_http_handle *handle = ctx;
    curl_socket_t fd = gp_http_socket_open(handle->lane->engine, address);
    (void)purpose;
    connecting(handle->transfer);
    /* What the kernel still holds when we have given up on a create must not be sent long after. */
    if (fd != CURL_SOCKET_BAD && handle->lane->alone && handle->transfer &&
        address->socktype == SOCK_STREAM) {
        double seconds = fmin(handle->transfer->request_timeout, 3600);
        unsigned int milliseconds = (unsigned int)ceil(seconds * 1000);
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
    }
    return fd;
}

/* Only a stream asks when its last byte came. */
static void note_movement(gp_http_transfer *transfer)
{
    if (transfer->sink != GP_HTTP_MEMORY) transfer->moved = gp_clock_now();
}

static size_t stop(gp_http_transfer *transfer, gp_http_code code)
{
    transfer->abort = code;
    return 0;
}

/* Nothing is done to a file that has the size: one that was ever truncated, ext4 brings to the disk
 * when it is closed, and the loop would stand still for that long. */
static int cut(int fd, int64_t size)
{
    struct stat status;
    return fstat(fd, &status) == 0 && (status.st_size == size || ftruncate(fd, (off_t)size) == 0);
}

static int open_file(gp_http_transfer *transfer)
{
    int64_t offset = transfer->status == 206 ? transfer->file_offset : 0;
    transfer->fd = open(transfer->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (transfer->fd >= 0 && cut(transfer->fd, offset) &&
        lseek(transfer->fd, (off_t)offset, SEEK_SET) >= 0) {
        return 1;
    }
    say(transfer, "can not write %s: %s", transfer->path, strerror(errno));
    return 0;
}

static int is_redirect(const gp_http_transfer *transfer)
{
    size_t len;
    switch (transfer->status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return gp_http_transfer_header(transfer, "Location", &len) != NULL;
    default:
        return 0;
    }
}

/* The headers are complete: where does the body go, and is it too long already? */
static int choose_target(gp_http_transfer *transfer)
{
    const char *text;
    size_t len;
    long long told;
    int good = transfer->status >= 200 && transfer->status < 300;
    transfer->target = GP_HTTP_TO_MEMORY;
    transfer->bound = transfer->max_bytes;
    if (is_redirect(transfer)) {
        transfer->target = GP_HTTP_TO_NOWHERE;
        transfer->bound = MAX_REDIRECT_BODY;
    } else if (transfer->sink != GP_HTTP_MEMORY && good) {
        transfer->bound = INT64_MAX;
        transfer->target = transfer->sink == GP_HTTP_CHUNKS ? GP_HTTP_TO_CHUNKS : GP_HTTP_TO_FILE;
        if (transfer->target == GP_HTTP_TO_FILE && !open_file(transfer)) {
            transfer->abort = GP_HTTP_SINK_FAILED;
            return 0;
        }
        /* Whoever named the file may want to see the headers before much of it is written. */
        if (transfer->target == GP_HTTP_TO_FILE) gp_http_engine_ready(transfer->engine, transfer);
    } else if (transfer->sink != GP_HTTP_MEMORY && transfer->bound > MAX_ERROR_BODY) {
        transfer->bound = MAX_ERROR_BODY;
    }
    text = gp_http_transfer_header(transfer, "Content-Length", &len);
    told = text && !transfer->head ? strtoll(text, NULL, 10) : 0;
    if (told > transfer->bound) {
        transfer->abort = GP_HTTP_TOO_LARGE;
        return 0;
    }
    /* One allocation for an ordinary body; a length is not believed further than this. */
    if (transfer->target == GP_HTTP_TO_MEMORY && told > 0 && told <= MAX_ERROR_BODY) {
        gp_buf_reserve(&transfer->body_in, (size_t)told);
    }
    return 1;
}

static void new_block(gp_http_transfer *transfer, const char *line, size_t len)
{
    const char *space = memchr(line, ' ', len);
    transfer->headers_in.len = 0;
    transfer->headers_done = 0;
    transfer->status = 0;
    gp_buf_reserve(&transfer->headers_in, USUAL_HEADERS);
    /* libcurl has checked that three digits follow, and something ends the line. */
    if (space && (size_t)(line + len - space) > 4) transfer->status = atoi(space + 1);
}

size_t gp_http_on_header(char *data, size_t size, size_t count, void *ctx)
{
    gp_http_handle *handle = ctx;
    gp_http_transfer *transfer = handle->transfer;
    size_t len = size * count;
    if (!transfer) return 0;
    note_movement(transfer);
    if (len > 5 && !strncmp(data, "HTTP/", 5)) {
        new_block(transfer, data, len);
    } else if (transfer->headers_done) {
        return len; /* a trailer */
    }
    if (transfer->headers_in.len + len > MAX_HEADERS_IN) {
        say(transfer, "the answer's headers are longer than %d KiB", MAX_HEADERS_IN / 1024);
        return stop(transfer, GP_HTTP_PROTOCOL);
    }
    gp_buf_add(&transfer->headers_in, data, len);
    if (transfer->headers_in.failed) {
        say(transfer, "out of memory");
        return stop(transfer, GP_HTTP_TOO_LARGE);
    }
    if (data[0] != '\r' && data[0] != '\n') return len;
    if (transfer->status < 200) return len; /* 100 Continue and its like: another block follows */
    transfer->headers_done = 1;
    return choose_target(transfer) ? len : 0;
}

static int write_file(gp_http_transfer *transfer, const char *data, size_t len)
{
    while (len) {
        ssize_t written = write(transfer->fd, data, len);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            say(transfer, "can not write %s: %s", transfer->path, strerror(errno));
            return 0;
        }
        data += written;
        len -= (size_t)written;
    }
    return 1;
}

size_t gp_http_on_body(char *data, size_t size, size_t count, void *ctx)
{
    gp_http_handle *handle = ctx;
    gp_http_transfer *transfer = handle->transfer;
    size_t len = size * count;
    if (!transfer) return 0;
    note_movement(transfer);
    if (transfer->target == GP_HTTP_TO_CHUNKS && transfer->body_in.len >= PAUSE_ABOVE) {
        transfer->paused = 1;
        return CURL_WRITEFUNC_PAUSE;
    }
    if ((int64_t)len > transfer->bound - transfer->bytes) return stop(transfer, GP_HTTP_TOO_LARGE);
    transfer->bytes += (int64_t)len;
    if (transfer->target == GP_HTTP_TO_NOWHERE) return len;
    if (transfer->target == GP_HTTP_TO_FILE) {
        return write_file(transfer, data, len) ? len : stop(transfer, GP_HTTP_SINK_FAILED);
    }
    gp_buf_add(&transfer->body_in, data, len);
    if (transfer->body_in.failed) {
        say(transfer, "out of memory");
        return stop(transfer, GP_HTTP_TOO_LARGE);
    }
    if (transfer->target == GP_HTTP_TO_CHUNKS) {
        gp_http_engine_ready(transfer->engine, transfer);
    }
    return len;
}

/* Ending. */

static void free_request(gp_http_transfer *transfer)
{
    gp_http_outgoing_free(&transfer->headers_out);
    if (transfer->body_out) explicit_bzero(transfer->body_out, transfer->body_out_len);
    free(transfer->body_out);
    transfer->body_out = NULL;
    transfer->hook = NULL;
    if (transfer->fd >= 0 && close(transfer->fd) != 0 && transfer->result.outcome == GP_HTTP_OK) {
        say(transfer, "can not write %s: %s", transfer->path, strerror(errno));
        transfer->result.outcome = GP_HTTP_PERMANENT;
        transfer->result.code = GP_HTTP_SINK_FAILED;
    }
    transfer->fd = -1;
}

static int was_reused(const gp_http_transfer *transfer, const gp_http_handle *handle)
{
    long connects = 1;
    curl_easy_getinfo(handle->easy, CURLINFO_NUM_CONNECTS, &connects);
    return transfer->sent > 0 && connects == 0;
}

/* Takes the transfer out of everything; what came stays readable. */
static void end(gp_http_transfer *transfer, gp_http_outcome outcome, gp_http_code code)
{
    gp_http_engine *engine = transfer->engine;
    gp_http_handle *handle = transfer->handle;
    if (transfer->done) return;
    transfer->done = 1;
    transfer->finished = gp_clock_now();
    transfer->result.outcome = outcome;
    transfer->result.code = code;
    transfer->handle = NULL;
    if (handle && !gp_http_engine_foreign(engine)) {
        transfer->result.reused = was_reused(transfer, handle);
        curl_multi_remove_handle(handle->lane->multi, handle->easy);
        handle->lane->active--;
        gp_http_handle_give(handle);
    }
    gp_http_deadlines_remove(engine, transfer);
    if (transfer->previous)
        transfer->previous->next = transfer->next;
    else
        engine->active = transfer->next;
    if (transfer->next) transfer->next->previous = transfer->previous;
    transfer->previous = transfer->next = NULL;
    engine->counts.active--;
    free_request(transfer);
}

static int bytes_left(const gp_http_transfer *transfer)
{
    long sent = 0;
    if (transfer->has_left) return 1;
    if (transfer->sent <= 0) return 0;
    curl_easy_getinfo(transfer->handle->easy, CURLINFO_REQUEST_SIZE, &sent);
    return sent > 0;
}

static void end_aborted(gp_http_transfer *transfer)
{
    gp_http_outcome outcome = GP_HTTP_PERMANENT;
    if (transfer->abort == GP_HTTP_TOO_LARGE) {
        say(transfer, "the answer is longer than %lld bytes", (long long)transfer->bound);
    }
    /* A write has been done whether or not its answer fits; a read would not fit again. */
    if (transfer->effect != GP_HTTP_READ) outcome = gp_http_outcome_sent(transfer->status);
    if (transfer->abort == GP_HTTP_HELD_BACK) outcome = GP_HTTP_UNKNOWN;
    end(transfer, outcome, transfer->abort);
}

static void end_failed(gp_http_transfer *transfer, CURLcode result)
{
    const char *words = transfer->handle->error;
    gp_http_evidence evidence = {.result = result,
                                 .effect = transfer->effect,
                                 .sent = bytes_left(transfer),
                                 .status = transfer->status,
                                 .reused = was_reused(transfer, transfer->handle),
                                 .text = words};
    gp_http_outcome outcome;
    gp_http_code code;
    gp_http_outcome_of(&evidence, &outcome, &code);
    say(transfer, "%s", *words ? words : curl_easy_strerror(result));
    end(transfer, outcome, code);
}

/* Puts the request on a connection that nobody else holds. 0: libcurl does not take it. */
static int send_serially(gp_http_transfer *transfer)
{
    gp_http_handle *handle = transfer->handle;
    transfer->joined = 0;
    transfer->has_left = bytes_left(transfer);
    curl_multi_remove_handle(handle->lane->multi, handle->easy);
    handle->error[0] = '\0';
    return gp_http_handle_version(handle, CURL_HTTP_VERSION_1_1) &&
           curl_multi_add_handle(handle->lane->multi, handle->easy) == CURLM_OK;
}

void gp_http_transfer_complete(gp_http_transfer *transfer, CURLcode result)
{
    if (transfer->joined) {
        if (send_serially(transfer)) return;
        say(transfer, "libcurl does not take the request");
        end(transfer, transfer->has_left ? GP_HTTP_UNKNOWN : GP_HTTP_NEVER_SENT, GP_HTTP_CONNECT);
    } else if (transfer->abort != GP_HTTP_CODE_NONE) {
        end_aborted(transfer);
    } else if (result != CURLE_OK) {
        end_failed(transfer, result);
    } else {
        end(transfer, GP_HTTP_OK, GP_HTTP_CODE_NONE);
    }
    gp_http_engine_ready(transfer->engine, transfer);
}

void gp_http_transfer_look(gp_http_transfer *transfer, double now)
{
    gp_http_outcome outcome;
    if (next_look(transfer) > now) {
        look_again(transfer);
        return;
    }
    outcome = bytes_left(transfer) ? gp_http_outcome_sent(transfer->status) : GP_HTTP_NEVER_SENT;
    if (transfer->ends <= now && transfer->ends_as_deadline)
        say(transfer, "the call's deadline has passed");
    else if (transfer->ends <= now)
        say(transfer, "no complete answer within %g s", transfer->request_timeout);
    else if (transfer->connecting > 0)
        say(transfer, "no connection within %g s", transfer->connect_timeout);
    else
        say(transfer, "not a byte within %g s", transfer->stall_timeout);
    end(transfer, outcome, GP_HTTP_TIMEOUT);
    gp_http_engine_ready(transfer->engine, transfer);
}

void gp_http_transfer_abandon(gp_http_transfer *transfer, const char *why)
{
    say(transfer, "%s", why);
    end(transfer, GP_HTTP_CANCELLED, GP_HTTP_CODE_CANCELLED);
    gp_http_engine_ready(transfer->engine, transfer);
}

void gp_http_transfer_cancel(gp_http_transfer *transfer)
{
    if (transfer->done) return;
    say(transfer, "cancelled");
    end(transfer, GP_HTTP_CANCELLED, GP_HTTP_CODE_CANCELLED);
}

void gp_http_transfer_unref(gp_http_transfer *transfer)
{
    gp_http_engine *engine = transfer->engine;
    if (--transfer->refs > 0) return;
    free_request(transfer);
    free(transfer->path);
    free(transfer->message);
    gp_buf_free(&transfer->headers_in);
    gp_buf_free(&transfer->body_in);
    free(transfer);
    gp_http_engine_unref(engine);
}

void gp_http_transfer_release(gp_http_transfer *transfer)
{
    gp_http_transfer_cancel(transfer);
    gp_http_transfer_unref(transfer);
}

/* Reading. */

int64_t gp_http_transfer_id(const gp_http_transfer *transfer)
{
    return transfer->id;
}

int gp_http_transfer_done(const gp_http_transfer *transfer)
{
    return transfer->done;
}

int gp_http_transfer_status(const gp_http_transfer *transfer)
{
    return transfer->headers_done ? transfer->status : 0;
}

int64_t gp_http_transfer_bytes(const gp_http_transfer *transfer)
{
    return transfer->bytes;
}

double gp_http_transfer_sent_at(const gp_http_transfer *transfer)
{
    return callers(transfer, transfer->sent);
}

const gp_http_result *gp_http_transfer_result(gp_http_transfer *transfer)
{
    gp_http_result *result = &transfer->result;
    if (!transfer->done) return NULL;
    result->message = transfer->message ? transfer->message : "out of memory";
    result->status = transfer->status;
    result->body = transfer->body_in.data ? transfer->body_in.data : "";
    result->body_len = transfer->body_in.len;
    result->bytes = transfer->bytes;
    result->sent_at = callers(transfer, transfer->sent);
    result->elapsed = transfer->finished - transfer->submitted;
    return result;
}

void gp_http_transfer_forget_body(gp_http_transfer *transfer)
{
    if (transfer->done) gp_buf_free(&transfer->body_in);
}

size_t gp_http_transfer_peek(gp_http_transfer *transfer, const char **data)
{
    if (transfer->target != GP_HTTP_TO_CHUNKS) return 0;
    *data = transfer->body_in.data;
    return transfer->body_in.len;
}

void gp_http_transfer_consume(gp_http_transfer *transfer)
{
    if (transfer->target != GP_HTTP_TO_CHUNKS) return;
    transfer->body_in.len = 0;
    if (!transfer->paused || transfer->done) return;
    transfer->paused = 0;
    transfer->moved = gp_clock_now();
    look_again(transfer);
    curl_easy_pause(transfer->handle->easy, CURLPAUSE_CONT);
}
