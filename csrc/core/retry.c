#include "core/retry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/time.h"

/* clang-format off */
static const unsigned char actions[GP_OUTCOME_COUNT][GP_EFFECT_COUNT] = {
    /*                           read                set                create */
    [GP_OUTCOME_OK]            = {GP_ACTION_SUCCEED, GP_ACTION_SUCCEED, GP_ACTION_SUCCEED},
    [GP_OUTCOME_NEVER_SENT]    = {GP_ACTION_RETRY,   GP_ACTION_RETRY,   GP_ACTION_RETRY},
    [GP_OUTCOME_REFUSED]       = {GP_ACTION_RETRY,   GP_ACTION_RETRY,   GP_ACTION_RETRY},
    [GP_OUTCOME_FAILED]        = {GP_ACTION_RETRY,   GP_ACTION_RETRY,   GP_ACTION_RECONCILE},
    [GP_OUTCOME_UNKNOWN]       = {GP_ACTION_RETRY,   GP_ACTION_RETRY,   GP_ACTION_RECONCILE},
    [GP_OUTCOME_UNREADABLE]    = {GP_ACTION_RETRY,   GP_ACTION_SUCCEED, GP_ACTION_LOOK_UP},
    [GP_OUTCOME_TOKEN_REFUSED] = {GP_ACTION_RETRY,   GP_ACTION_RETRY,   GP_ACTION_RETRY},
    [GP_OUTCOME_PERMANENT]     = {GP_ACTION_FAIL,    GP_ACTION_FAIL,    GP_ACTION_FAIL},
    [GP_OUTCOME_CANCELLED]     = {GP_ACTION_FAIL,    GP_ACTION_FAIL,    GP_ACTION_FAIL},
};

/* GitLab's messages where the status alone does not tell what a response means. */
static const struct {
    int status;
    const char *words;
    const char *name;
} sentences[GP_SENTENCE_COUNT] = {
    [GP_SENTENCE_NONE]           = {0,   "",                                 ""},
    [GP_SENTENCE_CREATION_LIMIT] = {400, "Too many pipelines created",       "creation_limit"},
    [GP_SENTENCE_RESOURCE_LOCK]  = {409, "Resource lock",                    "resource_lock"},
    [GP_SENTENCE_REQUEST_LIMIT]  = {429, "has been requested too many times", "request_limit"},
};

/* `attempts` includes the first; `base` is the first delay, doubled each time where `grows`. */
static const struct {
    unsigned char attempts;
    unsigned char grows;
    double base;
} rows[GP_ROW_COUNT] = {
    [GP_ROW_THROTTLED]   = {5, 1, 2.0},
    [GP_ROW_UNAVAILABLE] = {3, 1, 2.0},
    [GP_ROW_SERVER]      = {3, 1, 1.0},
    [GP_ROW_LOST]        = {3, 0, 1.0},
    [GP_ROW_UNSENT]      = {3, 1, 1.0},
    [GP_ROW_TOKEN]       = {2, 0, 0.0},
};
/* clang-format on */

/* A RateLimit-Reset further ahead than this is not plausible. */
#define LONGEST_WINDOW 86400.0
/* The most seconds added to the server's delay to spread the callers. */
#define MOST_ADDED     5.0

gp_action gp_retry_action(gp_effect effect, gp_outcome outcome)
{
    return (gp_action)actions[outcome][effect];
}

gp_sentence gp_retry_sentence(int status, const char *body, size_t len)
{
    int i;
    if (!body) return GP_SENTENCE_NONE;
    for (i = GP_SENTENCE_NONE + 1; i < GP_SENTENCE_COUNT; i++) {
        const char *words = sentences[i].words;
        if (sentences[i].status == status && memmem(body, len, words, strlen(words))) {
            return (gp_sentence)i;
        }
    }
    return GP_SENTENCE_NONE;
}

const char *gp_retry_sentence_name(gp_sentence sentence)
{
    return sentences[sentence].name;
}

static gp_sentence sentence_of(const gp_answer *response)
{
    return gp_retry_sentence(response->status, response->body, response->body_len);
}

int gp_retry_is_creation_limit(const gp_answer *response)
{
    return sentence_of(response) == GP_SENTENCE_CREATION_LIMIT;
}

