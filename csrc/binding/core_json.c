/*
 * core.json: what lua/gitlab_pipelines/json.lua adds to lua-cjson, in C: marking empty arrays
 * before lua-cjson decodes, fixing up what it has decoded, and writing canonical JSON.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/secret.h"

#include "core_modules.h"
#include "lgp.h"

/* Deeper than any of GitLab's responses; shallow enough for the C stack. */
#define MAX_DEPTH 256

/* Every integer up to this number is exact in a double. */
#define MAX_EXACT 9007199254740992.0

static int is_null(lua_State *L, int index)
{
    return lua_islightuserdata(L, index) && !lua_touserdata(L, index);
}

/* Replaces a whole number on top of the stack by an integer; 0 if it is not finite. */
static int mend_number(lua_State *L)
{
    double number = lua_tonumber(L, -1);
    if (!isfinite(number)) return 0;
    if (fabs(number) <= MAX_EXACT && number == floor(number)) {
        lua_pop(L, 1);
        lgp_push_integer(L, (long long)number); /* -0 becomes 0 */
    }
    return 1;
}

/*
 * lua-cjson decodes [] and {} to the same table. So before it decodes, an empty array is given one
 * element, a string of a single NUL, which is removed afterwards and the array marked. A string
 * that begins with a NUL and is the first element of an array gets another NUL, which is removed
 * too.
 */
static const char nul[] = "\\u0000";

enum { NUL_LEN = sizeof nul - 1 };

static const char *behind_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* The byte after the string that starts at `at` with a quote. */
static const char *string_end(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\') at++;
    }
    return at < end ? at + 1 : end;
}

/* mark(text) -> the text with its empty arrays marked. The first upvalue is a scratch buffer. */
static int json_mark(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len), *at = text, *from = text, *end = text + len;
    gp_buf *out = lgp_scratch(L);
    while (at < end) {
        const char *first;
        if (*at == '"') {
            at = string_end(at, end);
            continue;
        }
        if (*at++ != '[') continue;
        first = behind_blanks(at, end);
        if (first < end && *first == ']') {
            gp_buf_add(out, from, (size_t)(at - from));
            gp_buf_addf(out, "\"%s\"", nul);
            at = from = first;
        } else if (end - first > NUL_LEN && *first == '"' && !memcmp(first + 1, nul, NUL_LEN)) {
            gp_buf_add(out, from, (size_t)(first + 1 - from));
            gp_buf_adds(out, nul);
            from = first + 1;
        }
    }
    if (from == text) {
        lua_settop(L, 1);
        return 1;
    }
    gp_buf_add(out, from, (size_t)(end - from));
    return lgp_push_scratch(L, out);
}

/* Removes the NUL at the start of the first element of the table on top of the stack. If that was
 * the whole string, the table is an empty array: sets the metatable at stack index 2, returns 1. */
static int unmark(lua_State *L)
{
    size_t len = 0;
    const char *first;
    lua_rawgeti(L, -1, 1);
    first = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    if (!len || *first) {
        lua_pop(L, 1);
        return 0;
    }
    if (len > 1) {
        lua_pushlstring(L, first + 1, len - 1);
    } else {
        lua_pushnil(L);
    }
    lua_rawseti(L, -3, 1);
    lua_pop(L, 1);
    if (len > 1) return 0;
    lua_pushvalue(L, 2);
    lua_setmetatable(L, -2);
    return 1;
}

/*
 * Fixes up the table on top of the stack in place: whole numbers become integers, and a null in an
 * object is removed (in an array it stays, to keep the indices). Assigning to an existing field is
 * allowed during lua_next. Returns 0 at a number beyond the range of a double.
 */
