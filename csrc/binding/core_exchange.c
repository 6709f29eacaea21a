/*
 * core.exchange: one call and its attempts (core/exchange.h), for Lua.
 *
 *   new(policy, breaker, effect, class, deadline [, {create_subject=, lists_jobs=, no_retry=}])
 *         -> exchange
 *     breaker nil: none; effect "read" | "set" | "create"; class "cancel" | "create" | "read" |
 *     "poll"; deadline in seconds, nil: none; create_subject "11 main" for the creation of a
 *     pipeline; lists_jobs for GET projects/:id/jobs. (What every call has is positional: a table
 *     would cost as much as the decision.)
 *   x:next(now) -> "send" | "wait", until | "probe" | "done", reason, retry_after
 *   x:feed(now, random, outcome, status [, {retry_after=, date=, reset=, remaining=, name=, type=,
 *          body=, flag=}]) -> as next, never "send"
 *     outcome  "ok" (there was a response), or the transport's: "never_sent" "unknown" "unreadable"
 *              "permanent" "refused" "cancelled"; status 0: no status line; the table holds the
 *              response's headers, its body, and a flag: "fresh_token" (with a 401: a different
 *              token is available), "foreign" (from another origin, after a redirect)
 *   x:moved(now, status, date, reset, remaining, name)   the response is a redirect that is
 *     followed: call `next` for the hop
 *   x:sent(now) -> bool  about to be sent: for transports without the C hook; false: do not
 *   x:close(now)         gives up; idempotent, also done by garbage collection
 *   x:attempts() -> n    x:doubtful() -> bool    x:sent_at() -> seconds | nil
 *   x:wakes() -> bool    true once: waiting exchanges should call `next` again
 *
 * The userdata begins with a pointer-free gp_exchange, hence with its gp_sent_hook.
 */
#include <math.h>
#include <string.h>

#include "core/exchange.h"
#include "core_modules.h"
#include "core_policy.h"
#include "lgp.h"

#define EXCHANGE_TYPE "gitlab_pipelines.exchange.1"

typedef struct lgp_exchange {
    gp_exchange exchange; /* first */
    lgp_policy *policy;   /* NULL: closed */
    lgp_breaker *breaker;
    double now; /* the latest time passed in, for the finalizer */
} lgp_exchange;

static const char *const effects[] = {"read", "set", "create", NULL};
static const char *const classes[] = {"cancel", "create", "read", "poll", NULL};
/* In the order of gp_outcome, without "token refused", which is a 401 with the flag. */
static const char *const outcomes[] = {"ok",        "never_sent", "refused", "failed",
                                       "unknown",   "unreadable", "",        "permanent",
                                       "cancelled", NULL};

static lgp_exchange *check(lua_State *L)
{
    return lgp_self(L, EXCHANGE_TYPE);
}

static double check_now(lua_State *L, lgp_exchange *x)
{
    double now = luaL_checknumber(L, 2);
    luaL_argcheck(L, x->policy, 1, "the exchange is closed");
    x->now = now;
    return now;
}

