/*
 * A JSON value as a small tree in an arena, and its strict reader.
 *
 * Request bodies, form bodies, query strings and worlds all become such a tree, so that every
 * handler reads its parameters in one way. Strings are valid UTF-8, end with a NUL and hold none.
 * Objects keep the order in which their members came; a name given twice keeps its last value
 * (among the first thousand: the time to read a hostile text must not grow with its square).
 */
#ifndef GP_MOCK_BASE_JSON_H
#define GP_MOCK_BASE_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "mock/base/arena.h"

typedef enum gp_json_type {
    GP_JSON_NULL,
    GP_JSON_FALSE,
    GP_JSON_TRUE,
    GP_JSON_INTEGER,
    GP_JSON_NUMBER,
    GP_JSON_STRING,
    GP_JSON_ARRAY,
    GP_JSON_OBJECT
} gp_json_type;

typedef struct gp_json gp_json;
struct gp_json {
    gp_json_type type;
    const char *key;    /* the member's name, NULL outside of objects */
    const char *string; /* of a STRING */
    size_t len;         /* bytes of `string` */
    int64_t integer;    /* of an INTEGER */
    double number;      /* of a NUMBER, and of an INTEGER too */
    gp_json *child;     /* first and last element of an ARRAY or OBJECT */
    gp_json *last;
    gp_json *next;
    size_t count;
};

/* Reads a whole text. NULL on bad JSON with a message in `err`, which names the line. */
gp_json *gp_json_parse(gp_arena *arena, const char *text, size_t len, char *err, size_t err_size);

/* Values. NULL when the arena is out of memory, which it remembers. */
gp_json *gp_json_new(gp_arena *arena, gp_json_type type);
gp_json *gp_json_new_string(gp_arena *arena, const char *data, size_t len);
gp_json *gp_json_new_integer(gp_arena *arena, int64_t value);

/* Appends to an array, or sets a member (the key must live as long as the tree). Both accept NULL
 * for `value` and then do nothing. */
void gp_json_push(gp_json *array, gp_json *value);
void gp_json_set(gp_json *object, const char *key, gp_json *value);

/* Adds a member unless there is one of that name. */
void gp_json_add(gp_json *object, const char *key, gp_json *value);

/* A member, or NULL: also when `object` is NULL or not an object. */
gp_json *gp_json_get(const gp_json *object, const char *key);
const char *gp_json_get_string(const gp_json *object, const char *key, const char *fallback);
double gp_json_get_number(const gp_json *object, const char *key, double fallback);
int64_t gp_json_get_integer(const gp_json *object, const char *key, int64_t fallback);
int gp_json_get_boolean(const gp_json *object, const char *key, int fallback);

/* The bytes that a string of hexadecimal digits stands for, in the arena with a NUL behind them;
 * NULL for anything else. */
char *gp_json_hex(gp_arena *arena, const gp_json *value, size_t *len);

/* Writes the tree as compact JSON. */
void gp_json_write(gp_buf *buf, const gp_json *value);

/* Whether the text is one of the choices "a|b|c". */
int gp_json_choice(const char *choices, const char *text);

/* Whether this is valid UTF-8 without a NUL. */
int gp_utf8_valid(const char *data, size_t len);

#endif
