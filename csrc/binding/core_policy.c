/*
 * core.policy: what the calls of one client share, and the breakers that clients share.
 *
 *   new{retry, limits} -> policy
 *     retry   false: no retries; or {budget = 0.2, max_wait = 300}
 *     limits  false: none; or {per_second, per_minute, create_per_minute, jobs_per_minute}, each a
 *             whole number, or false for no limit
 *   policy:stats(now) -> table       counts, and the host's windows
 *   policy:join(other) -> bool       uses the windows of another policy; false after the first call
 *   policy:share(path, now) -> true | nil, message
 *                                    uses the windows in a file shared between processes; now:
 *                                    time of a virtual runtime, nil: the system clock
 *   policy:share_as(host, secret)    sets the windows' host and token (nil: none), as a digest
 *   policy:shared_problem() -> message | nil
 *                                    why the file is no longer usable
 *   policy:unshare()                 closes the file, unless an exchange still needs it
 *   breaker{failures, successes, reset, probe_timeout} -> breaker
 *   breaker:state(now) -> "closed" | "open" | "half_open", seconds until the next probe (or 0)
 *   breaker:stats(now) -> table
 */
#include "core_policy.h"

#include <math.h>
#include <string.h>

#include <openssl/evp.h>

#include "core/secret.h"
#include "core_modules.h"
#include "lgp.h"

static void *allocate(size_t size)
{
    const gp_alloc *alloc = lgp_alloc();
    return alloc->resize(alloc->ctx, NULL, 0, size);
}

static void release(void *block, size_t size)
{
    const gp_alloc *alloc = lgp_alloc();
    if (block) alloc->resize(alloc->ctx, block, size, 0);
}

static void release_windows(lgp_limiter *windows)
{
    if (!windows || --windows->references > 0) return;
    release(windows->limiter, windows->size);
    release(windows, sizeof(*windows));
}

void lgp_release_policy(lgp_policy *policy)
{
    if (!policy || --policy->references > 0) return;
    release_windows(policy->windows);
    gp_shared_limits_close(policy->shared);
    release(policy, sizeof(*policy));
}

void lgp_release_breaker(lgp_breaker *breaker)
{
    if (breaker && --breaker->references == 0) release(breaker, sizeof(*breaker));
}

lgp_policy *lgp_check_policy(lua_State *L, int index)
{
    lgp_policy *const *box = luaL_checkudata(L, index, LGP_POLICY_TYPE);
    luaL_argcheck(L, *box, index, "the policy is closed");
    return *box;
}

lgp_breaker *lgp_check_breaker(lua_State *L, int index)
{
    lgp_breaker *const *box = luaL_checkudata(L, index, LGP_BREAKER_TYPE);
    luaL_argcheck(L, *box, index, "the breaker is closed");
    return *box;
}

/* Pushes the table t[key], an empty one if absent, and returns 1; returns 0 if it is false. */
static int push_section(lua_State *L, int index, const char *key)
{
    lua_getfield(L, index, key);
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) return 0;
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    if (!lua_istable(L, -1)) luaL_error(L, "'%s' must be a table or false", key);
    return 1;
}

static uint32_t count_of(lua_State *L, const char *key, uint32_t fallback)
{
    long long count;
    lua_getfield(L, -1, key);
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        return 0;
    }
    lua_pop(L, 1);
    count = lgp_opt_integer(L, lua_gettop(L), key, fallback);
    if (count < 1 || count > INT32_MAX) luaL_error(L, "'%s' must be at least 1", key);
    return (uint32_t)count;
}

static void make_limiter(lua_State *L, lgp_policy *policy)
{
    gp_limit_rule rules[GP_LIMITER_RULES] = {
        [GP_RULE_SECOND] = {10, 1.0, 1},
        [GP_RULE_MINUTE] = {600, 60.0, 1},
        [GP_RULE_CREATE] = {25, 60.0, 0},
        [GP_RULE_JOBS] = {600, 60.0, 1},
    };
    static const char *const names[GP_LIMITER_RULES] = {
        [GP_RULE_SECOND] = "per_second",
        [GP_RULE_MINUTE] = "per_minute",
        [GP_RULE_CREATE] = "create_per_minute",
        [GP_RULE_JOBS] = "jobs_per_minute",
    };
    lgp_limiter *windows;
    int rule;
    for (rule = 0; rule < GP_LIMITER_RULES; rule++) {
        rules[rule].count = count_of(L, names[rule], rules[rule].count);
    }
    windows = policy->windows = allocate(sizeof(*windows));
    if (!windows) luaL_error(L, "not enough memory");
    windows->references = 1;
    windows->size = gp_limiter_bytes(rules);
    windows->limiter = windows->size ? allocate(windows->size) : NULL;
    if (!windows->limiter) luaL_error(L, "not enough memory for limits this high");
    policy->policy.limiter = gp_limiter_init(windows->limiter, rules);
}

