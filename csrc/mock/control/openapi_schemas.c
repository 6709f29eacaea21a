/* Each entry of the table of schemas becomes an object schema, or a choice of others. */
#include "mock/control/openapi_schemas.h"

#include <string.h>

#include "mock/control/openapi_types.h"
#include "mock/control/schemas.h"

static size_t name_length(const gp_schema_field *field)
{
    size_t len = strlen(field->name);
    return field->name[len - 1] == '?' ? len - 1 : len;
}

/* Whether this entry says that there may be further fields. */
static int is_rest(const gp_schema_field *field)
{
    return strcmp(field->name, "*") == 0;
}

/* Names the fields that are always present. `fields` may be NULL, here and below. */
static void required(gp_buf *buf, const gp_schema_field *fields)
{
    const gp_schema_field *field;
    for (field = fields; field && field->name; field++) {
        if (field->name[name_length(field)] == 0 && !is_rest(field))
            gp_write_string(buf, NULL, field->name);
    }
}

/* Describes each field; returns whether there may be further ones. */
static int members(gp_call *call, gp_buf *buf, const gp_schema_field *fields)
{
    const gp_schema_field *field;
    int rest = 0;
    for (field = fields; field && field->name; field++) {
        const char *name = gp_arena_copy(call->arena, field->name, name_length(field));
        if (is_rest(field)) {
            rest = 1;
        } else if (name) {
            gp_openapi_type(buf, name, field->type, strlen(field->type), field->about);
        }
    }
    return rest;
}

static void properties(gp_call *call, gp_buf *buf, const gp_schema *schema)
{
    int rest;
    gp_write_string(buf, "type", "object");
    gp_write_open(buf, "required", '[');
    required(buf, schema->base);
    required(buf, schema->fields);
    gp_write_close(buf, ']');
    gp_write_open(buf, "properties", '{');
    rest = members(call, buf, schema->base);
    rest |= members(call, buf, schema->fields);
    gp_write_close(buf, '}');
    if (rest) gp_write_boolean(buf, "additionalProperties", 1);
}

static void either(gp_buf *buf, const char *names)
{
    gp_write_open(buf, "anyOf", '[');
    while (*names) {
        size_t len = strcspn(names, "|");
        gp_openapi_type(buf, NULL, names, len, NULL);
        names += len + (names[len] == '|');
    }
    gp_write_close(buf, ']');
}

void gp_openapi_schemas(gp_call *call, gp_buf *buf)
{
    const gp_schema *schema;
    gp_write_open(buf, "schemas", '{');
    for (schema = gp_schemas; schema->name; schema++) {
        gp_write_open(buf, schema->name, '{');
        gp_write_string(buf, "description", schema->about);
        if (schema->fields) {
            properties(call, buf, schema);
        } else {
            either(buf, schema->either);
        }
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
}
