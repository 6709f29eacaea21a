/*
 * All parameters of a request as one JSON object: path segments, the query string, and a body as
 * JSON, as a form, or as multipart form data. Nested names are read as in GitLab: variables[K]=v,
 * scope[]=a, variables[][key]=K, variables[0][key]=K.
 */
#ifndef GP_MOCK_REQUEST_PARAMS_H
#define GP_MOCK_REQUEST_PARAMS_H

#include "mock/base/json.h"

/* Reads "a=1&b[]=2" into `object`. 0 when a name or value is not UTF-8 or nests too deeply. */
int gp_params_form(gp_arena *arena, gp_json *object, const char *text, size_t len);

/* Reads a multipart body with that Content-Type into `object`; 0 when it is not well formed. */
int gp_params_multipart(gp_arena *arena, gp_json *object, const char *content_type,
                        const char *body, size_t len);

/* Decodes %XX (and '+' as a blank when `plus`); stray '%' stay. `*out_len` gets the length. */
char *gp_percent_decode(gp_arena *arena, const char *text, size_t len, int plus, size_t *out_len);

/* Elements of a parameter that should be an array: an array's own, the members of a hash with
 * numbers as names, or the one scalar itself. */
gp_json *gp_params_elements(gp_arena *arena, const gp_json *value);

#endif
