/* The userdata of core.policy, for core_exchange.c: handles to reference-counted objects, as
 * finalizers run in any order and an exchange needs its policy and breaker to the end. */
#ifndef LGP_CORE_POLICY_H
#define LGP_CORE_POLICY_H

#include <lua.h>

#include "core/exchange.h"
#include "io/shared_limits.h"

#define LGP_POLICY_TYPE  "gitlab_pipelines.policy"
#define LGP_BREAKER_TYPE "gitlab_pipelines.breaker"

/* The windows of a host and token, used by one policy or several. */
typedef struct lgp_limiter {
    gp_limiter *limiter;
    size_t size;
    unsigned references;
} lgp_limiter;

typedef struct lgp_policy {
    gp_policy policy;
    lgp_limiter *windows;     /* of policy.limiter; NULL: none */
    gp_shared_limits *shared; /* NULL: none */
    unsigned references;
} lgp_policy;

typedef struct lgp_breaker {
    gp_breaker breaker;
    unsigned references;
} lgp_breaker;

/* The object in the userdata at `index`, or an argument error. */
lgp_policy *lgp_check_policy(lua_State *L, int index);
lgp_breaker *lgp_check_breaker(lua_State *L, int index);

/* Drops a reference; the last one frees. NULL is allowed. */
void lgp_release_policy(lgp_policy *policy);
void lgp_release_breaker(lgp_breaker *breaker);

#endif