static int policy_new(lua_State *L)
{
    lgp_policy **box, *policy;
    double budget = 0.2;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    box = lgp_new(L, sizeof(*box), LGP_POLICY_TYPE);
    policy = *box = allocate(sizeof(*policy));
    if (!policy) return luaL_error(L, "not enough memory");
    memset(policy, 0, sizeof(*policy));
    policy->references = 1;
    policy->policy.max_wait = 300;
    if (push_section(L, 1, "retry")) {
        policy->policy.retries = 1;
        policy->policy.max_wait = lgp_opt_number(L, -1, "max_wait", 300);
        budget = lgp_opt_number(L, -1, "budget", budget);
    }
    gp_budget_init(&policy->policy.budget, budget, 10);
    lua_settop(L, 2);
    if (push_section(L, 1, "limits")) make_limiter(L, policy);
    lua_settop(L, 2);
    return 1;
}

static int policy_close(lua_State *L)
{
    lgp_policy **box = luaL_checkudata(L, 1, LGP_POLICY_TYPE);
    lgp_policy *policy = *box;
    *box = NULL;
    lgp_release_policy(policy);
    return 0;
}

static int policy_join(lua_State *L)
{
    lgp_policy *policy = lgp_check_policy(L, 1), *other = lgp_check_policy(L, 2);
    luaL_argcheck(L, policy->windows && !policy->shared, 1, "the policy has no limits of its own");
    luaL_argcheck(L, other->windows && !other->shared, 2, "the policy has no limits of its own");
    /* A call in progress is linked into the current windows. */
    lua_pushboolean(L, policy->policy.calls == 0);
    if (policy->policy.calls > 0) return 1;
    other->windows->references++;
    release_windows(policy->windows);
    policy->windows = other->windows;
    policy->policy.limiter = other->windows->limiter;
    return 1;
}

static int policy_share(lua_State *L)
{
    lgp_policy *policy = lgp_check_policy(L, 1);
    const char *path = luaL_checkstring(L, 2);
    double now = luaL_optnumber(L, 3, 0);
    gp_limiter *limiter = policy->policy.limiter;
    char message[512];
    luaL_argcheck(L, limiter && !limiter->gate && policy->windows->references == 1, 1,
                  "the policy has no limits, or they are shared already");
    if (gp_shared_limits_open(path, limiter->rules, lua_isnoneornil(L, 3) ? NULL : &now,
                              &policy->shared, message, sizeof(message)) != 0) {
        lua_pushnil(L);
        lua_pushstring(L, message);
        return 2;
    }
    limiter->gate = gp_shared_limits_gate(policy->shared);
    lua_pushboolean(L, 1);
    return 1;
}

static int policy_share_as(lua_State *L)
{
    lgp_policy *policy = lgp_check_policy(L, 1);
    unsigned char digest[EVP_MAX_MD_SIZE];
    const gp_secret *secret = NULL;
    EVP_MD_CTX *ctx;
    size_t len;
    const char *host = luaL_checklstring(L, 2, &len);
    int done;
    if (!lua_isnoneornil(L, 3)) {
        secret = luaL_checkudata(L, 3, GP_SECRET_TYPE);
        luaL_argcheck(L, gp_secret_is(secret, lua_rawlen(L, 3)), 3,
                      "the secret was made by another build");
    }
    luaL_argcheck(L, policy->shared, 1, "the policy's limits are not shared");
    ctx = EVP_MD_CTX_new();
    /* The NUL separates the host from the secret. */
    done = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
           EVP_DigestUpdate(ctx, host, len + 1) &&
           (!secret || EVP_DigestUpdate(ctx, secret->data, secret->len)) &&
           EVP_DigestFinal_ex(ctx, digest, NULL);
    EVP_MD_CTX_free(ctx);
    if (!done) return luaL_error(L, "SHA-256 failed");
    gp_shared_limits_subject(policy->shared, digest);
    return 0;
}

static int policy_unshare(lua_State *L)
{
    /* Also called when a client is collected, and finalizers run in any order. */
    lgp_policy *const *box = luaL_checkudata(L, 1, LGP_POLICY_TYPE);
    lgp_policy *policy = *box;
    if (!policy || !policy->shared || policy->references > 1) return 0;
    policy->policy.limiter->gate = NULL;
    gp_shared_limits_close(policy->shared);
    policy->shared = NULL;
    return 0;
}

static int policy_shared_problem(lua_State *L)
{
    const lgp_policy *policy = lgp_check_policy(L, 1);
    const gp_limiter *limiter = policy->policy.limiter;
    lua_pushstring(L, limiter && limiter->gate ? limiter->gate->problem : NULL);
    return 1;
}

static void push_window(lua_State *L, const char *name, lgp_policy *policy, int rule, double now)
{
    gp_limiter *limiter = policy->policy.limiter;
    gp_limiter_fill fill;
    if (limiter->rules[rule].count == 0) return;
    fill = gp_limiter_filled(limiter, rule, now);
    lua_newtable(L);
    lgp_set_integer(L, "used", fill.used);
    lgp_set_integer(L, "limit", limiter->rules[rule].count);
    lgp_set_number(L, "seconds", limiter->rules[rule].length);
    lgp_set_number(L, "closed_for", fmax(0.0, fill.drained_until - now));
    if (!limiter->rules[rule].shared) {
        lgp_set_integer(L, "subjects", fill.subjects);
    } else if (policy->shared) {
        lgp_set_integer(L, "shared_used", gp_shared_limits_used(policy->shared, rule, now));
    }
    lua_setfield(L, -2, name);
}

