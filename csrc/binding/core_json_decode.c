/*
 * core.json.decode: JSON to Lua values in one pass, in the form that json.lua promises: whole
 * numbers up to 2^53 are integers where Lua has them, a null in an object is an absent key, an
 * empty array is marked, as nothing else tells it from an empty object.
 *
 * An object's names and values are gathered on the Lua stack and put into its table together, so
 * that the table is made in its final size: growing it field by field would cost more than all the
 * rest. Strings end with a zero byte in Lua, so the reader may look at one byte more than there is.
 */
#include <math.h>
#include <string.h>

#include "core_modules.h"
#include "lgp.h"

enum {
    MAX_DEPTH = 256,  /* deeper than any answer of GitLab's; shallow enough for the C stack */
    GATHERED = 64,    /* fields on the stack before they go into the table ... */
    ROOMY_DEPTH = 16, /* ... down to this depth, below it one: LuaJIT's stack is not large */
    ARRAY_META = 2    /* stack index of the metatable that marks an array */
};

/* Up to here every whole number is a double. */
#define MAX_EXACT    9007199254740992.0
#define EXACT_DIGITS 15

typedef struct decoder {
    lua_State *L;
    gp_buf *scratch;
    const char *text, *at, *end;
    const char *problem;
} decoder;

/* Notes what was wrong at the place where it was; always 0. */
static int fail(decoder *d, const char *problem)
{
    d->problem = problem;
    return 0;
}

static void skip_blanks(decoder *d)
{
    while (*d->at == ' ' || *d->at == '\n' || *d->at == '\t' || *d->at == '\r')
        d->at++;
}

static int is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Strings. */

static int hex4(const char *at, unsigned *code)
{
    int i;
    *code = 0;
    for (i = 0; i < 4; i++) {
        char byte = at[i];
        unsigned digit;
        if (is_digit(byte)) {
            digit = (unsigned)(byte - '0');
        } else if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f') {
            digit = (unsigned)((byte | 0x20) - 'a') + 10;
        } else {
            return 0; /* also at the end of the text: it is a zero byte */
        }
        *code = *code * 16 + digit;
    }
    return 1;
}

static void add_utf8(gp_buf *out, unsigned code)
{
    if (code < 0x80) {
        gp_buf_addc(out, (char)code);
    } else if (code < 0x800) {
        gp_buf_addc(out, (char)(0xC0 | code >> 6));
        gp_buf_addc(out, (char)(0x80 | (code & 0x3F)));
    } else {
        if (code < 0x10000) {
            gp_buf_addc(out, (char)(0xE0 | code >> 12));
        } else {
            gp_buf_addc(out, (char)(0xF0 | code >> 18));
            gp_buf_addc(out, (char)(0x80 | (code >> 12 & 0x3F)));
        }
        gp_buf_addc(out, (char)(0x80 | (code >> 6 & 0x3F)));
        gp_buf_addc(out, (char)(0x80 | (code & 0x3F)));
    }
}

/* After "\u": one character, which may take two of them. */
static int unicode_escape(decoder *d)
{
    unsigned code, low;
    if (!hex4(d->at, &code)) return fail(d, "four hexadecimal digits are expected");
    d->at += 4;
    if (code >= 0xD800 && code <= 0xDFFF) {
        if (code >= 0xDC00 || d->at[0] != '\\' || d->at[1] != 'u' || !hex4(d->at + 2, &low) ||
            low < 0xDC00 || low > 0xDFFF) {
            return fail(d, "half a surrogate pair");
        }
        d->at += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    add_utf8(d->scratch, code);
    return 1;
}

static int escape(decoder *d)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char byte = *++d->at;
    const char *found = byte ? strchr(from, byte) : NULL;
    if (byte == 'u') {
        d->at++;
        return unicode_escape(d);
    }
    if (!found) return fail(d, "an unknown escape");
    gp_buf_addc(d->scratch, to[found - from]);
    d->at++;
    return 1;
}

/* The end of a run of bytes that stand for themselves. */
static const char *run_end(const char *at)
{
    while (*at != '"' && *at != '\\' && *at)
        at++;
    return at;
}

static int string(decoder *d)
{
    const char *from = ++d->at;
    d->at = run_end(from);
    if (*d->at == '"') {
        lua_pushlstring(d->L, from, (size_t)(d->at++ - from));
        return 1;
    }
    gp_buf_clear(d->scratch);
    for (;;) {
        gp_buf_add(d->scratch, from, (size_t)(d->at - from));
        if (*d->at == '"') break;
        if (!*d->at) return fail(d, "a string without an end");
        if (!escape(d)) return 0;
        from = d->at;
        d->at = run_end(from);
    }
    d->at++;
    lgp_push_scratch(d->L, d->scratch);
    return 1;
}

/* Numbers. */

static const char *digits_end(const char *at)
{
    while (is_digit(*at))
        at++;
    return at;
}

/* A number that is not short and whole: Lua reads it, so that no locale has a say. */
static int long_number(decoder *d, const char *from)
{
    lua_State *L = d->L;
    double number;
    if (*d->at == '.') {
        if (!is_digit(*++d->at)) return fail(d, "a digit is expected");
        d->at = digits_end(d->at);
    }
    if (*d->at == 'e' || *d->at == 'E') {
        d->at++;
        if (*d->at == '+' || *d->at == '-') d->at++;
        if (!is_digit(*d->at)) return fail(d, "a digit is expected");
        d->at = digits_end(d->at);
    }
    lua_pushlstring(L, from, (size_t)(d->at - from));
    number = lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (!isfinite(number)) return fail(d, "a number is beyond the range of a double");
    if (fabs(number) <= MAX_EXACT && number == floor(number)) {
        lgp_push_integer(L, (long long)number); /* -0 becomes 0 */
    } else {
        lua_pushnumber(L, number);
    }
    return 1;
}

