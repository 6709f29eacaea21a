/* Decoders for forms, query strings and multipart bodies, with GitLab's nested names. */
#include "mock/request/params.h"

#include <string.h>
#include <strings.h>

/* Levels of [..] in a name. */
enum { MAX_LEVELS = 8 };

/* Parameters of one form: Rack's limit too. */
enum { MAX_PARAMS = 4096 };

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *gp_percent_decode(gp_arena *arena, const char *text, size_t len, int plus, size_t *out_len)
{
    char *copy = gp_arena_get(arena, len + 1), *out = copy;
    size_t i;
    if (!copy) return NULL;
    for (i = 0; i < len; i++) {
        if (text[i] == '%' && i + 2 < len && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
            *out++ = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
            i += 2;
        } else {
            *out++ = plus && text[i] == '+' ? ' ' : text[i];
        }
    }
    *out = 0;
    *out_len = (size_t)(out - copy);
    return copy;
}

/* The levels of "variables[][key]": "variables", "", "key". Cuts up `name`. 0: not a nested name.
 */
static int levels(char *name, char *level[MAX_LEVELS + 1])
{
    int count = 0;
    char *open = strchr(name, '['), *at = open;
    level[count++] = name;
    if (!open || open == name) return 1;
    while (*at == '[') {
        char *close = strchr(at, ']');
        if (!close) break;
        if (count > MAX_LEVELS) return -1;
        level[count++] = at + 1;
        *close = 0;
        at = close + 1;
    }
    if (*at && at == open) return 1; /* "a[b": a plain name with a bracket in it */
    *open = 0;
    return count;
}

/* The element of an array of hashes that takes `key`: the last, unless it has that key already. */
static gp_json *array_slot(gp_arena *arena, gp_json *array, const char *key)
{
    gp_json *last = array->last;
    if (!last || last->type != GP_JSON_OBJECT || gp_json_get(last, key)) {
        last = gp_json_new(arena, GP_JSON_OBJECT);
        gp_json_push(array, last);
    }
    return last;
}

/* The container under `key` of `object`: made when it is not there or is of another type. */
static gp_json *container(gp_arena *arena, gp_json *object, const char *key, gp_json_type type)
{
    gp_json *found = gp_json_get(object, key);
    if (found && found->type == type) return found;
    found = gp_json_new(arena, type);
    gp_json_set(object, key, found);
    return gp_json_get(object, key);
}

static int put(gp_arena *arena, gp_json *object, char *name, gp_json *value)
{
    char *level[MAX_LEVELS + 1];
    int count = levels(name, level), i = 0;
    if (count < 0 || !value) return 0;
    while (object && i < count - 1) {
        int is_array = level[i + 1][0] == 0;
        gp_json *next =
            container(arena, object, level[i], is_array ? GP_JSON_ARRAY : GP_JSON_OBJECT);
        if (!next) return 0;
        if (!is_array) {
            object = next;
            i++;
        } else if (i + 2 == count) {
            gp_json_push(next, value);
            return 1;
        } else {
            object = array_slot(arena, next, level[i + 2]);
            i += 2;
        }
    }
    if (!object) return 0;
    gp_json_set(object, level[i], value);
    return 1;
}

int gp_params_form(gp_arena *arena, gp_json *object, const char *text, size_t len)
{
    const char *end = text + len;
    int count = 0;
    while (text < end) {
        const char *stop = memchr(text, '&', (size_t)(end - text)), *equals;
        size_t name_len, value_len = 0;
        char *name, *value = NULL;
        if (!stop) stop = end;
        equals = memchr(text, '=', (size_t)(stop - text));
        name =
            gp_percent_decode(arena, text, (size_t)((equals ? equals : stop) - text), 1, &name_len);
        if (equals) {
            value =
                gp_percent_decode(arena, equals + 1, (size_t)(stop - equals) - 1, 1, &value_len);
        }
        if (++count > MAX_PARAMS) return 0;
        if (!name || !gp_utf8_valid(name, name_len)) return 0;
        if (value && !gp_utf8_valid(value, value_len)) return 0;
        if (name_len &&
            !put(arena, object, name, gp_json_new_string(arena, value ? value : "", value_len))) {
            return 0;
        }
        text = stop + 1;
    }
    return 1;
}

/* The value of `attribute` in a header such as `form-data; name="ref"`; NULL if it is not there. */
static char *attribute_of(gp_arena *arena, const char *header, size_t len, const char *attribute)
{
    size_t attribute_len = strlen(attribute), i;
    for (i = 0; i + attribute_len + 1 < len; i++) {
        const char *at = header + i, *end = header + len, *stop;
        if ((i && at[-1] != ';' && at[-1] != ' ') ||
            strncasecmp(at, attribute, attribute_len) != 0 || at[attribute_len] != '=') {
            continue;
        }
        at += attribute_len + 1;
        if (at < end && *at == '"') {
            stop = memchr(at + 1, '"', (size_t)(end - at) - 1);
            return stop ? gp_arena_copy(arena, at + 1, (size_t)(stop - at) - 1) : NULL;
        }
        for (stop = at; stop < end && *stop != ';' && *stop != '\r' && *stop != ' '; stop++) {
        }
        return gp_arena_copy(arena, at, (size_t)(stop - at));
    }
    return NULL;
}

static const char *find(const char *at, const char *end, const char *what, size_t len)
{
    return at <= end ? memmem(at, (size_t)(end - at), what, len) : NULL;
}

int gp_params_multipart(gp_arena *arena, gp_json *object, const char *content_type,
                        const char *body, size_t len)
{
    char *boundary = attribute_of(arena, content_type, strlen(content_type), "boundary");
    const char *end = body + len, *at;
    char *mark;
    size_t mark_len;
    if (!boundary || !*boundary) return 0;
    mark = gp_arena_print(arena, "\r\n--%s", boundary);
    if (!mark) return 0;
    mark_len = strlen(mark);
    if (len < mark_len - 2 || memcmp(body, mark + 2, mark_len - 2) != 0) return 0;
    at = body + mark_len - 2;
    while (end - at >= 2 && memcmp(at, "--", 2) != 0) {
        const char *headers = at, *data = find(at, end, "\r\n\r\n", 4), *stop;
        char *name;
        if (!data) return 0;
        data += 4;
        stop = find(data - 2, end, mark, mark_len);
        if (!stop) return 0;
        name = attribute_of(arena, headers, (size_t)(data - headers), "name");
        if (!name || !gp_utf8_valid(name, strlen(name))) return 0;
        if (stop < data) stop = data;
        if (!gp_utf8_valid(data, (size_t)(stop - data))) return 0;
        if (!put(arena, object, name, gp_json_new_string(arena, data, (size_t)(stop - data))))
            return 0;
        at = find(stop > data ? stop : data - 2, end, mark, mark_len) + mark_len;
    }
    return 1;
}

gp_json *gp_params_elements(gp_arena *arena, const gp_json *value)
{
    gp_json *array, *child;
    if (value->type == GP_JSON_ARRAY) return value->child;
    array = gp_json_new(arena, GP_JSON_ARRAY);
    if (value->type != GP_JSON_OBJECT) {
        gp_json *copy = gp_json_new(arena, GP_JSON_NULL);
        if (copy) *copy = *value;
        gp_json_push(array, copy);
    } else {
        for (child = value->child; child; child = child->next) {
            gp_json *copy = gp_json_new(arena, GP_JSON_NULL);
            if (strspn(child->key, "0123456789") != strlen(child->key)) return NULL;
            if (copy) *copy = *child;
            gp_json_push(array, copy);
        }
    }
    return array ? array->child : NULL;
}