static int mend_table(lua_State *L, int depth)
{
    if (depth > MAX_DEPTH || !lua_checkstack(L, 6)) return luaL_error(L, "nested too deeply");
    if (unmark(L)) return 1;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        int type = lua_type(L, -1);
        if (type == LUA_TTABLE) {
            if (!mend_table(L, depth + 1)) return 0;
        } else if (type == LUA_TNUMBER) {
            if (!mend_number(L)) return 0;
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, -4);
            continue;
        } else if (is_null(L, -1) && lua_type(L, -2) == LUA_TSTRING) {
            lua_pushvalue(L, -2);
            lua_pushnil(L);
            lua_rawset(L, -5);
        }
        lua_pop(L, 1);
    }
    return 1;
}

/* mend(decoded, array_metatable) -> decoded, fixed up in place | nil, message */
static int json_mend(lua_State *L)
{
    int fits = 1;
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_pushvalue(L, 1);
    if (lua_istable(L, 3)) {
        fits = mend_table(L, 1);
    } else if (lua_type(L, 3) == LUA_TNUMBER) {
        fits = mend_number(L);
    }
    if (fits) {
        lua_settop(L, 3);
        return 1;
    }
    lua_pushnil(L);
    lua_pushliteral(L, "a number is beyond the range of a double");
    return 2;
}

typedef struct key {
    const char *text;
    size_t len;
} key;

/* The encoder's position, for error messages: one for each level, on the C stack. */
typedef struct place {
    const struct place *outer;
    const char *name; /* NULL: an array, at `index` */
    int index;
} place;

/* `keys` is a stack of the sorted names of the objects being written. */
typedef struct encoder {
    lua_State *L;
    gp_buf *out, *keys;
    int array_meta; /* stack index of the metatable that marks an array */
} encoder;

static int refuse(encoder *e, const place *at, const char *what)
{
    lua_State *L = e->L;
    luaL_checkstack(L, 8, NULL);
    lua_pushliteral(L, "");
    for (; at && at->outer; at = at->outer) {
        if (at->name) {
            lua_pushfstring(L, ".%s", at->name);
        } else {
            lua_pushfstring(L, "[%d]", at->index);
        }
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    luaL_where(L, 2); /* the line that called json.encode */
    lua_pushfstring(L, "%sjson.encode: cannot encode %s (at value%s)", lua_tostring(L, -1), what,
                    lua_tostring(L, -2));
    return lua_error(L);
}

static void encode_value(encoder *e, const place *at, int depth);

static int compare_keys(const void *left, const void *right)
{
    const key *a = left, *b = right;
    int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* Counts the string and the number keys of the table on top of the stack. */
static void count_keys(encoder *e, const place *at, int *names, int *numbers)
{
    lua_State *L = e->L;
    *names = *numbers = 0;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -2) == LUA_TSTRING) {
            key k;
            k.text = lua_tolstring(L, -2, &k.len);
            gp_buf_add(e->keys, &k, sizeof k);
            ++*names;
        } else if (lua_type(L, -2) == LUA_TNUMBER) {
            ++*numbers;
        } else {
            refuse(e, at, "a key that is not a string");
        }
        lua_pop(L, 1);
    }
}

static void encode_array(encoder *e, const place *outer, int count, int depth)
{
    place at = {outer, NULL, 0};
    gp_buf_addc(e->out, '[');
    for (at.index = 1; at.index <= count; at.index++) {
        if (at.index > 1) gp_buf_addc(e->out, ',');
        lua_rawgeti(e->L, -1, at.index);
        if (lua_isnil(e->L, -1)) refuse(e, &at, "an array with a hole");
        encode_value(e, &at, depth);
        lua_pop(e->L, 1);
    }
    gp_buf_addc(e->out, ']');
}

static void encode_object(encoder *e, const place *outer, size_t first, int count, int depth)
{
    place at = {outer, NULL, 0};
    size_t i;
    if (count > 1)
        qsort(e->keys->data + first * sizeof(key), (size_t)count, sizeof(key), compare_keys);
    gp_buf_addc(e->out, '{');
    for (i = 0; i < (size_t)count; i++) {
        key k;
        memcpy(&k, e->keys->data + (first + i) * sizeof k, sizeof k);
        if (i) gp_buf_addc(e->out, ',');
        gp_buf_json_bytes(e->out, k.text, k.len);
        gp_buf_addc(e->out, ':');
        lua_pushlstring(e->L, k.text, k.len);
        lua_rawget(e->L, -2);
        at.name = k.text;
        encode_value(e, &at, depth);
        lua_pop(e->L, 1);
    }
    gp_buf_addc(e->out, '}');
}

