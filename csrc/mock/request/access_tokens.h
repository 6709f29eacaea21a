/*
 * Access tokens other than the static one: listed in a world, or made by a rotation.
 */
#ifndef GP_MOCK_REQUEST_ACCESS_TOKENS_H
#define GP_MOCK_REQUEST_ACCESS_TOKENS_H

#include "mock/rows/state.h"

/* Adds `users` and `tokens` of a world; 0 with a message. */
int gp_tokens_enter(gp_mock *m, const gp_json *world, char *err, size_t err_size);

/* Adds the token that an object describes, as the last of m->tokens; 0 with a message. A token that
 * is already known stays unchanged. */
int gp_token_add(gp_mock *m, const gp_json *row, char *err, size_t err_size);

void gp_token_save(gp_mock *m, const gp_token *token);

/* Writes a set of gp_scope_bits as an array of names. */
void gp_token_write_scopes(gp_buf *buf, const char *key, int bits);

extern const gp_entity gp_token_entity;

#endif
