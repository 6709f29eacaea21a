/*
 * How OpenAPI spells the types of schemas.h.
 */
#ifndef GP_MOCK_CONTROL_OPENAPI_TYPES_H
#define GP_MOCK_CONTROL_OPENAPI_TYPES_H

#include "core/buf.h"

/* Writes the schema of a type as schemas.h spells it, under `key`; `about` (its description) may be
 * NULL. */
void gp_openapi_type(gp_buf *buf, const char *key, const char *type, size_t len, const char *about);

/* Writes "enum": the choices of "a|b|c", and null if it is nullable. */
void gp_openapi_enum(gp_buf *buf, const char *choices, size_t len, int nullable);

/* Writes "content" for what a route gives (gp_route.gives); nothing for NULL. */
void gp_openapi_content(gp_buf *buf, const char *gives);

/* Whether the first `len` bytes of a type are this word. */
int gp_openapi_is(const char *type, size_t len, const char *word);

#endif