static void encode_table(encoder *e, const place *at, int depth)
{
    lua_State *L = e->L;
    size_t first = e->keys->len / sizeof(key);
    int names, numbers, marked = 0;
    if (depth > MAX_DEPTH) refuse(e, NULL, "a cycle, or tables nested deeper than 256 levels");
    luaL_checkstack(L, 8, NULL);
    if (lua_getmetatable(L, -1)) {
        marked = lua_rawequal(L, -1, e->array_meta);
        lua_pop(L, 1);
    }
    count_keys(e, at, &names, &numbers);
    if (e->keys->failed) luaL_error(L, "not enough memory");
    if (names && (numbers || marked)) refuse(e, at, "a table with both names and numbers as keys");
    if (numbers || marked) {
        if (numbers != (int)lua_rawlen(L, -1)) refuse(e, at, "an array with a hole");
        encode_array(e, at, numbers, depth + 1);
    } else {
        encode_object(e, at, first, names, depth + 1);
    }
    e->keys->len = first * sizeof(key);
}

static void encode_number(encoder *e, const place *at)
{
    double number;
#if LGP_HAS_INTEGERS
    if (lua_isinteger(e->L, -1)) {
        gp_buf_add_integer(e->out, lua_tointeger(e->L, -1));
        return;
    }
#endif
    number = lua_tonumber(e->L, -1);
    if (!isfinite(number)) refuse(e, at, number != number ? "NaN" : "an infinite number");
    gp_buf_json_number(e->out, number);
}

/* A secret is encoded as print shows it, so that it is never sent in JSON by mistake. */
static int is_secret(lua_State *L)
{
    int same = 0;
    if (lua_getmetatable(L, -1)) {
        luaL_getmetatable(L, GP_SECRET_TYPE);
        same = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    return same;
}

static void encode_value(encoder *e, const place *at, int depth)
{
    lua_State *L = e->L;
    const char *text;
    size_t len;
    switch (lua_type(L, -1)) {
    case LUA_TTABLE:
        encode_table(e, at, depth);
        return;
    case LUA_TSTRING:
        text = lua_tolstring(L, -1, &len);
        gp_buf_json_bytes(e->out, text, len);
        return;
    case LUA_TNUMBER:
        encode_number(e, at);
        return;
    case LUA_TBOOLEAN:
        gp_buf_adds(e->out, lua_toboolean(L, -1) ? "true" : "false");
        return;
    case LUA_TLIGHTUSERDATA:
        if (!is_null(L, -1)) break;
        gp_buf_adds(e->out, "null");
        return;
    case LUA_TUSERDATA:
        if (!is_secret(L)) break;
        gp_buf_adds(e->out, "\"" GP_SECRET_SHOWN "\"");
        return;
    default:
        break;
    }
    refuse(e, at, luaL_typename(L, -1));
}

/* encode(value, array_metatable) -> text */
static int json_encode(lua_State *L)
{
    static const place top = {NULL, NULL, 0};
    encoder e = {L, lgp_scratch(L), lua_touserdata(L, lua_upvalueindex(2)), 2};
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checkany(L, 1);
    lua_settop(L, 2);
    gp_buf_clear(e.keys);
    lua_pushvalue(L, 1);
    encode_value(&e, &top, 1);
    return lgp_push_scratch(L, e.out);
}

int lgp_open_json(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, json_mend);
    lua_setfield(L, -2, "mend");
    lgp_new_scratch(L);
    lua_pushcclosure(L, json_mark, 1);
    lua_setfield(L, -2, "mark");
    lgp_new_scratch(L);
    lgp_new_scratch(L);
    lua_pushcclosure(L, json_encode, 2);
    lua_setfield(L, -2, "encode");
    return 1;
}
