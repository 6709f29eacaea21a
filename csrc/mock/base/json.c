/* A recursive descent reader with a bounded depth, lookups, and the writer of a tree. */
#include "mock/base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Deeper nesting than any world or GitLab body has; keeps the C stack small. */
enum { MAX_DEPTH = 64 };

/* How many members of an object are searched for a repeated name: more would let a hostile body
 * cost the square of its size. */
enum { UNIQUE_MEMBERS = 1000 };

typedef struct reader {
    gp_arena *arena;
    const char *start, *at, *end;
    const char *problem;
    int depth;
} reader;

static gp_json *read_value(reader *r);

int gp_json_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);
    const char *at = choices;
    while (at) {
        const char *bar = strchr(at, '|');
        size_t size = bar ? (size_t)(bar - at) : strlen(at);
        if (size == len && memcmp(at, text, len) == 0) return 1;
        at = bar ? bar + 1 : NULL;
    }
    return 0;
}

int gp_utf8_valid(const char *data, size_t len)
{
    const unsigned char *s = (const unsigned char *)data;
    size_t i = 0;
    while (i < len) {
        unsigned c = s[i];
        size_t more = c < 0x80 ? 0 : c < 0xC2 ? 9 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : c < 0xF5 ? 3 : 9;
        size_t k;
        if (c == 0 || more == 9 || more >= len - i) return 0;
        for (k = 1; k <= more; k++) {
            if ((s[i + k] & 0xC0) != 0x80) return 0;
        }
        /* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
        if ((c == 0xE0 && s[i + 1] < 0xA0) || (c == 0xED && s[i + 1] > 0x9F) ||
            (c == 0xF0 && s[i + 1] < 0x90) || (c == 0xF4 && s[i + 1] > 0x8F)) {
            return 0;
        }
        i += more + 1;
    }
    return 1;
}

static void *problem(reader *r, const char *what)
{
    if (!r->problem) r->problem = what;
    return NULL;
}

static void skip_blanks(reader *r)
{
    while (r->at < r->end &&
           (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) {
        r->at++;
    }
}

static int hex4(reader *r, unsigned *value)
{
    int i;
    *value = 0;
    if (r->end - r->at < 4) return 0;
    for (i = 0; i < 4; i++) {
        char c = *r->at++;
        unsigned digit;
        if (c >= '0' && c <= '9') {
            digit = (unsigned)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (unsigned)(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = (unsigned)(c - 'A') + 10;
        } else {
            return 0;
        }
        *value = *value * 16 + digit;
    }
    return 1;
}

static char *put_utf8(char *out, unsigned c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    }
    return out;
}

/* The code point behind "\u", with its second half; a half alone becomes U+FFFD. */
static int read_unicode(reader *r, unsigned *c)
{
    unsigned low;
    if (!hex4(r, c)) return 0;
    if (*c >= 0xDC00 && *c <= 0xDFFF) {
        *c = 0xFFFD;
    } else if (*c >= 0xD800 && *c <= 0xDBFF) {
        const char *back = r->at;
        if (r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
            r->at += 2;
            if (!hex4(r, &low)) return 0;
            if (low >= 0xDC00 && low <= 0xDFFF) {
                *c = 0x10000 + ((*c - 0xD800) << 10) + (low - 0xDC00);
                return 1;
            }
        }
        r->at = back;
        *c = 0xFFFD;
    }
    return 1;
}

static char *read_escape(reader *r, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found;
    unsigned c;
    if (r->at >= r->end) return problem(r, "string without an end");
    if (*r->at == 'u') {
        r->at++;
        if (!read_unicode(r, &c)) return problem(r, "bad \\u escape");
        if (c == 0) return problem(r, "string with a NUL");
        return put_utf8(out, c);
    }
    found = memchr(from, *r->at, sizeof from - 1);
    if (!found) return problem(r, "bad escape in a string");
    r->at++;
    *out++ = to[found - from];
    return out;
}

/* At the opening quote. Decoded text is never longer than its source. */
static const char *read_string(reader *r, size_t *len)
{
    const char *quote = r->at + 1, *scan = quote;
    char *text, *out;
    while (scan < r->end && *scan != '"')
        scan += *scan == '\\' ? 2 : 1;
    if (scan >= r->end) return problem(r, "string without an end");
    text = out = gp_arena_get(r->arena, (size_t)(scan - quote) + 1);
    if (!text) return problem(r, "out of memory");
    r->at = quote;
    while (*r->at != '"') {
        if ((unsigned char)*r->at < 0x20) return problem(r, "control character in a string");
        if (*r->at == '\\') {
            r->at++;
            out = read_escape(r, out);
            if (!out) return NULL;
        } else {
            *out++ = *r->at++;
        }
    }
    r->at++;
    *out = 0;
    *len = (size_t)(out - text);
    return gp_utf8_valid(text, *len) ? text : problem(r, "string that is not UTF-8");
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

static gp_json *read_number(reader *r)
{
    const char *begin = r->at, *at = begin, *digits;
    char copy[64];
    gp_json *value;
    int whole = 1;
    if (at < r->end && *at == '-') at++;
    digits = at;
    at = skip_digits(at, r->end);
    if (at == digits || (*digits == '0' && at - digits > 1)) return problem(r, "bad number");
    if (at < r->end && *at == '.') {
        digits = ++at;
        at = skip_digits(at, r->end);
        if (at == digits) return problem(r, "bad number");
        whole = 0;
    }
    if (at < r->end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < r->end && (*at == '+' || *at == '-')) at++;
        digits = at;
        at = skip_digits(at, r->end);
        if (at == digits) return problem(r, "bad number");
        whole = 0;
    }
    if ((size_t)(at - begin) >= sizeof copy) return problem(r, "number too long");
    memcpy(copy, begin, (size_t)(at - begin));
    copy[at - begin] = 0;
    r->at = at;
    value = gp_json_new(r->arena, GP_JSON_NUMBER);
    if (!value) return problem(r, "out of memory");
    value->number = strtod(copy, NULL);
    if (whole && at - begin <= 18) {
        value->type = GP_JSON_INTEGER;
        value->integer = strtoll(copy, NULL, 10);
    } else if (!isfinite(value->number)) {
        return problem(r, "number too large");
    } else if (value->number == floor(value->number) && fabs(value->number) < 9e15) {
        value->integer = (int64_t)value->number;
    }
    return value;
}

static gp_json *read_word(reader *r, const char *word, gp_json_type type)
{
    size_t len = strlen(word);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0) {
        return problem(r, "unexpected text");
    }
    r->at += len;
    return gp_json_new(r->arena, type);
}

static gp_json *read_array(reader *r)
{
    gp_json *array = gp_json_new(r->arena, GP_JSON_ARRAY);
    r->at++;
    skip_blanks(r);
    if (r->at < r->end && *r->at == ']') {
        r->at++;
        return array;
    }
    while (array) {
        gp_json *value = read_value(r);
        if (!value) return NULL;
        gp_json_push(array, value);
        skip_blanks(r);
        if (r->at >= r->end) return problem(r, "array without an end");
        if (*r->at == ']') {
            r->at++;
            return array;
        }
        if (*r->at++ != ',') return problem(r, "',' or ']' expected");
    }
    return problem(r, "out of memory");
}

static gp_json *read_object(reader *r)
{
    gp_json *object = gp_json_new(r->arena, GP_JSON_OBJECT);
    r->at++;
    skip_blanks(r);
    if (r->at < r->end && *r->at == '}') {
        r->at++;
        return object;
    }
    while (object) {
        const char *key;
        size_t len;
        gp_json *value;
        skip_blanks(r);
        if (r->at >= r->end || *r->at != '"') return problem(r, "member name expected");
        key = read_string(r, &len);
        if (!key) return NULL;
        skip_blanks(r);
        if (r->at >= r->end || *r->at++ != ':') return problem(r, "':' expected");
        value = read_value(r);
        if (!value) return NULL;
        gp_json_set(object, key, value);
        skip_blanks(r);
        if (r->at >= r->end) return problem(r, "object without an end");
        if (*r->at == '}') {
            r->at++;
            return object;
        }
        if (*r->at++ != ',') return problem(r, "',' or '}' expected");
    }
    return problem(r, "out of memory");
}

static gp_json *read_string_value(reader *r)
{
    gp_json *value = gp_json_new(r->arena, GP_JSON_STRING);
    if (!value) return problem(r, "out of memory");
    value->string = read_string(r, &value->len);
    return value->string ? value : NULL;
}

static gp_json *read_value(reader *r)
{
    gp_json *value;
    skip_blanks(r);
    if (r->at >= r->end) return problem(r, "value expected");
    if (++r->depth > MAX_DEPTH) return problem(r, "nested too deeply");
    switch (*r->at) {
    case '{':
        value = read_object(r);
        break;
    case '[':
        value = read_array(r);
        break;
    case '"':
        value = read_string_value(r);
        break;
    case 't':
        value = read_word(r, "true", GP_JSON_TRUE);
        break;
    case 'f':
        value = read_word(r, "false", GP_JSON_FALSE);
        break;
    case 'n':
        value = read_word(r, "null", GP_JSON_NULL);
        break;
    default:
        value = read_number(r);
        break;
    }
    r->depth--;
    return value;
}

gp_json *gp_json_parse(gp_arena *arena, const char *text, size_t len, char *err, size_t err_size)
{
    reader r = {.arena = arena, .start = text, .at = text, .end = text + len};
    gp_json *value = read_value(&r);
    if (value) {
        skip_blanks(&r);
        if (r.at != r.end) value = problem(&r, "text after the value");
    }
    if (!value && err_size) {
        int line = 1;
        const char *scan;
        for (scan = text; scan < r.at && scan < r.end; scan++)
            line += *scan == '\n';
        snprintf(err, err_size, "line %d: %s", line, r.problem ? r.problem : "out of memory");
    }
    return value;
}

gp_json *gp_json_new(gp_arena *arena, gp_json_type type)
{
    gp_json *value = gp_arena_get(arena, sizeof *value);
    if (value) value->type = type;
    return value;
}

gp_json *gp_json_new_string(gp_arena *arena, const char *data, size_t len)
{
    gp_json *value = gp_json_new(arena, GP_JSON_STRING);
    if (!value) return NULL;
    value->string = gp_arena_copy(arena, data, len);
    value->len = len;
    return value->string ? value : NULL;
}

gp_json *gp_json_new_integer(gp_arena *arena, int64_t number)
{
    gp_json *value = gp_json_new(arena, GP_JSON_INTEGER);
    if (!value) return NULL;
    value->integer = number;
    value->number = (double)number;
    return value;
}

void gp_json_push(gp_json *array, gp_json *value)
{
    if (!array || !value) return;
    value->next = NULL;
    if (array->last) {
        array->last->next = value;
    } else {
        array->child = value;
    }
    array->last = value;
    array->count++;
}

void gp_json_set(gp_json *object, const char *key, gp_json *value)
{
    gp_json *old;
    int looked = 0;
    if (!object || !value || !key) return;
    value->key = key;
    for (old = object->child; old && looked < UNIQUE_MEMBERS; old = old->next, looked++) {
        if (strcmp(old->key, key) == 0) {
            gp_json *next = old->next;
            *old = *value;
            old->next = next;
            return;
        }
    }
    gp_json_push(object, value);
}

void gp_json_add(gp_json *object, const char *key, gp_json *value)
{
    const gp_json *old;
    int looked = 0;
    if (!object || !value || !key) return;
    for (old = object->child; old && looked < UNIQUE_MEMBERS; old = old->next, looked++) {
        if (strcmp(old->key, key) == 0) return;
    }
    value->key = key;
    gp_json_push(object, value);
}

gp_json *gp_json_get(const gp_json *object, const char *key)
{
    gp_json *member;
    if (!object || object->type != GP_JSON_OBJECT) return NULL;
    for (member = object->child; member; member = member->next) {
        if (strcmp(member->key, key) == 0) return member;
    }
    return NULL;
}

const char *gp_json_get_string(const gp_json *object, const char *key, const char *fallback)
{
    const gp_json *member = gp_json_get(object, key);
    return member && member->type == GP_JSON_STRING ? member->string : fallback;
}

double gp_json_get_number(const gp_json *object, const char *key, double fallback)
{
    const gp_json *member = gp_json_get(object, key);
    return member && (member->type == GP_JSON_INTEGER || member->type == GP_JSON_NUMBER)
               ? member->number
               : fallback;
}

int64_t gp_json_get_integer(const gp_json *object, const char *key, int64_t fallback)
{
    const gp_json *member = gp_json_get(object, key);
    return member && (member->type == GP_JSON_INTEGER ||
                      (member->type == GP_JSON_NUMBER && member->number == floor(member->number)))
               ? member->integer
               : fallback;
}

int gp_json_get_boolean(const gp_json *object, const char *key, int fallback)
{
    const gp_json *member = gp_json_get(object, key);
    if (!member || (member->type != GP_JSON_TRUE && member->type != GP_JSON_FALSE)) return fallback;
    return member->type == GP_JSON_TRUE;
}

static void write_members(gp_buf *buf, const gp_json *value)
{
    const gp_json *child;
    for (child = value->child; child; child = child->next) {
        if (child != value->child) gp_buf_add(buf, ",", 1);
        if (value->type == GP_JSON_OBJECT) {
            gp_buf_json_string(buf, child->key, strlen(child->key));
            gp_buf_add(buf, ":", 1);
        }
        gp_json_write(buf, child);
    }
}

void gp_json_write(gp_buf *buf, const gp_json *value)
{
    if (!value) {
        gp_buf_adds(buf, "null");
        return;
    }
    switch (value->type) {
    case GP_JSON_NULL:
        gp_buf_adds(buf, "null");
        break;
    case GP_JSON_FALSE:
        gp_buf_adds(buf, "false");
        break;
    case GP_JSON_TRUE:
        gp_buf_adds(buf, "true");
        break;
    case GP_JSON_INTEGER:
        gp_buf_addf(buf, "%lld", (long long)value->integer);
        break;
    case GP_JSON_NUMBER:
        gp_buf_addf(buf, "%.17g", value->number);
        break;
    case GP_JSON_STRING:
        gp_buf_json_string(buf, value->string, value->len);
        break;
    case GP_JSON_ARRAY:
        gp_buf_add(buf, "[", 1);
        write_members(buf, value);
        gp_buf_add(buf, "]", 1);
        break;
    case GP_JSON_OBJECT:
        gp_buf_add(buf, "{", 1);
        write_members(buf, value);
        gp_buf_add(buf, "}", 1);
        break;
    }
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *gp_json_hex(gp_arena *arena, const gp_json *value, size_t *len)
{
    char *data;
    size_t i;
    if (!value || value->type != GP_JSON_STRING || value->len % 2) return NULL;
    *len = value->len / 2;
    data = gp_arena_get(arena, *len + 1);
    for (i = 0; data && i < *len; i++) {
        int high = nibble(value->string[2 * i]), low = nibble(value->string[2 * i + 1]);
        if (high < 0 || low < 0) return NULL;
        data[i] = (char)(high * 16 + low);
    }
    if (data) data[*len] = 0;
    return data;
}