int gp_retry_is_plain(const gp_answer *response)
{
    return response->content_type && strncasecmp(response->content_type, "text/plain", 10) == 0;
}

/* A limiter's 429 is sent before any work: the middleware's is plain text, the application's has a
 * fixed sentence. Any other (overloaded storage) may be sent after the pipeline was saved. */
static int is_limiters_429(const gp_answer *response)
{
    return gp_retry_is_plain(response) || sentence_of(response) == GP_SENTENCE_REQUEST_LIMIT;
}

gp_outcome gp_retry_classify(const gp_answer *response)
{
    int status = response->status;
    if (response->outcome != GP_OUTCOME_OK) return response->outcome;
    if ((status >= 200 && status < 300) || status == 304) return GP_OUTCOME_OK;
    if (status >= 500) return GP_OUTCOME_FAILED;
    switch (status) {
    case 400:
        return gp_retry_is_creation_limit(response) ? GP_OUTCOME_REFUSED : GP_OUTCOME_PERMANENT;
    case 401:
        return response->fresh_token ? GP_OUTCOME_TOKEN_REFUSED : GP_OUTCOME_PERMANENT;
    case 409:
        return sentence_of(response) == GP_SENTENCE_RESOURCE_LOCK ? GP_OUTCOME_FAILED
                                                                  : GP_OUTCOME_PERMANENT;
    case 429:
        return is_limiters_429(response) ? GP_OUTCOME_REFUSED : GP_OUTCOME_FAILED;
    default:
        return GP_OUTCOME_PERMANENT;
    }
}

gp_retry_row gp_retry_row_of(gp_outcome outcome, int status)
{
    switch (outcome) {
    case GP_OUTCOME_NEVER_SENT:
        return GP_ROW_UNSENT;
    case GP_OUTCOME_TOKEN_REFUSED:
        return GP_ROW_TOKEN;
    case GP_OUTCOME_REFUSED:
        return GP_ROW_THROTTLED;
    case GP_OUTCOME_FAILED:
        if (status == 429) return GP_ROW_THROTTLED;
        if (status == 503) return GP_ROW_UNAVAILABLE;
        return status == 409 ? GP_ROW_UNSENT : GP_ROW_SERVER;
    default:
        return GP_ROW_LOST;
    }
}

int gp_retry_count(gp_retry *retry, gp_retry_row row)
{
    return ++retry->ended[row] < rows[row].attempts && retry->attempts < GP_RETRY_MAX_ATTEMPTS;
}

int gp_retry_number(const char *text, double *value)
{
    char *end;
    if (!text) return 0;
    text += strspn(text, " \t");
    /* Digits and a fraction only: no sign, no exponent, nothing else that strtod accepts. */
    if (text[strspn(text, "0123456789. \t")] != '\0') return 0;
    *value = strtod(text, &end);
    return end > text && end[strspn(end, " \t")] == '\0' && isfinite(*value);
}

double gp_retry_server_delay(const gp_answer *response, double now)
{
    double value, date, remaining;
    if (!response->date || !gp_time_parse_http(response->date, strlen(response->date), &date))
        date = now;
    if (gp_retry_number(response->retry_after, &value)) return value;
    if (response->retry_after &&
        gp_time_parse_http(response->retry_after, strlen(response->retry_after), &value)) {
        return value > date ? value - date : 0.0;
    }
    if (response->status != 429 || !gp_retry_number(response->ratelimit_reset, &value)) return -1.0;
    if (gp_retry_number(response->ratelimit_remaining, &remaining) && remaining > 0) return -1.0;
    if (value <= date || value - date > LONGEST_WINDOW) return -1.0;
    return value - date;
}

double gp_retry_delay(gp_retry_row row, int nth, double server_time, double random)
{
    double delay;
    if (server_time > 0) {
        double added = server_time / 2 < MOST_ADDED ? server_time / 2 : MOST_ADDED;
        return server_time + random * added;
    }
    delay = rows[row].grows ? ldexp(rows[row].base, nth - 1) : rows[row].base;
    if (delay > GP_RETRY_CAP) delay = GP_RETRY_CAP;
    return delay / 2 + random * delay / 2;
}
