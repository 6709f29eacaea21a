/*
 * core.guard: limits untrusted code in time, instructions and memory.
 *
 *   new{seconds, instructions, memory, source, strings, exempt = {functions}} -> guard
 *   guard:enter()                  starts counting everything that runs
 *   guard:leave()                  stops counting; does nothing if not entered
 *   guard:state(err) -> kind, line the spent budget: "time", "instructions", "memory" or nil,
 *                                  and the current line of `source` then; `err`: the error raised
 *   charge(bytes, steps, seconds)  counts work done outside for the guarded code
 *   check(err)                     raises again if `err` means that a budget is spent
 *   note(err)                      the same without raising: for a message handler
 *   line() -> line                 the current or last line of `source`
 *
 * An entered guard replaces three parts of the Lua state: the hook, the allocator and the string
 * metatable's methods. `leave` restores them, so nothing may yield in between. The hook runs every
 * few instructions and at every call, also of C functions: a C call between two checks of the clock
 * works on at most the allowed memory. The hook does not run in code that LuaJIT has compiled, so
 * guarded code must not be compiled.
 *
 * A spent budget stays spent: the hook keeps raising, so pcall does not help. It spares only the
 * functions in `exempt`, which call `leave`. The allocator does not decide that memory is spent,
 * since Lua may collect and retry; `state` and `check` recognize Lua's out-of-memory error.
 *
 * C calls no Lua here. A hook that was set before (by a coverage tool) still gets its events.
 */
#include <string.h>

#include "core_guard.h"
#include "core_modules.h"
#include "io/clock.h"
#include "lgp.h"

#define GUARD_TYPE "gitlab_pipelines.guard"

/* Instructions between two hook calls: few, as one may compare or join strings of megabytes. */
#define HOOK_INTERVAL 16

/* Hook calls per check of the clock. */
#define CLOCK_INTERVAL 4

/* Steps of a C function between two checks: less than a millisecond. */
#define SLICE 10000

#define MAX_EXEMPT 4
#define MAX_LEVELS 200

typedef struct guard {
    double seconds, instructions, memory; /* the budget */
    double used_seconds, used_instructions, used;
    double entered_at, heap_at_first, collect_at, settle_at;
    const char *spent; /* static text: what ran out */
    int line, refused_line, refused;
    int last_line;                        /* of `source`: a tail call leaves no frame of it */
    const void *last_source, *last_other; /* the last functions of `source` and of other files */
    unsigned ticks;
    int entered, ever_entered;
    lua_State *L;
    lua_Hook hook;
    int hook_mask, hook_count;
    lua_Alloc alloc;
    void *alloc_ctx;
    struct guard *outer;
    const void *exempt[MAX_EXEMPT];
    const char *source; /* kept, like the functions of `exempt`, by the userdata's table */
} guard;

/* Nothing yields between enter and leave, so there is one per OS thread. */
static _Thread_local guard *current;

static int find_line(lua_State *L, const guard *g)
{
    lua_Debug info;
    int level;
    for (level = 0; level < MAX_LEVELS && lua_getstack(L, level, &info); level++) {
        if (lua_getinfo(L, "Sl", &info) && strcmp(info.source, g->source) == 0 &&
            info.currentline > 0) {
            return info.currentline;
        }
    }
    return g->last_line;
}

/* Most lines are in the same function as the line before, so its address is compared first. */
static void note_line(lua_State *L, guard *g, lua_Debug *event)
{
    int line = event->currentline;
    const void *function;
    if (!lua_getinfo(L, "f", event)) return;
    function = lua_topointer(L, -1);
    lua_pop(L, 1);
    if (function == g->last_other) return;
    if (function != g->last_source) {
        if (!lua_getinfo(L, "S", event)) return;
        if (strcmp(event->source, g->source) != 0) {
            g->last_other = function;
            return;
        }
        g->last_source = function;
    }
    g->last_line = line;
}

/* The memory that malloc uses for a block of this size. */
static double block_size(size_t size)
{
    size_t block = size <= 24 ? 32 : (size + 23) & ~(size_t)15;
    return size ? (double)block : 0;
}

static void *bounded_alloc(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    guard *g = ctx;
    /* For a new block, old_size is a type tag. */
    double more = block_size(new_size) - (ptr ? block_size(old_size) : 0);
    void *block;
    if (more > 0 && g->used + more > g->memory) {
        if (!g->spent) g->refused_line = find_line(g->L, g);
        g->refused = 1;
        return NULL;
    }
    block = g->alloc(g->alloc_ctx, ptr, old_size, new_size);
    if (block || !new_size) g->used += more;
    return block;
}

static void mark_spent(lua_State *L, guard *g, const char *kind)
{
    if (g->spent) return;
    g->spent = kind;
    g->line = find_line(L, g);
}

static int is_exempt(lua_State *L, const guard *g, lua_Debug *event);

static int raise_spent(lua_State *L, const guard *g)
{
    return luaL_error(L, "the budget of %s is spent", g->spent);
}

