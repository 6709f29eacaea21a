#include "io/http_transfer.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "io/clock.h"
#include "io/http_handle.h"
#include "io/http_headers.h"
#include "io/http_incoming.h"
#include "io/http_insecure.h"
#include "io/http_outcome.h"
#include "io/http_shared.h"

struct gp_http_transfer {
    int refs;
    int64_t id;
    gp_http_transfers *set;
    gp_http_handle *handle; /* NULL when done */
    gp_http_transfer *previous, *next;
    gp_http_transfer *ready_next;
    int ready;              /* in the list that gp_http_transfers_next takes from */
    gp_http_deadline check; /* when its next timeout may expire */

    /* the request */
    gp_http_outgoing headers_out;
    char *body_out;
    size_t body_out_len;
    gp_http_effect effect;
    gp_sent_hook *hook;

    /* times on this module's clock; add `shift` for the caller's */
    double shift;
    double submitted;
    double finished;
    double ends; /* INFINITY: never */
    int ends_as_deadline;
    double connect_timeout;
    double request_timeout;
    double stall_timeout;
    double connecting; /* since when; 0: not */
    double sent;       /* 0: never */
    double moved;      /* the last byte, or the last resume */

    const void *connection; /* over TLS: the one that it was last sent over */
    int secure;
    int joined;   /* libcurl has put it on a connection in use by another request */
    int sent_any; /* bytes of it were sent before it was moved to another connection */

    gp_http_incoming in;
    int paused;

    int done;
    gp_http_code abort; /* why our callbacks stopped libcurl */
    gp_http_result result;
};

/* Time. */

static double next_check(const gp_http_transfer *transfer)
{
    double at = transfer->ends;
    if (transfer->connecting > 0) {
        at = fmin(at, transfer->connecting + transfer->connect_timeout);
    } else if (transfer->sent > 0 && transfer->in.sink != GP_HTTP_MEMORY && !transfer->paused) {
        at = fmin(at, transfer->moved + transfer->stall_timeout);
    }
    return at;
}

static void reschedule(gp_http_transfer *transfer)
{
    gp_http_deadlines_move(&transfer->set->deadlines, &transfer->check, next_check(transfer));
}

static double to_caller_time(const gp_http_transfer *transfer, double at)
{
    return at > 0 ? at + transfer->shift : 0;
}

/* libcurl's callbacks. */

/*
 * True if libcurl has put the request on an HTTP/1.1 connection in use by another request. Once one
 * connection to a host has negotiated HTTP/2, libcurl assumes that all do: if the server's choice
 * differs from connection to connection, it sends a second request over an HTTP/1.1 connection in
 * use, and both get the first response.
 */
static int joins_another(gp_http_transfer *transfer)
{
    const gp_http_transfer *other;
    int multiplexes = 0;
    if (!transfer->secure || transfer->handle->lane->alone) return 0;
    transfer->connection = gp_http_connection(transfer->handle->easy, &multiplexes);
    if (multiplexes || transfer->handle->version == CURL_HTTP_VERSION_1_1) return 0;
    if (!transfer->connection) return 1;
    for (other = transfer->set->active; other; other = other->next) {
        if (other != transfer && other->connection == transfer->connection) return 1;
    }
    return 0;
}

/* Whether the request may be sent now, possibly for the second time, over another connection. */
static int may_send(gp_http_transfer *transfer)
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
    reschedule(transfer);
    return !transfer->hook || !transfer->hook->sent ||
           transfer->hook->sent(transfer->hook, to_caller_time(transfer, transfer->sent));
}

static int on_prereq(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
    gp_http_handle *handle = ctx;
    gp_http_transfer *transfer = handle->transfer;
    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    if (!transfer) return CURL_PREREQFUNC_ABORT;
    if (may_send(transfer)) return CURL_PREREQFUNC_OK;
    if (transfer->joined) return CURL_PREREQFUNC_ABORT;
    gp_http_incoming_fail(&transfer->in, "the connection was closed before a response");
    /* A create is never offered for a resend: the outcome of the first send is unknown. */
    transfer->abort = transfer->effect == GP_HTTP_CREATE ? GP_HTTP_RESET : GP_HTTP_HELD_BACK;
    return CURL_PREREQFUNC_ABORT;
}

