/*
 * The endpoints of a token about itself: read, revoke, rotate, and OAuth's token info.
 */
#ifndef GP_MOCK_GITLAB_TOKENS_H
#define GP_MOCK_GITLAB_TOKENS_H

#include "mock/request/route.h"

gp_handler gp_get_self_token, gp_revoke_self_token, gp_rotate_self_token, gp_oauth_info;

#endif