static double elapsed(const guard *g)
{
    return g->used_seconds + gp_clock_now() - g->entered_at;
}

static void check_budget(lua_State *L, guard *g)
{
    if (g->used_instructions > g->instructions) {
        mark_spent(L, g, "instructions");
    } else if (elapsed(g) > g->seconds) {
        mark_spent(L, g, "time");
    }
}

#if LUA_VERSION_NUM < 502
/* LuaJIT does not collect before it fails: garbage alone must not use up the budget. */
static void collect_if_due(lua_State *L, guard *g)
{
    if (g->used < g->collect_at) return;
    lua_gc(L, LUA_GCCOLLECT, 0);
    g->collect_at = g->used > g->memory / 2 ? g->used + (g->memory - g->used) / 2 : g->memory / 2;
}
#else
#define collect_if_due(L, g) ((void)0)
#endif

static int host_wants(const guard *g, int event)
{
    switch (event) {
    case LUA_HOOKCOUNT:
        return 0;
    case LUA_HOOKLINE:
        return g->hook_mask & LUA_MASKLINE;
    case LUA_HOOKCALL:
        return g->hook_mask & LUA_MASKCALL;
    case LUA_HOOKRET:
        return g->hook_mask & LUA_MASKRET;
    default: /* a tail call, or LuaJIT's return from one */
        return g->hook_mask & (LUA_MASKCALL | LUA_MASKRET);
    }
}

static void on_event(lua_State *L, lua_Debug *event)
{
    guard *g = current;
    if (!g) return;
    if (g->hook && host_wants(g, event->event)) g->hook(L, event);
    if (event->event == LUA_HOOKLINE) {
        note_line(L, g, event);
        return;
    }
    if (event->event == LUA_HOOKCOUNT) g->used_instructions += HOOK_INTERVAL;
    collect_if_due(L, g);
    if (g->spent || ++g->ticks % CLOCK_INTERVAL == 0 || g->used_instructions > g->instructions)
        check_budget(L, g);
    if (g->spent && !is_exempt(L, g, event)) raise_spent(L, g);
}