static void connecting(gp_http_transfer *transfer)
{
    if (!transfer || transfer->connecting > 0) return;
    transfer->connecting = gp_clock_now();
    reschedule(transfer);
}

static int on_resolve(void *state, void *reserved, void *ctx)
{
    gp_http_handle *handle = ctx;
    (void)state;
    (void)reserved;
    connecting(handle->transfer);
    return 0;
}

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    gp_http_handle *handle = ctx;
    curl_socket_t fd = gp_http_socket_open(handle->lane->sockets, address);
    (void)purpose;
    connecting(handle->transfer);
    /* After a create has timed out, the kernel must not send its remaining bytes much later. */
    if (fd != CURL_SOCKET_BAD && handle->lane->alone && handle->transfer &&
        address->socktype == SOCK_STREAM) {
        double seconds = fmin(handle->transfer->request_timeout, 3600);
        unsigned int milliseconds = (unsigned int)ceil(seconds * 1000);
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
    }
    return fd;
}

/* Only the stall timeout of a stream needs the time of the last byte. */
static void note_movement(gp_http_transfer *transfer)
{
    if (transfer->in.sink != GP_HTTP_MEMORY) transfer->moved = gp_clock_now();
}

static size_t stop(gp_http_transfer *transfer, gp_http_code code)
{
    transfer->abort = code;
    return 0;
}

/* Queues the transfer for gp_http_transfers_next. */
static void queue_ready(gp_http_transfer *transfer)
{
    gp_http_transfers *set = transfer->set;
    if (transfer->ready) return;
    transfer->ready = 1;
    transfer->ready_next = NULL;
    transfer->refs++;
    if (set->ready_tail)
        set->ready_tail->ready_next = transfer;
    else
        set->ready_head = transfer;
    set->ready_tail = transfer;
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    gp_http_handle *handle = ctx;
    gp_http_transfer *transfer = handle->transfer;
    size_t len = size * count;
    gp_http_code code;
    int before;
    if (!transfer) return 0;
    note_movement(transfer);
    before = transfer->in.headers_done;
    code = gp_http_incoming_header(&transfer->in, data, len);
    if (code != GP_HTTP_CODE_NONE) return stop(transfer, code);
    /* The caller may want to check the headers before much of the file is written. */
    if (!before && transfer->in.headers_done && transfer->in.target == GP_HTTP_TO_FILE) {
        queue_ready(transfer);
    }
    return len;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    gp_http_handle *handle = ctx;
    gp_http_transfer *transfer = handle->transfer;
    size_t len = size * count;
    gp_http_code code;
    if (!transfer) return 0;
    note_movement(transfer);
    if (gp_http_incoming_full(&transfer->in)) {
        transfer->paused = 1;
        return CURL_WRITEFUNC_PAUSE;
    }
    code = gp_http_incoming_body(&transfer->in, data, len);
    if (code != GP_HTTP_CODE_NONE) return stop(transfer, code);
    if (transfer->in.target == GP_HTTP_TO_CHUNKS) queue_ready(transfer);
    return len;
}

static const gp_http_callbacks callbacks = {on_prereq, on_resolve, on_open, on_header, on_body};

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
    transfer->secure = !strncasecmp(request->url, "https:", 6);
    transfer->hook = request->hook;
    if (!gp_http_incoming_open(&transfer->in, request)) return 0;
    if (request->body) {
        transfer->body_out = malloc(request->body_len + 1);
        if (!transfer->body_out) return 0;
        memcpy(transfer->body_out, request->body, request->body_len);
        transfer->body_out[request->body_len] = '\0';
        transfer->body_out_len = request->body_len;
    }
    return 1;
}

