#include "io/faulty_response.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

/* How long a lingering stream reads the client's remaining bytes. */
#define LINGER_SECONDS 5.0

void gp_raw_init(gp_raw *raw, const gp_alloc *alloc)
{
    memset(raw, 0, sizeof *raw);
    raw->out.alloc = alloc;
    raw->fd = -1;
}

void gp_raw_free(gp_raw *raw)
{
    gp_buf_free(&raw->out);
    gp_raw_init(raw, raw->out.alloc);
}

/* Adds the header lines of `response`, except Content-Length, which depends on the action. */
static void add_head(gp_buf *out, const gp_http_response_out *response, double wall)
{
    size_t position = 0;
    const char *name, *value;
    int dated = 0;
    gp_buf_addf(out, "HTTP/1.1 %d %s\r\n", response->status, gp_http_reason(response->status));
    while (gp_http_response_next(response, &position, &name, &value)) {
        if (strcasecmp(name, "Content-Length") == 0) continue;
        if (strcasecmp(name, "Date") == 0) dated = 1;
        gp_buf_addf(out, "%s: %s\r\n", name, value);
    }
    if (!dated) {
        static const char days[] = "SunMonTueWedThuFriSat";
        static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        time_t seconds = (time_t)wall;
        struct tm tm;
        if (!gmtime_r(&seconds, &tm)) return;
        gp_buf_addf(out, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + 3 * tm.tm_wday,
                    tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                    tm.tm_sec);
    }
}

static int bodiless(int status)
{
    return status == 204 || status == 304 || status < 200;
}

int gp_raw_compose(gp_raw *raw, const gp_http_response_out *response, int head_only, double wall)
{
    const gp_http_action *action = &response->action;
    size_t length = response->body.len, body = length;
    raw->end = GP_RAW_FIN;
    switch (action->kind) {
    case GP_HTTP_RESET:
        raw->end = GP_RAW_RST;
        return 1;
    case GP_HTTP_DROP:
        return 1;
    case GP_HTTP_GARBAGE:
        gp_buf_add(&raw->out, response->body.data, length);
        goto done;
    case GP_HTTP_TRUNCATE_RST:
        raw->end = GP_RAW_RST; /* fall through */
    case GP_HTTP_TRUNCATE:
        body = action->bytes < body ? action->bytes : body;
        break;
    case GP_HTTP_DRIBBLE:
        raw->piece = action->bytes ? action->bytes : 1;
        raw->interval = action->interval;
        break;
    case GP_HTTP_WRONG_LENGTH:
        length = action->bytes;
        break;
    case GP_HTTP_STALL:
        body = action->bytes < body ? action->bytes : body;
        raw->end = GP_RAW_SILENT;
        raw->patience = action->interval;
        break;
    default:
        break;
    }
    add_head(&raw->out, response, wall);
    if (!bodiless(response->status)) gp_buf_addf(&raw->out, "Content-Length: %zu\r\n", length);
    gp_buf_adds(&raw->out, "\r\n");
    if (!head_only && !bodiless(response->status)) {
        gp_buf_add(&raw->out, response->body.data, body);
    }
done:
    return !raw->out.failed && !response->headers.failed && !response->body.failed;
}

void gp_raw_start(gp_raw *raw, int fd, double now)
{
    raw->fd = fd;
    raw->sent = 0;
    raw->next = now;
    raw->finished_sending = 0;
    if (raw->end == GP_RAW_LINGER) raw->patience = LINGER_SECONDS;
}

/* Resets at once: dissolving the association makes Linux send RST and drop queued bytes. */
static void reset(int fd)
{
    struct sockaddr none;
    memset(&none, 0, sizeof none);
    none.sa_family = AF_UNSPEC;
    (void)connect(fd, &none, sizeof none);
}

/* Reads and discards a bounded amount; 1 when the client has closed the connection. */
static int drain(int fd)
{
    char bytes[16384];
    int turn;
    for (turn = 0; turn < 64; turn++) {
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got == 0) return 1;
        if (got < 0 && errno != EINTR) return errno != EAGAIN;
    }
    return 0;
}

/* Sends what is due. 1 when nothing is left, -1 when the client has closed the connection. */
static int send_pieces(gp_raw *raw, double now)
{
    while (raw->sent < raw->out.len) {
        size_t left = raw->out.len - raw->sent;
        ssize_t sent;
        if (raw->piece && raw->next > now) return 0;
        if (raw->piece && left > raw->piece) left = raw->piece;
        sent = send(raw->fd, raw->out.data + raw->sent, left, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        raw->blocked = sent < 0 && errno == EAGAIN;
        if (sent < 0) return raw->blocked ? 0 : -1;
        raw->sent += (size_t)sent;
        if (raw->piece) raw->next += raw->interval;
    }
    return 1;
}

int gp_raw_step(gp_raw *raw, double now)
{
    int gone = drain(raw->fd);
    if (!raw->finished_sending) {
        int all = send_pieces(raw, now);
        if (all < 0) return 1;
        /* A client that only shut down its sending side still gets a response sent in one piece. */
        if (!all) return gone && raw->piece != 0;
        raw->finished_sending = 1;
        if (raw->end == GP_RAW_RST) reset(raw->fd);
        if (raw->end == GP_RAW_FIN || raw->end == GP_RAW_LINGER) shutdown(raw->fd, SHUT_WR);
        if (raw->end == GP_RAW_FIN || raw->end == GP_RAW_RST) return 1;
        if (raw->patience > 0) raw->give_up = now + raw->patience;
    }
    return gone || (raw->give_up > 0 && now >= raw->give_up);
}

double gp_raw_due(const gp_raw *raw)
{
    if (!raw->finished_sending) return raw->piece && !raw->blocked ? raw->next : -1;
    return raw->give_up > 0 ? raw->give_up : -1;
}

int gp_raw_wants_write(const gp_raw *raw)
{
    return !raw->finished_sending && (!raw->piece || raw->blocked);
}
