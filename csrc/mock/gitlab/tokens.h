/*
 * Access tokens beside the static one: of a world, or made by a rotation.
 */
#ifndef GP_MOCK_TOKENS_H
#define GP_MOCK_TOKENS_H

#include "mock/rows/state.h"

/* Takes `users` and `tokens` of a world; 0 with a message. */
int gp_tokens_enter(gp_mock *m, const gp_json *world, char *err, size_t err_size);
int gp_tokens_load(gp_mock *m);
void gp_token_save(gp_mock *m, const gp_token *token);
void gp_token_free(gp_token *token);

#endif
