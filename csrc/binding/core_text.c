/*
 * core.text: the basis of the bounded string library (lua/gitlab_pipelines/text.lua). Patterns have
 * Lua's meaning; the effort of a match counts against the entered guard.
 *
 *   find(text, pattern, init?, plain?) -> first, last, captures... | nil
 *   match(text, pattern, init?)        -> captures or the whole match | nil
 *   step(text, pattern, init, anchors) -> first, last, captures or the whole match
 *                                         | nil at the end | false, message
 */
#include <string.h>

#include "core/pattern.h"
#include "core_guard.h"
#include "core_modules.h"
#include "lgp.h"

/* Reads the arguments; 0 if the search would start past the end of the text. */
static int read_search(lua_State *L, gp_pattern_search *what, int anchors)
{
    lua_Number init = luaL_optnumber(L, 3, 1);
    what->text = luaL_checklstring(L, 1, &what->text_len);
    what->pattern = luaL_checklstring(L, 2, &what->pattern_len);
    what->anchors = anchors;
    if (init < 0) init += (lua_Number)what->text_len + 1;
    if (!(init >= 1)) init = 1;
    if (init > (lua_Number)what->text_len + 1) return 0;
    what->from = (size_t)init - 1;
    return 1;
}

static unsigned long more(void *ctx)
{
    return lgp_guard_slice(ctx);
}

static gp_pattern_result run(lua_State *L, gp_pattern_search *what, gp_pattern_found *found)
{
    unsigned long left;
    gp_pattern_result result;
    what->more = more;
    what->ctx = L;
    result = gp_pattern_find(what, &left, found);
    lgp_guard_refund(left);
    if (result == GP_PATTERN_TOO_HARD && !found->problem) lgp_guard_exhaust(L);
    return result;
}

static int push_captures(lua_State *L, const gp_pattern_search *what, const gp_pattern_found *found,
                         int or_whole)
{
    int i;
    if (found->count == 0 && or_whole) {
        lua_pushlstring(L, what->text + found->begin, found->end - found->begin);
        return 1;
    }
    luaL_checkstack(L, found->count, "too many captures");
    for (i = 0; i < found->count; i++) {
        if (found->captures[i].len == GP_PATTERN_POSITION) {
            lgp_push_integer(L, (long long)found->captures[i].from + 1);
        } else {
            lua_pushlstring(L, what->text + found->captures[i].from, found->captures[i].len);
        }
    }
    return found->count;
}

static int push_found(lua_State *L, const gp_pattern_search *what, const gp_pattern_found *found,
                      int or_whole)
{
    lgp_push_integer(L, (long long)found->begin + 1);
    lgp_push_integer(L, (long long)found->end);
    return 2 + push_captures(L, what, found, or_whole);
}

static int malformed(lua_State *L, gp_pattern_result result, const gp_pattern_found *found)
{
    return luaL_error(L, result == GP_PATTERN_TOO_HARD ? "pattern %s" : "malformed pattern (%s)",
                      found->problem);
}

static int nothing(lua_State *L)
{
    lua_pushnil(L);
    return 1;
}

/* memmem takes linear time, whatever the texts contain. */
static int find_plain(lua_State *L, const gp_pattern_search *what)
{
    const char *from = what->text + what->from;
    const char *at = memmem(from, what->text_len - what->from, what->pattern, what->pattern_len);
    lgp_guard_spend(L, (unsigned long)((at ? (size_t)(at - from) : what->text_len - what->from) +
                                       what->pattern_len) /
                           64);
    if (!at) return nothing(L);
    lgp_push_integer(L, (long long)(at - what->text) + 1);
    lgp_push_integer(L, (long long)(at - what->text) + (long long)what->pattern_len);
    return 2;
}

/* Lua's find treats a pattern without these characters as plain text, even a single ). */
static int is_plain(const gp_pattern_search *what)
{
    size_t i;
    for (i = 0; i < what->pattern_len; i++) {
        if (what->pattern[i] && strchr("^$*+?.([%-", what->pattern[i])) return 0;
    }
    return 1;
}

static int text_find(lua_State *L)
{
    gp_pattern_search what;
    gp_pattern_found found;
    gp_pattern_result result;
    if (!read_search(L, &what, 1)) return nothing(L);
    if (lua_toboolean(L, 4) || is_plain(&what)) return find_plain(L, &what);
    result = run(L, &what, &found);
    if (result == GP_PATTERN_NO_MATCH) return nothing(L);
    if (result != GP_PATTERN_MATCH) return malformed(L, result, &found);
    return push_found(L, &what, &found, 0);
}

static int text_match(lua_State *L)
{
    gp_pattern_search what;
    gp_pattern_found found;
    gp_pattern_result result;
    if (!read_search(L, &what, 1)) return nothing(L);
    result = run(L, &what, &found);
    if (result == GP_PATTERN_NO_MATCH) return nothing(L);
    if (result != GP_PATTERN_MATCH) return malformed(L, result, &found);
    return push_captures(L, &what, &found, 1);
}

static int text_step(lua_State *L)
{
    gp_pattern_search what;
    gp_pattern_found found;
    gp_pattern_result result;
    if (!read_search(L, &what, lua_toboolean(L, 4))) return nothing(L);
    result = run(L, &what, &found);
    if (result == GP_PATTERN_NO_MATCH) return nothing(L);
    if (result == GP_PATTERN_MATCH) return push_found(L, &what, &found, 1);
    lua_pushboolean(L, 0);
    lua_pushfstring(L, result == GP_PATTERN_TOO_HARD ? "pattern %s" : "malformed pattern (%s)",
                    found.problem);
    return 2;
}

int lgp_open_text(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"find", text_find}, {"match", text_match}, {"step", text_step}, {NULL, NULL}};
    lgp_module(L, functions);
    return 1;
}
