#include "io/http_outcome.h"

#include <stdio.h>
#include <string.h>

static const char *const outcome_names[] = {"ok",         "never_sent", "unknown",
                                            "unreadable", "permanent",  "cancelled"};
static const char *const code_names[] = {"none",    "dns",       "connect",  "tls",
                                         "timeout", "reset",     "protocol", "too_large",
                                         "sink",    "held_back", "cancelled"};

const char *gp_http_outcome_name(gp_http_outcome outcome)
{
    return outcome_names[outcome];
}

const char *gp_http_code_name(gp_http_code code)
{
    return code_names[code];
}

gp_http_outcome gp_http_outcome_sent(int status)
{
    return status >= 200 && status < 300 ? GP_HTTP_UNREADABLE : GP_HTTP_UNKNOWN;
}

/* An interrupted handshake is worth a retry; a rejected one is not. libcurl has one code for both
 * and distinguishes them only in its message. */
static int handshake_cut_off(const char *text)
{
    static const char *const signs[] = {"SSL_ERROR_SYSCALL", "reset by peer", "unexpected eof",
                                        "Broken pipe",       "timed out",     "Connection refused"};
    size_t i;
    for (i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (strcasestr(text, signs[i])) return 1;
    }
    return 0;
}

static gp_http_code code_of(const gp_http_evidence *evidence)
{
    int sent = evidence->sent;
    switch (evidence->result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return GP_HTTP_DNS;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_NO_CONNECTION_AVAILABLE:
    case CURLE_PROXY:
        return GP_HTTP_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return GP_HTTP_TIMEOUT;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_FAIL_REWIND:
        return sent ? GP_HTTP_RESET : GP_HTTP_CONNECT;
    case CURLE_PARTIAL_FILE:
        return GP_HTTP_RESET;
    case CURLE_HTTP2_STREAM:
        /* The server reset the stream; only PROTOCOL_ERROR blames the request. */
        return strstr(evidence->text, "PROTOCOL_ERROR") ? GP_HTTP_PROTOCOL : GP_HTTP_RESET;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_USE_SSL_FAILED:
        return sent ? GP_HTTP_RESET : GP_HTTP_TLS;
    default:
        return GP_HTTP_PROTOCOL;
    }
}

void gp_http_outcome_of(const gp_http_evidence *evidence, gp_http_outcome *outcome,
                        gp_http_code *code)
{
    *code = code_of(evidence);
    if (!evidence->sent) {
        int again = *code == GP_HTTP_DNS || *code == GP_HTTP_CONNECT || *code == GP_HTTP_TIMEOUT;
        if (*code == GP_HTTP_TLS && evidence->result == CURLE_SSL_CONNECT_ERROR) {
            again = handshake_cut_off(evidence->text);
        }
        *outcome = again ? GP_HTTP_NEVER_SENT : GP_HTTP_PERMANENT;
        return;
    }
    if (strstr(evidence->text, "REFUSED_STREAM")) {
        /* The server guarantees that it has not processed the request. */
        *outcome = GP_HTTP_NEVER_SENT;
        return;
    }
    *outcome = gp_http_outcome_sent(evidence->status);
    if (*code != GP_HTTP_PROTOCOL || *outcome != GP_HTTP_UNKNOWN) return;
    /* The bytes are not HTTP. On a reused connection they may be left over from an earlier
     * response; on a new one a retry would read the same. A write may have been executed, so its
     * outcome stays unknown. */
    if (evidence->reused) {
        *code = GP_HTTP_RESET;
    } else if (evidence->effect == GP_HTTP_READ) {
        *outcome = GP_HTTP_PERMANENT;
    }
}

int gp_http_refuse(gp_http_failure *failure, gp_http_code code, const char *message)
{
    failure->outcome = GP_HTTP_PERMANENT;
    failure->code = code;
    snprintf(failure->message, sizeof failure->message, "%s", message);
    return 0;
}