/* Sets the methods of strings to the field `name` of the guard's table. */
static void set_strings(lua_State *L, int self, const char *name)
{
    lua_pushliteral(L, "");
    if (lua_getmetatable(L, -1)) {
        lua_getuservalue(L, self);
        lua_getfield(L, -1, name);
        lua_setfield(L, -3, "__index");
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

static void keep_strings(lua_State *L, int self)
{
    lua_pushliteral(L, "");
    if (lua_getmetatable(L, -1)) {
        lua_getuservalue(L, self);
        lua_getfield(L, -2, "__index");
        lua_setfield(L, -2, "host");
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

static double heap_size(lua_State *L)
{
    return lua_gc(L, LUA_GCCOUNT, 0) * 1024.0 + lua_gc(L, LUA_GCCOUNTB, 0);
}

/* Between two entries, the code's garbage may have been collected. */
static void settle_memory(lua_State *L, guard *g)
{
    double held;
    if (!g->ever_entered) {
        g->heap_at_first = heap_size(L);
        g->settle_at = g->memory / 2;
        return;
    }
    if (g->used < g->settle_at) return;
    lua_gc(L, LUA_GCCOLLECT, 0);
    held = heap_size(L) - g->heap_at_first;
    if (held < 0) held = 0;
    if (held < g->used) g->used = held;
    g->settle_at = g->used > g->memory / 2 ? g->used + (g->memory - g->used) / 4 : g->memory / 2;
}

static int guard_enter(lua_State *L)
{
    guard *g = luaL_checkudata(L, 1, GUARD_TYPE);
    if (g->entered) return luaL_error(L, "the guard has already been entered");
    keep_strings(L, 1);
    set_strings(L, 1, "bounded");
    settle_memory(L, g);
    g->entered = g->ever_entered = 1;
    g->L = L;
    g->collect_at = g->memory / 2;
    g->outer = current;
    current = g;
    g->alloc = lua_getallocf(L, &g->alloc_ctx);
    lua_setallocf(L, bounded_alloc, g);
    g->hook = lua_gethook(L);
    g->hook_mask = lua_gethookmask(L);
    g->hook_count = lua_gethookcount(L);
    g->entered_at = gp_clock_now();
    lua_sethook(L, on_event,
                LUA_MASKCOUNT | LUA_MASKCALL | LUA_MASKLINE | (g->hook_mask & LUA_MASKRET),
                HOOK_INTERVAL);
    return 0;
}

/* Restores the state first by calls that cannot fail. */
static void restore(lua_State *L, guard *g)
{
    lua_sethook(L, g->hook, g->hook_mask, g->hook_count);
    lua_setallocf(L, g->alloc, g->alloc_ctx);
    current = g->outer;
    g->entered = 0;
    g->used_seconds = elapsed(g);
    g->L = NULL;
}

static int guard_leave(lua_State *L)
{
    guard *g = luaL_checkudata(L, 1, GUARD_TYPE);
    if (!g->entered) return 0;
    restore(L, g);
    set_strings(L, 1, "host");
    return 0;
}

static int is_exempt(lua_State *L, const guard *g, lua_Debug *event)
{
    const void *function;
    int i;
    if (!lua_getinfo(L, "f", event)) return 0;
    function = lua_tocfunction(L, -1) == guard_leave ? g : lua_topointer(L, -1);
    lua_pop(L, 1);
    if (function == g) return 1;
    for (i = 0; i < MAX_EXEMPT && g->exempt[i]; i++) {
        if (g->exempt[i] == function) return 1;
    }
    return 0;
}

/* Lua's message for a failed allocation, to which Lua 5.3 adds details. */
static int is_memory_error(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TSTRING &&
           strstr(lua_tostring(L, index), "not enough memory") != NULL;
}

static void detect_memory_error(lua_State *L, guard *g, int index)
{
    if (g->spent || !g->refused || !is_memory_error(L, index)) return;
    g->spent = "memory";
    g->line = g->refused_line;
}

static int guard_state(lua_State *L)
{
    guard *g = luaL_checkudata(L, 1, GUARD_TYPE);
    detect_memory_error(L, g, 2);
    if (!g->spent) return 0;
    lua_pushstring(L, g->spent);
    lgp_push_integer(L, g->line);
    return 2;
}

static int guard_check(lua_State *L)
{
    guard *g = current;
    if (!g) return 0;
    detect_memory_error(L, g, 1);
    return g->spent ? raise_spent(L, g) : 0;
}

static int guard_note(lua_State *L)
{
    if (current) detect_memory_error(L, current, 1);
    return 0;
}

static int guard_line(lua_State *L)
{
    int line = current ? find_line(L, current) : 0;
    if (!line) return 0;
    lgp_push_integer(L, line);
    return 1;
}

static int guard_charge(lua_State *L)
{
    guard *g = current;
    double bytes = luaL_checknumber(L, 1), steps = luaL_checknumber(L, 2);
    if (!g) return 0;
    g->used += bytes;
    g->used_instructions += steps;
    g->used_seconds += luaL_optnumber(L, 3, 0);
    if (g->used > g->memory) mark_spent(L, g, "memory");
    check_budget(L, g);
    return g->spent ? raise_spent(L, g) : 0;
}

unsigned long lgp_guard_slice(lua_State *L)
{
    guard *g = current;
    if (!g) return SLICE;
    check_budget(L, g);
    if (g->spent) return 0;
    g->used_instructions += SLICE;
    return SLICE;
}

void lgp_guard_refund(unsigned long steps)
{
    if (current) current->used_instructions -= (double)steps;
}

int lgp_guard_exhaust(lua_State *L)
{
    return current ? raise_spent(L, current) : 0;
}

void lgp_guard_spend(lua_State *L, unsigned long steps)
{
    guard *g = current;
    if (!g) return;
    g->used_instructions += (double)steps;
    check_budget(L, g);
    if (g->spent) raise_spent(L, g);
}

/* The state may be closed, or the guard collected, while it is entered. */
static int guard_close(lua_State *L)
{
    guard *g = luaL_checkudata(L, 1, GUARD_TYPE);
    if (g->entered) restore(L, g);
    return 0;
}

static void read_exempt(lua_State *L, guard *g)
{
    size_t i;
    lua_getfield(L, 1, "exempt");
    for (i = 0; lua_istable(L, -1) && i < lua_rawlen(L, -1) && i < MAX_EXEMPT; i++) {
        lua_rawgeti(L, -1, (int)i + 1);
        g->exempt[i] = lua_topointer(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int guard_new(lua_State *L)
{
    guard *g;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    g = lgp_new(L, sizeof *g, GUARD_TYPE);
    g->seconds = lgp_opt_number(L, 1, "seconds", 2);
    g->instructions = lgp_opt_number(L, 1, "instructions", 2e7);
    g->memory = lgp_opt_number(L, 1, "memory", 67108864);
    g->source = lgp_opt_string(L, 1, "source", "");
    read_exempt(L, g);
    /* Keep alive the values that are known by address. */
    lua_newtable(L);
    lua_getfield(L, 1, "strings");
    lua_setfield(L, -2, "bounded");
    lua_getfield(L, 1, "exempt");
    lua_setfield(L, -2, "exempt");
    lua_getfield(L, 1, "source");
    lua_setfield(L, -2, "source");
    lua_setuservalue(L, 2);
    return 1;
}

int lgp_open_guard(lua_State *L)
{
    static const luaL_Reg functions[] = {{"new", guard_new},     {"charge", guard_charge},
                                         {"check", guard_check}, {"note", guard_note},
                                         {"line", guard_line},   {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"enter", guard_enter}, {"leave", guard_leave}, {"state", guard_state}, {NULL, NULL}};
    lgp_type(L, GUARD_TYPE, methods, NULL, guard_close);
    lgp_module(L, functions);
    return 1;
}
