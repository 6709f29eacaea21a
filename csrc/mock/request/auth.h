/*
 * Authentication. The static token has every permission; tokens of a world have a kind, scopes, a
 * role and an expiry.
 */
#ifndef GP_MOCK_REQUEST_AUTH_H
#define GP_MOCK_REQUEST_AUTH_H

#include "mock/request/call.h"

/* Finds the credential and sets the call's user and role: 0, or the status of the error written. */
int gp_auth(gp_call *call);

/* The same for a credential that is already known; NULL for none. */
int gp_auth_text(gp_call *call, const char *text);

/* Whether this text is the static token. */
int gp_auth_is_static(const gp_mock *m, const char *token);

/* The credential of the headers, or NULL. */
const char *gp_auth_header(const gp_call *call);

#endif
