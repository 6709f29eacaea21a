/* core.so: all decisions, as one table of modules. Loads no HTTP client and no server. */
#include "core_modules.h"
#include "lgp.h"

/* Each pushes its table. One file a module: core_<name>.c. */
typedef struct core_module {
    const char *name;
    lua_CFunction open;
} core_module;

/* clang-format off */
static const core_module modules[] = {
    {"clock", lgp_open_clock},       {"digest", lgp_open_digest},     {"json", lgp_open_json},
    {"exchange", lgp_open_exchange}, {"policy", lgp_open_policy},     {"pattern", lgp_open_pattern},
    {"redact", lgp_open_redact},     {"scenario", lgp_open_scenario}, {"secret", lgp_open_secret},
    {"status", lgp_open_status},     {"time", lgp_open_time},         {"uri", lgp_open_uri},
    {"term", lgp_open_term},         {"joblog", lgp_open_joblog},     {"ref", lgp_open_ref},
    {"hasher", lgp_open_hasher},     {"webhook", lgp_open_webhook},   {"guard", lgp_open_guard},
    {"text", lgp_open_text},         {"retry", lgp_open_retry},       {NULL, NULL},
};
/* clang-format on */

LGP_EXPORT int luaopen_gitlab_pipelines_core(lua_State *L);

int luaopen_gitlab_pipelines_core(lua_State *L)
{
    const core_module *module;
    lua_newtable(L);
    for (module = modules; module->name; module++) {
        module->open(L);
        lua_setfield(L, -2, module->name);
    }
    return 1;
}