static int check(const gp_http_options *options, const gp_http_request *request,
                 const gp_http_outgoing *headers, gp_http_failure *failure)
{
    size_t i;
    if (gp_http_has_control(request->url, strlen(request->url))) {
        return gp_http_refuse(failure, GP_HTTP_PROTOCOL, "the URL holds a control character");
    }
    if (strncasecmp(request->url, "http://", 7) != 0 &&
        strncasecmp(request->url, "https://", 8) != 0) {
        return gp_http_refuse(failure, GP_HTTP_PROTOCOL, "the URL is neither http nor https");
    }
    for (i = 0; i < headers->count && !options->allow_insecure; i++) {
        if (headers->sensitive[i] && gp_http_insecure(request->url)) {
            return gp_http_refuse(
                failure, GP_HTTP_TLS,
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

static int begin(gp_http_transfer *transfer, gp_http_lane *lane, const gp_http_request *request)
{
    int busy = lane->active >= lane->connections;
    transfer->handle = gp_http_handle_take(lane, &callbacks);
    if (!transfer->handle) return 0;
    transfer->handle->transfer = transfer;
    if (!gp_http_handle_fit(transfer->handle, request, busy) || !point(transfer)) return 0;
    transfer->check.transfer = transfer;
    if (!gp_http_deadlines_add(&transfer->set->deadlines, &transfer->check, transfer->ends))
        return 0;
    if (curl_multi_add_handle(lane->multi, transfer->handle->easy) != CURLM_OK) return 0;
    lane->active++;
    return 1;
}

static void free_request(gp_http_transfer *transfer)
{
    gp_http_outgoing_free(&transfer->headers_out);
    if (transfer->body_out) explicit_bzero(transfer->body_out, transfer->body_out_len);
    free(transfer->body_out);
    transfer->body_out = NULL;
    transfer->hook = NULL;
    if (!gp_http_incoming_close(&transfer->in) && transfer->result.outcome == GP_HTTP_OK) {
        gp_http_incoming_fail(&transfer->in, "cannot write %s: %s", transfer->in.path,
                              strerror(errno));
        transfer->result.outcome = GP_HTTP_PERMANENT;
        transfer->result.code = GP_HTTP_SINK_FAILED;
    }
}

static void unref(gp_http_transfer *transfer)
{
    if (--transfer->refs > 0) return;
    free_request(transfer);
    gp_http_incoming_free(&transfer->in);
    free(transfer);
}

gp_http_transfer *gp_http_transfer_start(gp_http_transfers *set, gp_http_lane *lane,
                                         const gp_http_request *request, gp_http_failure *failure)
{
    gp_http_transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer) {
        gp_http_refuse(failure, GP_HTTP_CONNECT, "out of memory");
        return NULL;
    }
    transfer->refs = 1;
    transfer->set = set;
    transfer->in.fd = -1;
    if (!gp_http_outgoing_build(&transfer->headers_out, request, failure) ||
        !check(lane->options, request, &transfer->headers_out, failure)) {
        goto failed;
    }
    set_times(transfer, request);
    if (transfer->ends <= transfer->submitted) {
        gp_http_refuse(failure, GP_HTTP_TIMEOUT, "the call's deadline has passed");
        failure->outcome = GP_HTTP_NEVER_SENT;
        goto failed;
    }
    if (!copy_request(transfer, request) || !begin(transfer, lane, request)) {
        gp_http_refuse(failure, GP_HTTP_PROTOCOL, "libcurl rejects the request");
        if (transfer->handle) gp_http_handle_free(transfer->handle);
        transfer->handle = NULL;
        goto failed;
    }
    transfer->id = request->id ? request->id : ++set->last_id;
    transfer->next = set->active;
    if (set->active) set->active->previous = transfer;
    set->active = transfer;
    set->count++;
    set->submitted++;
    return transfer;
failed:
    gp_http_deadlines_remove(&set->deadlines, &transfer->check);
    transfer->done = 1;
    unref(transfer);
    return NULL;
}

/* Ending. */

static int was_reused(const gp_http_transfer *transfer, const gp_http_handle *handle)
{
    long connects = 1;
    curl_easy_getinfo(handle->easy, CURLINFO_NUM_CONNECTS, &connects);
    return transfer->sent > 0 && connects == 0;
}

/* Removes the transfer from its lane and set; the received data stays readable. */
static void end(gp_http_transfer *transfer, gp_http_outcome outcome, gp_http_code code)
{
    gp_http_transfers *set = transfer->set;
    gp_http_handle *handle = transfer->handle;
    if (transfer->done) return;
    transfer->done = 1;
    transfer->finished = gp_clock_now();
    transfer->result.outcome = outcome;
    transfer->result.code = code;
    transfer->handle = NULL;
    if (handle && !gp_http_sockets_foreign(handle->lane->sockets)) {
        transfer->result.reused = was_reused(transfer, handle);
        curl_multi_remove_handle(handle->lane->multi, handle->easy);
        handle->lane->active--;
        gp_http_handle_give(handle);
    }
    gp_http_deadlines_remove(&set->deadlines, &transfer->check);
    if (transfer->previous)
        transfer->previous->next = transfer->next;
    else
        set->active = transfer->next;
    if (transfer->next) transfer->next->previous = transfer->previous;
    transfer->previous = transfer->next = NULL;
    set->count--;
    free_request(transfer);
}

static int bytes_sent(const gp_http_transfer *transfer)
{
    long sent = 0;
    if (transfer->sent_any) return 1;
    if (transfer->sent <= 0) return 0;
    curl_easy_getinfo(transfer->handle->easy, CURLINFO_REQUEST_SIZE, &sent);
    return sent > 0;
}

static void end_aborted(gp_http_transfer *transfer)
{
    gp_http_outcome outcome = GP_HTTP_PERMANENT;
    if (transfer->abort == GP_HTTP_TOO_LARGE) {
        gp_http_incoming_fail(&transfer->in, "the response is longer than %lld bytes",
                              (long long)transfer->in.bound);
    }
    /* A write was executed whether or not its response fits; a read would fail again. */
    if (transfer->effect != GP_HTTP_READ) outcome = gp_http_outcome_sent(transfer->in.status);
    if (transfer->abort == GP_HTTP_HELD_BACK) outcome = GP_HTTP_UNKNOWN;
    end(transfer, outcome, transfer->abort);
}

static void end_failed(gp_http_transfer *transfer, CURLcode result)
{
    const char *words = transfer->handle->error;
    gp_http_evidence evidence = {.result = result,
                                 .effect = transfer->effect,
                                 .sent = bytes_sent(transfer),
                                 .status = transfer->in.status,
                                 .reused = was_reused(transfer, transfer->handle),
                                 .text = words};
    gp_http_outcome outcome;
    gp_http_code code;
    gp_http_outcome_of(&evidence, &outcome, &code);
    gp_http_incoming_fail(&transfer->in, "%s", *words ? words : curl_easy_strerror(result));
    end(transfer, outcome, code);
}

/* Moves the request to a connection that no other request uses. 0: libcurl rejects it. */
static int send_alone(gp_http_transfer *transfer)
{
    gp_http_handle *handle = transfer->handle;
    transfer->joined = 0;
    transfer->sent_any = bytes_sent(transfer);
    curl_multi_remove_handle(handle->lane->multi, handle->easy);
    handle->error[0] = '\0';
    return gp_http_handle_version(handle, CURL_HTTP_VERSION_1_1) &&
           curl_multi_add_handle(handle->lane->multi, handle->easy) == CURLM_OK;
}

void gp_http_transfer_complete(gp_http_transfer *transfer, CURLcode result)
{
    if (transfer->joined) {
        if (send_alone(transfer)) return;
        gp_http_incoming_fail(&transfer->in, "libcurl rejects the request");
        end(transfer, transfer->sent_any ? GP_HTTP_UNKNOWN : GP_HTTP_NEVER_SENT, GP_HTTP_CONNECT);
    } else if (transfer->abort != GP_HTTP_CODE_NONE) {
        end_aborted(transfer);
    } else if (result != CURLE_OK) {
        end_failed(transfer, result);
    } else {
        end(transfer, GP_HTTP_OK, GP_HTTP_CODE_NONE);
    }
    queue_ready(transfer);
}

/* A deadline of the heap is due: ends the transfer or reschedules the check. */
static void check_timeouts(gp_http_transfer *transfer, double now)
{
    gp_http_outcome outcome;
    if (next_check(transfer) > now) {
        reschedule(transfer);
        return;
    }
    outcome = bytes_sent(transfer) ? gp_http_outcome_sent(transfer->in.status) : GP_HTTP_NEVER_SENT;
    if (transfer->ends <= now && transfer->ends_as_deadline)
        gp_http_incoming_fail(&transfer->in, "the call's deadline has passed");
    else if (transfer->ends <= now)
        gp_http_incoming_fail(&transfer->in, "no complete response within %g s",
                              transfer->request_timeout);
    else if (transfer->connecting > 0)
        gp_http_incoming_fail(&transfer->in, "no connection within %g s",
                              transfer->connect_timeout);
    else
        gp_http_incoming_fail(&transfer->in, "no byte received within %g s",
                              transfer->stall_timeout);
    end(transfer, outcome, GP_HTTP_TIMEOUT);
    queue_ready(transfer);
}

void gp_http_transfers_expire(gp_http_transfers *set)
{
    double now = gp_clock_now();
    gp_http_deadline *first;
    while ((first = gp_http_deadlines_first(&set->deadlines)) && first->at <= now) {
        check_timeouts(first->transfer, now);
    }
}

void gp_http_transfers_abandon(gp_http_transfers *set, const char *why)
{
    while (set->active) {
        gp_http_transfer *transfer = set->active;
        gp_http_incoming_fail(&transfer->in, "%s", why);
        end(transfer, GP_HTTP_CANCELLED, GP_HTTP_CODE_CANCELLED);
        queue_ready(transfer);
    }
}

void gp_http_transfer_cancel(gp_http_transfer *transfer)
{
    if (transfer->done) return;
    gp_http_incoming_fail(&transfer->in, "cancelled");
    end(transfer, GP_HTTP_CANCELLED, GP_HTTP_CODE_CANCELLED);
}

gp_http_transfer *gp_http_transfers_next(gp_http_transfers *set)
{
    while (set->ready_head) {
        gp_http_transfer *transfer = set->ready_head;
        int wanted = transfer->refs > 1;
        set->ready_head = transfer->ready_next;
        if (!set->ready_head) set->ready_tail = NULL;
        transfer->ready = 0;
        unref(transfer);
        if (wanted) return transfer;
    }
    return NULL;
}

void gp_http_transfer_release(gp_http_transfer *transfer)
{
    gp_http_transfer_cancel(transfer);
    unref(transfer);
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
    return transfer->in.headers_done ? transfer->in.status : 0;
}

int64_t gp_http_transfer_bytes(const gp_http_transfer *transfer)
{
    return transfer->in.bytes;
}

double gp_http_transfer_sent_at(const gp_http_transfer *transfer)
{
    return to_caller_time(transfer, transfer->sent);
}

const gp_http_result *gp_http_transfer_result(gp_http_transfer *transfer)
{
    gp_http_result *result = &transfer->result;
    if (!transfer->done) return NULL;
    result->message = transfer->in.problem ? transfer->in.problem : "out of memory";
    result->status = transfer->in.status;
    result->body = transfer->in.body.data ? transfer->in.body.data : "";
    result->body_len = transfer->in.body.len;
    result->bytes = transfer->in.bytes;
    result->sent_at = to_caller_time(transfer, transfer->sent);
    result->elapsed = transfer->finished - transfer->submitted;
    return result;
}

void gp_http_transfer_forget_body(gp_http_transfer *transfer)
{
    if (transfer->done) gp_buf_free(&transfer->in.body);
}

size_t gp_http_transfer_peek(gp_http_transfer *transfer, const char **data)
{
    if (transfer->in.target != GP_HTTP_TO_CHUNKS) return 0;
    *data = transfer->in.body.data;
    return transfer->in.body.len;
}

void gp_http_transfer_consume(gp_http_transfer *transfer)
{
    if (transfer->in.target != GP_HTTP_TO_CHUNKS) return;
    transfer->in.body.len = 0;
    if (!transfer->paused || transfer->done) return;
    transfer->paused = 0;
    transfer->moved = gp_clock_now();
    reschedule(transfer);
    curl_easy_pause(transfer->handle->easy, CURLPAUSE_CONT);
}

const char *gp_http_transfer_header(const gp_http_transfer *transfer, const char *name, size_t *len)
{
    return gp_http_headers_find(&transfer->in.headers, name, len);
}

int gp_http_transfer_next_header(const gp_http_transfer *transfer, size_t *at,
                                 gp_http_header_in *header)
{
    return gp_http_headers_next(&transfer->in.headers, at, header);
}
