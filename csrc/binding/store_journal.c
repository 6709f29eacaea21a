/*
 * store.journal: a journal file as userdata.
 *
 *   j = store.journal.open(path, durable, wait) -> j | nil, message, pid of the lock's holder
 *   j:wait(seconds)     how long each statement may wait for a lock from now on
 *   j:query(sql, ...)   -> array of rows (NULL is an absent field), changed rows
 *                        | nil, message, pid of the lock's holder
 *   j:hold(name)        -> true | false (already held) | nil, message
 *   j:holder(name)      -> pid of the process that holds it, if known (slow)
 *   j:release(name)     j:close()
 *   store.journal.boot() -> {boot, namespace, initial, by_clock, by_proc, wall}: see io/boot.h;
 *                         nil if the kernel does not provide them
 */
#include "io/boot.h"
#include "io/clock.h"
#include "io/journal.h"
#include "lgp.h"
#include "store_modules.h"

#include <stdio.h>
#include <string.h>

#define JOURNAL    "gitlab_pipelines.journal"
#define MAX_PARAMS 32
#define ERR_SIZE   512

typedef struct journal_object {
    gp_journal *journal;
} journal_object;

static gp_journal *check_journal(lua_State *L)
{
    journal_object *object = luaL_checkudata(L, 1, JOURNAL);
    if (!object->journal) luaL_error(L, "the journal is closed");
    return object->journal;
}

static int failed(lua_State *L, const char *message)
{
    lua_pushnil(L);
    lua_pushstring(L, message);
    return 2;
}

/* As `failed`, with the pid of the process that holds the lock. */
static int failed_for(lua_State *L, const char *message, long pid)
{
    int count = failed(L, message);
    if (pid <= 0) return count;
    lgp_push_integer(L, pid);
    return count + 1;
}

static int journal_open(lua_State *L)
{
    char err[ERR_SIZE] = "";
    long holder = 0;
    const char *path = luaL_checkstring(L, 1);
    gp_journal_options options = {lua_isnoneornil(L, 2) || lua_toboolean(L, 2),
                                  luaL_checknumber(L, 3)};
    journal_object *object = lgp_new(L, sizeof *object, JOURNAL);
    if (gp_journal_open(path, &options, &object->journal, &holder, err, sizeof err) != 0)
        return failed_for(L, err, holder);
    return 1;
}

static int journal_boot(lua_State *L)
{
    char id[GP_BOOT_ID_LEN + 1], name[32];
    uint64_t time_namespace = gp_boot_time_namespace();
    double by_clock = gp_boot_seconds_by_clock(), by_proc = gp_boot_seconds_by_proc();
    gp_boot_id(id);
    if (id[0] == '\0' || by_clock < 0 || by_proc < 0) return 0;
    snprintf(name, sizeof name, "%llu", (unsigned long long)time_namespace);
    lua_createtable(L, 0, 6);
    lua_pushstring(L, id);
    lua_setfield(L, -2, "boot");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "namespace");
    lua_pushboolean(L, gp_boot_is_initial_namespace(time_namespace));
    lua_setfield(L, -2, "initial");
    lua_pushnumber(L, by_clock);
    lua_setfield(L, -2, "by_clock");
    lua_pushnumber(L, by_proc);
    lua_setfield(L, -2, "by_proc");
    lua_pushnumber(L, gp_clock_wall());
    lua_setfield(L, -2, "wall");
    return 1;
}

static int journal_wait(lua_State *L)
{
    gp_journal *journal = check_journal(L);
    gp_journal_wait(journal, luaL_checknumber(L, 2));
    return 0;
}

static int journal_close(lua_State *L)
{
    journal_object *object = luaL_checkudata(L, 1, JOURNAL);
    gp_journal_close(object->journal);
    object->journal = NULL;
    return 0;
}