static int number(decoder *d)
{
    const char *from = d->at, *first;
    long long value = 0;
    if (*d->at == '-') d->at++;
    first = d->at;
    if (!is_digit(*first))
        return fail(d, first > from ? "a digit is expected" : "a value is expected");
    d->at = digits_end(first);
    if (*first == '0' && d->at - first > 1) return fail(d, "a number begins with 0");
    if (*d->at == '.' || *d->at == 'e' || *d->at == 'E' || d->at - first > EXACT_DIGITS) {
        return long_number(d, from);
    }
    for (; first < d->at; first++)
        value = value * 10 + (*first - '0');
    lgp_push_integer(d->L, *from == '-' ? -value : value);
    return 1;
}

/* Objects and arrays. */

static int value(decoder *d, int depth);

/* Puts what was gathered above the place of the table into it: `count` values, and nils. Of one
 * name the last value counts, also when that is none. */
static void settle_fields(lua_State *L, int table, int count)
{
    int top = lua_gettop(L), i;
    if (lua_isnil(L, table)) {
        lua_createtable(L, 0, count);
        lua_replace(L, table);
    }
    for (i = table + 1; i < top; i += 2) {
        if (lua_isnil(L, i + 1)) {
            int known;
            lua_pushvalue(L, i);
            lua_rawget(L, table);
            known = !lua_isnil(L, -1);
            lua_pop(L, 1);
            if (!known) continue;
        }
        lua_pushvalue(L, i);
        lua_pushvalue(L, i + 1);
        lua_rawset(L, table);
    }
    lua_settop(L, table);
}

/* Counts the field if it has a value. */
static int field(decoder *d, int depth, int *count)
{
    skip_blanks(d);
    if (*d->at != '"') return fail(d, "a name is expected");
    if (!string(d)) return 0;
    skip_blanks(d);
    if (*d->at != ':') return fail(d, "a colon is expected");
    d->at++;
    if (!value(d, depth + 1)) return 0;
    if (lua_islightuserdata(d->L, -1)) {
        lua_pop(d->L, 1);
        lua_pushnil(d->L);
    } else {
        ++*count;
    }
    return 1;
}

static int object(decoder *d, int depth)
{
    int gathered = 0, count = 0, most = depth <= ROOMY_DEPTH ? GATHERED : 1, table;
    lua_pushnil(d->L); /* the table's place */
    table = lua_gettop(d->L);
    d->at++;
    skip_blanks(d);
    if (*d->at != '}') {
        for (;;) {
            if (!field(d, depth, &count)) return 0;
            if (++gathered == most) {
                settle_fields(d->L, table, count);
                gathered = 0;
            }
            skip_blanks(d);
            if (*d->at != ',') break;
            d->at++;
        }
        if (*d->at != '}') return fail(d, "a comma or } is expected");
    }
    d->at++;
    settle_fields(d->L, table, count);
    return 1;
}

static int array(decoder *d, int depth)
{
    int count = 0;
    lua_newtable(d->L);
    d->at++;
    skip_blanks(d);
    if (*d->at == ']') {
        d->at++;
        lua_pushvalue(d->L, ARRAY_META);
        lua_setmetatable(d->L, -2);
        return 1;
    }
    for (;;) {
        if (!value(d, depth + 1)) return 0;
        lua_rawseti(d->L, -2, ++count);
        skip_blanks(d);
        if (*d->at != ',') break;
        d->at++;
    }
    if (*d->at != ']') return fail(d, "a comma or ] is expected");
    d->at++;
    return 1;
}

static int word(decoder *d, const char *text, size_t len)
{
    if (strncmp(d->at, text, len) != 0) return fail(d, "a value is expected");
    d->at += len;
    return 1;
}

/* Pushes the value that begins here; 0: it is none. Null is a light userdata, as in lua-cjson. */
static int value(decoder *d, int depth)
{
    skip_blanks(d);
    switch (*d->at) {
    case '"':
        return string(d);
    case '{':
    case '[':
        if (depth > MAX_DEPTH || !lua_checkstack(d->L, 2 * GATHERED + 8)) {
            return fail(d, "nested too deeply");
        }
        return *d->at == '{' ? object(d, depth) : array(d, depth);
    case 't':
        lua_pushboolean(d->L, 1);
        return word(d, "true", 4);
    case 'f':
        lua_pushboolean(d->L, 0);
        return word(d, "false", 5);
    case 'n':
        lua_pushlightuserdata(d->L, NULL);
        return word(d, "null", 4);
    default:
        return number(d);
    }
}

/* decode(text, array metatable) -> value | nil, message. The first upvalue is a scratch buffer. */
int lgp_json_decode(lua_State *L)
{
    decoder d = {L, lgp_scratch(L), NULL, NULL, NULL, NULL};
    size_t len;
    d.text = d.at = luaL_checklstring(L, 1, &len);
    luaL_checktype(L, ARRAY_META, LUA_TTABLE);
    lua_settop(L, ARRAY_META);
    d.end = d.text + len;
    if (value(&d, 1)) {
        skip_blanks(&d);
        if (d.at == d.end) return 1;
        d.problem = "more than one value";
    }
    lua_pushnil(L);
    lua_pushfstring(L, "%s, at byte %d of %d", d.problem, (int)(d.at - d.text) + 1, (int)len);
    return 2;
}