static int policy_stats(lua_State *L)
{
    lgp_policy *policy = lgp_check_policy(L, 1);
    double now = luaL_checknumber(L, 2);
    gp_limiter *limiter = policy->policy.limiter;
    lua_newtable(L);
    lgp_set_integer(L, "calls", (long long)policy->policy.calls);
    lgp_set_integer(L, "attempts", (long long)policy->policy.attempts);
    lgp_set_integer(L, "retries", (long long)policy->policy.retried);
    lgp_set_integer(L, "throttled", (long long)policy->policy.throttled);
    lgp_set_integer(L, "circuit_open", (long long)policy->policy.circuit_open);
    lgp_set_integer(L, "budget_denied", (long long)policy->policy.budget_denied);
    lgp_set_integer(L, "budget_left", gp_budget_left(&policy->policy.budget, now));
    if (!limiter) return 1;
    lgp_set_integer(L, "waiting", limiter->waiting);
    lgp_set_integer(L, "in_flight", limiter->in_flight);
    lgp_set_integer(L, "delayed", (long long)limiter->delayed);
    lua_newtable(L);
    push_window(L, "second", policy, GP_RULE_SECOND, now);
    push_window(L, "minute", policy, GP_RULE_MINUTE, now);
    push_window(L, "create", policy, GP_RULE_CREATE, now);
    push_window(L, "jobs", policy, GP_RULE_JOBS, now);
    lua_setfield(L, -2, "windows");
    return 1;
}

static int breaker_new(lua_State *L)
{
    gp_breaker_config config;
    lgp_breaker **box;
    luaL_checktype(L, 1, LUA_TTABLE);
    config.failures = (int)lgp_opt_integer(L, 1, "failures", 5);
    config.successes = (int)lgp_opt_integer(L, 1, "successes", 2);
    config.reset = lgp_opt_number(L, 1, "reset", 30);
    config.probe_timeout = lgp_opt_number(L, 1, "probe_timeout", 30);
    box = lgp_new(L, sizeof(*box), LGP_BREAKER_TYPE);
    *box = allocate(sizeof(**box));
    if (!*box) return luaL_error(L, "not enough memory");
    (*box)->references = 1;
    gp_breaker_init(&(*box)->breaker, &config);
    return 1;
}

static int breaker_close(lua_State *L)
{
    lgp_breaker **box = luaL_checkudata(L, 1, LGP_BREAKER_TYPE);
    lgp_breaker *breaker = *box;
    *box = NULL;
    lgp_release_breaker(breaker);
    return 0;
}

static const char *const state_names[] = {
    [GP_BREAKER_CLOSED] = "closed",
    [GP_BREAKER_OPEN] = "open",
    [GP_BREAKER_HALF_OPEN] = "half_open",
};

static int breaker_state(lua_State *L)
{
    const gp_breaker *breaker = &lgp_check_breaker(L, 1)->breaker;
    double now = luaL_checknumber(L, 2);
    gp_breaker_state state = gp_breaker_state_at(breaker, now);
    lua_pushstring(L, state_names[state]);
    lua_pushnumber(L, state == GP_BREAKER_OPEN ? breaker->open_until - now : 0);
    return 2;
}

static int breaker_stats(lua_State *L)
{
    const gp_breaker *breaker = &lgp_check_breaker(L, 1)->breaker;
    double now = luaL_checknumber(L, 2);
    gp_breaker_state state = gp_breaker_state_at(breaker, now);
    lua_newtable(L);
    lgp_set_string(L, "state", state_names[state]);
    lgp_set_number(L, "probe_in", state == GP_BREAKER_OPEN ? breaker->open_until - now : 0);
    lgp_set_integer(L, "failures", breaker->failures);
    lgp_set_integer(L, "opened", (long long)breaker->opened);
    return 1;
}

int lgp_open_policy(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"new", policy_new},
        {"breaker", breaker_new},
        {NULL, NULL},
    };
    static const luaL_Reg policy_methods[] = {
        {"stats", policy_stats},
        {"join", policy_join},
        {"share", policy_share},
        {"share_as", policy_share_as},
        {"unshare", policy_unshare},
        {"shared_problem", policy_shared_problem},
        {NULL, NULL},
    };
    static const luaL_Reg breaker_methods[] = {
        {"state", breaker_state},
        {"stats", breaker_stats},
        {NULL, NULL},
    };
    lgp_type(L, LGP_POLICY_TYPE, policy_methods, NULL, policy_close);
    lgp_type(L, LGP_BREAKER_TYPE, breaker_methods, NULL, breaker_close);
    lgp_module(L, functions);
    return 1;
}