static void parameter(lua_State *L, int index, gp_journal_value *out)
{
    double number;
    memset(out, 0, sizeof *out);
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        break;
    case LUA_TBOOLEAN:
        out->type = GP_JOURNAL_INTEGER;
        out->integer = lua_toboolean(L, index);
        break;
    case LUA_TNUMBER:
        number = lua_tonumber(L, index);
        if (lgp_isinteger(L, index)) {
            out->type = GP_JOURNAL_INTEGER;
            out->integer = (long long)lua_tointeger(L, index);
        } else if (number >= -9007199254740992.0 && number <= 9007199254740992.0 &&
                   number == (double)(long long)number) {
            out->type = GP_JOURNAL_INTEGER;
            out->integer = (long long)number;
        } else {
            out->type = GP_JOURNAL_REAL;
            out->real = number;
        }
        break;
    case LUA_TSTRING:
        out->type = GP_JOURNAL_TEXT;
        out->text = lua_tolstring(L, index, &out->len);
        break;
    default:
        luaL_error(L, "a journal cannot store a %s", luaL_typename(L, index));
    }
}

static void push_row(lua_State *L, const gp_journal *journal)
{
    int columns = gp_journal_columns(journal), i;
    lua_createtable(L, 0, columns);
    for (i = 0; i < columns; i++) {
        gp_journal_value value;
        gp_journal_column(journal, i, &value);
        if (value.type == GP_JOURNAL_NULL) continue;
        if (value.type == GP_JOURNAL_INTEGER) {
            lgp_push_integer(L, value.integer);
        } else if (value.type == GP_JOURNAL_REAL) {
            lua_pushnumber(L, value.real);
        } else {
            lua_pushlstring(L, value.text, value.len);
        }
        lua_setfield(L, -2, gp_journal_name(journal, i));
    }
}

static int journal_query(lua_State *L)
{
    char err[ERR_SIZE] = "";
    gp_journal_value params[MAX_PARAMS];
    gp_journal *journal = check_journal(L);
    const char *sql = luaL_checkstring(L, 2);
    int count = lua_gettop(L) - 2, row = 0, more, i;
    luaL_argcheck(L, count <= MAX_PARAMS, 3, "too many values");
    for (i = 0; i < count; i++)
        parameter(L, i + 3, &params[i]);
    if (gp_journal_start(journal, sql, params, (size_t)count, err, sizeof err) != 0)
        return failed_for(L, err, gp_journal_holder(journal));
    lua_newtable(L);
    while ((more = gp_journal_next(journal, err, sizeof err)) == 1) {
        push_row(L, journal);
        lua_rawseti(L, -2, ++row);
    }
    if (more < 0) return failed_for(L, err, gp_journal_holder(journal));
    lgp_push_integer(L, gp_journal_changes(journal));
    return 2;
}

static int journal_hold(lua_State *L)
{
    char err[ERR_SIZE] = "";
    size_t len;
    gp_journal *journal = check_journal(L);
    const char *name = luaL_checklstring(L, 2, &len);
    int result = gp_journal_hold(journal, name, len, err, sizeof err);
    if (result < 0) return failed(L, err);
    lua_pushboolean(L, result);
    return 1;
}

static int journal_name_holder(lua_State *L)
{
    size_t len;
    gp_journal *journal = check_journal(L);
    const char *name = luaL_checklstring(L, 2, &len);
    long pid = gp_journal_name_holder(journal, name, len);
    if (pid <= 0) return 0;
    lgp_push_integer(L, pid);
    return 1;
}

static int journal_release(lua_State *L)
{
    size_t len;
    gp_journal *journal = check_journal(L);
    const char *name = luaL_checklstring(L, 2, &len);
    gp_journal_release(journal, name, len);
    return 0;
}

int lgp_open_journal(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"open", journal_open}, {"boot", journal_boot}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"query", journal_query},        {"wait", journal_wait},       {"hold", journal_hold},
        {"holder", journal_name_holder}, {"release", journal_release}, {NULL, NULL}};
    lgp_type(L, JOURNAL, methods, NULL, journal_close);
    lgp_module(L, functions);
    return 1;
}