static int flag_field(lua_State *L, int table, const char *name)
{
    int value;
    lua_getfield(L, table, name);
    value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

static void read_options(lua_State *L, int table, gp_exchange_options *options)
{
    const char *subject;
    luaL_checktype(L, table, LUA_TTABLE);
    subject = lgp_opt_string(L, table, "create_subject", NULL);
    if (subject) options->create_subject = gp_limiter_subject(subject, strlen(subject));
    options->lists_jobs = flag_field(L, table, "lists_jobs");
    options->no_retry = flag_field(L, table, "no_retry");
}

static int exchange_new(lua_State *L)
{
    lgp_policy *policy = lgp_check_policy(L, 1);
    lgp_breaker *breaker = lua_isnoneornil(L, 2) ? NULL : lgp_check_breaker(L, 2);
    gp_exchange_options options = {0};
    lgp_exchange *x;
    options.effect = (gp_effect)luaL_checkoption(L, 3, NULL, effects);
    options.class = (gp_class)luaL_checkoption(L, 4, NULL, classes);
    options.deadline = luaL_optnumber(L, 5, INFINITY);
    if (!lua_isnoneornil(L, 6)) read_options(L, 6, &options);
    x = lgp_new(L, sizeof(*x), EXCHANGE_TYPE);
    x->policy = policy;
    policy->references++;
    x->breaker = breaker;
    if (breaker) breaker->references++;
    gp_exchange_init(&x->exchange, &policy->policy, breaker ? &breaker->breaker : NULL, &options);
    return 1;
}

static int push_verdict(lua_State *L, gp_verdict verdict)
{
    switch (verdict.kind) {
    case GP_VERDICT_SEND:
        lua_pushliteral(L, "send");
        return 1;
    case GP_VERDICT_WAIT:
        lua_pushliteral(L, "wait");
        lua_pushnumber(L, verdict.until);
        return 2;
    case GP_VERDICT_PROBE:
        lua_pushliteral(L, "probe");
        return 1;
    default:
        lua_pushliteral(L, "done");
        lua_pushstring(L, gp_reason_name(verdict.reason));
        if (verdict.retry_after > 0) {
            lua_pushnumber(L, verdict.retry_after);
        } else {
            lua_pushnil(L);
        }
        return 3;
    }
}

static int exchange_next(lua_State *L)
{
    lgp_exchange *x = check(L);
    return push_verdict(L, gp_exchange_next(&x->exchange, check_now(L, x)));
}

/* The strings belong to the table, which stays on the stack. */
static void read_answer(lua_State *L, int table, gp_answer *answer)
{
    const char *flag;
    luaL_checktype(L, table, LUA_TTABLE);
    answer->retry_after = lgp_opt_string(L, table, "retry_after", NULL);
    answer->date = lgp_opt_string(L, table, "date", NULL);
    answer->ratelimit_reset = lgp_opt_string(L, table, "reset", NULL);
    answer->ratelimit_remaining = lgp_opt_string(L, table, "remaining", NULL);
    answer->ratelimit_name = lgp_opt_string(L, table, "name", NULL);
    answer->content_type = lgp_opt_string(L, table, "type", NULL);
    flag = lgp_opt_string(L, table, "flag", "");
    answer->fresh_token = strcmp(flag, "fresh_token") == 0;
    answer->foreign = strcmp(flag, "foreign") == 0;
    lua_getfield(L, table, "body");
    answer->body = luaL_optlstring(L, -1, NULL, &answer->body_len);
    lua_pop(L, 1);
}

static int exchange_feed(lua_State *L)
{
    lgp_exchange *x = check(L);
    double now = check_now(L, x), random = luaL_checknumber(L, 3);
    gp_answer answer = {0};
    answer.outcome = (gp_outcome)luaL_checkoption(L, 4, NULL, outcomes);
    answer.status = (int)luaL_optinteger(L, 5, 0);
    if (!lua_isnoneornil(L, 6)) read_answer(L, 6, &answer);
    return push_verdict(L, gp_exchange_feed(&x->exchange, now, random, &answer));
}

static int exchange_moved(lua_State *L)
{
    lgp_exchange *x = check(L);
    double now = check_now(L, x);
    gp_answer answer = {0};
    answer.status = (int)luaL_checkinteger(L, 3);
    answer.date = luaL_optstring(L, 4, NULL);
    answer.ratelimit_reset = luaL_optstring(L, 5, NULL);
    answer.ratelimit_remaining = luaL_optstring(L, 6, NULL);
    answer.ratelimit_name = luaL_optstring(L, 7, NULL);
    gp_exchange_moved(&x->exchange, now, &answer);
    return 0;
}

static int exchange_sent(lua_State *L)
{
    lgp_exchange *x = check(L);
    lua_pushboolean(L, gp_exchange_sent(&x->exchange, check_now(L, x)));
    return 1;
}

/* A finalizer has no time argument and uses the latest one. */
static int exchange_close(lua_State *L)
{
    lgp_exchange *x = check(L);
    if (!x->policy) return 0;
    gp_exchange_close(&x->exchange, lua_isnumber(L, 2) ? lua_tonumber(L, 2) : x->now);
    return 0;
}

static int exchange_gc(lua_State *L)
{
    lgp_exchange *x = check(L);
    if (!x->policy) return 0;
    gp_exchange_close(&x->exchange, x->now);
    lgp_release_policy(x->policy);
    lgp_release_breaker(x->breaker);
    x->policy = NULL;
    x->breaker = NULL;
    return 0;
}

static int exchange_attempts(lua_State *L)
{
    lgp_push_integer(L, check(L)->exchange.retry.attempts);
    return 1;
}

static int exchange_doubtful(lua_State *L)
{
    lua_pushboolean(L, check(L)->exchange.doubtful);
    return 1;
}

static int exchange_sent_at(lua_State *L)
{
    double at = check(L)->exchange.sent_at;
    if (at == 0) return 0;
    lua_pushnumber(L, at);
    return 1;
}

static int exchange_wakes(lua_State *L)
{
    lua_pushboolean(L, gp_exchange_wakes(&check(L)->exchange));
    return 1;
}

int lgp_open_exchange(lua_State *L)
{
    static const luaL_Reg functions[] = {{"new", exchange_new}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"next", exchange_next},         {"feed", exchange_feed},
        {"moved", exchange_moved},       {"sent", exchange_sent},
        {"close", exchange_close},       {"attempts", exchange_attempts},
        {"doubtful", exchange_doubtful}, {"sent_at", exchange_sent_at},
        {"wakes", exchange_wakes},       {NULL, NULL},
    };
    static const luaL_Reg meta[] = {
        {"__gc", exchange_gc}, {"__close", exchange_close}, {NULL, NULL}};
    lgp_type(L, EXCHANGE_TYPE, methods, meta, NULL);
    lgp_module(L, functions);
    return 1;
}
